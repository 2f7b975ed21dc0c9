/* Plays a script as packets of one connection, with what happens to packets on the way. */
#ifndef MAILTAP_BENCH_CONVERSATION_H
#define MAILTAP_BENCH_CONVERSATION_H

#include "frames.h"
#include "script.h"

struct impairments {
    double reorder, duplicate, overlap, loss; /* share of segments, 0 to 1 */
    size_t segment;                           /* octets of payload at most */
    bool tiny;                                /* segments of 1 to 64 octets */
};

struct stretch { /* of one turn */
    bool set;
    uint64_t from;
    size_t len;
};

struct conversation {
    struct script script;
    struct endpoint ends[2];
    bool ipv6, one_octet; /* one_octet: long turns in segments of one octet, backwards by blocks */
    uint32_t isn[2];
    uint64_t received[2]; /* by each side, of the other's stream */
    uint16_t ip_id[2];
    unsigned stage;
    size_t turn;
    uint64_t at; /* octets of the turn sent */
    unsigned unacked, hold_for;
    bool ack_due, thought;
    struct stretch held, again;
    bool again_same_id;
    struct random impair;
    struct span *lost;
    size_t lost_count, lost_cap;
    int64_t began, ended;
};

/* The script is in it, all else is set by this. `number`: each has its own, addresses and ports follow from it. */
void conversation_begin(struct conversation *c, uint64_t seed, uint64_t number, bool ipv6);
void conversation_release(struct conversation *c);

/* Sends what is next at `now` (microseconds); returns when to go on, or -1 at the end. */
int64_t conversation_step(struct conversation *c, struct frames *f, const struct impairments *how, int64_t now);

#endif
