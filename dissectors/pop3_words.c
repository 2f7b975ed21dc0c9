/* The words of POP3: verbs and their arguments, the first lines of replies, and what tells the protocol from others. */
#include "pop3.h"

enum argument { ARG_NONE, ARG_SOME, ARG_ANY, ARG_NUMBER, ARG_MAYBE_NUMBER, ARG_NUMBERS };

enum reply_form { ONE_LINE, LISTING, LISTING_WITHOUT_ARG, MESSAGE }; /* of a positive one */

static const struct {
    const char *name;
    enum argument argument;
    enum reply_form reply;
} verbs[] = {
    [VERB_UNKNOWN] = {"?", ARG_ANY, ONE_LINE},
    [VERB_USER] = {"USER", ARG_SOME, ONE_LINE},
    [VERB_PASS] = {"PASS", ARG_SOME, ONE_LINE},
    [VERB_APOP] = {"APOP", ARG_SOME, ONE_LINE},
    [VERB_AUTH] = {"AUTH", ARG_ANY, LISTING_WITHOUT_ARG},
    [VERB_STLS] = {"STLS", ARG_NONE, ONE_LINE},
    [VERB_CAPA] = {"CAPA", ARG_NONE, LISTING},
    [VERB_STAT] = {"STAT", ARG_NONE, ONE_LINE},
    [VERB_LIST] = {"LIST", ARG_MAYBE_NUMBER, LISTING_WITHOUT_ARG},
    [VERB_UIDL] = {"UIDL", ARG_MAYBE_NUMBER, LISTING_WITHOUT_ARG},
    [VERB_RETR] = {"RETR", ARG_NUMBER, MESSAGE},
    [VERB_TOP] = {"TOP", ARG_NUMBERS, MESSAGE},
    [VERB_DELE] = {"DELE", ARG_NUMBER, ONE_LINE},
    [VERB_NOOP] = {"NOOP", ARG_NONE, ONE_LINE},
    [VERB_RSET] = {"RSET", ARG_NONE, ONE_LINE},
    [VERB_QUIT] = {"QUIT", ARG_NONE, ONE_LINE},
    [VERB_LAST] = {"LAST", ARG_NONE, ONE_LINE},
    [VERB_UTF8] = {"UTF8", ARG_NONE, ONE_LINE},
    [VERB_LANG] = {"LANG", ARG_ANY, LISTING_WITHOUT_ARG},
    [VERB_XCLIENT] = {"XCLIENT", ARG_SOME, ONE_LINE},
};

enum verb pop3_verb(struct bytes line, struct bytes *arg)
{
    struct bytes rest = line, word = bytes_word(&rest);
    *arg = bytes_trim(rest);
    for (unsigned v = 1; v < sizeof verbs / sizeof *verbs; v++)
        if (bytes_equal_nocase(word, bytes_of_string(verbs[v].name)))
            return (enum verb)v;
    return VERB_UNKNOWN;
}

static bool is_numbers(struct bytes arg, unsigned count)
{
    uint64_t ignored;
    for (; count && bytes_number(&arg, &ignored); count--)
        arg = bytes_trim(arg);
    return !count && !arg.len;
}

bool pop3_is_command(struct bytes line)
{
    struct bytes arg;
    enum verb verb = pop3_verb(line, &arg);
    switch (verbs[verb].argument) {
    case ARG_NONE:
        return !arg.len;
    case ARG_SOME:
        return arg.len && arg.len < 512;
    case ARG_ANY:
        return verb && arg.len < 512;
    case ARG_NUMBER:
        return is_numbers(arg, 1);
    case ARG_MAYBE_NUMBER:
        return !arg.len || is_numbers(arg, 1);
    case ARG_NUMBERS:
        return is_numbers(arg, 2);
    }
    return false;
}

/* A response code in brackets, cut off the text (RFC 2449 section 8, 3206, 6856): a registered one, since a server may
   put anything there, what it was sent too. */
static struct bytes cut_rcode(struct bytes *text)
{
    static const char *const rcodes[] = {"AUTH", "IN-USE", "LOGIN-DELAY", "SYS/TEMP", "SYS/PERM", "UTF8"};
    size_t end = bytes_index(*text, ']');
    if (!text->len || text->data[0] != '[' || end == text->len)
        return bytes_of("", 0);
    struct bytes code = bytes_part(*text, 1, end - 1);
    for (size_t i = 0; i < sizeof rcodes / sizeof *rcodes; i++) {
        if (bytes_equal_nocase(code, bytes_of_string(rcodes[i]))) {
            *text = bytes_trim(bytes_part(*text, end + 1, text->len));
            return code;
        }
    }
    return bytes_of("", 0);
}

