/* A connection while all is well, in few octets and few steps; anything else goes to tcp_trouble.c. */
#include "tcp_private.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>

#define SPARES 16 /* of tcp_trouble: nearly every connection needs one, at its beginning and its end */

/* --- from the short account to the full one and back --- */

static struct tcp_trouble *new_trouble(struct tcp_budget *budget)
{
    struct tcp_trouble *t = budget->spare;
    budget->memory += sizeof *t;
    if (!t)
        return memory_get(sizeof *t);
    budget->spare = t->next_spare;
    budget->spares--;
    *t = (struct tcp_trouble){0};
    return t;
}

static void free_trouble(struct tcp *t, struct tcp_budget *budget)
{
    struct tcp_trouble *trouble = t->trouble;
    t->trouble = NULL;
    budget->memory -= sizeof *trouble;
    if (budget->spares == SPARES) {
        free(trouble);
        return;
    }
    trouble->next_spare = budget->spare;
    budget->spare = trouble;
    budget->spares++;
}

static void unfold(const struct tcp *t, int side, struct tcp_direction *d)
{
    const struct tcp_half *h = &t->half[side], *other = &t->half[!side];
    d->syn = h->syn;
    d->midway = h->midway;
    d->acks_trusted = h->acks_trusted;
    d->acks_unusable = h->acks_unusable;
    d->packets = h->packets;
    d->retrans = h->retrans;
    d->duplicates = h->duplicates;
    if (!h->next)
        return;
    d->start = h->next - h->given;
    d->next = d->near = d->top = h->next; /* top was at most that, which says as much: there is no hole */
    d->octets = h->given;
    d->high = d->sent = h->given ? h->next : 0;
    d->acked = d->acked_from = h->any_acked ? h->next - h->unacked : 0;
    d->first_ack = h->acked_start ? other->next - other->given : 0;
    d->first_when = t->first_when; /* of the other side it is not asked for any more */
    d->last_when = h->last_when;
    d->last_frame = t->first_frame + h->last_frame;
}

static struct tcp_trouble *begin_trouble(struct tcp *t, struct tcp_budget *budget)
{
    if (t->trouble)
        return t->trouble;
    struct tcp_trouble *trouble = new_trouble(budget);
    unfold(t, 0, &trouble->half[0]);
    unfold(t, 1, &trouble->half[1]);
    trouble->packets = t->packets;
    t->trouble = trouble;
    return trouble;
}

/* Can the short account say all of it? */
static bool is_calm(const struct tcp *t, int side)
{
    const struct tcp_direction *d = &t->trouble->half[side], *other = &t->trouble->half[!side];
    if (!d->packets)
        return !d->near && !d->start && !d->held.first[0] && !d->syn;
    uint64_t end = d->octets ? d->next : 0;
    bool whole = d->next && (d->syn || d->next != d->start) && d->next - d->start == d->octets && d->near == d->next &&
                 d->top <= d->next && d->high == end && d->sent == end && d->acked <= d->next;
    bool plain = !d->held.first[0] && !d->fin && !d->missed && !d->lost_to && !d->late && !d->held.conflicts &&
                 !d->held.refused && !d->full && !d->other_syn && !d->outside && !d->urgent && !d->far;
    bool judged = d->acks_trusted || d->acks_unusable ||
                  (!d->stale && !d->stale_count && (!d->first_ack || d->first_ack == other->start));
    bool aged = other->acks_trusted || other->acks_unusable || (!d->aged && !d->young);
    bool fits = d->octets <= UINT32_MAX && d->packets <= UINT32_MAX && d->retrans <= UINT8_MAX &&
                d->duplicates <= UINT8_MAX && d->last_frame - t->first_frame <= UINT32_MAX &&
                d->next - d->acked <= (d->acked ? UINT32_MAX : UINT64_MAX);
    return whole && plain && judged && aged && fits;
}

static void fold(struct tcp *t, int side)
{
    const struct tcp_direction *d = &t->trouble->half[side];
    struct tcp_half *h = &t->half[side];
    h->next = d->next;
    h->last_when = d->last_when;
    h->given = (uint32_t)d->octets;
    h->any_acked = d->acked != 0;
    h->unacked = d->acked ? (uint32_t)(d->next - d->acked) : 0;
    h->packets = (uint32_t)d->packets;
    h->last_frame = d->packets ? (uint32_t)(d->last_frame - t->first_frame) : 0;
    h->retrans = (uint8_t)d->retrans;
    h->duplicates = (uint8_t)d->duplicates;
    h->syn = d->syn;
    h->midway = d->midway;
    h->acked_start = d->first_ack != 0;
    h->acks_trusted = d->acks_trusted;
    h->acks_unusable = d->acks_unusable;
}

