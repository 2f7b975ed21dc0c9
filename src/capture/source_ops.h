/* What a kind of source provides; its own struct begins with a struct source. */
#ifndef MAILTAP_CAPTURE_SOURCE_OPS_H
#define MAILTAP_CAPTURE_SOURCE_OPS_H

#include "capture/source.h"

struct source_ops {
    enum source_status (*next)(struct source *src, struct frame *frame, struct error *err);
    bool (*filter)(struct source *src, const char *expression, struct error *err);
    bool (*by_turns)(struct source *src, unsigned rooms); /* null, and the next three: not this kind */
    void (*fetch)(struct source *src, uint64_t n, unsigned room);
    struct bytes (*turn)(struct source *src, unsigned room);
    void (*turn_over)(struct source *src);
    int (*descriptor)(const struct source *src);                  /* null: there is none to wait at */
    void (*drops)(struct source *src, struct source_counts *ret); /* null: this kind drops nothing */
    void (*free)(struct source *src);                             /* all of it */
};

struct source {
    const struct source_ops *ops;
    char *name;
    uint64_t received;
};

#endif
