/* POP3 (RFC 1939), with CAPA and response codes (2449, 3206), STLS (2595), AUTH (5034), UTF8 and LANG (6856).

   The client's side is lines. What a reply is depends on its command: `+OK` to some of them is the first line of
   several, which end with a dot. What a command did is decided when its reply is known, in the order of the commands.
 */
#include "pop3.h"

#include "base/memory.h"
#include "client_line.h"
#include "dissectors.h"
#include "mail/content.h"
#include "session/filter.h"
#include "untold.h"
#include "xclient.h"

#include <stdlib.h>

enum mode {
    MODE_COMMANDS,
    MODE_AUTH,   /* AUTH or an answer was sent: the next line is an answer or a command */
    MODE_ANSWER, /* the server asked: the next line is an answer */
    MODE_TLS,    /* STLS was sent */
    MODE_DEAF,   /* the client does not speak POP3 any more */
};

enum starttls { STARTTLS_UNKNOWN, STARTTLS_NOT_OFFERED, STARTTLS_OFFERED, STARTTLS_REFUSED, STARTTLS_ACCEPTED };

static const char *const starttls_words[] = {NULL, "not_offered", "offered", "refused", "accepted"};

struct pop3 {
    struct body *body; /* being read, or null */
    struct login
        *logins;     /* waiting for their reply, in order; that of AUTH is the last, for nothing is read behind it */
    struct buf told; /* the argument of USER, until PASS */
    struct buf user; /* who logged in */
    struct buf server_name;
    struct untold untold; /* of unknown commands */
    struct maildrop *maildrop;
    uint32_t messages;
    struct login_counts counts;
    uint8_t mode, starttls;
    bool greeted, logged_in, user_accepted, secret_zone, lost_any;
    bool adrift;     /* behind lost client octets */
    bool said_hello; /* the client, in TLS */
    bool astray;     /* among server lines that are no replies */
};

static const struct reply no_reply = {.answer = ANSWER_NONE};
static const struct bytes none; /* not told, which is not the same as empty */

/* A buf that is all zero gets its maximum with its first text. */
static void set_text(struct session *s, struct buf *b, struct bytes text)
{
    if (!b->max)
        buf_init(b, (size_t)session_limits(s)->text);
    buf_reset(b);
    buf_add(b, text);
}

/* --- logins --- */

static struct login *add_login(struct session *s, struct command *c, const struct line *line, struct bytes mechanism)
{
    struct pop3 *x = session_state(s);
    struct login **link = &x->logins;
    while (*link)
        link = &(*link)->next;
    *link = login_new(s, line, mechanism);
    record_flag(c->fields, F_command_secret);
    return *link;
}

static struct login *last_login(struct pop3 *x)
{
    struct login *l = x->logins;
    while (l && l->next)
        l = l->next;
    return l;
}

static void finish_login(struct session *s, struct login *l, const struct command *c, const struct reply *reply,
                         const char *failed_at)
{
    struct pop3 *x = session_state(s);
    struct bytes user;
    struct login_reply r = {.seen = reply->answer != ANSWER_NONE,
                            .success = reply->answer == ANSWER_OK,
                            .failure = pop3_failure(reply),
                            .failed_at = failed_at,
                            .rcode = reply->rcode,
                            .whole = reply->whole,
                            .text = reply->text,
                            .first = reply->first,
                            .last = reply->last};
    if (r.success) {
        x->logged_in = true;
        set_text(s, &x->user, !l->cut && sasl_fact(&l->sasl, SASL_USER, &user) ? user : bytes_of("", 0));
    }
    bool left = session_closed(s, CLIENT) && session_seen_to_end(s, SERVER);
    login_finish(s, l, &x->counts, &r, session_is_implicit(s) ? "implicit" : starttls_words[x->starttls], c->unsure,
                 left);
}

static void did_login(struct session *s, const struct command *c, const struct reply *reply)
{
    struct pop3 *x = session_state(s);
    struct login *l = x->logins;
    x->logins = l->next;
    bool secret_refused = c->kind == VERB_PASS && x->user_accepted && pop3_failure(reply) == LOGIN_REFUSED &&
                          (!reply->rcode.len || bytes_equal_nocase(reply->rcode, BYTES("AUTH")));
    x->user_accepted = false;
    finish_login(s, l, c, reply, reply->answer == ANSWER_ERR && secret_refused ? "secret" : NULL);
}

