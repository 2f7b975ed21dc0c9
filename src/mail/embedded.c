/* Blocks of uuencode and yEnc inside a text. A line "begin ..." counts only where the next one is what uuencode would
   write; a block ends at the first line that is not. The lines of uuencode are short and taken as a whole; those of
   yEnc, which may be any octets, pass through. */
#include "embedded.h"
#include "base/memory.h"
#include "base64.h"
#include "transfer.h"

#include <stdlib.h>

enum {
    NAME_MOST = 255,
    LINE_MOST = 512, /* of a begin or control line, and far more than a line of uuencode has */
    SLICE = 1024,    /* octets that are decoded at a time */
    HEAD = 6,        /* as much of a line as tells that it is worth keeping */
};

enum mode {
    OUTSIDE,
    FIRST, /* a begin line was there */
    LINES, /* inside uuencode or base64 */
    YENC,
};

/* What is only there once a line looked like the begin of a block. */
struct block {
    struct transfer_decoder decoder;
    size_t name_len;
    uint8_t name[NAME_MOST];
    uint8_t line[LINE_MOST];
    uint8_t out[SLICE + TRANSFER_ROOM];
};

struct embedded {
    const struct embedded_events *events;
    void *arg;
    struct block *block;
    enum mode mode;
    enum embedded_kind kind;
    bool passing; /* the rest of this line is not kept */
    bool missed;  /* octets of this block were missing */
    uint8_t head[HEAD];
    size_t len; /* of the line so far, in head[] up to HEAD, else in block->line[] */
};

struct embedded *embedded_new(const struct embedded_events *events, void *arg)
{
    struct embedded *e = memory_get(sizeof(*e));
    e->events = events;
    e->arg = arg;
    return e;
}

void embedded_free(struct embedded *e)
{
    if (e)
        free(e->block);
    free(e);
}

size_t embedded_held(const struct embedded *e)
{
    return memory_cost(sizeof(*e)) + (e->block ? memory_cost(sizeof(*e->block)) : 0);
}

static void decode(struct embedded *e, struct bytes text)
{
    for (size_t at = 0; at < text.len; at += SLICE) {
        size_t n = transfer_decode(&e->block->decoder, bytes_part(text, at, SLICE), e->block->out);
        if (n)
            e->events->octets(e->arg, bytes_of(e->block->out, n));
    }
}

static void decode_line(struct embedded *e, struct bytes line)
{
    decode(e, line);
    decode(e, BYTES("\n"));
}

static void begin(struct embedded *e)
{
    static const enum transfer transfers[] = {
        [EMBEDDED_UUENCODE] = TRANSFER_UUENCODE, [EMBEDDED_BASE64] = TRANSFER_BASE64, [EMBEDDED_YENC] = TRANSFER_YENC};
    transfer_init(&e->block->decoder, transfers[e->kind]);
    e->mode = e->kind == EMBEDDED_YENC ? YENC : LINES;
    e->missed = false;
    e->events->begin(e->arg, e->kind, bytes_of(e->block->name, e->block->name_len));
    if (e->kind == EMBEDDED_UUENCODE)
        decode(e, BYTES("begin 644 x\n"));
}

static void end(struct embedded *e, bool whole)
{
    size_t n = transfer_finish(&e->block->decoder, e->block->out);
    if (n)
        e->events->octets(e->arg, bytes_of(e->block->out, n));
    e->mode = OUTSIDE;
    e->events->end(e->arg, whole && !e->missed, transfer_odd(&e->block->decoder));
}

static void keep_name(struct block *block, struct bytes name)
{
    name = bytes_part(bytes_trim(name), 0, NAME_MOST);
    memcpy(block->name, name.data, name.len);
    block->name_len = name.len;
}

static bool has_prefix(struct bytes line, struct bytes prefix)
{
    return line.len >= prefix.len && memcmp(line.data, prefix.data, prefix.len) == 0;
}

