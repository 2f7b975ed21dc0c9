/* Hostile text, sizes and times for people's eyes. */
#include "plain.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>

#define ESCAPE_SIZE 16

struct range {
    uint32_t first, last;
};

static bool in_ranges(const struct range *ranges, size_t count, uint32_t c)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

/* Controls of C1, of direction, of layout, and what has no width of its own. */
static bool is_hidden(uint32_t c)
{
    static const struct range ranges[] = {
        {0x80, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},      {0x61c, 0x61c},   {0x115f, 0x1160},
        {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},    {0x2060, 0x206f}, {0x3164, 0x3164},
        {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},    {0xfff0, 0xfffb}, {0xfffe, 0xffff},
        {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff}, {0xe000, 0xf8ff},
    };
    return in_ranges(ranges, sizeof ranges / sizeof *ranges, c);
}

static size_t width(uint32_t c)
{
    static const struct range wide[] = {
        {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
        {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
        {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd},
    };
    return c < 0x300 ? 1 : c < 0x370 ? 0 : in_ranges(wide, sizeof wide / sizeof *wide, c) ? 2 : 1;
}

/* How the character of `len` octets at data is written where it is not written as it is; empty where it is. */
static size_t escape(uint32_t c, const uint8_t *data, size_t len, bool quoted, char ret[static ESCAPE_SIZE])
{
    if (c == UTF8_BAD) {
        size_t used = 0;
        for (size_t i = 0; i < len; i++) /* at most three octets */
            used += (size_t)snprintf(ret + used, ESCAPE_SIZE - used, "\\x%02x", data[i]);
        return used;
    }
    const char *named = c == '\n'            ? "\\n"
                        : c == '\r'          ? "\\r"
                        : c == '\t'          ? "\\t"
                        : c == '\\'          ? "\\\\"
                        : c == '"' && quoted ? "\\\""
                                             : NULL;
    if (named)
        return (size_t)snprintf(ret, ESCAPE_SIZE, "%s", named);
    if (c < 0x20 || c == 0x7f)
        return (size_t)snprintf(ret, ESCAPE_SIZE, "\\x%02x", (unsigned)c);
    return is_hidden(c) ? (size_t)snprintf(ret, ESCAPE_SIZE, "\\u{%x}", (unsigned)c) : 0;
}

static size_t add(struct buf *out, struct bytes text, size_t columns, bool quoted)
{
    size_t used = 0, marks = 0;
    size_t cut_len = out->len, cut_used = 0; /* where to go back to so that the ellipsis has room */
    for (size_t at = 0; at < text.len;) {
        uint32_t c;
        char escaped[ESCAPE_SIZE];
        size_t len = utf8_read(bytes_part(text, at, text.len), &c);
        size_t escaped_len = escape(c, text.data + at, len, quoted, escaped);
        size_t takes = escaped_len ? escaped_len : width(c);
        marks = takes ? 0 : marks + 1;
        if (used + takes > columns || marks > 4) { /* marks heaped on one letter: no end of it in a column */
            out->len = cut_len;
            if (columns)
                buf_add_string(out, "\xe2\x80\xa6");
            return cut_used + (columns > 0);
        }
        buf_add(out, escaped_len ? bytes_of(escaped, escaped_len) : bytes_part(text, at, len));
        used += takes;
        at += len;
        if (used < columns) {
            cut_len = out->len;
            cut_used = used;
        }
    }
    return used;
}

size_t plain_add(struct buf *out, struct bytes text, size_t columns)
{
    return add(out, text, columns, false);
}

size_t plain_add_quoted(struct buf *out, struct bytes text, size_t columns)
{
    buf_add_byte(out, '"');
    size_t used = add(out, text, columns, true);
    buf_add_byte(out, '"');
    return used + 2;
}

size_t plain_width(struct bytes text)
{
    size_t columns = 0;
    for (size_t at = 0; at < text.len;) {
        uint32_t c;
        at += utf8_read(bytes_part(text, at, text.len), &c);
        columns += width(c);
    }
    return columns;
}

void plain_add_size(struct buf *out, uint64_t octets)
{
    static const char units[] = "kMGTPE";
    if (octets < 1000) {
        buf_printf(out, "%" PRIu64 " B", octets);
        return;
    }
    size_t unit = 0;
    double n = (double)octets / 1000;
    for (; n >= 999.95 && units[unit + 1]; unit++)
        n /= 1000;
    buf_printf(out, "%.1f %cB", n, units[unit]);
}

void plain_add_duration(struct buf *out, uint64_t us)
{
    double s = (double)us / 1e6;
    if (us < 1000)
        buf_printf(out, "%" PRIu64 " us", us);
    else if (us < 1000000)
        buf_printf(out, "%.1f ms", (double)us / 1e3);
    else if (s < 120)
        buf_printf(out, "%.2f s", s);
    else if (s < 7200)
        buf_printf(out, "%.1f min", s / 60);
    else if (s < 172800)
        buf_printf(out, "%.1f h", s / 3600);
    else if (s < 86400 * 1000.0)
        buf_printf(out, "%.1f d", s / 86400);
    else
        buf_printf(out, "%.0f y", s / 86400 / 365.25);
}

void plain_add_number(struct buf *out, uint64_t n)
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n);
    for (size_t i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            buf_add_byte(out, ',');
        buf_add_byte(out, (uint8_t)digits[i]);
    }
}