static void did_user(struct session *s, const struct command *c, const struct reply *reply)
{
    struct pop3 *x = session_state(s);
    const struct line line = {.first = c->first, .last = c->last};
    x->user_accepted = reply->answer == ANSWER_OK;
    if (reply->answer != ANSWER_ERR)
        return;
    struct login *l = login_new(s, &line, BYTES("USER"));
    sasl_tell(&l->sasl, c->phase ? command_arg(c) : none, none, false);
    finish_login(s, l, c, reply, "user");
}

/* --- what a command did, now that its reply is known, or that there is none --- */

/* As whom a client had logged in at the proxy is no matter: it logs in here, too. */
static void did_xclient(struct session *s, const struct command *c)
{
    struct buf user;
    buf_init(&user, (size_t)session_limits(s)->text);
    xclient_taken(s, command_arg(c), &user);
    buf_release(&user);
}

static void did(struct session *s, const struct command *c, const struct reply *reply)
{
    struct pop3 *x = session_state(s);
    if (reply->answer == ANSWER_OK)
        maildrop_did(&x->maildrop, (enum verb)c->kind, reply->text);
    if (c->kind == VERB_XCLIENT && reply->answer == ANSWER_OK && !c->unsure)
        did_xclient(s, c);
    if (c->kind == VERB_USER)
        did_user(s, c, reply);
    else if (c->kind == VERB_PASS || c->kind == VERB_APOP || (c->kind == VERB_AUTH && c->phase))
        did_login(s, c, reply);
}

/* No reply to it was seen and none will be. */
static void unanswered(struct session *s, struct command *c)
{
    struct pop3 *x = session_state(s);
    if (x->body && x->body->command == c) { /* it has its reply; the rest of the body is told without it */
        x->body->command = NULL;
        dialogue_finish(s, c, &x->body->replied);
        return;
    }
    untold_repeated(&x->untold, c->ref, none);
    did(s, c, &no_reply);
    dialogue_finish(s, c, NULL);
}

static void set_starttls(struct session *s, enum starttls now)
{
    struct pop3 *x = session_state(s);
    if (now <= x->starttls || session_is_implicit(s))
        return;
    x->starttls = (uint8_t)now;
    record_drop(session_facts(s), F_session_starttls);
    record_word(session_facts(s), F_session_starttls, starttls_words[now]);
}

static void begin_tls(struct session *s)
{
    struct pop3 *x = session_state(s);
    set_starttls(s, STARTTLS_ACCEPTED);
    x->mode = MODE_COMMANDS;
    tls_begin(s, "stls");
}

/* --- listings and messages --- */

/* Whole lines only: half a capability would be told as a whole one. */
static void take_caps(struct session *s, const struct body *b, bool complete)
{
    struct record *facts = session_facts(s);
    enum field f = session_encrypted(s) ? F_session_caps_inside : F_session_caps;
    bool offered = false, unsure = !complete || b->gap_len || b->caps.cut;
    struct bytes rest = buf_bytes(&b->caps);
    record_drop(facts, f);
    record_drop(facts, F_session_caps_unsure);
    if (unsure)
        record_flag(facts, F_session_caps_unsure);
    for (size_t end; (end = bytes_index(rest, '\n')) < rest.len; rest = bytes_part(rest, end + 1, rest.len)) {
        struct bytes line = bytes_part(rest, 0, end && rest.data[end - 1] == '\r' ? end - 1 : end);
        if (line.len)
            record_text(facts, f, bytes_trim(line));
        offered |= bytes_equal_nocase(bytes_trim(line), BYTES("STLS"));
    }
    if (offered || !unsure)
        set_starttls(s, offered ? STARTTLS_OFFERED : STARTTLS_NOT_OFFERED);
}

static void write_message(struct session *s, const struct body *b, bool complete)
{
    struct pop3 *x = session_state(s);
    struct record *m = session_record(s, KIND_message, ++x->messages);
    record_number(m, F_message_index, x->messages);
    record_word(m, F_message_via, pop3_verb_name(b->verb));
    record_boolean(m, F_message_encrypted, session_encrypted(s));
    if (x->server_name.len)
        record_text(m, F_message_server_name, buf_bytes(&x->server_name));
    bool unknown = x->lost_any || !session_from_start(s);
    record_word(m, F_message_auth, x->logged_in ? "user" : unknown ? "unknown" : "none");
    if (x->logged_in && x->user.len)
        record_text(m, F_message_user, buf_bytes(&x->user));
    if (b->unsure)
        record_flag(m, F_message_unsure);
    maildrop_fetched(&x->maildrop, b, complete);
    content_finish(b->content, m, complete);
    session_emit(s, m, &b->asked, &b->last);
}

