#include "workers.h"

#include "base/memory.h"
#include "rounds.h"
#include "thread.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH_EVENTS = 512,
    BATCH_OCTETS = 512 << 10, /* more than any packet has */
    PARCELS = 16              /* on their way to the recorder */
};

enum event_kind { EVENT_PACKET, EVENT_TICK, EVENT_CUT, EVENT_FLUSH };

struct event {
    enum event_kind kind;
    unsigned lane;
    uint64_t number;
    struct kept *frames; /* of the packet, and keeper_settled(), for -w */
    uint64_t settled;
    union {
        struct packet packet;
        int64_t now;
        struct cut *cut;
    };
};

struct batch {         /* a worker's part of a round */
    struct order upto; /* with it everything was sent that comes before */
    bool last;
    enum engine_end how;
    unsigned count;
    size_t used;
    struct event events[BATCH_EVENTS];
    uint8_t octets[BATCH_OCTETS];
};

struct worker {
    struct lanes *lanes;
    unsigned share;
    struct batch *batches[ROUNDS];
    struct channel *parcels; /* to the recorder */
    struct parcel *parcel;   /* being filled */
    struct kept *frames;     /* of the packet in hand; null: they were handed on */
    uint64_t settled;
    uint64_t round; /* batches it has done with */
};

/* Invariant: a worker that waits for packets, or for its turn to read them, has done with all rounds sent, so with
   everything that another worker, which waits for the recorder, has begun: nobody waits in a circle. */
struct workers {
    struct recorder *recorder;
    unsigned count;
    struct rounds *rounds;
    bool filling; /* batches of a round that is not yet sent */
    uint64_t round;
    struct bytes stays;  /* octets that need no copy to be there until the round is done with */
    struct order latest; /* the latest thing that came */
    struct channel *parcels[LANES];
    pthread_t recording;
    struct worker worker[];
};

/* --- towards the recorder --- */

static void emit_direct(void *arg, const struct order *where, struct record *r)
{
    struct workers *w = arg;
    recorder_take(w->recorder, &(struct item){.order = *where, .kind = ITEM_RECORD, .record = r});
}

/* What of -w goes with a connection's packet, or its end. */
static struct item belonging_item(struct worker *w, const struct order *where, const struct belonging *b, bool packet)
{
    struct written *written = memory_get(sizeof *written);
    written->of = *b;
    if (packet) {
        written->frames = w->frames;
        written->settled = w->settled;
        w->frames = NULL;
    }
    return (struct item){.order = *where, .kind = ITEM_WRITTEN, .written = written};
}

static void belongs_direct(void *arg, const struct order *where, const struct belonging *b, bool packet)
{
    struct workers *w = arg;
    struct item item = belonging_item(&w->worker[0], where, b, packet);
    recorder_take(w->recorder, &item);
}

/* Frames that no connection wanted are nobody's. */
static void take_packet(struct worker *w, unsigned lane, const struct packet *p, struct kept *frames, uint64_t settled)
{
    w->frames = frames;
    w->settled = settled;
    lanes_packet(w->lanes, lane, p);
    kept_free(w->frames);
    w->frames = NULL;
}

static void send_parcel(struct worker *w, const struct order *upto, bool last)
{
    struct parcel *p = w->parcel ? w->parcel : memory_get(sizeof *p);
    w->parcel = NULL;
    p->upto = *upto;
    p->round = w->round;
    p->last = last;
    channel_put(w->parcels, p);
}

static void add_item(struct worker *w, const struct item *item)
{
    if (w->parcel && w->parcel->count == PARCEL_ITEMS)
        send_parcel(w, &w->parcel->items[PARCEL_ITEMS - 1].order, false);
    if (!w->parcel)
        w->parcel = memory_get(sizeof *w->parcel);
    w->parcel->items[w->parcel->count++] = *item;
}

static void emit(void *arg, const struct order *where, struct record *r)
{
    add_item(arg, &(struct item){.order = *where, .kind = ITEM_RECORD, .record = r});
}

static void belongs(void *arg, const struct order *where, const struct belonging *b, bool packet)
{
    struct item item = belonging_item(arg, where, b, packet);
    add_item(arg, &item);
}

/* --- a worker --- */

/* The end of what the event releases. */
static struct order order_of(const struct event *e)
{
    static const enum phase phases[] = {[EVENT_PACKET] = PHASE_PACKET,
                                        [EVENT_TICK] = PHASE_TICK,
                                        [EVENT_CUT] = PHASE_COUNT,
                                        [EVENT_FLUSH] = PHASE_TICK};
    return (struct order){e->number, phases[e->kind], UINT64_MAX};
}

