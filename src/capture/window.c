/* Reads a file in pieces of a mebibyte; only the octets left over from a piece are moved. */
#include "window.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_SIZE ((size_t)1 << 20)

void window_init(struct window *w, struct unpack *in)
{
    *w = (struct window){.in = in, .data = memory_get(WINDOW_SIZE), .cap = WINDOW_SIZE};
}

void window_release(struct window *w)
{
    unpack_free(w->in);
    free(w->data);
    *w = (struct window){0};
}

void window_skip(struct window *w, uint64_t n)
{
    uint64_t here = w->to - w->from;
    if (n <= here) {
        w->from += (size_t)n;
        return;
    }
    w->from = w->to;
    w->skip += n - here;
}

/* Room behind the octets not yet taken. A frame larger than the window makes it grow, as its octets really come. */
static void make_room(struct window *w)
{
    size_t here = w->to - w->from;
    if (w->from) {
        memmove(w->data, w->data + w->from, here);
        w->base += w->from;
        w->from = 0;
        w->to = here;
    }
    if (w->to == w->cap) {
        w->cap *= 2;
        w->data = memory_resize(w->data, w->cap);
    }
}

enum window_status window_fill(struct window *w, size_t n)
{
    while (w->skip || w->to - w->from < n) {
        if (w->from == w->to || w->to == w->cap || w->cap - w->from < n)
            make_room(w);
        size_t got;
        switch (unpack_read(w->in, w->data + w->to, w->cap - w->to, &got, &w->why)) {
        case UNPACK_SOME:
            break;
        case UNPACK_END:
            return WINDOW_END;
        case UNPACK_AGAIN:
            return WINDOW_AGAIN;
        case UNPACK_BROKEN:
            return WINDOW_BROKEN;
        }
        w->to += got;
        if (w->skip) {
            size_t less = w->skip < got ? (size_t)w->skip : got;
            w->from += less;
            w->skip -= less;
        }
    }
    return WINDOW_READY;
}

enum source_status window_stop(const struct window *w, enum window_status s, const char *what, uint64_t offset,
                               struct error *err)
{
    if (s == WINDOW_AGAIN)
        return SOURCE_IDLE;
    if (s == WINDOW_BROKEN) {
        error_set(err, "%s, after %" PRIu64 " octets of capture", w->why.text, w->base + w->to);
        return SOURCE_BROKEN;
    }
    if (w->skip) {
        error_set(err, "is truncated: it ends at offset %" PRIu64 ", %" PRIu64 " octets before its last block does",
                  w->base + w->to, w->skip);
        return SOURCE_BROKEN;
    }
    if (w->from == w->to && window_offset(w) == offset)
        return SOURCE_END;
    error_set(err, "is truncated: it ends at offset %" PRIu64 ", inside the %s that begins at offset %" PRIu64,
              w->base + w->to, what, offset);
    return SOURCE_BROKEN;
}
