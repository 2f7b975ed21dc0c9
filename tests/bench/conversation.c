/* Connections as packets: handshake, segments, acknowledgments, end (RFC 9293); or UDP datagrams. */
#include "conversation.h"
#include <stdlib.h>
#include <string.h>

#define WINDOW       64240
#define LATE_ACK     40000  /* a side that has nothing to say acknowledges after that many microseconds */
#define BLOCK        16384u /* of the one-octet flood: so many octets come backwards */
#define OVERLAP_MAX  200u
#define CLIENT_BITS  20
#define PORT_BITS    14
#define SERVER_COUNT 50

enum stage { STAGE_SYN, STAGE_SYN_ACK, STAGE_ACK, STAGE_TALK, STAGE_FIN, STAGE_FIN_BACK, STAGE_LAST_ACK, STAGE_END };

static void addresses(struct conversation *c, uint64_t number)
{
    bool mail = c->script.protocol != NULL;
    uint64_t mixed = number * UINT64_C(0x9e3779b97f4a7c15) & ((UINT64_C(1) << (CLIENT_BITS + PORT_BITS)) - 1);
    uint32_t host = (uint32_t)(mixed >> PORT_BITS), server = (uint32_t)random_below(&c->impair, SERVER_COUNT) + 1;
    uint8_t *client = c->ends[CLIENT].ip, *other = c->ends[SERVER].ip;

    c->ends[CLIENT].port = (uint16_t)(32768 + (mixed & ((1u << PORT_BITS) - 1)));
    c->ends[SERVER].port = c->script.port;
    if (c->ipv6) {
        static const uint8_t net[] = {0x20, 0x01, 0x0d, 0xb8};

        memcpy(client, net, sizeof(net));
        memcpy(other, net, sizeof(net));
        client[5] = mail ? 1 : 3;
        other[5] = mail ? 2 : 4;
        for (size_t i = 0; i < 3; i++)
            client[13 + i] = (uint8_t)(host >> (16 - 8 * i));
        other[15] = (uint8_t)server;
    } else {
        /* 172.16.0.0/12 for mail, 100.64.0.0/10 for others: floods have 10.0.0.0/8. */
        client[0] = mail ? 172 : 100;
        client[1] = (uint8_t)((mail ? 16 : 64) + (host >> 16));
        client[2] = (uint8_t)(host >> 8);
        client[3] = (uint8_t)host;
        other[0] = 198;
        other[1] = mail ? 51 : 18;
        other[2] = mail ? 100 : 0;
        other[3] = (uint8_t)server;
    }
    memcpy(c->ends[CLIENT].mac, (const uint8_t[]){2, 0, 0, 0, 0, 1}, 6);
    memcpy(c->ends[SERVER].mac, (const uint8_t[]){2, 0, 0, 0, 0, 2}, 6);
}

void conversation_begin(struct conversation *c, uint64_t seed, uint64_t number, bool ipv6)
{
    c->impair = random_seed(seed ^ UINT64_C(0x5bd1e995), number);
    c->ipv6 = ipv6;
    addresses(c, number);
    for (size_t i = 0; i < 2; i++) {
        c->isn[i] = (uint32_t)random_next(&c->impair);
        c->ip_id[i] = (uint16_t)random_next(&c->impair);
    }
    c->stage = c->script.udp ? STAGE_TALK : STAGE_SYN;
}

void conversation_release(struct conversation *c)
{
    script_release(&c->script);
    free(c->lost);
    *c = (struct conversation){.turn = 0};
}

static void note_lost(struct conversation *c, enum side side, uint64_t from, uint64_t to)
{
    c->lost = script_room(c->lost, &c->lost_count, &c->lost_cap, sizeof(*c->lost));
    c->lost[c->lost_count - 1] = (struct span){side, from, to};
}

