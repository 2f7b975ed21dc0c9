/* Lanes: connections are spread over a fixed number of engines by what their addresses and ports hash to, whatever the
   number of threads. Each lane has its own table, recency list and share of the limits and of memory, so that what is
   evicted when does not depend on how many threads serve the lanes. */
#ifndef MAILTAP_LANES_H
#define MAILTAP_LANES_H

#include "engine.h"
#include "order.h"

#define LANES 64

struct lanes; /* those that one thread serves */

/* Takes a record, and owns it. They come in order. */
typedef void lanes_emit(void *arg, const struct order *where, struct record *r);

/* The lanes whose number is `share` modulo `shares` (1 to LANES). Of the settings `emit` is not used; they are copied,
   what they point to is not. Limits that bound a whole run are divided by LANES. */
struct lanes *lanes_new(const struct engine_settings *settings, unsigned share, unsigned shares, lanes_emit *emit,
                        void *arg);
void lanes_free(struct lanes *l);

/* The engines tell that function, with the same argument, which connections packets are of: engine_settings.belongs. */
typedef void lanes_belongs(void *arg, const struct order *where, const struct belonging *b, bool packet);
void lanes_tell(struct lanes *l, lanes_belongs *belongs);

/* The lane of a packet, the same for both directions. */
unsigned lane_of(const struct packet *p);

/* One of this thread's lanes. Packets come in the order of their frames. */
void lanes_packet(struct lanes *l, unsigned lane, const struct packet *p);

/* Capture time has come to `now`, before the packet of that number. */
void lanes_tick(struct lanes *l, uint64_t number, int64_t now);

/* Ends every connection. */
void lanes_finish(struct lanes *l, enum engine_end how);

/* Adds what the lanes have counted so far. */
void lanes_count(const struct lanes *l, struct engine_counts *sum);

/* Capture time is the latest seen; it reaches the lanes as ticks, once a second of it. */
struct lanes_clock {
    int64_t now, second; /* ns; whole seconds */
};

#define LANES_CLOCK_INIT ((struct lanes_clock){INT64_MIN, INT64_MIN})

/* True: a tick is due, to clock->now. */
bool lanes_clock_reach(struct lanes_clock *clock, int64_t when);

#endif
