/* Link layers, tags and labels: what stands in front of IP. */
#include "layers.h"
#include "link_type.h"

#define LABELS_MAX 16

enum { PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057, PPP_MPLS = 0x0281, PPP_MPLS_MULTICAST = 0x0283 };

enum layer layer_of_link(uint16_t link)
{
    switch (link) {
    case LINK_ETHERNET:
        return LAYER_ETHERNET;
    case LINK_LINUX_SLL:
        return LAYER_SLL;
    case LINK_LINUX_SLL2:
        return LAYER_SLL2;
    case LINK_RAW:
    case LINK_RAW_12:
    case LINK_RAW_14:
    case LINK_IPV4:
    case LINK_IPV6:
        return LAYER_IP;
    case LINK_NULL:
    case LINK_LOOP:
        return LAYER_NULL;
    case LINK_PPP:
    case LINK_PPP_HDLC:
    case LINK_C_HDLC:
        return LAYER_PPP_LINK;
    case LINK_PPP_ETHER:
        return LAYER_PPPOE;
    }
    return LAYER_NONE;
}

enum layer layer_of_ethertype(struct walk *w, uint16_t type)
{
    switch (type) {
    case TYPE_IPV4:
        return LAYER_IPV4;
    case TYPE_IPV6:
        return LAYER_IPV6;
    case TYPE_VLAN:
    case TYPE_PROVIDER_VLAN:
    case TYPE_OLD_QINQ:
    case TYPE_OLDER_QINQ:
        return LAYER_VLAN;
    case TYPE_MPLS:
    case TYPE_MPLS_MULTICAST:
        return LAYER_MPLS;
    case TYPE_PPPOE_SESSION:
        return LAYER_PPPOE;
    }
    return walk_not_ip(w);
}

/* IEEE 802.3: up to 1500 the field is a length, and LLC follows. */
static enum layer layer_of_type_or_length(struct walk *w, uint16_t type)
{
    return type <= 1500 ? LAYER_LLC : layer_of_ethertype(w, type);
}

enum layer ethernet(struct walk *w)
{
    const uint8_t *p = walk_take(w, 14);
    if (!p)
        return LAYER_NONE;
    memcpy(w->packet->dst_mac, p, 6);
    memcpy(w->packet->src_mac, p + 6, 6);
    w->packet->has_mac = true;
    return layer_of_type_or_length(w, be16(p + 12));
}

/* IEEE 802.2 with SNAP (RFC 1042): the only LLC that IP is sent with. */
enum layer llc(struct walk *w)
{
    static const uint8_t snap[] = {0xaa, 0xaa, 0x03, 0, 0, 0};
    const uint8_t *p = walk_peek(w, 3);
    if (!p)
        return LAYER_NONE;
    if (memcmp(p, snap, 3) != 0)
        return walk_not_ip(w);
    p = walk_take(w, 8);
    if (!p)
        return LAYER_NONE;
    if (memcmp(p, snap, sizeof snap) != 0)
        return walk_not_ip(w);
    return layer_of_ethertype(w, be16(p + 6));
}

/* tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html */
enum layer linux_sll(struct walk *w)
{
    const uint8_t *p = walk_take(w, 16);
    if (!p)
        return LAYER_NONE;
    uint16_t type = be16(p + 14);
    return type == TYPE_LLC ? LAYER_LLC : layer_of_ethertype(w, type);
}

enum layer linux_sll2(struct walk *w)
{
    const uint8_t *p = walk_take(w, 20);
    if (!p)
        return LAYER_NONE;
    uint16_t type = be16(p);
    return type == TYPE_LLC ? LAYER_LLC : layer_of_ethertype(w, type);
}

/* BSD loopback: the address family, in the byte order of whoever captured; IPv6 has another number on each system. */
enum layer bsd_null(struct walk *w)
{
    const uint8_t *p = walk_take(w, 4);
    if (!p)
        return LAYER_NONE;
    uint32_t family = be32(p);
    if (family > 0xffff)
        family = __builtin_bswap32(family);
    switch (family) {
    case 2:
        return LAYER_IPV4;
    case 10:
    case 24:
    case 28:
    case 30:
        return LAYER_IPV6;
    }
    return walk_not_ip(w);
}