/* One packet of a side; its payload is the stretch of the current turn. `dropped`: the capture misses it. */
static void send_packet(struct conversation *c, struct frames *f, int64_t now, enum side side, uint8_t flags,
                        uint64_t place, const struct stretch *payload, bool dropped)
{
    enum side other = side == CLIENT ? SERVER : CLIENT;
    uint64_t ack = c->received[side] + (flags != TCP_SYN);
    struct frame frame = {.from = c->ends + side,
                          .to = c->ends + other,
                          .ipv6 = c->ipv6,
                          .udp = c->script.udp,
                          .flags = flags,
                          .window = WINDOW,
                          .ip_id = c->ip_id[side],
                          .seq = c->isn[side] + (uint32_t)place,
                          .ack = (flags & TCP_ACK) != 0 ? c->isn[other] + (uint32_t)ack : 0,
                          .sent_at = (uint32_t)(now / 1000) + c->isn[side],
                          .echo = (flags & TCP_ACK) != 0 ? (uint32_t)(now / 1000) + c->isn[other] - 1 : 0};
    size_t len = payload != NULL ? payload->len : 0;
    uint8_t *to;

    c->ip_id[side]++;
    if (dropped)
        return;
    to = frames_begin(f, now, &frame, len);
    if (len > 0)
        script_read(&c->script, c->script.turns + c->turn, payload->from, len, to);
    frames_end(f);
}

static void send_bare(struct conversation *c, struct frames *f, const struct impairments *how, int64_t now,
                      enum side side, uint8_t flags, uint64_t place)
{
    send_packet(c, f, now, side, flags, place, NULL, random_chance(&c->impair, how->loss));
}

static void send_stretch(struct conversation *c, struct frames *f, int64_t now, const struct stretch *what,
                         bool dropped)
{
    const struct turn *t = c->script.turns + c->turn;
    bool last = what->from + what->len == t->len;

    send_packet(c, f, now, t->side, (uint8_t)(TCP_ACK | (last ? TCP_PSH : 0)), t->from + what->from + 1, what, dropped);
    if (dropped)
        note_lost(c, t->side, t->from + what->from, t->from + what->from + what->len);
}

/* What the receiver has without a hole, given what is held back. */
static void received(struct conversation *c)
{
    const struct turn *t = c->script.turns + c->turn;

    c->received[t->side == CLIENT ? SERVER : CLIENT] = t->from + (c->held.set ? c->held.from : c->at);
}

static int64_t wire_time(struct conversation *c, size_t len)
{
    return (int64_t)(8 + len / 12 + random_below(&c->impair, 16)); /* about 100 Mbit/s */
}

/* The stretch that is sent next. */
static struct stretch next_stretch(struct conversation *c, const struct impairments *how)
{
    const struct turn *t = c->script.turns + c->turn;
    uint64_t left = t->len - c->at, back = 0;
    size_t most = how->tiny ? random_between(&c->impair, 1, 64) : how->segment;

    if (c->script.udp)
        most = (size_t)left;
    if (most > 1 && !c->held.set && random_chance(&c->impair, how->overlap))
        back = random_below(&c->impair, OVERLAP_MAX);
    back = back < c->at ? back : c->at;
    back = back < most ? back : most - 1;
    left += back;
    return (struct stretch){true, c->at - back, (size_t)(left < most ? left : most)};
}

static int64_t one_octet(struct conversation *c, struct frames *f, int64_t now)
{
    const struct turn *t = c->script.turns + c->turn;
    uint64_t block = c->at / BLOCK * BLOCK, size = t->len - block < BLOCK ? t->len - block : BLOCK;
    struct stretch s = {true, block + size - 1 - (c->at - block), 1};

    send_stretch(c, f, now, &s, false);
    c->at++;
    if (c->at == block + size) {
        received(c);
        c->ack_due = true;
    }
    return now + 2;
}

