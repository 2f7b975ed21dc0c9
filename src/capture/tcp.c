#include "tcp.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>

/* The rules of loss: see "Order, pairing, loss" in the manual page and tests/dialogues/tcp-*.txt. */
#define LOSS_PACKETS     3
#define LOSS_TIME        (200 * CLOCK_MS)
#define LOSS_TIME_NO_ACK (3 * CLOCK_S)
#define LOSS_HELD_NO_ACK (256 * 1024)
#define ACK_WINDOW       (UINT64_C(16) << 20)
#define TCP_EARLY        8     /* packets of a flow, among which its SYN may stand late */
#define EARLY_ACK        65536 /* octets acknowledged before data was captured */
#define STALE_PACKETS    4
#define HELD_COST        64 /* what a held segment costs beside its octets */

struct held_segment {
    struct held_segment *next;
    struct octets where;
    size_t len;
    uint8_t data[];
};

static uint64_t widen(uint32_t seq, uint64_t near)
{
    if (!near)
        return (UINT64_C(1) << 32) + seq;
    return near + (uint64_t)(int64_t)(int32_t)(seq - (uint32_t)near);
}

static uint64_t max64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Kept after a gap too: what stands before tail_from is not known. */
static void keep_tail(struct tcp_half *h, struct bytes data, uint64_t at)
{
    uint64_t end = at + data.len, from = data.len > TCP_TAIL ? end - TCP_TAIL : at;
    if (at != h->tail_to || data.len >= TCP_TAIL)
        h->tail_from = from;
    else if (end - h->tail_from > TCP_TAIL)
        h->tail_from = end - TCP_TAIL;
    h->tail_to = end;
    for (uint64_t place = from; place < end; place++)
        h->tail[place % TCP_TAIL] = data.data[place - at];
}

/* Octets that were given on come again: how many of those that are still known are others now? */
static uint64_t compare_tail(const struct tcp_half *h, struct bytes data, uint64_t at)
{
    uint64_t end = at + data.len, from = max64(at, h->tail_from), others = 0;
    end = end < h->tail_to ? end : h->tail_to;
    for (uint64_t place = from; place < end; place++)
        others += h->tail[place % TCP_TAIL] != data.data[place - at];
    return others;
}

/* Gives octets on and counts them. */
static void give(struct tcp *t, int side, struct bytes data, const struct octets *where,
                 const struct tcp_reader *reader, void *arg)
{
    struct tcp_half *h = &t->half[side];
    h->next = where->at + data.len;
    h->octets += data.len;
    keep_tail(h, data, where->at);
    reader->data(arg, side, data, where);
}

static void free_first_held(struct tcp_half *h, struct tcp_budget *budget)
{
    struct held_segment *seg = h->held;
    h->held = seg->next;
    h->held_octets -= seg->len + HELD_COST;
    budget->held -= seg->len + HELD_COST;
    free(seg);
}

/* Gives on what is held from `next` on, up to the next hole. */
static void drain(struct tcp *t, int side, struct tcp_budget *budget, const struct tcp_reader *reader, void *arg)
{
    struct tcp_half *h = &t->half[side];
    while (h->next && h->held && h->held->where.at <= h->next) {
        struct held_segment *seg = h->held;
        uint64_t skip = h->next - seg->where.at;
        if (skip < seg->len) {
            struct octets where = seg->where;
            where.at += skip;
            give(t, side, bytes_of(seg->data + skip, seg->len - skip), &where, reader, arg);
        }
        free_first_held(h, budget);
    }
}

static void lose(struct tcp *t, int side, uint64_t end, const struct octets *where, struct tcp_budget *budget,
                 const struct tcp_reader *reader, void *arg)
{
    struct tcp_half *h = &t->half[side];
    struct octets gap = h->held ? h->held->where : *where;
    uint64_t len = end - h->next;
    gap.at = h->next;
    h->lost_from = h->next;
    h->lost_to = end;
    h->missed += len;
    h->next = end;
    h->full = false;
    reader->gap(arg, side, len, &gap);
    drain(t, side, budget, reader, arg);
}

/* Where the first hole ends: a place that a segment of this direction was at or beyond. 0: there is no hole. */
static uint64_t hole_end(const struct tcp_half *h)
{
    if (!h->next)
        return 0;
    uint64_t end = h->held ? h->held->where.at : h->top;
    if (!h->held && h->fin && end > h->fin)
        end = h->fin; /* the FIN itself takes a number, but is no octet */
    return end > h->next ? end : 0;
}

/* One more packet passes a hole that ends there. One of the same direction from before the hole is itself late, and
   says nothing. True: enough of them, or time, have passed. */
