/* Tokens of structured header fields, RFC 5322 section 3.2. */
#include "lexical.h"

const lexical_set lexical_bits[256] = {
    [' '] = 1,    ['\t'] = 1,   ['\r'] = 1,   ['\n'] = 1,    ['('] = 2,     [')'] = 4,    ['<'] = 8,
    ['>'] = 16,   ['@'] = 32,   [','] = 64,   [';'] = 128,   [':'] = 256,   ['\\'] = 512, ['"'] = 1024,
    ['/'] = 2048, ['['] = 4096, [']'] = 8192, ['?'] = 16384, ['='] = 32768,
};

int lexical_hex(uint8_t c)
{
    uint8_t upper = byte_upper(c);
    return byte_is_digit(c) ? c - '0' : upper >= 'A' && upper <= 'F' ? upper - 'A' + 10 : -1;
}

int lexical_escaped(struct bytes b, char mark)
{
    if (b.len < 3 || b.data[0] != (uint8_t)mark)
        return -1;
    int high = lexical_hex(b.data[1]), low = lexical_hex(b.data[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

size_t lexical_comment(struct bytes b)
{
    const lexical_set marks = lexical_set_of("()\\");
    size_t depth = 0;
    for (size_t i = 0; i < b.len; i++) {
        uint8_t c = b.data[i];
        if (!lexical_has(marks, c))
            continue;
        if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            return i + 1;
        else if (c == '\\')
            i++;
    }
    return b.len;
}

struct bytes lexical_skip_some(struct bytes b)
{
    size_t i = 0;
    while (i < b.len && (lexical_is_blank(b.data[i]) || b.data[i] == '('))
        i += b.data[i] == '(' ? lexical_comment(bytes_part(b, i, SIZE_MAX)) : 1;
    return bytes_part(b, i, SIZE_MAX);
}

struct bytes lexical_until(struct bytes *rest, lexical_set ends)
{
    size_t n = 0;
    while (n < rest->len && !lexical_has(ends, rest->data[n]))
        n++;
    struct bytes token = bytes_part(*rest, 0, n);
    *rest = bytes_part(*rest, n, SIZE_MAX);
    return token;
}

struct bytes lexical_quoted(struct bytes *rest)
{
    size_t n = 1;
    while (n < rest->len && rest->data[n] != '"')
        n += rest->data[n] == '\\' ? 2 : 1;
    n = n < rest->len ? n : rest->len;
    struct bytes inside = bytes_part(*rest, 1, n - 1);
    *rest = bytes_part(*rest, n + 1, SIZE_MAX);
    return inside;
}

bool lexical_item(struct bytes *rest, uint8_t end, struct bytes *ret)
{
    struct bytes at = *rest;
    lexical_set stops = lexical_set_of("(\"") | lexical_bits[end];
    if (!at.len)
        return false;
    for (;;) {
        lexical_until(&at, stops);
        if (!at.len || at.data[0] == end)
            break;
        if (at.data[0] == '(')
            at = bytes_part(at, lexical_comment(at), SIZE_MAX);
        else
            lexical_quoted(&at);
    }
    *ret = bytes_part(*rest, 0, rest->len - at.len);
    *rest = bytes_part(at, 1, SIZE_MAX);
    return true;
}
