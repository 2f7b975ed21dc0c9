/* The most frequent keys of a stream in bounded memory: space-saving (Metwally, Agrawal, El Abbadi 2005). A key that is
   new when all places are taken takes over the least frequent one's place and count, so a count is never too low, and
   too high by at most `over`. What is reported does not depend on the hash's seed. */
#ifndef MAILTAP_OUTPUT_TOPK_H
#define MAILTAP_OUTPUT_TOPK_H

#include "base/bytes.h"

#define TOPK_KEY_SIZE 128 /* octets of a key that are kept and compared */

struct topk;

struct topk_entry {
    struct bytes key; /* lives until the next topk_add */
    uint64_t count, over;
};

struct topk *topk_new(size_t places);
void topk_free(struct topk *t);

void topk_add(struct topk *t, struct bytes key);

/* The `count` most frequent, most frequent first, then by key; returns how many there are. */
size_t topk_top(const struct topk *t, struct topk_entry *ret, size_t count);

#endif
