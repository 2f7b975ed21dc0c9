/* Turns the steps of a dialogue into packets: what each side sends acknowledges what it had received by then. */
#include "base/clock.h"
#include "base/memory.h"
#include "dialogue.h"
#include <stdlib.h>

#define START        (INT64_C(1767225600) * CLOCK_S) /* 2026-01-01T00:00:00Z */
#define STEP_TIME    (10 * CLOCK_MS)
#define ACK_TIME     (100 * CLOCK_US)
#define COPY_TIME    (20 * CLOCK_US)
#define SEGMENT_SIZE 1400
#define CLIENT_PORT  40001

struct end { /* one side of the conversation; [0] is the client, [1] the server */
    uint32_t isn;
    uint64_t sent;     /* octets, a FIN counted as one */
    uint64_t received; /* of the other side's, never less than before */
    uint64_t *turns;   /* where each turn began; a turn that is one FIN too */
    size_t turn_count, turn_cap;
    uint16_t ip_id;
};

struct builder {
    const struct dialogue_file *d;
    struct trace *out;
    int *shifts; /* of each packet in `out` */
    size_t shift_cap;
    struct end ends[2];
    int64_t now;
    uint16_t client_port, server_port;
    uint8_t v4[2][4]; /* addresses of client and server */
    bool connected;   /* once at least */
};

static void acknowledgment(const struct builder *b, bool server, struct packet *p)
{
    const struct end *me = b->ends + server, *other = b->ends + !server;

    switch (b->d->acks) {
    case ACKS_NONE:
        return;
    case ACKS_ZERO:
        p->tcp_flags |= TCP_ACK;
        return;
    case ACKS_CONSTANT:
        p->ack = other->isn + 1;
        p->tcp_flags |= TCP_ACK;
        return;
    case ACKS_PIGGYBACK:
    case ACKS_EVERY:
        p->ack = other->isn + 1 + (uint32_t)me->received;
        p->tcp_flags |= TCP_ACK;
        return;
    }
}

static void address_of(const struct builder *b, bool server, struct address *a)
{
    static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};

    *a = (struct address){{0}};
    if (b->d->ipv6) {
        memcpy(a->octets, v6, sizeof(v6));
        a->octets[15] = server ? 0x25 : 1;
    } else {
        memcpy(a->octets, b->v4[server], sizeof(b->v4[0]));
    }
}

/* A packet as that side would send it now, from stream place `at`. */
static struct packet packet_of(struct builder *b, bool server, uint8_t flags, uint64_t at, struct bytes payload)
{
    struct packet p = {.when = b->now, .window = 64240, .tcp_flags = flags, .has_mac = true};
    struct end *me = b->ends + server;
    uint16_t server_port = b->server_port;

    p.ip_version = b->d->ipv6 ? 6 : 4;
    address_of(b, server, &p.src);
    address_of(b, !server, &p.dst);
    p.sport = server ? server_port : b->client_port;
    p.dport = server ? b->client_port : server_port;
    p.src_mac[0] = p.dst_mac[0] = 2;
    p.src_mac[5] = server ? 0x25 : 1;
    p.dst_mac[5] = server ? 1 : 0x25;
    p.seq = me->isn + ((flags & TCP_SYN) != 0 ? 0 : 1) + (uint32_t)at;
    if (p.ip_version == 4)
        p.ip_id = ++me->ip_id;
    p.payload = payload;
    p.payload_wire = (uint32_t)payload.len;
    return p;
}

static void capture(struct builder *b, const struct step *s, const struct packet *p)
{
    const struct dialogue_file *d = b->d;
    bool server = p->sport == d->port;
    struct packet copy = *p;

    if (s->lost || (d->only_client && server) || (d->only_server && !server))
        return;
    copy.tcp_sum = trace_checksum(p);
    if (d->snap > 0)
        copy.payload = bytes_part(p->payload, 0, d->snap);
    if (b->out->count + 1 >= b->shift_cap) {
        b->shift_cap = b->shift_cap > 0 ? b->shift_cap * 2 : 64;
        b->shifts = memory_resize(b->shifts, b->shift_cap * sizeof(*b->shifts));
    }
    b->shifts[b->out->count] = s->shift;
    trace_add(b->out, &copy);
    if (s->dup) {
        copy.when += COPY_TIME;
        b->shifts[b->out->count] = s->shift;
        trace_add(b->out, &copy);
    }
}

