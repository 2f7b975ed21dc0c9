/* Text to a place. One file per transport (transport_x.c), one line in outputs.def. */
#ifndef MAILTAP_OUTPUT_TRANSPORT_H
#define MAILTAP_OUTPUT_TRANSPORT_H

#include "base/bytes.h"
#include "base/error.h"

struct transport {
    const char *name, *doc;
    size_t state_size;
    bool (*takes)(const char *where); /* is this target written like one of ours ("-", a path, "tcp://...")? */
    bool (*open)(void *state, const char *where, struct error *err);
    bool (*send)(void *state, struct bytes text, struct error *err);
    bool (*close)(void *state, struct error *err);
};

extern const struct transport *const transports[]; /* asked in order; null at the end */

#endif
