/* UTF-8, RFC 3629, out of UTF-16, RFC 2781. */
#include "utf8.h"

void utf8_add(struct buf *out, uint32_t c)
{
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        c = 0xfffd;
    uint8_t text[4];
    size_t n = 0;
    if (c < 0x80) {
        text[n++] = (uint8_t)c;
    } else if (c < 0x800) {
        text[n++] = (uint8_t)(0xc0 | c >> 6);
        text[n++] = (uint8_t)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        text[n++] = (uint8_t)(0xe0 | c >> 12);
        text[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        text[n++] = (uint8_t)(0x80 | (c & 0x3f));
    } else {
        text[n++] = (uint8_t)(0xf0 | c >> 18);
        text[n++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        text[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        text[n++] = (uint8_t)(0x80 | (c & 0x3f));
    }
    /* A character is never cut in half where the room ends. */
    if (n > out->max - out->len)
        out->cut = true;
    else
        buf_add(out, (struct bytes){text, n});
}

uint32_t utf8_surrogates(uint32_t high, uint32_t low)
{
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static uint32_t unit_at(struct bytes utf16, size_t at)
{
    return utf16.data[at] | (uint32_t)utf16.data[at + 1] << 8;
}

void utf8_add_utf16(struct buf *out, struct bytes utf16)
{
    size_t at = 0;
    while (at + 1 < utf16.len) {
        uint32_t unit = unit_at(utf16, at);
        at += 2;
        if (utf8_is_high(unit) && at + 1 < utf16.len && utf8_is_low(unit_at(utf16, at))) {
            unit = utf8_surrogates(unit, unit_at(utf16, at));
            at += 2;
        }
        utf8_add(out, unit);
    }
    if (at < utf16.len)
        utf8_add(out, 0xfffd);
}
