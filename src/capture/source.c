/* The part that all sources have in common. */
#include "source_ops.h"

#include <stdlib.h>

bool source_filter(struct source *src, const char *expression, struct error *err)
{
    return src->ops->filter(src, expression, err);
}

bool source_by_turns(struct source *src, unsigned rooms)
{
    return src->ops->by_turns && src->ops->by_turns(src, rooms);
}

void source_fetch(struct source *src, uint64_t n, unsigned room)
{
    src->ops->fetch(src, n, room);
}

struct bytes source_turn(struct source *src, unsigned room)
{
    return src->ops->turn(src, room);
}

void source_turn_over(struct source *src)
{
    src->ops->turn_over(src);
}

int source_descriptor(const struct source *src)
{
    return src->ops->descriptor ? src->ops->descriptor(src) : -1;
}

enum source_status source_next(struct source *src, struct frame *frame, struct error *err)
{
    enum source_status s = src->ops->next(src, frame, err);
    src->received += s == SOURCE_FRAME;
    return s;
}

void source_counts(struct source *src, struct source_counts *ret)
{
    *ret = (struct source_counts){.received = src->received};
    if (src->ops->drops)
        src->ops->drops(src, ret);
}

const char *source_name(const struct source *src)
{
    return src->name;
}

void source_free(struct source *src)
{
    if (!src)
        return;
    free(src->name);
    src->ops->free(src);
}