static void try_to_calm(struct tcp *t, struct tcp_budget *budget)
{
    const struct tcp_trouble *trouble = t->trouble;
    if (budget->never_calm || trouble->reset || trouble->end_when || trouble->packets > UINT32_MAX || !is_calm(t, 0) ||
        !is_calm(t, 1))
        return;
    fold(t, 0);
    fold(t, 1);
    t->packets = (uint32_t)trouble->packets;
    free_trouble(t, budget);
}

/* --- segments --- */

static uint32_t more(uint32_t n, size_t by)
{
    return by > UINT32_MAX - n ? UINT32_MAX : n + (uint32_t)by;
}

/* Is it the segment that is due, in a connection that is well? Then its octets, if any, are the next ones, it
   acknowledges octets that were given on, and *unacked is what it leaves. */
static bool is_due(const struct tcp *t, int side, const struct packet *p, uint32_t *unacked)
{
    const struct tcp_half *h = &t->half[side], *other = &t->half[!side];
    if (t->trouble || (p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_URG | TCP_ACK)) != TCP_ACK || !h->next ||
        !other->next)
        return false;
    uint32_t ahead = p->seq - (uint32_t)h->next;
    if (p->payload_wire ? ahead != 0 || p->payload.len != p->payload_wire : (int32_t)ahead > 0)
        return false;
    *unacked = (uint32_t)other->next - p->ack;
    if (*unacked > other->given || *unacked > INT32_MAX)
        return false;
    if (!h->acks_trusted && !h->acks_unusable && other->given && *unacked == other->given)
        return false; /* it ignores what had been captured: judge_acks() thinks about that */
    return h->packets < UINT32_MAX && t->packets < UINT32_MAX && p->frame - t->first_frame < UINT32_MAX &&
           more(h->given, p->payload_wire) < UINT32_MAX && more(h->unacked, p->payload_wire) < UINT32_MAX;
}

static void due_segment(const struct feed *f, int side, const struct packet *p, uint32_t unacked)
{
    struct tcp *t = f->tcp;
    struct tcp_half *h = &t->half[side], *other = &t->half[!side];
    t->packets++;
    h->last_when = p->when;
    h->last_frame = (uint32_t)(p->frame - t->first_frame);
    if (!other->any_acked || unacked < other->unacked)
        other->unacked = unacked;
    other->any_acked = true;
    if (other->given && unacked < other->given)
        h->acks_trusted = h->acks_trusted || !h->acks_unusable;
    else
        h->acked_start = true;
    if (!p->payload_wire)
        return;
    struct octets where = {h->next, other->next - unacked, other->given ? other->next : 0, p->when, p->frame};
    h->next += p->payload_wire;
    h->given += p->payload_wire;
    h->unacked += h->any_acked ? p->payload_wire : 0;
    fresh_keep(h, p->payload, where.at, f->budget);
    f->reader->data(f->arg, side, p->payload, &where);
}

bool tcp_segment(struct tcp *t, int side, const struct packet *p, struct tcp_budget *budget,
                 const struct tcp_reader *reader, void *arg)
{
    struct feed f = {t, NULL, budget, reader, arg};
    struct tcp_half *h = &t->half[side];
    uint32_t unacked;
    if (t->trouble ? !t->trouble->packets : !t->packets) {
        t->first_when = p->when;
        t->first_frame = p->frame;
    }
    bool duplicate = fresh_duplicate(t, side, p, budget);
    if (!duplicate && is_due(t, side, p, &unacked)) {
        h->packets++;
        due_segment(&f, side, p, unacked);
        return p->payload_wire != 0;
    }
    if (duplicate && !t->trouble && h->packets < UINT32_MAX && h->duplicates < UINT8_MAX) {
        h->packets++;
        h->duplicates++;
        return false;
    }
    f.t = begin_trouble(t, budget);
    f.t->half[side].packets++;
    if (duplicate)
        f.t->half[side].duplicates++;
    else
        trouble_segment(&f, side, p);
    try_to_calm(t, budget);
    return false;
}

