/* What the client's lines have in common, whatever the protocol. */
#include "client_line.h"

#include "session/filter.h"

enum { VERB_MOST = 24 };

bool client_line_cut(struct session *s, const struct line *line, bool is_command, bool *adrift)
{
    bool cut = line->end == LINE_CUT && line->text.len < session_limits(s)->line;
    if (!cut) {
        *adrift |= line->broken;
        cut = *adrift && !is_command;
        *adrift = cut;
    }
    if (cut) {
        session_note(s, NOTE_command_cut);
        dialogue_passed_over(s, line);
    }
    return cut;
}

void client_line_early(struct session *s, const struct line *line)
{
    session_early(s, &line->first, &line->last);
}

void client_line_write_early(struct session *s)
{
    uint64_t early = session_early_octets(s);
    if (!early)
        return;
    session_note(s, NOTE_early_talker);
    record_number(session_facts(s), F_session_early_octets, early);
}

static bool may_be_told(struct bytes word, bool secret_zone)
{
    if (secret_zone || word.len < 2 || word.len > VERB_MOST)
        return false;
    for (size_t i = 0; i < word.len; i++)
        if (!byte_is_letter(word.data[i]) && word.data[i] != '-')
            return false;
    return true;
}

bool client_line_of_hello(const struct line *line, bool said_hello)
{
    struct bytes text = line->text;
    for (size_t i = 0; said_hello && i < text.len; i++)
        if (text.data[i] < ' ' && text.data[i] != '\t' && text.data[i] != '\r')
            return true;
    return false;
}

struct command *client_line_unknown(struct session *s, const struct line *line, uint16_t kind, bool *secret_zone,
                                    bool said_hello, struct untold *untold)
{
    struct bytes rest = line->text, word = bytes_word(&rest);
    bool told = may_be_told(word, *secret_zone);
    struct command *c = dialogue_command(s, line, kind, told ? word : BYTES("?"));
    bool of_hello = client_line_of_hello(line, said_hello);
    c->silent |= of_hello;
    if (!c->silent)
        session_note(s, NOTE_unknown_command);
    if (!of_hello)
        client_line_note(s, c, line);
    if (untold)
        c->ref = untold_add(untold, rest);
    bool login = untold_is_login(line->text);
    *secret_zone |= login;
    if (!told || (login && bytes_trim(rest).len))
        record_flag(c->fields, F_command_secret);
    return c;
}

void client_line_note(struct session *s, struct command *c, const struct line *line)
{
    if (line->end == LINE_LF) {
        session_note(s, NOTE_bare_lf);
        record_word(c->fields, F_command_noted, "bare_lf");
    }
    if (bytes_index(line->text, '\r') < line->text.len) {
        session_note(s, NOTE_bare_cr);
        record_word(c->fields, F_command_noted, "bare_cr");
    }
    if (bytes_index(line->text, 0) < line->text.len) {
        session_note(s, NOTE_nul_octet);
        record_word(c->fields, F_command_noted, "nul_octet");
    }
    if (line->end == LINE_CUT)
        record_word(c->fields, F_command_noted, "line_too_long");
}

static bool is_hello(struct bytes octets)
{
    return octets.len >= 3 && octets.data[0] == 22 && tls_may_begin(octets);
}

void client_line_hello(struct session *s, const struct input *in, bool *said_hello)
{
    if (*said_hello || !is_hello(input_peek(in)))
        return;
    session_note(s, NOTE_tls_unasked);
    *said_hello = true;
}

bool client_line_is_tls(struct session *s, const struct input *server, bool said_hello)
{
    struct bytes octets = input_peek(server);
    return said_hello && octets.len >= 3 && tls_may_begin(octets) && !session_patient(s, SERVER);
}

bool client_hides_hello(const struct input *in)
{
    struct bytes octets = input_peek(in);
    for (size_t i = 0; i < octets.len; i++)
        if (is_hello(bytes_part(octets, i, 3)))
            return true;
    return false;
}

struct bytes client_line_arg(struct command *c, struct bytes arg)
{
    struct bytes told = untold_part(arg);
    if (told.len < arg.len && !record_has(c->fields, F_command_secret))
        record_flag(c->fields, F_command_secret);
    if (told.len)
        record_text(c->fields, F_command_arg, told);
    return told;
}

struct bytes command_arg(const struct command *c)
{
    struct entry e;
    size_t at = 0;
    while (record_next(c->fields, &at, &e))
        if (!e.end && e.field == F_command_arg)
            return e.text;
    return bytes_of("", 0);
}
