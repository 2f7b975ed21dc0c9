/* TCP both ways (RFC 9293) as a bystander sees it: octets of each direction in order, once, and what was never captured
   declared lost by the word of both sides.

   A place is a sequence number widened to 64 bits: its low half is the number on the wire, so wrapping needs no care
   after it was widened. */
#ifndef MAILTAP_CAPTURE_TCP_H
#define MAILTAP_CAPTURE_TCP_H

#include "base/limits.h"
#include "capture/packet.h"

struct tcp_trouble;
struct tcp_fresh;

/* Of a direction that lately carried octets: */
#define TCP_RECENT 8  /* packets remembered, to know one captured twice */
#define TCP_TAIL   64 /* octets given on that are kept, to notice others sent in their place: a command's length */

/* One direction while all is well: whatever was sent of it was captured, in order, and given on. */
struct tcp_half {
    uint64_t next; /* place of the next octet to give on; 0: nothing was captured of it */
    int64_t last_when;
    uint32_t given;   /* octets, from its first to next */
    uint32_t unacked; /* those of them that the other side has not acknowledged; see any_acked */
    uint32_t packets;
    uint32_t last_frame; /* counted from the conversation's first */
    uint32_t recent[2];  /* signs of its last packets, while it has no tcp_fresh */
    uint32_t fresh;      /* number of its tcp_fresh, from 1; 0: none */
    uint8_t retrans, duplicates;
    bool syn : 1;         /* its SYN was captured */
    bool midway : 1;      /* its first octets may not have been captured */
    bool any_acked : 1;   /* the other side acknowledged some place of it */
    bool acked_start : 1; /* the acknowledgments it carried were all of the other direction's start; false: none yet */
    bool acks_trusted : 1;
    bool acks_unusable : 1; /* the acknowledgments it carries */
    bool recent_next : 1;
};

/* While anything is missing, held, unclear or ending, `trouble` has the full account of both directions, and of `half`
   only fresh and recent count. When all is well again it goes. */
struct tcp {
    struct tcp_half half[2]; /* 0: from the client */
    struct tcp_trouble *trouble;
    int64_t first_when;
    uint64_t first_frame;
    uint32_t packets; /* without those captured twice */
};

struct octets { /* where a run of octets stands and how it travelled */
    uint64_t at;
    uint64_t acked; /* what its sender had acknowledged of the other direction: a place there, 0 where it said none */
    uint64_t captured; /* what had been captured of the other direction by then */
    int64_t when;
    uint64_t frame;
};

/* Who takes what TCP puts in order. Views live until the call returns. */
struct tcp_reader {
    void (*data)(void *arg, int side, struct bytes data, const struct octets *where);
    void (*gap)(void *arg, int side, uint64_t len, const struct octets *where);
};

/* What all connections of an engine share. Zeroed, with limits set, it is ready. */
struct tcp_budget {
    const struct limits *limits;
    uint64_t held;             /* held segments, over all connections: octets and 64 for each */
    uint64_t memory;           /* octets allocated besides the connections themselves */
    uint64_t random;           /* state of a generator that only shapes the order of held segments */
    struct tcp_trouble *spare; /* some that are not in use */
    unsigned spares;
    struct tcp_fresh *fresh; /* kept for the connections that last carried octets: at most fresh_most */
    uint32_t fresh_count, fresh_cap, fresh_most, fresh_unused, fresh_hand;
    bool never_calm; /* for tests: the full account is kept whatever comes */
    bool last_wins;  /* of two copies of held octets; else the first */
};

void tcp_budget_release(struct tcp_budget *budget);

/* One segment of a connection, sent by that side. True: its octets, which were due, went to the reader, and nothing
   changed since. */
bool tcp_segment(struct tcp *t, int side, const struct packet *p, struct tcp_budget *budget,
                 const struct tcp_reader *reader, void *arg);

/* The conversation is over: what is held is given on, what is missing before it is declared lost. */
void tcp_finish(struct tcp *t, struct tcp_budget *budget, const struct tcp_reader *reader, void *arg);

/* Frees what is held. */
void tcp_release(struct tcp *t, struct tcp_budget *budget);

/* Does this SYN begin another connection between the same ports, or show, as the answer to one, that it has begun? */
bool tcp_is_new(struct tcp *t, int side, const struct packet *p, struct tcp_budget *budget);

/* That side's SYN was captured, though not given to this connection. */
void tcp_had_syn(struct tcp *t, int side, struct tcp_budget *budget);

/* When it was reset, or the second FIN was reached; 0: it is open. */
int64_t tcp_end_when(const struct tcp *t);

bool tcp_was_reset(const struct tcp *t);
bool tcp_has_fin(const struct tcp *t); /* of either side */

/* What is known of one direction by now. */
struct tcp_side {
    uint64_t start; /* place of its first octet; 0: not known yet */
    uint64_t packets, octets, missed, late, retrans, duplicates;
    uint64_t conflicts,
        conflicts_last;              /* octets that came again with other content; of which the later copy was taken */
    uint64_t refused;                /* segments that there was no room to hold */
    uint64_t outside;                /* segments so far from all others that no receiver can have taken them */
    uint64_t urgent;                 /* segments with urgent data; what is urgent stays in its place */
    bool syn, midway, acks_unusable; /* as in tcp_half */
};

struct tcp_side tcp_side(const struct tcp *t, int side);
uint64_t tcp_start(const struct tcp *t, int side);
bool tcp_acks_unusable(const struct tcp *t, int side);

/* Was none of its packets captured although the other side acknowledged some (eight packets or 1 s long)? */
bool tcp_dark(const struct tcp *t, int side);

/* Was its FIN reached, everything before it given on? */
bool tcp_closed(const struct tcp *t, int side);

/* Is it still open whether the acknowledgments it carries mean anything, while the other side has spoken? */
bool tcp_acks_unknown(const struct tcp *t, int side);

/* Octets of the direction that the other side acknowledged and that were not captured, beyond `missed`. */
uint64_t tcp_acked_unseen(const struct tcp *t, int side);

#endif
