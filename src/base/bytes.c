#include "bytes.h"

struct bytes bytes_part(struct bytes b, size_t from, size_t len)
{
    if (from >= b.len)
        return (struct bytes){b.data, 0};
    size_t left = b.len - from;
    return (struct bytes){b.data + from, len < left ? len : left};
}

struct bytes bytes_trim(struct bytes b)
{
    while (b.len && (b.data[0] == ' ' || b.data[0] == '\t')) {
        b.data++;
        b.len--;
    }
    while (b.len && (b.data[b.len - 1] == ' ' || b.data[b.len - 1] == '\t'))
        b.len--;
    return b;
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

void bytes_to_string(char *to, size_t size, struct bytes b)
{
    size_t len = b.len < size ? b.len : size - 1;
    if (len)
        memcpy(to, b.data, len);
    to[len] = '\0';
}

char *bytes_hex(char *to, struct bytes b)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < b.len; i++) {
        *to++ = digits[b.data[i] >> 4];
        *to++ = digits[b.data[i] & 15];
    }
    return to;
}

struct bytes bytes_lower(struct bytes b, char *to, size_t size)
{
    size_t n = b.len < size ? b.len : size;
    for (size_t i = 0; i < n; i++)
        to[i] = (char)byte_lower(b.data[i]);
    return bytes_of(to, n);
}

bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    return a.len == b.len && bytes_starts_nocase(a, b);
}

bool bytes_starts_nocase(struct bytes b, struct bytes start)
{
    if (b.len < start.len)
        return false;
    for (size_t i = 0; i < start.len; i++)
        if (b.data[i] != start.data[i] && byte_upper(b.data[i]) != byte_upper(start.data[i]))
            return false;
    return true;
}

size_t bytes_index(struct bytes b, uint8_t c)
{
    const uint8_t *at = b.len ? memchr(b.data, c, b.len) : NULL;
    return at ? (size_t)(at - b.data) : b.len;
}

/* The place of c from `from` on, or the length. */
static size_t index_from(struct bytes b, size_t from, uint8_t c)
{
    const uint8_t *at = from < b.len ? memchr(b.data + from, c, b.len - from) : NULL;
    return at ? (size_t)(at - b.data) : b.len;
}

size_t bytes_find_nocase(struct bytes b, struct bytes needle)
{
    if (!needle.len)
        return 0;
    uint8_t upper = byte_upper(needle.data[0]), lower = byte_lower(upper);
    size_t low = index_from(b, 0, lower), up = lower == upper ? b.len : index_from(b, 0, upper);
    for (;;) {
        size_t i = low < up ? low : up;
        if (i + needle.len > b.len)
            return SIZE_MAX;
        if (bytes_starts_nocase(bytes_part(b, i, needle.len), needle))
            return i;
        *(i == low ? &low : &up) = index_from(b, i + 1, i == low ? lower : upper);
    }
}

size_t bytes_keep_last(uint8_t *last, size_t have, size_t most, struct bytes more)
{
    more = bytes_part(more, more.len > most ? more.len - most : 0, SIZE_MAX);
    size_t keep = most - more.len < have ? most - more.len : have;
    memmove(last, last + have - keep, keep);
    if (more.len)
        memcpy(last + keep, more.data, more.len);
    return keep + more.len;
}

struct bytes bytes_word(struct bytes *rest)
{
    struct bytes b = *rest;
    while (b.len && (b.data[0] == ' ' || b.data[0] == '\t')) {
        b.data++;
        b.len--;
    }
    size_t n = 0;
    while (n < b.len && b.data[n] != ' ' && b.data[n] != '\t')
        n++;
    *rest = n ? (struct bytes){b.data + n, b.len - n} : b; /* no data, no place in it */
    return (struct bytes){b.data, n};
}

bool bytes_number(struct bytes *rest, uint64_t *ret)
{
    size_t n = 0;
    uint64_t value = 0;
    while (n < rest->len && byte_is_digit(rest->data[n])) {
        uint64_t digit = (uint64_t)(rest->data[n++] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (!n)
        return false;
    *rest = (struct bytes){rest->data + n, rest->len - n};
    *ret = value;
    return true;
}
