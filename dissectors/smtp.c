/* SMTP and submission (RFC 5321, 6409), LMTP (RFC 2033), with PIPELINING (2920), CHUNKING (3030), AUTH (4954), STARTTLS
   (3207), enhanced status codes (2034) and PRDR.

   The client's side is framing: commands, and the contents that DATA and BDAT announce. What a command did is decided
   when its reply is known, in the order of the commands, as the server did it: so a transaction is what the server
   thinks it is. */
#include "smtp.h"

#include "base/memory.h"
#include "client_line.h"
#include "dissectors.h"
#include "session/filter.h"

#include <stdlib.h>

enum mode {
    MODE_COMMANDS,
    MODE_DATA,    /* DATA was sent: what comes next is content or a command, as the server decides */
    MODE_CONTENT, /* dotted */
    MODE_CHUNK,   /* counted: BDAT, XEXCH50 */
    MODE_AUTH,    /* AUTH or an answer was sent: the next line is an answer or a command */
    MODE_ANSWER,  /* the server asked: the next line is an answer */
    MODE_TLS,     /* STARTTLS was sent */
    MODE_REPLY,   /* a command was sent whose reply decides what comes next: TURN, ATRN, XEXCH50 */
    MODE_DEAF,    /* the client does not speak SMTP any more */
    MODE_IGNORE,  /* no dialogue any more */
};

struct partial_reply {
    struct buf lines;
    struct smtp_reply reply;
};

struct smtp {
    struct transaction *open;
    struct upload *uploads;      /* the newest first */
    struct upload *upload;       /* the one being sent; in the list */
    struct partial_reply *reply; /* a reply of several lines, not whole yet */
    struct login *login;
    uint8_t *user; /* who logged in */
    struct buf helo, server_name;
    struct untold untold;
    const char *starttls; /* as records have it; null until it was tried */
    uint64_t chunk_left;
    uint64_t early;
    uint64_t replied; /* place of the first octet of the last reply that ended a command */
    uint32_t user_len, messages, next_upload;
    uint32_t rcpt_ok, rcpt_rejected, vrfy_ok, vrfy_unsure, vrfy_rejected, expn_ok, expn_rejected;
    struct login_counts logins;
    uint8_t mode;
    bool caps_known; /* the last EHLO or HELO was answered, and the answer is whole */
    bool pipelining_offered, greeted, logged_in, secret_zone, doubt, chunk_last, prdr, starttls_offered, smuggling,
        lost_any, lost_replies, adrift;
};

static const char *const verb_names[] = {
    "?",
#define VERB(id, text) text,
#include "smtp_verbs.def"
#undef VERB
};

static const struct smtp_reply no_such_reply = {0};

/* --- lines --- */

enum verb smtp_verb(struct bytes line, struct bytes *arg)
{
    while (line.len && line.data[line.len - 1] == '\r')
        line.len--; /* CR CRLF */
    struct bytes rest = line, word = bytes_word(&rest);
    *arg = bytes_trim(rest);
    for (unsigned v = 1; v < sizeof verb_names / sizeof *verb_names; v++)
        if (bytes_equal_nocase(word, bytes_of_string(verb_names[v])))
            return (enum verb)v;
    return VERB_UNKNOWN;
}

bool smtp_is_command(struct bytes line)
{
    struct bytes arg;
    switch (smtp_verb(line, &arg)) {
    case VERB_MAIL:
        return bytes_starts_nocase(arg, BYTES("FROM:"));
    case VERB_RCPT:
        return bytes_starts_nocase(arg, BYTES("TO:"));
    case VERB_HELO:
    case VERB_EHLO:
    case VERB_LHLO:
    case VERB_VRFY:
    case VERB_EXPN:
    case VERB_ETRN:
    case VERB_AUTH:
    case VERB_XCLIENT:
    case VERB_XFORWARD:
    case VERB_BURL:
        return arg.len && arg.len < 512;
    case VERB_BDAT:
        return arg.len && byte_is_digit(arg.data[0]);
    case VERB_DATA:
    case VERB_RSET:
    case VERB_QUIT:
    case VERB_STARTTLS:
    case VERB_TURN:
    case VERB_X_ANONYMOUSTLS:
        return !arg.len;
    case VERB_NOOP:
    case VERB_HELP:
        return arg.len < 80;
    case VERB_UNKNOWN:
    case VERB_ATRN:
    case VERB_SEND:
    case VERB_SOML:
    case VERB_SAML:
    case VERB_X_EXPS:
    case VERB_XEXCH50:
    case VERB_X_LINK2STATE:
        return false;
    }
    return false;
}

bool smtp_reply_line(struct bytes line, uint32_t *code, bool *last, struct bytes *text)
{
    if (line.len < 3 || !byte_is_digit(line.data[0]) || !byte_is_digit(line.data[1]) || !byte_is_digit(line.data[2]))
        return false;
    if (line.len > 3 && line.data[3] != ' ' && line.data[3] != '-' && line.data[3] != '\t')
        return false;
    *code = (uint32_t)(line.data[0] - '0') * 100 + (uint32_t)(line.data[1] - '0') * 10 + (uint32_t)(line.data[2] - '0');
    if (!*code)
        *code = 1000;
    *last = line.len == 3 || line.data[3] != '-';
    *text = bytes_part(line, 4, line.len);
    return true;
}

struct bytes smtp_status(struct bytes *text)
{
    size_t n = 0, dots = 0, digits = 0;
    const struct bytes none = {text->data, 0};
    if (text->len < 5 || !memchr("245", text->data[0], 3) || text->data[1] != '.')
        return none;
    for (; n < text->len && text->data[n] != ' '; n++) {
        if (text->data[n] == '.') {
            if (!digits)
                return none;
            dots++;
            digits = 0;
        } else if (!byte_is_digit(text->data[n]) || ++digits > 3) {
            return none;
        }
    }
    if (dots != 2 || !digits)
        return none;
    struct bytes status = bytes_part(*text, 0, n);
    *text = bytes_part(*text, n < text->len ? n + 1 : n, text->len);
    return status;
}

