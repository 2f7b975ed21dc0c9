#include "workers.h"

#include "base/memory.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_EVENTS = 512,
    BATCH_OCTETS = 512 << 10, /* more than any packet has */
    BATCHES = 4,              /* on their way to one worker, or being filled */
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

struct batch {
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
    struct channel *full, *empty; /* batches, to it and back */
    struct channel *parcels;      /* to the recorder */
    struct batch *filling;        /* the reader's; null: none is at hand */
    struct parcel *parcel;        /* the worker's, being filled */
    struct kept *frames;          /* the worker's, of the packet in hand; null: they were handed on */
    uint64_t settled;
    uint64_t round; /* the worker's: batches it has done with */
    pthread_t thread;
    bool running;
};

/* Invariant: a batch is sent to one worker only together with those of all others. So a worker that waits for packets
   has done with everything that another worker, which waits for the recorder, has begun: nobody waits in a circle. */
struct workers {
    struct recorder *recorder;
    unsigned count;
    struct order latest; /* the latest thing that came */
    struct channel *parcels[LANES];
    pthread_t recording;
    bool recorded; /* that thread runs */
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

static void *work(void *arg)
{
    struct worker *w = arg;
    for (bool last = false; !last;) {
        struct batch *b = channel_take(w->full);
        last = b->last;
        for (unsigned i = 0; i < b->count; i++)
            work_on(w, &b->events[i]);
        if (last)
            lanes_finish(w->lanes, b->how);
        w->round++;
        send_parcel(w, &b->upto, last);
        channel_put(w->empty, b);
    }
    return NULL;
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
    struct batch *b;
    lanes_free(w->lanes);
    if (!w->full)
        return;
    free(w->filling);
    while ((b = channel_try(w->empty)) != NULL)
        free(b);
    channel_free(w->full);
    channel_free(w->empty);
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
    w->full = channel_new(BATCHES);
    w->empty = channel_new(BATCHES);
    w->parcels = channel_new(PARCELS);
    for (unsigned i = 0; i < BATCHES; i++)
        channel_put(w->empty, memory_resize(NULL, sizeof(struct batch)));
}

static bool start(struct workers *w)
{
    w->recorded = !pthread_create(&w->recording, NULL, record, w);
    for (unsigned i = 0; i < w->count && w->recorded; i++) {
        w->worker[i].running = !pthread_create(&w->worker[i].thread, NULL, work, &w->worker[i]);
        if (!w->worker[i].running)
            return false;
    }
    return w->recorded;
}

/* Signals are the main thread's, which waits for packets. */
static bool start_quietly(struct workers *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool started = start(w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static struct batch *open_batch(struct worker *w)
{
    if (!w->filling) {
        w->filling = channel_take(w->empty);
        w->filling->count = 0;
        w->filling->used = 0;
        w->filling->last = false;
    }
    return w->filling;
}

static void send_all(struct workers *w, const struct order *upto, bool last, enum engine_end how)
{
    for (unsigned i = 0; i < w->count; i++) {
        struct batch *b = open_batch(&w->worker[i]);
        b->upto = *upto;
        b->last = last;
        b->how = how;
        channel_put(w->worker[i].full, b);
        w->worker[i].filling = NULL;
    }
}

/* Those that never started have nothing to say, but are waited for by the recorder. */
static void stop(struct workers *w)
{
    send_all(w, &(struct order){ORDER_END, PHASE_PACKET, 0}, true, ENGINE_SHUTDOWN);
    for (unsigned i = 0; i < w->count; i++) {
        if (w->worker[i].running)
            pthread_join(w->worker[i].thread, NULL);
        else
            work(&w->worker[i]);
    }
    if (w->recorded)
        pthread_join(w->recording, NULL);
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
    if (start_quietly(w))
        return w;
    if (w->recorded)
        stop(w);
    workers_free(w);
    error_set(err, "%u threads cannot be had; give fewer with -j", jobs + 1);
    return NULL;
}

/* --- the reader's calls --- */

static struct event *add_event(struct workers *w, struct worker *to, enum event_kind kind, uint64_t number)
{
    struct batch *b = open_batch(to);
    struct event *e = &b->events[b->count++];
    e->kind = kind;
    e->number = number;
    w->latest = order_of(e);
    return e;
}

/* Is there room for one more event everywhere, and for so many octets at that worker? If not, there is afterwards. */
static void make_room(struct workers *w, const struct worker *to, size_t octets)
{
    bool full = to && to->filling && to->filling->used + octets > BATCH_OCTETS;
    for (unsigned i = 0; i < w->count && !full; i++)
        full = (!to || to == &w->worker[i]) && w->worker[i].filling && w->worker[i].filling->count == BATCH_EVENTS;
    if (full)
        send_all(w, &w->latest, false, ENGINE_EOF);
}

void workers_packet(struct workers *w, const struct packet *p, struct kept *frames, uint64_t settled)
{
    unsigned lane = lane_of(p);
    if (w->count == 1) {
        take_packet(&w->worker[0], lane, p, frames, settled);
        return;
    }
    struct worker *to = &w->worker[lane % w->count];
    make_room(w, to, p->payload.len);
    struct event *e = add_event(w, to, EVENT_PACKET, p->frame);
    struct batch *b = to->filling;
    e->lane = lane;
    e->frames = frames;
    e->settled = settled;
    e->packet = *p;
    e->packet.payload.data = b->octets + b->used;
    if (p->payload.len)
        memcpy(b->octets + b->used, p->payload.data, p->payload.len);
    b->used += p->payload.len;
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

void workers_finish(struct workers *w, enum engine_end how, struct engine_counts *counts)
{
    if (w->count == 1) {
        lanes_finish(w->worker[0].lanes, how);
    } else {
        send_all(w, &(struct order){ORDER_END, PHASE_PACKET, 0}, true, how);
        for (unsigned i = 0; i < w->count; i++)
            pthread_join(w->worker[i].thread, NULL);
        pthread_join(w->recording, NULL);
    }
    for (unsigned i = 0; i < w->count; i++)
        lanes_count(w->worker[i].lanes, counts);
    workers_free(w);
}
