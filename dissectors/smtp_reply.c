/* The server's lines: replies of one line or several (RFC 5321 4.2.1), and whose they are. */
#include "base/memory.h"
#include "client_line.h"
#include "smtp_state.h"

#include <stdlib.h>

static void greeting(struct session *s, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    struct record *facts = session_facts(s);
    struct bytes first = bytes_part(reply->lines, 0, bytes_index(reply->lines, '\n')), rest = first;
    x->greeted = true;
    session_greeted(s, &reply->last);
    record_text(facts, F_session_banner, first);
    struct bytes name = bytes_word(&rest);
    if (reply->code == 220 && name.len && (rest.len || !reply->cut)) /* half a name is another one */
        record_text(facts, F_session_server_name, name);
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

/* Behind a loss: of the codes that say yes, some verbs have but one, and some codes but one verb. */
static bool can_answer(struct session *s, const struct command *c, uint32_t code)
{
    const struct smtp *x = session_state(s);
    int only = only_verb(code);
    if (code >= 400 || (!x->lost_any && session_from_start(s)))
        return true;
    bool picky = (c->kind == VERB_QUIT || c->kind == VERB_STARTTLS) && !c->silent;
    return only < 0 ? !picky : c->kind == (uint16_t)only;
}

/* LMTP, with replies lost: how many the content still gets is not known. Is this one the next command's? It is where
   its code is that command's alone, or the client had the earlier ones when it sent that command. */
static bool is_behind_content(struct session *s, const struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    const struct command *next = dialogue_pending(s, 1);
    bool content = (c->kind == VERB_DATA && c->phase) || (c->kind == VERB_BDAT && c->phase);
    if (!smtp_is_lmtp(s) || !content || !x->open || !x->open->replies_lost || !next ||
        next->begins >= reply->first.seen)
        return false;
    if (only_verb(reply->code) >= 0)
        return next->kind == only_verb(reply->code);
    return next->first.seen > c->last.seen && reply->first.at >= next->first.seen;
}

/* The answer to STARTTLS was lost, and the server goes on in clear with what only another command can have: it refused.
 */
static void refuse_tls(struct session *s, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    struct command *c = dialogue_pending(s, 0);
    if (x->mode != MODE_TLS || only_verb(reply->code) < 0 || !c || c->kind == (uint16_t)only_verb(reply->code))
        return;
    x->mode = MODE_COMMANDS;
    smtp_unanswered(s, c);
}

/* A 421 may come at any time: the server closes, as for want of commands (RFC 5321 sections 3.8, 4.2.2). */
static void answers_nothing(struct session *s, const struct smtp_reply *reply)
{
    struct record *facts = session_facts(s);
    struct buf whole;
    if (dialogue_adrift(s) || session_dark(s, CLIENT)) {
        session_note(s, NOTE_reply_adrift);
    } else if (reply->code != 421 || record_has(facts, F_session_closing_reply)) {
        session_note(s, NOTE_unsolicited_reply);
    } else {
        smtp_reply_whole(reply, &whole);
        record_text(facts, F_session_closing_reply, buf_bytes(&whole));
        buf_release(&whole);
    }
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
    bool others = c && !can_answer(s, c, reply->code);
    if (others)
        c = NULL;
    if (!c && (c = interrupted(s, reply)) != NULL)
        end_lost_content(s, reply);
    if (c && !can_answer(s, c, reply->code))
        c = NULL;
    if (!c && reply->code == 354 && x->mode == MODE_COMMANDS)
        c = dialogue_lost_command(s, VERB_DATA, &reply->first);
    if (!c) {
        refuse_tls(s, reply);
        if (others)
            session_note(s, NOTE_reply_adrift);
        else
            answers_nothing(s, reply);
        return;
    }
    while ((older = dialogue_pending(s, 0)) != c)
        smtp_unanswered(s, older);
    if (is_behind_content(s, c, reply)) {
        smtp_unanswered(s, c);
        if (!(c = dialogue_answers(s, &reply->first, only_verb(reply->code)))) {
            session_note(s, NOTE_reply_adrift);
            return;
        }
    }
    smtp_answer(s, c, reply);
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

/* Postfix's postscreen sends the first line of a greeting alone, and no last one to who talks before it: this line
   answers the first command. Unless it is what a greeting can end with, that sends the client away. */
static bool is_behind_teaser(struct session *s, uint32_t code, const struct line *line)
{
    const struct smtp *x = session_state(s);
    return !x->greeted && !x->lost_replies && x->reply->reply.code == 220 && code != 220 && smtp_code_is_known(code) &&
           code != 421 && code != 521 && code != 554 && line->first.seen > session_start(s, CLIENT);
}

static void take_reply_line(struct session *s, const struct line *line)
{
    struct smtp *x = session_state(s);
    uint32_t code;
    bool last;
    struct bytes text;
    bool is_reply = smtp_reply_line(line->text, &code, &last, &text);
    bool is_tail = line->broken && (line->text.len == 3 || !smtp_code_is_known(code)); /* of AUTH SCRAM-SHA-256, too */
    if (!is_reply || is_tail) {
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
    else if (x->reply && is_reply && is_behind_teaser(s, code, line)) {
        x->reply->reply.last = line->first; /* who spoke after the teaser spoke too early as well */
        finish_partial(s);
    }
    if (!x->reply && last) {
        struct smtp_reply reply = {.code = code, .lines = text, .count = 1, .first = line->first, .last = line->last};
        reply.cut = line->end == LINE_CUT;
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

/* DATA is never answered by a 2xx: where replies were lost, the 354 was among them, and this one is the content's. */
static bool is_content_reply(struct session *s, const struct command *c, const struct line *line)
{
    struct smtp *x = session_state(s);
    uint32_t code;
    bool last;
    struct bytes text;
    return x->lost_replies && x->mode == MODE_DATA && c->kind == VERB_DATA && !c->phase &&
           c->begins < line->first.seen && smtp_reply_line(line->text, &code, &last, &text) && code >= 200 &&
           code < 300;
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
    if (c && is_content_reply(s, c, line)) {
        smtp_begin_content(s, c, NULL);
        return true;
    }
    bool asked_for = x->mode == MODE_DATA || x->mode == MODE_AUTH || x->mode == MODE_TLS || x->mode == MODE_REPLY;
    bool waits = !input_unread(session_input(s, CLIENT), &mark) || session_patient(s, CLIENT);
    if (asked_for && waits && c && c->begins < line->first.seen)
        return false;
    return session_patient(s, SERVER);
}

void smtp_read_server(struct session *s, struct input *in)
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
        if (x->mode == MODE_COMMANDS && client_line_is_tls(s, in, x->said_hello))
            x->mode = MODE_DEAF;
        if (input_ahead(in, 0, &line) && must_wait(s, &line))
            return;
        if (!input_line(in, &line))
            return;
        bool was_tls = session_is_filtered(s);
        take_reply_line(s, &line);
        layers_changed = was_tls != session_is_filtered(s); /* `in` is another one now */
    }
}

void smtp_end_reply(struct session *s)
{
    struct smtp *x = session_state(s);
    if (!x->reply)
        return;
    session_note(s, NOTE_reply_cut);
    x->reply->reply.cut = true;
    finish_partial(s);
}
