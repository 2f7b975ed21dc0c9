/* The server's side of IMAP: tagged replies, requests to go on, untagged responses, and the literals in them. */
#include "client_line.h"
#include "imap.h"

#include "base/memory.h"

#include <stdlib.h>

static struct command *find_tag(struct session *s, struct bytes tag, const struct mark *reply)
{
    struct command *c;
    size_t at = 0;
    uint32_t ref = imap_tag_ref(tag);
    while ((c = dialogue_next(s, &at)) && c->begins < reply->seen)
        if (c->ref == ref)
            return c;
    return NULL;
}

/* The command that waits for a "+": the oldest. */
static struct command *find_waiting(struct session *s, const struct mark *reply)
{
    struct command *c;
    size_t at = 0;
    while ((c = dialogue_next(s, &at)) && c->begins < reply->seen)
        if (c->phase & PHASE_WAITS)
            return c;
    return NULL;
}

bool imap_commands_unseen(struct session *s)
{
    const struct imap *x = session_state(s);
    return x->lost_commands || session_dark(s, CLIENT) || !session_from_start(s);
}

static void no_command(struct session *s)
{
    struct imap *x = session_state(s);
    bool unknown = imap_commands_unseen(s);
    if (x->forgotten && !unknown)
        x->forgotten--; /* noted when it was given up */
    else
        session_note(s, unknown ? NOTE_reply_adrift : NOTE_unsolicited_reply);
}

static void take_tagged(struct session *s, const struct line *line, struct bytes tag, const struct imap_status *status)
{
    struct imap *x = session_state(s);
    struct command *c = find_tag(s, tag, &line->first);
    struct reply reply = {*status, line->first, line->last};
    dialogue_count_reply(s, bytes_of_string(imap_result_name(status->result)));
    x->login_ok |= c && (c->kind == VERB_LOGIN || c->kind == VERB_AUTHENTICATE) && status->result == RESULT_OK;
    imap_code(s, status);
    if (!c && imap_hides(s, tag)) {
        x->sending->cut = true;
        imap_command_ended(s); /* which answers it */
    }
    if (imap_found_hidden(s, tag, c))
        c = find_tag(s, tag, &line->first);
    if (!c) {
        x->maybe_compressed |= status->result == RESULT_OK && imap_commands_unseen(s) &&
                               !record_has(session_facts(s), F_session_compression);
        no_command(s);
        return;
    }
    struct request *r = x->sending;
    if (r && r->command == c && (x->mode == MODE_LITERAL || x->mode == MODE_REST)) {
        if (r->has_early) {
            no_command(s);
            return;
        }
        buf_add(&r->early, status->whole); /* told when all of the command is */
        r->has_early = true;
        r->early_first = line->first;
        r->early_last = line->last;
        return;
    }
    imap_answer(s, c, &reply);
}

static void take_continuation(struct session *s, const struct line *line)
{
    struct imap *x = session_state(s);
    struct command *c = find_waiting(s, &line->first);
    if (!c) {
        no_command(s);
        return;
    }
    if (c->kind == VERB_AUTHENTICATE) {
        struct request *r = imap_find_request(x, c);
        if (r && r->login) {
            sasl_server(&r->login->sasl, bytes_part(line->text, 2, line->text.len));
            r->challenged = true;
        }
        if (x->mode == MODE_AUTH)
            x->mode = MODE_ANSWER;
        return;
    }
    c->phase &= (uint8_t)~PHASE_WAITS;
    if (x->mode == MODE_LITERAL_ASKED && x->sending && x->sending->command == c)
        x->mode = MODE_LITERAL;
}

/* --- untagged responses --- */

