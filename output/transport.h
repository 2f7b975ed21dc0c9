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
    /* The calls below leave errno as the failed call left it, so that a reader who closed the pipe is no error. */
    bool (*send)(void *state, struct bytes text, struct error *err);
    bool (*flush)(void *state, struct error *err); /* hands on what is buffered; may be null */
    bool (*close)(void *state, struct error *err);
};

extern const struct transport *const transports[]; /* asked in order; null at the end */

#endif