/* "begin 644 name": an octal mode of three or four digits, and a name. */
static bool begin_line(struct embedded *e, struct bytes line)
{
    bool base64 = has_prefix(line, BYTES("begin-base64 "));
    if (!base64 && !has_prefix(line, BYTES("begin ")))
        return false;
    bytes_word(&line);
    struct bytes mode = bytes_word(&line), name = bytes_trim(line);
    for (size_t i = 0; i < mode.len; i++)
        if (mode.data[i] < '0' || mode.data[i] > '7')
            return false;
    if (mode.len < 3 || mode.len > 4 || !name.len)
        return false;
    e->kind = base64 ? EMBEDDED_BASE64 : EMBEDDED_UUENCODE;
    keep_name(e->block, name);
    return true;
}

/* "=ybegin line=128 size=123 name=...": these three are never left out. */
static bool ybegin_line(struct embedded *e, struct bytes line)
{
    size_t name = bytes_find_nocase(line, BYTES(" name="));
    struct bytes before = bytes_part(line, 0, name);
    if (!has_prefix(line, BYTES("=ybegin ")) || name == SIZE_MAX ||
        bytes_find_nocase(before, BYTES(" size=")) == SIZE_MAX ||
        bytes_find_nocase(before, BYTES(" line=")) == SIZE_MAX)
        return false;
    e->kind = EMBEDDED_YENC;
    keep_name(e->block, bytes_part(line, name + 6, SIZE_MAX));
    return true;
}

/* Is this a line of uuencode: as long as its first character says? Inside a block trailing spaces may be gone, or a
   character be damaged, but not both. */
static bool is_uuencoded(struct bytes line, bool inside)
{
    if (!line.len || line.data[0] < ' ' || line.data[0] > '`')
        return false;
    size_t octets = (line.data[0] - 32u) & 63, len = line.len - 1, whole = (octets + 2) / 3 * 4;
    bool legal = true, exact = len >= (octets * 8 + 5) / 6 && len <= whole + 2;
    for (size_t i = 1; i < line.len; i++)
        legal = legal && line.data[i] >= ' ' && line.data[i] <= '`';
    return inside ? exact || (legal && len <= whole) : exact && legal && octets;
}

static bool is_base64(struct bytes line)
{
    size_t n = 0;
    while (n < line.len && base64_values[line.data[n]] != BASE64_NONE)
        n++;
    size_t alphabet = n;
    while (n < line.len && line.data[n] == '=')
        n++;
    return alphabet && n == line.len && n % 4 == 0 && n - alphabet <= 2;
}

static bool is_data(const struct embedded *e, struct bytes line)
{
    return e->kind == EMBEDDED_BASE64 ? is_base64(line) : is_uuencoded(line, e->mode == LINES);
}

static void outside(struct embedded *e, struct bytes line)
{
    e->mode = OUTSIDE;
    if (begin_line(e, line)) {
        e->mode = FIRST;
    } else if (ybegin_line(e, line)) {
        begin(e);
        decode_line(e, line);
    }
}

