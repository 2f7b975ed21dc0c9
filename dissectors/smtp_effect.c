/* What a command did, now that its reply is known, or that none will come (code 0): on the session and its transaction.
 */
#include "client_line.h"
#include "smtp_state.h"
#include "xclient.h"

const struct smtp_reply smtp_no_reply = {0};

/* Of one without its MAIL nobody knows what else is missing, unless a whole content says what was sent. And one whose
   MAIL got no reply that was seen, and led to nothing, may never have been. */
static bool is_worth_telling(const struct transaction *t)
{
    return t->headless ? transaction_is_whole(t) : !t->unproven || t->rcpt_count || t->upload;
}

static void tell_transaction(struct session *s, const struct smtp_reply *reply, const char *ended_by)
{
    struct smtp *x = session_state(s);
    struct message_facts facts = {.ended_by = ended_by,
                                  .server_closed = session_seen_to_end(s, SERVER) && !x->lost_any,
                                  .lost = x->lost_any,
                                  .lmtp = smtp_is_lmtp(s),
                                  .helo = smtp_helo(s),
                                  .server_name = smtp_server_name(s),
                                  .logged_in = x->logged_in,
                                  .login_unknown = x->lost_any || !session_from_start(s),
                                  .user = bytes_of(x->user, x->user_len),
                                  .index = ++x->messages};
    transaction_write(s, x->open, reply, &facts);
}

void smtp_end_transaction(struct session *s, const struct smtp_reply *reply, const char *ended_by)
{
    struct smtp *x = session_state(s);
    struct transaction *t = x->open;
    if (!t)
        return;
    if (is_worth_telling(t))
        tell_transaction(s, reply, ended_by);
    if (t->upload)
        upload_free(x, t->upload);
    transaction_free(t);
    x->open = NULL;
}

void smtp_open_headless(struct session *s, const struct command *c)
{
    struct smtp *x = session_state(s);
    if (x->open || !(x->lost_any || x->envelope_lost || !session_from_start(s)))
        return;
    x->open = transaction_new(c, false);
}

/* A reply that was not seen: may it have been given all the same? */
static bool may_be_lost(struct session *s)
{
    return !session_seen_to_end(s, SERVER);
}

static bool accepted(struct session *s, const struct smtp_reply *reply)
{
    return reply->code ? smtp_is_ok(reply->code) : may_be_lost(s);
}

static void take_caps(struct session *s, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    struct record *facts = session_facts(s);
    struct bytes rest = reply->lines;
    bool first = true;
    enum field f = session_encrypted(s) ? F_session_caps_inside : F_session_caps;
    record_drop(facts, f);
    record_drop(facts, F_session_caps_unsure);
    if (reply->cut)
        record_flag(facts, F_session_caps_unsure);
    x->caps_known = !reply->cut;
    while (rest.len) {
        size_t end = bytes_index(rest, '\n');
        struct bytes line = bytes_trim(bytes_part(rest, 0, end));
        rest = bytes_part(rest, end + 1, rest.len);
        if (!first && line.len)
            record_text(facts, f, line);
        struct bytes word = bytes_word(&line);
        if (first)
            smtp_rename_server(s, word);
        x->starttls_offered |= !first && bytes_equal_nocase(word, BYTES("STARTTLS"));
        x->pipelining_offered |= !first && bytes_equal_nocase(word, BYTES("PIPELINING"));
        x->chunking_offered |= !first && bytes_equal_nocase(word, BYTES("CHUNKING"));
        first = false;
    }
}

static void did_helo(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    struct record *facts = session_facts(s);
    if (!accepted(s, reply))
        return;
    smtp_end_transaction(s, &smtp_no_reply, "helo");
    struct bytes arg = command_arg(c);
    record_drop(facts, F_session_helo);
    record_drop(facts, F_session_helo_verb);
    if (arg.len)
        record_text(facts, F_session_helo, arg);
    record_word(facts, F_session_helo_verb, smtp_verb_name(c->kind));
    session_named(s, c->kind == VERB_LHLO);
    x->starttls_offered = x->pipelining_offered = x->chunking_offered = false;
    x->caps_known = c->kind == VERB_HELO && reply->code;
    if (c->kind != VERB_HELO && reply->code)
        take_caps(s, reply);
}

