/* A plain file is read by two threads in turn: while one takes the frames of its piece, the other fetches the octets of
   the next. Most of the time that a file takes is the fetching. One thread that fetches for another would not do: the
   frames' headers would all have to come over from that one's cache. */
#ifndef MAILTAP_TURNS_H
#define MAILTAP_TURNS_H

#include "capture/source.h"

/* Takes the frames that source_next() gives, up to SOURCE_IDLE; false: there is no use in more. Called by one thread at
   a time, each seeing what the other did before. */
typedef bool turns_take(void *arg);

/* Returns when that was false. False, and nothing was done: this source cannot be read by turns. */
bool turns_read(struct source *src, turns_take *take, void *arg);

#endif
