/* Content-Transfer-Encodings: their names, base64 (RFC 2045 section 6.8), and the way to the others. */
#include "transfer.h"
#include "base64.h"
#include "transfer_private.h"

_Static_assert(sizeof(struct transfer_decoder) <= 64, "one cache line in each part");

/* Past blanks, line ends and comments (RFC 5322 section 3.2.2). */
static struct bytes past_comments(struct bytes b)
{
    unsigned depth = 0;
    size_t i = 0;
    for (; i < b.len; i++) {
        uint8_t c = b.data[i];
        if (c == '(') {
            depth++;
        } else if (depth && c == ')') {
            depth--;
        } else if (depth && c == '\\') {
            i += i + 1 < b.len;
        } else if (!depth && c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '"') {
            break;
        }
    }
    return bytes_part(b, i, SIZE_MAX);
}

enum transfer transfer_of(struct bytes name, bool *known)
{
    static const struct {
        const char *name;
        enum transfer transfer;
    } names[] = {
        {"7bit", TRANSFER_IDENTITY},
        {"8bit", TRANSFER_IDENTITY},
        {"binary", TRANSFER_IDENTITY},
        {"base64", TRANSFER_BASE64},
        {"quoted-printable", TRANSFER_QUOTED_PRINTABLE},
        {"x-uuencode", TRANSFER_UUENCODE},
        {"uuencode", TRANSFER_UUENCODE},
        {"x-uue", TRANSFER_UUENCODE},
        {"uue", TRANSFER_UUENCODE},
        {"x-uu", TRANSFER_UUENCODE},
        {"x-yenc", TRANSFER_YENC},
        {"yenc", TRANSFER_YENC},
        {"7-bit", TRANSFER_IDENTITY},
        {"8-bit", TRANSFER_IDENTITY},
    };
    struct bytes word = past_comments(name);
    size_t len = 0;
    while (len < word.len && !memchr(" \t\r\n(;,\"", word.data[len], 8))
        len++;
    word.len = len;
    if (known)
        *known = true;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (bytes_equal_nocase(word, bytes_of_string(names[i].name)))
            return names[i].transfer;
    if (known)
        *known = false;
    return TRANSFER_IDENTITY;
}

void transfer_init(struct transfer_decoder *d, enum transfer t)
{
    *d = (struct transfer_decoder){.transfer = (uint8_t)t};
    if (t == TRANSFER_BASE64)
        d->run = base64_run_best();
}

/* The states of base64: what padding was met since the last character. */
enum { PAD_NONE, PAD_WHOLE, PAD_ONE_MORE };

/* What the characters of a group that is not whole stand for: a character alone stands for nothing. */
static size_t part_of_group(struct transfer_decoder *d, uint8_t *out)
{
    size_t n = d->count > 1 ? d->count - 1u : 0;
    uint32_t bits = d->count ? d->bits << (6 * (4u - d->count)) : 0;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(bits >> (16 - 8 * i));
    d->count = 0;
    d->bits = 0;
    return n;
}

/* An "=": ends a group of two or three characters; two want a second one. */
static size_t padding(struct transfer_decoder *d, uint8_t *out)
{
    if (!d->count && d->state == PAD_ONE_MORE) {
        d->state = PAD_WHOLE;
        return 0;
    }
    if (d->count < 2)
        transfer_note(d, TRANSFER_PADDING);
    d->state = d->count == 2 ? PAD_ONE_MORE : PAD_WHOLE;
    return part_of_group(d, out);
}

/* Behind padding base64 goes on, as several base64 texts one behind the other are read by some mail readers; others
   stop there, and what they do not see is at least noted. */
