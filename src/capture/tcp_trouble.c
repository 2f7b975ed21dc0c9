/* TCP where something is missing, held, unclear or ending: the full account, for which tcp.c has no words. */
#include "tcp_private.h"

#include "base/clock.h"

#include <stdlib.h>

/* The rules of loss: see "Order, pairing, loss" in the manual page and tests/dialogues/tcp-*.txt. */
#define LOSS_PACKETS     3
#define LOSS_TIME        (200 * CLOCK_MS)
#define LOSS_TIME_NO_ACK (3 * CLOCK_S)
#define LOSS_HELD_NO_ACK (256 * 1024)
#define TCP_EARLY        8     /* packets of a flow, among which its SYN may stand late */
#define EARLY_ACK        65536 /* octets acknowledged before data was captured */
#define STALE_PACKETS    4

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

/* Gives octets on and counts them. */
static void give(const struct feed *f, int side, struct bytes data, const struct octets *where)
{
    struct tcp_direction *h = &f->t->half[side];
    h->next = where->at + data.len;
    h->octets += data.len;
    fresh_keep(&f->tcp->half[side], data, where->at, f->budget);
    f->reader->data(f->arg, side, data, where);
}

/* Gives on what is held from `next` on, up to the next hole. */
static void drain(const struct feed *f, int side)
{
    struct tcp_direction *h = &f->t->half[side];
    struct held_segment *seg;
    while (h->next && (seg = h->held.first[0]) != NULL && seg->where.at <= h->next) {
        uint64_t skip = h->next - seg->where.at;
        if (skip < seg->len) {
            struct octets where = seg->where;
            where.at += skip;
            give(f, side, bytes_part(held_octets(seg), (size_t)skip, seg->len), &where);
        }
        held_free_first(&h->held, f->budget);
    }
}

static void lose(const struct feed *f, int side, uint64_t end, const struct octets *where)
{
    struct tcp_direction *h = &f->t->half[side];
    const struct held_segment *held = h->held.first[0];
    struct octets gap = held ? held->where : *where;
    uint64_t len = end - h->next;
    gap.at = h->next;
    h->lost_from = h->next;
    h->lost_to = end;
    h->missed += len;
    h->next = end;
    h->full = false;
    f->reader->gap(f->arg, side, len, &gap);
    drain(f, side);
}

/* Where the first hole ends: a place that a segment of this direction was at or beyond. 0: there is no hole. */
static uint64_t hole_end(const struct tcp_direction *h)
{
    if (!h->next)
        return 0;
    uint64_t end = h->held.first[0] ? h->held.first[0]->where.at : h->top;
    if (!h->held.first[0] && h->fin && end > h->fin)
        end = h->fin; /* the FIN itself takes a number, but is no octet */
    return end > h->next ? end : 0;
}

/* One more packet passes a hole that ends there. One of the same direction from before the hole is itself late, and
   says nothing. True: enough of them, or time, have passed. */
static bool hole_passed(struct tcp_direction *h, bool same_side, uint64_t seq, uint64_t end, int64_t now)
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
static bool hole_is_lost(struct tcp_trouble *t, int side, uint64_t end, int from, uint64_t seq, int64_t now)
{
    struct tcp_direction *h = &t->half[side];
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
    if (h->held.octets > LOSS_HELD_NO_ACK && t->half[!side].last_when < h->hole_since)
        return true;
    return now - h->hole_since >= LOSS_TIME_NO_ACK && t->half[!side].last_when < h->hole_since;
}

/* What is held is the beginning; or, where the other side's SYN was captured, what it acknowledged first. */
static void begin_here(const struct feed *f, int side)
{
    const struct tcp_trouble *t = f->t;
    struct tcp_direction *h = &f->t->half[side];
    h->midway = true;
    h->start = h->held.first[0]->where.at;
    if (t->half[!side].syn && h->acked_from && h->acked_from < h->start && h->start - h->acked_from < EARLY_ACK)
        h->start = h->acked_from;
    h->next = h->start;
    drain(f, side);
}

/* Packet p, sent by `from`, has been taken in: what does it say about holes of that side? Joined midway, what is held
   waits like behind a hole until it is clear which segment is the first. */
