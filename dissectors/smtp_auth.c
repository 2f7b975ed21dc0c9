/* Logins over SMTP (RFC 4954; Exchange's X-EXPS). */
#include "base/memory.h"
#include "smtp_state.h"

#include <stdlib.h>

/* A new AUTH was sent: the one before, if it is open still, will get no answer any more. */
static void finish_login(struct session *s, const struct command *next)
{
    struct smtp *x = session_state(s);
    struct command *c;
    for (size_t n = 0; x->login && (c = dialogue_pending(s, n)) != NULL && c != next; n++) {
        if (c->kind == VERB_AUTH || c->kind == VERB_X_EXPS) {
            smtp_unanswered(s, c);
            return;
        }
    }
}

void smtp_begin_login(struct session *s, struct command *c, const struct line *line, struct bytes arg)
{
    struct smtp *x = session_state(s);
    struct bytes mechanism = bytes_word(&arg), initial = bytes_trim(arg);
    x->secret_zone = true;
    if (!mechanism.len)
        return;
    finish_login(s, c);
    x->login = login_new(s, line, mechanism);
    record_text(c->fields, F_command_arg, bytes_of_string(x->login->sasl.mechanism));
    record_flag(c->fields, F_command_secret);
    if (initial.len)
        sasl_client(&x->login->sasl, initial);
    x->mode = MODE_AUTH;
}

/* The client's answer begins there: what the server says behind it answers that. */
static void answer_begins(struct session *s, uint64_t at)
{
    struct command *c;
    for (size_t n = 0; (c = dialogue_pending(s, n)) != NULL; n++)
        if (c->begins == UINT64_MAX && (c->kind == VERB_AUTH || c->kind == VERB_X_EXPS))
            c->begins = at;
}

void smtp_answer_login(struct session *s, const struct line *line)
{
    struct smtp *x = session_state(s);
    if (x->login)
        login_answer(x->login, line);
    answer_begins(s, line->first.at);
    x->mode = MODE_AUTH;
}

void smtp_lost_login(struct session *s, enum side side, const struct mark *where, uint64_t len)
{
    struct smtp *x = session_state(s);
    if (!x->login || (side == SERVER && where->at + len <= x->login->first.seen))
        return; /* AUTH was sent with knowledge of what is lost here */
    x->login->cut = true;
    if (side == SERVER)
        return;
    sasl_lost(&x->login->sasl);
    if (x->mode != MODE_ANSWER)
        return;
    answer_begins(s, where->at); /* what was lost was the answer */
    x->mode = MODE_AUTH;
}

static enum login_failure login_failure(uint32_t code)
{
    switch (code) {
    case 500: /* the command is not known */
    case 502:
    case 503:
    case 504:
    case 530:
    case 538:
        return LOGIN_NOT_OFFERED;
    default:
        return code >= 400 && code < 500 ? LOGIN_TEMPORARY : LOGIN_REFUSED;
    }
}

void smtp_logged_in(struct smtp *x, struct bytes user)
{
    x->logged_in = true;
    free(x->user);
    x->user = NULL;
    x->user_len = (uint32_t)user.len;
    if (user.len)
        x->user = memcpy(memory_get(user.len), user.data, user.len);
}

void smtp_did_login(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    if (!x->login)
        return;
    struct bytes line = bytes_part(reply->lines, 0, bytes_index(reply->lines, '\n'));
    struct buf whole, text;
    smtp_reply_whole(reply, &whole);
    buf_init(&text, reply->lines.len);
    smtp_reply_text(reply, &text);
    struct login_reply r = {.seen = reply->code != 0,
                            .success = smtp_is_ok(reply->code),
                            .failure = login_failure(reply->code),
                            .code = smtp_code_is_known(reply->code) ? reply->code : 0,
                            .status = smtp_status(&line),
                            .whole = buf_bytes(&whole),
                            .text = buf_bytes(&text),
                            .first = reply->first,
                            .last = reply->last};
    struct bytes user;
    if (r.success)
        smtp_logged_in(x, sasl_fact(&x->login->sasl, SASL_USER, &user) ? user : bytes_of("", 0));
    bool closed = session_closed(s, CLIENT) && !reply->code && session_seen_to_end(s, SERVER);
    login_finish(s, x->login, &x->logins, &r, smtp_starttls(x), c->unsure, closed);
    x->login = NULL;
    buf_release(&whole);
    buf_release(&text);
}
