/* GRE (RFC 2784, 2890) and what travels in it: IP, Ethernet (also as NVGRE, RFC 7637), mirrored frames (ERSPAN I to
   III, draft-foschiano-erspan) and, in its version 1, PPP (PPTP, RFC 2637). */
#include "layers.h"

enum {
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_ACKNOWLEDGMENT = 0x0080, /* version 1 */
    GRE_VERSION = 0x0007
};

enum { TYPE_PPP = 0x880b, TYPE_ERSPAN = 0x88be, TYPE_ERSPAN3 = 0x22eb };

enum { ERSPAN_HEADER = 8, ERSPAN3_HEADER = 12, ERSPAN3_MORE = 8 };

/* Version 1: the key holds the payload's length, and without a sequence number there is no payload. */
static enum layer pptp(struct walk *w, uint16_t flags)
{
    unsigned header = 12 + (flags & GRE_ACKNOWLEDGMENT ? 4 : 0);
    const uint8_t *p = walk_peek(w, 8);
    if (!p)
        return LAYER_NONE;
    if (be16(p + 2) != TYPE_PPP || !(flags & GRE_KEY) || !(flags & GRE_SEQUENCE))
        return walk_drop(&w->counts->not_tcp);
    uint32_t len = be16(p + 4);
    if (!walk_take(w, header))
        return LAYER_NONE;
    if (len < w->wire)
        walk_limit(w, len);
    return walk_enter(w, ENCAP_GRE, LAYER_PPP_LINK);
}

/* I has no header of its own; II has one where GRE has a sequence number. */
static enum layer erspan(struct walk *w, bool numbered)
{
    if (numbered) {
        const uint8_t *p = walk_take(w, ERSPAN_HEADER);
        if (!p)
            return LAYER_NONE;
        if (p[0] >> 4 != 1)
            return walk_drop(&w->counts->not_tcp);
    }
    return walk_enter(w, ENCAP_ERSPAN, LAYER_ETHERNET);
}

static enum layer erspan3(struct walk *w)
{
    enum { ETHERNET = 0, IP = 2 };
    const uint8_t *p = walk_take(w, ERSPAN3_HEADER);
    if (!p)
        return LAYER_NONE;
    unsigned type = p[10] >> 2 & 31;
    if (p[0] >> 4 != 2 || (type != ETHERNET && type != IP))
        return walk_drop(&w->counts->not_tcp);
    if (p[11] & 1 && !walk_take(w, ERSPAN3_MORE))
        return LAYER_NONE;
    return walk_enter(w, ENCAP_ERSPAN, type == IP ? LAYER_IP : LAYER_ETHERNET);
}

enum layer gre(struct walk *w)
{
    const uint8_t *p = walk_peek(w, 4);
    if (!p)
        return LAYER_NONE;
    uint16_t flags = be16(p), type = be16(p + 2);
    if ((flags & GRE_VERSION) == 1)
        return pptp(w, flags);
    if (flags & (GRE_VERSION | GRE_ROUTING)) /* source routes of RFC 1701, which nobody sends */
        return walk_drop(&w->counts->not_tcp);
    unsigned header = 4;
    for (unsigned flag = GRE_SEQUENCE; flag <= GRE_CHECKSUM; flag <<= 1)
        header += flags & flag ? 4 : 0;
    if (!walk_take(w, header))
        return LAYER_NONE;
    if (type == TYPE_ERSPAN)
        return erspan(w, flags & GRE_SEQUENCE);
    if (type == TYPE_ERSPAN3)
        return erspan3(w);
    if (type == TYPE_BRIDGED)
        return walk_enter(w, ENCAP_GRE, LAYER_ETHERNET);
    w->inside = true; /* what carries no IP from here on is a datagram with something else */
    enum layer inner = layer_of_ethertype(w, type);
    return inner == LAYER_NONE ? inner : walk_enter(w, ENCAP_GRE, inner);
}
