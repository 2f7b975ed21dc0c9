/* Base64, RFC 4648 section 4. */
#include "base64.h"

/* clang-format off */
#define NO BASE64_NONE
const uint8_t base64_values[256] = {
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO, NO, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO,
    NO,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, NO,
    NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
};
#undef NO
/* clang-format on */

/* The number of alphabet characters in front of the padding, or SIZE_MAX where something else is in there. */
static size_t alphabet_length(struct bytes in)
{
    size_t n = 0;
    while (n < in.len && base64_values[in.data[n]] != BASE64_NONE)
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
        bits = bits << 6 | base64_values[in.data[i]];
        held += 6;
        if (held >= 8) {
            held -= 8;
            *to++ = (uint8_t)(bits >> held);
        }
    }
    out->len += size;
    return true;
}
