/* COMPRESS=DEFLATE under a dialogue (RFC 4978): each direction is one raw deflate stream (RFC 1951), the client's from
   behind its COMPRESS, the server's from behind its OK. Whatever was lost of one, or is no deflate, ends that
   direction: what comes later refers to what came before. How much comes out is bounded: in one go, in all, and by what
   went in. */
#include "session/filter.h"

#include "base/memory.h"
#include "imap.h"

#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#define BLOCK 16384 /* octets that come out between two looks at the limits */

_Static_assert(BLOCK <= FILTER_MORE, "a match or two that zlib still has to write find room");

struct stream { /* zlib remembers where it lies: it stays there when the filter's state moves */
    z_stream z;
    size_t held;
    uint64_t in, out;
};

struct deflate {
    struct stream *streams[2];
    uint64_t begins; /* the place of the server's first compressed octet */
    bool begun;
    bool compressed; /* the client's clear text is over */
    bool dead[2];    /* nothing comes out any more */
};

/* --- zlib's memory --- */

static void *get(void *opaque, unsigned items, unsigned size)
{
    struct stream *st = opaque;
    size_t octets = (size_t)items * size;
    st->held += memory_cost(octets);
    return memory_get(octets);
}

static void put(void *opaque, void *block)
{
    (void)opaque;
    free(block);
}

static struct stream *stream_new(void)
{
    struct stream *st = memory_get(sizeof *st);
    st->z.zalloc = get;
    st->z.zfree = put;
    st->z.opaque = st;
    st->held = memory_cost(sizeof *st);
    inflateInit2(&st->z, -MAX_WBITS); /* it cannot fail: memory is there, and the version is that of its header */
    return st;
}

static void stream_free(struct stream *st)
{
    if (!st)
        return;
    inflateEnd(&st->z);
    free(st);
}

struct bytes deflate_look(struct bytes octets, uint8_t *out, size_t room, bool *broken)
{
    struct stream *st = stream_new();
    st->z.next_in = octets.data;
    st->z.avail_in = (unsigned)octets.len;
    st->z.next_out = out;
    st->z.avail_out = (unsigned)room;
    int result = inflate(&st->z, Z_SYNC_FLUSH);
    *broken = result != Z_OK && result != Z_BUF_ERROR;
    struct bytes ret = bytes_of(out, room - st->z.avail_out);
    stream_free(st);
    return ret;
}

/* --- */

static void dies(struct session *s, struct deflate *d, enum side side, enum note why)
{
    session_note(s, why);
    session_opaque_side(s, side);
    d->dead[side] = true;
}

static void begin(struct session *s, struct deflate *d)
{
    d->begun = true;
    d->begins = input_at(session_below(s, SERVER));
    d->streams[CLIENT] = stream_new();
    d->streams[SERVER] = stream_new();
}

static bool is_text(struct bytes octets)
{
    for (size_t i = 0; i < octets.len; i++)
        if ((octets.data[i] < ' ' && octets.data[i] != '\r') || octets.data[i] > '~')
            return false;
    return true;
}

/* Commands that a client sent behind COMPRESS before it knew the answer may be in clear text (RFC 4978 section 3
   forbids to send any): some servers read them. They go on as they are. False: more must come. */
static bool pass_clear(struct session *s, struct deflate *d, struct input *below, struct buf *out)
{
    struct line line;
    struct chunk chunk;
    struct mark first;
    struct bytes octets = input_peek(below);
    if (!input_unread(below, &first))
        return false;
    if (first.seen < d->begins && bytes_index(octets, '\n') == octets.len && octets.len < session_limits(s)->line &&
        is_text(octets) && !input_gap_ahead(below) && session_patient(s, CLIENT))
        return false;
    if (first.seen >= d->begins || !input_ahead(below, 0, &line) || line.end == LINE_CUT ||
        !imap_is_command(line.text)) {
        d->compressed = true;
        return true;
    }
    session_note(s, NOTE_compress_pipelined);
    size_t len = bytes_index(octets, '\n') + 1;
    buf_add(out, bytes_part(octets, 0, len));
    while (len && input_take(below, len, &chunk))
        len -= chunk.bytes.len;
    return false;
}

