/* TCP both ways (RFC 9293) as a bystander sees it: octets of each direction in order, once, and what was never captured
   declared lost by the word of both sides.

   A place is a sequence number widened to 64 bits: its low half is the number on the wire, so wrapping needs no care
   after it was widened. */
#ifndef MAILTAP_CAPTURE_TCP_H
#define MAILTAP_CAPTURE_TCP_H

#include "base/limits.h"
#include "capture/packet.h"

struct held_segment;

#define TCP_RECENT 8
#define TCP_TAIL   64 /* octets given on that are kept, to notice others sent in their place: a command's length */

struct tcp_half {                  /* one direction; "its" segments are those sent in it */
    uint64_t start;                /* place of its first octet; 0: not known yet */
    uint64_t next;                 /* place of the next octet to give on; 0 before the start is known */
    uint64_t near;                 /* a place its sequence numbers are near to; 0: none seen */
    uint64_t top;                  /* highest place at which one of its segments began */
    uint64_t high;                 /* end of what was captured of it: highest place of a captured octet + 1 */
    uint64_t sent;                 /* end of what was sent of it: the same, but for octets the snap length cut off */
    uint64_t acked, acked_from;    /* highest and lowest place the other side acknowledged, within what can be */
    uint64_t fin;                  /* place of its FIN; 0: none */
    uint64_t lost_from, lost_to;   /* the last range declared lost */
    uint64_t first_ack;            /* first acknowledgment it carried, a place in the other direction */
    uint64_t aged, young;          /* end of what was captured of it some packets ago; and since, when it was */
    uint64_t young_packets, stale; /* that many packets; end of what its acknowledgments had ignored when last judged */
    uint64_t hole_at;              /* what stands below is about the hole there; 0: before the start is known */
    uint64_t hole_to;              /* where that hole ended when it was first seen */
    int64_t hole_since, hole_when; /* when a segment beyond it was first captured; when both sides had spoken of it */
    uint8_t hole_passed;           /* packets since that came later on the wire as well, as far as can be told */
    bool hole_spoken;
    int64_t first_when, last_when; /* capture time of its first and last packet */
    uint64_t last_frame;
    struct held_segment *held; /* in order, without overlap, beyond next */
    size_t held_octets;        /* payload + 64 for each */
    uint64_t packets, octets, missed, late, retrans, duplicates, conflicts;
    uint64_t other_syn;               /* place that a SYN with another initial number would begin at; 0: none */
    uint8_t tail[TCP_TAIL];           /* the octet at place n stands at n % TCP_TAIL */
    uint64_t tail_from, tail_to;      /* the places kept */
    uint32_t recent[TCP_RECENT];      /* to know a packet captured twice */
    uint8_t recent_next, stale_count; /* stale_count: see judge_acks() */
    bool syn;                         /* its SYN was captured */
    bool midway;                      /* its first octets may not have been captured */
    uint64_t refused;                 /* segments that there was no room to hold */
    bool full;                        /* a segment was refused for lack of room: the hole before it is lost */
    bool acks_trusted, acks_unusable; /* the acknowledgments it carries */
};

struct tcp {
    struct tcp_half half[2]; /* 0: from the client */
    uint64_t packets;
    int64_t end_when;              /* when it was reset, or the second FIN was reached; 0: open */
    uint64_t reset_at, reset_high; /* places in the direction of the RST: its own, and `high` when it came */
    uint64_t reset_packets;        /* the packet count then */
    uint8_t reset_side;
    bool reset;
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

/* Budget of held segments, shared by all connections of an engine. */
struct tcp_budget {
    const struct limits *limits;
    uint64_t held; /* now, over all connections */
};

/* One segment of a connection, sent by that side. */
void tcp_segment(struct tcp *t, int side, const struct packet *p, struct tcp_budget *budget,
                 const struct tcp_reader *reader, void *arg);

/* The conversation is over: what is held is given on, what is missing before it is declared lost. */
void tcp_finish(struct tcp *t, struct tcp_budget *budget, const struct tcp_reader *reader, void *arg);

/* Frees what is held. */
void tcp_release(struct tcp *t, struct tcp_budget *budget);

/* Does this SYN begin another connection between the same ports, or show, as the answer to one, that it has begun? */
bool tcp_is_new(struct tcp *t, int side, const struct packet *p);

/* That side's SYN was captured, though not given to this connection. */
void tcp_had_syn(struct tcp *t, int side);

/* Was none of its packets captured although the other side acknowledged some (eight packets or 1 s long)? */
bool tcp_dark(const struct tcp *t, int side);

/* Was its FIN reached, everything before it given on? */
bool tcp_closed(const struct tcp *t, int side);

/* Is it still open whether the acknowledgments it carries mean anything, while the other side has spoken? */
bool tcp_acks_unknown(const struct tcp *t, int side);

/* Octets of the direction that the other side acknowledged and that were not captured, beyond `missed`. */
uint64_t tcp_acked_unseen(const struct tcp *t, int side);

#endif
