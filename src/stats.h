/* The `stats` records: what was captured, followed and written, in an interval of capture time or, at the end, in all.
   The reader of packets says when an interval ends, the recorder makes the record of it. */
#ifndef MAILTAP_STATS_H
#define MAILTAP_STATS_H

#include "capture/decode.h"
#include "capture/source.h"
#include "detect/detection.h"
#include "engine.h"

enum { STATS_KINDS = 8 }; /* room for every kind of record; asserted */

/* One state of all counters, since the beginning. */
struct stats_counts {
    struct source_counts source;
    struct decode_counts decode;
    struct engine_counts engine;
    uint64_t records[STATS_KINDS];
    uint64_t inputs_damaged, inputs_unreadable, records_dropped;
    uint64_t files_omitted; /* --extract */
    struct detection_counts detection;
    uint64_t secrets_forgotten;                  /* by secret_counts */
    uint64_t packets_written, packets_unwritten; /* -w; the second: of mail, as far as known, but there was no room */
};

struct stats_span { /* capture time */
    int64_t from, to;
    int64_t first; /* packet of all */
};

struct stats_clock {
    int64_t interval; /* ns; 0: only the final record */
    int64_t start;    /* of the interval */
    int64_t next;     /* its end */
    int64_t first, latest;
    bool any; /* a packet was seen */
};

/* Notes a packet's time. True: the interval has ended before it, and stats_clock_cut is due. */
bool stats_clock_packet(struct stats_clock *c, int64_t when);

/* As stats_clock_packet for time that passed without one. */
bool stats_clock_tick(struct stats_clock *c, int64_t now);

/* The interval that ended; capture time has come to `reached`. */
struct stats_span stats_clock_cut(struct stats_clock *c, int64_t reached);

/* All of it, from the first packet to the latest. */
struct stats_span stats_clock_all(const struct stats_clock *c);

struct stats {
    bool live;          /* there are drops to tell of, even if 0 */
    const char *sensor; /* or null */
    uint64_t index;     /* of the next record */
    struct stats_counts before;
};

/* The record of an interval that ended in that state, which it is counted from next time. The caller owns it. */
struct record *stats_interval(struct stats *s, const struct stats_span *span, const struct stats_counts *now,
                              const struct limits *limits);

/* The final one. */
struct record *stats_final(struct stats *s, const struct stats_span *span, const struct stats_counts *now,
                           const struct limits *limits);

#endif
