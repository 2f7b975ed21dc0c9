/* The parts of tcp: the calm case (tcp.c), trouble (tcp_trouble.c), held segments (held.c), what is fresh (fresh.c). */
#ifndef MAILTAP_CAPTURE_TCP_PRIVATE_H
#define MAILTAP_CAPTURE_TCP_PRIVATE_H

#include "tcp.h"

#define ACK_WINDOW (UINT64_C(16) << 20)

/* --- held.c: segments beyond a hole, in order and without overlap, in a skip list --- */

#define HELD_LEVELS 9  /* enough for 4^9 segments */
#define HELD_COST   64 /* what a held segment counts beside its octets */

struct held_segment {
    struct octets where;
    uint32_t len, levels;
    struct held_segment *next[]; /* one for each level, then the octets */
};

struct held {
    struct held_segment *first[HELD_LEVELS]; /* of each level; [0] has them all */
    uint64_t octets;                         /* payload and HELD_COST for each */
    uint64_t refused;                        /* segments that there was no room for */
    uint64_t conflicts, conflicts_last;      /* as in tcp_side */
};

static inline struct bytes held_octets(const struct held_segment *seg)
{
    return bytes_of(seg->next + seg->levels, seg->len);
}

enum held_result { HELD_ALL, HELD_ALREADY, HELD_REFUSED };

/* Holds a copy of those octets. Of what is held already one copy stays, as budget->last_wins says; another content is
   counted. Refused: there was no room for all of it. */
enum held_result held_add(struct held *h, struct bytes data, struct octets where, struct tcp_budget *budget);
void held_free_first(struct held *h, struct tcp_budget *budget);

/* --- fresh.c --- */

/* One captured twice (before and after a switch): the same IP id, sequence and checksum. It is remembered. */
bool fresh_duplicate(struct tcp *t, int side, const struct packet *p, struct tcp_budget *budget);

/* Keeps the end of octets that are given on. */
void fresh_keep(struct tcp_half *h, struct bytes data, uint64_t at, struct tcp_budget *budget);

/* Octets that were given on come again: how many of those that are still known are others now? */
uint64_t fresh_conflicts(const struct tcp_half *h, struct bytes data, uint64_t at, const struct tcp_budget *budget);

void fresh_drop(struct tcp_half *h, struct tcp_budget *budget);

/* --- tcp_trouble.c --- */

struct tcp_direction {             /* "its" segments are those sent in it */
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
    struct held held; /* beyond next */
    uint64_t packets, octets, missed, late, retrans, duplicates;
    uint64_t outside, urgent;         /* as in tcp_side */
    uint64_t far, far_acked;          /* see is_far(); 0: none */
    uint64_t other_syn;               /* place that a SYN with another initial number would begin at; 0: none */
    uint8_t stale_count;              /* see judge_acks() */
    bool syn;                         /* its SYN was captured */
    bool midway;                      /* its first octets may not have been captured */
    bool full;                        /* a segment was refused for lack of room: the hole before it is lost */
    bool acks_trusted, acks_unusable; /* the acknowledgments it carries */
};

struct tcp_trouble {
    struct tcp_direction half[2];
    struct tcp_trouble *next_spare;
    uint64_t packets;
    int64_t end_when;              /* see tcp_end_when() */
    uint64_t reset_at, reset_high; /* places in the direction of the RST: its own, and `high` when it came */
    uint64_t reset_packets;        /* the packet count then */
    uint8_t reset_side;
    bool reset;
};

struct feed { /* what every step needs */
    struct tcp *tcp;
    struct tcp_trouble *t;
    struct tcp_budget *budget;
    const struct tcp_reader *reader;
    void *arg;
};

/* As tcp_segment(), for one that was not captured twice. */
void trouble_segment(const struct feed *f, int side, const struct packet *p);
void trouble_finish(const struct feed *f);
bool trouble_is_new(struct tcp_trouble *t, int side, const struct packet *p);

#endif
