/* Counters to records. Everything here rests on capture time, so that a file gives the same tomorrow. */
#include "stats.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/clock.h"

enum {
#define KIND(name, doc) KINDS_BEFORE_##name,
#include "record/kinds.def"
#undef KIND
    KINDS
};
static_assert((int)KINDS <= (int)STATS_KINDS, "raise STATS_KINDS");

/* The end of the interval that `when` is in: whole multiples since 1970, so that sensors agree. */
static int64_t interval_end(int64_t when, int64_t interval)
{
    int64_t into = when % interval, end;
    if (into < 0)
        into += interval; /* remainders of times before 1970 are negative */
    return __builtin_add_overflow(when, interval - into, &end) ? INT64_MAX : end;
}

bool stats_clock_tick(struct stats_clock *c, int64_t now)
{
    return c->any && c->interval && now >= c->next && c->next != INT64_MAX;
}

bool stats_clock_packet(struct stats_clock *c, int64_t when)
{
    bool due = stats_clock_tick(c, when);
    if (!c->any) {
        c->first = c->start = when;
        c->any = true;
        if (c->interval)
            c->next = interval_end(when, c->interval);
    }
    c->latest = when;
    return due;
}

struct stats_span stats_clock_cut(struct stats_clock *c, int64_t reached)
{
    int64_t end = c->next;
    struct stats_span span = {.from = c->start, .to = end, .first = c->first};
    c->start = end;
    c->next = interval_end(reached > end ? reached : end, c->interval); /* silence gives no empty records */
    return span;
}

struct stats_span stats_clock_all(const struct stats_clock *c)
{
    return (struct stats_span){.from = c->first, .to = c->latest, .first = c->first};
}

/* Identity: (sensor, uid, type, index) as for every record; there is no connection, so the first packet's time stands
   for one. */
static void set_id(struct record *r, const struct stats *s, int64_t first)
{
    char text[160], hex[33];
    int len = snprintf(text, sizeof text, "%s/%" PRId64 "/stats/%" PRIu64, s->sensor ? s->sensor : "", first, s->index);
    XXH128_hash_t hash = XXH3_128bits(text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
    snprintf(hex, sizeof hex, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
    record_word(r, F_all_id, hex);
}

static void count(struct record *r, enum field f, const char *key, uint64_t now, uint64_t before)
{
    if (now > before)
        record_count(r, f, bytes_of_string(key), now - before);
}

static void add_capture(struct record *r, const struct stats *s, const struct stats_counts *now,
                        const struct stats_counts *before)
{
    record_count(r, F_stats_capture, BYTES("received"), now->source.received - before->source.received);
    if (s->live) {
        record_count(r, F_stats_capture, BYTES("dropped_kernel"),
                     now->source.dropped_kernel - before->source.dropped_kernel);
        record_count(r, F_stats_capture, BYTES("dropped_nic"),
                     now->source.dropped_interface - before->source.dropped_interface);
    }
    count(r, F_stats_capture, "written", now->packets_written, before->packets_written);
#define DECODE_COUNT(name, doc) count(r, F_stats_capture, #name, now->decode.name, before->decode.name);
#include "capture/decode_counts.def"
#undef DECODE_COUNT
}

static void add_flows(struct record *r, const struct engine_counts *now, const struct engine_counts *before)
{
    record_count(r, F_stats_flows, BYTES("created"), now->flows_created - before->flows_created);
    count(r, F_stats_flows, "evicted", now->flows_evicted, before->flows_evicted);
    count(r, F_stats_flows, "evicted_handshakes", now->handshakes_evicted, before->handshakes_evicted);
    count(r, F_stats_flows, "unrecognised", now->flows_unrecognised, before->flows_unrecognised);
    count(r, F_stats_flows, "empty", now->flows_empty, before->flows_empty);
    count(r, F_stats_flows, "missed_octets", now->missed_octets, before->missed_octets);
    count(r, F_stats_flows, "late_octets", now->late_octets, before->late_octets);
    count(r, F_stats_flows, "conflict_octets", now->conflict_octets, before->conflict_octets);
}

static struct record *build(struct stats *s, const struct stats_span *span, const struct stats_counts *now,
                            const struct stats_counts *before, const struct limits *limits)
{
    int64_t from = span->from, to = span->to;
    struct record *r = record_new(KIND_stats, limits);
    record_time(r, F_all_ts, to);
    set_id(r, s, span->first);
    if (s->sensor)
        record_text(r, F_all_sensor, bytes_of_string(s->sensor));
    record_number(r, F_stats_interval_us, to > from ? ((uint64_t)to - (uint64_t)from) / CLOCK_US : 0);
    add_capture(r, s, now, before);
    add_flows(r, &now->engine, &before->engine);
    for (unsigned k = 0; k < KINDS; k++)
        count(r, F_stats_records, kind_name((enum kind)k), now->records[k], before->records[k]);
    count(r, F_stats_records, "alerts_suppressed", now->detection.suppressed, before->detection.suppressed);
    count(r, F_stats_errors, "inputs_damaged", now->inputs_damaged, before->inputs_damaged);
    count(r, F_stats_errors, "inputs_unreadable", now->inputs_unreadable, before->inputs_unreadable);
    count(r, F_stats_errors, "records_dropped", now->records_dropped, before->records_dropped);
    count(r, F_stats_errors, "files_omitted", now->files_omitted, before->files_omitted);
    count(r, F_stats_errors, "packets_unwritten", now->packets_unwritten, before->packets_unwritten);
    count(r, F_stats_errors, "entities_forgotten", now->detection.forgotten, before->detection.forgotten);
    count(r, F_stats_errors, "secrets_forgotten", now->secrets_forgotten, before->secrets_forgotten);
    s->index++;
    return r;
}

struct record *stats_interval(struct stats *s, const struct stats_span *span, const struct stats_counts *now,
                              const struct limits *limits)
{
    struct record *r = build(s, span, now, &s->before, limits);
    s->before = *now;
    return r;
}

struct record *stats_final(struct stats *s, const struct stats_span *span, const struct stats_counts *now,
                           const struct limits *limits)
{
    static const struct stats_counts none;
    struct record *r = build(s, span, now, &none, limits);
    record_flag(r, F_stats_final);
    return r;
}
