/* Datagrams under way are in a hash table by their key and in a list by age. The octets of each are pieces that do not
   overlap, in order; of octets that came twice the first stay. Memory follows the octets that really came. */
#include "ipfrag.h"

#include "base/clock.h"
#include "base/memory.h"
#include "keep.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

#define DATAGRAM_MAX 65535U
#define PIECES_MAX   256U /* a full datagram over the smallest link that IPv4 must cope with (576) has 119 */
#define TABLE_START  256U

struct key { /* without padding, to be hashed whole */
    struct address src, dst;
    uint32_t id;
    uint8_t ip_version, protocol;
    uint8_t zero[2];
};

struct piece {
    struct piece *prev, *next;
    uint32_t start, end; /* as sent */
    uint32_t len;        /* captured */
    uint8_t data[];
};

struct pending {
    struct key key;
    uint64_t hash;
    struct pending *chain;         /* in the same slot */
    struct pending *older, *newer; /* by their first fragment */
    struct piece *first, *last;
    int64_t since;
    size_t held;
    uint32_t count, have;
    uint32_t wire; /* 0: the last fragment has not come */
    uint8_t protocol;
    bool overlap;
    uint64_t *unwanted;      /* not null: nothing is kept, this counts */
    struct kept_list frames; /* that its fragments came in */
};

struct ipfrag {
    struct decode_counts *counts;
    uint64_t most, held;
    int64_t age, now;
    uint64_t seed; /* random, so that nobody can choose keys that fall into one slot */
    struct pending **table;
    size_t slots, count;
    struct pending *oldest, *newest;
    uint8_t *whole;        /* the datagram given last */
    struct keeper *keeper; /* of frames; null: nobody wants them */
};

struct ipfrag *ipfrag_new(const struct limits *limits, struct decode_counts *counts)
{
    struct ipfrag *f = memory_get(sizeof *f);
    f->counts = counts;
    f->most = limits->fragments;
    f->age = (int64_t)limits->fragment_age * CLOCK_S;
    f->slots = TABLE_START;
    f->table = memory_get(f->slots * sizeof(struct pending *));
    /* Without a random number records would be the same, only slower under attack. */
    if (getrandom(&f->seed, sizeof f->seed, 0) != (ssize_t)sizeof f->seed)
        f->seed = (uintptr_t)f;
    return f;
}

void ipfrag_keep(struct ipfrag *f, struct keeper *keeper)
{
    f->keeper = keeper;
}

static void pending_free(struct ipfrag *f, struct pending *p)
{
    if (f->keeper)
        keeper_forget(f->keeper, &p->frames);
    for (struct piece *q = p->first, *next; q; q = next) {
        next = q->next;
        free(q);
    }
    free(p);
}

void ipfrag_free(struct ipfrag *f)
{
    if (!f)
        return;
    for (struct pending *p = f->oldest, *next; p; p = next) {
        next = p->newer;
        pending_free(f, p);
    }
    free(f->table);
    free(f->whole);
    free(f);
}

static struct pending **slot_of(struct ipfrag *f, uint64_t hash)
{
    return &f->table[hash & (f->slots - 1)];
}

/* Doubles the table: chains stay short however many datagrams the limit allows. */
static void grow(struct ipfrag *f)
{
    free(f->table);
    f->slots *= 2;
    f->table = memory_get(f->slots * sizeof(struct pending *));
    for (struct pending *p = f->oldest; p; p = p->newer) {
        struct pending **slot = slot_of(f, p->hash);
        p->chain = *slot;
        *slot = p;
    }
}

static void charge(struct ipfrag *f, struct pending *p, size_t octets)
{
    p->held += octets;
    f->held += octets;
}

static struct pending *find(struct ipfrag *f, const struct fragment *fragment)
{
    struct key key = {fragment->src, fragment->dst, fragment->id, fragment->ip_version, 0, {0, 0}};
    if (fragment->ip_version == 4)
        key.protocol = fragment->protocol;
    uint64_t hash = XXH3_64bits_withSeed(&key, sizeof key, f->seed);
    for (struct pending *p = *slot_of(f, hash); p; p = p->chain)
        if (p->hash == hash && !memcmp(&p->key, &key, sizeof key))
            return p;
    if (f->count == f->slots)
        grow(f);
    struct pending *p = memory_get(sizeof *p);
    p->key = key;
    p->hash = hash;
    p->since = f->now;
    p->protocol = fragment->protocol;
    p->chain = *slot_of(f, hash);
    *slot_of(f, hash) = p;
    p->older = f->newest;
    *(f->newest ? &f->newest->newer : &f->oldest) = p;
    f->newest = p;
    f->count++;
    charge(f, p, sizeof *p);
    return p;
}

static void forget(struct ipfrag *f, struct pending *p)
{
    struct pending **at = slot_of(f, p->hash);
    while (*at != p)
        at = &(*at)->chain;
    *at = p->chain;
    *(p->older ? &p->older->newer : &f->oldest) = p->newer;
    *(p->newer ? &p->newer->older : &f->newest) = p->older;
    f->count--;
    f->held -= p->held;
    pending_free(f, p);
}

/* Forgets what is held of it, and it as soon as its last fragment comes, as they mostly come in order. */
static void refuse(struct ipfrag *f, struct pending *p, const struct fragment *fragment)
{
    if (!p->unwanted)
        p->unwanted = fragment->unwanted;
    ++*p->unwanted;
    if (!fragment->more) {
        forget(f, p);
        return;
    }
    f->held -= p->held - sizeof *p;
    p->held = sizeof *p;
    if (f->keeper)
        keeper_forget(f->keeper, &p->frames);
    for (struct piece *q = p->first, *next; q; q = next) {
        next = q->next;
        free(q);
    }
    p->first = p->last = NULL;
    p->count = p->have = 0;
}