static bool hole_passed(struct tcp_half *h, bool same_side, uint64_t seq, uint64_t end, int64_t now)
{
    if (!h->hole_spoken) {
        h->hole_spoken = true;
        h->hole_passed = 0;
        h->hole_when = now;
    } else if (h->hole_passed < LOSS_PACKETS && (!same_side || seq >= end)) {
        h->hole_passed++;
    }
    return h->hole_passed >= LOSS_PACKETS || now - h->hole_when >= LOSS_TIME;
}

/* Is the hole to be declared lost? Both sides must have said so, and three packets or 200 ms must have passed. */
static bool hole_is_lost(struct tcp *t, int side, uint64_t end, int from, uint64_t seq, int64_t now)
{
    struct tcp_half *h = &t->half[side];
    if (h->hole_at != h->next || h->hole_to < end) { /* another hole, or one that has grown */
        h->hole_at = h->next;
        h->hole_to = end;
        h->hole_spoken = false;
        h->hole_since = now;
    }
    if (h->acked >= end)
        return hole_passed(h, side == from, seq, end, now);
    if (h->full)
        return true;
    if (h->held_octets > LOSS_HELD_NO_ACK && t->half[!side].last_when < h->hole_since)
        return true;
    return now - h->hole_since >= LOSS_TIME_NO_ACK && t->half[!side].last_when < h->hole_since;
}

/* What is held is the beginning; or, where the other side's SYN was captured, what it acknowledged first. */
static void begin_here(struct tcp *t, int side, struct tcp_budget *budget, const struct tcp_reader *reader, void *arg)
{
    struct tcp_half *h = &t->half[side];
    h->midway = true;
    h->start = h->held->where.at;
    if (t->half[!side].syn && h->acked_from && h->acked_from < h->start && h->start - h->acked_from < EARLY_ACK)
        h->start = h->acked_from;
    h->next = h->start;
    drain(t, side, budget, reader, arg);
}

/* Packet p, sent by `from`, has been taken in: what does it say about holes of that side? Joined midway, what is held
   waits like behind a hole until it is clear which segment is the first. */
static void look_for_loss(struct tcp *t, int side, int from, uint64_t seq, const struct packet *p,
                          struct tcp_budget *budget, const struct tcp_reader *reader, void *arg)
{
    struct tcp_half *h = &t->half[side];
    uint64_t end;
    if (!h->start && h->held && hole_passed(h, side == from, seq, h->held->where.at, p->when))
        begin_here(t, side, budget, reader, arg);
    while ((end = hole_end(h)) != 0 && hole_is_lost(t, side, end, from, seq, p->when)) {
        struct octets where = {.when = p->when, .frame = p->frame, .captured = t->half[!side].high};
        where.acked = t->half[!side].acked;
        lose(t, side, end, &where, budget, reader, arg);
    }
}

/* Holds a copy of those octets; what is held already stays (the first copy wins), and another content is counted.
   False: all of it was held already. */
static bool hold(struct tcp_half *h, struct bytes data, struct octets where, struct tcp_budget *budget)
{
    struct held_segment **link = &h->held;
    bool fresh = false;
    while (data.len) {
        while (*link && (*link)->where.at + (*link)->len <= where.at)
            link = &(*link)->next;
        struct held_segment *after = *link;
        size_t len = data.len;
        if (after && after->where.at <= where.at) { /* these octets are held already */
            size_t from = (size_t)(where.at - after->where.at);
            size_t same = after->len - from < len ? after->len - from : len;
            for (size_t i = 0; i < same; i++)
                h->conflicts += after->data[from + i] != data.data[i];
            data = bytes_part(data, same, data.len);
            where.at += same;
            continue;
        }
        if (after && after->where.at < where.at + len)
            len = (size_t)(after->where.at - where.at);
        fresh = true;
        if (h->held_octets + len + HELD_COST > budget->limits->segments ||
            budget->held + len + HELD_COST > budget->limits->held) {
            h->refused++;
            h->full = true; /* what is refused here is counted as missed when it is declared lost in turn */
            return true;
        }
        struct held_segment *seg = memory_get(sizeof *seg + len);
        seg->where = where;
        seg->len = len;
        memcpy(seg->data, data.data, len);
        seg->next = after;
        *link = seg;
        h->held_octets += len + HELD_COST;
        budget->held += len + HELD_COST;
        data = bytes_part(data, len, data.len);
        where.at += len;
    }
    return fresh;
}

