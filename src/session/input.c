/* Framing, once for all protocols: lines, counted octets, dotted bodies. See input.h. */
#include "input_private.h"

#include "base/memory.h"
#include "body_scan.h"

#include <assert.h>
#include <stdlib.h>

/* What stands before the next octet of a dotted body. The first means: a line begins, as after the command's CRLF. */
enum before { BEFORE_CRLF, BEFORE_LF, BEFORE_CR, BEFORE_NUL, BEFORE_TEXT };

#define OWN_USUAL 4096 /* octets that an input may go on holding when all is read */

enum decision { UNDECIDED, DECIDED_END, DECIDED_TEXT };

void input_init(struct input *in, const struct limits *limits)
{
    *in = (struct input){.limits = limits};
}

void input_release(struct input *in)
{
    free(in->own);
    free(in->pieces);
    *in = (struct input){.limits = in->limits};
}

/* --- feeding --- */

static bool is_own(const struct input *in)
{
    return in->own && in->data >= in->own && in->data <= in->own + in->own_cap;
}

void input_keep(struct input *in)
{
    if (!in->unread && in->own_cap + in->piece_cap * sizeof *in->pieces > OWN_USUAL)
        input_trim(in);
    if (!in->len || is_own(in))
        return;
    if (in->own_cap < in->len) {
        in->own = memory_resize(in->own, in->len);
        in->own_cap = in->len;
    }
    assert(in->data);
    memcpy(in->own, in->data, in->len);
    in->data = in->own;
}

static struct piece *add_piece(struct input *in)
{
    if (in->pieces && in->piece_first && in->piece_first >= in->piece_count) { /* half is read: close up */
        memmove(in->pieces, in->pieces + in->piece_first, in->piece_count * sizeof *in->pieces);
        in->piece_first = 0;
    }
    if (in->piece_first + in->piece_count == in->piece_cap) {
        in->piece_cap = in->piece_cap ? in->piece_cap * 2 : 2;
        in->pieces = memory_resize(in->pieces, in->piece_cap * sizeof *in->pieces);
    }
    return &in->pieces[in->piece_first + in->piece_count++];
}

void input_feed(struct input *in, struct bytes data, const struct origin *origin, bool inner)
{
    if (!data.len)
        return;
    bool after_gap = in->unread > in->run;
    if (!in->len) {
        in->data = data.data;
    } else {
        input_keep(in);
        size_t off = (size_t)(in->data - in->own);
        if (off + in->len + data.len > in->own_cap) {
            if (off > in->own_cap / 2 || off + in->len + data.len > 2 * in->own_cap) {
                memmove(in->own, in->data, in->len);
                off = 0;
            }
            size_t cap = in->own_cap;
            while (off + in->len + data.len > cap)
                cap *= 2;
            in->own = memory_resize(in->own, cap);
            in->own_cap = cap;
            in->data = in->own + off;
        }
        memcpy(in->own + off + in->len, data.data, data.len);
    }
    *add_piece(in) = (struct piece){*origin, data.len, false, inner};
    in->len += data.len;
    in->unread += data.len;
    if (!after_gap)
        in->run += data.len;
    in->end = origin->at + data.len;
}

void input_feed_gap(struct input *in, uint64_t len, const struct origin *origin)
{
    if (!len)
        return;
    struct piece gap = {*origin, len, true, false};
    const struct piece *before = in->piece_count ? &in->pieces[in->piece_first + in->piece_count - 1] : NULL;
    /* What the sender of lost octets had received is not known: at least what it had before. */
    gap.origin.acked = before ? before->origin.acked : in->last_read.seen;
    gap.origin.captured = before ? before->origin.captured : in->last_read.seen;
    *add_piece(in) = gap;
    in->unread += len;
    in->end = origin->at + len;
}

/* --- marks and consuming --- */

static struct mark mark_in(const struct input *in, const struct piece *p, uint64_t offset)
{
    return (struct mark){.at = p->origin.at + (p->inner ? 0 : offset),
                         .seen = in->acks_unusable ? p->origin.captured : p->origin.acked,
                         .when = p->origin.when,
                         .frame = p->origin.frame};
}

