/* UTF-8 as RFC 3629 has it: the second octet's range depends on the first, the others are 80..BF. */
#include "utf8.h"

size_t utf8_read(struct bytes text, uint32_t *ret)
{
    uint8_t lead = text.data[0], low = 0x80, high = 0xbf;
    *ret = UTF8_BAD;
    if (lead < 0x80) {
        *ret = lead;
        return 1;
    }
    if (lead < 0xc2 || lead > 0xf4)
        return 1;
    size_t len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t c = lead & (0x7fu >> len);
    if (lead == 0xe0)
        low = 0xa0; /* below: overlong */
    if (lead == 0xed)
        high = 0x9f; /* above: surrogates */
    if (lead == 0xf0)
        low = 0x90;
    if (lead == 0xf4)
        high = 0x8f; /* above: beyond U+10FFFF */
    for (size_t i = 1; i < len; i++) {
        if (i == text.len || text.data[i] < low || text.data[i] > high)
            return i;
        c = c << 6 | (text.data[i] & 0x3fu);
        low = 0x80;
        high = 0xbf;
    }
    *ret = c;
    return len;
}
