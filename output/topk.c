/* Space-saving: a hash table from key to place, and a heap of places by count, the least at its root. */
#include "topk.h"

#include "base/memory.h"

#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

struct place {
    uint64_t count, over, since; /* since: when it was taken, to tell places of one count apart */
    uint32_t heap;               /* where in the heap it stands */
    uint32_t next;               /* in its chain; NONE at the end */
    uint16_t len;
    uint8_t key[TOPK_KEY_SIZE];
};

#define NONE UINT32_MAX

struct topk {
    struct place *places;
    uint32_t *heap, *chains;
    uint32_t used, size, mask;
    uint64_t clock, seed;
};

struct topk *topk_new(size_t places)
{
    struct topk *t = memory_get(sizeof *t);
    t->size = (uint32_t)places;
    uint32_t chains = 16;
    while (chains < t->size)
        chains *= 2;
    t->mask = chains - 1;
    t->places = memory_get(places * sizeof *t->places);
    t->heap = memory_get(places * sizeof *t->heap);
    t->chains = memory_get(chains * sizeof *t->chains);
    for (uint32_t i = 0; i < chains; i++)
        t->chains[i] = NONE;
    /* Keys come from strangers: a seed they do not know keeps the chains short. Without one all still works. */
    if (getrandom(&t->seed, sizeof t->seed, GRND_NONBLOCK) < 0)
        t->seed = 0;
    return t;
}

void topk_free(struct topk *t)
{
    if (!t)
        return;
    free(t->places);
    free(t->heap);
    free(t->chains);
    free(t);
}

static uint32_t *chain_of(const struct topk *t, struct bytes key)
{
    return &t->chains[XXH3_64bits_withSeed(key.data, key.len, t->seed) & t->mask];
}

static struct bytes key_of(const struct place *p)
{
    return bytes_of(p->key, p->len);
}

static bool less(const struct topk *t, uint32_t a, uint32_t b)
{
    const struct place *x = &t->places[a], *y = &t->places[b];
    return x->count != y->count ? x->count < y->count : x->since < y->since;
}

static void heap_set(struct topk *t, uint32_t at, uint32_t place)
{
    t->heap[at] = place;
    t->places[place].heap = at;
}

static void heap_down(struct topk *t, uint32_t at)
{
    uint32_t place = t->heap[at];
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= t->used)
            break;
        if (child + 1 < t->used && less(t, t->heap[child + 1], t->heap[child]))
            child++;
        if (!less(t, t->heap[child], place))
            break;
        heap_set(t, at, t->heap[child]);
        at = child;
    }
    heap_set(t, at, place);
}

static void heap_up(struct topk *t, uint32_t at)
{
    uint32_t place = t->heap[at];
    while (at && less(t, place, t->heap[(at - 1) / 2])) {
        heap_set(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(t, at, place);
}

static void unchain(struct topk *t, uint32_t place)
{
    uint32_t *link = chain_of(t, key_of(&t->places[place]));
    while (*link != place)
        link = &t->places[*link].next;
    *link = t->places[place].next;
}

void topk_add(struct topk *t, struct bytes key)
{
    key = bytes_part(key, 0, TOPK_KEY_SIZE);
    uint32_t *chain = chain_of(t, key);
    for (uint32_t i = *chain; i != NONE; i = t->places[i].next)
        if (bytes_equal(key_of(&t->places[i]), key)) {
            t->places[i].count++;
            heap_down(t, t->places[i].heap);
            return;
        }
    uint32_t place = t->used;
    bool taken = t->used == t->size;
    uint64_t over = 0;
    if (taken) {
        place = t->heap[0];
        over = t->places[place].count;
        unchain(t, place);
    }
    struct place *p = &t->places[place];
    p->count = over + 1;
    p->over = over;
    p->since = ++t->clock;
    p->len = (uint16_t)key.len;
    if (key.len)
        memcpy(p->key, key.data, key.len);
    p->next = *chain;
    *chain = place;
    if (taken) {
        heap_down(t, 0);
    } else {
        heap_set(t, t->used++, place);
        heap_up(t, p->heap);
    }
}

static int by_count(const void *a, const void *b)
{
    const struct topk_entry *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = len ? memcmp(x->key.data, y->key.data, len) : 0;
    return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

size_t topk_top(const struct topk *t, struct topk_entry *ret, size_t count)
{
    if (!t->used)
        return 0;
    struct topk_entry *all = memory_get(t->used * sizeof *all);
    for (uint32_t i = 0; i < t->used; i++)
        all[i] = (struct topk_entry){key_of(&t->places[i]), t->places[i].count, t->places[i].over};
    qsort(all, t->used, sizeof *all, by_count);
    size_t n = count < t->used ? count : t->used;
    memcpy(ret, all, n * sizeof *all);
    free(all);
    return n;
}