/* The first word of the greeting's text, where it is the name of a host. */
static void keep_server_name(struct session *s, struct bytes text, bool cut)
{
    struct imap *x = session_state(s);
    struct bytes name = bytes_word(&text);
    bool dot = false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!byte_is_letter(c) && !byte_is_digit(c) && c != '-' && c != '.')
            return;
        dot |= c == '.' && i && i + 1 < name.len && byte_is_letter(name.data[i + 1]);
    }
    if (!dot || name.data[name.len - 1] == '.' || (cut && !text.len))
        return;
    record_text(session_facts(s), F_session_server_name, name);
    imap_text_set(s, &x->server_name, name);
}

static void greeting(struct session *s, const struct imap_status *status, bool cut)
{
    struct imap *x = session_state(s);
    record_text(session_facts(s), F_session_banner, status->whole);
    x->logged_in = status->result == RESULT_PREAUTH;
    keep_server_name(s, status->text, cut);
}

static void keep_bye(struct session *s, const struct line *line, struct bytes text)
{
    struct imap *x = session_state(s);
    if (x->bye)
        return;
    x->bye = memory_get(sizeof *x->bye);
    buf_init(&x->bye->text, (size_t)session_limits(s)->text + 64);
    buf_add(&x->bye->text, text);
    x->bye->first = line->first;
    x->bye->last = line->last;
    struct command *c;
    size_t at = 0;
    while ((c = dialogue_next(s, &at)) && c->begins < line->first.seen)
        x->bye->asked_for |= c->kind == VERB_LOGOUT;
}

/* The command that a FETCH response answers, as far as it answers one. */
static const struct command *find_fetch(struct session *s, const struct mark *reply)
{
    struct command *c;
    size_t at = 0;
    while ((c = dialogue_next(s, &at)) && c->begins < reply->seen)
        if (c->kind == VERB_FETCH || c->kind == VERB_UID_FETCH || c->kind == VERB_PARTIAL)
            return c;
    return NULL;
}

static struct message_facts fetch_facts(struct session *s)
{
    struct message_facts facts = imap_message_facts(s);
    facts.login_unknown = true; /* nobody reads mail without a login: there was one that was not seen */
    return facts;
}

static void begin_response(struct session *s, const struct line *line, struct bytes text)
{
    struct imap *x = session_state(s);
    struct imap_literal literal;
    struct bytes items = text, number = text;
    enum imap_announcement announced = imap_find_literal(text, &literal);
    struct message_facts facts;
    if (announced == LITERAL_BAD_SIZE)
        session_note(s, NOTE_literal_bad_size);
    if (!x->in_response && imap_is_fetch(text, &items)) {
        const struct command *c = find_fetch(s, &line->first);
        if (c)
            imap_give_up_before(s, c);
        x->fetch = fetch_new(c ? &c->first : &line->first);
        x->fetch->asked = c != NULL;
        x->fetch->listing = c && (!x->work || x->work->listed < session_limits(s)->listed);
        bytes_number(&number, &x->fetch->number);
    }
    if (announced == LITERAL_FOUND)
        literal.at -= x->fetch ? (size_t)(items.data - text.data) : 0;
    facts = fetch_facts(s);
    if (x->fetch)
        fetch_line(s, x->fetch, &facts, line, items, announced == LITERAL_FOUND ? &literal : NULL);
    x->in_response = x->in_literal = announced == LITERAL_FOUND;
    x->server_left = x->in_literal ? literal.size : 0;
    x->server_last = line->last;
    if (x->in_response)
        return;
    if (x->fetch)
        fetch_ended(s, x->fetch);
    fetch_free(s, x->fetch);
    x->fetch = NULL;
    x->server_adrift |= line->end == LINE_CUT; /* a literal may have been announced in what is lost of it */
}

static bool waits_for_word(const struct imap *x)
{
    return x->mode == MODE_LITERAL_ASKED || x->mode == MODE_AUTH || x->mode == MODE_LAYER;
}

/* RFC 9051 section 7.1.3: what it is about had no tag that the server could repeat. One with a tag that waits before it
   is to be answered first; alone it may be the one that the client's next octets wait for, whose tag the server read
   otherwise. */
