/* Quoted-printable, RFC 2045 section 6.7, and what is found beside it: lower-case digits, blanks behind the "=" of a
   soft line break, an "=" that stands for itself. What may turn out to be the end of a line waits in held[]: an "=" or
   blanks, then carriage returns. */
#include "transfer_private.h"

/* The value of a hexadecimal digit, or 16. */
static unsigned hex(uint8_t c)
{
    static const uint8_t values[256] = {
        ['0'] = 16 | 0,  16 | 1,  16 | 2,          16 | 3,  16 | 4,  16 | 5,  16 | 6,  16 | 7,
        16 | 8,          16 | 9,  ['A'] = 16 | 10, 16 | 11, 16 | 12, 16 | 13, 16 | 14, 16 | 15,
        ['a'] = 16 | 10, 16 | 11, 16 | 12,         16 | 13, 16 | 14, 16 | 15,
    };
    return values[c] ^ 16u;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool is_held(uint8_t c)
{
    return is_blank(c) || c == '\r' || c == '=';
}

static bool holds_escape(const struct transfer_decoder *d)
{
    return d->count && d->held[0] == '=';
}

static bool holds_digit(const struct transfer_decoder *d)
{
    return d->count == 2 && d->held[0] == '=' && hex(d->held[1]) < 16;
}

/* What is held was no line end: it stands for itself. */
static size_t literally(struct transfer_decoder *d, uint8_t *out)
{
    size_t n = d->count;
    if (holds_escape(d))
        transfer_note(d, TRANSFER_ILLEGAL);
    memcpy(out, d->held, n);
    d->count = 0;
    return n;
}

/* A line ends here: a soft break leaves nothing; of blanks at its end, which some transport added, nothing is left. */
static size_t at_line_end(struct transfer_decoder *d, uint8_t *out)
{
    size_t to = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (d->held[i] != '\r')
            continue;
        d->column--;
        if (!holds_escape(d))
            out[to++] = '\r';
    }
    return to;
}

/* May c stand behind what is held, so that it is still not known what that is? */
static bool goes_on(const struct transfer_decoder *d, uint8_t c)
{
    if (d->count == 1 && holds_escape(d) && hex(c) < 16)
        return true;
    return d->count < TRANSFER_HELD_MOST && !holds_digit(d) &&
           (c == '\r' || (is_blank(c) && d->held[d->count - 1] != '\r'));
}

static size_t octet(struct transfer_decoder *d, uint8_t c, uint8_t *out)
{
    size_t to = 0;
    d->column += c != '\n';
    if (d->count && c == '\n' && !holds_digit(d)) {
        bool soft = holds_escape(d);
        to = at_line_end(d, out);
        d->count = 0;
        transfer_line_end(d);
        if (!soft)
            out[to++] = c;
        return to;
    }
    if (holds_digit(d) && hex(c) < 16) {
        out[0] = (uint8_t)(hex(d->held[1]) << 4 | hex(c));
        d->count = 0;
        return 1;
    }
    if (d->count && goes_on(d, c)) {
        d->held[d->count++] = c;
        return 0;
    }
    if (d->count)
        to = literally(d, out);
    if (is_held(c)) {
        d->held[d->count++] = c;
        return to;
    }
    if (c == '\n')
        transfer_line_end(d);
    out[to++] = c;
    return to;
}

/* Octets that stand for themselves up to the place `stop` of an "=", a line feed or the end, with the line end if it is
   clean. Leaves what may have to be held. */
static size_t plain_text(struct transfer_decoder *d, struct bytes in, size_t from, size_t stop, uint8_t *out)
{
    size_t end = stop;
    while (end > from && (is_blank(in.data[end - 1]) || in.data[end - 1] == '\r'))
        end--;
    d->column += end - from;
    bool line = stop < in.len && in.data[stop] == '\n';
    if (line && (end == stop || (end + 1 == stop && in.data[end] == '\r'))) {
        end = stop + 1;
        transfer_line_end(d);
    }
    memcpy(out, in.data + from, end - from);
    return end - from;
}

/* =XX as often as it stands there. */
static size_t escapes(struct transfer_decoder *d, struct bytes in, size_t *from, uint8_t *out)
{
    size_t at = *from, to = 0;
    while (in.len - at >= 3 && in.data[at] == '=') {
        unsigned high = hex(in.data[at + 1]), low = hex(in.data[at + 2]);
        if ((high | low) > 15)
            break;
        out[to++] = (uint8_t)(high << 4 | low);
        at += 3;
    }
    d->column += at - *from;
    *from = at;
    return to;
}

size_t quoted_decode(struct transfer_decoder *d, struct bytes in, uint8_t *out)
{
    size_t from = 0, to = 0;
    size_t equals = bytes_index(in, '='),
           feed = bytes_index(in, '\n'); /* the next, so that each octet is looked at once */
    while (from < in.len) {
        if (!d->count) {
            if (equals < from)
                equals = from + bytes_index(bytes_part(in, from, SIZE_MAX), '=');
            if (feed < from)
                feed = from + bytes_index(bytes_part(in, from, SIZE_MAX), '\n');
            size_t n = plain_text(d, in, from, equals < feed ? equals : feed, out + to);
            from += n;
            to += n;
            to += escapes(d, in, &from, out + to);
        }
        /* All that may have to be held in one go: plain_text() looks back over it. */
        while (from < in.len && (d->count || is_held(in.data[from])))
            to += octet(d, in.data[from++], out + to);
    }
    return to;
}

size_t quoted_finish(struct transfer_decoder *d, uint8_t *out)
{
    size_t to = holds_digit(d) ? literally(d, out) : at_line_end(d, out);
    d->count = 0;
    transfer_line_end(d);
    return to;
}
