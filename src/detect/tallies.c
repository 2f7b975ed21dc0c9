#include "tallies.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/memory.h"

struct distinct {
    uint32_t count, cap;
    bool over;         /* more than DISTINCT_EXACT: the list holds the least hashes only */
    uint64_t hashes[]; /* ascending */
};

static size_t held(uint32_t cap)
{
    return memory_cost(sizeof(struct distinct) + cap * sizeof(uint64_t));
}

size_t distinct_held(const struct distinct *d)
{
    return d ? held(d->cap) : 0;
}

/* The first place whose hash is not less. */
static uint32_t place_of(const struct distinct *d, uint64_t hash)
{
    uint32_t low = 0, high = d->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (d->hashes[middle] < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool distinct_add(struct distinct **list, uint64_t hash, size_t *grown)
{
    struct distinct *d = *list;
    uint32_t at = d ? place_of(d, hash) : 0;
    if (d && at < d->count && d->hashes[at] == hash)
        return false;
    if (d && d->count == DISTINCT_EXACT) {
        d->over = true;
        if (at == d->count)
            return false; /* whether it was there nobody knows */
        d->count--;
    } else if (!d || d->count == d->cap) {
        uint32_t cap = d ? d->cap * 2 : 4, count = d ? d->count : 0;
        bool over = d && d->over;
        *grown += held(cap) - distinct_held(d);
        d = *list = memory_resize(d, sizeof *d + cap * sizeof *d->hashes);
        d->count = count;
        d->cap = cap;
        d->over = over;
    }
    memmove(d->hashes + at + 1, d->hashes + at, (d->count - at) * sizeof *d->hashes);
    d->hashes[at] = hash;
    d->count++;
    return true;
}

uint64_t distinct_count(const struct distinct *d)
{
    if (!d || !d->over)
        return d ? d->count : 0;
    uint64_t share = d->hashes[d->count - 1] / (d->count - 1);
    return share ? UINT64_MAX / share : d->count;
}

uint64_t tally_hash(struct bytes text)
{
    return XXH3_64bits(text.data, text.len);
}

uint64_t tally_hash_nocase(struct bytes text)
{
    uint8_t upper[256];
    uint64_t hash = 0;
    for (size_t at = 0; at < text.len || !at;) {
        size_t n = 0;
        while (n < sizeof upper && at < text.len)
            upper[n++] = byte_upper(text.data[at++]);
        hash = XXH3_64bits_withSeed(upper, n, hash);
        if (!n)
            break;
    }
    return hash;
}

uint64_t tally_host(const struct host *h)
{
    return tally_hash(bytes_of(h->octets, sizeof h->octets));
}

/* Few have many. */
static size_t grow(struct recent *r)
{
    size_t before = memory_cost(r->cap * sizeof *r->list);
    r->cap = r->cap ? (uint8_t)(r->cap * 2) : 2;
    r->list = memory_resize(r->list, r->cap * sizeof *r->list);
    return memory_cost(r->cap * sizeof *r->list) - before;
}

size_t recent_add(struct recent *r, int64_t when, uint64_t what)
{
    size_t grown = r->count == r->cap && r->cap < RECENT_MOST ? grow(r) : 0;
    r->list[r->next] = (struct recent_thing){when, what};
    r->next = (uint8_t)((r->next + 1) % RECENT_MOST);
    if (r->count < RECENT_MOST)
        r->count++;
    return grown;
}

void recent_release(struct recent *r)
{
    free(r->list);
    *r = (struct recent){0};
}

unsigned recent_count(const struct recent *r, int64_t since)
{
    unsigned n = 0;
    for (unsigned i = 0; i < r->count; i++)
        n += r->list[i].when >= since;
    return n;
}

unsigned recent_of(const struct recent *r, int64_t since, uint64_t what, uint64_t mask)
{
    unsigned n = 0;
    for (unsigned i = 0; i < r->count; i++)
        n += r->list[i].when >= since && !((r->list[i].what ^ what) & mask);
    return n;
}

void recent_forget(struct recent *r, uint64_t what, uint64_t mask)
{
    struct recent_thing kept[RECENT_MOST];
    uint8_t count = 0;
    for (unsigned i = 0; i < r->count; i++) {
        unsigned at = (r->next + (unsigned)RECENT_MOST - r->count + i) % RECENT_MOST;
        if ((r->list[at].what ^ what) & mask)
            kept[count++] = r->list[at];
    }
    if (count)
        memcpy(r->list, kept, count * sizeof *kept);
    r->count = count;
    r->next = count % RECENT_MOST;
}

unsigned recent_distinct(const struct recent *r, int64_t since)
{
    return recent_distinct_by(r, since, UINT64_MAX);
}

unsigned recent_distinct_by(const struct recent *r, int64_t since, uint64_t mask)
{
    unsigned n = 0;
    for (unsigned i = 0; i < r->count; i++) {
        bool before = r->list[i].when < since;
        for (unsigned k = 0; k < i && !before; k++)
            before = r->list[k].when >= since && !((r->list[k].what ^ r->list[i].what) & mask);
        n += !before;
    }
    return n;
}
