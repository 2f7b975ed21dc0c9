/* One format and what it writes, for the tests of formats. */
#ifndef MAILTAP_TESTS_FORMAT_FIXTURE_H
#define MAILTAP_TESTS_FORMAT_FIXTURE_H

#include "base/memory.h"
#include "output/format.h"

#include <stdlib.h>

struct fixture {
    struct limits limits;
    struct buf out;
    void *format; /* its state */
};

static inline struct fixture *fixture_new(const struct format *f)
{
    struct fixture *x = memory_get(sizeof *x);
    limits_init(&x->limits);
    buf_init(&x->out, 1 << 20);
    x->format = memory_get(f->state_size);
    f->open(x->format, false);
    return x;
}

/* Its finish(), if it is due, was called. */
static inline void fixture_free(struct fixture *x)
{
    free(x->format);
    buf_release(&x->out);
    free(x);
}

#endif