/* The text of a reply without the enhanced status code of its first line, wherever a line has that; lines joined by LF.
 */
static void reply_text(const struct smtp_reply *reply, struct buf *text)
{
    struct bytes rest = reply->lines, first = {0};
    for (bool begun = false; rest.len; begun = true) {
        struct bytes line = bytes_part(rest, 0, bytes_index(rest, '\n')), plain = line;
        struct bytes status = smtp_status(&plain);
        bool strip = !begun || bytes_equal(status, first);
        if (begun)
            buf_add_byte(text, '\n');
        else
            first = status;
        buf_add(text, strip ? plain : line);
        rest = bytes_part(rest, line.len + 1, rest.len);
    }
}

/* A buf that is all zero gets its maximum with its first text. */
static void set_text(struct session *s, struct buf *b, struct bytes text)
{
    if (!b->max)
        buf_init(b, (size_t)session_limits(s)->text);
    buf_reset(b);
    buf_add(b, text);
}

static bool is_lmtp(const struct session *s)
{
    return session_is_proto(s, "lmtp");
}

/* --- probing --- */

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

static enum probe probe_client(struct bytes client)
{
    struct bytes arg, line = bytes_part(client, 0, bytes_index(client, '\n'));
    bool whole = line.len < client.len;
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    if (bytes_starts_nocase(line, BYTES("USER ")))
        return PROBE_NO; /* FTP's first, and POP3's */
    if (whole && smtp_is_command(line) && smtp_verb(line, &arg) != VERB_HELP && smtp_verb(line, &arg) != VERB_NOOP &&
        smtp_verb(line, &arg) != VERB_QUIT && smtp_verb(line, &arg) != VERB_AUTH)
        return PROBE_MATCH;
    return PROBE_UNSURE;
}

static enum probe probe(struct bytes client, struct bytes server)
{
    for (size_t i = 0; i < server.len && i < 3; i++)
        if (!byte_is_digit(server.data[i]))
            return PROBE_NO;
    enum probe greeting = probe_greeting(server);
    return greeting == PROBE_UNSURE ? probe_client(client) : greeting;
}

/* --- contents --- */

static struct upload *upload_new(struct session *s, bool bdat)
{
    struct smtp *x = session_state(s);
    struct upload *u = memory_get(sizeof *u);
    u->content = content_new(session_limits(s));
    u->id = ++x->next_upload;
    u->bdat = bdat;
    u->next = x->uploads;
    x->uploads = u;
    x->upload = u;
    return u;
}

static void upload_free(struct smtp *x, struct upload *u)
{
    struct upload **link = &x->uploads;
    while (*link != u)
        link = &(*link)->next;
    *link = u->next;
    if (x->upload == u)
        x->upload = NULL;
    content_free(u->content);
    record_free(u->odd);
    free(u);
}

static struct upload *find_upload(struct smtp *x, uint32_t id)
{
    struct upload *u = x->uploads;
    while (u && u->id != id)
        u = u->next;
    return u;
}

static void push(struct upload *u, const struct chunk *chunk)
{
    content_push(u->content, chunk->bytes.data, chunk->bytes.len);
    u->last = chunk->last;
    if (chunk->bytes.data)
        u->knew = chunk->last.seen;
}

/* --- transactions --- */

static void end_transaction(struct session *s, const struct smtp_reply *reply, const char *ended_by)
{
    struct smtp *x = session_state(s);
    struct transaction *t = x->open;
    if (!t)
        return;
    if (t->unproven && !t->rcpt_count &&
        !t->upload) { /* nothing shows that its MAIL was accepted, or led to anything */
        transaction_free(t);
        x->open = NULL;
        return;
    }
    struct message_facts facts = {.ended_by = ended_by,
                                  .server_closed = session_seen_to_end(s, SERVER) && !x->lost_any,
                                  .lost = x->lost_any,
                                  .lmtp = is_lmtp(s),
                                  .helo = buf_bytes(&x->helo),
                                  .server_name = buf_bytes(&x->server_name),
                                  .logged_in = x->logged_in,
                                  .login_unknown = x->lost_any || !session_from_start(s),
                                  .user = bytes_of(x->user, x->user_len),
                                  .index = ++x->messages};
    transaction_write(s, t, reply, &facts);
    if (t->upload)
        upload_free(x, t->upload);
    transaction_free(t);
    x->open = NULL;
    x->prdr = false;
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

static void link_upload(struct session *s, struct command *c)
{
    struct smtp *x = session_state(s);
    struct upload *u = find_upload(x, c->ref);
    if (u && x->open)
        x->open->upload = u;
    else if (u && !u->counted)
        session_note(s, NOTE_content_without_mail);
    if (u)
        u->counted = true;
}

/* --- what a command did, now that its reply is known (code 0: it is not) --- */

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
            set_text(s, &x->server_name, word);
        x->starttls_offered |= !first && bytes_equal_nocase(word, BYTES("STARTTLS"));
        x->pipelining_offered |= !first && bytes_equal_nocase(word, BYTES("PIPELINING"));
        first = false;
    }
}

