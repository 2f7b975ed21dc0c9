/* What the targets share that cut their input into pieces: a piece in memory of its own, so that a read beyond it is
   found, and the comparison of what came of different cuts. */
#ifndef MAILTAP_TESTS_FUZZ_PIECES_H
#define MAILTAP_TESTS_FUZZ_PIECES_H

#include "base/bytes.h"
#include "record/record.h"

#include <stdlib.h>
#include <string.h>

static inline uint8_t *copy_of(struct bytes piece)
{
    uint8_t *copy = malloc(piece.len ? piece.len : 1);
    if (!copy)
        abort();
    if (piece.len)
        memcpy(copy, piece.data, piece.len);
    return copy;
}

static inline void same_record(const struct record *a, const struct record *b)
{
    struct entry x, y;
    size_t at = 0, bt = 0;
    bool more;
    while ((more = record_next(a, &at, &x)) == record_next(b, &bt, &y) && more)
        if (x.end != y.end || x.field != y.field || x.number != y.number || !bytes_equal(x.text, y.text))
            abort();
    if (more)
        abort();
}

#endif
