/* What stands in parentheses (RFC 9051 section 4), and sets of message numbers (section 9, sequence-set). */
#include "imap.h"

static enum imap_token quoted_token(struct bytes *rest, struct buf *text)
{
    size_t i = 1;
    for (; i < rest->len && rest->data[i] != '"'; i++) {
        if (rest->data[i] == '\\' && i + 1 < rest->len)
            i++;
        buf_add_byte(text, rest->data[i]);
    }
    *rest = bytes_part(*rest, i + 1, rest->len);
    return TOKEN_TEXT;
}

enum imap_token imap_token(struct bytes *rest, struct buf *text)
{
    buf_reset(text);
    while (rest->len && rest->data[0] == ' ')
        *rest = bytes_part(*rest, 1, rest->len);
    if (!rest->len)
        return TOKEN_END;
    uint8_t c = rest->data[0];
    if (c == '"')
        return quoted_token(rest, text);
    if (c == '(' || c == ')') {
        *rest = bytes_part(*rest, 1, rest->len);
        return c == '(' ? TOKEN_OPEN : TOKEN_CLOSE;
    }
    size_t n = 0;
    while (n < rest->len && rest->data[n] != ' ' && rest->data[n] != '(' && rest->data[n] != ')')
        n++;
    struct bytes atom = bytes_part(*rest, 0, n);
    *rest = bytes_part(*rest, n, rest->len);
    if (bytes_equal_nocase(atom, BYTES("NIL")))
        return TOKEN_NIL;
    buf_add(text, atom);
    return TOKEN_TEXT;
}

/* A number, or "*" for the highest there is. */
static bool set_number(struct bytes *set, uint64_t highest, uint64_t *ret)
{
    if (set->len && set->data[0] == '*') {
        *set = bytes_part(*set, 1, set->len);
        *ret = highest;
        return true;
    }
    return bytes_number(set, ret);
}

uint64_t imap_count_set(struct bytes set, uint64_t highest, uint64_t most)
{
    uint64_t count = 0, from, to;
    while (set.len && set_number(&set, highest, &from)) {
        uint64_t n = 1;
        if (set.len && set.data[0] == ':') {
            set = bytes_part(set, 1, set.len);
            if (!set_number(&set, highest, &to))
                break;
            n = (from < to ? to - from : from - to) + 1;
        }
        count = n && count + n > count ? count + n : UINT64_MAX;
        if (set.len && set.data[0] != ',')
            break;
        set = bytes_part(set, 1, set.len);
    }
    return count < most ? count : most;
}
