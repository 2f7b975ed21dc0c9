#include "recorder.h"

#include "base/memory.h"
#include "detect/detection.h"
#include "extract_index.h"
#include "secret_counts.h"
#include "sinks.h"
#include "visits.h"

#include <stdatomic.h>
#include <stdlib.h>

struct origin { /* the frames from `first` on came from here */
    const char *name;
    uint64_t first;
};

struct recorder {
    const struct options *options;
    struct terminal *terminal;
    struct sinks *sinks;
    struct packets *packets;     /* null without -w */
    struct privacy *privacy;     /* null where persons are kept */
    struct extract_index *index; /* null without --extract */
    bool unextracted;            /* a file failed: records go on */
    struct origin *origins;      /* room for every file */
    struct detection *detection;
    struct secret_counts *secrets;
    struct visits *visits;
    struct record *held; /* stored: final counters, which stand behind the last alerts; or null */
    atomic_uint origin_count;
    struct stats stats;
    uint64_t records[STATS_KINDS];
    bool failed; /* an output; nothing more is written */
    struct error err;
    atomic_bool over;
};

struct cut *cut_new(const struct stats_span *span, const struct stats_counts *counts, unsigned shares)
{
    struct cut *cut = memory_get(sizeof *cut + shares * sizeof cut->share[0]);
    cut->span = *span;
    cut->counts = *counts;
    cut->shares = shares;
    return cut;
}

struct recorder *recorder_new(const struct options *o, struct extraction *extraction, struct terminal *terminal,
                              struct error *err)
{
    struct packets *packets = NULL;
    struct privacy *privacy = NULL;
    struct sinks *sinks = NULL;
    struct extract_index *index = NULL;
    bool ready = (o->privacy == PRIVACY_KEEP || (privacy = privacy_new(o->privacy, o->privacy_key, err)) != NULL) &&
                 (!extraction || (index = extract_index_open(extraction, err)) != NULL) &&
                 (!o->write || (packets = packets_open(o, err)) != NULL) && (sinks = sinks_open(o, err)) != NULL;
    if (!ready) {
        packets_abandon(packets);
        extract_index_free(index);
        privacy_free(privacy);
        return NULL;
    }
    struct recorder *r = memory_get(sizeof *r);
    r->options = o;
    r->terminal = terminal;
    r->sinks = sinks;
    r->packets = packets;
    r->privacy = privacy;
    r->index = index;
    r->detection = detection_new(&o->detect, &o->engine.limits);
    r->secrets = secret_counts_new(o->engine.limits.secrets);
    r->visits = visits_new();
    r->origins = memory_get((o->file_count + 1) * sizeof *r->origins);
    r->stats = (struct stats){.sensor = o->engine.sensor, .live = o->interface_count > 0};
    return r;
}

static void recorder_free(struct recorder *r)
{
    privacy_free(r->privacy);
    extract_index_free(r->index);
    detection_free(r->detection);
    secret_counts_free(r->secrets);
    visits_free(r->visits);
    free(r->origins);
    free(r);
}

void recorder_origin(struct recorder *r, const char *name, uint64_t first)
{
    unsigned n = atomic_load(&r->origin_count);
    r->origins[n] = (struct origin){name, first};
    atomic_store(&r->origin_count, n + 1);
}

bool recorder_over(const struct recorder *r)
{
    return atomic_load_explicit(&r->over, memory_order_relaxed);
}

/* Files: the last that begins at or before the record's first frame. */
static const char *origin_of(struct recorder *r, const struct record *record)
{
    unsigned low = 0, high = atomic_load(&r->origin_count);
    uint64_t frame = high ? record_find_number(record, F_all_frame_first) : 0;
    if (!frame)
        return NULL;
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        *(r->origins[middle].first <= frame ? &low : &high) = middle;
    }
    return r->origins[low].name;
}

bool recorder_writes(const struct recorder *r)
{
    return r->packets != NULL;
}

static void settle(struct recorder *r, bool well)
{
    r->failed |= !well;
    if (r->failed || (!sinks_left(r->sinks) && !(r->packets && packets_left(r->packets))))
        atomic_store(&r->over, true);
}

static void write_record(struct recorder *r, struct record *record)
{
    record = privacy_apply(r->privacy, record);
    settle(r, r->failed || sinks_record(r->sinks, record, &r->err));
    record_free(record);
}

/* What the rules said since. */
static void write_alerts(struct recorder *r)
{
    for (struct record *alert; (alert = detection_next(r->detection)) != NULL;) {
        r->records[KIND_alert]++;
        write_record(r, alert);
    }
}

