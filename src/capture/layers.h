/* Decoding is a walk over layers: each takes its header off the front and says which layer is next. A new layer is one
   function, one value here and one line in decode(). Inside the layer. */
#ifndef MAILTAP_CAPTURE_LAYERS_H
#define MAILTAP_CAPTURE_LAYERS_H

#include "byte_order.h"
#include "capture/decode.h"
#include "ipfrag.h"

/* EtherTypes, https://www.iana.org/assignments/ieee-802-numbers */
enum {
    TYPE_LLC = 0x0004, /* Linux cooked only */
    TYPE_IPV4 = 0x0800,
    TYPE_BRIDGED = 0x6558, /* an Ethernet frame, in a tunnel */
    TYPE_VLAN = 0x8100,
    TYPE_IPV6 = 0x86dd,
    TYPE_MPLS = 0x8847,
    TYPE_MPLS_MULTICAST = 0x8848,
    TYPE_PPPOE_SESSION = 0x8864,
    TYPE_PROVIDER_VLAN = 0x88a8,
    TYPE_OLD_QINQ = 0x9100,
    TYPE_OLDER_QINQ = 0x9200
};

/* IP protocols and IPv6 next headers. */
enum {
    PROTOCOL_HOP_BY_HOP = 0,
    PROTOCOL_IPV4 = 4,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_IPV6 = 41,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_GRE = 47,
    PROTOCOL_AUTHENTICATION = 51,
    PROTOCOL_DESTINATION = 60
};

#define IPV4_FRAGMENTED 0x3fff /* more fragments, or an offset */

enum layer {
    LAYER_NONE, /* nothing for us, and counted; or a fragment that is held */
    LAYER_ETHERNET,
    LAYER_LLC,
    LAYER_SLL,
    LAYER_SLL2,
    LAYER_NULL,
    LAYER_PPP_LINK,
    LAYER_PPP,
    LAYER_PPPOE,
    LAYER_VLAN,
    LAYER_MPLS,
    LAYER_IP, /* version told by the first four bits */
    LAYER_IPV4,
    LAYER_IPV6,
    LAYER_EXTENSION,
    LAYER_FRAGMENT,
    LAYER_AUTHENTICATION,
    LAYER_GRE,
    LAYER_UDP,
    LAYER_TCP,
    LAYER_SEGMENT, /* the packet is complete */
};

struct port_set { /* a bit for each */
    uint64_t words[65536 / 64];
};

static inline bool port_set_has(const struct port_set *set, uint16_t port)
{
    return set->words[port / 64] >> port % 64 & 1;
}

struct walk { /* invariant: rest.len <= wire */
    struct decode_counts *counts;
    struct ipfrag *ipfrag;
    const struct port_set *ports; /* that are followed; null: all */
    struct packet *packet;
    struct bytes rest; /* captured and not yet read */
    uint32_t wire;     /* the same, as sent */
    unsigned tunnels;  /* how many more may be entered */
    bool inside;       /* one was */
    bool verify;       /* checksums */
    bool routing;      /* the extension header that is next is a routing header */
    bool verify_tcp;   /* and what is in this datagram has one that can be verified */
};

/* The next n octets, which stay; null, and counted, when there are fewer. */
static inline const uint8_t *walk_peek(struct walk *w, size_t n)
{
    if (__builtin_expect(w->rest.len >= n, 1))
        return w->rest.data;
    if (w->wire >= n)
        w->counts->cut_header++;
    else
        w->counts->short_frame++;
    return NULL;
}

/* Takes the next n octets. */
static inline const uint8_t *walk_take(struct walk *w, size_t n)
{
    const uint8_t *p = walk_peek(w, n);
    if (p) {
        w->rest.data += n;
        w->rest.len -= n;
        w->wire -= (uint32_t)n;
    }
    return p;
}

/* A header said how much follows: what is behind that is padding or a trailer. More than the frame had means that
   something cut the frame before it was captured, as packet brokers do. */
static inline void walk_limit(struct walk *w, uint32_t len)
{
    w->wire = len;
    if (w->rest.len > len)
        w->rest.len = len;
}

static inline enum layer walk_drop(uint64_t *count)
{
    ++*count;
    return LAYER_NONE;
}

/* What is there is not IP: what is inside of a tunnel was a datagram's content, though. */
static inline enum layer walk_not_ip(struct walk *w)
{
    return walk_drop(w->inside ? &w->counts->not_tcp : &w->counts->not_ip);
}

/* As walk_peek, where a UDP port is all that says what this is: what is too short is something else, not damaged. */
static inline const uint8_t *walk_guess(struct walk *w, size_t n)
{
    if (w->wire >= n)
        return walk_peek(w, n);
    walk_drop(&w->counts->not_tcp);
    return NULL;
}

static inline void walk_encap(struct walk *w, enum encap e)
{
    struct packet *p = w->packet;
    if (p->encap_count < PACKET_ENCAPS)
        p->encaps[p->encap_count++] = (uint8_t)e;
}

/* Goes on with what a tunnel carries, unless that is one tunnel too many. */
static inline enum layer walk_enter(struct walk *w, enum encap e, enum layer inner)
{
    if (!w->tunnels)
        return walk_drop(&w->counts->tunnels_exceeded);
    w->tunnels--;
    w->inside = true;
    walk_encap(w, e);
    return inner;
}

/* Is the segment with these ports one to go on with? */
static inline bool walk_follows(const struct walk *w, uint16_t sport, uint16_t dport)
{
    return !w->ports || port_set_has(w->ports, dport) || port_set_has(w->ports, sport);
}

/* Could this be the beginning of an IP datagram? What was not captured may be anything. */
bool ip_fits(struct bytes b);

/* Could this be an Ethernet frame that carries IP, or something that may? At least 15 octets. */
bool ethernet_fits(struct bytes b);

/* The first layer of a LINKTYPE_; LAYER_NONE, not counted, when it is unknown. */
enum layer layer_of_link(uint16_t link);

/* The layer of an EtherType; LAYER_NONE, and counted, when it is none that leads to IP. */
enum layer layer_of_ethertype(struct walk *w, uint16_t type);

enum layer ethernet(struct walk *w);
enum layer llc(struct walk *w);
enum layer linux_sll(struct walk *w);
enum layer linux_sll2(struct walk *w);
enum layer bsd_null(struct walk *w);
enum layer ppp_link(struct walk *w);
enum layer ppp(struct walk *w);
enum layer pppoe(struct walk *w);
enum layer vlan(struct walk *w);
enum layer mpls(struct walk *w);

enum layer ip(struct walk *w);
enum layer ipv4(struct walk *w);
enum layer ipv6(struct walk *w);
enum layer ipv6_extension(struct walk *w);
enum layer ipv6_fragment(struct walk *w);
enum layer authentication(struct walk *w);

enum layer gre(struct walk *w);
enum layer udp(struct walk *w);

/* Do these ports, of a UDP datagram, stand for a tunnel? */
bool udp_may_tunnel(uint16_t sport, uint16_t dport);

#endif
