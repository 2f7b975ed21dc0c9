/* Changes to a trace that TCP and the design allow, so that the records must stay the same; and removal, which they
   must admit. All from a small generator of random numbers, so that a seed says everything. */
#ifndef MAILTAP_TESTS_MUTATE_H
#define MAILTAP_TESTS_MUTATE_H

#include "trace.h"

struct random {
    uint64_t state;
};

struct random random_seeded(uint64_t seed);
size_t random_below(struct random *r, size_t n); /* 0 to n - 1; n at least 1 */

enum { DISPLACE_PACKETS = 3 };
#define DISPLACE_TIME (200 * CLOCK_MS)

/* Cuts, sends again, captures twice, extends backwards, swaps what is concurrent, delays one direction. `order`: the
   order of the two directions may change too (not where acknowledgments are unusable: then the order is all there is).
   Not more than `most` changes. */
void mutate(struct trace *t, struct random *r, bool order, unsigned most);

/* Removes a range of packets; `gone` takes what was removed. */
void mutate_drop(struct trace *t, struct random *r, struct trace *gone);

bool same_direction(const struct packet *a, const struct packet *b);
bool same_flow_other_side(const struct packet *a, const struct packet *b);

#endif
