#include "flow.h"

#include "base/clock.h"
#include "base/memory.h"
#include "slab.h"

#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

struct flow_syn { /* the conversation's only packet */
    struct flow_head head;
    uint32_t seq;
    uint16_t ip_id, tcp_sum;
    int64_t when;
    uint64_t frame;
    uint8_t addresses[];
};

struct flow_key { /* no padding: it is hashed as octets */
    struct address low, high;
    uint16_t low_port, high_port;
    uint32_t apart;
};

enum { SYN_IPV4, SYN_IPV6, FLOW_IPV4, FLOW_IPV6 };

struct flow_list {
    uint32_t idlest, busiest;
    uint64_t count;
};

/* Buckets are split one by one, one for each flow more (linear hashing, Litwin 1980), so that no packet waits while the
   table grows. */
struct flow_table {
    struct tcp_budget *budget;
    struct slab slab;
    struct paths *paths;
    uint32_t *buckets;
    uint64_t base;  /* a power of two: buckets before this round of splits */
    uint64_t split; /* so many of them were split */
    uint64_t cap;
    uint64_t count;
    uint64_t seed;
    struct flow_list lists[FLOW_ORDERS];
};

#define FIRST_BUCKETS 64

struct flow_table *flow_table_new(struct tcp_budget *budget)
{
    struct flow_table *table = memory_get(sizeof *table);
    static const uint16_t sizes[SLAB_SIZES] = {
        [SYN_IPV4] = sizeof(struct flow_syn) + 8,
        [SYN_IPV6] = sizeof(struct flow_syn) + 32,
        [FLOW_IPV4] = sizeof(struct flow) + 8,
        [FLOW_IPV6] = sizeof(struct flow) + 32,
    };
    table->budget = budget;
    slab_init(&table->slab, sizes);
    table->paths = paths_new();
    table->base = table->cap = FIRST_BUCKETS;
    table->buckets = memory_get(table->cap * sizeof *table->buckets);
    /* Seeded at random against chosen collisions; nothing that is written depends on the order of buckets. */
    if (getrandom(&table->seed, sizeof table->seed, GRND_NONBLOCK) < 0)
        table->seed = (uintptr_t)table;
    return table;
}

void flow_table_free(struct flow_table *table)
{
    slab_release(&table->slab);
    paths_free(table->paths);
    free(table->buckets);
    free(table);
}

/* --- keys --- */

static uint64_t hash(const struct address *a, uint16_t a_port, const struct address *b, uint16_t b_port, uint32_t apart,
                     uint64_t seed)
{
    uint64_t x[2], y[2]; /* any order will do that is one */
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    bool a_is_low = x[0] != y[0] ? x[0] < y[0] : x[1] != y[1] ? x[1] < y[1] : a_port < b_port;
    struct flow_key key = {a_is_low ? *a : *b, a_is_low ? *b : *a, a_is_low ? a_port : b_port,
                           a_is_low ? b_port : a_port, apart};
    return XXH3_64bits_withSeed(&key, sizeof key, seed);
}

static uint32_t apart(const struct packet *p, bool vlan_apart)
{
    uint32_t n = p->ip_version;
    for (int i = 0; vlan_apart && i < p->vlan_count; i++)
        n = n * 4099 + p->vlans[i] + 1;
    return n;
}

static size_t width(uint8_t ip_version)
{
    return ip_version == 4 ? 4 : sizeof(struct address);
}

static const uint8_t *addresses_of(const struct flow_head *head)
{
    return head->is_syn ? ((const struct flow_syn *)(const void *)head)->addresses
                        : ((const struct flow *)(const void *)head)->addresses;
}

static uint64_t hash_of(const struct flow_table *table, const struct flow_head *head)
{
    struct address client = {{0}}, server = {{0}};
    size_t n = width(head->ip_version);
    memcpy(client.octets, addresses_of(head), n);
    memcpy(server.octets, addresses_of(head) + n, n);
    return hash(&client, head->client_port, &server, head->server_port, head->apart, table->seed);
}

static bool is_between(const struct flow_head *head, const struct address *client, uint16_t client_port,
                       const struct address *server, uint16_t server_port)
{
    size_t n = width(head->ip_version);
    const uint8_t *addresses = addresses_of(head);
    if (head->client_port != client_port || head->server_port != server_port)
        return false;
    if (n == 4) /* nearly always: without a call */
        return memcmp(addresses, client, 4) == 0 && memcmp(addresses + 4, server, 4) == 0;
    return memcmp(addresses, client, n) == 0 && memcmp(addresses + n, server, n) == 0;
}

/* --- buckets --- */

static struct flow_head *head_at(const struct flow_table *table, uint32_t name)
{
    return slab_at(&table->slab, name);
}

