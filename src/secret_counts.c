/* Every attempt of the last hour stands in a queue. Two tallies rest on it: attempts for each client, secret and user,
   and such triples for each client and secret. Both are found by hashes; the tags themselves are not kept. */
#include "secret_counts.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/memory.h"

#define WINDOW (3600 * CLOCK_S)
#define LEAST  64 /* room at first; powers of two */

struct tally {
    struct tally *next; /* in its bucket */
    uint64_t hash, count;
};

struct attempt {
    int64_t when;
    struct tally *tries, *users;
};

struct secret_counts {
    struct tally **buckets; /* a power of two; no tally is 0 */
    size_t bucket_count, tallies;
    struct attempt *queue; /* a ring; room for a power of two */
    size_t first, count, cap;
    uint64_t most, forgotten;
    int64_t now; /* clocks step back, the hour does not */
};

struct secret_counts *secret_counts_new(uint64_t most)
{
    struct secret_counts *c = memory_get(sizeof *c);
    c->most = most;
    return c;
}

uint64_t secret_counts_forgotten(const struct secret_counts *c)
{
    return c->forgotten;
}

static void more_buckets(struct secret_counts *c)
{
    size_t count = c->bucket_count ? c->bucket_count * 2 : LEAST;
    struct tally **buckets = memory_get(count * sizeof *buckets);
    for (size_t i = 0; i < c->bucket_count; i++)
        for (struct tally *t = c->buckets[i], *next; t; t = next) {
            next = t->next;
            t->next = buckets[t->hash & (count - 1)];
            buckets[t->hash & (count - 1)] = t;
        }
    free(c->buckets);
    c->buckets = buckets;
    c->bucket_count = count;
}

static struct tally *tally_get(struct secret_counts *c, uint64_t hash)
{
    if (c->tallies == c->bucket_count)
        more_buckets(c);
    struct tally **bucket = &c->buckets[hash & (c->bucket_count - 1)];
    for (struct tally *t = *bucket; t; t = t->next)
        if (t->hash == hash)
            return t;
    struct tally *t = memory_get(sizeof *t);
    *t = (struct tally){*bucket, hash, 0};
    *bucket = t;
    c->tallies++;
    return t;
}

/* One less; true where that was the last. */
static bool tally_less(struct secret_counts *c, struct tally *t)
{
    if (--t->count)
        return false;
    struct tally **link = &c->buckets[t->hash & (c->bucket_count - 1)];
    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    c->tallies--;
    explicit_bzero(t, sizeof *t);
    free(t);
    return true;
}

static void forget_first(struct secret_counts *c)
{
    struct attempt *a = &c->queue[c->first];
    struct tally *users = a->users;
    if (tally_less(c, a->tries))
        tally_less(c, users);
    *a = (struct attempt){0};
    c->first = (c->first + 1) & (c->cap - 1);
    c->count--;
}

void secret_counts_free(struct secret_counts *c)
{
    if (!c)
        return;
    while (c->count)
        forget_first(c);
    free(c->buckets);
    free(c->queue);
    free(c);
}

static void grow(struct secret_counts *c)
{
    size_t cap = c->cap ? c->cap * 2 : LEAST;
    struct attempt *queue = memory_get(cap * sizeof *queue);
    for (size_t i = 0; i < c->count; i++)
        queue[i] = c->queue[(c->first + i) & (c->cap - 1)];
    free(c->queue);
    c->queue = queue;
    c->cap = cap;
    c->first = 0;
}

static void make_room(struct secret_counts *c, int64_t when)
{
    c->now = when > c->now ? when : c->now;
    while (c->count && c->queue[c->first].when <= c->now - WINDOW)
        forget_first(c);
    if (c->count >= c->most) {
        forget_first(c);
        c->forgotten++;
    }
    if (c->count == c->cap)
        grow(c);
}

static int64_t end_of(const struct record *r)
{
    int64_t begin = (int64_t)record_find_number(r, F_all_ts), end = (int64_t)record_find_number(r, F_all_end_ts);
    int64_t last = end > begin ? end : begin;
    return last > 0 ? last : 0;
}

/* Of the text but for the case, and of what the seed is of. */
static uint64_t hash_text(uint64_t seed, struct bytes text)
{
    uint8_t upper[64];
    size_t at = 0;
    do {
        size_t n = 0;
        for (; n < sizeof upper && at < text.len; n++)
            upper[n] = byte_upper(text.data[at++]);
        seed = XXH64(upper, n, seed);
    } while (at < text.len);
    return seed;
}

void secret_counts_take(struct secret_counts *c, struct record *r)
{
    uint8_t tag[RECORD_TAG_SIZE];
    if (!record_take_tag(r, tag))
        return;
    if (!c->most || !record_has(r, F_auth_user)) {
        explicit_bzero(tag, sizeof tag);
        return;
    }
    uint64_t of_secret = XXH64(tag, sizeof tag, 0);
    explicit_bzero(tag, sizeof tag);
    uint64_t of_client = hash_text(of_secret, record_client(r));
    uint64_t of_user = hash_text(of_client, record_find(r, F_auth_user));

    make_room(c, end_of(r));
    struct tally *tries = tally_get(c, of_user), *users = tally_get(c, of_client);
    users->count += !tries->count++;
    c->queue[(c->first + c->count++) & (c->cap - 1)] = (struct attempt){c->now, tries, users};
    record_number(r, F_auth_secret_tries, tries->count);
    record_number(r, F_auth_secret_users, users->count);
}
