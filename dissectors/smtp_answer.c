/* A reply and the command it answers: what the dialogue tells of both. */
#include "session/filter.h"
#include "smtp_state.h"

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
    struct bytes text = reply->lines;
    buf_init(&plain, reply->lines.len);
    if (reply->count > 1) {
        smtp_reply_text(reply, &plain);
        text = buf_bytes(&plain);
    } else {
        smtp_status(&text);
    }
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
void smtp_note_pipelined(struct session *s, struct command *c)
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
        smtp_note_pipelined(s, next);
    dialogue_finish(s, c, &reply->first);
}

/* No reply to it was seen and none will be. */
void smtp_unanswered(struct session *s, struct command *c)
{
    struct smtp *x = session_state(s);
    if (c->kind == VERB_UNKNOWN)
        untold_repeated(&x->untold, c->ref, bytes_of("", 0));
    if (c->kind == VERB_DATA && c->phase) {
        smtp_did(s, c, &smtp_no_reply);
        if (x->open && x->open->upload && x->open->upload->id == c->ref)
            smtp_end_transaction(s, &smtp_no_reply, x->open->upload->ended ? "data" : "close");
    } else if (c->kind == VERB_BDAT) {
        smtp_link_upload(s, c);
        if (c->phase)
            smtp_end_transaction(s, &smtp_no_reply, "data");
    } else {
        smtp_did(s, c, &smtp_no_reply);
    }
    dialogue_finish(s, c, NULL);
}

static void finish_with(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    write_code(s, c, reply);
    smtp_did(s, c, reply);
    finish(s, c, reply);
}

/* The content that the client has left, where this reply says so: its sender had received the end of the stream inside.
   Else null. */
static struct upload *left_inside(struct session *s, const struct smtp_reply *reply)
{
    const struct smtp *x = session_state(s);
    struct upload *u = x->open ? x->open->upload : NULL;
    bool left = u && !u->ended && session_closed(s, CLIENT) && reply->first.seen > input_end(session_input(s, CLIENT));
    return left ? u : NULL;
}

/* The reply to a content: one for each accepted recipient in LMTP; one for each and one more with PRDR. */
static void content_reply(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    if (c->kind == VERB_BDAT && !record_has(c->fields, F_command_code))
        write_code(s, c, reply);
    struct upload *left = left_inside(s, reply);
    if (!left && x->open && smtp_is_lmtp(s) && transaction_rcpt_final(x->open, reply, c->unsure)) {
        if (transaction_waiting(x->open))
            return;
        smtp_end_transaction(s, &smtp_no_reply, "data");
        finish(s, c, reply);
        return;
    }
    if (x->open && reply->code == 353) { /* nothing else has that code: MAIL and its PRDR may be lost */
        x->open->rcpt_next = 0;
        c->phase = 2;
        return;
    }
    if (x->open && c->phase == 2 && transaction_rcpt_final(x->open, reply, c->unsure))
        return;
    if (x->open && c->phase == 2 && transaction_rcpts_lost(x->open)) { /* one of theirs, or the one for all? */
        session_note(s, NOTE_reply_adrift);
        smtp_end_transaction(s, &smtp_no_reply, "data");
        finish(s, c, reply);
        return;
    }
    if (c->kind == VERB_DATA) {
        struct bytes text = bytes_part(reply->lines, 0, bytes_index(reply->lines, '\n'));
        if (smtp_code_is_known(reply->code))
            record_number(c->fields, F_command_final_code, reply->code);
        struct bytes status = smtp_status(&text);
        if (status.len)
            record_text(c->fields, F_command_final_status, status);
    }
    if (left) {
        left->left = true;
        if (c->kind == VERB_BDAT)
            session_note(s, NOTE_content_cut); /* of DATA the session's end tells */
    }
    smtp_end_transaction(s, left ? &smtp_no_reply : reply, left ? "close" : "data");
    finish(s, c, reply);
}

void smtp_begin_tls(struct session *s, enum verb verb)
{
    struct smtp *x = session_state(s);
    x->starttls = "accepted";
    x->mode = MODE_COMMANDS;
    x->caps_known = false;
    tls_begin(s, verb == VERB_X_ANONYMOUSTLS ? "x_anonymoustls" : "starttls");
}

/* Each of these: true where the reply is not the one that ends the command, or has ended it. */

static bool answer_data(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    if (c->phase && reply->code == 354 && !record_has(c->fields, F_command_code)) {
        write_code(s, c, reply); /* the content began without it: too much of it was waiting */
        return true;
    }
    if (c->phase) {
        content_reply(s, c, reply);
        return true;
    }
    if (x->mode == MODE_DATA)
        x->mode = MODE_COMMANDS;
    if (reply->code != 354)
        return false;
    write_code(s, c, reply);
    smtp_open_headless(s, c);
    smtp_begin_content(s, c, reply);
    return true;
}

static bool answer_chunk(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    if (smtp_refuse_chunk(session_state(s), c, reply->code))
        return false;
    if (smtp_is_ok(reply->code))
        smtp_open_headless(s, c);
    smtp_link_upload(s, c);
    if (!c->phase)
        return false;
    content_reply(s, c, reply);
    return true;
}

static bool answer_login(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    if (reply->code == 334 && x->login) {
        sasl_server(&x->login->sasl, reply->lines);
        x->mode = MODE_ANSWER;
        c->begins = UINT64_MAX; /* what comes next answers the client's next line */
        return true;
    }
    if (x->mode == MODE_AUTH || x->mode == MODE_ANSWER)
        x->mode = MODE_COMMANDS;
    return false;
}

static bool answer_starttls(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    enum verb verb = (enum verb)c->kind;
    finish_with(s, c, reply);
    if (x->mode == MODE_TLS)
        x->mode = MODE_COMMANDS;
    if (reply->code == 220)
        smtp_begin_tls(s, verb);
    else if (!x->starttls)
        x->starttls = "refused";
    return true;
}

static bool answer_xexch50(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    if (reply->code != 354 || c->phase)
        return false;
    c->phase = 1;
    c->begins = x->chunk_left ? UINT64_MAX : c->begins;
    x->mode = MODE_CHUNK;
    return true;
}

void smtp_answer(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    enum verb verb = (enum verb)c->kind;
    bool done = false;
    if (x->mode == MODE_REPLY && (verb == VERB_TURN || verb == VERB_ATRN || verb == VERB_XEXCH50))
        x->mode = MODE_COMMANDS;
    if (verb == VERB_DATA)
        done = answer_data(s, c, reply);
    else if (verb == VERB_BDAT)
        done = answer_chunk(s, c, reply);
    else if (verb == VERB_AUTH || verb == VERB_X_EXPS)
        done = answer_login(s, c, reply);
    else if (verb == VERB_STARTTLS || verb == VERB_X_ANONYMOUSTLS)
        done = answer_starttls(s, c, reply);
    else if (verb == VERB_XEXCH50)
        done = answer_xexch50(s, c, reply);
    if (!done)
        finish_with(s, c, reply);
}
