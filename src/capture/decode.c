/* From a frame to a TCP segment (RFC 9293, 3.1): the walk over the layers, and its last one. */
#include "decode.h"

#include "base/memory.h"
#include "checksum.h"
#include "layers.h"
#include "link_type.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define LAYERS_MAX 128 /* each takes a header off, this bounds the rest of the nonsense */

/* A length on the wire beyond what any interface sends at once is a damaged file. */
#define WIRE_MAX (UINT32_C(1) << 20)

#define TCP_HEADER 20
#define TCP_FLAGS  14 /* octets up to and with the flags */

struct decoder {
    struct decode_counts counts;
    struct ipfrag *ipfrag;
    unsigned tunnels;
    bool verify;
    struct port_set *ports; /* null: all are followed */
    struct keeper *keeper;  /* null: nobody wants the frames */
};

struct decoder *decoder_new(const struct limits *limits)
{
    struct decoder *d = memory_get(sizeof *d);
    d->ipfrag = ipfrag_new(limits, &d->counts);
    d->tunnels = (unsigned)limits->tunnels;
    return d;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    ipfrag_free(d->ipfrag);
    if (d->keeper)
        keeper_forget(d->keeper, &d->keeper->parts);
    free(d->keeper);
    free(d->ports);
    free(d);
}

void decoder_verify(struct decoder *d)
{
    d->verify = true;
}

struct keeper *decoder_keep(struct decoder *d, uint64_t most)
{
    d->keeper = memory_get(sizeof *d->keeper);
    d->keeper->most = most;
    ipfrag_keep(d->ipfrag, d->keeper);
    return d->keeper;
}

void decoder_follow(struct decoder *d, const uint16_t *ports)
{
    if (!d->ports)
        d->ports = memory_get(sizeof *d->ports);
    *d->ports = (struct port_set){{0}};
    for (; *ports; ports++)
        d->ports->words[*ports / 64] |= UINT64_C(1) << *ports % 64;
}

const struct decode_counts *decoder_counts(const struct decoder *d)
{
    return &d->counts;
}

/* Over addresses, protocol and length, too (RFC 9293, 3.1; RFC 8200, 8.1). */
static bool is_right(const struct walk *w)
{
    const struct packet *p = w->packet;
    size_t len = p->ip_version == 4 ? 4 : 16;
    const uint8_t words[8] = {(uint8_t)(w->wire >> 24), (uint8_t)(w->wire >> 16), (uint8_t)(w->wire >> 8),
                              (uint8_t)w->wire, [7] = PROTOCOL_TCP};
    uint64_t sum = checksum_add(0, bytes_of(p->src.octets, len));
    sum = checksum_add(sum, bytes_of(p->dst.octets, len));
    sum = checksum_add(sum, bytes_of(words, sizeof words));
    return checksum_is_right(checksum_add(sum, w->rest));
}

/* A header cut behind its flags still says enough to know that there was data, and how much. */
static enum layer tcp(struct walk *w)
{
    if (w->rest.len >= 4 && !walk_follows(w, be16(w->rest.data), be16(w->rest.data + 2)))
        return walk_drop(&w->counts->other_ports);
    if (w->wire < TCP_HEADER)
        return walk_drop(&w->counts->bad_tcp);
    const uint8_t *p = walk_peek(w, TCP_FLAGS);
    if (!p)
        return LAYER_NONE;
    unsigned header = (p[12] >> 4) * 4U;
    if (header < TCP_HEADER || header > w->wire)
        return walk_drop(&w->counts->bad_tcp);
    if (w->verify_tcp && w->rest.len == w->wire && !is_right(w))
        return walk_drop(&w->counts->bad_tcp_checksum);
    struct packet *packet = w->packet;
    packet->sport = be16(p);
    packet->dport = be16(p + 2);
    packet->seq = be32(p + 4);
    packet->ack = be32(p + 8);
    packet->tcp_flags = p[13] & 0x3f;
    if (w->rest.len >= 16)
        packet->window = be16(p + 14);
    if (w->rest.len >= 18)
        packet->tcp_sum = be16(p + 16);
    packet->payload_wire = w->wire - header;
    packet->payload = bytes_part(w->rest, header, w->rest.len);
    return LAYER_SEGMENT;
}

