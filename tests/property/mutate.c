/* Mutations of traces (see mutate.h). */
#include "mutate.h"
#include "base/clock.h"
#include "base/memory.h"
#include <stdlib.h>

struct random random_seeded(uint64_t seed)
{
    return (struct random){seed};
}

/* splitmix64: each seed gives another sequence, neighbours too. */
static uint64_t next(struct random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

size_t random_below(struct random *r, size_t n)
{
    return (size_t)(next(r) % n);
}

bool same_direction(const struct packet *a, const struct packet *b)
{
    return a->sport == b->sport && a->dport == b->dport && memcmp(&a->src, &b->src, sizeof(a->src)) == 0 &&
           memcmp(&a->dst, &b->dst, sizeof(a->dst)) == 0;
}

bool same_flow_other_side(const struct packet *a, const struct packet *b)
{
    return a->sport == b->dport && a->dport == b->sport && memcmp(&a->src, &b->dst, sizeof(a->src)) == 0 &&
           memcmp(&a->dst, &b->src, sizeof(a->dst)) == 0;
}

static struct packet *at(const struct trace *t, size_t i)
{
    return &t->segments[i].packet;
}

static bool before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static uint32_t length_of(const struct packet *p)
{
    return p->payload_wire + ((p->tcp_flags & TCP_FIN) != 0) + ((p->tcp_flags & TCP_SYN) != 0);
}

#define REACH 32 /* packets: far enough for what dialogues and this file displace */

/* Is something on its way at place p, that others have overtaken: does a packet at p or later belong before one of the
   same direction that stands earlier than p? There, more packets would turn a delay into a loss. */
static bool open_at(const struct trace *t, size_t p)
{
    for (size_t late = p; late < t->count && late - p < REACH; late++)
        for (size_t j = p; length_of(at(t, late)) > 0 && j-- > 0 && p - j < REACH;)
            if (same_direction(at(t, late), at(t, j)) && before(at(t, late)->seq, at(t, j)->seq))
                return true;
    return false;
}

static void resum(struct packet *p, struct random *r)
{
    p->ip_id = p->ip_version == 4 ? (uint16_t)(0x8000 | random_below(r, 0x8000)) : 0;
    p->tcp_sum = trace_checksum(p);
}

static bool has_data(const struct packet *p)
{
    return p->payload.len > 0 && p->payload.len == p->payload_wire && (p->tcp_flags & (TCP_SYN | TCP_RST)) == 0;
}

/* One segment becomes two. */
static bool cut(struct trace *t, struct random *r, size_t i)
{
    struct packet whole = *at(t, i), tail = whole, *p;
    uint8_t *copy;
    size_t k;

    if (!has_data(&whole) || whole.payload.len < 2 || open_at(t, i) || open_at(t, i + 1))
        return false;
    k = 1 + random_below(r, whole.payload.len - 1);
    copy = memory_get(whole.payload.len);
    memcpy(copy, whole.payload.data, whole.payload.len);
    tail.seq += (uint32_t)k;
    tail.payload = bytes_of(copy + k, whole.payload.len - k);
    tail.payload_wire = (uint32_t)tail.payload.len;
    resum(&tail, r);
    trace_insert(t, i + 1, &tail);
    trace_payload(t, i, bytes_of(copy, k));
    p = at(t, i);
    p->tcp_flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    resum(p, r);
    free(copy);
    return true;
}

/* Was the flow of p reset before place i? What comes then is no ordinary traffic. */
static bool reset_before(const struct trace *t, const struct packet *p, size_t i)
{
    while (i-- > 0)
        if ((at(t, i)->tcp_flags & TCP_RST) && (same_direction(p, at(t, i)) || same_flow_other_side(p, at(t, i))))
            return true;
    return false;
}

/* A place after i, near, at which something can be put in without making a loss of what is on its way. */
static size_t place_after(const struct trace *t, struct random *r, size_t i)
{
    size_t p = i + 1 + random_below(r, DISPLACE_PACKETS);

    while (p > i + 1 && (p > t->count || at(t, p - 1)->when - at(t, i)->when >= DISPLACE_TIME ||
                         (at(t, p - 1)->tcp_flags & TCP_SYN)))
        p--;
    return open_at(t, p) || reset_before(t, at(t, i), p) ? SIZE_MAX : p;
}

static bool capture_twice(struct trace *t, struct random *r, size_t i)
{
    size_t p = place_after(t, r, i);
    struct packet copy = *at(t, i);

    if (p == SIZE_MAX)
        return false;
    copy.when = at(t, p - 1)->when;
    trace_insert(t, p, &copy);
    return true;
}

/* The packet before place i in the direction of p, or SIZE_MAX. */
static size_t earlier(const struct trace *t, const struct packet *p, size_t i)
{
    while (i-- > 0)
        if (same_direction(p, at(t, i)))
            return i;
    return SIZE_MAX;
}

/* Do both carry the same octets? The copy captured first says what its sender had received: such do not pass each
 * other. */
static bool overlap(const struct packet *a, const struct packet *b)
{
    return same_direction(a, b) && length_of(a) > 0 && length_of(b) > 0 && before(a->seq, b->seq + length_of(b)) &&
           before(b->seq, a->seq + length_of(a));
}

/* Does segment i carry no octet that one captured earlier carries as well? Of two copies with different content the
   first holds: what is cut out of the other is no retransmission. */
static bool is_first_copy(const struct trace *t, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (overlap(at(t, i), at(t, j)))
            return false;
    return true;
}

/* Some of what segment i and the one behind it carried is sent once more, cut otherwise. */
static bool send_again(struct trace *t, struct random *r, size_t i)
{
    struct packet p = *at(t, i);
    size_t place = place_after(t, r, i), from, latest, next_one = SIZE_MAX, len = p.payload.len;
    uint8_t *block;

    if (place == SIZE_MAX || !has_data(&p) || !is_first_copy(t, i))
        return false;
    for (size_t j = i + 1; j < place; j++)
        if (same_direction(&p, at(t, j)) && has_data(at(t, j)) && at(t, j)->seq == p.seq + p.payload.len &&
            is_first_copy(t, j))
            next_one = j;
    if (next_one != SIZE_MAX)
        len += at(t, next_one)->payload.len;
    block = memory_get(len);
    memcpy(block, p.payload.data, p.payload.len);
    if (next_one != SIZE_MAX)
        memcpy(block + p.payload.len, at(t, next_one)->payload.data, len - p.payload.len);
    from = random_below(r, len);
    p.seq += (uint32_t)from;
    p.payload = bytes_of(block + from, 1 + random_below(r, len - from));
    p.payload_wire = (uint32_t)p.payload.len;
    p.tcp_flags &= (uint8_t)~TCP_FIN;
    latest = earlier(t, &p, place);
    p.ack = at(t, latest)->ack;
    p.when = at(t, place - 1)->when;
    resum(&p, r);
    trace_insert(t, place, &p);
    free(block);
    return true;
}

/* A segment carries once more the end of the one before it. */
static bool extend_back(struct trace *t, struct random *r, size_t i)
{
    struct packet *p = at(t, i);
    size_t from = SIZE_MAX, k, len;
    uint8_t *block;

    if (!has_data(p) || open_at(t, i) || !is_first_copy(t, i))
        return false;
    for (size_t j = i; j-- > 0 && from == SIZE_MAX;)
        if (same_direction(p, at(t, j)) && has_data(at(t, j)) && at(t, j)->seq + at(t, j)->payload.len == p->seq &&
            is_first_copy(t, j))
            from = j;
    if (from == SIZE_MAX || p->payload.len > 32000 || (at(t, from)->tcp_flags & TCP_FIN))
        return false;
    k = 1 + random_below(r, at(t, from)->payload.len);
    len = k + p->payload.len;
    if (len > 60000)
        return false;
    block = memory_get(len);
    memcpy(block, at(t, from)->payload.data + at(t, from)->payload.len - k, k);
    memcpy(block + k, p->payload.data, p->payload.len);
    trace_payload(t, i, bytes_of(block, len));
    p->seq -= (uint32_t)k;
    resum(p, r);
    free(block);
    return true;
}

/* Exchanges neighbours; each takes the other's time, for the order of capture is that of time. */
static void exchange(struct trace *t, size_t i)
{
    struct segment s = t->segments[i];
    int64_t first = s.packet.when, second = t->segments[i + 1].packet.when;

    t->segments[i] = t->segments[i + 1];
    t->segments[i + 1] = s;
    at(t, i)->when = first;
    at(t, i + 1)->when = second;
}

/* Two packets that crossed on the way: the point of capture decides which is first. */
static bool swap(struct trace *t, size_t i)
{
    const struct packet *a = at(t, i), *b = i + 1 < t->count ? at(t, i + 1) : NULL;

    if (!b || open_at(t, i) || open_at(t, i + 1) || open_at(t, i + 2) || !same_flow_other_side(a, b))
        return false;
    if (((a->tcp_flags | b->tcp_flags) & (TCP_SYN | TCP_RST)) != 0 || !(b->tcp_flags & TCP_ACK) ||
        (length_of(a) > 0 && before(a->seq, b->ack)))
        return false;
    exchange(t, i);
    return true;
}

/* A SYN that is not the first of its flow may begin another: nothing goes past it. */
static bool begins_anew(const struct trace *t, size_t i)
{
    if (!(at(t, i)->tcp_flags & TCP_SYN))
        return false;
    for (size_t j = 0; j < i; j++)
        if (same_direction(at(t, i), at(t, j)) ||
            (same_flow_other_side(at(t, i), at(t, j)) &&
             !((at(t, j)->tcp_flags & TCP_SYN) && (at(t, i)->tcp_flags & TCP_ACK))))
            return true;
    return false;
}

/* How far packet i can be delayed, up to `most`. What begins a direction midway stays: what comes before it in the
   stream would be taken for older. */
static size_t room_behind(const struct trace *t, size_t i, size_t most)
{
    size_t n = 0;

    if (begins_anew(t, i) || open_at(t, i) || open_at(t, i + 1) ||
        (!(at(t, i)->tcp_flags & TCP_SYN) && earlier(t, at(t, i), i) == SIZE_MAX))
        return 0;
    while (n < most && i + n + 1 < t->count && !open_at(t, i + n + 2) && !begins_anew(t, i + n + 1) &&
           !overlap(at(t, i), at(t, i + n + 1)) && at(t, i + n + 1)->when - at(t, i)->when < DISPLACE_TIME &&
           at(t, i + n + 1)->when >= at(t, i + n)->when)
        n++;
    return n;
}

struct place {
    size_t key, from;
};

static int place_compare(const void *x, const void *y)
{
    const struct place *a = x, *b = y;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->from < b->from ? -1 : a->from > b->from;
}

/* One direction is captured late: all of it, or here and there. */
static void displace(struct trace *t, struct random *r)
{
    const struct packet like = *at(t, random_below(r, t->count));
    size_t evenly = random_below(r, 3) == 0 ? 1 + random_below(r, DISPLACE_PACKETS) : 0, often = 1 + random_below(r, 8);
    struct place *places = memory_get(t->count * sizeof(*places));
    struct segment *old = memory_get(t->count * sizeof(*old));

    for (size_t i = 0; i < t->count; i++) {
        size_t n = 0;

        if (same_direction(&like, at(t, i)) && (evenly > 0 || random_below(r, often) == 0))
            n = room_behind(t, i, evenly > 0 ? evenly : 1 + random_below(r, DISPLACE_PACKETS));
        places[i] = (struct place){2 * (i + n) + (n > 0), i};
        old[i] = t->segments[i];
    }
    qsort(places, t->count, sizeof(*places), place_compare);
    for (size_t i = 0; i < t->count; i++) {
        t->segments[i] = old[places[i].from];
        at(t, i)->when = old[i].packet.when;
    }
    free(old);
    free(places);
}

static bool change(struct trace *t, struct random *r, bool order)
{
    bool done = false;
    size_t i = random_below(r, t->count), what = random_below(r, 8);

    if (what <= 2)
        done = cut(t, r, i);
    else if (what == 3)
        done = capture_twice(t, r, i);
    else if (what == 4)
        done = send_again(t, r, i);
    else if (what == 5)
        done = extend_back(t, r, i);
    else if (order)
        done = swap(t, i);
    return done;
}

void mutate(struct trace *t, struct random *r, bool order, unsigned most)
{
    size_t changes = random_below(r, 12) + random_below(r, 4) * random_below(r, 20), displaces = random_below(r, 3);

    if (t->count == 0)
        return;
    for (size_t i = 0; i < changes && most > 0; i++)
        most -= change(t, r, order);
    /* Last, and once: twice three packets would be six. */
    if (order && displaces > 0 && most > 0)
        displace(t, r);
    trace_number(t);
}

void mutate_drop(struct trace *t, struct random *r, struct trace *gone)
{
    size_t from, count;

    *gone = (struct trace){0};
    if (t->count == 0)
        return;
    from = random_below(r, t->count);
    count =
        1 + random_below(r, random_below(r, 4) == 0 ? t->count - from : (t->count - from < 4 ? t->count - from : 4));
    for (size_t i = from; i < from + count; i++)
        trace_add(gone, at(t, i));
    trace_remove(t, from, count);
    trace_number(t);
}