static size_t character(struct transfer_decoder *d, uint8_t c, uint8_t *out)
{
    uint8_t value = base64_values[c];
    if (c == '\n') {
        transfer_line_end(d);
        return 0;
    }
    if (c == '\r')
        return 0;
    d->column++;
    if (c == '=')
        return padding(d, out);
    if (value == BASE64_NONE) {
        if (c != ' ' && c != '\t')
            transfer_note(d, TRANSFER_ILLEGAL);
        return 0;
    }
    if (d->state != PAD_NONE)
        transfer_note(d, TRANSFER_PADDING);
    d->state = PAD_NONE;
    d->bits = d->bits << 6 | value;
    if (++d->count < 4)
        return 0;
    uint32_t bits = d->bits;
    out[0] = (uint8_t)(bits >> 16);
    out[1] = (uint8_t)(bits >> 8);
    out[2] = (uint8_t)bits;
    d->bits = d->count = 0;
    return 3;
}

static size_t base64_text(struct transfer_decoder *d, struct bytes in, uint8_t *out)
{
    size_t from = 0, to = 0;
    while (from < in.len) {
        if (!d->count && d->state == PAD_NONE) {
            struct base64_progress p = {.column = d->column};
            d->run(&p, bytes_part(in, from, SIZE_MAX), out + to);
            from += p.read;
            to += p.written;
            d->column = p.column;
            if (p.longest > TRANSFER_LINE_MOST)
                transfer_note(d, TRANSFER_LONG_LINE);
        }
        /* One at a time, up to where a group may begin. */
        while (from < in.len) {
            to += character(d, in.data[from++], out + to);
            if (!d->count && d->state == PAD_NONE && from < in.len && base64_values[in.data[from]] != BASE64_NONE)
                break;
        }
    }
    return to;
}

static size_t base64_finish(struct transfer_decoder *d, uint8_t *out)
{
    if (d->count || d->state == PAD_ONE_MORE)
        transfer_note(d, TRANSFER_PADDING);
    transfer_line_end(d);
    return part_of_group(d, out);
}

static size_t decode(struct transfer_decoder *d, struct bytes in, uint8_t *out)
{
    switch ((enum transfer)d->transfer) {
    case TRANSFER_IDENTITY:
        if (in.len)
            memcpy(out, in.data, in.len);
        return in.len;
    case TRANSFER_BASE64:
        return base64_text(d, in, out);
    case TRANSFER_QUOTED_PRINTABLE:
        return quoted_decode(d, in, out);
    case TRANSFER_UUENCODE:
        return uudecode(d, in, out);
    case TRANSFER_YENC:
        return ydecode(d, in, out);
    }
    return 0;
}

size_t transfer_decode(struct transfer_decoder *d, struct bytes in, uint8_t *out)
{
    if (d->state == TRANSFER_SKIP) {
        size_t end = bytes_index(in, '\n');
        if (end == in.len)
            return 0;
        d->state = 0;
        in = bytes_part(in, end + 1, SIZE_MAX);
    }
    return decode(d, in, out);
}

size_t transfer_finish(struct transfer_decoder *d, uint8_t *out)
{
    if (d->state == TRANSFER_SKIP)
        return 0;
    switch ((enum transfer)d->transfer) {
    case TRANSFER_IDENTITY:
        return 0;
    case TRANSFER_BASE64:
        return base64_finish(d, out);
    case TRANSFER_QUOTED_PRINTABLE:
        return quoted_finish(d, out);
    case TRANSFER_UUENCODE:
        return uudecode_finish(d, out);
    case TRANSFER_YENC:
        return ydecode_finish(d);
    }
    return 0;
}

void transfer_gap(struct transfer_decoder *d, uint64_t len)
{
    if (!len)
        return;
    switch ((enum transfer)d->transfer) {
    case TRANSFER_IDENTITY:
        return;
    case TRANSFER_BASE64:
    case TRANSFER_QUOTED_PRINTABLE:
        d->state = TRANSFER_SKIP;
        d->count = 0;
        d->bits = 0;
        d->column = 0;
        return;
    case TRANSFER_UUENCODE:
        uudecode_gap(d);
        return;
    case TRANSFER_YENC:
        ydecode_gap(d);
        return;
    }
}

unsigned transfer_odd(const struct transfer_decoder *d)
{
    return d->odd;
}
