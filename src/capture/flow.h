/* Conversations: found by their addresses and ports, in the order in which they began, and by how long they are idle.
 */
#ifndef MAILTAP_CAPTURE_FLOW_H
#define MAILTAP_CAPTURE_FLOW_H

#include "capture/packet.h"
#include "capture/tcp.h"

struct flow_key { /* no padding: it is hashed and compared as octets */
    struct address low, high;
    uint16_t low_port, high_port;
    uint32_t apart; /* with --vlan-apart the VLAN tags, else 0 */
};

struct flow {
    struct flow_key key;
    struct flow *next_in_bucket;
    struct flow *older, *newer;  /* by their first packet */
    struct flow *idler, *busier; /* by their last packet */
    struct flow *sooner, *later; /* of those that ended: by when they did */
    bool ending;                 /* in that order */
    struct tcp tcp;
    void *session; /* the owner's; null until there is payload */
    struct address client, server;
    uint16_t client_port, server_port;
    uint8_t ip_version;
    bool client_known; /* a SYN said who is the client; else ports or the first packet did */
    bool client_is_low;
    bool has_mac, fragment_overlap;
    uint8_t client_mac[6], server_mac[6];
    uint32_t iface;
    int64_t first_when, last_when;
    uint64_t first_frame, last_frame;
    uint16_t vlans[PACKET_VLANS]; /* every tag seen, in the order seen */
    uint8_t vlan_count;
    uint8_t encaps[PACKET_ENCAPS]; /* of the first packet, outermost first */
    uint8_t encap_count;
};

struct flow_table;

struct flow_table *flow_table_new(void);

/* The caller has removed every flow. */
void flow_table_free(struct flow_table *table);

/* The conversation this segment belongs to, or null. Sets *side to who sent it: 0 the client. */
struct flow *flow_find(struct flow_table *table, const struct packet *p, bool vlan_apart, int *side);

/* A new one, begun by this segment. `ports`: where to expect servers, 0 at the end. */
struct flow *flow_add(struct flow_table *table, const struct packet *p, bool vlan_apart, const uint16_t *ports,
                      int *side);

/* Notes that the segment belongs to it: times, tags, and that it is the busiest now. */
void flow_touch(struct flow_table *table, struct flow *f, const struct packet *p);

/* Puts it into the order of those that ended, or takes it out again. */
void flow_set_ending(struct flow_table *table, struct flow *f, bool ending);

struct flow *flow_oldest(const struct flow_table *table);
struct flow *flow_idlest(const struct flow_table *table);
struct flow *flow_first_ended(const struct flow_table *table);
uint64_t flow_count(const struct flow_table *table);

/* Takes it out and frees it; what its tcp and session hold was released by the caller. */
void flow_remove(struct flow_table *table, struct flow *f);

#endif
