/* Values below 16 have a bucket each; above, every power of two is divided in 16. */
#include "histogram.h"

static unsigned bucket_of(uint64_t value)
{
    if (value < 16)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - 4;
    return (shift + 1) * 16 + (unsigned)(value >> shift & 15);
}

/* The greatest value in the bucket. */
static uint64_t bucket_end(unsigned bucket)
{
    if (bucket < 16)
        return bucket;
    unsigned shift = bucket / 16 - 1;
    return ((UINT64_C(16) + bucket % 16) << shift) + ((UINT64_C(1) << shift) - 1);
}

void histogram_add(struct histogram *h, uint64_t value)
{
    h->count++;
    h->buckets[bucket_of(value)]++;
    if (value > h->max)
        h->max = value;
}

uint64_t histogram_percentile(const struct histogram *h, unsigned percent)
{
    uint64_t wanted = h->count / 100 * percent + (h->count % 100 * percent + 99) / 100, seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= wanted && seen) {
            uint64_t end = bucket_end(i);
            return end < h->max ? end : h->max;
        }
    }
    return 0;
}
