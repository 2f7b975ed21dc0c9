/* Encoded words, RFC 2047. Not by GMime, although it has this: it does not tell what it could not convert, and it
   remembers every charset name it ever met, for good. It is the measure in the unit test. */
#include "words.h"

#include "charset.h"
#include "lexical.h"
#include "utf8.h"

enum { CHARSET_MOST = 75, CONVERSIONS = 64 };

struct word {
    struct bytes charset, text; /* the charset without its language */
    bool base64;
    size_t len; /* of all of it, in the value */
};

/* Words of one charset side by side: their octets, and what is left over of the base64 of the last. */
struct run {
    struct bytes charset;
    struct buf octets;
    uint32_t bits;
    unsigned bit_count;
};

struct decoding {
    struct bytes value;
    size_t at;
    size_t no_end_from; /* behind here there is no "?=" */
    unsigned conversions;
    bool lost;
    struct run run;
    struct buf *out;
};

bool words_may_be(struct bytes value)
{
    for (size_t i = 0; i + 1 < value.len; i++) {
        i += bytes_index(bytes_part(value, i, SIZE_MAX), '=');
        if (i + 1 < value.len && value.data[i + 1] == '?')
            return true;
    }
    return false;
}

/* Place of the "?=" from `from` on, or value.len; looks at no octet twice where there is none. */
static size_t word_end(struct decoding *d, size_t from)
{
    struct bytes v = d->value;
    if (from >= d->no_end_from)
        return v.len;
    for (size_t i = from; i + 1 < v.len; i++) {
        i += bytes_index(bytes_part(v, i, SIZE_MAX), '?');
        if (i + 1 < v.len && v.data[i + 1] == '=')
            return i;
    }
    d->no_end_from = from;
    return v.len;
}

/* Is there a word at `at`? */
static bool read_word(struct decoding *d, size_t at, struct word *ret)
{
    struct bytes v = d->value;
    if (v.len - at < 6 || v.data[at] != '=' || v.data[at + 1] != '?')
        return false;
    size_t n = at + 2, charset = n;
    while (n < v.len && n - charset <= CHARSET_MOST && v.data[n] > ' ' && v.data[n] < 0x7f && v.data[n] != '?')
        n++;
    if (v.len - n < 3 || v.data[n] != '?' || v.data[n + 2] != '?' || n == charset)
        return false;
    uint8_t how = byte_upper(v.data[n + 1]);
    if (how != 'B' && how != 'Q')
        return false;
    size_t text = n + 3, end = word_end(d, text);
    if (end == v.len)
        return false;
    struct bytes name = bytes_part(v, charset, n - charset);
    *ret = (struct word){.charset = bytes_part(name, 0, bytes_index(name, '*')),
                         .text = bytes_part(v, text, end - text),
                         .base64 = how == 'B',
                         .len = end + 2 - at};
    return true;
}

static void add_base64(struct run *r, struct bytes text)
{
    for (size_t i = 0; i < text.len && !r->octets.cut; i++) {
        uint8_t c = text.data[i];
        uint32_t six = c >= 'A' && c <= 'Z'   ? c - (uint32_t)'A'
                       : c >= 'a' && c <= 'z' ? c - 'a' + 26u
                       : byte_is_digit(c)     ? c - '0' + 52u
                       : c == '+' || c == '-' ? 62u
                       : c == '/' || c == '_' ? 63u
                                              : 64u;
        if (c == '=') /* a sender that pads starts anew behind it */
            r->bit_count = 0;
        if (six == 64)
            continue;
        r->bits = (r->bits << 6 | six) & 0xffffff;
        r->bit_count += 6;
        if (r->bit_count >= 8) {
            r->bit_count -= 8;
            buf_add_byte(&r->octets, (uint8_t)(r->bits >> r->bit_count));
        }
    }
}

static void add_quoted(struct run *r, struct bytes text)
{
    r->bit_count = 0;
    for (size_t i = 0; i < text.len && !r->octets.cut; i++) {
        int octet = lexical_escaped(bytes_part(text, i, 3), '=');
        uint8_t c = text.data[i] == '_' ? ' ' : text.data[i];
        buf_add_byte(&r->octets, octet < 0 ? c : (uint8_t)octet);
        i += octet < 0 ? 0 : 2;
    }
}

static void end_run(struct decoding *d)
{
    struct run *r = &d->run;
    if (!r->octets.len)
        return;
    /* Opening a charset costs far more than its octets do: a value that changes it all the time is not worth that. */
    static const uint8_t unknown[] = "unknown";
    struct bytes charset = d->conversions++ < CONVERSIONS ? r->charset : bytes_of(unknown, sizeof unknown - 1);
    d->lost |= charset_to_utf8(charset, buf_bytes(&r->octets), d->out);
    buf_reset(&r->octets);
    r->bit_count = 0;
}

/* The words at d->at, which is one: as many as stand side by side. */
static void decode_words(struct decoding *d, struct word w)
{
    bool more = true;
    while (more && !d->out->cut) {
        struct run *r = &d->run;
        if (r->octets.len && !charset_same(w.charset, r->charset))
            end_run(d);
        r->charset = w.charset;
        if (w.base64)
            add_base64(r, w.text);
        else
            add_quoted(r, w.text);
        d->at += w.len;
        size_t next = d->at;
        while (next < d->value.len && lexical_is_blank(d->value.data[next]))
            next++;
        more = read_word(d, next, &w);
        if (more)
            d->at = next;
    }
    end_run(d);
}

bool words_decode(struct bytes value, struct buf *out)
{
    struct decoding d = {.value = value, .no_end_from = SIZE_MAX, .out = out};
    buf_init(&d.run.octets, value.len);
    while (d.at < value.len && !out->cut) {
        struct word w;
        if (read_word(&d, d.at, &w)) {
            decode_words(&d, w);
            continue;
        }
        size_t n = 1 + bytes_index(bytes_part(value, d.at + 1, SIZE_MAX), '=');
        struct bytes plain = bytes_part(value, d.at, n);
        d.lost |= utf8_valid(plain) != plain.len;
        buf_add(out, plain);
        d.at += n;
    }
    buf_release(&d.run.octets);
    return d.lost;
}
