/* Records to text. One file per format (format_x.c), one line in outputs.def. */
#ifndef MAILTAP_OUTPUT_FORMAT_H
#define MAILTAP_OUTPUT_FORMAT_H

#include "base/buf.h"
#include "record/record.h"

struct format {
    const char *name, *doc;
    size_t state_size; /* the caller gives that many zeroed octets as `state` */
    bool colour;       /* it can use colour: open() says whether it should */
    void (*open)(void *state, bool colour);

    /* Appends what to write for this record; may be nothing. A line that does not fit below out->max is left out whole,
       and out->cut is set: the caller counts it as dropped. */
    void (*record)(void *state, const struct record *r, struct buf *out);

    void (*finish)(void *state, struct buf *out); /* a report writes only here; then frees what it owns */
};

extern const struct format *const formats[]; /* in the order of outputs.def; null at the end */

#define FORMAT(name) extern const struct format format_##name;
#include "outputs.def"
#undef FORMAT

/* The one of that name, or null. */
const struct format *format_find(const char *name);

#endif
