/* Strings and numbers of JSON. Most are short, and there are many of them. */
#include "json_value.h"

#include "base/utf8.h"

static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                            "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

void json_write_digits(char *at, size_t count, unsigned n)
{
    for (; count; n /= 100) {
        count -= 2;
        memcpy(at + count, pairs + n % 100 * 2, 2);
    }
}

char *json_write_number(char *at, uint64_t n)
{
    size_t len = 1;
    for (uint64_t rest = n; rest >= 10;) {
        len += rest >= 1000 ? 3 : rest >= 100 ? 2 : 1;
        rest /= 1000;
    }
    char *end = at + len;
    for (at = end; n >= 100; n /= 100) {
        at -= 2;
        memcpy(at, pairs + n % 100 * 2, 2);
    }
    if (n >= 10)
        memcpy(at - 2, pairs + n * 2, 2);
    else
        at[-1] = (char)('0' + n);
    return end;
}

/* What stands in a string as it is: printable ASCII but for the quote and the backslash. */
static inline bool plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static char *write_escape(char *at, uint8_t c)
{
    static const char hex[] = "0123456789ABCDEF";
    *at++ = '\\';
    if (c == '"' || c == '\\') {
        *at++ = (char)c;
        return at;
    }
    memcpy(at, "u00", 3);
    at[3] = hex[c >> 4];
    at[4] = hex[c & 15];
    return at + 5;
}

typedef uint8_t block __attribute__((vector_size(16)));

/* Copies a block; false where not all of it is plain. */
static inline bool write_block(char *at, const uint8_t *from)
{
    block b;
    uint64_t half[2];
    memcpy(&b, from, sizeof b);
    memcpy(at, &b, sizeof b);
    b = (block)(b < 0x20) | (block)(b >= 0x7f) | (block)(b == '"') | (block)(b == '\\');
    memcpy(half, &b, sizeof half);
    return !(half[0] | half[1]);
}

/* Are the octets of the word plain? The test of each may be wrong behind one that is not, never before. */
static inline bool word_plain(uint64_t w)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t quote = w ^ ones * '"', backslash = w ^ ones * '\\', delete = w ^ ones * 0x7f;
    return !(((w - ones * 0x20) | (quote - ones) | (backslash - ones) | (delete - ones) | w) & tops);
}

/* Copies 8 octets; false where not all are plain. */
static inline bool write_word(char *at, const uint8_t *from)
{
    uint64_t w;
    memcpy(&w, from, sizeof w);
    memcpy(at, &w, sizeof w);
    return word_plain(w);
}

/* The same for 4 to 7 octets: the first four and the last four, some of them twice. */
static inline bool write_few(char *at, const uint8_t *from, size_t len)
{
    uint32_t front, back;
    memcpy(&front, from, sizeof front);
    memcpy(&back, from + len - sizeof back, sizeof back);
    memcpy(at, &front, sizeof front);
    memcpy(at + len - sizeof back, &back, sizeof back);
    return word_plain((uint64_t)back << 32 | front);
}

/* Copies plain octets from the front; returns how many. */
static inline size_t write_plain(char *at, struct bytes text)
{
    size_t n = 0, len = text.len;
    if (len >= sizeof(block)) {
        while (len - n >= sizeof(block) && write_block(at + n, text.data + n))
            n += sizeof(block);
        if (len - n < sizeof(block) && write_block(at + len - sizeof(block), text.data + len - sizeof(block)))
            return len;
    } else if (len >= 8 && write_word(at, text.data)) {
        if (write_word(at + len - 8, text.data + len - 8))
            return len;
        n = 8;
    } else if (len >= 4 && len < 8 && write_few(at, text.data, len)) {
        return len;
    }
    for (; n < len && plain(text.data[n]); n++)
        at[n] = (char)text.data[n];
    return n;
}

/* What begins with an octet that is not plain; returns the place behind what was written. */
static char *write_odd(char *at, struct bytes text, size_t *used, bool *mended)
{
    *used = 1;
    if (text.data[0] < 0x80)
        return write_escape(at, text.data[0]);
    uint32_t c;
    *used = utf8_read(text, &c);
    if (c != UTF8_BAD) {
        memcpy(at, text.data, *used);
        return at + *used;
    }
    memcpy(at, "\xef\xbf\xbd", 3);
    *mended = true;
    return at + 3;
}

/* Goes on at an octet that is not plain; few strings have one. */
static __attribute__((noinline)) char *write_rest(char *at, struct bytes text, bool *mended)
{
    while (text.len) {
        size_t used;
        at = write_odd(at, text, &used, mended);
        text = bytes_of(text.data + used, text.len - used);
        size_t n = write_plain(at, text);
        at += n;
        text = bytes_of(text.data + n, text.len - n);
    }
    *at++ = '"';
    return at;
}

char *json_write_string(char *at, struct bytes text, bool *mended)
{
    *at++ = '"';
    size_t n = write_plain(at, text);
    at += n;
    if (n < text.len)
        return write_rest(at, bytes_of(text.data + n, text.len - n), mended);
    *at++ = '"';
    return at;
}
