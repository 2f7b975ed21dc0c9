/* Lines of SMTP: which command one is (RFC 5321 4.1.1), which reply (4.2), and its enhanced status code (RFC 2034). */
#include "smtp.h"

static const char *const verb_names[] = {
    "?",
#define VERB(id, text) text,
#include "smtp_verbs.def"
#undef VERB
};

const char *smtp_verb_name(enum verb verb)
{
    return verb_names[verb];
}

/* Servers in C read a line up to a NUL, and take a CR for a blank: so behind a verb, where nothing else stands. */
static struct bytes verb_word(struct bytes *line)
{
    struct bytes word = bytes_word(line);
    size_t nul = bytes_index(word, 0);
    if (nul && nul < word.len) {
        *line = bytes_of("", 0);
        return bytes_part(word, 0, nul);
    }
    while (!bytes_trim(*line).len && word.len && word.data[word.len - 1] == '\r')
        word.len--;
    return word;
}

enum verb smtp_verb(struct bytes line, struct bytes *arg)
{
    while (line.len && line.data[line.len - 1] == '\r')
        line.len--; /* CR CRLF */
    struct bytes rest = line, word = verb_word(&rest);
    *arg = bytes_trim(rest);
    for (unsigned v = 1; v < sizeof verb_names / sizeof *verb_names; v++)
        if (bytes_equal_nocase(word, bytes_of_string(smtp_verb_name(v))))
            return (enum verb)v;
    return VERB_UNKNOWN;
}

bool smtp_is_command(struct bytes line)
{
    struct bytes arg;
    switch (smtp_verb(line, &arg)) {
    case VERB_MAIL:
        return bytes_starts_nocase(arg, BYTES("FROM:"));
    case VERB_RCPT:
        return bytes_starts_nocase(arg, BYTES("TO:"));
    case VERB_HELO:
    case VERB_EHLO:
    case VERB_LHLO:
    case VERB_VRFY:
    case VERB_EXPN:
    case VERB_ETRN:
    case VERB_AUTH:
    case VERB_XCLIENT:
    case VERB_XFORWARD:
    case VERB_BURL:
        return arg.len && arg.len < 512;
    case VERB_BDAT:
        return arg.len && byte_is_digit(arg.data[0]);
    case VERB_DATA:
    case VERB_RSET:
    case VERB_QUIT:
    case VERB_STARTTLS:
    case VERB_TURN:
    case VERB_X_ANONYMOUSTLS:
        return !arg.len;
    case VERB_NOOP:
    case VERB_HELP:
        return arg.len < 80;
    case VERB_UNKNOWN:
    case VERB_ATRN:
    case VERB_SEND:
    case VERB_SOML:
    case VERB_SAML:
    case VERB_X_EXPS:
    case VERB_XEXCH50:
    case VERB_X_LINK2STATE:
        return false;
    }
    return false;
}

bool smtp_reply_line(struct bytes line, uint32_t *code, bool *last, struct bytes *text)
{
    if (line.len < 3 || !byte_is_digit(line.data[0]) || !byte_is_digit(line.data[1]) || !byte_is_digit(line.data[2]))
        return false;
    if (line.len > 3 && line.data[3] != ' ' && line.data[3] != '-' && line.data[3] != '\t')
        return false;
    *code = (uint32_t)(line.data[0] - '0') * 100 + (uint32_t)(line.data[1] - '0') * 10 + (uint32_t)(line.data[2] - '0');
    if (!*code)
        *code = 1000;
    *last = line.len == 3 || line.data[3] != '-';
    *text = bytes_part(line, 4, line.len);
    return true;
}

struct bytes smtp_status(struct bytes *text)
{
    size_t n = 0, dots = 0, digits = 0;
    const struct bytes none = {text->data, 0};
    if (text->len < 5 || !memchr("245", text->data[0], 3) || text->data[1] != '.')
        return none;
    for (; n < text->len && text->data[n] != ' '; n++) {
        if (text->data[n] == '.') {
            if (!digits)
                return none;
            dots++;
            digits = 0;
        } else if (!byte_is_digit(text->data[n]) || ++digits > 3) {
            return none;
        }
    }
    if (dots != 2 || !digits)
        return none;
    struct bytes status = bytes_part(*text, 0, n);
    *text = bytes_part(*text, n < text->len ? n + 1 : n, text->len);
    return status;
}

/* The text of a reply without the enhanced status code of its first line, wherever a line has that; lines joined by LF.
 */
void smtp_reply_text(const struct smtp_reply *reply, struct buf *text)
{
    struct bytes rest = reply->lines, first = {0};
    for (bool begun = false; rest.len; begun = true) {
        struct bytes line = bytes_part(rest, 0, bytes_index(rest, '\n')), plain = line;
        struct bytes status = smtp_status(&plain);
        bool strip = !begun || bytes_equal(status, first);
        if (begun)
            buf_add_byte(text, '\n');
        else
            first = status;
        buf_add(text, strip ? plain : line);
        rest = bytes_part(rest, line.len + 1, rest.len);
    }
}

void smtp_reply_whole(const struct smtp_reply *reply, struct buf *whole)
{
    buf_init(whole, reply->lines.len + 8);
    buf_printf(whole, "%03u ", (unsigned)reply->code % 1000);
    buf_add(whole, reply->lines);
}