/* To keep the age and the limit. */
static void give_up(struct ipfrag *f, struct pending *p, uint64_t *count)
{
    *count += !p->unwanted;
    forget(f, p);
}

static void expire(struct ipfrag *f)
{
    while (f->oldest && f->now - f->oldest->since > f->age) {
        assert(!f->oldest->older); /* so that forgetting it moves f->oldest on */
        give_up(f, f->oldest, &f->counts->fragments_expired);
    }
}

/* Keeps the octets [start, end) of the fragment, as a piece behind `after` (null: in front of all). */
static bool insert(struct ipfrag *f, struct pending *p, struct piece *after, const struct fragment *fragment,
                   uint32_t start, uint32_t end)
{
    if (p->count == PIECES_MAX)
        return false;
    struct bytes data = bytes_part(fragment->data, start - fragment->offset, end - start);
    struct piece *q = memory_get(sizeof *q + data.len);
    q->start = start;
    q->end = end;
    q->len = (uint32_t)data.len;
    if (data.len)
        memcpy(q->data, data.data, data.len);
    q->prev = after;
    q->next = after ? after->next : p->first;
    *(q->next ? &q->next->prev : &p->last) = q;
    *(after ? &after->next : &p->first) = q;
    p->count++;
    p->have += end - start;
    charge(f, p, sizeof *q + data.len);
    return true;
}

/* Do the fragment and the piece agree where both were captured? */
static bool agrees(const struct piece *q, const struct fragment *fragment)
{
    uint32_t from = q->start > fragment->offset ? q->start : fragment->offset;
    uint32_t theirs = q->start + q->len, ours = fragment->offset + (uint32_t)fragment->data.len;
    uint32_t to = theirs < ours ? theirs : ours;
    return from >= to ||
           !memcmp(q->data + (from - q->start), fragment->data.data + (from - fragment->offset), to - from);
}

/* Fills the gaps that the fragment can fill. Fragments mostly come in order, so the place is looked for from the end.
 */
static bool merge(struct ipfrag *f, struct pending *p, const struct fragment *fragment)
{
    uint32_t at = fragment->offset, end = fragment->offset + fragment->wire;
    bool same = true, room = true;
    struct piece *before = p->last;
    while (before && before->end > at)
        before = before->prev;
    struct piece *q = before ? before->next : p->first;
    for (; q && q->start < end && room; q = q->next) {
        if (at < q->start)
            room = insert(f, p, q->prev, fragment, at, q->start);
        same = same && agrees(q, fragment);
        at = q->end;
        before = q;
    }
    if (at < end && room)
        room = insert(f, p, before, fragment, at, end);
    if (!same) {
        p->overlap = true;
        f->counts->fragments_overlapped++;
    }
    return room;
}

/* Where the datagram ends is said by the fragment without "more"; the first to say so is believed. False: this one
   contradicts what is known. */
static bool agree_on_end(struct pending *p, const struct fragment *fragment)
{
    uint32_t end = fragment->offset + fragment->wire;
    if (p->wire)
        return fragment->more ? end < p->wire : end == p->wire;
    if (fragment->more)
        return true;
    if (p->last && p->last->end > end)
        return false;
    p->wire = end;
    return true;
}

/* Copies the pieces together, up to the first octet that was not captured. */
static void join(struct ipfrag *f, const struct pending *p, struct datagram *ret)
{
    if (!f->whole)
        f->whole = memory_get(DATAGRAM_MAX);
    size_t len = 0;
    for (const struct piece *q = p->first; q; q = q->next) {
        memcpy(f->whole + len, q->data, q->len);
        len += q->len;
        if (q->len < q->end - q->start)
            break;
    }
    *ret = (struct datagram){{f->whole, len}, p->wire, p->protocol, p->overlap};
}

static void keep_limit(struct ipfrag *f)
{
    while (f->held > f->most) {
        assert(f->oldest && !f->oldest->older);
        give_up(f, f->oldest, &f->counts->fragments_evicted);
    }
}

static bool usable(struct fragment *fragment)
{
    if (fragment->more) /* all but the last are of whole units of eight octets; what is over is not used by hosts */
        fragment->wire &= ~7U;
    fragment->data = bytes_part(fragment->data, 0, fragment->wire);
    return fragment->wire && fragment->offset <= DATAGRAM_MAX && fragment->wire <= DATAGRAM_MAX - fragment->offset;
}

bool ipfrag_add(struct ipfrag *f, const struct fragment *given, struct datagram *ret)
{
    struct fragment fragment = *given;
    if (fragment.when > f->now)
        f->now = fragment.when;
    expire(f);
    if (!usable(&fragment)) {
        f->counts->fragments++;
        f->counts->fragments_bad++;
        return false;
    }
    struct pending *p = find(f, &fragment);
    bool begins = !fragment.offset && (!p->first || p->first->start);
    if (p->unwanted || (begins && fragment.unwanted)) {
        refuse(f, p, &fragment);
        keep_limit(f);
        return false;
    }
    f->counts->fragments++;
    bool good = agree_on_end(p, &fragment) && merge(f, p, &fragment);
    f->counts->fragments_bad += !good;
    if (good && begins)
        p->protocol = fragment.protocol;
    if (p->wire && p->have == p->wire) {
        join(f, p, ret);
        if (f->keeper)
            keeper_resume(f->keeper, &p->frames);
        forget(f, p);
        f->counts->fragments_completed++;
        return true;
    }
    if (f->keeper && good)
        keeper_hold(f->keeper, &p->frames);
    keep_limit(f);
    return false;
}
