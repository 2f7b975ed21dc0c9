/* Who serves the lanes: this thread alone, or several with a recorder in a thread of its own. What is written does not
   depend on that. */
#ifndef MAILTAP_WORKERS_H
#define MAILTAP_WORKERS_H

#include "capture/source.h"
#include "recorder.h"

struct workers;

/* `jobs`: 1 means that every call does its work before it returns; up to LANES, that many threads and the recorder's.
   Null, and err says why, when they cannot be had. */
struct workers *workers_new(const struct engine_settings *settings, unsigned jobs, struct recorder *recorder,
                            struct error *err);

/* Takes the frames of `src` that can be had now, up to SOURCE_IDLE. False: no more will come, or are wanted. */
typedef bool workers_take(void *arg);

/* Reads until that is false; the threads by turns, so that it is called by one at a time, each seeing what the others
   did before. Payloads that lie in the frames are not copied then. False, and nothing was done: the source is no plain
   file. */
bool workers_read(struct workers *w, struct source *src, workers_take *take, void *arg);

/* A packet of a connection that is followed; its payload is copied. For -w the frames it came in, which are the
   workers' now, and the number below which all frames are decided; else null and 0. */
void workers_packet(struct workers *w, const struct packet *p, struct kept *frames, uint64_t settled);

/* Capture time has come to `now`, before the packet of that number. */
void workers_tick(struct workers *w, uint64_t number, int64_t now);

/* An interval of --stats ended before the packet of that number. The counts lack those of the lanes. */
void workers_cut(struct workers *w, uint64_t number, const struct stats_span *span, const struct stats_counts *counts);

/* Sends all that came so far on its way to the outputs, and makes them write it. */
void workers_flush(struct workers *w, uint64_t number);

/* Ends every connection, waits until all is recorded, adds what the lanes counted, frees the workers. */
void workers_finish(struct workers *w, enum engine_end how, struct engine_counts *counts);

#endif
