/* Conversations: found by their addresses and ports, and by how long they are idle.

   A conversation of which nothing but one SYN was captured takes 64 octets (IPv6: 88): the SYN, as it was. With the
   next packet it becomes a flow. */
#ifndef MAILTAP_CAPTURE_FLOW_H
#define MAILTAP_CAPTURE_FLOW_H

#include "capture/packet.h"
#include "capture/path.h"
#include "capture/tcp.h"

/* What is given up in which order when there is no room, see engine.c. Each is a list by the last packet; FLOW_ENDED
   one by when they ended. */
enum flow_order {
    FLOW_BARE,  /* no octet of payload was captured */
    FLOW_ENDED, /* reset, or both FINs; it lingers for what was still under way */
    FLOW_IDLE,  /* nobody waits for anything */
    FLOW_OPEN,  /* in the middle of something */
    FLOW_ORDERS
};

struct flow_head { /* flows are linked by the names their slab gave them */
    uint32_t name, next_in_bucket;
    uint32_t idler, busier; /* in the list of its order */
    uint32_t apart;         /* the IP version; with --vlan-apart the VLAN tags, too */
    uint32_t path;
    uint16_t client_port, server_port;
    uint8_t ip_version, tcp_flags;
    bool is_syn; /* it is no struct flow: there was the SYN only */
    uint8_t order;
};

struct flow {
    struct flow_head head;
    bool fragment_overlap;
    uint16_t moved; /* the second in which it was last put at the busy end, modulo 2^16 */
    int64_t last_when;
    uint64_t last_frame;
    const struct path *path;
    void *session; /* the owner's; null until there is payload */
    struct tcp tcp;
    uint8_t addresses[]; /* the client's, the server's: 4 octets each, or 16 */
};

static inline struct address flow_address(const struct flow *f, int side)
{
    struct address a = {{0}};
    size_t width = f->head.ip_version == 4 ? 4 : sizeof a.octets;
    memcpy(a.octets, f->addresses + (size_t)side * width, width);
    return a;
}

static inline uint16_t flow_port(const struct flow *f, int side)
{
    return side ? f->head.server_port : f->head.client_port;
}

struct flow_table;

/* The budget outlives the table. */
struct flow_table *flow_table_new(struct tcp_budget *budget);

/* The caller has removed every struct flow. */
void flow_table_free(struct flow_table *table);

/* The conversation this segment belongs to, or null. Sets *side to who sent it: 0 the client. */
struct flow *flow_find(struct flow_table *table, const struct packet *p, bool vlan_apart, int *side);

/* A new one, begun by this segment. `ports`: where to expect servers, 0 at the end. */
struct flow *flow_add(struct flow_table *table, const struct packet *p, bool vlan_apart, const uint16_t *ports,
                      int *side);

/* Is it a SYN that flow_add_syn() can keep as it is? */
bool flow_is_bare_syn(const struct packet *p);
struct flow_head *flow_add_syn(struct flow_table *table, const struct packet *p, bool vlan_apart);

/* Notes that the segment belongs to it: times and tags. */
void flow_touch(struct flow_table *table, struct flow *f, const struct packet *p);

/* Puts it at the busy end of that list, at most once in a second of capture time, which is as exact as idle connections
   are looked for. One that has ended keeps its place among those. */
void flow_set_order(struct flow_table *table, struct flow *f, enum flow_order order);

/* The idlest of a list, and the next; null at the end. */
struct flow_head *flow_first(const struct flow_table *table, enum flow_order order);
struct flow_head *flow_next(const struct flow_table *table, const struct flow_head *head);

uint64_t flow_count_of(const struct flow_table *table, enum flow_order order);

/* Null where there was the SYN only. */
struct flow *flow_of_head(struct flow_head *head);
int64_t flow_last_when(const struct flow_head *head);
uint64_t flow_first_frame(const struct flow_head *head); /* which no other conversation has */
int64_t flow_first_when(const struct flow_head *head);
struct address flow_head_address(const struct flow_head *head, int side);

uint64_t flow_count(const struct flow_table *table);
uint64_t flow_memory(const struct flow_table *table); /* octets of the table and all that is in it */

/* Takes it out and frees it; what its tcp and session hold was released by the caller. */
void flow_remove(struct flow_table *table, struct flow_head *head);

#endif
