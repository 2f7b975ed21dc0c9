/* Segments beyond a hole. A skip list (Pugh 1990): whatever the order in which they come, one more costs the logarithm
   of their number. */
#include "tcp_private.h"

#include "base/memory.h"

#include <stdlib.h>

#define ALLOCATOR_COST 16
#define USUAL_LEVELS   2 /* 4/3 are the mean */

static uint64_t end_of(const struct held_segment *seg)
{
    return seg->where.at + seg->len;
}

/* Each level has a quarter of the segments of the one below. */
static uint32_t random_levels(struct tcp_budget *budget)
{
    uint64_t x = budget->random + UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 (Steele, Lea, Flood 2014) */
    uint32_t levels = 1;
    budget->random = x;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    for (x ^= x >> 31; levels < HELD_LEVELS && !(x & 3); x >>= 2)
        levels++;
    return levels;
}

static size_t size_of(uint32_t levels, size_t len)
{
    return sizeof(struct held_segment) + levels * sizeof(struct held_segment *) + len;
}

/* What it is charged for: the same whatever chance made of its levels, for what is evicted when hangs on it. */
static size_t cost_of(size_t len)
{
    return size_of(USUAL_LEVELS, len) + ALLOCATOR_COST;
}

/* The links that lead to the first segment that ends beyond `at`, of each level. */
static void find(struct held *h, uint64_t at, struct held_segment **links[HELD_LEVELS])
{
    struct held_segment **from = h->first;
    for (unsigned level = HELD_LEVELS; level-- > 0;) {
        while (from[level] && end_of(from[level]) <= at)
            from = from[level]->next;
        links[level] = &from[level];
    }
}

static void advance(uint64_t at, struct held_segment **links[HELD_LEVELS])
{
    for (unsigned level = 0; level < HELD_LEVELS; level++)
        while (*links[level] && end_of(*links[level]) <= at)
            links[level] = &(*links[level])->next[level];
}

static void insert(struct held *h, struct bytes data, const struct octets *where, struct tcp_budget *budget,
                   struct held_segment **links[HELD_LEVELS])
{
    uint32_t levels = random_levels(budget);
    struct held_segment *seg = memory_get(size_of(levels, data.len));
    seg->where = *where;
    seg->len = (uint32_t)data.len;
    seg->levels = levels;
    memcpy(seg->next + levels, data.data, data.len);
    for (uint32_t level = 0; level < levels; level++) {
        seg->next[level] = *links[level];
        *links[level] = seg;
    }
    h->octets += data.len + HELD_COST;
    budget->held += data.len + HELD_COST;
    budget->memory += cost_of(data.len);
}

/* These octets are held already: how many of the copies differ, and which one stays? */
static void compare(struct held *h, struct held_segment *seg, size_t from, struct bytes data, bool last_wins)
{
    uint8_t *kept = (uint8_t *)(seg->next + seg->levels) + from;
    uint64_t others = 0;
    for (size_t i = 0; i < data.len; i++)
        others += kept[i] != data.data[i];
    h->conflicts += others;
    if (last_wins && others) {
        h->conflicts_last += others;
        memcpy(kept, data.data, data.len);
    }
}

enum held_result held_add(struct held *h, struct bytes data, struct octets where, struct tcp_budget *budget)
{
    struct held_segment **links[HELD_LEVELS];
    enum held_result result = HELD_ALREADY;
    find(h, where.at, links);
    while (data.len) {
        struct held_segment *after = *links[0];
        size_t len = data.len;
        if (after && after->where.at <= where.at) {
            size_t from = (size_t)(where.at - after->where.at);
            len = after->len - from < len ? after->len - from : len;
            compare(h, after, from, bytes_part(data, 0, len), budget->last_wins);
        } else {
            if (after && after->where.at < where.at + len)
                len = (size_t)(after->where.at - where.at);
            if (h->octets + len + HELD_COST > budget->limits->segments ||
                budget->held + len + HELD_COST > budget->limits->held) {
                h->refused++;
                return HELD_REFUSED;
            }
            insert(h, bytes_part(data, 0, len), &where, budget, links);
            result = HELD_ALL;
        }
        data = bytes_part(data, len, data.len);
        where.at += len;
        advance(where.at, links);
    }
    return result;
}

void held_free_first(struct held *h, struct tcp_budget *budget)
{
    struct held_segment *seg = h->first[0];
    for (uint32_t level = 0; level < seg->levels; level++)
        h->first[level] = seg->next[level];
    h->octets -= seg->len + HELD_COST;
    budget->held -= seg->len + HELD_COST;
    budget->memory -= cost_of(seg->len);
    free(seg);
}
