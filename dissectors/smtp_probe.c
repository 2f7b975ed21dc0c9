/* Telling SMTP from other protocols by the first octets, FTP's above all: it greets with 220, too. */
#include "smtp_state.h"

/* FTP, by a word of its greeting. A host's name proves nothing: swiftpost.example. */
static bool names_ftp(struct bytes text)
{
    struct bytes rest = text, word = bytes_word(&rest);
    return bytes_find_nocase(bytes_index(word, '.') < word.len ? rest : text, BYTES("FTP")) != SIZE_MAX;
}

/* The greeting's lines that are here, of a server that has said nothing but that. */
static enum probe probe_greeting(struct bytes server)
{
    bool last = false;
    while (server.len && !last) {
        struct bytes line = bytes_part(server, 0, bytes_index(server, '\n')), text;
        bool whole = line.len < server.len;
        uint32_t code;
        server = bytes_part(server, line.len + 1, server.len);
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        if (!whole)
            return PROBE_UNSURE;
        if (!smtp_reply_line(line, &code, &last, &text) || !smtp_code_is_known(code))
            return PROBE_NO;
        if ((code == 220 || code == 554 || code == 421) && bytes_find_nocase(text, BYTES("SMTP")) != SIZE_MAX)
            return PROBE_MATCH;
        if (code == 220 && bytes_find_nocase(text, BYTES("LMTP")) != SIZE_MAX)
            return PROBE_MATCH;
        if (code == 220 && names_ftp(text))
            return PROBE_NO;
    }
    return PROBE_UNSURE;
}

/* A verb that no other mail protocol has. */
static bool is_only_smtps(enum verb verb)
{
    return verb != VERB_HELP && verb != VERB_NOOP && verb != VERB_QUIT && verb != VERB_AUTH && verb != VERB_RSET &&
           verb != VERB_XCLIENT;
}

static enum probe probe_client(struct bytes client)
{
    struct bytes arg, line = bytes_part(client, 0, bytes_index(client, '\n'));
    bool whole = line.len < client.len;
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    if (bytes_starts_nocase(line, BYTES("USER ")))
        return PROBE_NO; /* FTP's first, and POP3's */
    if (whole && smtp_is_command(line) && is_only_smtps(smtp_verb(line, &arg)))
        return PROBE_MATCH;
    return PROBE_UNSURE;
}

enum probe smtp_probe(struct bytes client, struct bytes server)
{
    for (size_t i = 0; i < server.len && i < 3; i++)
        if (!byte_is_digit(server.data[i]))
            return PROBE_NO;
    enum probe greeting = probe_greeting(server);
    return greeting == PROBE_UNSURE ? probe_client(client) : greeting;
}