/* The mark of the octet at that offset in the run before the first gap. */
static struct mark mark_at(struct input *in, size_t offset)
{
    const struct piece *p = &in->pieces[in->piece_first];
    if (offset < p->len)
        return mark_in(in, p, offset);
    size_t from = 0;
    if (offset >= in->hint_at) { /* pieces may be single octets: not from the first on each time */
        from = in->hint_at;
        p += in->hint;
    }
    while (offset - from >= p->len) {
        from += (size_t)p->len;
        p++;
    }
    in->hint = (size_t)(p - &in->pieces[in->piece_first]);
    in->hint_at = from;
    return mark_in(in, p, offset - from);
}

static void advance_piece(struct input *in, uint64_t n)
{
    struct piece *p = &in->pieces[in->piece_first];
    assert(n <= p->len);
    p->len -= n;
    if (!p->inner)
        p->origin.at += n;
    in->unread -= n;
    in->hint = in->hint_at = 0;
    if (!p->len) {
        in->incurious -= in->incurious > 0;
        in->piece_first++;
        if (!--in->piece_count)
            in->piece_first = 0;
    }
}

static void read_to(struct input *in, struct mark last)
{
    if (last.seen < in->last_read.seen)
        in->incurious = 0;
    in->last_read = last;
}

/* Reads n octets of the run. */
static void consume(struct input *in, size_t n)
{
    assert(n <= in->run);
    if (!n)
        return;
    read_to(in, mark_at(in, n - 1));
    in->data += n;
    in->len -= n;
    in->run -= n;
    in->scanned = in->scanned > n ? in->scanned - n : 0;
    in->broken = false;
    while (n) {
        uint64_t here = in->pieces[in->piece_first].len;
        uint64_t part = here < n ? here : n;
        advance_piece(in, part);
        n -= (size_t)part;
    }
}

static void find_run(struct input *in)
{
    in->run = 0;
    for (size_t i = 0; i < in->piece_count && !in->pieces[in->piece_first + i].gap; i++)
        in->run += (size_t)in->pieces[in->piece_first + i].len;
    in->scanned = 0;
}

static bool gap_is_first(const struct input *in)
{
    return in->piece_count && in->pieces[in->piece_first].gap;
}

static void consume_gap(struct input *in, uint64_t n)
{
    read_to(in, mark_in(in, &in->pieces[in->piece_first], n - 1));
    advance_piece(in, n);
    in->broken = true;
    if (!gap_is_first(in))
        find_run(in);
}

bool input_pop_gap(struct input *in, uint64_t *len, struct mark *where)
{
    if (!gap_is_first(in))
        return false;
    const struct piece *p = &in->pieces[in->piece_first];
    *len = p->len;
    *where = mark_in(in, p, 0);
    in->skipping = false;
    in->wants_line = false;
    consume_gap(in, p->len);
    return true;
}

bool input_shift(struct input *in, struct bytes *data, struct piece *piece)
{
    if (!in->piece_count)
        return false;
    *piece = in->pieces[in->piece_first];
    *data = bytes_of(piece->gap ? NULL : in->data, (size_t)piece->len);
    if (piece->gap)
        consume_gap(in, piece->len);
    else
        consume(in, (size_t)piece->len);
    return true;
}

bool input_unread(const struct input *in, struct mark *first)
{
    if (in->piece_count)
        *first = mark_in(in, &in->pieces[in->piece_first], 0);
    return in->piece_count != 0;
}

bool input_mark(struct input *in, size_t offset, struct mark *mark)
{
    if (offset >= in->run)
        return false;
    *mark = mark_at(in, offset);
    return true;
}

bool input_knows_more(struct input *in, uint64_t *seen)
{
    for (; in->incurious < in->piece_count; in->incurious++) {
        *seen = mark_in(in, &in->pieces[in->piece_first + in->incurious], 0).seen;
        if (*seen > in->last_read.seen)
            return true;
    }
    return false;
}

void input_trust_acks(struct input *in, bool unusable)
{
    if (in->acks_unusable != unusable)
        in->incurious = 0;
    in->acks_unusable = unusable;
}

bool input_gap_ahead(const struct input *in)
{
    return in->unread > in->run;
}

struct bytes input_peek(const struct input *in)
{
    return bytes_of(in->data, in->run);
}

