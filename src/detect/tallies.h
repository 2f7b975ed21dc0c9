/* What a detector counts for one entity: how many different things, and what happened lately. Both are bounded. */
#ifndef MAILTAP_DETECT_TALLIES_H
#define MAILTAP_DETECT_TALLIES_H

#include "host.h"

/* Different things, by their hashes: exact up to DISTINCT_EXACT, an estimate from the least hashes beyond (k minimum
   values, Bar-Yossef and others 2002), within some per cent. */
struct distinct;
enum { DISTINCT_EXACT = 1024 };

/* Adds one; true where it is new. A null *d is empty; *grown is how many octets of memory it took more. */
bool distinct_add(struct distinct **d, uint64_t hash, size_t *grown);
uint64_t distinct_count(const struct distinct *d);
size_t distinct_held(const struct distinct *d);

/* The hash, the same in every run: what is told rests on it. */
uint64_t tally_hash(struct bytes text);
uint64_t tally_hash_nocase(struct bytes text);
uint64_t tally_host(const struct host *h);

/* The latest things, each with its time; the oldest is forgotten first. All zeros is empty. */
enum { RECENT_MOST = 32 };
struct recent {
    uint8_t count, next, cap;
    struct recent_thing {
        int64_t when;
        uint64_t what;
    } * list;
};

/* Returns how many octets of memory it took more. */
size_t recent_add(struct recent *r, int64_t when, uint64_t what);
void recent_release(struct recent *r);

unsigned recent_count(const struct recent *r, int64_t since);    /* not before `since` */
unsigned recent_distinct(const struct recent *r, int64_t since); /* different ones among them */

/* Two things as one: half of each hash. The masks are what is looked at; both halves: PAIR_BOTH. */
#define PAIR_FIRST  UINT64_C(0xffffffff00000000)
#define PAIR_SECOND UINT64_C(0x00000000ffffffff)
#define PAIR_BOTH   UINT64_MAX
static inline uint64_t tally_pair(uint64_t first, uint64_t second)
{
    return (first & PAIR_FIRST) | second >> 32;
}

unsigned recent_distinct_by(const struct recent *r, int64_t since, uint64_t mask);

/* How many of `what` there are among the latest, as far as the mask goes. */
unsigned recent_of(const struct recent *r, int64_t since, uint64_t what, uint64_t mask);

/* Forgets all of `what`, as far as the mask goes. */
void recent_forget(struct recent *r, uint64_t what, uint64_t mask);

#endif