static uint32_t *bucket_of(const struct flow_table *table, uint64_t hash)
{
    uint64_t i = hash & (table->base - 1);
    return &table->buckets[i < table->split ? hash & (2 * table->base - 1) : i];
}

static void split_bucket(struct flow_table *table)
{
    uint64_t from = table->split, to = table->base + table->split;
    if (to == table->cap) {
        table->cap *= 2;
        table->buckets = memory_resize(table->buckets, table->cap * sizeof *table->buckets);
    }
    uint32_t name = table->buckets[from], next;
    table->buckets[from] = table->buckets[to] = 0;
    for (; name; name = next) {
        struct flow_head *head = head_at(table, name);
        uint32_t *bucket = &table->buckets[hash_of(table, head) & table->base ? to : from];
        next = head->next_in_bucket;
        head->next_in_bucket = *bucket;
        *bucket = name;
    }
    if (++table->split == table->base) {
        table->base *= 2;
        table->split = 0;
    }
}

static void put_in_bucket(struct flow_table *table, struct flow_head *head)
{
    if (table->count >= table->base + table->split)
        split_bucket(table);
    uint32_t *bucket = bucket_of(table, hash_of(table, head));
    head->next_in_bucket = *bucket;
    *bucket = head->name;
    table->count++;
}

/* Whatever leads to that one in its bucket leads to `name` now. */
static void replace_in_bucket(struct flow_table *table, const struct flow_head *head, uint32_t name)
{
    uint32_t *link = bucket_of(table, hash_of(table, head));
    while (*link != head->name)
        link = &head_at(table, *link)->next_in_bucket;
    *link = name;
}

/* --- lists --- */

static void add_to_list(struct flow_table *table, struct flow_head *head, enum flow_order order)
{
    struct flow_list *list = &table->lists[order];
    head->order = (uint8_t)order;
    head->idler = list->busiest;
    head->busier = 0;
    *(list->busiest ? &head_at(table, list->busiest)->busier : &list->idlest) = head->name;
    list->busiest = head->name;
    list->count++;
}

static void take_from_list(struct flow_table *table, struct flow_head *head)
{
    struct flow_list *list = &table->lists[head->order];
    *(head->idler ? &head_at(table, head->idler)->busier : &list->idlest) = head->busier;
    *(head->busier ? &head_at(table, head->busier)->idler : &list->busiest) = head->idler;
    list->count--;
}

void flow_set_order(struct flow_table *table, struct flow *f, enum flow_order order)
{
    uint16_t second = (uint16_t)(f->last_when / CLOCK_S);
    if (f->head.order == order && (order == FLOW_ENDED || second == f->moved))
        return;
    f->moved = second;
    take_from_list(table, &f->head);
    add_to_list(table, &f->head, order);
}

struct flow_head *flow_first(const struct flow_table *table, enum flow_order order)
{
    uint32_t name = table->lists[order].idlest;
    return name ? head_at(table, name) : NULL;
}

uint64_t flow_count_of(const struct flow_table *table, enum flow_order order)
{
    return table->lists[order].count;
}

struct flow_head *flow_next(const struct flow_table *table, const struct flow_head *head)
{
    return head->busier ? head_at(table, head->busier) : NULL;
}

struct flow *flow_of_head(struct flow_head *head)
{
    return head->is_syn ? NULL : (struct flow *)(void *)head;
}

int64_t flow_last_when(const struct flow_head *head)
{
    return head->is_syn ? ((const struct flow_syn *)(const void *)head)->when
                        : ((const struct flow *)(const void *)head)->last_when;
}

uint64_t flow_first_frame(const struct flow_head *head)
{
    return head->is_syn ? ((const struct flow_syn *)(const void *)head)->frame
                        : ((const struct flow *)(const void *)head)->tcp.first_frame;
}

int64_t flow_first_when(const struct flow_head *head)
{
    return head->is_syn ? ((const struct flow_syn *)(const void *)head)->when
                        : ((const struct flow *)(const void *)head)->tcp.first_when;
}

struct address flow_head_address(const struct flow_head *head, int side)
{
    struct address a = {{0}};
    size_t n = width(head->ip_version);
    memcpy(a.octets, addresses_of(head) + (size_t)side * n, n);
    return a;
}

/* --- finding and adding --- */