/* PPP on a line (RFC 1662), with or without address and control, or Cisco HDLC (RFC 1547, 4.3.1) in its place. */
enum layer ppp_link(struct walk *w)
{
    const uint8_t *p = walk_peek(w, 2);
    if (!p)
        return LAYER_NONE;
    if (p[0] == 0x0f || p[0] == 0x8f) {
        p = walk_take(w, 4);
        return p ? layer_of_ethertype(w, be16(p + 2)) : LAYER_NONE;
    }
    if (p[0] == 0xff && p[1] == 0x03)
        walk_take(w, 2);
    walk_encap(w, ENCAP_PPP);
    return LAYER_PPP;
}

/* The protocol field (RFC 1661, 2), which may be one octet long. */
enum layer ppp(struct walk *w)
{
    const uint8_t *p = walk_take(w, 1);
    if (!p)
        return LAYER_NONE;
    uint32_t protocol = *p;
    if (!(protocol & 1)) {
        p = walk_take(w, 1);
        if (!p)
            return LAYER_NONE;
        protocol = protocol << 8 | *p;
    }
    switch (protocol) {
    case PPP_IPV4:
        return LAYER_IPV4;
    case PPP_IPV6:
        return LAYER_IPV6;
    case PPP_MPLS:
    case PPP_MPLS_MULTICAST:
        return LAYER_MPLS;
    }
    return walk_not_ip(w);
}

/* RFC 2516, 4; code 0 is session data. */
enum layer pppoe(struct walk *w)
{
    const uint8_t *p = walk_take(w, 6);
    if (!p)
        return LAYER_NONE;
    if (p[1])
        return walk_not_ip(w);
    if (be16(p + 4) < w->wire)
        walk_limit(w, be16(p + 4));
    walk_encap(w, ENCAP_PPPOE);
    return LAYER_PPP;
}

/* IEEE 802.1Q, also stacked. */
enum layer vlan(struct walk *w)
{
    const uint8_t *p = walk_take(w, 4);
    if (!p)
        return LAYER_NONE;
    if (w->packet->vlan_count < PACKET_VLANS)
        w->packet->vlans[w->packet->vlan_count++] = be16(p) & 0xfff;
    walk_encap(w, ENCAP_VLAN);
    return layer_of_type_or_length(w, be16(p + 2));
}

bool ethernet_fits(struct bytes b)
{
    for (size_t at = 12; at + 3 <= b.len; at += 4) {
        switch (be16(b.data + at)) {
        case TYPE_IPV4:
            return b.data[at + 2] >> 4 == 4 && ip_fits(bytes_part(b, at + 2, b.len));
        case TYPE_IPV6:
            return b.data[at + 2] >> 4 == 6;
        case TYPE_MPLS:
        case TYPE_MPLS_MULTICAST:
        case TYPE_PPPOE_SESSION:
            return true;
        case TYPE_VLAN:
        case TYPE_PROVIDER_VLAN:
        case TYPE_OLD_QINQ:
        case TYPE_OLDER_QINQ:
            break;
        default: /* LLC, which has its own marks */
            return be16(b.data + at) <= 1500 && b.data[at + 2] == 0xaa;
        }
    }
    return b.len >= 15;
}

/* Behind the last label: IP, or, as was agreed on for the label, an Ethernet frame with a control word in front of it
   (RFC 4448, 4.6: sixteen zero bits and a sequence number) or without. */
static enum layer labelled(struct walk *w)
{
    enum { WORD = 4, LEAST = 15 };
    const uint8_t *p = walk_peek(w, 1);
    if (!p)
        return LAYER_NONE;
    if (*p >> 4 == 4 || *p >> 4 == 6)
        return !ip_fits(w->rest) && ethernet_fits(w->rest) ? LAYER_ETHERNET : LAYER_IP;
    if (w->wire < WORD + LEAST)
        return walk_not_ip(w);
    p = walk_peek(w, WORD + LEAST);
    if (!p)
        return LAYER_NONE;
    if (!be16(p) && ethernet_fits(bytes_part(w->rest, WORD, w->rest.len)))
        walk_take(w, WORD);
    else if (!ethernet_fits(w->rest))
        return walk_not_ip(w);
    return LAYER_ETHERNET;
}

/* RFC 3032: labels up to the one with the bottom bit. */
enum layer mpls(struct walk *w)
{
    walk_encap(w, ENCAP_MPLS);
    for (unsigned i = 0; i < LABELS_MAX; i++) {
        const uint8_t *p = walk_take(w, 4);
        if (!p)
            return LAYER_NONE;
        if (p[2] & 1)
            return labelled(w);
    }
    return walk_drop(&w->counts->too_deep);
}
