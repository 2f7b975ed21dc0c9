/* The lines of IMAP taken apart: commands, literals' announcements, status responses. RFC 9051 section 9. */
#include "imap.h"

static const char *const verb_names[] = {
    "?",
#define VERB(id, text) text,
#include "imap_verbs.def"
#undef VERB
};

enum { VERB_COUNT = sizeof verb_names / sizeof *verb_names };

const char *imap_verb_name(enum verb verb)
{
    return verb_names[verb];
}

static enum verb find_verb(struct bytes name)
{
    for (unsigned v = 1; v < VERB_COUNT; v++)
        if (bytes_equal_nocase(name, bytes_of_string(verb_names[v])))
            return (enum verb)v;
    return VERB_UNKNOWN;
}

bool imap_command(struct bytes line, struct imap_command *ret)
{
    ret->tag = bytes_word(&line);
    ret->word = bytes_word(&line);
    ret->args = bytes_trim(line);
    ret->verb = find_verb(ret->word);
    if (ret->verb == VERB_UID) {
        struct bytes rest = ret->args, second = bytes_word(&rest);
        char both[24] = "UID ";
        if (second.len && second.len < sizeof both - 4) {
            memcpy(both + 4, second.data, second.len);
            enum verb verb = find_verb(bytes_of(both, second.len + 4));
            ret->verb = verb ? verb : VERB_UID;
            ret->args = verb ? bytes_trim(rest) : ret->args;
        }
    }
    return ret->word.len != 0;
}

bool imap_is_tag(struct bytes word)
{
    for (size_t i = 0; i < word.len; i++)
        if (word.data[i] <= ' ' || word.data[i] >= 0x7f || memchr("(){%*\"\\+", word.data[i], 8))
            return false;
    return word.len != 0;
}

bool imap_is_usual_tag(struct bytes word)
{
    bool digit = false, odd = false;
    for (size_t i = 0; i < word.len; i++) {
        digit |= byte_is_digit(word.data[i]);
        odd |= word.data[i] == '/' || word.data[i] == ':' || word.data[i] == '='; /* HTTP/1.1, Host:, AGE= */
    }
    return imap_is_tag(word) && word.len <= 64 && !odd && (digit || word.len <= 2);
}

bool imap_is_command(struct bytes line)
{
    struct imap_command c;
    return imap_command(line, &c) && c.verb && imap_is_tag(c.tag);
}

enum imap_announcement imap_find_literal(struct bytes line, struct imap_literal *ret)
{
    size_t end = line.len, at;
    if (end < 2 || line.data[end - 1] != '}')
        return LITERAL_NONE;
    at = --end;
    while (at && line.data[at - 1] != '{' && end - at < 32)
        at--;
    if (!at || line.data[at - 1] != '{')
        return LITERAL_NONE;
    struct bytes inside = bytes_part(line, at, end - at);
    at--;
    ret->at = at && line.data[at - 1] == '~' ? at - 1 : at;
    ret->waits = true;
    if (ret->at && line.data[ret->at - 1] != ' ' && line.data[ret->at - 1] != '(' && line.data[ret->at - 1] != '\t')
        return LITERAL_NONE; /* the end of some word */
    if (!bytes_number(&inside, &ret->size) || ret->size > INT64_MAX)
        return LITERAL_BAD_SIZE;
    if (inside.len == 1 && (inside.data[0] == '+' || inside.data[0] == '-')) { /* RFC 7888; "-": its LITERAL- misread */
        ret->waits = false;
        return LITERAL_FOUND;
    }
    return inside.len ? LITERAL_BAD_SIZE : LITERAL_FOUND;
}

static bool quoted(struct bytes *rest, struct buf *out)
{
    for (size_t i = 1; i < rest->len; i++) {
        uint8_t c = rest->data[i];
        if (c == '"') {
            *rest = bytes_part(*rest, i + 1, rest->len);
            return !rest->len || rest->data[0] == ' ';
        }
        if (c == '\\' && ++i == rest->len)
            return false;
        buf_add_byte(out, rest->data[i]);
    }
    return false;
}