static void did_helo(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    struct record *facts = session_facts(s);
    if (!accepted(s, reply))
        return;
    end_transaction(s, &no_such_reply, "helo");
    struct bytes arg = command_arg(c);
    record_drop(facts, F_session_helo);
    record_drop(facts, F_session_helo_verb);
    if (arg.len)
        record_text(facts, F_session_helo, arg);
    record_word(facts, F_session_helo_verb, verb_names[c->kind]);
    set_text(s, &x->helo, arg);
    session_named(s, c->kind == VERB_LHLO);
    x->starttls_offered = x->pipelining_offered = false;
    x->caps_known = c->kind == VERB_HELO && reply->code;
    if (c->kind != VERB_HELO && reply->code)
        take_caps(s, reply);
}

static void did_mail(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    if (!accepted(s, reply))
        return;
    end_transaction(s, &no_such_reply, "mail");
    x->open = transaction_new(c);
    x->open->unproven = !reply->code;
    x->open->smuggled = x->smuggling;
    x->prdr = bytes_find_nocase(command_arg(c), BYTES(" PRDR")) != SIZE_MAX;
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
    if (x->open)
        transaction_rcpt(x->open, c, reply, session_limits(s));
}

static const char *starttls(const struct smtp *x)
{
    if (x->starttls)
        return x->starttls;
    return x->starttls_offered ? "offered" : x->caps_known ? "not_offered" : NULL;
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

static void logged_in(struct smtp *x)
{
    struct bytes user;
    x->logged_in = true;
    free(x->user);
    x->user = NULL;
    x->user_len = 0;
    if (sasl_fact(&x->login->sasl, SASL_USER, &user)) {
        x->user = memory_get(user.len);
        memcpy(x->user, user.data, user.len);
        x->user_len = (uint32_t)user.len;
    }
}

static void did_login(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    if (!x->login)
        return;
    struct bytes line = bytes_part(reply->lines, 0, bytes_index(reply->lines, '\n'));
    struct buf whole, text;
    buf_init(&whole, reply->lines.len + 8);
    buf_init(&text, reply->lines.len);
    buf_printf(&whole, "%03u ", (unsigned)reply->code % 1000);
    buf_add(&whole, reply->lines);
    reply_text(reply, &text);
    struct login_reply r = {.seen = reply->code != 0,
                            .success = smtp_is_ok(reply->code),
                            .failure = login_failure(reply->code),
                            .code = smtp_code_is_known(reply->code) ? reply->code : 0,
                            .status = smtp_status(&line),
                            .whole = buf_bytes(&whole),
                            .text = buf_bytes(&text),
                            .first = reply->first,
                            .last = reply->last};
    if (r.success)
        logged_in(x);
    bool closed = session_closed(s, CLIENT) && !reply->code && session_seen_to_end(s, SERVER);
    login_finish(s, x->login, &x->logins, &r, starttls(x), c->unsure, closed);
    x->login = NULL;
    buf_release(&whole);
    buf_release(&text);
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

static void did(struct session *s, struct command *c, const struct smtp_reply *reply)
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
            end_transaction(s, &no_such_reply, "rset");
        break;
    case VERB_QUIT:
        if (accepted(s, reply))
            end_transaction(s, &no_such_reply, "quit");
        break;
    case VERB_AUTH:
    case VERB_X_EXPS:
        did_login(s, c, reply);
        break;
    case VERB_VRFY:
    case VERB_EXPN:
        count_verify(x, c, reply->code);
        break;
    case VERB_DATA:
        if (!c->phase && smtp_is_refusal(reply->code) && x->open)
            x->open->content_refused = true;
        break;
    case VERB_BDAT:
        if (c->ref && smtp_is_refusal(reply->code) && x->open)
            x->open->content_refused = true;
        break;
    case VERB_BURL:
        if (reply->code && c->phase)
            end_transaction(s, reply, "data");
        break;
    case VERB_TURN:
    case VERB_ATRN:
        if (smtp_is_ok(reply->code)) {
            session_note(s, NOTE_roles_turned);
            x->mode = MODE_IGNORE;
        }
        break;
    case VERB_UNKNOWN:
    case VERB_NOOP:
    case VERB_HELP:
    case VERB_STARTTLS:
    case VERB_X_ANONYMOUSTLS:
    case VERB_ETRN:
    case VERB_XCLIENT:
    case VERB_XFORWARD:
    case VERB_XEXCH50:
    case VERB_X_LINK2STATE:
        break;
    }
}

static bool has_secret(const struct command *c)
{
    return record_has(c->fields, F_command_secret);
}

/* The lines that fit go into `text`, the others into `more`. */
static void write_text(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    record_number(c->fields, F_command_lines, reply->count);
    bool repeated = c->kind == VERB_UNKNOWN && untold_repeated(&x->untold, c->ref, reply->lines);
    if (has_secret(c) || repeated)
        return; /* a server may repeat what it was sent */
    struct buf plain;
    buf_init(&plain, reply->lines.len);
    reply_text(reply, &plain);
    struct bytes text = buf_bytes(&plain);
    size_t most = (size_t)session_limits(s)->text, fits = text.len;
    while (fits > most) {
        size_t cut = fits;
        while (cut && text.data[cut - 1] != '\n')
            cut--;
        if (!cut)
            break;
        fits = cut - 1;
    }
    if (text.len)
        record_text(c->fields, F_command_text, bytes_part(text, 0, fits));
    struct bytes rest = bytes_part(text, fits + 1, text.len);
    while (rest.len) {
        size_t end = bytes_index(rest, '\n');
        record_text(c->fields, F_command_more, bytes_part(rest, 0, end));
        rest = bytes_part(rest, end + 1, rest.len);
    }
    buf_release(&plain);
}

static void write_code(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct bytes text = bytes_part(reply->lines, 0, bytes_index(reply->lines, '\n'));
    if (smtp_code_is_known(reply->code)) {
        record_number(c->fields, F_command_code, reply->code);
    } else {
        session_note(s, NOTE_bad_reply);
        record_word(c->fields, F_command_noted, "bad_reply");
    }
    struct bytes status = smtp_status(&text);
    if (status.len)
        record_text(c->fields, F_command_status, status);
    write_text(s, c, reply);
}