/* What this packet acknowledges of the other direction, as a place there; 0 where it says nothing that can be. */
static uint64_t acknowledged(struct tcp *t, int side, const struct packet *p)
{
    struct tcp_half *other = &t->half[!side];
    if (!(p->tcp_flags & TCP_ACK) || p->tcp_flags & TCP_RST)
        return 0;
    uint64_t ack = widen(p->ack, other->near);
    if (!other->near)
        other->near = ack;
    uint64_t first = other->start ? other->start : 0;
    uint64_t high = max64(max64(other->high, other->near), other->acked);
    if (ack < first || ack > high + ACK_WINDOW)
        return 0;
    if (ack > other->acked)
        other->acked = ack;
    if (!other->acked_from || ack < other->acked_from)
        other->acked_from = ack;
    other->near = max64(other->near, ack);
    return ack;
}

/* What was captured of a direction STALE_PACKETS or more packets of the flow ago: displaced by less, an acknowledgment
   that ignores it may be older than it looks. */
static uint64_t aged_high(const struct tcp *t, struct tcp_half *h)
{
    if (h->young && t->packets >= h->young_packets + STALE_PACKETS) {
        h->aged = h->young;
        h->young = 0;
    }
    if (!h->young && h->high > h->aged) {
        h->young = h->high;
        h->young_packets = t->packets;
    }
    return h->aged;
}

/* Exported and synthetic captures carry acknowledgments that mean nothing: none at all, ones that cannot be, or always
   the same while the conversation turns. Then what had been captured stands in for what had been received. One that
   moves is trusted for good; two turns of the other side that were ignored decide against them. */
static void judge_acks(struct tcp *t, int side, const struct packet *p, uint64_t seq, uint64_t ack)
{
    struct tcp_half *h = &t->half[side], *other = &t->half[!side];
    if (h->acks_trusted || h->acks_unusable)
        return;
    uint64_t aged = aged_high(t, other);
    if (p->tcp_flags & (TCP_SYN | TCP_RST) || (p->payload_wire && seq + p->payload_wire <= h->sent))
        return; /* a segment sent again may carry what it first did */
    if (ack && !h->first_ack)
        h->first_ack = ack;
    if (ack && ((other->start && ack > other->start && ack <= other->high + ACK_WINDOW) || h->first_ack != ack ||
                (other->octets && ack == other->high))) {
        h->acks_trusted = true;
        return;
    }
    bool ignored = ack ? aged > max64(ack, h->stale) : p->payload_wire && other->high > h->stale;
    if (!ignored)
        return;
    h->stale = other->high; /* the next turn begins with what comes from here on */
    h->acks_unusable = ++h->stale_count >= 2;
}

/* One captured twice (before and after a switch): the same IP id, sequence and checksum. */
static bool is_duplicate(struct tcp_half *h, const struct packet *p)
{
    uint32_t words[] = {p->seq, p->ack, (uint32_t)p->ip_id << 16 | p->tcp_sum, p->payload_wire << 8 | p->tcp_flags};
    uint32_t sign = 2166136261u;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        sign = ((sign ^ words[i]) * 2654435761u) ^ (sign >> 15);
    sign = sign ? sign : 1;
    for (int i = 0; i < TCP_RECENT; i++)
        if (h->recent[i] == sign)
            return true;
    h->recent[h->recent_next++ % TCP_RECENT] = sign;
    return false;
}

static void handshake(struct tcp *t, int side, const struct packet *p, uint64_t seq)
{
    struct tcp_half *h = &t->half[side], *other = &t->half[!side];
    if (p->tcp_flags & TCP_SYN) {
        if (!h->syn && (!h->next || h->next == h->start)) /* the first that was captured: others do not move it */
            h->start = h->next = seq;
        h->midway = h->midway && h->start != seq;
        h->syn = true;
        h->near = max64(h->near, seq);
        if (p->tcp_flags & TCP_ACK && !other->start) /* the SYN itself was not captured */
            other->start = other->next = widen(p->ack, other->near);
        if (p->tcp_flags & TCP_ACK && !other->near)
            other->near = other->start;
    }
}

/* Gives on or holds what is new of these octets. False: there was no room to hold all of it. */
static bool put(struct tcp *t, int side, struct bytes data, struct octets where, struct tcp_budget *budget,
                const struct tcp_reader *reader, void *arg)
{
    struct tcp_half *h = &t->half[side];
    if (h->next && where.at < h->next) {
        size_t old = h->next - where.at < data.len ? (size_t)(h->next - where.at) : data.len;
        data = bytes_part(data, old, data.len);
        where.at += old;
    }
    if (!data.len)
        return true;
    if (h->next && where.at == h->next && !h->held) {
        give(t, side, data, &where, reader, arg);
        return true;
    }
    if (!hold(h, data, where, budget)) /* also where it touches: what is held beyond it came first and wins */
        h->retrans++;
    bool all = !h->full;
    if (h->next)
        drain(t, side, budget, reader, arg);
    return all;
}

