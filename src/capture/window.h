/* The part of a capture file that is in memory: octets are asked for, looked at in place, and taken. They are read as
   they are asked for, or come in pieces that were read elsewhere. */
#ifndef MAILTAP_CAPTURE_WINDOW_H
#define MAILTAP_CAPTURE_WINDOW_H

#include "base/error.h"
#include "capture/source.h"
#include "capture/unpack.h"

enum window_status {
    WINDOW_READY,
    WINDOW_END,    /* the file has no more than what is in the window, less than was asked for */
    WINDOW_AGAIN,  /* a signal came first: ask again, nothing is lost */
    WINDOW_BROKEN, /* the file could not be read on: window.why */
};

struct window { /* data[from, to) is not yet taken; while `skip` is not 0 that is empty */
    struct unpack *in;
    uint8_t *data; /* own, or the room of a piece */
    size_t cap, from, to;
    uint8_t *own;
    bool in_pieces;
    enum window_status behind; /* the pieces that were put in: AGAIN, or END or BROKEN behind the last */
    uint64_t base;             /* place in the uncompressed file of data[0] */
    uint64_t skip;             /* octets yet to be thrown away */
    struct error why;
};

/* Takes `in` over. */
void window_init(struct window *w, struct unpack *in);
void window_release(struct window *w);

enum window_status window_fill(struct window *w, size_t n);

/* Makes the next n (at least 1) octets stand at window_at(). The caller bounds n. */
static inline enum window_status window_want(struct window *w, size_t n)
{
    return __builtin_expect(w->to - w->from >= n, 1) ? WINDOW_READY : window_fill(w, n);
}

static inline const uint8_t *window_at(const struct window *w)
{
    return w->data + w->from;
}

/* Goes on behind the next n octets, which window_want() has made ready; they stay in place until it is called again. */
static inline void window_take(struct window *w, size_t n)
{
    w->from += n;
}

/* As window_take(), for octets that may not be there yet and need not be in memory. */
void window_skip(struct window *w, uint64_t n);

/* Place in the uncompressed file of the next octet. */
static inline uint64_t window_offset(const struct window *w)
{
    return w->base + w->from + w->skip;
}

/* Pieces of a file, of the same length each, which any thread may read. */
struct piece {
    int fd;         /* not its own */
    uint64_t start; /* place of the first in the file */
    size_t len;
    enum window_status behind; /* as in the window */
    struct error why;
    uint8_t *room; /* PIECE_HEAD octets for what is left of the piece before, and PIECE_SIZE */
};

#define PIECE_HEAD ((size_t)64 << 10)
#define PIECE_SIZE ((size_t)512 << 10)

/* From now on octets come in pieces. False: this file is compressed, or cannot be read at any place. */
bool window_in_pieces(struct window *w, struct piece *pieces, unsigned count);
void piece_release(struct piece *p);

/* Reads the n-th. */
void piece_read(struct piece *p, uint64_t n);

/* The octets of a piece come next, and stay in it, which is what it returns; behind them window_want() says
   WINDOW_AGAIN until the next piece, or what there is behind the last. Before another is put in, or this one read
   again, take it out. */
struct bytes window_put(struct window *w, const struct piece *p);
void window_out(struct window *w);

/* What source_next() has to say after window_want() gave s, which is not WINDOW_READY, for octets of `what` that begins
   at `offset`. The sentence is without the file's name. */
enum source_status window_stop(const struct window *w, enum window_status s, const char *what, uint64_t offset,
                               struct error *err);

#endif