static void did_mail(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    if (!accepted(s, reply))
        return;
    smtp_end_transaction(s, &smtp_no_reply, "mail");
    x->open = transaction_new(c, true);
    x->open->unproven = !reply->code;
    x->open->smuggled = x->smuggling;
}

static void did_rcpt(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    x->rcpt_ok += smtp_is_ok(reply->code);
    x->rcpt_rejected += smtp_is_refusal(reply->code);
    if (x->open && x->open->unproven && reply->code == 503) {
        transaction_free(x->open); /* the MAIL whose reply was not seen had been refused */
        x->open = NULL;
    }
    if (smtp_is_ok(reply->code))
        smtp_open_headless(s, c);
    if (x->open)
        transaction_rcpt(x->open, c, reply, session_limits(s));
}

static void count_verify(struct smtp *x, const struct command *c, uint32_t code)
{
    if (c->kind == VERB_VRFY) {
        x->vrfy_unsure += code == 252;
        x->vrfy_ok += code == 250 || code == 251;
        x->vrfy_rejected += smtp_is_refusal(code);
    } else {
        x->expn_ok += smtp_is_ok(code) && code != 252;
        x->expn_rejected += smtp_is_refusal(code);
    }
}

/* A refused DATA, or a refused chunk. */
static void did_content(struct smtp *x, const struct command *c, uint32_t code)
{
    bool sent = c->kind == VERB_DATA ? !c->phase : c->ref != 0;
    if (sent && x->open && smtp_is_refusal(code))
        x->open->content_refusal = code;
}

static void did_xclient(struct session *s, const struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    struct buf user;
    if (!smtp_is_ok(reply->code) || c->unsure)
        return;
    buf_init(&user, (size_t)session_limits(s)->text);
    if (xclient_taken(s, command_arg(c), &user))
        smtp_logged_in(x, buf_bytes(&user));
    else
        x->logged_in = false; /* who was before is another client, or none that the proxy names */
    buf_release(&user);
}

static void roles_turned(struct session *s)
{
    struct smtp *x = session_state(s);
    session_note(s, NOTE_roles_turned);
    x->mode = MODE_IGNORE;
}

void smtp_did(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    switch ((enum verb)c->kind) {
    case VERB_HELO:
    case VERB_EHLO:
    case VERB_LHLO:
        did_helo(s, c, reply);
        break;
    case VERB_MAIL:
    case VERB_SEND:
    case VERB_SOML:
    case VERB_SAML:
        did_mail(s, c, reply);
        break;
    case VERB_RCPT:
        did_rcpt(s, c, reply);
        break;
    case VERB_RSET:
        if (accepted(s, reply))
            smtp_end_transaction(s, &smtp_no_reply, "rset");
        break;
    case VERB_QUIT:
        if (accepted(s, reply))
            smtp_end_transaction(s, &smtp_no_reply, "quit");
        break;
    case VERB_AUTH:
    case VERB_X_EXPS:
        smtp_did_login(s, c, reply);
        break;
    case VERB_VRFY:
    case VERB_EXPN:
        count_verify(x, c, reply->code);
        break;
    case VERB_DATA:
    case VERB_BDAT:
        did_content(x, c, reply->code);
        break;
    case VERB_BURL:
        if (reply->code && c->phase && (reply->code < 500 || reply->code > 504)) /* those are about the command */
            smtp_end_transaction(s, reply, "data");
        break;
    case VERB_XCLIENT:
        did_xclient(s, c, reply);
        break;
    case VERB_TURN:
    case VERB_ATRN:
        if (smtp_is_ok(reply->code))
            roles_turned(s);
        break;
    case VERB_UNKNOWN:
    case VERB_NOOP:
    case VERB_HELP:
    case VERB_STARTTLS:
    case VERB_X_ANONYMOUSTLS:
    case VERB_ETRN:
    case VERB_XFORWARD:
    case VERB_XEXCH50:
    case VERB_X_LINK2STATE:
        break;
    }
}
