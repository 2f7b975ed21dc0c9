/* What a parser of a streamed form is made of: the next octets wanted, put together from pieces, and what lies between
   skipped over. */
#ifndef MAILTAP_MAIL_GATHER_H
#define MAILTAP_MAIL_GATHER_H

#include "base/bytes.h"

#define GATHER_MOST 1024

struct gather {
    uint64_t skip; /* octets to go past first */
    uint64_t at;   /* where in the stream the next octet is */
    uint16_t want; /* how many are wanted, at most GATHER_MOST */
    uint16_t have; /* how many are here */
    uint8_t *kept; /* GATHER_MOST octets of the caller's */
};

/* Asks for the next `want` octets behind `skip` others. */
static inline void gather_ask(struct gather *g, uint64_t skip, size_t want)
{
    g->skip = skip;
    g->want = (uint16_t)want;
    g->have = 0;
}

/* Asks for more behind those that are here. */
static inline void gather_extend(struct gather *g, size_t want)
{
    g->want = (uint16_t)want;
}

/* Takes from the front of `more`; true as soon as all that was asked for is in `kept`. */
static inline bool gather_take(struct gather *g, struct bytes *more)
{
    size_t n = more->len;
    if (g->skip) {
        n = g->skip < n ? (size_t)g->skip : n;
        g->skip -= n;
        g->at += n;
        *more = bytes_part(*more, n, more->len);
        n = more->len;
        if (g->skip)
            return false;
    }
    size_t left = (size_t)(g->want - g->have);
    n = left < n ? left : n;
    if (n)
        memcpy(g->kept + g->have, more->data, n);
    g->have = (uint16_t)(g->have + n);
    g->at += n;
    *more = bytes_part(*more, n, more->len);
    return g->have == g->want;
}

/* Numbers as the forms write them, lowest octet first. */
static inline uint16_t little16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t little32(const uint8_t *at)
{
    return (uint32_t)little16(at) | (uint32_t)little16(at + 2) << 16;
}

static inline uint64_t little64(const uint8_t *at)
{
    return (uint64_t)little32(at) | (uint64_t)little32(at + 4) << 32;
}

#endif
