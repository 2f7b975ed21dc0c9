/* IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers. */
#include "checksum.h"
#include "layers.h"

#define IPV4_MORE   0x2000
#define IPV4_OFFSET 0x1fff

static enum layer layer_of_protocol(struct walk *w, uint8_t protocol)
{
    switch (protocol) {
    case PROTOCOL_TCP:
        return LAYER_TCP;
    case PROTOCOL_AUTHENTICATION:
        return LAYER_AUTHENTICATION;
    case PROTOCOL_UDP:
        return LAYER_UDP;
    case PROTOCOL_GRE:
        return LAYER_GRE;
    case PROTOCOL_IPV4: /* RFC 2003, RFC 2473 */
        return walk_enter(w, w->packet->ip_version == 4 ? ENCAP_4IN4 : ENCAP_4IN6, LAYER_IPV4);
    case PROTOCOL_IPV6: /* RFC 4213, RFC 2473 */
        return walk_enter(w, w->packet->ip_version == 4 ? ENCAP_6IN4 : ENCAP_6IN6, LAYER_IPV6);
    case PROTOCOL_HOP_BY_HOP:
    case PROTOCOL_ROUTING:
    case PROTOCOL_DESTINATION:
        if (w->packet->ip_version == 6)
            return LAYER_EXTENSION;
        break;
    case PROTOCOL_FRAGMENT:
        if (w->packet->ip_version == 6)
            return LAYER_FRAGMENT;
        break;
    }
    return walk_drop(&w->counts->not_tcp);
}

/* Where the datagram counts if its first fragment shows that it is not for us; null if not. Those that follow do not
   show it. */
static uint64_t *unwanted(struct walk *w, uint8_t protocol)
{
    const uint8_t *p = w->rest.data;
    switch (protocol) {
    case PROTOCOL_TCP:
        return w->rest.len >= 4 && !walk_follows(w, be16(p), be16(p + 2)) ? &w->counts->other_ports : NULL;
    case PROTOCOL_UDP:
        return w->rest.len >= 4 && udp_may_tunnel(be16(p), be16(p + 2)) ? NULL : &w->counts->not_tcp;
    case PROTOCOL_AUTHENTICATION:
    case PROTOCOL_IPV4:
    case PROTOCOL_IPV6:
    case PROTOCOL_GRE:
        return NULL;
    case PROTOCOL_HOP_BY_HOP:
    case PROTOCOL_ROUTING:
    case PROTOCOL_DESTINATION:
        return w->packet->ip_version == 6 ? NULL : &w->counts->not_tcp;
    }
    return &w->counts->not_tcp;
}

/* Goes on with the whole datagram when this was its last missing fragment. */
static enum layer fragment(struct walk *w, uint8_t protocol, uint32_t id, uint32_t offset, bool more)
{
    struct packet *packet = w->packet;
    struct fragment f = {
        .src = packet->src,
        .dst = packet->dst,
        .ip_version = packet->ip_version,
        .protocol = protocol,
        .id = id,
        .offset = offset,
        .more = more,
        .unwanted = offset ? NULL : unwanted(w, protocol),
        .data = w->rest,
        .wire = w->wire,
        .when = packet->when,
    };
    struct datagram whole;
    if (!ipfrag_add(w->ipfrag, &f, &whole))
        return LAYER_NONE;
    w->rest = whole.data;
    w->wire = whole.wire;
    packet->fragment_overlap = packet->fragment_overlap || whole.overlap;
    return layer_of_protocol(w, whole.protocol);
}

bool ip_fits(struct bytes b)
{
    if (!b.len || b.data[0] >> 4 == 6)
        return b.len != 0;
    unsigned header = (b.data[0] & 15U) * 4;
    return b.data[0] >> 4 == 4 && header >= 20 && (b.len < 4 || !be16(b.data + 2) || be16(b.data + 2) >= header);
}

