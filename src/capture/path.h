/* What the packets of a conversation travelled through: link addresses, VLANs, encapsulations, the interface. On a tap
   most conversations share a few of these, so each is kept once. */
#ifndef MAILTAP_CAPTURE_PATH_H
#define MAILTAP_CAPTURE_PATH_H

#include "capture/packet.h"

struct path { /* compared as octets */
    uint8_t client_mac[6], server_mac[6];
    uint32_t iface;
    uint16_t vlans[PACKET_VLANS];  /* every tag seen, in the order seen */
    uint8_t encaps[PACKET_ENCAPS]; /* of the first packet, outermost first */
    uint8_t vlan_count, encap_count;
    bool has_mac;
    uint8_t zero; /* no padding: it would be compared */
};

struct paths;

struct paths *paths_new(void);
void paths_free(struct paths *p);

/* The number, never 0, of the path of this packet; to be given back with path_drop(). */
uint32_t path_of(struct paths *p, const struct packet *packet, bool from_client);

/* Adds the packet's VLANs to those seen: gives the number back and returns the one of the path with them. */
uint32_t path_add_vlans(struct paths *p, uint32_t number, const struct packet *packet);
void path_drop(struct paths *p, uint32_t number);

/* Stays where it is until its last user gives it back. */
const struct path *path_at(const struct paths *p, uint32_t number);
uint64_t paths_memory(const struct paths *p);

#endif
