/* Copies of frames that may be written again (-w): the one being decoded and, where it completes a datagram, those of
   the fragments before it. Frames whose datagram is not complete yet are open: what will become of them is not known.
 */
#ifndef MAILTAP_CAPTURE_KEEP_H
#define MAILTAP_CAPTURE_KEEP_H

#include "capture/packet.h"

struct kept {
    struct kept *next;           /* of the same packet */
    struct kept *older, *newer;  /* while it is open */
    struct kept *next_of_holder; /* free for the owner's use, as is the next */
    size_t place;
    struct frame frame; /* its data are the octets below */
    uint8_t octets[];
};

struct kept_list {
    struct kept *first, *last;
};

void kept_free(struct kept *list);
size_t kept_cost(const struct kept *one); /* octets of memory */

struct keeper {
    uint64_t most;                /* octets that open frames may take; further ones are not kept */
    uint64_t held;                /* they take now */
    uint64_t dropped;             /* frames that were not kept */
    struct kept *oldest, *newest; /* of the open ones, in the order of their numbers */
    const struct frame *frame;    /* the one being decoded */
    struct kept_list parts;       /* frames that the datagram being decoded came in, without that one */
};

/* The next frame is decoded; what is left of the last is forgotten. */
void keeper_begin(struct keeper *k, const struct frame *frame);

/* What is being decoded waits for further fragments: its frames go to `to`. */
void keeper_hold(struct keeper *k, struct kept_list *to);

/* The datagram is complete: what was held for it is part of what is being decoded now. */
void keeper_resume(struct keeper *k, struct kept_list *from);

/* It never will be. */
void keeper_forget(struct keeper *k, struct kept_list *list);

/* The frames of the packet that was decoded, the caller's now, in the order in which they came in. */
struct kept *keeper_take(struct keeper *k);

/* All frames below this number are decided. */
uint64_t keeper_settled(const struct keeper *k);

#endif
