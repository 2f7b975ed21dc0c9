/* What commands of IMAP did, now that their replies are known, or that none will come: logins, mailboxes, messages,
   capabilities, and what the dialogue goes on in. */
#include "imap.h"

#include "base/memory.h"
#include "session/filter.h"

#include <stdlib.h>

void imap_text_set(struct session *s, struct buf *b, struct bytes text)
{
    if (!b->max)
        buf_init(b, (size_t)session_limits(s)->text);
    buf_reset(b);
    buf_add(b, text);
}

/* --- what is remembered of commands until their reply --- */

struct request *imap_find_request(const struct imap *x, const struct command *c)
{
    struct request *r = x->requests;
    while (r && r->command != c)
        r = r->next;
    return r;
}

struct request *imap_new_request(struct session *s, struct command *c)
{
    struct imap *x = session_state(s);
    struct request *r = request_new(c, session_limits(s));
    r->next = x->requests;
    x->requests = r;
    return r;
}

static void drop_request(struct imap *x, struct request *r)
{
    struct request **link = &x->requests;
    while (*link != r)
        link = &(*link)->next;
    *link = r->next;
    if (x->sending == r)
        x->sending = NULL;
    request_free(r);
}

struct request *imap_authentication(const struct imap *x)
{
    struct request *r = x->requests;
    while (r && !(r->login && r->command->kind == VERB_AUTHENTICATE))
        r = r->next;
    return r;
}

struct message_facts imap_message_facts(struct session *s)
{
    struct imap *x = session_state(s);
    return (struct message_facts){.index = &x->messages,
                                  .mailbox = buf_bytes(&x->mailbox),
                                  .user = bytes_of(x->user, x->user_len),
                                  .server_name = buf_bytes(&x->server_name),
                                  .logged_in = x->logged_in,
                                  .login_unknown = x->lost_any || !session_from_start(s) || session_dark(s, SERVER) ||
                                                   session_dark(s, CLIENT)};
}

/* --- what a command did, now that its reply is known (null: none was seen) --- */

/* A reply that was not seen: may it have been given all the same? */
static bool accepted(struct session *s, const struct reply *reply)
{
    return reply ? reply->status.result == RESULT_OK : !session_seen_to_end(s, SERVER);
}

/* The list that was told before the login is about to be replaced. */
static void keep_caps(struct session *s, enum field f)
{
    struct record *facts = session_facts(s), *kept = NULL;
    struct entry e;
    size_t at = 0;
    while (record_next(facts, &at, &e)) {
        if (e.end || e.field != f)
            continue;
        if (!kept)
            kept = record_new(KIND_session, session_limits(s));
        record_text(kept, F_session_caps_before_login, e.text);
    }
    if (kept)
        record_join(facts, kept);
    record_free(kept);
}

void imap_caps(struct session *s, struct bytes list, bool cut)
{
    struct imap *x = session_state(s);
    struct record *facts = session_facts(s);
    enum field f = session_encrypted(s) ? F_session_caps_inside : F_session_caps;
    struct bytes word;
    if (x->login_ok && !x->caps_kept)
        keep_caps(s, f);
    x->caps_kept |= x->login_ok;
    record_drop(facts, f);
    record_drop(facts, F_session_caps_unsure);
    if (cut)
        record_flag(facts, F_session_caps_unsure);
    while ((word = bytes_word(&list)).len && !(cut && !list.len)) { /* the last of a cut list may be half a word */
        record_text(facts, f, word);
        x->starttls_offered |= bytes_equal_nocase(word, BYTES("STARTTLS"));
    }
    x->has_caps |= !cut || x->starttls_offered;
}

void imap_code(struct session *s, const struct imap_status *status)
{
    if (bytes_equal_nocase(status->code, BYTES("CAPABILITY")))
        imap_caps(s, status->code_args, status->code_cut);
    else
        imap_code_says(s, status);
}

static void keep_user(struct imap *x, const struct login *l)
{
    struct bytes user;
    free(x->user);
    x->user = NULL;
    x->user_len = 0;
    if (sasl_fact(&l->sasl, SASL_USER, &user) && user.len) {
        x->user = memory_get(user.len);
        memcpy(x->user, user.data, user.len);
        x->user_len = (uint32_t)user.len;
    }
}

static bool is_one_of(struct bytes code, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_equal_nocase(code, bytes_of_string(words[i])))
            return true;
    return false;
}