static void payload(struct tcp *t, int side, const struct packet *p, struct octets where, struct tcp_budget *budget,
                    const struct tcp_reader *reader, void *arg)
{
    struct tcp_half *h = &t->half[side];
    struct bytes data = p->payload;
    if (h->next && where.at < h->next && p->payload_wire == 1 &&
        (where.at + 1 == h->next || !data.len || !data.data[0]))
        return; /* a keep-alive probe: its octet is filler */
    uint64_t end = where.at + data.len;
    if (h->next && end <= h->next)
        h->retrans++;
    if (h->lost_to > where.at && h->lost_from < end)
        h->late += (end < h->lost_to ? end : h->lost_to) - max64(where.at, h->lost_from);
    if (h->near > ACK_WINDOW && where.at < h->near - ACK_WINDOW)
        return; /* far outside any window */
    h->high = max64(h->high, end);
    if (h->next && where.at < h->next) {
        size_t old = h->next - where.at < data.len ? (size_t)(h->next - where.at) : data.len;
        h->conflicts += compare_tail(h, bytes_part(data, 0, old), where.at);
    }
    if (!put(t, side, data, where, budget, reader, arg) && h->next && (end = hole_end(h)) != 0) {
        lose(t, side, end, &where, budget, reader, arg); /* no room to wait for what is missing: now there is */
        put(t, side, data, where, budget, reader, arg);
    }
}

static void note_reset(struct tcp *t, int side, const struct packet *p, uint64_t seq)
{
    const struct tcp_half *h = &t->half[side];
    uint64_t from = h->next ? h->next : h->near;
    if (seq < h->acked) /* below what the receiver expects: it was not taken */
        return;
    if (t->reset || (from && (seq + ACK_WINDOW < from || seq > from + ACK_WINDOW)))
        return;
    t->reset = true;
    t->end_when = p->when;
    t->reset_side = (uint8_t)side;
    t->reset_at = seq;
    t->reset_high = h->high;
    t->reset_packets = t->packets;
}

/* Whoever acknowledges what its sender sent after the RST had ignored it. Where the RST stands beyond all that was sent
   before, its place does not tell what came after: then time does. */
static bool reset_was_ignored(const struct tcp *t, const struct packet *p)
{
    uint64_t acked = t->half[t->reset_side].acked;
    if (acked > t->reset_at)
        return true;
    return acked > t->reset_high && t->packets > t->reset_packets + LOSS_PACKETS && p->when - t->end_when > LOSS_TIME;
}

/* Reset, or both FINs: when the conversation ended, unless the other side goes on as if nothing had happened. */
static void ending(struct tcp *t, int side, const struct packet *p, uint64_t seq)
{
    struct tcp_half *h = &t->half[side];
    if (p->tcp_flags & TCP_RST) {
        note_reset(t, side, p, seq);
        return;
    }
    if (p->tcp_flags & TCP_FIN && !h->fin)
        h->fin = seq + p->payload_wire;
    if (t->reset && reset_was_ignored(t, p)) {
        t->reset = false;
        t->end_when = 0;
    }
    const struct tcp_half *a = &t->half[0], *b = &t->half[1];
    if (!t->end_when && a->fin && b->fin && a->next >= a->fin && b->next >= b->fin)
        t->end_when = p->when;
}

