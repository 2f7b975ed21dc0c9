/* A week of ordinary mail at one site, with the things that look like attacks and are none; and, where asked for, a
   few that are. Its sessions begin one after the other in capture time; what is not yet due costs no memory. */
#ifndef MAILTAP_BENCH_WEEK_H
#define MAILTAP_BENCH_WEEK_H

#include "conversation.h"

struct week;

/* So many sessions, roughly, over seven days from `start` (microseconds). `truth`: what was planted is told there, as a
   list of JSON; null: nothing is planted. Null, and errno, where that file cannot be written. */
struct week *week_new(uint64_t seed, uint64_t sessions, int64_t start, const char *truth);

/* False where writing the truth failed. */
bool week_free(struct week *w);

/* Sends packets until all is said. */
void week_run(struct week *w, struct frames *f, const struct impairments *how);

uint64_t week_sessions(const struct week *w);

#endif
