/* The `stats` records: what was captured, followed and written, in an interval of capture time or, at the end, in all.
 */
#ifndef MAILTAP_STATS_H
#define MAILTAP_STATS_H

#include "capture/decode.h"
#include "capture/source.h"
#include "engine.h"

enum { STATS_KINDS = 8 }; /* room for every kind of record; asserted */

/* One state of all counters, since the beginning. */
struct stats_counts {
    struct source_counts source;
    struct decode_counts decode;
    struct engine_counts engine;
    uint64_t records[STATS_KINDS];
    uint64_t inputs_damaged, inputs_unreadable, records_dropped;
};

struct stats {
    int64_t interval;   /* ns; 0: only the final record */
    int64_t start;      /* of the interval; capture time */
    int64_t next;       /* its end */
    int64_t first;      /* packet of all */
    int64_t latest;     /* capture time of the last packet */
    bool any;           /* a packet was seen */
    bool live;          /* there are drops to tell of, even if 0 */
    const char *sensor; /* or null */
    uint64_t index;     /* of the next record */
    struct stats_counts before;
};

/* Notes a packet's time. True: the interval has ended before it, and stats_interval is due. */
bool stats_packet(struct stats *s, int64_t when);

/* As stats_packet for time that passed without one. */
bool stats_tick(struct stats *s, int64_t now);

/* The record of the interval that ended; capture time has come to `reached`. The caller owns it. */
struct record *stats_interval(struct stats *s, int64_t reached, const struct stats_counts *now,
                              const struct limits *limits);

/* The final one: since the first packet. */
struct record *stats_final(struct stats *s, const struct stats_counts *now, const struct limits *limits);

#endif
