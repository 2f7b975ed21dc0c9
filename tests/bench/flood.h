/* Traffic that is meant to fill an analyzer: many connections that do little, or few that never end. */
#ifndef MAILTAP_BENCH_FLOOD_H
#define MAILTAP_BENCH_FLOOD_H

#include "frames.h"
#include "random.h"

enum flood_kind {
    FLOOD_NONE,
    FLOOD_SYN,            /* so many bare SYNs */
    FLOOD_IDLE_HANDSHAKE, /* so many connections, nothing behind the handshake */
    FLOOD_IDLE_COMMAND,   /* so many connections that greet, say EHLO, and no more */
    FLOOD_ONE_OCTET,      /* so many segments of one octet, out of order: played by conversation.c */
    FLOOD_ENDLESS_LINE,   /* so many octets of lines without an end */
    FLOOD_LITERAL,        /* so many connections with an IMAP literal that promises 4 GB */
    FLOOD_RECIPIENTS,     /* so many RCPT in one transaction */
    FLOOD_FRAGMENTS,      /* so many fragments of datagrams that are never whole */
    FLOOD_LOGINS,         /* so many addresses, each with a login that fails */
    FLOOD_VRFY            /* so many addresses, each with a VRFY */
};

struct flood {
    enum flood_kind kind;
    uint64_t count, done;
    unsigned stage;
    int64_t gap; /* microseconds between two connections, or steps */
    uint64_t seed;
    uint64_t sent[16][2]; /* of the few connections that never end */
};

/* FLOOD_NONE where there is no flood of that name. */
enum flood_kind flood_named(const char *name);

void flood_begin(struct flood *f, enum flood_kind kind, uint64_t count, uint64_t seed);

/* About how long it takes, microseconds. */
int64_t flood_duration(const struct flood *f);

/* Sends some packets at `now`; returns when to go on, or -1 at the end. */
int64_t flood_step(struct flood *f, struct frames *out, int64_t now);

#endif