/* More than the SYN was captured: it becomes a flow, which is told of the SYN first. */
static struct flow *grow_up(struct flow_table *table, struct flow_syn *syn)
{
    uint32_t name;
    size_t n = width(syn->head.ip_version);
    struct flow *f = slab_get(&table->slab, n == 4 ? FLOW_IPV4 : FLOW_IPV6, &name);
    struct packet p = {.when = syn->when,
                       .frame = syn->frame,
                       .tcp_flags = syn->head.tcp_flags,
                       .seq = syn->seq,
                       .ip_id = syn->ip_id,
                       .tcp_sum = syn->tcp_sum};
    f->head = syn->head;
    f->head.name = name;
    f->head.is_syn = false;
    memcpy(f->addresses, syn->addresses, 2 * n);
    f->path = path_at(table->paths, f->head.path);
    f->last_when = syn->when;
    f->last_frame = syn->frame;
    replace_in_bucket(table, &syn->head, name);
    struct flow_list *list = &table->lists[f->head.order];
    *(f->head.idler ? &head_at(table, f->head.idler)->busier : &list->idlest) = name;
    *(f->head.busier ? &head_at(table, f->head.busier)->idler : &list->busiest) = name;
    slab_put(&table->slab, syn->head.name);
    tcp_segment(&f->tcp, 0, &p, table->budget, NULL, NULL); /* no payload: there is nothing to read */
    return f;
}

struct flow *flow_find(struct flow_table *table, const struct packet *p, bool vlan_apart, int *side)
{
    uint32_t version = apart(p, vlan_apart);
    uint32_t name = *bucket_of(table, hash(&p->src, p->sport, &p->dst, p->dport, version, table->seed));
    for (struct flow_head *head; name; name = head->next_in_bucket) {
        head = head_at(table, name);
        if (head->apart != version || head->ip_version != p->ip_version)
            continue;
        bool from_client = is_between(head, &p->src, p->sport, &p->dst, p->dport);
        if (!from_client && !is_between(head, &p->dst, p->dport, &p->src, p->sport))
            continue;
        *side = from_client ? 0 : 1;
        return head->is_syn ? grow_up(table, (struct flow_syn *)(void *)head) : (struct flow *)(void *)head;
    }
    return NULL;
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

static void begin(struct flow_table *table, struct flow_head *head, uint8_t *addresses, const struct packet *p,
                  bool from_client, bool vlan_apart)
{
    size_t n = width(p->ip_version);
    head->apart = apart(p, vlan_apart);
    head->path = path_of(table->paths, p, from_client);
    head->client_port = from_client ? p->sport : p->dport;
    head->server_port = from_client ? p->dport : p->sport;
    head->ip_version = p->ip_version;
    head->tcp_flags = p->tcp_flags;
    memcpy(addresses, from_client ? &p->src : &p->dst, n);
    memcpy(addresses + n, from_client ? &p->dst : &p->src, n);
    put_in_bucket(table, head);
    add_to_list(table, head, FLOW_BARE);
}

struct flow *flow_add(struct flow_table *table, const struct packet *p, bool vlan_apart, const uint16_t *ports,
                      int *side)
{
    uint32_t name;
    struct flow *f = slab_get(&table->slab, p->ip_version == 4 ? FLOW_IPV4 : FLOW_IPV6, &name);
    bool from_client = source_is_client(p, ports);
    *side = from_client ? 0 : 1;
    f->head.name = name;
    begin(table, &f->head, f->addresses, p, from_client, vlan_apart);
    f->path = path_at(table->paths, f->head.path);
    f->last_when = p->when;
    f->last_frame = p->frame;
    return f;
}

bool flow_is_bare_syn(const struct packet *p)
{
    return (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) == TCP_SYN && !p->payload_wire && !p->ack &&
           !p->fragment_overlap;
}

struct flow_head *flow_add_syn(struct flow_table *table, const struct packet *p, bool vlan_apart)
{
    uint32_t name;
    struct flow_syn *syn = slab_get(&table->slab, p->ip_version == 4 ? SYN_IPV4 : SYN_IPV6, &name);
    syn->head.name = name;
    syn->head.is_syn = true;
    syn->seq = p->seq;
    syn->ip_id = p->ip_id;
    syn->tcp_sum = p->tcp_sum;
    syn->when = p->when;
    syn->frame = p->frame;
    begin(table, &syn->head, syn->addresses, p, true, vlan_apart);
    return &syn->head;
}

void flow_touch(struct flow_table *table, struct flow *f, const struct packet *p)
{
    f->last_frame = p->frame;
    if (p->when > f->last_when)
        f->last_when = p->when;
    f->fragment_overlap |= p->fragment_overlap;
    if (!p->vlan_count)
        return;
    f->head.path = path_add_vlans(table->paths, f->head.path, p);
    f->path = path_at(table->paths, f->head.path);
}

uint64_t flow_count(const struct flow_table *table)
{
    return table->count;
}

uint64_t flow_memory(const struct flow_table *table)
{
    return table->slab.memory + table->cap * sizeof *table->buckets + paths_memory(table->paths);
}

void flow_remove(struct flow_table *table, struct flow_head *head)
{
    replace_in_bucket(table, head, head->next_in_bucket);
    take_from_list(table, head);
    path_drop(table->paths, head->path);
    table->count--;
    slab_put(&table->slab, head->name);
}
