/* Numbers that look random and are the same for the same seed: splitmix64, as published by Steele, Lea and Flood. */
#ifndef MAILTAP_BENCH_RANDOM_H
#define MAILTAP_BENCH_RANDOM_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to n - 1; 0 where n is 0. */
static inline uint64_t random_below(struct random *r, uint64_t n)
{
    return n > 0 ? random_next(r) % n : 0;
}

static inline uint64_t random_between(struct random *r, uint64_t low, uint64_t high)
{
    return low + random_below(r, high - low + 1);
}

/* True in `share` of all cases, 0 to 1; draws nothing for 0, so that an option not used changes nothing. */
static inline bool random_chance(struct random *r, double share)
{
    return share > 0 && (double)(random_next(r) >> 11) * 0x1p-53 < share;
}

/* Between low and high, each order of size as likely as any other. */
static inline size_t random_size(struct random *r, size_t low, size_t high)
{
    double part = (double)(random_next(r) >> 11) * 0x1p-53;

    return (size_t)((double)low * exp(part * log((double)high / (double)low)));
}

static inline struct random random_seed(uint64_t seed, uint64_t number)
{
    struct random r = {seed * UINT64_C(0xd1342543de82ef95) + number};

    r.state = random_next(&r);
    return r;
}

#endif