/* A record that nothing is to be added to: what the rules say of it follows it. */
static void take_settled(struct recorder *r, struct record *record)
{
    r->records[record_kind(record)]++;
    detection_see(r->detection, record);
    write_record(r, record);
    write_alerts(r);
}

/* Inbound, outbound and so on, where we were told what is ours. */
static void put_direction(const struct recorder *r, struct record *record)
{
    struct host client, server;
    if (r->options->detect.local_net_count && host_parse(record_client(record), &client) &&
        host_parse(record_find(record, F_all_server_ip), &server))
        record_word(record, F_all_direction, settings_direction(&r->options->detect, &client, &server));
}

static void take_record(struct recorder *r, struct record *record)
{
    secret_counts_take(r->secrets, record);
    const struct options *o = r->options;
    const char *origin = origin_of(r, record);
    if (origin && !record_has(record, F_all_pcap_file))
        record_text(record, F_all_pcap_file, bytes_of_string(origin));
    else if (o->interface_count == 1 && !record_has(record, F_all_iface))
        record_text(record, F_all_iface, bytes_of_string(o->interfaces[0]));
    visits_see(r->visits, record);
    put_direction(r, record);
    if (r->index)
        record = extract_index_take(r->index, record);
    take_settled(r, record);
}

static void complete(struct recorder *r, struct stats_counts *counts)
{
    memcpy(counts->records, r->records, sizeof counts->records);
    counts->records_dropped = sinks_dropped(r->sinks);
    if (r->index)
        counts->files_omitted = extract_index_omitted(r->index);
    detection_counts(r->detection, &counts->detection);
    counts->secrets_forgotten = secret_counts_forgotten(r->secrets);
    if (r->packets)
        packets_counts(r->packets, &counts->packets_written, &counts->packets_unwritten);
}

static void take_cut(struct recorder *r, struct cut *cut)
{
    engine_counts_add(&cut->counts.engine, &cut->share[--cut->shares]);
    if (cut->shares)
        return;
    complete(r, &cut->counts);
    struct record *record = stats_interval(&r->stats, &cut->span, &cut->counts, &r->options->engine.limits);
    detection_see(r->detection, record);
    write_record(r, record);
    write_alerts(r);
    free(cut);
}

/* Without files the records are still worth having: it is said at once, and they go on. */
static void flush_index(struct recorder *r)
{
    struct error err;
    if (!r->index || extract_index_flush(r->index, &err))
        return;
    terminal_say(r->terminal, "mailtap: %s", err.text);
    r->unextracted = true;
}

void recorder_take(struct recorder *r, const struct item *item)
{
    switch (item->kind) {
    case ITEM_RECORD:
        take_record(r, item->record);
        break;
    case ITEM_CUT:
        take_cut(r, item->cut);
        break;
    case ITEM_WRITTEN:
        settle(r, packets_take(r->packets, item->written, r->failed ? NULL : &r->err) || r->failed);
        break;
    case ITEM_FLUSH:
        flush_index(r);
        settle(r, r->failed || (sinks_flush(r->sinks, &r->err) && packets_flush(r->packets, &r->err)));
        break;
    }
}

/* --- several threads --- */

struct inlet { /* what comes from one of them */
    struct channel *channel;
    struct parcel *parcel; /* null: it has sent its last */
    unsigned at;
};

static void next_parcel(struct inlet *in)
{
    bool last = in->parcel && in->parcel->last;
    free(in->parcel);
    in->parcel = last ? NULL : channel_take(in->channel);
    in->at = 0;
}

static bool exhausted(const struct inlet *in)
{
    return in->at == in->parcel->count;
}

static const struct order *next_order(const struct inlet *in)
{
    return exhausted(in) ? &in->parcel->upto : &in->parcel->items[in->at].order;
}

/* Of equals, the shares of a cut, any. Live, time passes without packets, and several rounds end at the same place:
   then the thread that has done fewer of them is waited for, since it is the one that goes on without the others. */
static bool comes_first(const struct inlet *a, const struct inlet *b)
{
    if (order_before(next_order(a), next_order(b)))
        return true;
    if (order_before(next_order(b), next_order(a)))
        return false;
    if (exhausted(a) != exhausted(b))
        return exhausted(b);
    return a->parcel->round < b->parcel->round;
}