/* Where acknowledgments mean nothing they all are as the first: then nothing is known. */
static void note_pipelined(struct session *s, struct command *c)
{
    struct smtp *x = session_state(s);
    if (!x->caps_known || x->pipelining_offered || !x->replied || c->silent || c->first.seen > x->replied ||
        c->first.seen <= session_start(s, SERVER) || !session_acks_usable(s, CLIENT))
        return;
    session_note(s, NOTE_pipelined_without_offer);
    record_word(c->fields, F_command_noted, "pipelined_without_offer");
}

/* Its last reply was seen. Was the next command sent before its sender had received that one? */
static void finish(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    struct command *next = dialogue_pending(s, 1);
    x->replied = reply->first.at;
    if (next)
        note_pipelined(s, next);
    dialogue_finish(s, c, &reply->first);
}

/* No reply to it was seen and none will be. */
static void unanswered(struct session *s, struct command *c)
{
    struct smtp *x = session_state(s);
    if (c->kind == VERB_UNKNOWN)
        untold_repeated(&x->untold, c->ref, bytes_of("", 0));
    if (c->kind == VERB_DATA && c->phase) {
        did(s, c, &no_such_reply);
        if (x->open && x->open->upload && x->open->upload->id == c->ref)
            end_transaction(s, &no_such_reply, x->open->upload->ended ? "data" : "close");
    } else if (c->kind == VERB_BDAT) {
        link_upload(s, c);
        if (c->phase)
            end_transaction(s, &no_such_reply, "data");
    } else {
        did(s, c, &no_such_reply);
    }
    dialogue_finish(s, c, NULL);
}

static void finish_with(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    write_code(s, c, reply);
    did(s, c, reply);
    finish(s, c, reply);
}

/* --- replies --- */

static void begin_content(struct session *s, struct command *c)
{
    struct smtp *x = session_state(s);
    struct upload *u = upload_new(s, false);
    u->last = c->last;
    u->knew = UINT64_MAX; /* until there is content: what its sender had received is not known */
    c->phase = 1;
    c->ref = u->id;
    c->begins = UINT64_MAX;
    link_upload(s, c);
    x->mode = MODE_CONTENT;
}

/* The reply to a content: one for each accepted recipient in LMTP; one for each and one more with PRDR. */
static void content_reply(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    if (c->kind == VERB_BDAT && !record_has(c->fields, F_command_code))
        write_code(s, c, reply);
    if (c->kind == VERB_BDAT)
        link_upload(s, c);
    if (x->open && is_lmtp(s) && transaction_rcpt_final(x->open, reply, c->unsure)) {
        if (transaction_waiting(x->open))
            return;
        end_transaction(s, &no_such_reply, "data");
        finish(s, c, reply);
        return;
    }
    if (x->open && x->prdr && reply->code == 353) {
        x->open->rcpt_next = 0;
        c->phase = 2;
        return;
    }
    if (x->open && c->phase == 2 && transaction_rcpt_final(x->open, reply, c->unsure))
        return;
    if (c->kind == VERB_DATA) {
        struct bytes text = bytes_part(reply->lines, 0, bytes_index(reply->lines, '\n'));
        if (smtp_code_is_known(reply->code))
            record_number(c->fields, F_command_final_code, reply->code);
        struct bytes status = smtp_status(&text);
        if (status.len)
            record_text(c->fields, F_command_final_status, status);
    }
    end_transaction(s, reply, "data");
    finish(s, c, reply);
}

static void begin_tls(struct session *s)
{
    struct smtp *x = session_state(s);
    x->starttls = "accepted";
    x->mode = MODE_COMMANDS;
    x->caps_known = false;
    session_filter(s, &tls_filter);
}

static void answer(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    if (x->mode == MODE_REPLY && (c->kind == VERB_TURN || c->kind == VERB_ATRN || c->kind == VERB_XEXCH50))
        x->mode = MODE_COMMANDS;
    switch ((enum verb)c->kind) {
    case VERB_DATA:
        if (c->phase) {
            content_reply(s, c, reply);
            return;
        }
        if (x->mode == MODE_DATA)
            x->mode = MODE_COMMANDS;
        if (reply->code == 354) {
            write_code(s, c, reply);
            begin_content(s, c);
            return;
        }
        break;
    case VERB_BDAT:
        if (c->phase && smtp_is_ok(reply->code)) {
            content_reply(s, c, reply);
            return;
        }
        link_upload(s, c);
        if (c->phase) {
            content_reply(s, c, reply);
            return;
        }
        break;
    case VERB_AUTH:
    case VERB_X_EXPS:
        if (reply->code == 334 && x->login) {
            sasl_server(&x->login->sasl, reply->lines);
            x->mode = MODE_ANSWER;
            c->begins = UINT64_MAX; /* what comes next answers the client's next line */
            return;
        }
        if (x->mode == MODE_AUTH || x->mode == MODE_ANSWER)
            x->mode = MODE_COMMANDS;
        break;
    case VERB_STARTTLS:
    case VERB_X_ANONYMOUSTLS:
        finish_with(s, c, reply);
        if (x->mode == MODE_TLS)
            x->mode = MODE_COMMANDS;
        if (reply->code == 220)
            begin_tls(s);
        else if (!x->starttls)
            x->starttls = "refused";
        return;
    case VERB_XEXCH50:
        if (reply->code == 354 && !c->phase) {
            c->phase = 1;
            c->begins = x->chunk_left ? UINT64_MAX : c->begins;
            x->mode = MODE_CHUNK;
            return;
        }
        break;
    default:
        break;
    }
    finish_with(s, c, reply);
}

