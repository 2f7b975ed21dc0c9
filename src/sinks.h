/* Where records go: every -o is a format and a place. Formats with the same target share the place, so that `-o text -o
   summary` gives lines and then the report. */
#ifndef MAILTAP_SINKS_H
#define MAILTAP_SINKS_H

#include "options.h"

struct sinks;

/* Opens every target. Null, and err says which failed. The options must outlive the sinks. */
struct sinks *sinks_open(const struct options *o, struct error *err);

/* Writes the record in every format. False when a place failed: err says why, and nothing more should be written. A
   reader that has closed its pipe is no failure: see sinks_left. */
bool sinks_record(struct sinks *s, const struct record *r, struct error *err);

/* Hands on what is buffered: a live capture has nothing to say for a while. */
bool sinks_flush(struct sinks *s, struct error *err);

/* Does anybody still read? False when every place is a pipe whose reader has gone. */
bool sinks_left(const struct sinks *s);

/* Records that did not reach a place because they were too large or it failed. */
uint64_t sinks_dropped(const struct sinks *s);

/* Lets the formats write what they write at the end, closes the places and frees all. `dropped` may be null. */
bool sinks_close(struct sinks *s, uint64_t *dropped, struct error *err);

/* As sinks_close, but nothing more is written: there was nothing to report on. */
void sinks_abandon(struct sinks *s);

#endif