/* RFC 5530. A BAD to a mechanism or to LOGIN itself says that no login was tried; one to an answer does not. */
static enum login_failure failure_of(const struct request *r, const struct imap_status *status)
{
    static const char *const temporary[] = {"UNAVAILABLE", "SYS/TEMP", "SERVERBUG", "INUSE", "IN-USE", "LIMIT"};
    static const char *const none[] = {"PRIVACYREQUIRED", "LOGINDISABLED", "CANNOT", "CLIENTBUG"};
    static const char *const texts[] = {"unsupported", "not supported", "not available", "not enabled", "disabled"};
    if (is_one_of(status->code, temporary, sizeof temporary / sizeof *temporary))
        return LOGIN_TEMPORARY;
    if (status->result == RESULT_BYE && !status->code.len)
        return LOGIN_TEMPORARY;
    if ((status->result == RESULT_BAD && !r->challenged) || is_one_of(status->code, none, sizeof none / sizeof *none))
        return LOGIN_NOT_OFFERED;
    for (size_t i = 0; !status->code.len && i < sizeof texts / sizeof *texts; i++)
        if (bytes_find_nocase(status->text, bytes_of_string(texts[i])) != SIZE_MAX)
            return LOGIN_NOT_OFFERED;
    return LOGIN_REFUSED;
}

static const char *starttls_now(struct session *s)
{
    struct imap *x = session_state(s);
    if (session_encrypted(s))
        return NULL;
    if (x->starttls_said) /* and yet in clear: refused, or the tap decrypted it */
        return x->starttls_said;
    if (!x->has_caps)
        return NULL;
    return x->starttls_offered ? "offered" : "not_offered";
}

static void did_login(struct session *s, struct command *c, struct request *r, const struct reply *reply)
{
    struct imap *x = session_state(s);
    struct login_reply told = {.seen = reply != NULL};
    if (!r || !r->login)
        return;
    if (reply)
        told = (struct login_reply){.seen = true,
                                    .success = reply->status.result == RESULT_OK,
                                    .failure = failure_of(r, &reply->status),
                                    .rcode = bytes_part(reply->status.code, 0, reply->status.code_cut ? 0 : SIZE_MAX),
                                    .whole = reply->status.whole,
                                    .text = reply->status.text,
                                    .first = reply->first,
                                    .last = reply->last};
    if (told.seen && told.success) {
        x->logged_in = true;
        keep_user(x, r->login);
    }
    bool closed = session_closed(s, CLIENT) && !reply && session_seen_to_end(s, SERVER);
    login_finish(s, r->login, &x->logins, &told, starttls_now(s), c->unsure, closed);
    r->login = NULL;
}

static bool is_listed(struct session *s, struct bytes mailbox)
{
    struct entry e;
    size_t at = 0;
    while (record_next(session_facts(s), &at, &e))
        if (!e.end && e.field == F_session_mailboxes && bytes_equal(e.text, mailbox))
            return true;
    return false;
}

static void opened(struct session *s, const struct command *c, const struct reply *reply)
{
    struct imap *x = session_state(s);
    struct bytes code = reply ? reply->status.code : BYTES("");
    bool told = bytes_equal_nocase(code, BYTES("READ-WRITE")) || bytes_equal_nocase(code, BYTES("READ-ONLY"));
    imap_opened(s, told ? code.len == strlen("READ-ONLY") : c->kind == VERB_EXAMINE);
    struct bytes name = buf_bytes(&x->mailbox);
    if (!is_listed(s, name))
        record_text(session_facts(s), F_session_mailboxes, name);
}

/* A SELECT that fails leaves no mailbox selected, RFC 9051 section 6.3.2. */
static void did_select(struct session *s, const struct request *r, const struct reply *reply)
{
    struct imap *x = session_state(s);
    imap_text_set(s, &x->mailbox, BYTES(""));
    if (x->work)
        x->work->marked = 0;
    if (r && accepted(s, reply) && request_mailbox(r, &x->mailbox))
        opened(s, r->command, reply);
    if (x->work)
        x->work->opening = (struct opening){0};
}

static void did_close(struct session *s, bool expunges)
{
    struct imap *x = session_state(s);
    imap_text_set(s, &x->mailbox, BYTES(""));
    imap_left(s, expunges);
}

static void did_append(struct session *s, struct request *r, const struct reply *reply)
{
    struct message_facts facts = imap_message_facts(s);
    struct buf name;
    if (!r)
        return;
    buf_init(&name, (size_t)session_limits(s)->text + 1);
    request_mailbox(r, &name);
    facts.mailbox = buf_bytes(&name);
    facts.login_unknown |= accepted(s, reply);
    if (reply && accepted(s, reply))
        imap_did_append(s, r);
    imap_appended(s, &facts, r, reply ? &reply->status : NULL, reply ? &reply->first : NULL,
                  reply ? &reply->last : NULL);
    buf_release(&name);
    if (r->overflow)
        session_note(s, NOTE_queue_overflow);
}

static void did(struct session *s, struct command *c, struct request *r, const struct reply *reply)
{
    struct imap *x = session_state(s);
    enum verb verb = (enum verb)c->kind;
    if (verb == VERB_LOGIN || verb == VERB_AUTHENTICATE)
        did_login(s, c, r, reply);
    else if (verb == VERB_SELECT || verb == VERB_EXAMINE)
        did_select(s, r, reply);
    else if (verb == VERB_APPEND)
        did_append(s, r, reply);
    else if ((verb == VERB_CLOSE || verb == VERB_UNSELECT) && accepted(s, reply))
        did_close(s, verb == VERB_CLOSE && reply);
    else if (verb == VERB_UNAUTHENTICATE && reply && accepted(s, reply))
        x->logged_in = false;
    else if (reply && accepted(s, reply))
        imap_did(s, c, r, &reply->first);
}