uint64_t input_together(const struct input *in)
{
    return in->piece_count && !gap_is_first(in) ? in->pieces[in->piece_first].len : 0;
}

uint64_t input_at(const struct input *in)
{
    return in->piece_count ? in->pieces[in->piece_first].origin.at : in->end;
}

uint64_t input_end(const struct input *in)
{
    return in->end;
}

size_t input_held(const struct input *in)
{
    return memory_cost(in->own_cap) + memory_cost(in->piece_cap * sizeof *in->pieces);
}

void input_trim(struct input *in)
{
    if (in->unread)
        return;
    free(in->own);
    free(in->pieces);
    in->own = NULL;
    in->data = NULL;
    in->pieces = NULL;
    in->own_cap = in->piece_cap = in->piece_first = 0;
}

/* --- lines --- */

static size_t find_lf(const struct input *in, size_t from, size_t to)
{
    const uint8_t *at = from < to ? memchr(in->data + from, '\n', to - from) : NULL;
    return at ? (size_t)(at - in->data) : to;
}

/* The line at that offset of the run. False: its end is not here. *next: the offset behind it. A line that a gap or the
   end of the stream cuts is one, with LINE_CUT, where `ended`. */
static bool line_at(struct input *in, size_t from, size_t known, bool ended, struct line *line, size_t *next)
{
    size_t lf = find_lf(in, from > known ? from : known, in->run);
    size_t len = lf - from;
    bool cut = false;
    if (len > in->limits->line) {
        len = (size_t)in->limits->line;
        *next = from + len;
        cut = true;
    } else if (lf == in->run) {
        if (!ended || !len)
            return false;
        *next = lf;
        cut = true;
    } else {
        *next = lf + 1;
    }
    line->end = cut ? LINE_CUT : LINE_LF;
    if (!cut && len && in->data[from + len - 1] == '\r') {
        line->end = LINE_CRLF;
        len--;
    }
    line->text = bytes_of(in->data + from, len);
    line->first = mark_at(in, from);
    line->last = mark_at(in, *next - 1);
    return true;
}

static bool run_ended(const struct input *in)
{
    return in->unread > in->run || in->closed;
}

/* Drops the rest of an over-long line. False: its end is not here yet. */
static bool skip_rest(struct input *in)
{
    if (!in->skipping)
        return true;
    size_t lf = find_lf(in, 0, in->run);
    bool found = lf < in->run;
    consume(in, found ? lf + 1 : lf);
    if (found || run_ended(in))
        in->skipping = false;
    return !in->skipping;
}

bool input_line(struct input *in, struct line *line)
{
    if (!skip_rest(in))
        return false;
    if (gap_is_first(in)) {
        in->wants_line = true;
        return false;
    }
    bool broken = in->broken;
    size_t next;
    if (!in->run || !line_at(in, 0, in->scanned, run_ended(in), line, &next)) {
        in->scanned = in->run;
        return false;
    }
    line->broken = broken;
    if (line->end == LINE_CUT && line->text.len == in->limits->line) {
        in->skipping = true;
        in->overlong++;
    }
    consume(in, next);
    in->broken = false;
    in->before = BEFORE_CRLF; /* a dotted body that follows begins at a line's start */
    return true;
}

bool input_ahead(struct input *in, size_t n, struct line *line)
{
    if (!skip_rest(in))
        return false;
    size_t from = 0;
    bool broken = in->broken;
    if (!line_at(in, 0, in->scanned, run_ended(in), line, &from)) {
        in->scanned = in->run;
        return false;
    }
    for (size_t i = 0; !i || line_at(in, from, 0, run_ended(in), line, &from); i++) {
        line->broken = broken;
        broken = false;
        if (i == n)
            return true;
        if (line->end == LINE_CUT)
            return false;
    }
    return false;
}

/* --- counted octets --- */

