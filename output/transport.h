/* Text to a place. One file per transport (transport_x.c), one line in outputs.def. */
#ifndef MAILTAP_OUTPUT_TRANSPORT_H
#define MAILTAP_OUTPUT_TRANSPORT_H

#include "base/bytes.h"
#include "base/error.h"

struct transport {
    const char *name, *doc;
    size_t state_size; /* the caller gives that many zeroed octets as `state` */

    /* Is this target written like one of ours ("-", a path, "tcp://...")? Null is no target: standard output. */
    bool (*takes)(const char *where);
    bool (*open)(void *state, const char *where, struct error *err);

    /* The calls below leave errno as the failed call left it, so that a reader who closed the pipe (EPIPE) is no error.
       send() takes whole lines; they may wait in a buffer. After a false only close() may be called, and need not. */
    bool (*send)(void *state, struct bytes text, struct error *err);
    bool (*flush)(void *state, struct error *err); /* hands on what is buffered; may be null */
    bool (*close)(void *state, struct error *err); /* flushes, unless a call failed; closes, frees */
};

extern const struct transport *const transports[]; /* asked in order; null at the end */

#define TRANSPORT(name) extern const struct transport transport_##name;
#include "outputs.def"
#undef TRANSPORT

/* The first that takes this target, or null. */
const struct transport *transport_find(const char *where);

#endif