static bool literal(struct bytes *rest, struct buf *out)
{
    struct imap_literal l;
    size_t lf = bytes_index(*rest, '\n');
    if (lf == rest->len || imap_find_literal(bytes_part(*rest, 0, lf), &l) != LITERAL_FOUND || l.at ||
        l.size > rest->len - lf - 1)
        return false;
    buf_add(out, bytes_part(*rest, lf + 1, (size_t)l.size));
    *rest = bytes_part(*rest, lf + 1 + (size_t)l.size, rest->len);
    return true;
}

bool imap_astring(struct bytes *rest, struct buf *out)
{
    while (rest->len && rest->data[0] == ' ')
        *rest = bytes_part(*rest, 1, rest->len);
    if (!rest->len)
        return false;
    if (rest->data[0] == '"')
        return quoted(rest, out);
    if (rest->data[0] == '{' || rest->data[0] == '~')
        return literal(rest, out);
    size_t n = 0;
    while (n < rest->len && rest->data[n] != ' ') {
        if (rest->data[n] < ' ' || memchr("(){\"", rest->data[n], 4))
            return false;
        n++;
    }
    buf_add(out, bytes_part(*rest, 0, n));
    *rest = bytes_part(*rest, n, rest->len);
    return true;
}

static const char *const result_names[] = {"OK", "NO", "BAD", "BYE", "PREAUTH"};

const char *imap_result_name(enum imap_result result)
{
    return result_names[result];
}

bool imap_status(struct bytes text, struct imap_status *ret)
{
    struct bytes rest = text, word = bytes_word(&rest);
    unsigned n = 0;
    while (n < 5 && !bytes_equal_nocase(word, bytes_of_string(result_names[n])))
        n++;
    if (n == 5)
        return false;
    rest = bytes_trim(rest);
    *ret = (struct imap_status){.result = (enum imap_result)n, .whole = text, .text = rest, .told = rest};
    ret->code = ret->code_args = bytes_part(rest, 0, 0);
    if (!rest.len || rest.data[0] != '[')
        return true;
    size_t end = bytes_index(rest, ']');
    struct bytes inside = bytes_part(rest, 1, end - 1);
    ret->code = bytes_word(&inside);
    ret->code_args = bytes_trim(inside);
    ret->code_cut = end == rest.len;
    if (ret->code_cut)
        return true;
    ret->text = bytes_trim(bytes_part(rest, end + 1, rest.len));
    if (!ret->code_args.len)
        ret->told = ret->text;
    return true;
}

bool imap_is_fetch(struct bytes text, struct bytes *items)
{
    uint64_t number;
    struct bytes first = bytes_word(&text);
    if (!bytes_number(&first, &number) || first.len || !bytes_equal_nocase(bytes_word(&text), BYTES("FETCH")))
        return false;
    *items = bytes_trim(text);
    return items->len && items->data[0] == '(';
}

bool imap_is_untagged(struct bytes text)
{
    static const char *const words[] = {"OK",         "NO",         "BAD",      "BYE",       "PREAUTH",  "CAPABILITY",
                                        "FLAGS",      "LIST",       "LSUB",     "SEARCH",    "SORT",     "THREAD",
                                        "ID",         "ESEARCH",    "STATUS",   "NAMESPACE", "QUOTA",    "QUOTAROOT",
                                        "ACL",        "ENABLED",    "XLIST",    "VANISHED",  "METADATA", "MYRIGHTS",
                                        "LISTRIGHTS", "GENURLAUTH", "URLFETCH", "LANGUAGE"};
    struct bytes word = bytes_word(&text);
    uint64_t number;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bytes_equal_nocase(word, bytes_of_string(words[i])))
            return true;
    if (!bytes_number(&word, &number) || word.len)
        return false;
    word = bytes_word(&text);
    return bytes_equal_nocase(word, BYTES("EXISTS")) || bytes_equal_nocase(word, BYTES("RECENT")) ||
           bytes_equal_nocase(word, BYTES("EXPUNGE")) || bytes_equal_nocase(word, BYTES("FETCH"));
}
