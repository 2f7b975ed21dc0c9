#include "path.h"

#include "base/memory.h"

#include <stdlib.h>
#include <xxhash.h>

struct entry {
    struct path path;
    uint32_t users, next; /* next in its bucket, or of those not in use */
};

struct paths {
    struct entry **entries; /* the first is null: 0 names nothing */
    uint32_t *buckets;      /* as many as entries can be */
    uint32_t count, cap, unused, in_use;
    uint64_t seed;
};

struct paths *paths_new(void)
{
    struct paths *p = memory_get(sizeof *p);
    p->count = 1;
    p->cap = 8;
    p->entries = memory_get(p->cap * sizeof(struct entry *));
    p->buckets = memory_get(p->cap * sizeof *p->buckets);
    p->seed = (uintptr_t)p;
    return p;
}

void paths_free(struct paths *p)
{
    for (uint32_t i = 1; i < p->count; i++)
        free(p->entries[i]);
    free(p->entries);
    free(p->buckets);
    free(p);
}

static uint32_t *bucket_of(const struct paths *p, const struct path *path)
{
    return &p->buckets[XXH3_64bits_withSeed(path, sizeof *path, p->seed) & (p->cap - 1)];
}

static void grow(struct paths *p)
{
    p->cap *= 2;
    p->entries = memory_resize(p->entries, p->cap * sizeof(struct entry *));
    free(p->buckets);
    p->buckets = memory_get(p->cap * sizeof *p->buckets);
    for (uint32_t i = 1; i < p->count; i++) {
        uint32_t *bucket = bucket_of(p, &p->entries[i]->path);
        p->entries[i]->next = *bucket;
        *bucket = i;
    }
}

static uint32_t intern(struct paths *p, const struct path *path)
{
    for (uint32_t i = *bucket_of(p, path); i; i = p->entries[i]->next) {
        if (memcmp(&p->entries[i]->path, path, sizeof *path) == 0) {
            p->entries[i]->users++;
            return i;
        }
    }
    uint32_t number = p->unused;
    if (number) {
        p->unused = p->entries[number]->next;
    } else {
        if (p->count == p->cap)
            grow(p);
        number = p->count++;
        p->entries[number] = memory_get(sizeof(struct entry));
    }
    struct entry *e = p->entries[number];
    uint32_t *bucket = bucket_of(p, path);
    memcpy(&e->path, path, sizeof *path);
    e->users = 1;
    e->next = *bucket;
    *bucket = number;
    p->in_use++;
    return number;
}

static void add_vlans(struct path *path, const struct packet *packet)
{
    for (int i = 0; i < packet->vlan_count; i++) {
        int known = 0;
        while (known < path->vlan_count && path->vlans[known] != packet->vlans[i])
            known++;
        if (known == path->vlan_count && known < PACKET_VLANS)
            path->vlans[path->vlan_count++] = packet->vlans[i];
    }
}

uint32_t path_of(struct paths *p, const struct packet *packet, bool from_client)
{
    struct path path;
    memset(&path, 0, sizeof path); /* its padding too */
    memcpy(path.client_mac, from_client ? packet->src_mac : packet->dst_mac, sizeof path.client_mac);
    memcpy(path.server_mac, from_client ? packet->dst_mac : packet->src_mac, sizeof path.server_mac);
    path.has_mac = packet->has_mac;
    path.iface = packet->iface;
    path.encap_count = packet->encap_count;
    memcpy(path.encaps, packet->encaps, packet->encap_count);
    add_vlans(&path, packet);
    return intern(p, &path);
}

uint32_t path_add_vlans(struct paths *p, uint32_t number, const struct packet *packet)
{
    struct path path;
    memcpy(&path, &p->entries[number]->path, sizeof path);
    add_vlans(&path, packet);
    if (path.vlan_count == p->entries[number]->path.vlan_count)
        return number;
    path_drop(p, number);
    return intern(p, &path);
}

void path_drop(struct paths *p, uint32_t number)
{
    struct entry *e = p->entries[number];
    if (--e->users)
        return;
    uint32_t *link = bucket_of(p, &e->path);
    while (*link != number)
        link = &p->entries[*link]->next;
    *link = e->next;
    e->next = p->unused;
    p->unused = number;
    p->in_use--;
}

const struct path *path_at(const struct paths *p, uint32_t number)
{
    return &p->entries[number]->path;
}

uint64_t paths_memory(const struct paths *p)
{
    return p->cap * (sizeof(struct entry *) + sizeof *p->buckets) + p->count * (sizeof(struct entry) + 16);
}