static void work_on(struct worker *w, const struct event *e)
{
    switch (e->kind) {
    case EVENT_PACKET:
        take_packet(w, e->lane, &e->packet, e->frames, e->settled);
        break;
    case EVENT_TICK:
        lanes_tick(w->lanes, e->number, e->now);
        break;
    case EVENT_CUT:
        lanes_count(w->lanes, &e->cut->share[w->share]);
        add_item(w, &(struct item){.order = order_of(e), .kind = ITEM_CUT, .cut = e->cut});
        break;
    case EVENT_FLUSH:
        add_item(w, &(struct item){.order = order_of(e), .kind = ITEM_FLUSH});
        break;
    }
}

static void work(void *arg, unsigned member, uint64_t round)
{
    struct workers *all = arg;
    struct worker *w = &all->worker[member];
    const struct batch *b = w->batches[round % ROUNDS];
    for (unsigned i = 0; i < b->count; i++)
        work_on(w, &b->events[i]);
    if (b->last)
        lanes_finish(w->lanes, b->how);
    w->round++;
    send_parcel(w, &b->upto, b->last);
}

static void *record(void *arg)
{
    struct workers *w = arg;
    recorder_merge(w->recorder, w->parcels, w->count);
    return NULL;
}

/* --- making and ending --- */

static void worker_release(struct worker *w)
{
    lanes_free(w->lanes);
    for (unsigned i = 0; i < ROUNDS; i++)
        free(w->batches[i]);
    if (w->parcels)
        channel_free(w->parcels);
}

static void workers_free(struct workers *w)
{
    for (unsigned i = 0; i < w->count; i++)
        worker_release(&w->worker[i]);
    free(w);
}

static void worker_init(struct worker *w, const struct engine_settings *settings, unsigned share, unsigned shares,
                        bool writes)
{
    w->share = share;
    w->lanes = lanes_new(settings, share, shares, emit, w);
    if (writes)
        lanes_tell(w->lanes, belongs);
    w->parcels = channel_new(PARCELS);
    for (unsigned i = 0; i < ROUNDS; i++)
        w->batches[i] = memory_resize(NULL, sizeof(struct batch));
}

/* False, and nothing runs. */
static bool start(struct workers *w)
{
    w->rounds = rounds_new(w->count, work, w);
    if (!w->rounds)
        return false;
    bool started = thread_start(&w->recording, record, w);
    if (!started)
        rounds_end(w->rounds);
    return started;
}

struct workers *workers_new(const struct engine_settings *settings, unsigned jobs, struct recorder *recorder,
                            struct error *err)
{
    struct workers *w = memory_get(sizeof *w + jobs * sizeof w->worker[0]);
    w->recorder = recorder;
    w->count = jobs;
    if (jobs == 1) {
        w->worker[0].lanes = lanes_new(settings, 0, 1, emit_direct, w);
        if (recorder_writes(recorder))
            lanes_tell(w->worker[0].lanes, belongs_direct);
        return w;
    }
    for (unsigned i = 0; i < jobs; i++) {
        worker_init(&w->worker[i], settings, i, jobs, recorder_writes(recorder));
        w->parcels[i] = w->worker[i].parcels;
    }
    if (start(w))
        return w;
    workers_free(w);
    error_set(err, "%u threads cannot be had; give fewer with -j", jobs + 1);
    return NULL;
}

/* --- the reader's calls --- */

static struct batch *open_batch(struct workers *w, const struct worker *of)
{
    if (!w->filling) {
        w->filling = true;
        w->round = rounds_open(w->rounds);
        for (unsigned i = 0; i < w->count; i++) {
            struct batch *b = w->worker[i].batches[w->round % ROUNDS];
            b->count = 0;
            b->used = 0;
            b->last = false;
        }
    }
    return of->batches[w->round % ROUNDS];
}

static void send_all(struct workers *w, const struct order *upto, bool last, enum engine_end how)
{
    for (unsigned i = 0; i < w->count; i++) {
        struct batch *b = open_batch(w, &w->worker[i]);
        b->upto = *upto;
        b->last = last;
        b->how = how;
    }
    w->filling = false;
    rounds_send(w->rounds);
}

static struct event *add_event(struct workers *w, struct worker *to, enum event_kind kind, uint64_t number)
{
    struct batch *b = open_batch(w, to);
    struct event *e = &b->events[b->count++];
    e->kind = kind;
    e->number = number;
    w->latest = order_of(e);
    return e;
}

/* Is there room for one more event everywhere, and for so many octets at that worker? If not, there is afterwards. */
static void make_room(struct workers *w, const struct worker *to, size_t octets)
{
    bool full = to && open_batch(w, to)->used + octets > BATCH_OCTETS;
    for (unsigned i = 0; i < w->count && !full; i++)
        full = (!to || to == &w->worker[i]) && open_batch(w, &w->worker[i])->count == BATCH_EVENTS;
    if (full)
        send_all(w, &w->latest, false, ENGINE_EOF);
}