static void greeting(struct session *s, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    struct record *facts = session_facts(s);
    struct bytes first = bytes_part(reply->lines, 0, bytes_index(reply->lines, '\n')), rest = first;
    x->greeted = true;
    record_text(facts, F_session_banner, first);
    struct bytes name = bytes_word(&rest);
    if (reply->code == 220 && name.len) {
        record_text(facts, F_session_server_name, name);
        set_text(s, &x->server_name, name);
    }
}

/* The command whose content or answer the server does not wait for the end of. */
static struct command *interrupted(struct session *s, const struct smtp_reply *reply)
{
    struct command *c = dialogue_pending(s, 0);
    return c && c->begins == UINT64_MAX && c->first.at < reply->first.seen ? c : NULL;
}

/* A reply where the content goes on behind lost octets: its end was among them, unless the server gave up. */
static void end_lost_content(struct session *s, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    struct input *client = session_input(s, CLIENT);
    if (x->mode == MODE_CONTENT && input_is_behind_gap(client) && reply->code != 421)
        input_settle(client, true);
}

static bool is_greeting(struct session *s, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    if (x->greeted || x->lost_replies)
        return false;
    if (!session_from_start(s))
        return reply->code == 220 && !dialogue_pending(s, 0);
    struct command *c = dialogue_pending(s, 0);
    return reply->code == 220 || smtp_is_refusal(reply->code) || !c || c->begins >= reply->first.seen;
}

/* The verb that alone can have this reply, else -1. */
static int only_verb(uint32_t code)
{
    switch (code) {
    case 220:
        return VERB_STARTTLS;
    case 221:
        return VERB_QUIT;
    case 235:
    case 334:
    case 535:
        return VERB_AUTH;
    case 354:
        return VERB_DATA;
    default:
        return -1;
    }
}

/* LMTP, with replies lost: how many the content still gets is not known. Is this one the next command's? It is where
   its code is that command's alone, or the client had the earlier ones when it sent that command. */
static bool is_behind_content(struct session *s, const struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    const struct command *next = dialogue_pending(s, 1);
    bool content = (c->kind == VERB_DATA && c->phase) || (c->kind == VERB_BDAT && c->phase);
    if (!is_lmtp(s) || !content || !x->open || !x->open->replies_lost || !next || next->begins >= reply->first.seen)
        return false;
    if (only_verb(reply->code) >= 0)
        return next->kind == only_verb(reply->code);
    return next->first.seen > c->last.seen && reply->first.at >= next->first.seen;
}

static void take_reply(struct session *s, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    char code[4] = {(char)('0' + reply->code / 100 % 10), (char)('0' + reply->code / 10 % 10),
                    (char)('0' + reply->code % 10), 0};
    dialogue_count_reply(s, bytes_of_string(code));
    if (is_greeting(s, reply)) {
        greeting(s, reply);
        return;
    }
    if (!x->greeted && !session_from_start(s) && reply->code >= 400) {
        x->greeted = true; /* the greeting itself, or an answer: joined midway, nobody knows */
        session_note(s, NOTE_reply_adrift);
        return;
    }
    x->greeted = true;
    struct command *older, *c = dialogue_answers(s, &reply->first, only_verb(reply->code));
    if (!c && (c = interrupted(s, reply)) != NULL)
        end_lost_content(s, reply);
    if (!c) {
        session_note(s, dialogue_adrift(s) || session_dark(s, CLIENT) ? NOTE_reply_adrift : NOTE_unsolicited_reply);
        return;
    }
    while ((older = dialogue_pending(s, 0)) != c)
        unanswered(s, older);
    if (is_behind_content(s, c, reply)) {
        unanswered(s, c);
        if (!(c = dialogue_answers(s, &reply->first, only_verb(reply->code)))) {
            session_note(s, NOTE_reply_adrift);
            return;
        }
    }
    answer(s, c, reply);
}

static void partial_free(struct smtp *x)
{
    if (!x->reply)
        return;
    buf_release(&x->reply->lines);
    free(x->reply);
    x->reply = NULL;
}

static void finish_partial(struct session *s)
{
    struct smtp *x = session_state(s);
    struct partial_reply *p = x->reply;
    p->reply.lines = buf_bytes(&p->lines);
    x->reply = NULL; /* it is not looked at from within */
    take_reply(s, &p->reply);
    x->reply = p;
    partial_free(x);
}

/* Behind lost octets: a reply that goes on, or another one? Another, if its sender had received more since: a reply is
   sent in one go. */
static bool is_later_reply(const struct smtp *x, const struct line *line)
{
    return line->first.seen > x->reply->reply.first.seen;
}

static void take_reply_line(struct session *s, const struct line *line)
{
    struct smtp *x = session_state(s);
    uint32_t code;
    bool last;
    struct bytes text;
    bool is_reply = smtp_reply_line(line->text, &code, &last, &text);
    if (!is_reply || (line->broken && !smtp_code_is_known(code))) {
        if (line->broken || line->end == LINE_CUT) {
            session_note(s, NOTE_reply_cut);
            return;
        }
        session_note(s, NOTE_bad_reply);
        if (!x->reply)
            return;
        text = line->text; /* some servers forget the code on the lines between */
        code = x->reply->reply.code;
        last = false;
    }
    if (x->reply && x->reply->reply.cut && (x->reply->reply.code != code || is_later_reply(x, line)))
        finish_partial(s);
    if (!x->reply && last) {
        struct smtp_reply reply = {.code = code, .lines = text, .count = 1, .first = line->first, .last = line->last};
        take_reply(s, &reply);
        return;
    }
    if (!x->reply) {
        x->reply = memory_get(sizeof *x->reply);
        buf_init(&x->reply->lines, session_limits(s)->line);
        x->reply->reply = (struct smtp_reply){.code = code, .first = line->first};
    }
    struct smtp_reply *r = &x->reply->reply;
    if (r->code != code)
        session_note(s, NOTE_code_mismatch);
    if (r->count++)
        buf_add_byte(&x->reply->lines, '\n');
    if (line->end != LINE_CUT) /* half a line would be told as a whole one */
        buf_add(&x->reply->lines, text);
    r->last = line->last;
    if (last)
        finish_partial(s);
}

