/* Segments to conversations to sessions: see engine.h. */
#include "engine.h"

#include "base/clock.h"
#include "base/memory.h"
#include "capture/flow.h"
#include "session/session_private.h"

#include <stdlib.h>

#define LINGER (2 * CLOCK_S) /* after the end, for what was still under way */

struct engine {
    struct engine_settings settings;
    struct session_settings session_settings;
    struct flow_table *flows;
    struct tcp_budget budget;
    struct engine_counts counts;
    int64_t now;         /* the latest capture time seen */
    int64_t last_tick;   /* in whole seconds */
    struct flow **ended; /* of one tick, sorted before they are recorded */
    size_t ended_count, ended_cap;
};

struct where_to {
    struct engine *engine;
    struct flow *flow;
};

void engine_settings_init(struct engine_settings *settings)
{
    static const uint16_t ports[] = {25, 465, 587, 2525, 24, 110, 995, 143, 993, 0};
    *settings = (struct engine_settings){.hold = 262144, .ports = ports};
    limits_init(&settings->limits);
}

static void emit(void *arg, struct record *r)
{
    struct engine *e = arg;
    e->settings.emit(e->settings.arg, r);
}

struct engine *engine_new(const struct engine_settings *settings)
{
    struct engine *e = memory_get(sizeof *e);
    e->settings = *settings;
    e->session_settings = (struct session_settings){.limits = &e->settings.limits,
                                                    .hold = settings->hold,
                                                    .interim = settings->interim,
                                                    .sensor = settings->sensor,
                                                    .emit = emit,
                                                    .arg = e};
    e->flows = flow_table_new();
    e->budget.limits = &e->settings.limits;
    e->now = e->last_tick = INT64_MIN;
    return e;
}

/* --- what TCP puts in order --- */

static void on_data(void *arg, int side, struct bytes data, const struct octets *where)
{
    struct where_to *to = arg;
    if (!to->flow->session)
        to->flow->session = session_new(&to->engine->session_settings, to->flow);
    session_data(to->flow->session, (enum side)side, data, where);
}

static void on_gap(void *arg, int side, uint64_t len, const struct octets *where)
{
    struct where_to *to = arg;
    if (!to->flow->session)
        to->flow->session = session_new(&to->engine->session_settings, to->flow);
    session_gap(to->flow->session, (enum side)side, len, where);
}

static const struct tcp_reader reader = {on_data, on_gap};

/* --- ending --- */

static void end_flow(struct engine *e, struct flow *f, enum close how)
{
    struct where_to to = {e, f};
    tcp_finish(&f->tcp, &e->budget, &reader, &to);
    tcp_release(&f->tcp, &e->budget);
    struct session *s = f->session;
    for (int side = 0; side < 2; side++) {
        e->counts.late_octets += f->tcp.half[side].late;
        e->counts.conflict_octets += f->tcp.half[side].conflicts;
        e->counts.missed_octets += f->tcp.half[side].missed;
    }
    if (how == CLOSE_EVICTED)
        e->counts.flows_evicted++;
    if (!s)
        e->counts.flows_empty++;
    if (s && !f->tcp.half[0].octets && !f->tcp.half[1].octets) { /* nothing but lost octets: no session to speak of */
        session_free(s);
    } else if (s) {
        s->ending = true;
        e->counts.flows_unrecognised += !session_end(s, how);
    }
    flow_remove(e->flows, f);
}

static enum close reason(const struct flow *f, enum close otherwise)
{
    const struct tcp *t = &f->tcp;
    if (t->reset)
        return CLOSE_RST;
    return t->half[0].fin || t->half[1].fin ? CLOSE_FIN : otherwise;
}

static int by_first_frame(const void *a, const void *b)
{
    const struct flow *x = *(struct flow *const *)a, *y = *(struct flow *const *)b;
    return (x->first_frame > y->first_frame) - (x->first_frame < y->first_frame);
}

static void note_ended(struct engine *e, struct flow *f)
{
    if (e->ended_count == e->ended_cap) {
        e->ended_cap = e->ended_cap ? e->ended_cap * 2 : 64;
        e->ended = memory_resize(e->ended, e->ended_cap * sizeof *e->ended);
    }
    e->ended[e->ended_count++] = f;
}

/* Conversations that ended two seconds ago, or were idle for too long, go in the order of their first packet. */
static void expire(struct engine *e)
{
    int64_t idle = (int64_t)e->settings.limits.idle * CLOCK_S;
    e->ended_count = 0;
    for (struct flow *f = flow_first_ended(e->flows); f && e->now - f->tcp.end_when >= LINGER; f = f->later)
        note_ended(e, f);
    for (struct flow *f = flow_idlest(e->flows); f && e->now - f->last_when >= idle; f = f->busier)
        if (!f->ending)
            note_ended(e, f);
    if (!e->ended_count)
        return;
    qsort(e->ended, e->ended_count, sizeof(struct flow *), by_first_frame);
    for (size_t i = 0; i < e->ended_count; i++)
        end_flow(e, e->ended[i], reason(e->ended[i], CLOSE_TIMEOUT));
}

void engine_tick(struct engine *e, int64_t now)
{
    if (now > e->now)
        e->now = now;
    int64_t second = e->now / CLOCK_S;
    if (second == e->last_tick)
        return;
    e->last_tick = second;
    expire(e);
}

/* --- segments --- */

static bool followed(const struct engine *e, const struct packet *p)
{
    if (e->settings.any_port)
        return true;
    for (const uint16_t *port = e->settings.ports; *port; port++)
        if (*port == p->sport || *port == p->dport)
            return true;
    return false;
}

static struct flow *flow_of(struct engine *e, const struct packet *p, int *side)
{
    struct flow *f = flow_find(e->flows, p, e->settings.vlan_apart, side);
    bool begun = f && tcp_is_new(&f->tcp, *side, p);
    if (begun) {
        end_flow(e, f, reason(f, CLOSE_TIMEOUT));
        f = NULL;
    }
    if (f)
        return f;
    if (p->tcp_flags & TCP_RST && !p->payload_wire)
        return NULL; /* the tail of a conversation, or a closed port: nothing to follow */
    if (flow_count(e->flows) >= e->settings.limits.flows)
        end_flow(e, flow_idlest(e->flows), CLOSE_EVICTED);
    e->counts.flows_created++;
    f = flow_add(e->flows, p, e->settings.vlan_apart, e->settings.ports, side);
    if (begun && p->tcp_flags & TCP_ACK) /* by the SYN that this one answers */
        tcp_had_syn(&f->tcp, !*side);
    return f;
}

void engine_packet(struct engine *e, const struct packet *p)
{
    if (!followed(e, p))
        return;
    e->counts.packets++;
    engine_tick(e, p->when);
    int side = 0;
    struct flow *f = flow_of(e, p, &side);
    if (!f)
        return;
    flow_touch(e->flows, f, p);
    struct where_to to = {e, f};
    tcp_segment(&f->tcp, side, p, &e->budget, &reader, &to);
    flow_set_ending(e->flows, f, f->tcp.end_when != 0);
    if (f->session)
        session_offer(f->session);
}

void engine_finish(struct engine *e, enum engine_end how)
{
    struct flow *f;
    while ((f = flow_oldest(e->flows)) != NULL)
        end_flow(e, f, reason(f, how == ENGINE_EOF ? CLOSE_EOF : CLOSE_SHUTDOWN));
}

const struct engine_counts *engine_counts(const struct engine *e)
{
    return &e->counts;
}

void engine_free(struct engine *e)
{
    flow_table_free(e->flows);
    free(e->ended);
    free(e);
}
