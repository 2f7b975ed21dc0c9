/* Segments to conversations to sessions: see engine.h. */
#include "engine.h"

#include "base/clock.h"
#include "base/memory.h"
#include "capture/flow.h"
#include "session/session_private.h"

#include <stdlib.h>
#include <sys/random.h>

#define LINGER         (2 * CLOCK_S) /* after the end, for what was still under way */
#define MEMORY_RESERVE 8             /* of the budget, one part in so many is for what nobody counts */
#define AWAKE_SHARE    10            /* of the budget, one part in so many is for sessions that are not put away */
#define BARE_SHARE     8             /* of the connections, one in so many may be a handshake without a flood */
#define FRESH_SHARE    8192          /* octets of budget for each tcp_fresh of 120 octets */

struct engine {
    struct engine_settings settings;
    struct session_settings session_settings;
    struct flow_table *flows;
    struct tcp_budget budget;
    struct engine_counts counts;
    uint64_t memory;   /* octets that flows and sessions may take */
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
    *settings = (struct engine_settings){.hold = 262144, .memory = UINT64_C(512) << 20, .ports = ports};
    limits_init(&settings->limits);
    mail_settings_init(&settings->mail);
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
    e->session_settings = (struct session_settings){
        .limits = &e->settings.limits,
        .mail = mail_new(&e->settings.limits, &settings->mail),
        .pool = session_pool_new(settings->put_away_at_once ? 0 : settings->memory / AWAKE_SHARE),
        .hold = settings->hold,
        .interim = settings->interim,
        .sensor = settings->sensor,
        .keylog = settings->keylog,
        .emit = emit,
        .arg = e};
    e->budget.limits = &e->settings.limits;
    e->flows = flow_table_new(&e->budget);
    e->memory = settings->memory - settings->memory / MEMORY_RESERVE;
    e->budget.last_wins = settings->overlap_last;
    e->budget.fresh_most = (uint32_t)(settings->memory / FRESH_SHARE);
    if (getrandom(&e->budget.random, sizeof e->budget.random, GRND_NONBLOCK) < 0)
        e->budget.random = (uintptr_t)e;
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

/* What is known at once to give no record and to hold nothing but its place: most of a flood. */
static bool is_empty(struct flow_head *head)
{
    const struct flow *f = flow_of_head(head);
    return !f || (!f->session && !f->tcp.trouble);
}

/* What stands at a port of mail is written from its first packet on, whatever may come: nobody waits for it. */
static bool is_at_mail_port(const struct flow_head *head)
{
    unsigned name;
    bool tls;
    return dissector_of_port(head->server_port, &name, &tls) != NULL;
}

/* Who keeps the packets is told. */
static void tell_fate(struct engine *e, const struct flow_head *head, enum fate fate, bool packet)
{
    struct belonging b = {.connection = flow_first_frame(head), .fate = fate};
    if (is_at_mail_port(head)) {
        if (!packet)
            return; /* that was told with the first */
        b.fate = FATE_MAIL;
    }
    if (b.fate == FATE_MAIL)
        session_uid(head, b.uid);
    e->settings.belongs(e->settings.arg, &b, packet);
}

static void drop_empty(struct engine *e, struct flow_head *head)
{
    struct flow *f = flow_of_head(head);
    if (e->settings.belongs)
        tell_fate(e, head, FATE_OTHER, false);
    if (f)
        tcp_release(&f->tcp, &e->budget);
    e->counts.flows_empty++;
    flow_remove(e->flows, head);
}

static void end_flow(struct engine *e, struct flow *f, enum close how)
{
    struct where_to to = {e, f};
    tcp_finish(&f->tcp, &e->budget, &reader, &to);
    uint64_t octets = 0;
    for (int side = 0; side < 2; side++) {
        struct tcp_side seen = tcp_side(&f->tcp, side);
        e->counts.late_octets += seen.late;
        e->counts.conflict_octets += seen.conflicts;
        e->counts.missed_octets += seen.missed;
        octets += seen.octets;
    }
    struct session *s = f->session;
    enum fate fate = FATE_OTHER;
    if (!s)
        e->counts.flows_empty++;
    if (s && !octets) { /* nothing but lost octets: no session to speak of */
        session_free(s);
    } else if (s) {
        e->counts.flows_unrecognised += !session_end(s, how, &fate);
    }
    if (e->settings.belongs)
        tell_fate(e, &f->head, fate, false);
    tcp_release(&f->tcp, &e->budget);
    flow_remove(e->flows, &f->head);
}

static enum close reason(const struct flow *f, enum close otherwise)
{
    if (tcp_was_reset(&f->tcp))
        return CLOSE_RST;
    return tcp_has_fin(&f->tcp) ? CLOSE_FIN : otherwise;
}

static int by_first_frame(const void *a, const void *b)
{
    const struct flow *x = *(struct flow *const *)a, *y = *(struct flow *const *)b;
    return (x->tcp.first_frame > y->tcp.first_frame) - (x->tcp.first_frame < y->tcp.first_frame);
}

/* One that would give no record goes at once. */
static void add_due(struct engine *e, struct flow_head *head)
{
    if (is_empty(head)) {
        drop_empty(e, head);
        return;
    }
    if (e->due_count == e->due_cap) {
        e->due_cap = e->due_cap ? e->due_cap * 2 : 64;
        e->due = memory_resize(e->due, e->due_cap * sizeof *e->due);
    }
    e->due[e->due_count++] = flow_of_head(head);
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
    for (unsigned order = 0; order < FLOW_ORDERS; order++) {
        struct flow_head *head = flow_first(e->flows, (enum flow_order)order), *next;
        for (; head; head = next) {
            int64_t quiet = order == FLOW_ENDED ? tcp_end_when(&flow_of_head(head)->tcp) : flow_last_when(head);
            if (now - quiet < (order == FLOW_ENDED ? LINGER : idle))
                break;
            next = flow_next(e->flows, head);
            add_due(e, head);
        }
    }
    sort_due(e);
}

void engine_all_due(struct engine *e, enum engine_end how)
{
    begin_due(e, how == ENGINE_EOF ? CLOSE_EOF : CLOSE_SHUTDOWN);
    for (unsigned order = 0; order < FLOW_ORDERS; order++) {
        struct flow_head *head = flow_first(e->flows, (enum flow_order)order), *next;
        for (; head; head = next) {
            next = flow_next(e->flows, head);
            add_due(e, head);
        }
    }
    sort_due(e);
}

bool engine_next_due(const struct engine *e, uint64_t *first)
{
    if (e->due_first == e->due_count)
        return false;
    *first = e->due[e->due_first]->tcp.first_frame;
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

/* Handshakes without payload are worth least where they are many: a flood. A few are connections that have just begun,
   and worth more than those that have nothing to say. */
static struct flow_head *worth_least(const struct engine *e)
{
    static const enum flow_order flooded[] = {FLOW_BARE, FLOW_ENDED, FLOW_IDLE, FLOW_OPEN};
    static const enum flow_order usual[] = {FLOW_ENDED, FLOW_IDLE, FLOW_BARE, FLOW_OPEN};
    bool flood = flow_count_of(e->flows, FLOW_BARE) > flow_count(e->flows) / BARE_SHARE;
    struct flow_head *head = NULL;
    for (unsigned i = 0; i < FLOW_ORDERS && !head; i++)
        head = flow_first(e->flows, flood ? flooded[i] : usual[i]);
    return head;
}

/* Gives up the idlest of those that are worth least. */
static void evict(struct engine *e)
{
    struct flow_head *head = worth_least(e);
    if (!head)
        return;
    enum flow_order order = (enum flow_order)head->order;
    if (order != FLOW_ENDED)
        e->counts.flows_evicted++;
    if (order == FLOW_BARE)
        e->counts.handshakes_evicted++;
    if (is_empty(head)) {
        drop_empty(e, head);
        return;
    }
    struct flow *f = flow_of_head(head);
    end_flow(e, f, order == FLOW_ENDED ? reason(f, CLOSE_EVICTED) : CLOSE_EVICTED);
}

/* The flow, if any, that this segment is to be given to. */
static struct flow *flow_for(struct engine *e, const struct packet *p, int *side)
{
    struct flow *f = flow_find(e->flows, p, e->settings.vlan_apart, side);
    bool begun = f && tcp_is_new(&f->tcp, *side, p, &e->budget);
    if (begun) {
        end_flow(e, f, reason(f, CLOSE_TIMEOUT));
        f = NULL;
    }
    if (f)
        return f;
    if (p->tcp_flags & TCP_RST && !p->payload_wire)
        return NULL; /* the tail of a conversation, or a closed port: nothing to follow */
    if (flow_count(e->flows) >= e->settings.limits.flows)
        evict(e);
    e->counts.flows_created++;
    if (flow_is_bare_syn(p)) {
        struct flow_head *head = flow_add_syn(e->flows, p, e->settings.vlan_apart);
        if (e->settings.belongs)
            tell_fate(e, head, FATE_OPEN, true);
        return NULL;
    }
    f = flow_add(e->flows, p, e->settings.vlan_apart, e->settings.ports, side);
    if (begun && p->tcp_flags & TCP_ACK) /* by the SYN that this one answers */
        tcp_had_syn(&f->tcp, !*side, &e->budget);
    return f;
}

static enum flow_order order_of(const struct flow *f)
{
    const struct session *s = f->session;
    if (tcp_end_when(&f->tcp))
        return FLOW_ENDED;
    if (!s)
        return FLOW_BARE;
    return session_busy(s) ? FLOW_OPEN : FLOW_IDLE;
}

uint64_t engine_memory(const struct engine *e)
{
    return flow_memory(e->flows) + e->budget.memory + session_pool_held(e->session_settings.pool);
}

static void keep_within_memory(struct engine *e)
{
    while (engine_memory(e) > e->memory && flow_count(e->flows))
        evict(e);
}

void engine_packet(struct engine *e, const struct packet *p)
{
    e->counts.packets++;
    int side = 0;
    struct flow *f = flow_for(e, p, &side);
    if (f) {
        flow_touch(e->flows, f, p);
        struct where_to to = {e, f};
        bool offered = tcp_segment(&f->tcp, side, p, &e->budget, &reader, &to);
        if (f->session && !offered)
            session_offer(f->session);
        if (e->settings.belongs)
            tell_fate(e, &f->head, f->session ? session_fate(f->session) : FATE_OPEN, true);
        flow_set_order(e->flows, f, order_of(f));
    }
    keep_within_memory(e);
}

void engine_counts_add(struct engine_counts *sum, const struct engine_counts *more)
{
    sum->packets += more->packets;
    sum->flows_created += more->flows_created;
    sum->flows_evicted += more->flows_evicted;
    sum->handshakes_evicted += more->handshakes_evicted;
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
    mail_free(e->session_settings.mail);
    tcp_budget_release(&e->budget);
    free(e->due);
    free(e);
}