static void end_body(struct session *s, bool complete)
{
    struct pop3 *x = session_state(s);
    struct body *b = x->body;
    x->body = NULL;
    if (!b->content && (!complete || b->gap_len))
        session_note(s, NOTE_reply_cut);
    if (b->content)
        write_message(s, b, complete);
    else if (b->verb == VERB_CAPA)
        take_caps(s, b, complete);
    else if (complete && !b->gap_len && (b->verb == VERB_LIST || b->verb == VERB_UIDL))
        maildrop_listed(&x->maildrop, b);
    if (b->command) {
        if (!b->content)
            record_number(b->command->fields, F_command_lines, 1 + b->lines);
        dialogue_finish(s, b->command, &b->replied);
    }
    body_free(b);
}

/* --- replies --- */

static void write_reply(struct session *s, struct command *c, const struct reply *reply, bool has_body)
{
    struct pop3 *x = session_state(s);
    bool repeats = record_has(c->fields, F_command_secret); /* a server may repeat what it was sent */
    repeats |= untold_repeated(&x->untold, c->ref, reply->text);
    record_word(c->fields, F_command_result, reply->answer == ANSWER_OK ? "+OK" : "-ERR");
    if (reply->rcode.len)
        record_text(c->fields, F_command_rcode, reply->rcode);
    if (reply->text.len && !repeats)
        record_text(c->fields, F_command_text, reply->text);
    if (!has_body || pop3_brings_message((enum verb)c->kind)) /* what a message holds is no reply */
        record_number(c->fields, F_command_lines, 1);
}

static void answer(struct session *s, struct command *c, const struct reply *reply, const struct line *line)
{
    struct pop3 *x = session_state(s);
    bool ok = reply->answer == ANSWER_OK, has_body = ok && pop3_brings_lines((enum verb)c->kind, c->phase);
    if (reply->answer == ANSWER_CHALLENGE) {
        if (c->kind != VERB_AUTH || !c->phase) {
            session_note(s, NOTE_bad_reply);
            return;
        }
        sasl_server(&x->logins->sasl, reply->text);
        x->mode = MODE_ANSWER;
        return;
    }
    write_reply(s, c, reply, has_body);
    did(s, c, reply);
    if (has_body) {
        x->body = body_new(s, c, line);
        return;
    }
    enum verb verb = (enum verb)c->kind;
    if (verb == VERB_STLS || (verb == VERB_AUTH && c->phase))
        x->mode = MODE_COMMANDS;
    dialogue_finish(s, c, &reply->first); /* which may free it */
    if (verb == VERB_STLS && ok)
        begin_tls(s);
    else if (verb == VERB_STLS)
        set_starttls(s, STARTTLS_REFUSED);
}

/* The name behind the @ of the timestamp for APOP (RFC 1939 section 7). */
static struct bytes name_in(struct bytes text)
{
    struct bytes stamp = bytes_part(text, bytes_index(text, '<'), text.len);
    stamp = bytes_part(stamp, 0, bytes_index(stamp, '>'));
    return bytes_part(stamp, bytes_index(stamp, '@') + 1, stamp.len);
}

static void greeting(struct session *s, const struct reply *reply)
{
    struct pop3 *x = session_state(s);
    struct bytes name = name_in(reply->text);
    record_text(session_facts(s), F_session_banner, reply->text);
    if (!name.len)
        return;
    set_text(s, &x->server_name, name);
    record_text(session_facts(s), F_session_server_name, name);
}

/* The command below the server's first line, if any: the client did not wait for the greeting, or it was lost. */
static const struct command *asked_early(struct session *s, const struct mark *first)
{
    const struct pop3 *x = session_state(s);
    const struct command *c = dialogue_pending(s, 0);
    return !x->greeted && c && c->begins < first->seen ? c : NULL;
}

