/* The recorder's side of --extract: each record's files get their names in the order of records, as far as the limits
   allow, and a line in index.ndjson. */
#ifndef MAILTAP_EXTRACT_INDEX_H
#define MAILTAP_EXTRACT_INDEX_H

#include "mail/extract.h"
#include "record/record.h"

struct extract_index;

/* Opens the index in the folder, behind what stands there. Null, and err says why. The extraction outlives it. */
struct extract_index *extract_index_open(struct extraction *x, struct error *err);

/* The record with what became of its files; that one is freed where it is another. */
struct record *extract_index_take(struct extract_index *i, struct record *r);

/* False when a file or the index failed, once: err says why. */
bool extract_index_flush(struct extract_index *i, struct error *err);

/* Files left out by a limit or an error. */
uint64_t extract_index_omitted(const struct extract_index *i);

void extract_index_free(struct extract_index *i); /* null is none; extract_index_flush() before */

#endif