static void look_for_loss(const struct feed *f, int side, int from, uint64_t seq, const struct packet *p)
{
    struct tcp_trouble *t = f->t;
    struct tcp_direction *h = &t->half[side];
    uint64_t end;
    if (!h->start && h->held.first[0] && hole_passed(h, side == from, seq, h->held.first[0]->where.at, p->when))
        begin_here(f, side);
    while ((end = hole_end(h)) != 0 && hole_is_lost(t, side, end, from, seq, p->when)) {
        struct octets where = {.when = p->when, .frame = p->frame, .captured = t->half[!side].high};
        where.acked = t->half[!side].acked;
        lose(f, side, end, &where);
    }
}

static bool are_close(uint64_t a, uint64_t b)
{
    return a > b ? a - b <= ACK_WINDOW : b - a <= ACK_WINDOW;
}

/* Does the segment stand where no receiver can have taken it? So much can have been lost in an outage of the capture;
   then the acknowledgments of the other side land there, too. */
static bool is_far(struct tcp_direction *h, const struct packet *p, uint64_t seq)
{
    uint64_t last = max64(h->next, h->top);
    if (p->tcp_flags & TCP_SYN)
        return false;
    bool far = last && seq > max64(last, h->acked) + ACK_WINDOW && !(h->far_acked && are_close(seq, h->far_acked));
    h->far = far ? seq : 0;
    return far;
}

/* What this packet acknowledges of the other direction, as a place there; 0 where it says nothing that can be. */
static uint64_t acknowledged(struct tcp_trouble *t, int side, const struct packet *p)
{
    struct tcp_direction *other = &t->half[!side];
    if (!(p->tcp_flags & TCP_ACK) || p->tcp_flags & TCP_RST)
        return 0;
    uint64_t ack = widen(p->ack, other->near);
    if (!other->near)
        other->near = ack;
    uint64_t first = other->start ? other->start : 0;
    uint64_t high = max64(max64(other->high, other->near), other->acked);
    if (ack < first)
        return 0;
    if (ack > high + ACK_WINDOW && !(other->far && are_close(ack, other->far))) {
        other->far_acked = ack;
        return 0;
    }
    if (ack > other->acked)
        other->acked = ack;
    if (!other->acked_from || ack < other->acked_from)
        other->acked_from = ack;
    other->near = max64(other->near, ack);
    return ack;
}

/* What was captured of a direction STALE_PACKETS or more packets of the flow ago: displaced by less, an acknowledgment
   that ignores it may be older than it looks. */
