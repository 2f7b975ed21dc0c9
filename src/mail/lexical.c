/* Tokens of structured header fields, RFC 5322 section 3.2. */
#include "lexical.h"

int lexical_hex(uint8_t c)
{
    uint8_t upper = byte_upper(c);
    return byte_is_digit(c) ? c - '0' : upper >= 'A' && upper <= 'F' ? upper - 'A' + 10 : -1;
}

size_t lexical_comment(struct bytes b)
{
    size_t depth = 0, i = 0;
    for (; i < b.len; i++) {
        uint8_t c = b.data[i];
        if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            return i + 1;
        else if (c == '\\')
            i++;
    }
    return b.len;
}

struct bytes lexical_skip(struct bytes b)
{
    size_t i = 0;
    while (i < b.len && (lexical_is_blank(b.data[i]) || b.data[i] == '('))
        i += b.data[i] == '(' ? lexical_comment(bytes_part(b, i, SIZE_MAX)) : 1;
    return bytes_part(b, i, SIZE_MAX);
}

struct bytes lexical_token(struct bytes *rest, const char *ends)
{
    struct lexical_set set = lexical_set_of(ends), blanks = lexical_set_of(" \t\r\n");
    set.low |= blanks.low;
    size_t n = 0;
    while (n < rest->len && !lexical_has(&set, rest->data[n]))
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
    if (!rest->len)
        return false;
    size_t n = 0;
    while (n < rest->len && rest->data[n] != end) {
        struct bytes here = bytes_part(*rest, n, SIZE_MAX);
        if (rest->data[n] == '(') {
            n += lexical_comment(here);
        } else if (rest->data[n] == '"') {
            size_t before = here.len;
            lexical_quoted(&here);
            n += before - here.len;
        } else {
            n++;
        }
    }
    *ret = bytes_part(*rest, 0, n);
    *rest = bytes_part(*rest, n + 1, SIZE_MAX);
    return true;
}
