/* Mail addresses: paths (RFC 5321 section 4.1.2) and address lists (RFC 5322 section 3.4). */
#include "address.h"

#include "lexical.h"
#include "words.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Place of the first `c` (a blank: any blank) from `from` on that is in no quoted string, or b.len. A quote that is
   never closed is taken as an ordinary character. */
static size_t unquoted(struct bytes b, size_t from, uint8_t c)
{
    struct bytes rest = bytes_part(b, from, SIZE_MAX);
    size_t quote = bytes_index(rest, '"'), found = bytes_index(rest, c);
    if (is_blank(c))
        found = bytes_index(bytes_part(rest, 0, found), c == ' ' ? '\t' : ' ');
    if (found <= quote)
        return from + found;
    size_t first_inside = SIZE_MAX; /* the first `c` behind the quote that is open */
    bool quoted = false;
    for (size_t i = from + quote; i < b.len; i++) {
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

/* Place of what ends the first address: a comma, a semicolon, the colon behind a group's name; or list.len. */
static size_t address_end(struct bytes list)
{
    size_t comments = 0;
    bool quoted = false, angle = false, literal = false;
    const lexical_set marks = lexical_set_of("()<>[]:;,\\\"");
    bool route = list.len && list.data[0] == '@'; /* RFC 5322 section 4.4: its colon is none */
    for (size_t i = 0; i < list.len; i++) {
        uint8_t c = list.data[i];
        if (!lexical_has(marks, c))
            continue;
        if (c == '\\' && (quoted || comments || literal)) {
            i++;
        } else if (quoted) {
            quoted = c != '"';
        } else if (comments) {
            comments += c == '(';
            comments -= c == ')';
        } else if (literal) {
            literal = c != ']';
        } else if (!angle && (c == ';' || (c == ',' && !route) || (c == ':' && !route))) {
            return i;
        } else {
            route = route && c != ':';
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
    while ((*rest = bytes_trim(*rest)).len) {
        struct bytes list = *rest;
        size_t end = address_end(list);
        *ret = bytes_trim(bytes_part(list, 0, end));
        *rest = bytes_part(list, end + 1, SIZE_MAX);
        if (end < list.len && list.data[end] == ':') {
            struct bytes behind = bytes_trim(*rest);
            if (behind.len && behind.data[0] != ';')
                continue;
            size_t len = list.len - behind.len + (behind.len != 0);
            *ret = bytes_part(list, 0, len);
            *rest = bytes_part(list, len, SIZE_MAX);
        }
        if (ret->len)
            return true;
    }
    return false;
}

/* Place of what comes behind the name: "<" outside quotes, or "(" where there is none. */
static size_t name_end(struct bytes address)
{
    size_t comment = address.len, i = 0;
    while (i < address.len && address.data[i] != '<') {
        struct bytes here = bytes_part(address, i, SIZE_MAX);
        if (address.data[i] == '"') {
            size_t before = here.len;
            lexical_quoted(&here);
            i += before - here.len;
        } else if (address.data[i] == '(') {
            comment = comment < i ? comment : i;
            i += lexical_comment(here);
        } else {
            i++;
        }
    }
    return i < address.len ? i : comment;
}

static bool needs_quotes(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] < ' ' || strchr("<>@,;:\"\\()[]", name.data[i]))
            return true;
    return false;
}

static void add_quoted(struct bytes name, struct buf *out)
{
    buf_add_byte(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '"' || name.data[i] == '\\')
            buf_add_byte(out, '\\');
        buf_add_byte(out, name.data[i]);
    }
    buf_add_byte(out, '"');
}

static void add_name(struct bytes name, struct buf *out)
{
    struct bytes bare = bytes_trim(name), rest = bare;
    struct buf plain, text;
    buf_init(&plain, name.len);
    buf_init(&text, out->max);
    struct bytes inside = bare.len > 1 && bare.data[0] == '"' ? lexical_quoted(&rest) : bare;
    bool quoted = inside.data != bare.data && !rest.len;
    for (size_t i = 0; quoted && i < inside.len; i++) {
        i += inside.data[i] == '\\' && i + 1 < inside.len;
        buf_add_byte(&plain, inside.data[i]);
    }
    words_decode(quoted ? buf_bytes(&plain) : bare, &text);
    if (quoted || needs_quotes(buf_bytes(&text)))
        add_quoted(buf_bytes(&text), out);
    else
        buf_add(out, buf_bytes(&text));
    buf_add(out, bytes_part(name, (size_t)(bare.data - name.data) + bare.len, SIZE_MAX)); /* blanks */
    buf_release(&plain);
    buf_release(&text);
}

void address_text(struct bytes address, struct buf *out)
{
    if (!words_may_be(address)) {
        buf_add(out, address);
        return;
    }
    size_t end = name_end(address);
    struct bytes name = bytes_part(address, 0, end), rest = bytes_part(address, end, SIZE_MAX);
    if (words_may_be(name) && (rest.len == 0 || rest.data[0] == '<'))
        add_name(name, out);
    else
        buf_add(out, name);
    if (rest.len && rest.data[0] == '(')
        words_decode(rest, out);
    else
        buf_add(out, rest);
}
