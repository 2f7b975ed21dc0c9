#include "flow.h"

#include "base/memory.h"

#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

struct flow_table {
    struct flow **buckets;
    size_t bucket_count; /* a power of two, at least the number of flows */
    uint64_t count;
    uint64_t seed;
    struct flow *oldest, *newest, *idlest, *busiest, *first_ended, *last_ended;
};

struct flow_table *flow_table_new(void)
{
    struct flow_table *table = memory_get(sizeof *table);
    table->bucket_count = 1024;
    table->buckets = memory_get(table->bucket_count * sizeof *table->buckets);
    /* Seeded at random against chosen collisions; nothing that is written depends on the order of buckets. */
    if (getrandom(&table->seed, sizeof table->seed, GRND_NONBLOCK) < 0)
        table->seed = (uintptr_t)table;
    return table;
}

void flow_table_free(struct flow_table *table)
{
    free(table->buckets);
    free(table);
}

static bool key_of(const struct packet *p, bool vlan_apart, struct flow_key *key)
{
    int order = memcmp(&p->src, &p->dst, sizeof p->src);
    bool src_is_low = order ? order < 0 : p->sport < p->dport;
    *key = (struct flow_key){
        .low = src_is_low ? p->src : p->dst,
        .high = src_is_low ? p->dst : p->src,
        .low_port = src_is_low ? p->sport : p->dport,
        .high_port = src_is_low ? p->dport : p->sport,
        .apart = p->ip_version,
    };
    for (int i = 0; vlan_apart && i < p->vlan_count; i++)
        key->apart = key->apart * 4099 + p->vlans[i] + 1;
    return src_is_low;
}

static struct flow **bucket_of(const struct flow_table *table, const struct flow_key *key)
{
    return &table->buckets[XXH3_64bits_withSeed(key, sizeof *key, table->seed) & (table->bucket_count - 1)];
}

struct flow *flow_find(struct flow_table *table, const struct packet *p, bool vlan_apart, int *side)
{
    struct flow_key key;
    bool src_is_low = key_of(p, vlan_apart, &key);
    struct flow *f = *bucket_of(table, &key);
    while (f && memcmp(&f->key, &key, sizeof key) != 0)
        f = f->next_in_bucket;
    if (f)
        *side = src_is_low == f->client_is_low ? 0 : 1;
    return f;
}

static void grow(struct flow_table *table)
{
    struct flow **old = table->buckets;
    size_t count = table->bucket_count;
    table->bucket_count *= 2;
    table->buckets = memory_get(table->bucket_count * sizeof *table->buckets);
    for (size_t i = 0; i < count; i++) {
        while (old[i]) {
            struct flow *f = old[i];
            old[i] = f->next_in_bucket;
            struct flow **bucket = bucket_of(table, &f->key);
            f->next_in_bucket = *bucket;
            *bucket = f;
        }
    }
    free(old);
}

static bool listed(const uint16_t *ports, uint16_t port)
{
    for (; *ports; ports++)
        if (*ports == port)
            return true;
    return false;
}

/* Who is the client: who sent the SYN; joined midway, the other end than the known port; else the higher port. */
static bool source_is_client(const struct packet *p, const uint16_t *ports)
{
    if (p->tcp_flags & TCP_SYN)
        return !(p->tcp_flags & TCP_ACK);
    bool to_known = listed(ports, p->dport), from_known = listed(ports, p->sport);
    if (to_known != from_known)
        return to_known;
    return p->sport >= p->dport;
}

struct flow *flow_add(struct flow_table *table, const struct packet *p, bool vlan_apart, const uint16_t *ports,
                      int *side)
{
    if (table->count >= table->bucket_count)
        grow(table);
    struct flow *f = memory_get(sizeof *f);
    bool src_is_low = key_of(p, vlan_apart, &f->key);
    bool from_client = source_is_client(p, ports);
    *side = from_client ? 0 : 1;
    f->client_known = p->tcp_flags & TCP_SYN;
    f->client_is_low = src_is_low == from_client;
    f->client = from_client ? p->src : p->dst;
    f->server = from_client ? p->dst : p->src;
    f->client_port = from_client ? p->sport : p->dport;
    f->server_port = from_client ? p->dport : p->sport;
    f->ip_version = p->ip_version;
    f->has_mac = p->has_mac;
    memcpy(f->client_mac, from_client ? p->src_mac : p->dst_mac, sizeof f->client_mac);
    memcpy(f->server_mac, from_client ? p->dst_mac : p->src_mac, sizeof f->server_mac);
    f->iface = p->iface;
    f->first_when = f->last_when = p->when;
    f->first_frame = f->last_frame = p->frame;
    f->encap_count = p->encap_count;
    memcpy(f->encaps, p->encaps, sizeof f->encaps);
    struct flow **bucket = bucket_of(table, &f->key);
    f->next_in_bucket = *bucket;
    *bucket = f;
    f->older = table->newest;
    f->idler = table->busiest;
    if (table->newest)
        table->newest->newer = f;
    else
        table->oldest = f;
    if (table->busiest)
        table->busiest->busier = f;
    else
        table->idlest = f;
    table->newest = table->busiest = f;
    table->count++;
    return f;
}

static void take_from_idle_order(struct flow_table *table, struct flow *f)
{
    if (f->idler)
        f->idler->busier = f->busier;
    else
        table->idlest = f->busier;
    if (f->busier)
        f->busier->idler = f->idler;
    else
        table->busiest = f->idler;
}

void flow_touch(struct flow_table *table, struct flow *f, const struct packet *p)
{
    f->last_frame = p->frame;
    if (p->when > f->last_when)
        f->last_when = p->when;
    f->fragment_overlap |= p->fragment_overlap;
    for (int i = 0; i < p->vlan_count; i++) {
        int known = 0;
        while (known < f->vlan_count && f->vlans[known] != p->vlans[i])
            known++;
        if (known == f->vlan_count && known < PACKET_VLANS)
            f->vlans[f->vlan_count++] = p->vlans[i];
    }
    if (table->busiest == f)
        return;
    take_from_idle_order(table, f);
    f->idler = table->busiest;
    f->busier = NULL;
    table->busiest->busier = f;
    table->busiest = f;
}

struct flow *flow_oldest(const struct flow_table *table)
{
    return table->oldest;
}

struct flow *flow_idlest(const struct flow_table *table)
{
    return table->idlest;
}

struct flow *flow_first_ended(const struct flow_table *table)
{
    return table->first_ended;
}

void flow_set_ending(struct flow_table *table, struct flow *f, bool ending)
{
    if (f->ending == ending)
        return;
    f->ending = ending;
    if (ending) {
        f->sooner = table->last_ended;
        f->later = NULL;
        *(f->sooner ? &f->sooner->later : &table->first_ended) = f;
        table->last_ended = f;
    } else {
        *(f->sooner ? &f->sooner->later : &table->first_ended) = f->later;
        *(f->later ? &f->later->sooner : &table->last_ended) = f->sooner;
    }
}

uint64_t flow_count(const struct flow_table *table)
{
    return table->count;
}

void flow_remove(struct flow_table *table, struct flow *f)
{
    struct flow **link = bucket_of(table, &f->key);
    while (*link != f)
        link = &(*link)->next_in_bucket;
    *link = f->next_in_bucket;
    take_from_idle_order(table, f);
    flow_set_ending(table, f, false);
    if (f->older)
        f->older->newer = f->newer;
    else
        table->oldest = f->newer;
    if (f->newer)
        f->newer->older = f->older;
    else
        table->newest = f->older;
    table->count--;
    free(f);
}
