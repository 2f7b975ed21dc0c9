/* Where a record stands among all: by what released it. Unique, and the same for any number of threads, since a packet
   belongs to one connection and a connection to one lane. */
#ifndef MAILTAP_ORDER_H
#define MAILTAP_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#define ORDER_END UINT64_MAX /* the number after the last packet */

/* What happens at a packet's number, in this order: counters are cut, time passes, the packet is taken in. */
enum phase { PHASE_COUNT, PHASE_TICK, PHASE_PACKET };

struct order {
    uint64_t number; /* of the packet */
    enum phase phase;
    uint64_t first; /* in PHASE_TICK: number of the first packet of the connection that ended */
};

static inline bool order_before(const struct order *a, const struct order *b)
{
    if (a->number != b->number)
        return a->number < b->number;
    if (a->phase != b->phase)
        return a->phase < b->phase;
    return a->first < b->first;
}

#endif