static bool too_much(const struct limits *limits, const struct stream *st)
{
    return st->out > limits->inflated || (st->out > limits->inflate_free && st->out / limits->inflate_ratio > st->in);
}

/* What comes out of the next octets that travelled together, or of some of them: in blocks, at whose ends the limits
   are looked at, so that it is the same wherever the octets were cut. */
static void inflate_piece(struct session *s, struct deflate *d, enum side side, struct input *below, struct buf *out)
{
    struct stream *st = d->streams[side];
    struct chunk chunk;
    struct bytes in = bytes_part(input_peek(below), 0, (size_t)input_together(below));
    if (!in.len) {
        dies(s, d, side, NOTE_compress_lost);
        return;
    }
    unsigned given = (unsigned)(in.len < FILTER_ROUND ? in.len : FILTER_ROUND);
    int result = Z_OK;
    st->z.next_in = in.data;
    st->z.avail_in = given;
    do {
        size_t room = BLOCK - st->out % BLOCK;
        unsigned unread = st->z.avail_in;
        st->z.next_out = buf_room(out, room);
        st->z.avail_out = (unsigned)room;
        result = inflate(&st->z, Z_SYNC_FLUSH);
        out->len += room - st->z.avail_out;
        st->out += room - st->z.avail_out;
        st->in += unread - st->z.avail_in;
        if (!st->z.avail_out && too_much(session_limits(s), st))
            dies(s, d, side, NOTE_compress_limit);
        /* where no input stays, nothing may stay in zlib */
    } while (result == Z_OK && !st->z.avail_out && !d->dead[side] &&
             (!st->z.avail_in || out->len + BLOCK <= FILTER_ROUND));
    if (given > st->z.avail_in)
        input_take(below, given - st->z.avail_in, &chunk);
    if (result == Z_STREAM_END)
        d->dead[side] = true; /* whatever follows is none of it */
    else if (result != Z_OK && result != Z_BUF_ERROR)
        dies(s, d, side, NOTE_compress_broken);
}

static void drop_rest(struct session *s, struct deflate *d, enum side side, struct input *below)
{
    struct chunk chunk;
    bool any = false;
    while (input_take(below, UINT64_MAX, &chunk))
        any = true;
    if (any && !session_dark(s, side))
        dies(s, d, side, NOTE_compress_broken);
}

static void pass(struct session *s, void *state, enum side side, struct input *below, struct buf *out)
{
    struct deflate *d = state;
    struct mark first;
    if (!d->begun)
        begin(s, d);
    if (!input_unread(below, &first))
        return;
    if (side == CLIENT && !d->compressed && !pass_clear(s, d, below, out))
        return;
    if (!d->dead[side])
        inflate_piece(s, d, side, below, out);
    if (!d->dead[side])
        return;
    inflateEnd(&d->streams[side]->z); /* its memory is not needed any more; again, it does nothing */
    d->streams[side]->held = memory_cost(sizeof *d->streams[side]);
    drop_rest(s, d, side, below);
}

static void tell(struct session *s, void *state)
{
    const struct deflate *d = state;
    if (!d->begun)
        return;
    record_number(session_facts(s), F_session_inflated_c2s, d->streams[CLIENT]->out);
    record_number(session_facts(s), F_session_inflated_s2c, d->streams[SERVER]->out);
}

static size_t held(const void *state)
{
    const struct deflate *d = state;
    return d->begun ? d->streams[CLIENT]->held + d->streams[SERVER]->held : 0;
}

static void release(void *state)
{
    struct deflate *d = state;
    stream_free(d->streams[CLIENT]);
    stream_free(d->streams[SERVER]);
}

const struct filter deflate_filter = {
    .name = "deflate",
    .state_size = sizeof(struct deflate),
    .pass = pass,
    .close = tell,
    .held = held,
    .release = release,
};
