/* Threads that share the work of rounds. Whoever fills a round has something in it for each of them; they take rounds
   in their order. A plain file is read by these threads too: one that has nothing else to do fetches the octets of a
   piece, and when that piece's turn has come it takes the frames where they lie, in its own processor's cache, and
   fills the next round. So each reads as much as it has time for, and most of the time that a file takes, which is the
   fetching, is shared. */
#ifndef MAILTAP_ROUNDS_H
#define MAILTAP_ROUNDS_H

#include "capture/source.h"

enum { ROUNDS = 4 }; /* that are under way at once */

struct rounds;

/* A member's part of a round. */
typedef void rounds_work(void *arg, unsigned member, uint64_t round);

/* So many threads, numbered from 0. Null: they cannot be had. */
struct rounds *rounds_new(unsigned members, rounds_work *does, void *arg);

/* The number of the round to be filled, from 0; waits until all are done with that of ROUNDS before. Then it is sent.
   Called by one thread at a time. */
uint64_t rounds_open(struct rounds *r);
void rounds_send(struct rounds *r);

/* Takes the frames that source_next() gives, up to SOURCE_IDLE; false: there is no use in more. What of them lies in
   `stays` can be read until all are done with the rounds that were sent before this returns. Called by one thread at a
   time, each seeing what the other did before. */
typedef bool rounds_take(void *arg, struct bytes stays);

/* Returns when that was false, and all rounds sent are done with. False, and nothing was done: this source cannot be
   read by turns. */
bool rounds_read(struct rounds *r, struct source *src, rounds_take *takes, void *arg);

/* Waits for what was sent, and frees it. */
void rounds_end(struct rounds *r);

#endif