enum layer ip(struct walk *w)
{
    const uint8_t *p = walk_peek(w, 1);
    if (!p)
        return LAYER_NONE;
    if (*p >> 4 == 4)
        return LAYER_IPV4;
    return *p >> 4 == 6 ? LAYER_IPV6 : walk_not_ip(w);
}

enum layer ipv4(struct walk *w)
{
    const uint8_t *p = walk_peek(w, 20);
    if (!p)
        return LAYER_NONE;
    unsigned header = (p[0] & 15U) * 4, total = be16(p + 2);
    /* A segment that is cut up by the network card after it was captured may have 0 here: all there is, then. */
    if (p[0] >> 4 != 4 || header < 20 || (total && total < header))
        return walk_drop(&w->counts->bad_ip);
    if (total)
        walk_limit(w, total);
    if (!walk_take(w, header))
        return LAYER_NONE;
    if (w->verify && !checksum_is_right(checksum_add(0, bytes_of(p, header))))
        return walk_drop(&w->counts->bad_ip_checksum);
    w->verify_tcp = w->verify && total;
    struct packet *packet = w->packet;
    packet->ip_version = 4;
    packet->ip_id = be16(p + 4);
    packet->src = packet->dst = (struct address){{0}}; /* an outer header may have left one of IPv6 */
    memcpy(packet->src.octets, p + 12, 4);
    memcpy(packet->dst.octets, p + 16, 4);
    uint16_t field = be16(p + 6);
    if (!(field & IPV4_FRAGMENTED))
        return layer_of_protocol(w, p[9]);
    if (p[9] != PROTOCOL_TCP && p[9] != PROTOCOL_UDP && unwanted(w, p[9])) /* whatever fragment it is */
        return walk_drop(&w->counts->not_tcp);
    return fragment(w, p[9], packet->ip_id, (field & IPV4_OFFSET) * 8U, field & IPV4_MORE);
}

enum layer ipv6(struct walk *w)
{
    const uint8_t *p = walk_take(w, 40);
    if (!p)
        return LAYER_NONE;
    if (p[0] >> 4 != 6)
        return walk_drop(&w->counts->bad_ip);
    if (be16(p + 4)) /* 0: a jumbogram (RFC 2675), or as in IPv4 */
        walk_limit(w, be16(p + 4));
    w->verify_tcp = w->verify && be16(p + 4);
    struct packet *packet = w->packet;
    packet->ip_version = 6;
    packet->ip_id = 0;
    w->routing = p[6] == PROTOCOL_ROUTING;
    memcpy(packet->src.octets, p + 8, 16);
    memcpy(packet->dst.octets, p + 24, 16);
    return layer_of_protocol(w, p[6]);
}

/* Hop-by-hop options, routing, destination options: all have their length in units of eight octets. */
enum layer ipv6_extension(struct walk *w)
{
    const uint8_t *p = walk_peek(w, 8);
    if (!p || !walk_take(w, (p[1] + 1U) * 8))
        return LAYER_NONE;
    w->verify_tcp = w->verify_tcp && !(w->routing && p[3]); /* on the way the address is not the one that is summed */
    w->routing = p[0] == PROTOCOL_ROUTING;
    return layer_of_protocol(w, p[0]);
}

enum layer ipv6_fragment(struct walk *w)
{
    const uint8_t *p = walk_take(w, 8);
    if (!p)
        return LAYER_NONE;
    uint16_t field = be16(p + 2);
    if (!(field & 0xfff9)) /* alone: RFC 6946 */
        return layer_of_protocol(w, p[0]);
    return fragment(w, p[0], be32(p + 4), field & 0xfff8U, field & 1);
}

/* RFC 4302; its length is in units of four octets, less two. */
enum layer authentication(struct walk *w)
{
    const uint8_t *p = walk_peek(w, 12);
    if (!p || !walk_take(w, (p[1] + 2U) * 4))
        return LAYER_NONE;
    return layer_of_protocol(w, p[0]);
}
