/* Records that were stored as NDJSON, in place of packets: read back by the field table, seen by the rules, written in
   any format. */
#ifndef MAILTAP_STORED_H
#define MAILTAP_STORED_H

#include <stdatomic.h>

#include "options.h"
#include "record/record.h"

/* Reads the files that --records names, until they end or *stop. */
enum exit_code stored_run(const struct options *o, const atomic_int *stop, struct error *err);

/* The record that a line is, which the caller frees; keys that are not in the table, or not of their type, are left
   out. Null, and err says why, where it is none. The limits outlive it. */
struct record *stored_parse(struct bytes line, const struct limits *limits, struct error *err);

#endif