static int64_t send_next(struct conversation *c, struct frames *f, const struct impairments *how, int64_t now)
{
    const struct turn *t = c->script.turns + c->turn;
    struct stretch s;
    bool dropped;

    if (c->held.set && (c->hold_for == 0 || c->at == t->len)) {
        s = c->held;
        c->held.set = false;
    } else if (c->one_octet && t->len > BLOCK) {
        return one_octet(c, f, now);
    } else {
        s = next_stretch(c, how);
        c->at = s.from + s.len;
        if (!c->held.set && c->at < t->len && random_chance(&c->impair, how->reorder)) {
            c->held = s;
            c->hold_for = (unsigned)random_between(&c->impair, 1, 3);
            return now + 1;
        }
        if (c->held.set)
            c->hold_for--;
    }
    dropped = random_chance(&c->impair, how->loss);
    send_stretch(c, f, now, &s, dropped);
    received(c);
    if (!dropped && random_chance(&c->impair, how->duplicate)) {
        c->again = s;
        c->again_same_id = random_below(&c->impair, 2) == 0;
    }
    c->ack_due = ++c->unacked >= 2 || c->held.set;
    return now + wire_time(c, s.len);
}

static int64_t talk(struct conversation *c, struct frames *f, const struct impairments *how, int64_t now)
{
    const struct turn *t = c->script.turns + c->turn;
    enum side other = t->side == CLIENT ? SERVER : CLIENT;
    int64_t delay;

    if (c->again.set) {
        c->again.set = false;
        c->ip_id[t->side] = (uint16_t)(c->ip_id[t->side] - c->again_same_id);
        send_stretch(c, f, now, &c->again, false);
        return now + 5;
    }
    if (c->ack_due && !c->script.udp) {
        c->ack_due = false;
        c->unacked = 0;
        send_bare(c, f, how, now, other, TCP_ACK, c->received[t->side] + 1);
        return now + 4;
    }
    if (c->at < t->len || c->held.set)
        return send_next(c, f, how, now);
    if (c->turn + 1 == c->script.turn_count) {
        c->stage = c->script.udp ? STAGE_END : STAGE_FIN;
        return now + 500;
    }
    delay = t[1].delay;
    if (delay > LATE_ACK && c->unacked > 0) {
        c->ack_due = true;
        return now + LATE_ACK;
    }
    c->turn++;
    c->at = 0;
    c->unacked = 0;
    return now + delay;
}

int64_t conversation_step(struct conversation *c, struct frames *f, const struct impairments *how, int64_t now)
{
    enum side closer = c->script.server_closes ? SERVER : CLIENT, other = closer == CLIENT ? SERVER : CLIENT;
    const uint64_t *sent = c->script.sent;

    if (c->began == 0)
        c->began = now;
    c->ended = now;
    switch ((enum stage)c->stage) {
    case STAGE_SYN:
        send_bare(c, f, how, now, CLIENT, TCP_SYN, 0);
        c->stage++;
        return now + (int64_t)random_size(&c->impair, 100, 30000);
    case STAGE_SYN_ACK:
        send_bare(c, f, how, now, SERVER, TCP_SYN | TCP_ACK, 0);
        c->stage++;
        return now + (int64_t)random_size(&c->impair, 50, 5000);
    case STAGE_ACK:
        send_bare(c, f, how, now, CLIENT, TCP_ACK, 1);
        c->stage++;
        return now + c->script.turns[0].delay;
    case STAGE_TALK:
        return talk(c, f, how, now);
    case STAGE_FIN:
        send_bare(c, f, how, now, closer, TCP_FIN | TCP_ACK, sent[closer] + 1);
        c->received[other] = sent[closer] + 1;
        c->stage++;
        return now + 300;
    case STAGE_FIN_BACK:
        send_bare(c, f, how, now, other, TCP_FIN | TCP_ACK, sent[other] + 1);
        c->received[closer] = sent[other] + 1;
        c->stage++;
        return now + 200;
    case STAGE_LAST_ACK:
        send_bare(c, f, how, now, closer, TCP_ACK, sent[closer] + 2);
        c->stage++;
        return -1;
    case STAGE_END:
        return -1;
    }
    return -1;
}
