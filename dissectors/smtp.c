/* SMTP and submission (RFC 5321, 6409), LMTP (RFC 2033), with PIPELINING (2920), CHUNKING (3030), AUTH (4954), STARTTLS
   (3207), enhanced status codes (2034) and PRDR.

   The client's side is framing: commands, and the contents that DATA and BDAT announce. What a command did is decided
   when its reply is known, in the order of the commands, as the server did it: so a transaction is what the server
   thinks it is. */
#include "smtp_state.h"

#include "base/memory.h"
#include "client_line.h"
#include "dissectors.h"

#include <stdlib.h>

struct bytes smtp_helo(struct session *s)
{
    return record_find(session_facts(s), F_session_helo);
}

struct bytes smtp_server_name(struct session *s)
{
    const struct smtp *x = session_state(s);
    return x->renamed ? bytes_of(x->server_name, x->server_name_len)
                      : record_find(session_facts(s), F_session_server_name);
}

void smtp_rename_server(struct session *s, struct bytes name)
{
    struct smtp *x = session_state(s);
    name = bytes_part(name, 0, (size_t)session_limits(s)->text);
    x->renamed = !bytes_equal(name, record_find(session_facts(s), F_session_server_name));
    free(x->server_name);
    x->server_name = NULL;
    x->server_name_len = 0;
    if (!x->renamed || !name.len)
        return;
    x->server_name = memory_get(name.len);
    x->server_name_len = (uint32_t)name.len;
    memcpy(x->server_name, name.data, name.len);
}

bool smtp_is_lmtp(const struct session *s)
{
    return session_is_proto(s, "lmtp");
}

const char *smtp_starttls(const struct smtp *x)
{
    if (x->starttls)
        return x->starttls;
    return x->starttls_offered ? "offered" : x->caps_known ? "not_offered" : NULL;
}

/* What stands here waits for the server's word. When there is no more to hope for, its look decides. True: go on. */
static bool decide(struct session *s, struct input *in)
{
    struct smtp *x = session_state(s);
    struct line line;
    struct mark mark;
    if (!input_unread(in, &mark) || session_patient(s, CLIENT))
        return false;
    struct bytes here = input_peek(in);
    bool whole = input_ahead(in, 0, &line), is_command = whole && smtp_is_command(line.text);
    if (!whole && here.len && !session_closed(s, CLIENT) && !(x->mode == MODE_TLS && here.len >= 3))
        return false;                                             /* the rest of the line is to come */
    is_command &= x->mode != MODE_TLS || !client_hides_hello(in); /* else clear text put in before it */
    if (x->mode == MODE_REPLY) {
        x->mode = MODE_COMMANDS;
        return true;
    }
    if (x->mode == MODE_AUTH) {
        x->mode = is_command ? MODE_COMMANDS : MODE_ANSWER;
        return true;
    }
    struct command *c, *last = NULL;
    for (size_t n = 0; (c = dialogue_pending(s, n)) != NULL; n++)
        if (c->kind == VERB_DATA || c->kind == VERB_STARTTLS || c->kind == VERB_X_ANONYMOUSTLS)
            last = c;
    bool tls = x->mode == MODE_TLS;
    x->mode = MODE_COMMANDS;
    if (is_command || !last)
        return true;
    while ((c = dialogue_pending(s, 0)) != last)
        smtp_unanswered(s, c);
    if (!tls) {
        smtp_begin_content(s, last, NULL);
        return true;
    }
    enum verb verb = (enum verb)last->kind;
    smtp_unanswered(s, last);
    smtp_begin_tls(s, verb);
    return false; /* `in` is another one now */
}

static void read_client(struct session *s, struct input *in)
{
    struct smtp *x = session_state(s);
    struct line line;
    struct chunk chunk;
    bool moved = true, waits;
    while (moved) {
        switch ((enum mode)x->mode) {
        case MODE_COMMANDS:
            client_line_hello(s, in, &x->said_hello);
            /* Behind lost octets, what the server had said before tells what this is; behind TLS, too. */
            waits = input_ahead(in, 0, &line) && (line.broken || x->said_hello) && session_behind(s, CLIENT);
            moved = !waits && input_line(in, &line);
            if (moved)
                smtp_command(s, &line);
            break;
        case MODE_CONTENT:
            moved = !session_behind(s, CLIENT) && smtp_read_content(s, in); /* a reply may have ended it */
            break;
        case MODE_CHUNK:
            moved = !session_behind(s, CLIENT) && smtp_read_chunk(s, in);
            break;
        case MODE_ANSWER:
            moved = !session_behind(s, CLIENT) && input_line(in, &line);
            if (moved)
                smtp_answer_login(s, &line);
            break;
        case MODE_DATA:
        case MODE_AUTH:
        case MODE_TLS:
        case MODE_REPLY:
            moved = decide(s, in);
            break;
        case MODE_DEAF:
        case MODE_IGNORE:
            moved = input_take(in, UINT64_MAX, &chunk);
            break;
        }
    }
}