static void copy_payload(struct batch *b, struct bytes *payload)
{
    if (!payload->len)
        return;
    payload->data = memcpy(b->octets + b->used, payload->data, payload->len);
    b->used += payload->len;
}

static bool is_within(struct bytes all, struct bytes part)
{
    uintptr_t from = (uintptr_t)part.data - (uintptr_t)all.data; /* large where it is before */
    return from <= all.len && all.len - from >= part.len;
}

void workers_packet(struct workers *w, const struct packet *p, struct kept *frames, uint64_t settled)
{
    unsigned lane = lane_of(p);
    if (w->count == 1) {
        take_packet(&w->worker[0], lane, p, frames, settled);
        return;
    }
    struct worker *to = &w->worker[lane % w->count];
    bool stays = is_within(w->stays, p->payload);
    make_room(w, to, stays ? 0 : p->payload.len);
    struct event *e = add_event(w, to, EVENT_PACKET, p->frame);
    e->lane = lane;
    e->frames = frames;
    e->settled = settled;
    e->packet = *p;
    if (!stays)
        copy_payload(open_batch(w, to), &e->packet.payload);
}

void workers_tick(struct workers *w, uint64_t number, int64_t now)
{
    if (w->count == 1) {
        lanes_tick(w->worker[0].lanes, number, now);
        return;
    }
    make_room(w, NULL, 0);
    for (unsigned i = 0; i < w->count; i++)
        add_event(w, &w->worker[i], EVENT_TICK, number)->now = now;
}

void workers_cut(struct workers *w, uint64_t number, const struct stats_span *span, const struct stats_counts *counts)
{
    struct cut *cut = cut_new(span, counts, w->count);
    if (w->count == 1) {
        lanes_count(w->worker[0].lanes, &cut->share[0]);
        recorder_take(w->recorder, &(struct item){.kind = ITEM_CUT, .cut = cut});
        return;
    }
    make_room(w, NULL, 0);
    for (unsigned i = 0; i < w->count; i++)
        add_event(w, &w->worker[i], EVENT_CUT, number)->cut = cut;
}

void workers_flush(struct workers *w, uint64_t number)
{
    if (w->count == 1) {
        recorder_take(w->recorder, &(struct item){.kind = ITEM_FLUSH});
        return;
    }
    make_room(w, NULL, 0);
    add_event(w, &w->worker[0], EVENT_FLUSH, number);
    send_all(w, &w->latest, false, ENGINE_EOF);
}

struct reading {
    struct workers *workers;
    workers_take *take;
    void *arg;
};

/* False: it is too much. */
static bool copy_what_stays(struct batch *b, struct bytes stays)
{
    if (b->count > BATCH_EVENTS / 2)
        return false;
    for (unsigned i = 0; i < b->count; i++) {
        struct event *e = &b->events[i];
        if (e->kind != EVENT_PACKET || !is_within(stays, e->packet.payload))
            continue;
        if (b->used + e->packet.payload.len > BATCH_OCTETS / 4)
            return false;
        copy_payload(b, &e->packet.payload);
    }
    return true;
}

/* A piece with little mail in it is not worth waking anybody: what stayed in it is copied after all, and the round
   filled further. */
static bool is_worth_sending(struct workers *w)
{
    for (unsigned i = 0; i < w->count; i++)
        if (!copy_what_stays(open_batch(w, &w->worker[i]), w->stays))
            return true;
    return false;
}

static bool take_turn(void *arg, struct bytes stays)
{
    struct reading *r = arg;
    struct workers *w = r->workers;
    w->stays = stays;
    bool more = r->take(r->arg);
    if (w->filling && (!more || is_worth_sending(w)))
        send_all(w, &w->latest, false, ENGINE_EOF);
    w->stays = (struct bytes){0};
    return more;
}

static bool read_alone(struct source *src, workers_take *take, void *arg)
{
    bool more = source_by_turns(src, 1);
    if (!more)
        return false;
    for (uint64_t n = 0; more; n++) {
        source_fetch(src, n, 0);
        source_turn(src, 0);
        more = take(arg);
        source_turn_over(src);
    }
    return true;
}

bool workers_read(struct workers *w, struct source *src, workers_take *take, void *arg)
{
    struct reading reading = {w, take, arg};
    if (w->count == 1)
        return read_alone(src, take, arg);
    return rounds_read(w->rounds, src, take_turn, &reading);
}

void workers_finish(struct workers *w, enum engine_end how, struct engine_counts *counts)
{
    if (w->count == 1) {
        lanes_finish(w->worker[0].lanes, how);
    } else {
        send_all(w, &(struct order){ORDER_END, PHASE_PACKET, 0}, true, how);
        rounds_end(w->rounds);
        pthread_join(w->recording, NULL);
    }
    for (unsigned i = 0; i < w->count; i++)
        lanes_count(w->worker[i].lanes, counts);
    workers_free(w);
}