static bool asked_for_lines(struct session *s, const struct mark *first)
{
    const struct command *c = asked_early(s, first);
    return c && pop3_brings_lines((enum verb)c->kind, c->phase);
}

/* The first line is the greeting, unless lines follow as they follow the answer to what the client asked. */
static bool is_greeting(struct session *s, struct input *in, const struct reply *reply)
{
    const struct pop3 *x = session_state(s);
    struct line next;
    if (x->greeted || x->lost_any || !session_from_start(s) || reply->answer == ANSWER_CHALLENGE)
        return false;
    if (!asked_early(s, &reply->first))
        return true;
    if (!session_saw_syn(s, SERVER))
        return false; /* nobody knows what was said before */
    return !asked_for_lines(s, &reply->first) || !input_ahead(in, 0, &next) || pop3_is_status(next.text);
}

/* May what answers no command that we saw answer one that we did not see? */
static bool may_be_asked_for(struct session *s, const struct mark *first)
{
    uint64_t start = session_start(s, CLIENT), end = input_end(session_input(s, CLIENT));
    return dialogue_adrift(s) || session_dark(s, CLIENT) || first->seen > (end > start ? end : start);
}

static void take_reply(struct session *s, struct input *in, const struct reply *reply, const struct line *line)
{
    struct pop3 *x = session_state(s);
    bool challenge = reply->answer == ANSWER_CHALLENGE, first = is_greeting(s, in, reply);
    if (!challenge)
        dialogue_count_reply(s, reply->answer == ANSWER_OK ? BYTES("+OK") : BYTES("-ERR"));
    x->greeted = true;
    x->astray = false;
    if (first) {
        greeting(s, reply);
        return;
    }
    struct command *older, *c = dialogue_answers(s, &line->first, challenge ? VERB_AUTH : -1);
    if (!c) {
        session_note(s, may_be_asked_for(s, &line->first) ? NOTE_reply_adrift : NOTE_unsolicited_reply);
        return;
    }
    while ((older = dialogue_pending(s, 0)) != c)
        unanswered(s, older);
    answer(s, c, reply, line);
}

/* What is no reply is the body of one whose command is not known: noted once, passed over up to its dot. */
static void pass_over(struct session *s, const struct line *line)
{
    struct pop3 *x = session_state(s);
    bool ends = bytes_equal(line->text, BYTES("."));
    if (!x->astray && !ends && (line->broken || line->end == LINE_CUT))
        session_note(s, NOTE_reply_cut);
    else if (!x->astray && !ends)
        session_note(s, may_be_asked_for(s, &line->first) ? NOTE_reply_adrift : NOTE_bad_reply);
    x->astray = !ends;
}

/* May the client's side leave unread what stands there? One that does not wait for the word on its AUTH or STLS may
   have heard something else: what it knew does not show that the word came. */
static bool word_may_come(struct session *s)
{
    const struct pop3 *x = session_state(s);
    return session_patient(s, CLIENT) ||
           ((x->mode == MODE_AUTH || x->mode == MODE_TLS) && !x->lost_any && session_expects(s));
}

/* A reply is read behind what its sender had received, so that all it may answer is known; unless the client's side
   itself waits for this very reply. */
static bool must_wait(struct session *s, struct input *in, const struct line *line)
{
    const struct pop3 *x = session_state(s);
    const struct command *c = dialogue_pending(s, 0);
    struct line next;
    struct mark mark;
    bool is_below = c && c->begins < line->first.seen;
    bool waits = !input_unread(session_input(s, CLIENT), &mark) || word_may_come(s);
    bool asked_for = x->mode == MODE_AUTH || x->mode == MODE_TLS || dialogue_full(s);
    if (asked_for && waits && is_below)
        return false;
    if (session_patient(s, SERVER))
        return true;
    return asked_for_lines(s, &line->first) && !input_ahead(in, 1, &next) && body_goes_on(s, in);
}

