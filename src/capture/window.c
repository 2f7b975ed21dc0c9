/* Reads a file a mebibyte at a time; only the octets left over are moved. */
#include "window.h"

#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_SIZE ((size_t)1 << 20)

void window_init(struct window *w, struct unpack *in)
{
    *w = (struct window){.in = in, .own = memory_get(WINDOW_SIZE), .cap = WINDOW_SIZE};
    w->data = w->own;
}

void window_release(struct window *w)
{
    unpack_free(w->in);
    free(w->own);
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

/* Room for n octets behind those not yet taken. A frame larger than the window makes it grow, as its octets really
   come. */
static void make_room(struct window *w, size_t n)
{
    size_t here = w->to - w->from;
    if (w->from) {
        memmove(w->data, w->data + w->from, here);
        w->base += w->from;
        w->from = 0;
        w->to = here;
    }
    if (w->cap - w->to >= n)
        return;
    while (w->cap - w->to < n)
        w->cap *= 2;
    w->own = memory_resize(w->own, w->cap);
    w->data = w->own;
}

/* So many more octets stand behind those that were there: of them goes what is to be thrown away. */
static void arrived(struct window *w, size_t n)
{
    size_t less = w->skip < n ? (size_t)w->skip : n;
    w->to += n;
    w->from += less;
    w->skip -= less;
}

enum window_status window_fill(struct window *w, size_t n)
{
    while (w->skip || w->to - w->from < n) {
        if (w->in_pieces)
            return w->behind;
        if (w->from == w->to || w->to == w->cap || w->cap - w->from < n)
            make_room(w, 1);
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
        arrived(w, got);
    }
    return WINDOW_READY;
}

bool window_in_pieces(struct window *w, struct piece *pieces, unsigned count)
{
    int fd = unpack_plain(w->in);
    off_t start = fd < 0 ? -1 : lseek(fd, 0, SEEK_CUR);
    if (start < 0)
        return false;
    w->in_pieces = true;
    w->behind = WINDOW_AGAIN;
    for (unsigned i = 0; i < count; i++)
        pieces[i] = (struct piece){.fd = fd, .start = (uint64_t)start, .room = memory_pages(PIECE_HEAD + PIECE_SIZE)};
    return true;
}

void piece_release(struct piece *p)
{
    free(p->room);
    p->room = NULL;
}

void piece_read(struct piece *p, uint64_t n)
{
    p->len = 0;
    p->behind = WINDOW_AGAIN;
    while (p->len < PIECE_SIZE && p->behind == WINDOW_AGAIN) {
        ssize_t got = pread(p->fd, p->room + PIECE_HEAD + p->len, PIECE_SIZE - p->len,
                            (off_t)(p->start + n * PIECE_SIZE + p->len));
        if (got > 0) {
            p->len += (size_t)got;
        } else if (!got) {
            p->behind = WINDOW_END;
        } else if (errno != EINTR) {
            p->behind = WINDOW_BROKEN;
            error_set(&p->why, "cannot be read: %s", strerror(errno));
        }
    }
}

struct bytes window_put(struct window *w, const struct piece *p)
{
    size_t here = w->to - w->from;
    uint64_t place = w->base + w->from;
    if (here <= PIECE_HEAD) {
        memcpy(p->room + PIECE_HEAD - here, w->data + w->from, here);
        w->data = p->room;
        w->from = PIECE_HEAD - here;
        w->to = PIECE_HEAD;
    } else { /* a frame longer than that */
        make_room(w, p->len);
        memcpy(w->data + w->to, p->room + PIECE_HEAD, p->len);
    }
    w->base = place - w->from;
    arrived(w, p->len);
    w->behind = p->behind;
    w->why = p->why;
    return bytes_of(p->room, PIECE_HEAD + p->len);
}

void window_out(struct window *w)
{
    size_t here = w->to - w->from;
    if (w->data == w->own)
        return;
    while (w->cap < here) {
        w->cap *= 2;
        w->own = memory_resize(w->own, w->cap);
    }
    memcpy(w->own, w->data + w->from, here);
    w->data = w->own;
    w->base += w->from;
    w->from = 0;
    w->to = here;
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
