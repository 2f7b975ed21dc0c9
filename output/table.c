/* Cells in one buffer; widths are found when all are there. */
#include "table.h"

#include "plain.h"

#include "base/memory.h"

#include <stdlib.h>

#define TABLE_MAX ((size_t)1 << 20)
#define GAP       2

void table_init(struct table *t, const char *align)
{
    *t = (struct table){.align = align, .columns = strlen(align)};
    buf_init(&t->text, TABLE_MAX);
}

void table_release(struct table *t)
{
    buf_release(&t->text);
    free(t->ends);
}

struct buf *table_cell(struct table *t)
{
    if (t->cells >= t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->ends = memory_resize(t->ends, t->cap * sizeof *t->ends);
    }
    if (t->cells)
        t->ends[t->cells - 1] = t->text.len;
    t->cells++;
    return &t->text;
}

void table_text(struct table *t, const char *text)
{
    buf_add_string(table_cell(t), text);
}

void table_number(struct table *t, uint64_t n)
{
    plain_add_number(table_cell(t), n);
}

size_t table_rows(const struct table *t)
{
    return (t->cells + t->columns - 1) / t->columns;
}

static struct bytes cell(const struct table *t, size_t index)
{
    if (index >= t->cells)
        return (struct bytes){NULL, 0};
    size_t from = index ? t->ends[index - 1] : 0, to = index + 1 < t->cells ? t->ends[index] : t->text.len;
    return bytes_part(buf_bytes(&t->text), from, to - from);
}

static void blanks(struct buf *out, size_t n)
{
    while (n--)
        buf_add_byte(out, ' ');
}

void table_write(const struct table *t, struct buf *out, size_t indent, const char *before, const char *after)
{
    size_t widths[TABLE_COLUMNS] = {0};
    for (size_t i = 0; i < t->cells; i++) {
        size_t width = plain_width(cell(t, i));
        if (width > widths[i % t->columns])
            widths[i % t->columns] = width;
    }
    for (size_t row = 0; row < table_rows(t); row++) {
        buf_add_string(out, row ? "" : before);
        size_t owed = indent; /* blanks that are written only when something follows */
        for (size_t column = 0; column < t->columns; column++) {
            struct bytes text = cell(t, row * t->columns + column);
            size_t pad = widths[column] - plain_width(text);
            bool right = t->align[column] == 'r';
            if (text.len) {
                blanks(out, owed + (right ? pad : 0));
                buf_add(out, text);
                owed = right ? 0 : pad;
            } else {
                owed += pad;
            }
            owed += GAP;
        }
        buf_add_string(out, row ? "" : after);
        buf_add_byte(out, '\n');
    }
}
