/* Aligned columns for reports. */
#ifndef MAILTAP_OUTPUT_TABLE_H
#define MAILTAP_OUTPUT_TABLE_H

#include "base/buf.h"

#define TABLE_COLUMNS 10

struct table {
    const char *align; /* a letter per column: l or r */
    size_t columns;
    struct buf text; /* all cells, row by row */
    size_t *ends;    /* where in text each cell ends, but for the last, which is still being written */
    size_t cells, cap;
};

/* Keeps `align`, of at most TABLE_COLUMNS letters. */
void table_init(struct table *t, const char *align);
void table_release(struct table *t);

/* Begins the next cell; what is appended to the buffer that is returned, until the next call, is in it. It must be
   plain: plain_add(). */
struct buf *table_cell(struct table *t);
void table_text(struct table *t, const char *text);
void table_number(struct table *t, uint64_t n);

size_t table_rows(const struct table *t);

/* Appends the rows, each after `indent` blanks, without blanks at the ends of lines. Incomplete rows are filled up.
   The first row goes between `before` and `after` (codes of colour) where it is a heading. */
void table_write(const struct table *t, struct buf *out, size_t indent, const char *before, const char *after);

#endif