void tcp_segment(struct tcp *t, int side, const struct packet *p, struct tcp_budget *budget,
                 const struct tcp_reader *reader, void *arg)
{
    struct tcp_half *h = &t->half[side];
    h->packets++;
    if (is_duplicate(h, p)) {
        h->duplicates++;
        return;
    }
    t->packets++;
    h->last_when = p->when;
    h->last_frame = p->frame;
    if (h->packets == 1)
        h->first_when = p->when;
    uint64_t seq = widen(p->seq, h->near) + (p->tcp_flags & TCP_SYN ? 1 : 0); /* of the first octet */
    if (p->tcp_flags & TCP_SYN && h->start && seq != h->start && (h->syn || h->next != h->start))
        return; /* another connection's, or nobody's: tcp_is_new() looks at it */
    if (!(p->tcp_flags & TCP_RST) || p->payload_wire)
        handshake(t, side, p, seq);
    if (p->tcp_flags & TCP_SYN) { /* where they begin is known now: what was held before goes on */
        drain(t, 0, budget, reader, arg);
        drain(t, 1, budget, reader, arg);
    }
    uint64_t ack = acknowledged(t, side, p);
    judge_acks(t, side, p, seq, ack);
    if (!(p->tcp_flags & TCP_RST)) {
        h->near = max64(h->near, seq + p->payload_wire);
        if (p->payload_wire)
            h->sent = max64(h->sent, seq + p->payload_wire);
        h->top = max64(h->top, seq);
        if (p->payload_wire) {
            struct octets where = {seq, ack ? ack : t->half[!side].acked, t->half[!side].high, p->when, p->frame};
            payload(t, side, p, where, budget, reader, arg);
        }
    }
    for (int i = 0; p->tcp_flags & TCP_SYN && i < 2; i++)
        if (t->half[i].next) /* what was captured before it has its place now */
            drain(t, i, budget, reader, arg);
    ending(t, side, p, seq);
    look_for_loss(t, 0, side, seq, p, budget, reader, arg);
    look_for_loss(t, 1, side, seq, p, budget, reader, arg);
}

void tcp_finish(struct tcp *t, struct tcp_budget *budget, const struct tcp_reader *reader, void *arg)
{
    for (int side = 0; side < 2; side++) {
        struct tcp_half *h = &t->half[side];
        if (!h->start && h->held)
            begin_here(t, side, budget, reader, arg);
        if (!h->acks_trusted && h->stale_count)
            h->acks_unusable = true; /* they never moved, to the end */
        uint64_t end;
        struct octets where = {.acked = t->half[!side].acked,
                               .captured = t->half[!side].high,
                               .when = h->last_when,
                               .frame = h->last_frame};
        while ((end = hole_end(h)) != 0)
            lose(t, side, end, &where, budget, reader, arg);
        if (h->next && h->sent > h->next)
            lose(t, side, h->sent, &where, budget, reader, arg);
    }
}

void tcp_release(struct tcp *t, struct tcp_budget *budget)
{
    for (int side = 0; side < 2; side++)
        while (t->half[side].held)
            free_first_held(&t->half[side], budget);
}

/* An answer to a SYN that looked like one within the window: the server took it, so it was a new one. */
static bool answers_other_syn(const struct tcp *t, int side, const struct packet *p)
{
    const struct tcp_half *h = &t->half[side], *other = &t->half[!side];
    return h->start && widen(p->seq, h->near) + 1 != h->start && other->other_syn &&
           (uint32_t)other->other_syn == p->ack;
}

bool tcp_is_new(struct tcp *t, int side, const struct packet *p)
{
    struct tcp_half *h = &t->half[side];
    if (!(p->tcp_flags & TCP_SYN) || !h->near)
        return false;
    if (p->tcp_flags & TCP_ACK)
        return answers_other_syn(t, side, p);
    uint64_t seq = widen(p->seq, h->near) + 1;
    if (h->syn && seq == h->start)
        return false; /* sent or captured again */
    if (t->end_when || t->half[0].fin || t->half[1].fin)
        return true;
    if (!h->start) /* joined by segments captured before their SYN? */
        return t->packets > TCP_EARLY || seq > h->near || seq + ACK_WINDOW < h->near;
    if (seq < h->start || seq > h->near + ACK_WINDOW)
        return true;
    h->other_syn = seq;
    return false;
}

void tcp_had_syn(struct tcp *t, int side)
{
    t->half[side].syn = true;
    t->half[side].packets = 1;
}

bool tcp_dark(const struct tcp *t, int side)
{
    const struct tcp_half *h = &t->half[side], *other = &t->half[!side];
    return !h->packets && h->near && (other->packets >= 8 || other->last_when - other->first_when >= CLOCK_S);
}

bool tcp_closed(const struct tcp *t, int side)
{
    const struct tcp_half *h = &t->half[side];
    return h->fin && h->next >= h->fin;
}

bool tcp_acks_unknown(const struct tcp *t, int side)
{
    const struct tcp_half *h = &t->half[side];
    return !h->acks_trusted && !h->acks_unusable && t->half[!side].octets;
}

uint64_t tcp_acked_unseen(const struct tcp *t, int side)
{
    const struct tcp_half *h = &t->half[side];
    uint64_t from = max64(max64(h->high, h->start), h->next);
    from = from ? from : h->acked_from; /* its beginning was not captured either */
    uint64_t fin = h->fin && h->acked > h->fin ? 1 : 0;
    return from && h->acked > from + fin ? h->acked - from - fin : 0;
}