bool input_take(struct input *in, uint64_t max, struct chunk *chunk)
{
    if (!in->piece_count || !max)
        return false;
    chunk->end = CHUNK_MORE;
    if (gap_is_first(in)) {
        const struct piece *p = &in->pieces[in->piece_first];
        size_t len = (size_t)(p->len < max ? p->len : max);
        chunk->bytes = bytes_of(NULL, len);
        chunk->first = mark_in(in, p, 0);
        chunk->last = mark_in(in, p, len - 1);
        consume_gap(in, len);
    } else {
        size_t len = in->run < max ? in->run : (size_t)max;
        chunk->bytes = bytes_of(in->data, len);
        chunk->first = mark_at(in, 0);
        chunk->last = mark_at(in, len - 1);
        consume(in, len);
        in->before = BEFORE_CRLF;
    }
    if (chunk->bytes.len == max)
        chunk->end = CHUNK_LAST;
    return true;
}

/* --- dotted bodies --- */

/* A dot that may end the body stands at data[0], behind `before`. How long is that end, and of which form?
   0: it is text. SIZE_MAX: more octets are needed to tell. */
static size_t end_at_dot(const struct input *in, enum before before, struct bytes b, enum eod *form)
{
    bool ended = run_ended(in);
    if (b.len < 2)
        return ended ? 0 : SIZE_MAX;
    if (before == BEFORE_NUL || b.data[1] == '\r') {
        if (b.len < 3)
            return ended ? 0 : SIZE_MAX;
        bool crlf = b.data[1] == '\r' && b.data[2] == '\n';
        if (before == BEFORE_NUL) {
            *form = EOD_CRLF_NUL;
            return crlf ? 3 : 0;
        }
        if (crlf) {
            *form = before == BEFORE_CRLF ? EOD_CRLF_CRLF : before == BEFORE_LF ? EOD_LF_CRLF : EOD_CR_CRLF;
            return 3;
        }
        if (b.data[2] == '\r' && before == BEFORE_CRLF) {
            if (b.len < 4)
                return ended ? 0 : SIZE_MAX;
            *form = EOD_CRLF_CRCRLF;
            return b.data[3] == '\n' ? 4 : 0;
        }
        *form = before == BEFORE_LF ? EOD_LF_CR : EOD_CR_CR;
        return before == BEFORE_CRLF ? 0 : 2;
    }
    if (b.data[1] != '\n')
        return 0;
    *form = before == BEFORE_CRLF ? EOD_CRLF_LF : before == BEFORE_LF ? EOD_LF_LF : EOD_CR_LF;
    return 2;
}

/* What stands before the octet behind data[i]. */
static enum before before_next(struct bytes b, size_t i, enum before earlier)
{
    uint8_t c = b.data[i];
    if (c == '\n')
        return (i ? b.data[i - 1] == '\r' : earlier == BEFORE_CR) ? BEFORE_CRLF : BEFORE_LF;
    if (c == '\r')
        return BEFORE_CR;
    if (c == '\0' &&
        (i ? b.data[i - 1] == '\n' && before_next(b, i - 1, earlier) == BEFORE_CRLF : earlier == BEFORE_CRLF))
        return BEFORE_NUL;
    return BEFORE_TEXT;
}

/* How many octets are plain body: up to the first dot, but for one at the very front, that stands at some line's start.
   Notes bare CR, bare LF and NUL among them; a CR that stands last is judged with what comes next. */
static size_t plain_body(struct input *in)
{
    struct bytes run = bytes_of(in->data, in->run);
    enum before earlier = (enum before)in->before;
    uint8_t first = run.data[0];
    size_t len = 0;
    if (first == '\n' && earlier != BEFORE_CR)
        in->odd |= 1u << ODD_BARE_LF;
    if (first != '\n' && earlier == BEFORE_CR)
        in->odd |= 1u << ODD_BARE_CR;
    if (first == 0)
        in->odd |= 1u << ODD_NUL;
    do
        len = body_scan(run.data, len + 1, run.len, &in->odd);
    while (len < run.len && before_next(run, len - 1, earlier) == BEFORE_TEXT);
    return len;
}

static void give_body(struct input *in, struct chunk *chunk)
{
    size_t len = plain_body(in);
    chunk->bytes = bytes_of(in->data, len);
    chunk->end = CHUNK_MORE;
    chunk->first = mark_at(in, 0);
    in->before = (uint8_t)before_next(chunk->bytes, len - 1, (enum before)in->before);
    consume(in, len);
    chunk->last = in->last_read;
}