/* The one with the least item; or one that may yet have it, so that its next parcel is to be waited for. */
static struct inlet *least(struct inlet *inlets, unsigned count)
{
    struct inlet *ret = NULL;
    for (unsigned i = 0; i < count; i++)
        if (inlets[i].parcel && (!ret || comes_first(&inlets[i], ret)))
            ret = &inlets[i];
    return ret;
}

void recorder_merge(struct recorder *r, struct channel *const *parcels, unsigned count)
{
    struct inlet inlets[LANES] = {0}, *in;
    for (unsigned i = 0; i < count; i++) {
        inlets[i].channel = parcels[i];
        next_parcel(&inlets[i]);
    }
    while ((in = least(inlets, count)) != NULL) {
        if (!exhausted(in)) {
            recorder_take(r, &in->parcel->items[in->at++]);
            continue;
        }
        recorder_progress(r, in->parcel->upto.number);
        next_parcel(in);
    }
}

/* --- the end --- */

void recorder_progress(struct recorder *r, uint64_t packets)
{
    if (packets == ORDER_END)
        return;
    terminal_progress(r->terminal, &(struct progress){.packets = packets,
                                                      .sessions = r->records[KIND_session],
                                                      .messages = r->records[KIND_message]});
}

static bool close_outputs(struct recorder *r, struct error *err)
{
    uint64_t dropped = 0;
    bool failed = r->failed, unextracted = r->unextracted;
    if (failed)
        *err = r->err;
    bool well = sinks_close(r->sinks, &dropped, failed ? NULL : err);
    packets_abandon(r->packets);
    recorder_free(r);
    return well && !failed && !dropped && !unextracted;
}

/* The rules see the last counters, and say what they have still to say before these are written. */
static void finish_detection(struct recorder *r, const struct record *counters)
{
    if (counters)
        detection_see(r->detection, counters);
    detection_finish(r->detection);
    write_alerts(r);
}

bool recorder_close(struct recorder *r, const struct stats_span *span, const struct stats_counts *counts,
                    struct error *err)
{
    struct stats_counts all = *counts;
    flush_index(r);
    if (r->packets)
        r->failed |= !packets_finish(r->packets, r->failed ? NULL : &r->err);
    complete(r, &all);
    struct stats before = r->stats;
    struct record *counters = stats_final(&r->stats, span, &all, &r->options->engine.limits);
    finish_detection(r, counters);
    record_free(counters); /* how many alerts there are was not known yet */
    r->stats = before;
    all = *counts;
    complete(r, &all);
    write_record(r, stats_final(&r->stats, span, &all, &r->options->engine.limits));
    return close_outputs(r, err);
}

/* --- stored records --- */

void recorder_stored(struct recorder *r, struct record *record)
{
    if (r->held) {
        write_record(r, r->held);
        r->held = NULL;
    }
    if (record_kind(record) == KIND_stats && record_has(record, F_stats_final)) {
        detection_see(r->detection, record);
        write_alerts(r);
        r->held = record;
    } else {
        take_settled(r, record);
    }
}

/* How many alerts there are now, in place of how many there were when the records were written; else as it was. */
static struct record *count_anew(struct recorder *r, const struct record *was)
{
    static const char *const keys[2] = {"alert", "alerts_suppressed"};
    struct record *now = record_new(KIND_stats, &r->options->engine.limits);
    struct detection_counts counts;
    struct entry e;
    bool missing[2] = {true, true};
    detection_counts(r->detection, &counts);
    const uint64_t values[2] = {r->records[KIND_alert], counts.suppressed};
    for (size_t at = 0; record_next(was, &at, &e);) {
        for (int i = 0; i < 2; i++)
            if (!e.end && e.field == F_stats_records && bytes_equal(e.text, bytes_of_string(keys[i]))) {
                e.number = values[i];
                missing[i] = false;
            }
        if (e.end || e.field != F_stats_records || e.number)
            record_copy(now, &e);
    }
    for (int i = 0; i < 2; i++)
        if (missing[i] && values[i])
            record_count(now, F_stats_records, bytes_of_string(keys[i]), values[i]);
    return now;
}

bool recorder_close_stored(struct recorder *r, struct error *err)
{
    finish_detection(r, NULL);
    if (r->held) {
        write_record(r, count_anew(r, r->held));
        record_free(r->held);
    }
    r->held = NULL;
    return close_outputs(r, err);
}

void recorder_abandon(struct recorder *r)
{
    sinks_abandon(r->sinks);
    packets_abandon(r->packets);
    record_free(r->held);
    recorder_free(r);
}