static void read_server(struct session *s, struct input *in)
{
    struct pop3 *x = session_state(s);
    struct line line;
    struct reply reply;
    bool was_filtered = session_is_filtered(s);
    while (was_filtered == session_is_filtered(s)) { /* else `in` is another one now */
        if (x->body) {
            enum body_state state = body_read(s, x->body, in);
            if (state == BODY_WAITS)
                return;
            end_body(s, state == BODY_ENDS);
            continue;
        }
        if (x->mode == MODE_COMMANDS && client_line_is_tls(s, in, x->said_hello))
            x->mode = MODE_DEAF;
        if (input_ahead(in, 0, &line) && must_wait(s, in, &line))
            return;
        if (!input_line(in, &line))
            return;
        enum answer answer = pop3_reply(&line, &reply);
        if (answer == ANSWER_NONE || (answer == ANSWER_CHALLENGE && x->astray))
            pass_over(s, &line);
        else
            take_reply(s, in, &reply, &line);
    }
}

/* --- commands --- */

static void begin_auth(struct session *s, struct command *c, const struct line *line, struct bytes arg)
{
    struct pop3 *x = session_state(s);
    struct bytes mechanism = bytes_word(&arg), initial = bytes_trim(arg);
    x->secret_zone = true;
    if (!mechanism.len)
        return;
    struct login *l = add_login(s, c, line, mechanism);
    record_text(c->fields, F_command_arg, bytes_of_string(l->sasl.mechanism));
    if (initial.len)
        sasl_client(&l->sasl, initial);
    x->mode = MODE_AUTH;
}

static void begin_apop(struct session *s, struct command *c, const struct line *line, struct bytes arg)
{
    struct bytes user = bytes_word(&arg), digest = bytes_trim(arg);
    struct login *l = add_login(s, c, line, BYTES("APOP"));
    if (!digest.len) { /* what the one word is nobody knows */
        sasl_tell(&l->sasl, none, user, false);
        return;
    }
    record_text(c->fields, F_command_arg, user);
    sasl_tell(&l->sasl, user, digest, false);
}

static void begin_pass(struct session *s, struct command *c, const struct line *line, struct bytes secret)
{
    struct pop3 *x = session_state(s);
    struct login *l = add_login(s, c, line, BYTES("USER"));
    sasl_tell(&l->sasl, x->told.len ? buf_bytes(&x->told) : none, secret, true);
    l->cut = !x->told.len && (x->lost_any || !session_from_start(s)); /* its USER may be among what was lost */
    buf_reset(&x->told);
}

static void make_room(struct session *s)
{
    struct pop3 *x = session_state(s);
    while (dialogue_full(s)) {
        struct command *c = dialogue_pending(s, 0);
        bool replied = x->body && x->body->command == c;
        unanswered(s, c);
        if (!replied)
            dialogue_owe(s);
    }
}

static void command(struct session *s, const struct line *line)
{
    struct pop3 *x = session_state(s);
    struct bytes arg;
    if (client_line_cut(s, line, pop3_is_command(line->text), &x->adrift))
        return;
    if (!client_line_of_hello(line, x->said_hello))
        client_line_early(s, line);
    make_room(s);
    enum verb verb = pop3_verb(line->text, &arg);
    if (verb == VERB_UNKNOWN) {
        client_line_unknown(s, line, VERB_UNKNOWN, &x->secret_zone, x->said_hello, &x->untold);
        return;
    }
    struct command *c = dialogue_command(s, line, (uint16_t)verb, bytes_of_string(pop3_verb_name(verb)));
    client_line_note(s, c, line);
    c->phase = arg.len != 0;
    /* The secret, or what looks like one, may stand alone on the next line. */
    x->secret_zone = verb == VERB_USER || verb == VERB_AUTH || (!arg.len && (verb == VERB_PASS || verb == VERB_APOP));
    if (verb == VERB_AUTH)
        begin_auth(s, c, line, arg);
    else if (verb == VERB_APOP)
        begin_apop(s, c, line, arg);
    else if (verb == VERB_PASS)
        begin_pass(s, c, line, arg);
    else
        arg = client_line_arg(c, arg);
    if (verb == VERB_USER)
        set_text(s, &x->told, arg);
    if (verb == VERB_STLS)
        x->mode = MODE_TLS;
}

