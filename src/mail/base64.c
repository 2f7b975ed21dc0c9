/* Base64, RFC 4648 section 4. */
#include "base64.h"

/* The value of a character of the alphabet, or 64. */
static unsigned sextet(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26u;
    if (c >= '0' && c <= '9')
        return c - '0' + 52u;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* The number of alphabet characters in front of the padding, or SIZE_MAX where something else is in there. */
static size_t alphabet_length(struct bytes in)
{
    size_t n = 0;
    while (n < in.len && sextet(in.data[n]) < 64)
        n++;
    size_t padding = in.len - n;
    if (padding > 2 || n % 4 == 1 || (padding && n % 4 == 0))
        return SIZE_MAX;
    for (size_t i = n; i < in.len; i++)
        if (in.data[i] != '=')
            return SIZE_MAX;
    return n;
}

bool base64_decode(struct bytes in, struct buf *out)
{
    size_t n = alphabet_length(in);
    if (n == SIZE_MAX)
        return false;
    size_t size = n / 4 * 3 + (n % 4 ? n % 4 - 1 : 0);
    if (!size)
        return true;
    uint8_t *to = buf_room(out, size);
    if (!to)
        return false;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 6 | sextet(in.data[i]);
        held += 6;
        if (held >= 8) {
            held -= 8;
            *to++ = (uint8_t)(bits >> held);
        }
    }
    out->len += size;
    return true;
}