static uint64_t aged_high(const struct tcp_trouble *t, struct tcp_direction *h)
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
static void judge_acks(struct tcp_trouble *t, int side, const struct packet *p, uint64_t seq, uint64_t ack)
{
    struct tcp_direction *h = &t->half[side], *other = &t->half[!side];
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

static void handshake(struct tcp_trouble *t, int side, const struct packet *p, uint64_t seq)
{
    struct tcp_direction *h = &t->half[side], *other = &t->half[!side];
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
static bool put(const struct feed *f, int side, struct bytes data, struct octets where)
{
    struct tcp_direction *h = &f->t->half[side];
    if (h->next && where.at < h->next) {
        size_t old = h->next - where.at < data.len ? (size_t)(h->next - where.at) : data.len;
        data = bytes_part(data, old, data.len);
        where.at += old;
    }
    if (!data.len)
        return true;
    if (h->next && where.at == h->next && !h->held.first[0]) {
        give(f, side, data, &where);
        return true;
    }
    switch (held_add(&h->held, data, where, f->budget)) { /* also where it touches: more may be held beyond */
    case HELD_ALL:
        break;
    case HELD_ALREADY:
        h->retrans++;
        break;
    case HELD_REFUSED:
        h->full = true; /* what is refused here is counted as missed when it is declared lost in turn */
        break;
    }
    bool all = !h->full;
    if (h->next)
        drain(f, side);
    return all;
}

static void payload(const struct feed *f, int side, const struct packet *p, struct octets where)
{
    struct tcp_direction *h = &f->t->half[side];
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
        h->held.conflicts += fresh_conflicts(&f->tcp->half[side], bytes_part(data, 0, old), where.at, f->budget);
    }
    if (!put(f, side, data, where) && h->next && (end = hole_end(h)) != 0) {
        lose(f, side, end, &where); /* no room to wait for what is missing: now there is */
        put(f, side, data, where);
    }
}

static void note_reset(struct tcp_trouble *t, int side, const struct packet *p, uint64_t seq)
{
    const struct tcp_direction *h = &t->half[side];
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
static bool reset_was_ignored(const struct tcp_trouble *t, const struct packet *p)
{
    uint64_t acked = t->half[t->reset_side].acked;
    if (acked > t->reset_at)
        return true;
    return acked > t->reset_high && t->packets > t->reset_packets + LOSS_PACKETS && p->when - t->end_when > LOSS_TIME;
}

/* Octets beyond it were captured, and acknowledged: it was forged, or did not arrive. */
static bool fin_was_ignored(const struct tcp_direction *h)
{
    return h->fin && h->high > h->fin && h->acked > h->fin + 1;
}

/* Reset, or both FINs: when the conversation ended, unless the other side goes on as if nothing had happened. */
static void ending(struct tcp_trouble *t, int side, const struct packet *p, uint64_t seq)
{
    struct tcp_direction *h = &t->half[side];
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
    for (int i = 0; i < 2; i++)
        if (fin_was_ignored(&t->half[i])) {
            t->half[i].fin = 0;
            t->end_when = t->reset ? t->end_when : 0;
        }
    const struct tcp_direction *a = &t->half[0], *b = &t->half[1];
    if (!t->end_when && a->fin && b->fin && a->next >= a->fin && b->next >= b->fin)
        t->end_when = p->when;
}

void trouble_segment(const struct feed *f, int side, const struct packet *p)
{
    struct tcp_trouble *t = f->t;
    struct tcp_direction *h = &t->half[side];
    t->packets++;
    h->last_when = p->when;
    h->last_frame = p->frame;
    if (h->packets == 1)
        h->first_when = p->when;
    uint64_t seq = widen(p->seq, h->near) + (p->tcp_flags & TCP_SYN ? 1 : 0); /* of the first octet */
    if (p->tcp_flags & TCP_SYN && h->start && seq != h->start && (h->syn || h->next != h->start))
        return; /* another connection's, or nobody's: tcp_is_new() looks at it */
    if (is_far(h, p, seq)) {
        h->outside += p->payload_wire != 0;
        return;
    }
    h->urgent += p->tcp_flags & TCP_URG && p->payload_wire;
    if (!(p->tcp_flags & TCP_RST) || p->payload_wire)
        handshake(t, side, p, seq);
    if (p->tcp_flags & TCP_SYN) { /* where they begin is known now: what was held before goes on */
        drain(f, 0);
        drain(f, 1);
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
            payload(f, side, p, where);
        }
    }
    for (int i = 0; p->tcp_flags & TCP_SYN && i < 2; i++)
        if (t->half[i].next) /* what was captured before it has its place now */
            drain(f, i);
    ending(t, side, p, seq);
    look_for_loss(f, 0, side, seq, p);
    look_for_loss(f, 1, side, seq, p);
}

void trouble_finish(const struct feed *f)
{
    struct tcp_trouble *t = f->t;
    for (int side = 0; side < 2; side++) {
        struct tcp_direction *h = &t->half[side];
        if (!h->start && h->held.first[0])
            begin_here(f, side);
        if (!h->acks_trusted && h->stale_count)
            h->acks_unusable = true; /* they never moved, to the end */
        uint64_t end;
        struct octets where = {.acked = t->half[!side].acked,
                               .captured = t->half[!side].high,
                               .when = h->last_when,
                               .frame = h->last_frame};
        while ((end = hole_end(h)) != 0)
            lose(f, side, end, &where);
        if (h->next && h->sent > h->next)
            lose(f, side, h->sent, &where);
    }
}

/* An answer to a SYN that looked like one within the window: the server took it, so it was a new one. */
static bool answers_other_syn(const struct tcp_trouble *t, int side, const struct packet *p)
{
    const struct tcp_direction *h = &t->half[side], *other = &t->half[!side];
    return h->start && widen(p->seq, h->near) + 1 != h->start && other->other_syn &&
           (uint32_t)other->other_syn == p->ack;
}

bool trouble_is_new(struct tcp_trouble *t, int side, const struct packet *p)
{
    struct tcp_direction *h = &t->half[side];
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
