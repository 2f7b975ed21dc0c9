/* Records to text. One file per format (format_x.c), one line in outputs.def. */
#ifndef MAILTAP_OUTPUT_FORMAT_H
#define MAILTAP_OUTPUT_FORMAT_H

#include "base/buf.h"
#include "record/record.h"

struct format {
    const char *name, *doc;
    size_t state_size;
    bool colour; /* it can use colour: format_open() says whether it should */
    void (*open)(void *state, bool colour);
    void (*record)(void *state, const struct record *r,
                   struct buf *out);              /* what to write for this record; may be nothing */
    void (*finish)(void *state, struct buf *out); /* a report writes only here; then frees what it owns */
};

extern const struct format *const formats[]; /* null at the end */

#endif
