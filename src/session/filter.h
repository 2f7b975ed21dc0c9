/* Something that stands under a dialogue: TLS, deflate. One file in dissectors/, one line in filters.def. */
#ifndef MAILTAP_SESSION_FILTER_H
#define MAILTAP_SESSION_FILTER_H

#include "base/buf.h"
#include "session/session.h"

struct filter {
    const char *name;
    size_t state_size; /* zeroed before, wiped after */

    /* Octets of that side (a gap: data is null); what comes out goes into `out` and is read on as that side's stream.
     */
    void (*pass)(struct session *s, void *state, enum side side, const struct chunk *in, struct buf *out);
    void (*close)(struct session *s, void *state);
};

#endif
