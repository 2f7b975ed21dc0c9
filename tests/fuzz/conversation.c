#include "conversation.h"
#include "base/clock.h"
#include "base/memory.h"
#include <stdlib.h>

static struct packet packet_of(struct conversation *c, bool server, uint8_t flags, uint32_t seq, struct bytes payload)
{
    struct packet p = {.when = c->now += 10 * CLOCK_MS, .tcp_flags = flags, .seq = seq, .payload = payload};

    p.ip_version = (c->mode & TURNS_IPV6) ? 6 : 4;
    p.src.octets[0] = p.dst.octets[0] = 10;
    p.src.octets[3] = server ? 2 : 1;
    p.dst.octets[3] = server ? 1 : 2;
    p.sport = server ? c->port : 40000;
    p.dport = server ? 40000 : c->port;
    p.payload_wire = (uint32_t)payload.len;
    p.ip_id = p.tcp_sum = ++c->ip_id;
    p.frame = ++c->frame;
    if (!(c->mode & TURNS_NO_ACKS) && (flags & (TCP_SYN | TCP_ACK)) != TCP_SYN) {
        p.tcp_flags |= TCP_ACK;
        p.ack = (c->mode & TURNS_ZERO_ACKS) ? 0 : c->sides[server].received;
    }
    return p;
}

static void handshake(struct conversation *c)
{
    struct packet p = packet_of(c, false, TCP_SYN, c->sides[0].next - 1, (struct bytes){0});

    drain_packet(c->drain, &p);
    p = packet_of(c, true, TCP_SYN | TCP_ACK, c->sides[1].next - 1, (struct bytes){0});
    drain_packet(c->drain, &p);
    p = packet_of(c, false, TCP_ACK, c->sides[0].next, (struct bytes){0});
    drain_packet(c->drain, &p);
}

void conversation_turn(struct conversation *c, unsigned how, struct bytes text)
{
    bool server = (how & TURN_SERVER) != 0;
    struct side_state *me = c->sides + server, *other = c->sides + !server;
    uint32_t back = (how & TURN_OVERLAPS) ? (uint32_t)(text.len < 8 ? text.len : 8) : 0;
    uint8_t flags = TCP_PSH;
    struct packet p;

    if (how & TURN_FIN)
        flags |= TCP_FIN;
    if (how & TURN_RST)
        flags |= TCP_RST;
    if (how & TURN_WAITS)
        c->now += 4 * CLOCK_S;
    if (!(how & TURN_CROSSES))
        me->received = other->next;
    p = packet_of(c, server, flags, me->next - back, text);
    me->next += (uint32_t)text.len - back + ((how & TURN_FIN) != 0);
    if (how & TURN_LOST)
        return;
    if ((how & TURN_LATE) && !c->has_late) {
        free(c->late_octets);
        c->late_octets = memory_get(text.len + 1);
        if (text.len)
            memcpy(c->late_octets, text.data, text.len);
        p.payload.data = c->late_octets;
        c->late = p;
        c->has_late = true;
        return;
    }
    drain_packet(c->drain, &p);
    if (c->has_late) {
        c->late.when = c->now;
        drain_packet(c->drain, &c->late);
        c->has_late = false;
    }
}

void conversation_begin(struct conversation *c, uint16_t port, unsigned mode, struct keylog *keylog)
{
    *c = (struct conversation){.now = INT64_C(1767225600) * CLOCK_S, .port = port, .mode = mode};
    c->drain = drain_new((mode & TURNS_TIGHT) != 0, keylog);
    c->sides[0] = (struct side_state){1001, 500001};
    c->sides[1] = (struct side_state){500001, 1001};
    if (!(mode & TURNS_MIDSTREAM))
        handshake(c);
}

void conversation_end(struct conversation *c)
{
    if (c->has_late)
        drain_packet(c->drain, &c->late);
    drain_free(c->drain);
    free(c->late_octets);
}