static void take_untagged_bad(struct session *s, const struct line *line, const struct imap_status *status)
{
    struct imap *x = session_state(s);
    struct command *c = dialogue_pending(s, 0);
    struct reply reply = {*status, line->first, line->last};
    bool meant = c && ((c->phase & PHASE_UNTAGGED) ||
                       (x->mode == MODE_LAYER && !x->blank && !x->hidden && !dialogue_pending(s, 1)));
    if (meant && c->begins < line->first.seen)
        imap_answer(s, c, &reply);
}

static void take_untagged(struct session *s, const struct line *line, struct bytes text)
{
    struct imap *x = session_state(s);
    struct bytes rest = text;
    struct imap_status status;
    bool is_status = imap_status(text, &status);
    if (!x->greeted && session_from_start(s) && !x->lost_any && is_status)
        greeting(s, &status, line->end == LINE_CUT);
    x->greeted = true;
    if (x->work)
        x->work->last_when = line->last.when;
    if (is_status) {
        imap_code(s, &status);
        if (status.result == RESULT_BYE)
            keep_bye(s, line, text);
        else if (status.result == RESULT_BAD)
            take_untagged_bad(s, line, &status);
        return;
    }
    if (bytes_equal_nocase(bytes_word(&rest),
                           BYTES("CAPABILITY"))) { /* some tell what holds behind a login before they accept it */
        x->login_ok |= imap_waits(s, &line->first, VERB_LOGIN, VERB_AUTHENTICATE);
        imap_caps(s, rest, line->end == LINE_CUT);
    } else {
        if (!x->in_response)
            imap_untagged_says(s, &line->first, text);
        begin_response(s, line, text);
    }
}

/* A line of the server that is none may be what a loss left of one, or of a literal. */
static void strange_line(struct session *s, const struct line *line)
{
    struct imap *x = session_state(s);
    if (x->server_adrift)
        return;
    if (line->broken || line->end == LINE_CUT || !session_from_start(s)) {
        session_note(s, NOTE_reply_cut);
        x->server_adrift = true;
    } else {
        session_note(s, NOTE_bad_reply);
    }
}

static void take_server_line(struct session *s, const struct line *line)
{
    struct imap *x = session_state(s);
    struct bytes rest = line->text, tag = bytes_word(&rest);
    struct imap_status status;
    bool cut = line->end == LINE_CUT && line->text.len < session_limits(s)->line;
    if (x->in_response) {
        begin_response(s, line, line->text);
        return;
    }
    bool untagged = bytes_equal(tag, BYTES("*")), asks = tag.len && tag.data == line->text.data && tag.data[0] == '+';
    bool lost = line->broken || x->server_adrift || (!x->greeted && !session_from_start(s));
    rest = bytes_trim(rest);
    if (untagged && (!lost || imap_is_untagged(rest))) {
        x->server_adrift = false;
        if (cut)
            session_note(s, NOTE_reply_cut);
        take_untagged(s, line, rest);
    } else if (asks && (tag.len == 1 || !lost)) {
        x->server_adrift = false;
        take_continuation(s, line);
    } else if (imap_is_tag(tag) && imap_status(rest, &status) && status.result <= RESULT_BAD &&
               (!lost || find_tag(s, tag, &line->first) || (imap_commands_unseen(s) && imap_is_usual_tag(tag)))) {
        x->server_adrift = false;
        if (cut)
            session_note(s, NOTE_reply_cut);
        take_tagged(s, line, tag, &status);
    } else {
        strange_line(s, line);
    }
    x->greeted = true;
}

/* Octets of a literal. False: none are here. */
static bool read_server_literal(struct session *s, struct input *in)
{
    struct imap *x = session_state(s);
    struct chunk chunk;
    if (x->server_left) {
        if (!input_take(in, x->server_left, &chunk))
            return false;
        x->server_left -= chunk.bytes.len;
        x->server_last = chunk.last;
        if (x->fetch)
            fetch_octets(x->fetch, &chunk);
    }
    if (x->server_left)
        return true;
    x->in_literal = false;
    struct message_facts facts = fetch_facts(s);
    if (x->fetch)
        fetch_literal_ended(s, x->fetch, &facts, &x->server_last, true);
    return true;
}