/* Its tagged reply is here, or none will come. */
void imap_finish(struct session *s, struct command *c, const struct reply *reply)
{
    struct imap *x = session_state(s);
    struct request *r = imap_find_request(x, c);
    if (!reply && c->silent && session_dark(s, SERVER))
        dialogue_proven(c);
    if (r)
        request_tell(r, x->sending != r);
    if (reply) {
        record_word(c->fields, F_command_result, imap_result_name(reply->status.result));
        if (reply->status.code.len && !reply->status.code_cut)
            record_text(c->fields, F_command_rcode, reply->status.code);
        if (!(c->phase & PHASE_HIDDEN) && !record_has(c->fields, F_command_secret)) /* a server may repeat it */
            record_text(c->fields, F_command_text, reply->status.told);
    }
    if (!c->silent)
        did(s, c, r, reply);
    if (r && reply)
        imap_keep_hidden(s, r, reply->status.result == RESULT_OK);
    dialogue_finish(s, c, reply ? &reply->first : NULL);
    if (r)
        drop_request(x, r);
}

/* --- what follows from replies --- */

uint32_t imap_tag_ref(struct bytes tag)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < tag.len; i++)
        h = (h ^ tag.data[i]) * 16777619u;
    return h;
}

/* Replies were lost, and the client had read on behind the loss when it sent this command: those sent before it knew
   that much got theirs there. */
void imap_give_up_before(struct session *s, const struct command *known)
{
    struct imap *x = session_state(s);
    struct command *c;
    if (!x->lost_until || known->first.seen < x->lost_until)
        return;
    while ((c = dialogue_pending(s, 0)) && c != known && c->first.seen < x->lost_until && c->first.at < known->first.at)
        imap_finish(s, c, NULL);
}

void imap_begin_tls(struct session *s)
{
    struct imap *x = session_state(s);
    x->starttls_said = "accepted";
    record_drop(session_facts(s), F_session_starttls);
    record_word(session_facts(s), F_session_starttls, x->starttls_said);
    x->mode = MODE_COMMANDS;
    tls_begin(s, "starttls");
}

void imap_begin_compression(struct session *s)
{
    struct imap *x = session_state(s);
    record_drop(session_facts(s), F_session_compression);
    record_word(session_facts(s), F_session_compression, "deflate");
    x->mode = MODE_COMMANDS;
    session_filter(s, &deflate_filter);
}

/* The reply to what the client waits for: a literal without "+" is refused, and what comes next is a command; unless
   the rest of the command is lost with the "+". */
static void end_wait(struct session *s, const struct command *c, bool ok)
{
    struct imap *x = session_state(s);
    const struct input *client = session_input(s, CLIENT);
    struct mark unread;
    if (x->mode == MODE_LITERAL_ASKED && x->sending && x->sending->command == c) {
        x->sending->cut = ok || (input_unread(client, &unread) && !input_peek(client).len);
        x->mode = MODE_COMMANDS;
    }
    if (c->kind == VERB_AUTHENTICATE && (x->mode == MODE_AUTH || x->mode == MODE_ANSWER))
        x->mode = MODE_COMMANDS;
    if ((c->kind == VERB_STARTTLS || c->kind == VERB_COMPRESS) && x->mode == MODE_LAYER)
        x->mode = MODE_COMMANDS;
}

/* An IDLE that went on and failed without a DONE was ended by the next line, which the server took for that and for
   nothing else. */
static void end_idle(struct session *s, const struct command *idle, const struct reply *reply)
{
    struct command *c;
    size_t at = 0;
    while ((c = dialogue_next(s, &at)) && c != idle)
        ;
    if (c && (c = dialogue_next(s, &at)) && c->begins < reply->first.seen)
        imap_finish(s, c, NULL);
}

void imap_answer(struct session *s, struct command *c, const struct reply *reply)
{
    struct imap *x = session_state(s);
    enum verb verb = (enum verb)c->kind;
    bool ok = reply->status.result == RESULT_OK;
    if (c->silent) {
        dialogue_proven(c);
        x->adrift = false;
    }
    if (x->bye && verb == VERB_LOGOUT && ok)
        x->bye->used_up = true;
    imap_give_up_before(s, c);
    end_wait(s, c, ok);
    if (verb == VERB_IDLE && !ok && !(c->phase & (PHASE_WAITS | PHASE_DONE)))
        end_idle(s, c, reply);
    imap_finish(s, c, reply);
    if (verb == VERB_STARTTLS && ok)
        imap_begin_tls(s);
    else if (verb == VERB_STARTTLS && !record_has(session_facts(s), F_session_starttls))
        record_word(session_facts(s), F_session_starttls, x->starttls_said = "refused");
    else if (verb == VERB_COMPRESS && ok)
        imap_begin_compression(s);
}