/* A line that was kept is whole; a carriage return is no part of it. */
static void whole_line(struct embedded *e)
{
    struct bytes line = bytes_of(e->len <= HEAD && e->mode == OUTSIDE ? e->head : e->block->line, e->len);
    e->len = 0;
    while (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    switch (e->mode) {
    case OUTSIDE:
        if (e->block)
            outside(e, line);
        break;
    case FIRST:
        if (is_data(e, line)) {
            begin(e);
            decode_line(e, line);
        } else {
            outside(e, line);
        }
        break;
    case LINES:
        if (bytes_equal(bytes_trim(line), e->kind == EMBEDDED_BASE64 ? BYTES("====") : BYTES("end"))) {
            if (e->kind == EMBEDDED_UUENCODE)
                decode_line(e, BYTES("end"));
            end(e, true);
        } else if (is_data(e, line)) {
            decode_line(e, line);
        } else if (line.len) {
            end(e, false);
            outside(e, line);
        }
        break;
    case YENC:
        if (has_prefix(line, BYTES("=ybegin "))) {
            end(e, false);
            outside(e, line);
            break;
        }
        decode_line(e, line);
        if (has_prefix(line, BYTES("=yend")))
            end(e, true);
        break;
    }
}

/* May a line that begins so be of interest? */
static bool worth_keeping(const struct embedded *e, const uint8_t *line, size_t len)
{
    len = len < HEAD ? len : HEAD;
    if (e->mode == OUTSIDE)
        return memcmp(line, "begin ", len) == 0 || memcmp(line, "begin-", len) == 0 || memcmp(line, "=ybegi", len) == 0;
    return e->mode != YENC || memcmp(line, "=y", len < 2 ? len : 2) == 0;
}

/* Adds to the line that is kept; false where it is none to keep. */
static bool keep(struct embedded *e, struct bytes more)
{
    if (e->mode == OUTSIDE && e->len < HEAD) {
        size_t n = more.len < HEAD - e->len ? more.len : HEAD - e->len;
        memcpy(e->head + e->len, more.data, n);
        e->len += n;
        if (!worth_keeping(e, e->head, e->len))
            return false;
        if (e->len < HEAD)
            return true;
        if (!e->block)
            e->block = memory_get(sizeof(*e->block));
        memcpy(e->block->line, e->head, HEAD);
        more = bytes_part(more, n, SIZE_MAX);
    }
    if (more.len > LINE_MOST - e->len)
        return false;
    memcpy(e->block->line + e->len, more.data, more.len);
    e->len += more.len;
    return worth_keeping(e, e->block->line, e->len);
}

/* The line, of which `kept` octets are kept, is none to keep, or too long. */
static void pass(struct embedded *e, size_t kept, struct bytes more)
{
    switch (e->mode) {
    case OUTSIDE:
        break;
    case FIRST:
        e->mode = OUTSIDE;
        break;
    case LINES:
        end(e, false);
        break;
    case YENC:
        decode(e, bytes_of(e->block->line, kept));
        decode(e, more);
        break;
    }
}

/* A line, or what there is of it. */
static void piece(struct embedded *e, struct bytes text, bool to_its_end)
{
    size_t before = e->len;
    struct bytes line = text;
    line.len -= to_its_end;
    if (e->passing) {
        if (e->mode == YENC)
            decode(e, text);
    } else if (keep(e, line)) {
        if (to_its_end)
            whole_line(e);
        return;
    } else {
        pass(e, before, text);
    }
    e->len = 0;
    e->passing = !to_its_end;
}

/* The lines at the front that no file begins with: nearly all there are. Returns their octets. */
static size_t skip(struct embedded *e, struct bytes text)
{
    const uint8_t *at = text.data, *end = text.data + text.len;
    for (; at < end && (e->passing || (*at != 'b' && *at != '=')); at++) {
        at = memchr(at, '\n', (size_t)(end - at));
        e->passing = !at;
        if (!at)
            return text.len;
    }
    return (size_t)(at - text.data);
}

void embedded_push(struct embedded *e, struct bytes text)
{
    for (size_t at = 0, n; at < text.len; at += n) {
        struct bytes rest = bytes_part(text, at, SIZE_MAX);
        if (e->mode == OUTSIDE && !e->len && (n = skip(e, rest)) != 0)
            continue;
        size_t feed = bytes_index(rest, '\n');
        bool to_its_end = feed < rest.len;
        n = feed + to_its_end;
        piece(e, bytes_part(rest, 0, n), to_its_end);
    }
}

void embedded_gap(struct embedded *e, uint64_t len)
{
    if (!len)
        return;
    e->len = 0;
    e->passing = true;
    if (e->mode == FIRST)
        e->mode = OUTSIDE;
    if (e->mode == OUTSIDE)
        return;
    e->missed = true;
    transfer_gap(&e->block->decoder, len);
    if (e->mode == LINES) /* the decoder sees whole lines only */
        decode(e, BYTES("\n"));
    e->events->gap(e->arg, len);
}

void embedded_finish(struct embedded *e)
{
    if (!e->passing && e->len)
        whole_line(e);
    if (e->mode == LINES || e->mode == YENC)
        end(e, false);
}