/* What stands here waits for the server's word. When there is no more to hope for, its look decides. True: go on. */
static bool decide(struct session *s, struct input *in)
{
    struct pop3 *x = session_state(s);
    struct line line;
    struct mark mark;
    struct command *c;
    if (!input_unread(in, &mark) || word_may_come(s))
        return false;
    size_t here = input_peek(in).len;
    bool whole = input_ahead(in, 0, &line), is_next = whole && pop3_is_command(line.text);
    if (!whole && here && !session_closed(s, CLIENT) && !(x->mode == MODE_TLS && here >= 3))
        return false; /* the rest of the line is to come */
    bool tls = x->mode == MODE_TLS && (!is_next || client_hides_hello(in));
    x->mode = is_next || x->mode == MODE_TLS ? MODE_COMMANDS : MODE_ANSWER;
    if (!tls)
        return true;
    while ((c = dialogue_pending(s, 0)) != NULL)
        unanswered(s, c);
    begin_tls(s);
    return false; /* `in` is another one now */
}

/* Do too many commands wait, whose replies are still to come? */
static bool must_pause(struct session *s, const struct input *in)
{
    struct mark mark;
    return dialogue_full(s) && input_unread(in, &mark) && session_patient(s, CLIENT);
}

static void read_client(struct session *s, struct input *in)
{
    struct pop3 *x = session_state(s);
    struct line line;
    struct chunk chunk;
    bool moved = true, waits;
    while (moved) {
        switch ((enum mode)x->mode) {
        case MODE_COMMANDS:
            client_line_hello(s, in, &x->said_hello);
            waits = must_pause(s, in) || (x->said_hello && session_behind(s, CLIENT));
            if ((moved = !waits && input_line(in, &line)))
                command(s, &line);
            break;
        case MODE_ANSWER:
            if ((moved = input_line(in, &line))) {
                if (x->logins)
                    login_answer(last_login(x), &line);
                x->mode = MODE_AUTH;
            }
            break;
        case MODE_AUTH:
        case MODE_TLS:
            moved = decide(s, in);
            break;
        case MODE_DEAF:
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
        read_server(s, in);
}

static void lost(struct session *s, enum side side, uint64_t len, const struct mark *where)
{
    struct pop3 *x = session_state(s);
    (void)len;
    (void)where;
    x->lost_any = true;
    if ((x->mode == MODE_AUTH || x->mode == MODE_ANSWER) && x->logins) {
        last_login(x)->cut = true;
        if (side == CLIENT)
            sasl_lost(&last_login(x)->sasl);
    }
    if (side == SERVER)
        return;
    x->adrift = true;
    buf_reset(&x->told);
    if (x->mode == MODE_ANSWER)
        x->mode = MODE_AUTH; /* the answer may be among it */
}

/* --- the end --- */

static void close(struct session *s)
{
    struct pop3 *x = session_state(s);
    struct record *facts = session_facts(s);
    struct command *c;
    if (x->body && x->body->content)
        session_note(s, NOTE_content_cut);
    if (x->body)
        end_body(s, false);
    while ((c = dialogue_pending(s, 0)) != NULL)
        unanswered(s, c);
    record_word(facts, F_session_role, "retrieval");
    client_line_write_early(s);
    record_nonzero(facts, F_session_messages, x->messages);
    record_nonzero(facts, F_session_auth_ok, x->counts.succeeded);
    record_nonzero(facts, F_session_auth_failed, x->counts.failed);
    if (x->logged_in && x->user.len)
        record_text(facts, F_session_user, buf_bytes(&x->user));
    if (x->maildrop)
        maildrop_write(x->maildrop, facts);
    free(x->maildrop);
    untold_release(&x->untold);
    buf_release(&x->told);
    buf_release(&x->user);
    buf_release(&x->server_name);
}

static size_t held(struct session *s, bool *busy)
{
    const struct pop3 *x = session_state(s);
    const struct body *b = x->body;
    size_t held = memory_cost(x->told.cap) + memory_cost(x->user.cap) + memory_cost(x->server_name.cap);
    *busy |= b || x->logins;
    held += maildrop_held(x->maildrop);
    held += b ? memory_cost(sizeof *b) + memory_cost(b->caps.cap) + content_held(b->content) : 0;
    for (const struct login *l = x->logins; l; l = l->next)
        held += login_held(l);
    return held + untold_held(&x->untold);
}

static const char *const names[] = {"pop3", NULL};

static const struct port_hint ports[] = {{110, 0, false}, {995, 0, true}, {0}};

const struct dissector pop3_dissector = {
    .names = names,
    .ports = ports,
    .state_size = sizeof(struct pop3),
    .probe = pop3_probe,
    .read = read,
    .lost = lost,
    .held = held,
    .close = close,
};
