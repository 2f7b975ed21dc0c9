/* Telling SMTP from other protocols by the first octets, FTP's above all: it greets with 220, too. */
#include "smtp_state.h"

/* FTP, by a word of its greeting. A host's name proves nothing: swiftpost.example. */
static bool names_ftp(struct bytes text)
{
    struct bytes rest = text, word = bytes_word(&rest);
    return bytes_find_nocase(bytes_index(word, '.') < word.len ? rest : text, BYTES("FTP")) != SIZE_MAX;
}

enum { LINES_MOST = 64 }; /* of the client that are looked at */

/* What the server said first. */
struct greeting {
    uint32_t code, answer; /* its own, and the next reply's; 0: not here */
    bool silent, ftp;
};

/* The next whole line, without its end; false: there is none. */
static bool next_line(struct bytes *rest, struct bytes *line)
{
    size_t end = bytes_index(*rest, '\n');
    if (end == rest->len)
        return false;
    *line = bytes_part(*rest, 0, end && rest->data[end - 1] == '\r' ? end - 1 : end);
    *rest = bytes_part(*rest, end + 1, rest->len);
    return true;
}

/* Reads the greeting's lines that are here, and the reply's behind it. */
static enum probe probe_greeting(struct bytes server, struct greeting *g)
{
    bool last = false;
    struct bytes line, text;
    uint32_t code;
    while (!last && server.len) {
        if (!next_line(&server, &line))
            return PROBE_UNSURE;
        if (!smtp_reply_line(line, &code, &last, &text) || !smtp_code_is_known(code))
            return PROBE_NO;
        if ((code == 220 || code == 554 || code == 421) && bytes_find_nocase(text, BYTES("SMTP")) != SIZE_MAX)
            return PROBE_MATCH;
        if (code == 220 && bytes_find_nocase(text, BYTES("LMTP")) != SIZE_MAX)
            return PROBE_MATCH;
        g->ftp |= code == 220 && names_ftp(text);
        g->code = code;
    }
    if (next_line(&server, &line) && smtp_reply_line(line, &code, &last, &text))
        g->answer = code;
    return PROBE_UNSURE;
}

/* A verb that no other mail protocol has. */
static bool is_only_smtps(enum verb verb)
{
    return verb != VERB_HELP && verb != VERB_NOOP && verb != VERB_QUIT && verb != VERB_AUTH && verb != VERB_RSET &&
           verb != VERB_XCLIENT;
}

/* USER is FTP's first command, and POP3's. To others of their clients' words that it does not know an SMTP server says
   so and goes on, which is why one that greeted is not given up for them. */
static enum probe probe_client(struct bytes client, const struct greeting *g)
{
    struct bytes line, arg;
    bool is_user = bytes_starts_nocase(client, BYTES("USER ")),
         asks_ftp = is_user && (g->answer / 100 == 3 || g->answer / 100 == 2);
    if ((is_user && (g->silent || g->ftp)) || asks_ftp)
        return PROBE_NO;
    for (unsigned n = 0; n < LINES_MOST && next_line(&client, &line) && (!n || g->code == 220); n++)
        if (smtp_is_command(line) && is_only_smtps(smtp_verb(line, &arg)))
            return PROBE_MATCH;
    return g->ftp || (is_user && g->answer / 100 != 5) ? PROBE_UNLIKELY : PROBE_UNSURE;
}

enum probe smtp_probe(struct bytes client, struct bytes server)
{
    struct greeting g = {.silent = !server.len};
    for (size_t i = 0; i < server.len && i < 3; i++)
        if (!byte_is_digit(server.data[i]))
            return PROBE_NO;
    enum probe greeting = probe_greeting(server, &g);
    return greeting == PROBE_UNSURE ? probe_client(client, &g) : greeting;
}
