/* -w: the packets of mail, in the order of their capture, as a pcapng file; each has its connection's uid as comment.

   Whether a connection is one of mail may show only after many packets. Until then they wait here, and with them all
   that were captured after the first of them. What happens rests on the order of capture alone, not on threads. */
#ifndef MAILTAP_PACKETS_H
#define MAILTAP_PACKETS_H

#include "capture/keep.h"
#include "options.h"
#include "session/fate.h"

struct written { /* what a lane says of a packet, or of a connection that has ended */
    struct belonging of;
    struct kept *frames; /* null: it has ended */
    uint64_t settled;    /* frames below this number will not come any more */
};

struct packets;

/* Opens o->write, and begins the file. Null, and err says why. The options must outlive it. */
struct packets *packets_open(const struct options *o, struct error *err);

/* Owns `written` from now on. False when the file failed, once: err, which may be null, says why. */
bool packets_take(struct packets *p, struct written *written, struct error *err);

/* Hands on what is buffered. Null is no packets. */
bool packets_flush(struct packets *p, struct error *err);

/* Does anybody still read, where it is a pipe? */
bool packets_left(const struct packets *p);

/* Adds the packets written, and those of mail that the limit left out. */
void packets_counts(const struct packets *p, uint64_t *written, uint64_t *unwritten);

/* Nothing more comes: writes what waits, but for what is not known to be mail, and closes the file. */
bool packets_finish(struct packets *p, struct error *err);

/* Frees it, and closes the file if that was not done. */
void packets_abandon(struct packets *p);

#endif
