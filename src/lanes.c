#include "lanes.h"

#include "base/clock.h"
#include "base/memory.h"
#include "capture/flow.h"

#include <stdlib.h>

struct lanes {
    struct engine_settings settings;
    unsigned share, shares;
    lanes_emit *emit;
    lanes_belongs *belongs; /* or null */
    void *arg;
    struct order now;
    struct engine *engines[LANES]; /* null until there is a packet for it */
};

static void divide(uint64_t *limit)
{
    *limit = (*limit + LANES - 1) / LANES;
}

struct lanes *lanes_new(const struct engine_settings *settings, unsigned share, unsigned shares, lanes_emit *emit,
                        void *arg)
{
    struct lanes *l = memory_get(sizeof *l);
    l->settings = *settings;
    divide(&l->settings.limits.flows);
    divide(&l->settings.limits.held);
    divide(&l->settings.memory);
    l->share = share;
    l->shares = shares;
    l->emit = emit;
    l->arg = arg;
    return l;
}

void lanes_tell(struct lanes *l, lanes_belongs *belongs)
{
    l->belongs = belongs;
}

void lanes_free(struct lanes *l)
{
    for (unsigned i = 0; i < LANES; i++)
        if (l->engines[i])
            engine_free(l->engines[i]);
    free(l);
}

/* Not seeded: the lane decides what is evicted when, and that must be the same tomorrow. Who fills one lane on purpose
   fills a 64th of the memory; the tables inside are seeded. */
unsigned lane_of(const struct packet *p)
{
    uint64_t src[2], dst[2]; /* sums are the same for both directions */
    memcpy(src, &p->src, sizeof src);
    memcpy(dst, &p->dst, sizeof dst);
    uint64_t mixed = (src[0] + dst[0]) * UINT64_C(0x9e3779b97f4a7c15);
    mixed ^= mixed >> 32;
    mixed += src[1] + dst[1] + p->sport + p->dport;
    mixed *= UINT64_C(0xd6e8feb86659fd93);
    return (unsigned)(mixed >> 32) % LANES;
}

static void emit(void *arg, struct record *r)
{
    struct lanes *l = arg;
    l->emit(l->arg, &l->now, r);
}

static void belongs(void *arg, const struct belonging *b, bool packet)
{
    struct lanes *l = arg;
    l->belongs(l->arg, &l->now, b, packet);
}

void lanes_packet(struct lanes *l, unsigned lane, const struct packet *p)
{
    struct engine **e = &l->engines[lane];
    if (!*e) {
        l->settings.emit = emit;
        l->settings.belongs = l->belongs ? belongs : NULL;
        l->settings.arg = l;
        *e = engine_new(&l->settings);
    }
    l->now = (struct order){p->frame, PHASE_PACKET, 0};
    engine_packet(*e, p);
}

/* The connections that are due, over all lanes in the order of their first packets. */
static void end_due(struct lanes *l)
{
    for (;;) {
        struct engine *next = NULL;
        uint64_t least = 0, first;
        for (unsigned i = l->share; i < LANES; i += l->shares) {
            if (l->engines[i] && engine_next_due(l->engines[i], &first) && (!next || first < least)) {
                next = l->engines[i];
                least = first;
            }
        }
        if (!next)
            return;
        l->now.first = least;
        engine_end_due(next);
    }
}

void lanes_tick(struct lanes *l, uint64_t number, int64_t now)
{
    l->now = (struct order){number, PHASE_TICK, 0};
    for (unsigned i = l->share; i < LANES; i += l->shares)
        if (l->engines[i])
            engine_due(l->engines[i], now);
    end_due(l);
}

void lanes_finish(struct lanes *l, enum engine_end how)
{
    l->now = (struct order){ORDER_END, PHASE_TICK, 0};
    for (unsigned i = l->share; i < LANES; i += l->shares)
        if (l->engines[i])
            engine_all_due(l->engines[i], how);
    end_due(l);
}

void lanes_count(const struct lanes *l, struct engine_counts *sum)
{
    for (unsigned i = 0; i < LANES; i++)
        if (l->engines[i])
            engine_counts_add(sum, engine_counts(l->engines[i]));
}

bool lanes_clock_reach(struct lanes_clock *clock, int64_t when)
{
    if (when > clock->now)
        clock->now = when;
    int64_t second = clock->now / CLOCK_S;
    if (second == clock->second)
        return false;
    clock->second = second;
    return true;
}
