/* A distribution in bounded memory: buckets whose width grows with the value, so that a quantile is right to 1/16 of
   itself. */
#ifndef MAILTAP_OUTPUT_HISTOGRAM_H
#define MAILTAP_OUTPUT_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS ((64 - 4) * 16 + 16)

struct histogram {
    uint64_t count, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);

/* The least value that at least `percent` (1 to 100) of all values do not exceed, as far as the buckets tell: never too
   low, and at most a sixteenth too high. 0 where there are none. */
uint64_t histogram_percentile(const struct histogram *h, unsigned percent);

#endif
