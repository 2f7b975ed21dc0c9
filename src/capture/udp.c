/* UDP (RFC 768), as far as it carries tunnels: VXLAN (RFC 7348), Geneve (RFC 8926), GTP-U (3GPP TS 29.281) and Teredo
   (RFC 4380). Anybody may use their ports for anything: each is believed only when its header and the beginning of what
   it carries have what must be there. */
#include "layers.h"

enum {
    PORT_GTP = 2152,
    PORT_TEREDO = 3544,
    PORT_VXLAN = 4789,
    PORT_GENEVE = 6081,
    PORT_OLD_VXLAN = 8472 /* Linux's, from before there was a number */
};

#define UDP_HEADER     8
#define ETHERNET_LEAST 15 /* octets to judge it by */

bool udp_may_tunnel(uint16_t sport, uint16_t dport)
{
    switch (dport) {
    case PORT_GTP:
    case PORT_TEREDO:
    case PORT_VXLAN:
    case PORT_GENEVE:
    case PORT_OLD_VXLAN:
        return true;
    }
    return sport == PORT_TEREDO;
}

static enum layer other(struct walk *w)
{
    return walk_drop(&w->counts->not_tcp);
}

static struct bytes behind(const struct walk *w, size_t header)
{
    return bytes_part(w->rest, header, w->rest.len);
}

/* Behind a header that is all right: IP. */
static enum layer enter_ip(struct walk *w, enum encap e, size_t header)
{
    if (!walk_guess(w, header + 1))
        return LAYER_NONE;
    if (!ip_fits(behind(w, header)))
        return other(w);
    walk_take(w, header);
    return walk_enter(w, e, LAYER_IP);
}

static enum layer enter_ethernet(struct walk *w, enum encap e, size_t header)
{
    if (!walk_guess(w, header + ETHERNET_LEAST))
        return LAYER_NONE;
    if (!ethernet_fits(behind(w, header)))
        return other(w);
    walk_take(w, header);
    return walk_enter(w, e, LAYER_ETHERNET);
}

/* The flag I must be set; the others and what is reserved are zero, but for the group policy extension's (G). */
static enum layer vxlan(struct walk *w)
{
    const uint8_t *p = walk_guess(w, 8);
    if (!p)
        return LAYER_NONE;
    bool grouped = p[0] & 0x80;
    if ((p[0] & 0x7f) != 0x08 || p[7] || (!grouped && (p[1] || p[2] || p[3])))
        return other(w);
    return enter_ethernet(w, ENCAP_VXLAN, 8);
}

/* Options are passed over, critical ones too: they concern whoever must act on the packet. */
static enum layer geneve(struct walk *w)
{
    enum { CONTROL = 0x80 };
    const uint8_t *p = walk_guess(w, 8);
    if (!p)
        return LAYER_NONE;
    size_t header = 8 + (p[0] & 0x3fU) * 4;
    if (p[0] >> 6 || p[1] & 0x3f || p[1] & CONTROL || p[7])
        return other(w);
    switch (be16(p + 2)) {
    case TYPE_BRIDGED:
        return enter_ethernet(w, ENCAP_GENEVE, header);
    case TYPE_IPV4:
    case TYPE_IPV6:
        return enter_ip(w, ENCAP_GENEVE, header);
    }
    return other(w);
}

/* Section 5: four more octets when any of three flags is set; then extension headers, whose first octet is their length
   in units of four and whose last is the type of the next. */
static enum layer gtp(struct walk *w)
{
    enum { VERSION_1 = 0x30, EXTENSION = 4, ANY = 7, G_PDU = 255 };
    const uint8_t *p = walk_guess(w, 8);
    if (!p)
        return LAYER_NONE;
    size_t header = 8, whole = 8U + be16(p + 2);
    if ((p[0] & 0xf8) != VERSION_1 || p[1] != G_PDU || whole > w->wire)
        return other(w);
    if (p[0] & ANY) {
        header += 4;
        bool more = p[0] & EXTENSION;
        p = walk_guess(w, header);
        if (!p)
            return LAYER_NONE;
        while (more && p[header - 1]) {
            p = walk_guess(w, header + 1);
            if (!p)
                return LAYER_NONE;
            if (!p[header])
                return other(w);
            header += p[header] * 4U;
            p = walk_guess(w, header);
            if (!p)
                return LAYER_NONE;
        }
    }
    if (header >= whole)
        return other(w);
    walk_limit(w, (uint32_t)whole);
    return enter_ip(w, ENCAP_GTP, header);
}

static bool is_teredo(const uint8_t *address)
{
    static const uint8_t prefix[] = {0x20, 0x01, 0, 0};
    return !memcmp(address, prefix, sizeof prefix);
}

/* Authentication and origin indications (5.1.1), in this order, then IPv6, where one end has a Teredo address. */
static enum layer teredo(struct walk *w)
{
    enum { AUTHENTICATION = 1, ORIGIN = 0 };
    size_t header = 0;
    const uint8_t *p = walk_guess(w, 4);
    if (!p)
        return LAYER_NONE;
    if (be16(p) == AUTHENTICATION)
        header = 4U + p[2] + p[3] + 8 + 1;
    p = walk_guess(w, header + 2);
    if (!p)
        return LAYER_NONE;
    if (be16(p + header) == ORIGIN)
        header += 8;
    p = walk_guess(w, header + 40);
    if (!p)
        return LAYER_NONE;
    p += header;
    if (p[0] >> 4 != 6 || header + 40 + be16(p + 4) > w->wire || !(is_teredo(p + 8) || is_teredo(p + 24)))
        return other(w);
    return enter_ip(w, ENCAP_TEREDO, header);
}

enum layer udp(struct walk *w)
{
    const uint8_t *p = walk_guess(w, 4);
    if (!p)
        return LAYER_NONE;
    uint16_t sport = be16(p), dport = be16(p + 2);
    if (!udp_may_tunnel(sport, dport))
        return other(w);
    p = walk_guess(w, UDP_HEADER);
    if (!p)
        return LAYER_NONE;
    uint16_t len = be16(p + 4);
    if (len < UDP_HEADER ? len != 0 : len > w->wire)
        return other(w);
    if (len)
        walk_limit(w, len);
    walk_take(w, UDP_HEADER);
    switch (dport) {
    case PORT_VXLAN:
    case PORT_OLD_VXLAN:
        return vxlan(w);
    case PORT_GENEVE:
        return geneve(w);
    case PORT_GTP:
        return gtp(w);
    }
    return teredo(w);
}
