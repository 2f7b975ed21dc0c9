/* The JSON Schema (draft 2020-12) of the records, made from fields.def: what `mailtap --schema` prints. */
#ifndef MAILTAP_OUTPUT_SCHEMA_H
#define MAILTAP_OUTPUT_SCHEMA_H

#include "base/buf.h"

/* Appends it, with a line end. 64 KiB are enough room. */
void schema_write(struct buf *out);

#endif
