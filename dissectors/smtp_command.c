/* A line of the client as a command, and what it announces: an answer, a content, TLS. */
#include "client_line.h"
#include "smtp_state.h"

/* BURL (RFC 4468). */
static void begin_burl(struct command *c, struct bytes arg)
{
    c->phase = arg.len > 5 && bytes_equal_nocase(bytes_part(arg, arg.len - 5, 5), BYTES(" LAST"));
}

static void make_room(struct session *s)
{
    while (dialogue_full(s)) {
        smtp_unanswered(s, dialogue_pending(s, 0));
        dialogue_owe(s);
    }
}

/* A known verb was sent: what comes next, and what of its argument is told. */
static void opened(struct session *s, struct command *c, const struct line *line, enum verb verb, struct bytes arg)
{
    struct smtp *x = session_state(s);
    if (verb == VERB_AUTH || verb == VERB_X_EXPS) {
        smtp_begin_login(s, c, line, arg);
        return;
    }
    if (verb == VERB_DATA)
        x->mode = MODE_DATA;
    else if (verb == VERB_BDAT)
        smtp_begin_chunk(s, c, arg);
    else if (verb == VERB_STARTTLS || verb == VERB_X_ANONYMOUSTLS)
        x->mode = MODE_TLS;
    else if (verb == VERB_TURN || verb == VERB_ATRN)
        x->mode = MODE_REPLY;
    else if (verb == VERB_XEXCH50)
        smtp_begin_xexch50(x, arg);
    else if (verb == VERB_BURL)
        begin_burl(c, arg);
    else if (verb == VERB_RSET || verb == VERB_HELO || verb == VERB_EHLO || verb == VERB_LHLO || verb == VERB_MAIL)
        x->upload = NULL; /* a content of BDATs without LAST goes no further */
    if (verb == VERB_MAIL)
        x->envelope_lost = false;
    client_line_arg(c, arg);
}

static struct command *new_command(struct session *s, const struct line *line)
{
    struct smtp *x = session_state(s);
    struct bytes arg;
    enum verb verb = smtp_verb(line->text, &arg);
    if (verb == VERB_UNKNOWN)
        return client_line_unknown(s, line, VERB_UNKNOWN, &x->secret_zone, x->said_hello, &x->untold);
    x->secret_zone = false;
    struct command *c = dialogue_command(s, line, (uint16_t)verb, bytes_of_string(smtp_verb_name(verb)));
    client_line_note(s, c, line);
    opened(s, c, line, verb, arg);
    return c;
}

void smtp_command(struct session *s, const struct line *line)
{
    struct smtp *x = session_state(s);
    if (client_line_cut(s, line, smtp_is_command(line->text), &x->adrift))
        return;
    if (!client_line_of_hello(line, x->said_hello))
        client_line_early(s, line);
    make_room(s);
    struct command *c = new_command(s, line);
    if (dialogue_pending(s, 0) == c)
        smtp_note_pipelined(s, c);
}