static bool dotted_gap(struct input *in, struct chunk *chunk)
{
    const struct piece *p = &in->pieces[in->piece_first];
    chunk->bytes = bytes_of(NULL, (size_t)p->len);
    chunk->end = CHUNK_MORE;
    chunk->first = mark_in(in, p, 0);
    chunk->last = mark_in(in, p, p->len - 1);
    consume_gap(in, p->len);
    in->before = BEFORE_TEXT;
    in->after_gap = true;
    return true;
}

/* A whole line must be here before a doubt behind a gap can be judged. */
static bool doubt_after_gap(struct input *in, struct chunk *chunk)
{
    struct line line;
    if (in->decision == DECIDED_END) {
        in->decision = UNDECIDED;
        in->after_gap = false;
        *chunk = (struct chunk){.end = CHUNK_LAST, .form = EOD_GAP, .first = in->last_read, .last = in->last_read};
        in->before = BEFORE_CRLF;
        return true;
    }
    if (!input_ahead(in, 0, &line))
        return false;
    *chunk = (struct chunk){.end = CHUNK_DOUBT, .form = EOD_GAP, .first = line.first, .last = line.first};
    return true;
}

bool input_dotted(struct input *in, struct chunk *chunk)
{
    if (gap_is_first(in))
        return dotted_gap(in, chunk);
    if (in->after_gap && in->decision != DECIDED_TEXT)
        return doubt_after_gap(in, chunk);
    if (in->after_gap) {
        in->after_gap = false;
        in->decision = UNDECIDED;
    }
    if (!in->run)
        return false;
    enum before before = (enum before)in->before;
    if (in->data[0] != '.' || before == BEFORE_TEXT) {
        give_body(in, chunk);
        return true;
    }
    enum eod form = EOD_CRLF_CRLF;
    size_t end = end_at_dot(in, before, bytes_of(in->data, in->run), &form);
    if (end == SIZE_MAX)
        return false;
    if (end && (form == EOD_CRLF_CRLF || in->decision == DECIDED_END)) {
        *chunk = (struct chunk){.end = CHUNK_LAST, .form = form, .first = mark_at(in, 0), .last = mark_at(in, end - 1)};
        in->decision = UNDECIDED;
        in->before = BEFORE_CRLF;
        consume(in, end);
        return true;
    }
    if (end && in->decision == UNDECIDED) {
        *chunk =
            (struct chunk){.end = CHUNK_DOUBT, .form = form, .first = mark_at(in, 0), .last = mark_at(in, end - 1)};
        return true;
    }
    in->decision = UNDECIDED;
    /* A doubled dot: the first is not content. A bare LF begins a line here too, but for a server that just did not
       take the dot behind it for the end. */
    bool line = before == BEFORE_CRLF || (before == BEFORE_LF && !(end && (form == EOD_LF_CRLF || form == EOD_LF_LF)));
    if (line && in->run > 1) {
        consume(in, 1);
        in->before = BEFORE_TEXT;
    }
    give_body(in, chunk);
    return true;
}

void input_settle(struct input *in, bool ends)
{
    in->decision = ends ? DECIDED_END : DECIDED_TEXT;
}

bool input_is_behind_gap(const struct input *in)
{
    return in->after_gap;
}

bool input_behind_doubt(struct input *in, size_t n, struct line *line)
{
    enum eod form;
    size_t from = 0;
    if (!in->after_gap) {
        from = end_at_dot(in, (enum before)in->before, bytes_of(in->data, in->run), &form);
        if (!from || from == SIZE_MAX)
            return false;
    }
    for (size_t i = 0; line_at(in, from, 0, run_ended(in), line, &from); i++) {
        line->broken = false;
        if (i == n)
            return true;
        if (line->end == LINE_CUT)
            return false;
    }
    return false;
}

bool input_place_behind_doubt(struct input *in, uint64_t *at)
{
    enum eod form;
    size_t end = end_at_dot(in, (enum before)in->before, bytes_of(in->data, in->run), &form);
    if (!end || end == SIZE_MAX || (end == in->run && in->unread == in->run))
        return false;
    *at = end < in->run ? mark_at(in, end).at : mark_at(in, end - 1).at + 1;
    return true;
}

unsigned input_odd(struct input *in)
{
    unsigned odd = in->odd;
    in->odd = 0;
    return odd;
}