enum answer pop3_reply(const struct line *line, struct reply *ret)
{
    struct bytes text = line->text;
    *ret = (struct reply){.whole = text, .first = line->first, .last = line->last};
    size_t len = 1;
    if (bytes_starts_nocase(text, BYTES("+OK")))
        len = 3;
    else if (bytes_starts_nocase(text, BYTES("-ERR")))
        len = 4;
    else if (!text.len || text.data[0] != '+')
        return ANSWER_NONE;
    if (text.len > len && text.data[len] != ' ' && text.data[len] != '\t')
        return ANSWER_NONE;
    ret->answer = len == 1 ? ANSWER_CHALLENGE : len == 3 ? ANSWER_OK : ANSWER_ERR;
    ret->text = bytes_trim(bytes_part(text, len, text.len));
    if (ret->answer != ANSWER_CHALLENGE)
        ret->rcode = cut_rcode(&ret->text);
    return ret->answer;
}

bool pop3_is_status(struct bytes text)
{
    const struct line line = {.text = text};
    struct reply reply;
    enum answer answer = pop3_reply(&line, &reply);
    return answer == ANSWER_OK || answer == ANSWER_ERR;
}

const char *pop3_verb_name(enum verb v)
{
    return verbs[v].name;
}

bool pop3_brings_lines(enum verb v, bool has_arg)
{
    enum reply_form form = verbs[v].reply;
    return form == LISTING || form == MESSAGE || (form == LISTING_WITHOUT_ARG && !has_arg);
}

bool pop3_brings_message(enum verb v)
{
    return verbs[v].reply == MESSAGE;
}

enum login_failure pop3_failure(const struct reply *reply)
{
    static const char *const temporary[] = {"SYS/TEMP", "IN-USE", "LOGIN-DELAY"};
    static const char *const not_offered[] = {"unknown command", "invalid command", "unrecognized", "unsupported",
                                              "unimplemented",   "not supported",   "not allowed",  "not implemented",
                                              "disallowed",      "disabled",        "no username",  "not available"};
    for (size_t i = 0; i < sizeof temporary / sizeof *temporary; i++)
        if (bytes_equal_nocase(reply->rcode, bytes_of_string(temporary[i])))
            return LOGIN_TEMPORARY;
    for (size_t i = 0; i < sizeof not_offered / sizeof *not_offered; i++)
        if (bytes_find_nocase(reply->text, bytes_of_string(not_offered[i])) != SIZE_MAX)
            return LOGIN_NOT_OFFERED;
    return LOGIN_REFUSED;
}

static bool first_line(struct bytes octets, struct bytes *line)
{
    size_t end = bytes_index(octets, '\n');
    *line = bytes_part(octets, 0, end && end < octets.len && octets.data[end - 1] == '\r' ? end - 1 : end);
    return end < octets.len;
}

static bool may_become(struct bytes octets, struct bytes word)
{
    size_t len = octets.len < word.len ? octets.len : word.len;
    return bytes_equal(bytes_part(octets, 0, len), bytes_part(word, 0, len));
}

enum { LINES_MOST = 64 }; /* of the client that are looked at */

/* A command that no other protocol with such replies has stands behind the first line: that one was a word that the
   server did not know. */
static bool goes_on(struct bytes client)
{
    struct bytes line, arg;
    for (unsigned n = 0; n < LINES_MOST && first_line(client, &line); n++) {
        enum verb verb = pop3_verb(line, &arg);
        if (n && pop3_is_command(line) && verb != VERB_AUTH && verb != VERB_QUIT)
            return true;
        client = bytes_part(client, bytes_index(client, '\n') + 1, client.len);
    }
    return false;
}

/* The server's `+OK` with the client's verb. Redis says `+OK` and `-ERR` as well, but never `+OK` with a text, and of
   our verbs it knows AUTH and QUIT; to AUTH it gives no challenge. */
enum probe pop3_probe(struct bytes client, struct bytes server)
{
    struct bytes command, arg;
    struct line status = {.end = LINE_CRLF};
    struct reply reply;
    if (client.len > 1 && client.data[0] == '*' && byte_is_digit(client.data[1]))
        return PROBE_NO; /* RESP, what Redis speaks */
    if (!may_become(server, BYTES("+OK")) && !may_become(server, BYTES("-ERR")) && !may_become(server, BYTES("+ ")) &&
        !may_become(server, BYTES("+\r\n")))
        return PROBE_NO;
    bool asked = first_line(client, &command), answered = first_line(server, &status.text);
    enum answer answer = answered ? pop3_reply(&status, &reply) : ANSWER_NONE;
    if (answered && answer == ANSWER_NONE)
        return PROBE_NO;
    if (asked && !answered)
        return pop3_is_command(command) ? PROBE_UNSURE : PROBE_UNLIKELY;
    if (!asked)
        return PROBE_UNSURE;
    bool is_greeting = answer == ANSWER_OK && status.text.len > sizeof "+OK";
    if (!pop3_is_command(command) && goes_on(client))
        return PROBE_MATCH;
    if (!pop3_is_command(command))
        return is_greeting ? PROBE_UNSURE : PROBE_UNLIKELY;
    enum verb verb = pop3_verb(command, &arg);
    if (is_greeting || (verb == VERB_AUTH ? answer == ANSWER_CHALLENGE : verb != VERB_QUIT))
        return PROBE_MATCH;
    return PROBE_UNSURE;
}