static void read(struct session *s, enum side side, struct input *in)
{
    if (side == CLIENT)
        read_client(s, in);
    else
        smtp_read_server(s, in);
}

void smtp_lost_commands(struct smtp *x, uint64_t from, uint64_t to)
{
    x->lost_from = from;
    x->lost_to = to;
    x->envelope_lost = true;
}

static void lost(struct session *s, enum side side, uint64_t len, const struct mark *where)
{
    struct smtp *x = session_state(s);
    x->lost_any = true;
    if (side == CLIENT)
        smtp_lost_commands(x, where->at, where->at + len);
    x->lost_replies |= side == SERVER;
    x->adrift |= side == CLIENT;
    smtp_lost_login(s, side, where, len);
    if (side == SERVER && x->open)
        x->open->replies_lost = true;
    if (side == SERVER && x->reply)
        x->reply->reply.cut = true;
}

/* --- the end --- */

static const char *role(struct session *s)
{
    const struct smtp *x = session_state(s);
    uint16_t port = session_port(s, SERVER);
    if (smtp_is_lmtp(s))
        return "delivery";
    if (x->logged_in || port == 587 || port == 465)
        return "submission";
    return port == 25 ? "relay" : "unknown";
}

static void write_facts(struct session *s)
{
    const struct smtp *x = session_state(s);
    struct record *facts = session_facts(s);
    record_word(facts, F_session_role, role(s));
    if (!record_has(facts, F_session_starttls) && smtp_starttls(x))
        record_word(facts, F_session_starttls, smtp_starttls(x));
    client_line_write_early(s);
    record_nonzero(facts, F_session_messages, x->messages);
    record_nonzero(facts, F_session_rcpt_ok, x->rcpt_ok);
    record_nonzero(facts, F_session_rcpt_rejected, x->rcpt_rejected);
    record_nonzero(facts, F_session_vrfy_ok, x->vrfy_ok);
    record_nonzero(facts, F_session_vrfy_unsure, x->vrfy_unsure);
    record_nonzero(facts, F_session_vrfy_rejected, x->vrfy_rejected);
    record_nonzero(facts, F_session_expn_ok, x->expn_ok);
    record_nonzero(facts, F_session_expn_rejected, x->expn_rejected);
    record_nonzero(facts, F_session_auth_ok, x->logins.succeeded);
    record_nonzero(facts, F_session_auth_failed, x->logins.failed);
    if (x->logged_in && x->user_len)
        record_text(facts, F_session_user, bytes_of(x->user, x->user_len));
}

static void close(struct session *s)
{
    struct smtp *x = session_state(s);
    struct command *c;
    smtp_end_reply(s);
    if (x->mode == MODE_CONTENT || (x->mode == MODE_CHUNK && x->upload))
        session_note(s, NOTE_content_cut);
    while ((c = dialogue_pending(s, 0)) != NULL)
        smtp_unanswered(s, c);
    smtp_end_transaction(s, &smtp_no_reply, "close");
    write_facts(s);
    while (x->uploads)
        upload_free(x, x->uploads);
    login_free(x->login);
    free(x->user);
    untold_release(&x->untold);
    free(x->server_name);
}

static size_t held(struct session *s, bool *busy)
{
    const struct smtp *x = session_state(s);
    size_t held = memory_cost(x->user_len) + memory_cost(x->server_name_len) + login_held(x->login);
    *busy |= x->open || x->uploads || x->login;
    held += x->open ? transaction_held(x->open) : 0;
    held += x->reply ? memory_cost(sizeof *x->reply) + memory_cost(x->reply->lines.cap) : 0;
    for (const struct upload *u = x->uploads; u; u = u->next)
        held += memory_cost(sizeof *u) + content_held(u->content) + (u->odd ? record_held(u->odd) : 0);
    return held + untold_held(&x->untold);
}

static const char *const names[] = {"smtp", "lmtp", NULL};

static const struct port_hint ports[] = {
    {25, 0, false}, {587, 0, false}, {2525, 0, false}, {465, 0, true}, {24, 1, false}, {0},
};

const struct dissector smtp_dissector = {
    .names = names,
    .ports = ports,
    .state_size = sizeof(struct smtp),
    .probe = smtp_probe,
    .read = read,
    .lost = lost,
    .held = held,
    .close = close,
};
