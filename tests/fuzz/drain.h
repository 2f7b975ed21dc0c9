/* An engine whose records go through every format and are dropped; JSON is read back, and what json-c refuses is a
   crash. */
#ifndef MAILTAP_TESTS_DRAIN_H
#define MAILTAP_TESTS_DRAIN_H

#include "lanes.h"

struct drain;

/* `tight`: limits so small that an input of a few hundred octets reaches them. The key log may be null; it is the
   caller's. */
struct keylog;
struct drain *drain_new(bool tight, struct keylog *keylog);

/* Gives the engine a packet whose payload is copied to a block of exactly its size. */
void drain_packet(struct drain *d, const struct packet *p);

/* Capture time comes to `now`. */
void drain_tick(struct drain *d, int64_t now);

/* Ends the conversations, writes what reports have to say, frees all. */
void drain_free(struct drain *d);

#endif
