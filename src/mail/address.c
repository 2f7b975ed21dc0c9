/* Mail addresses: paths (RFC 5321 section 4.1.2) and address lists (RFC 5322 section 3.4). */
#include "address.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Place of the first `c` (a blank: any blank) from `from` on that is in no quoted string, or b.len. A quote that is
   never closed is taken as an ordinary character. */
static size_t unquoted(struct bytes b, size_t from, uint8_t c)
{
    size_t first_inside = SIZE_MAX; /* the first `c` behind the quote that is open */
    bool quoted = false;
    for (size_t i = from; i < b.len; i++) {
        if (b.data[i] == c || (is_blank(c) && is_blank(b.data[i]))) {
            if (!quoted)
                return i;
            if (first_inside == SIZE_MAX)
                first_inside = i;
        } else if (b.data[i] == '"') {
            quoted = !quoted;
            first_inside = SIZE_MAX;
        } else if (quoted && b.data[i] == '\\') {
            i++;
        }
    }
    return quoted && first_inside != SIZE_MAX ? first_inside : b.len;
}

/* Place of the last character of the literal "[...]" that begins at i; one that is not closed takes all the rest. */
static size_t literal_end(struct bytes b, size_t i)
{
    return i + bytes_index(bytes_part(b, i, SIZE_MAX), ']');
}

static bool has_source_route(struct bytes mailbox)
{
    if (!mailbox.len || mailbox.data[0] != '@')
        return false;
    for (size_t i = 1; i < mailbox.len; i++) {
        if (mailbox.data[i] == ':')
            return true;
        if (mailbox.data[i] == '[')
            i = literal_end(mailbox, i);
    }
    return false;
}

static enum path_form form_of(struct bytes mailbox)
{
    bool quoted = false, quotes = false, percent = false, bang = false, literal = false;
    size_t ats = 0;
    if (has_source_route(mailbox))
        return PATH_SOURCE_ROUTE;
    for (size_t i = 0; i < mailbox.len; i++) {
        uint8_t c = mailbox.data[i];
        if (c == '"') {
            quoted = !quoted;
            quotes = true;
        } else if (quoted) {
            i += c == '\\';
        } else if (c == '@') {
            ats++;
            literal = i + 1 < mailbox.len && mailbox.data[i + 1] == '[';
            if (literal)
                i = literal_end(mailbox, i + 1);
        } else {
            percent |= c == '%';
            bang |= c == '!';
        }
    }
    return ats > 1   ? PATH_MULTI_AT
           : percent ? PATH_PERCENT
           : bang    ? PATH_BANG
           : quotes  ? PATH_QUOTED
           : literal ? PATH_LITERAL
                     : PATH_PLAIN;
}

/* Is it no mailbox of the RFC's, at first sight? <> is the null reverse-path, <postmaster> is allowed without domain.
 */
static bool odd_mailbox(struct bytes mailbox)
{
    if (!mailbox.len || bytes_equal_nocase(mailbox, BYTES("postmaster")))
        return false;
    size_t at = unquoted(mailbox, 0, '@');
    return at >= mailbox.len - 1 || unquoted(mailbox, 0, ' ') != mailbox.len;
}

void path_parse(struct bytes arg, struct path *ret)
{
    struct bytes text = bytes_trim(arg);
    *ret = (struct path){.mailbox = bytes_part(text, 0, 0)};
    ret->odd = !text.len || text.data != arg.data;
    bool bracket = text.len && text.data[0] == '<';
    size_t from = bracket ? 1 : 0;
    size_t end = bracket ? unquoted(text, from, '>') : text.len;
    bool closed = end < text.len;
    if (!closed) {
        ret->odd = true;
        end = unquoted(text, from, ' ');
    }
    ret->mailbox = bytes_part(text, from, end - from);
    struct bytes rest = bytes_part(text, closed ? end + 1 : end, SIZE_MAX);
    ret->parameters = bytes_trim(rest);
    ret->odd = ret->odd || (rest.len && !is_blank(rest.data[0])) || odd_mailbox(ret->mailbox);
    ret->form = form_of(ret->mailbox);
}

const char *path_form_name(enum path_form form)
{
    switch (form) {
    case PATH_PLAIN:
        return NULL;
    case PATH_SOURCE_ROUTE:
        return "source_route";
    case PATH_MULTI_AT:
        return "multi_at";
    case PATH_PERCENT:
        return "percent";
    case PATH_BANG:
        return "bang";
    case PATH_QUOTED:
        return "quoted";
    case PATH_LITERAL:
        return "literal";
    }
    return NULL;
}

/* Place of the comma that ends the first address, or list.len. */
static size_t address_end(struct bytes list)
{
    size_t comments = 0;
    bool quoted = false, angle = false, literal = false;
    for (size_t i = 0; i < list.len; i++) {
        uint8_t c = list.data[i];
        if (c == '\\' && (quoted || comments || literal)) {
            i++;
        } else if (quoted) {
            quoted = c != '"';
        } else if (comments) {
            comments += c == '(';
            comments -= c == ')';
        } else if (literal) {
            literal = c != ']';
        } else if (c == ',' && !angle) {
            return i;
        } else {
            quoted = c == '"';
            comments = c == '(';
            literal = c == '[';
            angle = c == '<' || (angle && c != '>');
        }
    }
    return list.len;
}

bool address_next(struct bytes *rest, struct bytes *ret)
{
    while (rest->len) {
        size_t end = address_end(*rest);
        *ret = bytes_trim(bytes_part(*rest, 0, end));
        *rest = bytes_part(*rest, end + 1, SIZE_MAX);
        if (ret->len)
            return true;
    }
    return false;
}