static void send_segment(struct builder *b, const struct step *s, uint8_t flags, struct bytes payload)
{
    struct end *me = b->ends + s->server;
    struct packet p;
    uint64_t at = me->sent - s->over, end = at + payload.len + ((flags & TCP_FIN) != 0);

    b->now += STEP_TIME;
    p = packet_of(b, s->server, flags, at, payload);
    acknowledgment(b, s->server, &p);
    capture(b, s, &p);
    me->sent = end > me->sent ? end : me->sent;
}

static void send_again(struct builder *b, const struct step *s, uint8_t flags, uint64_t at, struct bytes payload)
{
    struct packet p;

    b->now += STEP_TIME;
    p = packet_of(b, s->server, flags, at, payload);
    acknowledgment(b, s->server, &p);
    capture(b, s, &p);
}

static void send_ack(struct builder *b, bool server)
{
    struct step s = {.server = server};
    struct packet p;

    b->ends[server].received = b->ends[!server].sent;
    b->now += ACK_TIME;
    p = packet_of(b, server, 0, b->ends[server].sent, (struct bytes){0});
    acknowledgment(b, server, &p);
    capture(b, &s, &p);
}

/* What the sender had received: all, or all but the last turns of the other side. */
static void receive(struct builder *b, const struct step *s)
{
    struct end *me = b->ends + s->server, *other = b->ends + !s->server;
    uint64_t received = other->sent;

    if (s->crossing > 0 && other->turn_count > 0)
        received = other->turns[s->crossing < other->turn_count ? other->turn_count - s->crossing : 0];
    if (received > me->received)
        me->received = received;
    if (s->turn) {
        if (me->turn_count == me->turn_cap) {
            me->turn_cap = me->turn_cap > 0 ? me->turn_cap * 2 : 16;
            me->turns = memory_resize(me->turns, me->turn_cap * sizeof(*me->turns));
        }
        me->turns[me->turn_count++] = me->sent;
    }
}

/* With empty acknowledgments: has the other side received this step before it speaks again? */
static bool acked_at_once(const struct dialogue_file *d, size_t at)
{
    const struct step *s = d->steps + at;

    if (d->acks != ACKS_EVERY)
        return false;
    for (size_t i = at + 1; i < d->step_count; i++) {
        const struct step *next = d->steps + i;

        if (next->kind == STEP_CONNECTION)
            return true;
        if (next->kind != STEP_WAIT && next->server != s->server)
            return next->crossing == 0;
    }
    return true;
}

static void send_data(struct builder *b, size_t at)
{
    const struct step *s = b->d->steps + at;
    struct bytes all = bytes_of(s->octets, s->len);
    uint64_t began = b->ends[s->server].sent;

    for (size_t done = 0; done < all.len; done += SEGMENT_SIZE) {
        send_segment(b, s, TCP_PSH, bytes_part(all, done, SEGMENT_SIZE));
        if (acked_at_once(b->d, at))
            send_ack(b, !s->server);
    }
    for (size_t done = 0; s->again && done < all.len; done += SEGMENT_SIZE)
        send_again(b, s, TCP_PSH, began + done, bytes_part(all, done, SEGMENT_SIZE));
}

static void connect_both(struct builder *b)
{
    const struct step client = {0}, server = {.server = true};
    struct packet p;

    for (int i = 0; i < 2; i++) {
        struct end *e = b->ends + i;

        e->isn = b->connected ? e->isn + 1000000 : b->d->isn + (i ? 500000 : 0);
        e->sent = e->received = 0;
        e->turn_count = 0;
    }
    b->connected = true;
    if (b->d->midstream)
        return;
    b->now += STEP_TIME;
    p = packet_of(b, false, TCP_SYN, 0, (struct bytes){0});
    capture(b, &client, &p);
    b->now += STEP_TIME;
    p = packet_of(b, true, TCP_SYN, 0, (struct bytes){0});
    acknowledgment(b, true, &p);
    capture(b, &server, &p);
    b->now += ACK_TIME;
    p = packet_of(b, false, 0, 0, (struct bytes){0});
    acknowledgment(b, false, &p);
    capture(b, &client, &p);
}

static void disconnect(struct builder *b)
{
    const struct step client = {.turn = true}, server = {.server = true, .turn = true};

    if (b->d->close == CLOSE_NONE)
        return;
    receive(b, &client);
    send_segment(b, &client, b->d->close == CLOSE_FIN ? TCP_FIN : TCP_RST, (struct bytes){0});
    if (b->d->close == CLOSE_RST)
        return;
    receive(b, &server);
    send_segment(b, &server, TCP_FIN, (struct bytes){0});
    send_ack(b, false);
}

