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

/* The length of the character at the front, 0 where there is none. */
static size_t character(struct bytes t)
{
    uint8_t lead = t.data[0];
    if (lead < 0x80)
        return 1;
    size_t len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead < 0xc2 || lead > 0xf4 || len > t.len)
        return 0;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (t.data[1] < low || t.data[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((t.data[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

size_t utf8_valid(struct bytes text)
{
    size_t at = 0, n = 1;
    while (at < text.len && n)
        at += n = character((struct bytes){text.data + at, text.len - at});
    return at;
}