/* A reply is read behind what its sender had received, so that all it may answer is known; unless the client's side
   itself waits for this very reply. */
static bool must_wait(struct session *s, const struct line *line)
{
    struct smtp *x = session_state(s);
    if (x->doubt)
        return true; /* the client's side decides, looking at what stands here */
    struct command *c = dialogue_pending(s, 0);
    struct mark mark;
    bool asked_for = x->mode == MODE_DATA || x->mode == MODE_AUTH || x->mode == MODE_TLS || x->mode == MODE_REPLY;
    bool waits = !input_unread(session_input(s, CLIENT), &mark) || session_patient(s, CLIENT);
    if (asked_for && waits && c && c->begins < line->first.seen)
        return false;
    return session_patient(s, SERVER);
}

static void read_server(struct session *s, struct input *in)
{
    struct smtp *x = session_state(s);
    struct line line;
    struct chunk chunk;
    unsigned layers_changed = 0;
    while (!layers_changed) {
        if (x->mode == MODE_IGNORE) {
            if (!input_take(in, UINT64_MAX, &chunk))
                return;
            continue;
        }
        if (input_ahead(in, 0, &line) && must_wait(s, &line))
            return;
        if (!input_line(in, &line))
            return;
        bool was_tls = session_is_filtered(s);
        take_reply_line(s, &line);
        layers_changed = was_tls != session_is_filtered(s); /* `in` is another one now */
    }
}

/* --- commands --- */

/* A new AUTH was sent: the one before, if it is open still, will get no answer any more. */
static void finish_login(struct session *s, const struct command *next)
{
    struct smtp *x = session_state(s);
    struct command *c;
    for (size_t n = 0; x->login && (c = dialogue_pending(s, n)) != NULL && c != next; n++) {
        if (c->kind == VERB_AUTH || c->kind == VERB_X_EXPS) {
            unanswered(s, c);
            return;
        }
    }
}

/* BURL (RFC 4468). Returns what may be told of its argument: whoever has the URL's authorization (RFC 4467) may fetch
   what it names. */
static struct bytes begin_burl(struct command *c, struct bytes arg)
{
    size_t at = bytes_find_nocase(arg, BYTES("URLAUTH="));
    c->phase = arg.len > 5 && bytes_equal_nocase(bytes_part(arg, arg.len - 5, 5), BYTES(" LAST"));
    if (at == SIZE_MAX)
        return arg;
    record_flag(c->fields, F_command_secret);
    return bytes_part(arg, 0, at);
}

static void begin_login(struct session *s, struct command *c, const struct line *line, struct bytes arg)
{
    struct smtp *x = session_state(s);
    struct bytes mechanism = bytes_word(&arg), initial = bytes_trim(arg);
    x->secret_zone = true;
    if (!mechanism.len)
        return;
    finish_login(s, c);
    x->login = login_new(line, mechanism);
    record_text(c->fields, F_command_arg, bytes_of_string(x->login->sasl.mechanism));
    record_flag(c->fields, F_command_secret);
    if (initial.len)
        sasl_client(&x->login->sasl, initial);
    x->mode = MODE_AUTH;
}

static void answer_login(struct session *s, const struct line *line)
{
    struct smtp *x = session_state(s);
    struct command *c;
    if (x->login)
        login_answer(x->login, line);
    for (size_t n = 0; (c = dialogue_pending(s, n)) != NULL; n++)
        if (c->begins == UINT64_MAX && (c->kind == VERB_AUTH || c->kind == VERB_X_EXPS))
            c->begins = line->first.at;
    x->mode = MODE_AUTH;
}

/* XEXCH50 <size> <recipients>: so many octets follow once the server says 354. */
static void begin_xexch50(struct smtp *x, struct bytes arg)
{
    if (!bytes_number(&arg, &x->chunk_left))
        x->chunk_left = 0;
}

static void begin_chunk(struct session *s, struct command *c, struct bytes arg)
{
    struct smtp *x = session_state(s);
    uint64_t size = 0;
    if (!bytes_number(&arg, &size) || (arg.len && arg.data[0] != ' ' && arg.data[0] != '\t')) {
        session_note(s, NOTE_bdat_bad_size);
        record_word(c->fields, F_command_noted, "bdat_bad_size");
        return;
    }
    struct upload *upload = x->upload ? x->upload : upload_new(s, true);
    upload->last = c->last;
    c->ref = upload->id;
    if (size)
        c->begins = UINT64_MAX; /* its reply comes behind the chunk */
    x->chunk_left = size;
    x->chunk_last = bytes_equal_nocase(bytes_trim(arg), BYTES("LAST"));
    c->phase = x->chunk_last;
    x->mode = MODE_CHUNK;
}

static void upload_ended(struct smtp *x, const struct mark *last)
{
    if (!x->upload)
        return;
    x->upload->ended = true;
    x->upload->last = *last;
    x->upload = NULL;
}

static void make_room(struct session *s)
{
    while (dialogue_full(s)) {
        unanswered(s, dialogue_pending(s, 0));
        dialogue_owe(s);
    }
}