void tcp_finish(struct tcp *t, struct tcp_budget *budget, const struct tcp_reader *reader, void *arg)
{
    if (t->trouble)
        trouble_finish(&(struct feed){t, t->trouble, budget, reader, arg});
}

void tcp_release(struct tcp *t, struct tcp_budget *budget)
{
    for (int side = 0; side < 2; side++) {
        fresh_drop(&t->half[side], budget);
        while (t->trouble && t->trouble->half[side].held.first[0])
            held_free_first(&t->trouble->half[side].held, budget);
    }
    if (t->trouble)
        free_trouble(t, budget);
}

bool tcp_is_new(struct tcp *t, int side, const struct packet *p, struct tcp_budget *budget)
{
    return p->tcp_flags & TCP_SYN && trouble_is_new(begin_trouble(t, budget), side, p);
}

void tcp_had_syn(struct tcp *t, int side, struct tcp_budget *budget)
{
    struct tcp_direction *h = &begin_trouble(t, budget)->half[side];
    h->syn = true;
    h->packets = 1;
}

/* --- what is known by now --- */

int64_t tcp_end_when(const struct tcp *t)
{
    return t->trouble ? t->trouble->end_when : 0;
}

bool tcp_was_reset(const struct tcp *t)
{
    return t->trouble && t->trouble->reset;
}

bool tcp_has_fin(const struct tcp *t)
{
    return t->trouble && (t->trouble->half[0].fin || t->trouble->half[1].fin);
}

uint64_t tcp_start(const struct tcp *t, int side)
{
    return t->trouble ? t->trouble->half[side].start : t->half[side].next - t->half[side].given;
}

bool tcp_acks_unusable(const struct tcp *t, int side)
{
    return t->trouble ? t->trouble->half[side].acks_unusable : t->half[side].acks_unusable;
}

struct tcp_side tcp_side(const struct tcp *t, int side)
{
    const struct tcp_half *h = &t->half[side];
    if (!t->trouble)
        return (struct tcp_side){.start = h->next - h->given,
                                 .packets = h->packets,
                                 .octets = h->given,
                                 .retrans = h->retrans,
                                 .duplicates = h->duplicates,
                                 .syn = h->syn,
                                 .midway = h->midway,
                                 .acks_unusable = h->acks_unusable};
    const struct tcp_direction *d = &t->trouble->half[side];
    return (struct tcp_side){.start = d->start,
                             .packets = d->packets,
                             .octets = d->octets,
                             .missed = d->missed,
                             .late = d->late,
                             .retrans = d->retrans,
                             .duplicates = d->duplicates,
                             .conflicts = d->held.conflicts,
                             .conflicts_last = d->held.conflicts_last,
                             .refused = d->held.refused,
                             .outside = d->outside,
                             .urgent = d->urgent,
                             .syn = d->syn,
                             .midway = d->midway,
                             .acks_unusable = d->acks_unusable};
}

bool tcp_dark(const struct tcp *t, int side)
{
    if (!t->trouble)
        return false;
    const struct tcp_direction *h = &t->trouble->half[side], *other = &t->trouble->half[!side];
    return !h->packets && h->near && (other->packets >= 8 || other->last_when - other->first_when >= CLOCK_S);
}

bool tcp_closed(const struct tcp *t, int side)
{
    const struct tcp_direction *h = t->trouble ? &t->trouble->half[side] : NULL;
    return h && h->fin && h->next >= h->fin;
}

bool tcp_acks_unknown(const struct tcp *t, int side)
{
    if (!t->trouble)
        return !t->half[side].acks_trusted && !t->half[side].acks_unusable && t->half[!side].given;
    const struct tcp_direction *h = &t->trouble->half[side];
    return !h->acks_trusted && !h->acks_unusable && t->trouble->half[!side].octets;
}

uint64_t tcp_acked_unseen(const struct tcp *t, int side)
{
    if (!t->trouble)
        return 0;
    const struct tcp_direction *h = &t->trouble->half[side];
    uint64_t from = h->high > h->start ? h->high : h->start;
    from = from > h->next ? from : h->next;
    from = from ? from : h->acked_from; /* its beginning was not captured either */
    uint64_t fin = h->fin && h->acked > h->fin ? 1 : 0;
    return from && h->acked > from + fin ? h->acked - from - fin : 0;
}