static enum layer step(struct walk *w, enum layer layer)
{
    switch (layer) {
    case LAYER_NONE:
    case LAYER_SEGMENT:
        break;
    case LAYER_ETHERNET:
        return ethernet(w);
    case LAYER_LLC:
        return llc(w);
    case LAYER_SLL:
        return linux_sll(w);
    case LAYER_SLL2:
        return linux_sll2(w);
    case LAYER_NULL:
        return bsd_null(w);
    case LAYER_PPP_LINK:
        return ppp_link(w);
    case LAYER_PPP:
        return ppp(w);
    case LAYER_PPPOE:
        return pppoe(w);
    case LAYER_VLAN:
        return vlan(w);
    case LAYER_MPLS:
        return mpls(w);
    case LAYER_IP:
        return ip(w);
    case LAYER_IPV4:
        return ipv4(w);
    case LAYER_IPV6:
        return ipv6(w);
    case LAYER_EXTENSION:
        return ipv6_extension(w);
    case LAYER_FRAGMENT:
        return ipv6_fragment(w);
    case LAYER_AUTHENTICATION:
        return authentication(w);
    case LAYER_GRE:
        return gre(w);
    case LAYER_UDP:
        return udp(w);
    case LAYER_TCP:
        return tcp(w);
    }
    return layer;
}

bool decoder_skips(struct decoder *d, const struct frame *frame)
{
    enum { TYPE_AT = 12, TAG = 4, TYPE = 2, IPV4_HEADER = 20, IPV6_HEADER = 40, PORTS = 4 };
    const uint8_t *p = frame->data.data + TYPE_AT;
    size_t len = frame->data.len;
    if (frame->link != LINK_ETHERNET || len < TYPE_AT + TAG + TYPE + IPV4_HEADER + PORTS)
        return false;
    if (be16(p) == TYPE_VLAN)
        p += TAG;
    uint8_t protocol;
    if (be16(p) == TYPE_IPV4 && p[2] == 0x45 && !(be16(p + 8) & IPV4_FRAGMENTED)) {
        protocol = p[11];
        p += TYPE + IPV4_HEADER;
    } else if (be16(p) == TYPE_IPV6 && p[2] >> 4 == 6 && len >= TYPE_AT + TAG + TYPE + IPV6_HEADER + PORTS) {
        protocol = p[8];
        p += TYPE + IPV6_HEADER;
    } else {
        return false;
    }
    uint16_t sport = be16(p), dport = be16(p + 2);
    if (protocol == PROTOCOL_TCP && d->ports && !port_set_has(d->ports, dport) && !port_set_has(d->ports, sport)) {
        d->counts.other_ports++;
        return true;
    }
    if (protocol == PROTOCOL_UDP && !udp_may_tunnel(sport, dport)) {
        d->counts.not_tcp++;
        return true;
    }
    return false;
}

bool decode(struct decoder *d, const struct frame *frame, struct packet *ret)
{
    *ret = (struct packet){.frame = frame->number, .when = frame->when, .iface = frame->iface};
    struct walk w = {.counts = &d->counts,
                     .ipfrag = d->ipfrag,
                     .ports = d->ports,
                     .packet = ret,
                     .rest = frame->data,
                     .wire = frame->wire < WIRE_MAX ? frame->wire : WIRE_MAX,
                     .tunnels = d->tunnels,
                     .verify = d->verify};
    if (w.wire < w.rest.len)
        w.wire = (uint32_t)w.rest.len;
    if (d->keeper)
        keeper_begin(d->keeper, frame);
    enum layer layer = layer_of_link(frame->link);
    if (layer == LAYER_NONE)
        walk_drop(&d->counts.unknown_link);
    for (unsigned steps = 0; layer != LAYER_NONE && layer != LAYER_SEGMENT; steps++) {
        if (steps == LAYERS_MAX) {
            walk_drop(&d->counts.too_deep);
            return false;
        }
        layer = step(&w, layer);
    }
    return layer == LAYER_SEGMENT;
}

const char *encap_name(enum encap e)
{
    switch (e) {
    case ENCAP_VLAN:
        return "vlan";
    case ENCAP_MPLS:
        return "mpls";
    case ENCAP_PPPOE:
        return "pppoe";
    case ENCAP_PPP:
        return "ppp";
    case ENCAP_GRE:
        return "gre";
    case ENCAP_ERSPAN:
        return "erspan";
    case ENCAP_4IN4:
        return "ipip";
    case ENCAP_6IN4:
        return "6in4";
    case ENCAP_4IN6:
        return "4in6";
    case ENCAP_6IN6:
        return "6in6";
    case ENCAP_VXLAN:
        return "vxlan";
    case ENCAP_GENEVE:
        return "geneve";
    case ENCAP_GTP:
        return "gtp";
    case ENCAP_TEREDO:
        return "teredo";
    }
    return "";
}

void address_format(const struct address *a, uint8_t ip_version, char text[static ADDRESS_TEXT_SIZE])
{
    inet_ntop(ip_version == 4 ? AF_INET : AF_INET6, a->octets, text, ADDRESS_TEXT_SIZE);
}