static void opened(struct session *s, struct command *c, const struct line *line, enum verb verb, struct bytes arg)
{
    struct smtp *x = session_state(s);
    switch (verb) {
    case VERB_AUTH:
    case VERB_X_EXPS:
        begin_login(s, c, line, arg);
        return;
    case VERB_DATA:
        x->mode = MODE_DATA;
        break;
    case VERB_BDAT:
        begin_chunk(s, c, arg);
        break;
    case VERB_STARTTLS:
    case VERB_X_ANONYMOUSTLS:
        x->mode = MODE_TLS;
        break;
    case VERB_BURL:
        arg = begin_burl(c, arg);
        break;
    case VERB_XEXCH50:
        begin_xexch50(x, arg);
        x->mode = MODE_REPLY;
        break;
    case VERB_TURN:
    case VERB_ATRN:
        x->mode = MODE_REPLY;
        break;
    default:
        break;
    }
    if (verb == VERB_RSET || verb == VERB_HELO || verb == VERB_EHLO || verb == VERB_LHLO || verb == VERB_MAIL)
        x->upload = NULL; /* a content of BDATs without LAST goes no further */
    if (arg.len)
        record_text(c->fields, F_command_arg, arg);
}

static struct command *new_command(struct session *s, const struct line *line)
{
    struct smtp *x = session_state(s);
    struct bytes arg;
    enum verb verb = smtp_verb(line->text, &arg);
    if (verb != VERB_UNKNOWN) {
        x->secret_zone = false;
        struct command *c = dialogue_command(s, line, (uint16_t)verb, bytes_of_string(verb_names[verb]));
        client_line_note(s, c, line);
        opened(s, c, line, verb, arg);
        return c;
    }
    struct bytes rest = line->text;
    bytes_word(&rest);
    struct command *c = client_line_unknown(s, line, VERB_UNKNOWN, x->secret_zone);
    c->ref = untold_add(&x->untold, rest);
    x->secret_zone |= untold_is_login(line->text);
    return c;
}

static void command(struct session *s, const struct line *line)
{
    struct smtp *x = session_state(s);
    if (client_line_cut(s, line, smtp_is_command(line->text), &x->adrift))
        return;
    client_line_early(s, line, &x->early);
    make_room(s);
    struct command *c = new_command(s, line);
    if (dialogue_pending(s, 0) == c)
        note_pipelined(s, c);
}

/* --- contents, as they come --- */

static void note_odd(struct session *s, unsigned odd)
{
    if (odd & 1u << ODD_BARE_LF)
        session_note(s, NOTE_bare_lf);
    if (odd & 1u << ODD_BARE_CR)
        session_note(s, NOTE_bare_cr);
    if (odd & 1u << ODD_NUL)
        session_note(s, NOTE_nul_octet);
}

static void tell_odd_end(struct session *s, const struct chunk *chunk, const struct eod_finding *found)
{
    struct smtp *x = session_state(s);
    struct upload *u = x->upload;
    session_note(s, NOTE_eod_odd);
    if (found->commands)
        session_note(s, NOTE_smuggling_suspect);
    if (!u->odd)
        u->odd = record_new(KIND_message, session_limits(s));
    record_begin(u->odd, F_message_eod_odd);
    record_word(u->odd, F_eod_odd_form, smtp_eod_name(chunk->form));
    record_number(u->odd, F_eod_odd_at, content_size(u->content));
    if (found->verb)
        record_text(u->odd, F_eod_odd_verb, bytes_of_string(found->verb));
    if (found->commands)
        record_number(u->odd, F_eod_odd_commands, found->commands);
    record_word(u->odd, F_eod_odd_honoured, found->honoured);
    record_end(u->odd);
}

/* False: what stands here cannot be judged yet. */
static bool judge_doubt(struct session *s, struct input *in, const struct chunk *chunk)
{
    struct smtp *x = session_state(s);
    struct eod_finding found;
    x->doubt = true;
    enum eod_verdict verdict = smtp_judge_eod(s, in, chunk, x->upload ? x->upload->knew : UINT64_MAX, &found);
    if (verdict == EOD_WAIT)
        return false;
    x->doubt = false;
    if (found.tell)
        tell_odd_end(s, chunk, &found);
    if (found.tell && found.commands && x->upload && !strcmp(found.honoured, "unknown"))
        x->upload->undecided = true;
    if (verdict == EOD_ENDS && chunk->form != EOD_GAP)
        x->smuggling = found.at_once;
    input_settle(in, verdict == EOD_ENDS);
    return true;
}

static struct command *content_command(struct session *s)
{
    struct smtp *x = session_state(s);
    struct command *c;
    for (size_t n = 0; (c = dialogue_pending(s, n)) != NULL; n++)
        if (c->kind == VERB_DATA && c->phase && x->upload && c->ref == x->upload->id)
            return c;
    return NULL;
}

static void early_chunk(struct session *s, const struct chunk *chunk)
{
    struct smtp *x = session_state(s);
    const struct line octets = {.first = chunk->first, .last = chunk->last};
    client_line_early(s, &octets, &x->early);
}

static bool read_content(struct session *s, struct input *in)
{
    struct smtp *x = session_state(s);
    struct chunk chunk;
    if (!input_dotted(in, &chunk))
        return false;
    if (chunk.end == CHUNK_DOUBT)
        return judge_doubt(s, in, &chunk);
    early_chunk(s, &chunk);
    if (x->upload && chunk.bytes.len)
        push(x->upload, &chunk);
    if (chunk.end != CHUNK_LAST)
        return true;
    note_odd(s, input_odd(in));
    struct command *c = content_command(s);
    if (c) {
        c->begins = chunk.first.at;
        c->knew = chunk.first.seen;
        c->last = chunk.last;
    }
    if (x->upload) {
        x->upload->eod = smtp_eod_name(chunk.form);
        if (chunk.form == EOD_CRLF_CRLF)
            x->smuggling = false;
    }
    upload_ended(x, &chunk.last);
    x->mode = MODE_COMMANDS;
    return true;
}

