/* yEnc, version 1.3 (yenc.org's yenc-draft): lines "=ybegin", "=ypart", "=yend" with words key=value, and between them
   octets plus 42, with those that a line cannot carry escaped. */
#include "lexical.h"
#include "transfer_private.h"

#include <zlib.h>

enum state {
    LINE,    /* a line begins */
    EQUALS,  /* behind an "=" at its begin */
    DATA,    /* inside a line of data */
    ESCAPE,  /* behind an "=" inside it */
    SKIP,    /* the rest of a line that says nothing */
    KEYWORD, /* the word behind "=y" */
    IN_BEGIN,
    IN_PART,
    IN_END, /* the words of those lines */
};

/* The flags. */
enum { BEGUN = 1, INSIDE = 2, PART = 4, GAP = 8, SAID = 16 };

static void count(struct transfer_decoder *d, const uint8_t *out, size_t n)
{
    d->yenc.size += n;
    if (n)
        d->yenc.crc = (uint32_t)crc32_z(d->yenc.crc, out, n);
}

static bool number(struct bytes text, uint64_t *ret)
{
    return bytes_number(&text, ret) && !text.len;
}

static bool hex_number(struct bytes text, uint32_t *ret)
{
    uint32_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = lexical_hex(text.data[i]);
        if (digit < 0)
            return false;
        n = n << 4 | (unsigned)digit;
    }
    *ret = n;
    return text.len && text.len <= 8;
}

static bool differs(const struct transfer_decoder *d, struct bytes key, struct bytes value)
{
    uint64_t n;
    uint32_t crc;
    if (bytes_equal(key, BYTES("size")))
        return !number(value, &n) || n != d->yenc.size || (d->yenc.flags & SAID && n != d->yenc.said);
    /* in one part of several, crc32 is that of the whole file */
    if (bytes_equal(key, BYTES("pcrc32")) || (bytes_equal(key, BYTES("crc32")) && !(d->yenc.flags & PART)))
        return !hex_number(value, &crc) || crc != d->yenc.crc;
    return false;
}

static void said(struct transfer_decoder *d, struct bytes key, struct bytes value)
{
    uint64_t n;
    if (!number(value, &n))
        return;
    if (d->state == IN_BEGIN && bytes_equal(key, BYTES("size"))) {
        d->yenc.said = n;
        d->yenc.flags |= SAID;
    } else if (d->state == IN_BEGIN && bytes_equal(key, BYTES("part"))) {
        d->yenc.flags |= PART;
    } else if (d->state == IN_PART && bytes_equal(key, BYTES("begin"))) {
        d->yenc.said = n;
    } else if (d->state == IN_PART && bytes_equal(key, BYTES("end"))) {
        d->yenc.said = n - d->yenc.said + 1;
        d->yenc.flags |= SAID;
    }
}

static void keyword(struct transfer_decoder *d, struct bytes word)
{
    d->state = SKIP;
    if (bytes_equal(word, BYTES("begin"))) {
        if (d->yenc.flags & INSIDE && !(d->yenc.flags & GAP))
            transfer_note(d, TRANSFER_BAD_CHECK);
        d->state = IN_BEGIN;
        d->yenc.flags = BEGUN | INSIDE;
        d->yenc.size = 0;
        d->yenc.crc = 0;
    } else if (bytes_equal(word, BYTES("part")) && d->yenc.flags & INSIDE) {
        d->state = IN_PART;
        d->yenc.flags = (uint8_t)((d->yenc.flags | PART) & ~SAID);
    } else if (bytes_equal(word, BYTES("end")) && d->yenc.flags & INSIDE) {
        d->state = IN_END;
        d->yenc.flags &= (uint8_t)~INSIDE;
    }
}

/* A word is whole: the keyword, or key=value. The name, which may have blanks, is the last in its line. */
static void word_end(struct transfer_decoder *d)
{
    struct bytes word = bytes_of(d->yenc.word, d->count);
    size_t at = bytes_index(word, '=');
    struct bytes key = bytes_part(word, 0, at), value = bytes_part(word, at + 1, SIZE_MAX);
    bool whole = d->count < sizeof(d->yenc.word);
    d->count = 0;
    if (d->state == KEYWORD)
        keyword(d, word);
    else if (bytes_equal(key, BYTES("name")))
        d->state = SKIP;
    else if (whole && d->state != IN_END)
        said(d, key, value);
    else if (whole && !(d->yenc.flags & GAP) && differs(d, key, value))
        transfer_note(d, TRANSFER_BAD_CHECK);
}

/* Octets of data up to what is none. */
static size_t data(struct transfer_decoder *d, struct bytes in, size_t *from, uint8_t *out)
{
    size_t i = *from, to = 0;
    for (; i < in.len && in.data[i] != '=' && in.data[i] != '\n' && in.data[i] != '\r'; i++)
        out[to++] = (uint8_t)(in.data[i] - 42u);
    *from = i;
    count(d, out, to);
    return to;
}

static size_t escaped(struct transfer_decoder *d, uint8_t c, uint8_t *out)
{
    d->state = DATA;
    if (c == '\n' || c == '\r') {
        transfer_note(d, TRANSFER_ILLEGAL);
        d->state = c == '\n' ? LINE : DATA;
        return 0;
    }
    out[0] = (uint8_t)(c - 64u - 42u);
    count(d, out, 1);
    return 1;
}

/* A character of a control line. */
static void control(struct transfer_decoder *d, uint8_t c)
{
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        word_end(d);
    else if (d->count < sizeof(d->yenc.word))
        d->yenc.word[d->count++] = (char)c;
    if (c == '\n')
        d->state = LINE;
}

static size_t octet(struct transfer_decoder *d, uint8_t c, uint8_t *out)
{
    bool inside = d->yenc.flags & INSIDE;
    switch ((enum state)d->state) {
    case LINE:
    case DATA:
        if (c == '\n')
            d->state = LINE;
        else if (c == '=')
            d->state = d->state == LINE ? EQUALS : ESCAPE;
        else if (c != '\r')
            d->state = SKIP; /* inside, data() took it */
        return 0;
    case EQUALS:
        if (c == 'y') {
            d->state = KEYWORD;
            d->count = 0;
            return 0;
        }
        if (inside)
            return escaped(d, c, out);
        d->state = c == '\n' ? LINE : SKIP;
        return 0;
    case ESCAPE:
        return escaped(d, c, out);
    case SKIP:
        if (c == '\n')
            d->state = LINE;
        return 0;
    case KEYWORD:
    case IN_BEGIN:
    case IN_PART:
    case IN_END:
        control(d, c);
        return 0;
    }
    return 0;
}

size_t ydecode(struct transfer_decoder *d, struct bytes in, uint8_t *out)
{
    size_t from = 0, to = 0;
    while (from < in.len) {
        if (d->yenc.flags & INSIDE && (d->state == LINE || d->state == DATA)) {
            size_t n = data(d, in, &from, out + to);
            to += n;
            if (n)
                d->state = DATA;
            if (from == in.len)
                break;
        }
        to += octet(d, in.data[from++], out + to);
    }
    return to;
}

size_t ydecode_finish(struct transfer_decoder *d)
{
    if (d->state >= KEYWORD)
        control(d, '\n');
    if ((!(d->yenc.flags & BEGUN) || d->yenc.flags & INSIDE) && !(d->yenc.flags & GAP))
        transfer_note(d, TRANSFER_BAD_CHECK);
    return 0;
}

void ydecode_gap(struct transfer_decoder *d)
{
    d->state = SKIP;
    d->count = 0;
    d->yenc.flags |= GAP;
}
