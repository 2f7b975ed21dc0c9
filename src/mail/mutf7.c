/* Modified UTF-7, RFC 3501 section 5.1.3: base64 with "," for "/" and no padding, between "&" and "-". */
#include "mutf7.h"

#include "utf8.h"

static unsigned sextet(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26u;
    if (byte_is_digit(c))
        return c - '0' + 52u;
    return c == '+' ? 62 : c == ',' ? 63 : 64;
}

/* One UTF-16 unit of a shifted run; `high` holds a first half that waits for its second. */
static bool unit(struct buf *out, uint32_t u, uint32_t *high)
{
    if (*high) {
        if (!utf8_is_low(u))
            return false;
        utf8_add(out, utf8_surrogates(*high, u));
        *high = 0;
        return true;
    }
    if (utf8_is_high(u)) {
        *high = u;
        return true;
    }
    if (!u || utf8_is_low(u) || (u >= 0x20 && u <= 0x7e)) /* printable ASCII stands for itself, unshifted */
        return false;
    utf8_add(out, u);
    return true;
}

/* The run behind "&", at least one character long, up to "-". */
static bool shifted(struct bytes run, struct buf *out)
{
    uint32_t bits = 0, high = 0;
    unsigned held = 0;
    for (size_t i = 0; i < run.len; i++) {
        unsigned six = sextet(run.data[i]);
        if (six == 64)
            return false;
        bits = bits << 6 | six;
        held += 6;
        if (held >= 16) {
            held -= 16;
            if (!unit(out, bits >> held & 0xffff, &high))
                return false;
        }
    }
    return !high && held < 6 && !(bits & ((1u << held) - 1));
}

static bool decode(struct bytes name, struct buf *out)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (c < 0x20 || c > 0x7e)
            return false;
        if (c != '&') {
            buf_add_byte(out, c);
            continue;
        }
        struct bytes rest = bytes_part(name, i + 1, SIZE_MAX);
        size_t end = bytes_index(rest, '-');
        if (end == rest.len)
            return false;
        if (!end)
            buf_add_byte(out, '&');
        else if (!shifted(bytes_part(rest, 0, end), out))
            return false;
        i += end + 1;
    }
    return true;
}

bool mutf7_decode(struct bytes name, struct buf *out)
{
    size_t before = out->len;
    bool cut = out->cut;
    if (decode(name, out))
        return true;
    out->len = before;
    out->cut = cut;
    buf_add(out, name);
    return false;
}