/* The line answers a command in what is read as a literal, and not all of its lines are here. */
static bool answers_half_read(struct session *s, const struct line *line)
{
    struct imap_status status;
    struct bytes rest = line->text, tag = bytes_word(&rest);
    if (session_ending(s) || session_overheld(s, SERVER) || session_closed(s, CLIENT))
        return false;
    return imap_hides(s, tag) == HIDES_HALF && imap_status(bytes_trim(rest), &status) &&
           !find_tag(s, tag, &line->first);
}

/* A line of the server is read behind what its sender had received, so that what it says follows from the dialogue and
   not from the order of capture. Unless the client's next octets, which are here, wait for this very line. */
static bool must_wait(struct session *s, const struct line *line)
{
    struct imap *x = session_state(s);
    const struct input *client = session_input(s, CLIENT);
    struct command *c = dialogue_pending(s, 0);
    struct mark unread;
    bool asked_for = waits_for_word(x);
    if (x->in_response)
        return false;
    if (answers_half_read(s, line))
        return true;
    if (asked_for && c && c->begins < line->first.seen && input_unread(client, &unread))
        return false;
    return session_patient(s, SERVER);
}

enum { LINES_AHEAD = 16 };

/* The client's next octets wait for the server's word on what stands before them, and this line answers them: a command
   that the server took for nothing of the kind. */
static bool passes_by(struct session *s, const struct line *line)
{
    struct imap *x = session_state(s);
    struct line next;
    struct imap_status status;
    struct bytes rest = line->text, tag = bytes_word(&rest), unread;
    if (x->in_response || !waits_for_word(x))
        return false;
    if (!imap_is_tag(tag) || !imap_status(bytes_trim(rest), &status) || find_tag(s, tag, &line->first))
        return false;
    for (size_t n = 0; n < LINES_AHEAD && input_ahead(session_input(s, CLIENT), n, &next); n++) {
        unread = next.text;
        if (next.first.at < line->first.seen && bytes_equal(bytes_word(&unread), tag))
            return true;
    }
    return false;
}

void imap_read_server(struct session *s, struct input *in)
{
    struct imap *x = session_state(s);
    struct line line;
    bool filtered = session_is_filtered(s), waits;
    while (session_is_filtered(s) == filtered) { /* else `in` is another one now */
        if (!x->in_response && (imap_found_compressed(s, SERVER, in, &waits) || waits))
            return;
        if (x->in_literal) {
            if (!read_server_literal(s, in))
                return;
        } else {
            if (x->mode == MODE_COMMANDS && client_line_is_tls(s, in, x->said_hello))
                x->mode = MODE_DEAF;
            if (x->passed_by && waits_for_word(x) && input_unread(session_input(s, CLIENT), &line.first))
                return; /* the client's side goes on first */
            bool here = input_ahead(in, 0, &line);
            if (here && must_wait(s, &line))
                return;
            if (here && !x->passed_by && (x->passed_by = passes_by(s, &line)))
                return;
            if (!input_line(in, &line))
                return;
            take_server_line(s, &line);
        }
    }
}

void imap_lost_responses(struct session *s, uint64_t until)
{
    struct imap *x = session_state(s);
    x->lost_until = until;
    x->server_adrift |= x->in_response;
    if (x->in_response)
        session_note(s, NOTE_reply_cut);
    x->in_response = false;
    fetch_free(s, x->fetch);
    x->fetch = NULL;
}

void imap_end_responses(struct session *s)
{
    struct imap *x = session_state(s);
    struct message_facts facts = fetch_facts(s);
    if (x->in_literal && x->fetch) {
        session_note(s, NOTE_content_cut);
        fetch_literal_ended(s, x->fetch, &facts, &x->server_last, false);
    }
    fetch_free(s, x->fetch);
    x->fetch = NULL;
}