static void step(struct builder *b, size_t at)
{
    const struct step *s = b->d->steps + at;
    struct packet again;

    switch (s->kind) {
    case STEP_DATA:
        receive(b, s);
        send_data(b, at);
        break;
    case STEP_FIN:
    case STEP_RST:
        receive(b, s);
        send_segment(b, s, s->kind == STEP_FIN ? TCP_FIN : TCP_RST, (struct bytes){0});
        if (s->kind == STEP_FIN && s->again)
            send_again(b, s, TCP_FIN, b->ends[s->server].sent - 1, (struct bytes){0});
        break;
    case STEP_SYN:
        b->now += STEP_TIME;
        again = packet_of(b, s->server, TCP_SYN, 0, (struct bytes){0});
        if (s->server)
            acknowledgment(b, true, &again);
        capture(b, s, &again);
        break;
    case STEP_ACK:
        receive(b, s);
        send_segment(b, s, 0, (struct bytes){0});
        break;
    case STEP_WAIT:
        b->now += s->time;
        break;
    case STEP_CONNECTION:
        disconnect(b);
        b->client_port = (uint16_t)(b->client_port + s->ports_on);
        if (s->from[0] != 0)
            memcpy(b->v4[0], s->from, sizeof(s->from));
        if (s->to[0] != 0)
            memcpy(b->v4[1], s->to, sizeof(s->to));
        b->server_port = s->port != 0 ? s->port : b->server_port;
        connect_both(b);
        break;
    }
}

struct place {
    int64_t key;
    size_t from;
};

static int place_compare(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->from < y->from ? -1 : x->from > y->from;
}

static void arrange(struct trace *t, struct place *places)
{
    struct segment *old = t->segments;

    qsort(places, t->count, sizeof(*places), place_compare);
    t->segments = memory_get(t->cap * sizeof(*t->segments));
    for (size_t i = 0; i < t->count; i++)
        t->segments[i] = old[places[i].from];
    free(old);
}

/* A packet that is captured N places later takes the time of its new place: the order of capture is that of time. */
static void shift(struct builder *b)
{
    struct trace *t = b->out;
    struct place *places = memory_get((t->count + 1) * sizeof(*places));
    int64_t *times = memory_get((t->count + 1) * sizeof(*times));

    for (size_t i = 0; i < t->count; i++) {
        int n = b->shifts[i];

        times[i] = t->segments[i].packet.when;
        places[i] = (struct place){2 * ((int64_t)i + n) + (n > 0) - (n < 0), i};
    }
    arrange(t, places);
    for (size_t i = 0; i < t->count; i++)
        t->segments[i].packet.when = times[i];
    free(times);
    free(places);
}

/* One direction reached the capture point later, as with two ports tapped apart. */
static void delay(const struct dialogue_file *d, struct trace *t)
{
    struct place *places;

    if (d->delay_client == 0 && d->delay_server == 0)
        return;
    places = memory_get((t->count + 1) * sizeof(*places));
    for (size_t i = 0; i < t->count; i++) {
        struct packet *p = &t->segments[i].packet;

        p->when += p->sport == d->port ? d->delay_server : d->delay_client;
        places[i] = (struct place){p->when, i};
    }
    arrange(t, places);
    free(places);
}

static void copies(const struct dialogue_file *d, struct trace *t)
{
    for (size_t i = 0; d->copies && i < t->count; i += 2) {
        struct packet *p = trace_insert(t, i + 1, &t->segments[i].packet);

        p->when += COPY_TIME;
        if (d->copies_tagged) {
            p->vlans[0] = 7;
            p->vlan_count = 1;
            p->encaps[0] = ENCAP_VLAN;
            p->encap_count = 1;
        }
    }
}

void dialogue_file_packets(const struct dialogue_file *d, struct trace *ret)
{
    struct builder b = {.d = d,
                        .out = ret,
                        .now = START,
                        .client_port = CLIENT_PORT,
                        .server_port = d->port,
                        .v4 = {{192, 0, 2, 1}, {198, 51, 100, 25}}};

    *ret = (struct trace){0};
    connect_both(&b);
    for (size_t i = 0; i < d->step_count; i++)
        step(&b, i);
    disconnect(&b);
    shift(&b);
    delay(d, ret);
    copies(d, ret);
    trace_number(ret);
    free(b.shifts);
    free(b.ends[0].turns);
    free(b.ends[1].turns);
}
