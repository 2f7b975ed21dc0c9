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
    struct flow **due; /* what engine_due() found, in the order of their first packet */
    size_t due_first, due_count, due_cap;
    enum close due_how;
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
                                                    .pool = session_pool_new(),
                                                    .hold = settings->hold,
                                                    .interim = settings->interim,
                                                    .sensor = settings->sensor,
                                                    .emit = emit,
                                                    .arg = e};
    e->flows = flow_table_new();
    e->budget.limits = &e->settings.limits;
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

static void add_due(struct engine *e, struct flow *f)
{
    if (e->due_count == e->due_cap) {
        e->due_cap = e->due_cap ? e->due_cap * 2 : 64;
        e->due = memory_resize(e->due, e->due_cap * sizeof *e->due);
    }
    e->due[e->due_count++] = f;
}

static void begin_due(struct engine *e, enum close how)
{
    e->due_first = e->due_count = 0;
    e->due_how = how;
}

static void sort_due(struct engine *e)
{
    if (e->due_count > 1)
        qsort(e->due, e->due_count, sizeof(struct flow *), by_first_frame);
}

void engine_due(struct engine *e, int64_t now)
{
    int64_t idle = (int64_t)e->settings.limits.idle * CLOCK_S;
    begin_due(e, CLOSE_TIMEOUT);
    for (struct flow *f = flow_first_ended(e->flows); f && now - f->tcp.end_when >= LINGER; f = f->later)
        add_due(e, f);
    for (struct flow *f = flow_idlest(e->flows); f && now - f->last_when >= idle; f = f->busier)
        if (!f->ending)
            add_due(e, f);
    sort_due(e);
}

void engine_all_due(struct engine *e, enum engine_end how)
{
    begin_due(e, how == ENGINE_EOF ? CLOSE_EOF : CLOSE_SHUTDOWN);
    for (struct flow *f = flow_oldest(e->flows); f; f = f->newer)
        add_due(e, f);
    sort_due(e);
}

bool engine_next_due(const struct engine *e, uint64_t *first)
{
    if (e->due_first == e->due_count)
        return false;
    *first = e->due[e->due_first]->first_frame;
    return true;
}

void engine_end_due(struct engine *e)
{
    struct flow *f = e->due[e->due_first++];
    end_flow(e, f, reason(f, e->due_how));
}

/* --- segments --- */

bool engine_follows(const struct engine_settings *settings, const struct packet *p)
{
    if (settings->any_port)
        return true;
    for (const uint16_t *port = settings->ports; *port; port++)
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
    e->counts.packets++;
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

void engine_counts_add(struct engine_counts *sum, const struct engine_counts *more)
{
    sum->packets += more->packets;
    sum->flows_created += more->flows_created;
    sum->flows_evicted += more->flows_evicted;
    sum->flows_unrecognised += more->flows_unrecognised;
    sum->flows_empty += more->flows_empty;
    sum->late_octets += more->late_octets;
    sum->conflict_octets += more->conflict_octets;
    sum->missed_octets += more->missed_octets;
}

const struct engine_counts *engine_counts(const struct engine *e)
{
    return &e->counts;
}

void engine_free(struct engine *e)
{
    flow_table_free(e->flows);
    session_pool_free(e->session_settings.pool);
    free(e->due);
    free(e);
}