static bool read_chunk(struct session *s, struct input *in)
{
    struct smtp *x = session_state(s);
    struct chunk chunk = {.last = {0}};
    struct command *c;
    if (x->chunk_left) {
        if (!input_take(in, x->chunk_left, &chunk))
            return false;
        early_chunk(s, &chunk);
        x->chunk_left -= chunk.bytes.len;
        if (x->upload)
            push(x->upload, &chunk);
    }
    if (x->chunk_left)
        return true;
    for (size_t n = 0; (c = dialogue_pending(s, n)) != NULL; n++)
        if (c->begins == UINT64_MAX && (c->kind == VERB_BDAT || c->kind == VERB_XEXCH50))
            c->begins = chunk.last.at;
    if (x->chunk_last && x->upload) {
        struct mark last = x->upload->last;
        upload_ended(x, &last);
    }
    x->chunk_last = false;
    x->mode = MODE_COMMANDS;
    return true;
}

/* Does a TLS record begin somewhere in what is here? */
static bool tls_follows(const struct input *in)
{
    struct bytes octets = input_peek(in);
    for (size_t i = 0; i + 2 < octets.len; i++)
        if (octets.data[i] == 22 && octets.data[i + 1] == 3 && octets.data[i + 2] <= 4)
            return true;
    return false;
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
        return false;                                      /* the rest of the line is to come */
    is_command &= x->mode != MODE_TLS || !tls_follows(in); /* else clear text put in before it */
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
        unanswered(s, c);
    if (!tls) {
        begin_content(s, last);
        return true;
    }
    unanswered(s, last);
    begin_tls(s);
    return false; /* `in` is another one now */
}

static void read_client(struct session *s, struct input *in)
{
    struct smtp *x = session_state(s);
    struct line line;
    struct chunk chunk;
    bool moved = true;
    while (moved) {
        switch ((enum mode)x->mode) {
        case MODE_COMMANDS:
            if (client_says_hello(in)) {
                session_note(s, NOTE_tls_unasked);
                x->mode = MODE_DEAF;
            } else if ((moved = input_line(in, &line))) {
                command(s, &line);
            }
            break;
        case MODE_CONTENT:
            moved = read_content(s, in);
            break;
        case MODE_CHUNK:
            moved = read_chunk(s, in);
            break;
        case MODE_ANSWER:
            if ((moved = input_line(in, &line))) {
                answer_login(s, &line);
            }
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
        read_server(s, in);
}

static void lost(struct session *s, enum side side, uint64_t len, const struct mark *where)
{
    struct smtp *x = session_state(s);
    (void)len;
    (void)where;
    x->lost_any = true;
    x->lost_replies |= side == SERVER;
    x->adrift |= side == CLIENT;
    if (x->login)
        x->login->cut = true;
    if (side == SERVER && x->open)
        x->open->replies_lost = true;
    if (x->login && side == CLIENT)
        sasl_lost(&x->login->sasl);
    if (side == SERVER && x->reply)
        x->reply->reply.cut = true;
}

/* --- the end --- */

static void write_number(struct record *r, enum field f, uint64_t n)
{
    if (n)
        record_number(r, f, n);
}

static const char *role(struct session *s)
{
    const struct smtp *x = session_state(s);
    uint16_t port = session_port(s, SERVER);
    if (is_lmtp(s))
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
    if (!record_has(facts, F_session_starttls) && starttls(x))
        record_word(facts, F_session_starttls, starttls(x));
    client_line_write_early(s, x->early);
    write_number(facts, F_session_messages, x->messages);
    write_number(facts, F_session_rcpt_ok, x->rcpt_ok);
    write_number(facts, F_session_rcpt_rejected, x->rcpt_rejected);
    write_number(facts, F_session_vrfy_ok, x->vrfy_ok);
    write_number(facts, F_session_vrfy_unsure, x->vrfy_unsure);
    write_number(facts, F_session_vrfy_rejected, x->vrfy_rejected);
    write_number(facts, F_session_expn_ok, x->expn_ok);
    write_number(facts, F_session_expn_rejected, x->expn_rejected);
    write_number(facts, F_session_auth_ok, x->logins.succeeded);
    write_number(facts, F_session_auth_failed, x->logins.failed);
    if (x->logged_in && x->user_len)
        record_text(facts, F_session_user, bytes_of(x->user, x->user_len));
}

static void close(struct session *s)
{
    struct smtp *x = session_state(s);
    struct command *c;
    if (x->reply) {
        session_note(s, NOTE_reply_cut);
        x->reply->reply.cut = true;
        finish_partial(s);
    }
    if (x->mode == MODE_CONTENT || (x->mode == MODE_CHUNK && x->upload))
        session_note(s, NOTE_content_cut);
    while ((c = dialogue_pending(s, 0)) != NULL)
        unanswered(s, c);
    end_transaction(s, &no_such_reply, "close");
    write_facts(s);
    while (x->uploads)
        upload_free(x, x->uploads);
    login_free(x->login);
    free(x->user);
    untold_release(&x->untold);
    buf_release(&x->helo);
    buf_release(&x->server_name);
}

static const char *const names[] = {"smtp", "lmtp", NULL};

static const struct port_hint ports[] = {
    {25, 0, false}, {587, 0, false}, {2525, 0, false}, {465, 0, true}, {24, 1, false}, {0},
};

const struct dissector smtp_dissector = {
    .names = names,
    .ports = ports,
    .state_size = sizeof(struct smtp),
    .probe = probe,
    .read = read,
    .lost = lost,
    .close = close,
};
