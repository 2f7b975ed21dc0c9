/* The client's side of IMAP: commands with their literals, answers of a login, and what must wait for the server. */
#include "imap.h"

#include "client_line.h"
#include "session/filter.h"

static uint32_t upload_count(const struct imap *x)
{
    uint32_t n = 0;
    for (const struct request *r = x->requests; r; r = r->next)
        n += r->upload_count;
    return n;
}

static void make_room(struct session *s)
{
    struct imap *x = session_state(s);
    while (dialogue_full(s) || upload_count(x) >= REQUEST_UPLOADS) {
        imap_finish(s, dialogue_pending(s, 0), NULL);
        session_note(s, NOTE_queue_overflow);
        x->forgotten++;
    }
}

/* All of the command is here. */
void imap_command_ended(struct session *s)
{
    struct imap *x = session_state(s);
    struct request *r = x->sending;
    struct reply reply;
    x->mode = MODE_COMMANDS;
    x->sending = NULL;
    if (!r)
        return;
    request_tell(r, true);
    if (!r->has_early)
        return;
    struct buf early = r->early; /* it must live longer than the request */
    buf_init(&r->early, 0);
    reply.first = r->early_first;
    reply.last = r->early_last;
    if (imap_status(buf_bytes(&early), &reply.status))
        imap_answer(s, r->command, &reply);
    buf_release(&early);
}

/* The next piece of the arguments: where a literal is announced at its end, the command goes on behind it. */
static void take_piece(struct session *s, struct command *c, const struct line *line, struct bytes piece)
{
    struct imap *x = session_state(s);
    struct imap_literal literal;
    enum imap_announcement announced = imap_find_literal(piece, &literal);
    struct request *r = x->sending;
    if (announced == LITERAL_BAD_SIZE) {
        session_note(s, NOTE_literal_bad_size);
        if (c)
            record_word(c->fields, F_command_noted, "literal_bad_size");
    }
    if (r) {
        request_piece(r, piece, announced == LITERAL_FOUND ? &literal : NULL);
        r->command->last = line->last;
        if (r->login)
            r->login->last = line->last;
    }
    if (announced != LITERAL_FOUND) {
        imap_command_ended(s);
        return;
    }
    if (literal.waits && c)
        c->phase |= PHASE_WAITS;
    if (r)
        r->unasked |= !literal.waits;
    x->left = literal.size;
    x->mode = literal.waits ? MODE_LITERAL_ASKED : MODE_LITERAL;
}

static void begin_authentication(struct session *s, struct command *c, const struct line *line, struct bytes args)
{
    struct imap *x = session_state(s);
    struct bytes mechanism = bytes_word(&args), initial = bytes_trim(args);
    if (!mechanism.len)
        return;
    struct request *r = imap_new_request(s, c);
    r->login = login_new(s, line, mechanism);
    record_text(c->fields, F_command_arg, bytes_of_string(r->login->sasl.mechanism));
    if (initial.len)
        sasl_client(&r->login->sasl, initial);
    c->phase |= PHASE_WAITS;
    x->mode = MODE_AUTH;
}

/* Must more of it be kept than its record has? */
static bool needs_request(enum verb verb, struct bytes args)
{
    struct imap_literal literal;
    bool changes = verb == VERB_STORE || verb == VERB_UID_STORE || verb == VERB_COPY || verb == VERB_UID_COPY ||
                   verb == VERB_MOVE || verb == VERB_UID_MOVE;
    return changes || verb == VERB_LOGIN || verb == VERB_SELECT || verb == VERB_EXAMINE || verb == VERB_APPEND ||
           imap_find_literal(args, &literal) == LITERAL_FOUND;
}

static void opened(struct session *s, struct command *c, const struct line *line, const struct imap_command *cmd)
{
    struct imap *x = session_state(s);
    bool login = cmd->verb == VERB_LOGIN || cmd->verb == VERB_AUTHENTICATE;
    x->secret_zone = login;
    if (login) {
        record_flag(c->fields, F_command_secret);
        c->phase |= PHASE_HIDDEN;
    }
    if (cmd->verb == VERB_AUTHENTICATE) {
        begin_authentication(s, c, line, cmd->args);
        return;
    }
    if (cmd->verb == VERB_IDLE) {
        c->phase |= PHASE_WAITS;
        x->idled = true;
        imap_work(x);
    }
    if (cmd->verb == VERB_ID)
        imap_id(s, F_session_client_id, cmd->args);
    if (!needs_request(cmd->verb, cmd->args)) {
        client_line_arg(c, cmd->args);
        take_piece(s, c, line, cmd->args); /* an announcement may be a bad one */
        if (cmd->verb == VERB_STARTTLS || cmd->verb == VERB_COMPRESS)
            x->mode = MODE_LAYER;
        return;
    }
    x->sending = imap_new_request(s, c);
    if (cmd->verb == VERB_LOGIN)
        x->sending->login = login_new(s, line, BYTES("LOGIN"));
    imap_command_says(x->sending, cmd->args);
    take_piece(s, c, line, cmd->args);
}

/* The end of an IDLE is no command, whether IDLE was accepted or not. */
static bool is_done(struct session *s, const struct line *line)
{
    struct imap *x = session_state(s);
    struct command *c;
    size_t at = 0;
    if (!bytes_equal_nocase(bytes_trim(line->text), BYTES("DONE")))
        return false;
    if (!x->idled && !x->lost_any && session_from_start(s))
        return false;
    while ((c = dialogue_next(s, &at)))
        if (c->kind == VERB_IDLE && c->last.at <= line->first.at) {
            c->last = line->last;
            c->phase |= PHASE_DONE;
        }
    return true;
}

/* What stands for no command may have ended an IDLE, which then takes no command behind it. */
static void empty_line(struct session *s)
{
    struct imap *x = session_state(s);
    struct command *c;
    size_t at = 0;
    session_note(s, NOTE_empty_line);
    x->blank = true;
    while ((c = dialogue_next(s, &at)))
        if (c->kind == VERB_IDLE)
            c->phase |= PHASE_DONE;
}

/* What stands first on a line of another protocol, or of a client that forgot the tag, is followed by an argument that
   may be a secret: PASS, USER. So the second word is told behind a tag as clients make them only. */
static void unknown_command(struct session *s, const struct line *line, const struct imap_command *cmd)
{
    struct imap *x = session_state(s);
    struct line behind_tag = *line;
    bool hidden = x->secret_zone || !cmd->word.len || !imap_is_usual_tag(cmd->tag);
    if (!hidden)
        behind_tag.text = bytes_part(line->text, (size_t)(cmd->word.data - line->text.data), line->text.len);
    if (cmd->word.len && (cmd->verb == VERB_LOGIN || cmd->verb == VERB_AUTHENTICATE))
        x->secret_zone = true; /* with a tag that is none: its arguments may come yet */
    bool zone = hidden;        /* for this line alone: behind a tag no secret stands as a verb */
    struct command *c = client_line_unknown(s, &behind_tag, VERB_UNKNOWN, &zone, x->said_hello, NULL);
    c->ref = imap_tag_ref(cmd->tag);
    c->phase |= PHASE_HIDDEN;
    if (!hidden)
        record_text(c->fields, F_command_tag, cmd->tag);
    if (!imap_is_tag(cmd->tag))
        c->phase |= PHASE_UNTAGGED;
    if (!imap_is_tag(cmd->tag) || !cmd->word.len)
        return;
    struct imap_literal literal;
    if (imap_find_literal(line->text, &literal) == LITERAL_FOUND)
        x->sending = imap_new_request(s, c);
    take_piece(s, c, line, line->text);
}

/* Behind a loss the lines of some text may look like commands, if the literal's head was lost: a command is one that
   has a tagged reply (imap_answer), and what is no command for certain is passed over until then. */
void imap_command_line(struct session *s, const struct line *line)
{
    struct imap *x = session_state(s);
    struct imap_command cmd;
    bool known = imap_command(line->text, &cmd) && cmd.verb && imap_is_tag(cmd.tag);
    bool done = is_done(s, line);
    x->adrift |= !x->begun && !session_from_start(s);
    x->begun = true;
    bool doubt = (x->adrift || line->broken) && !session_dark(s, SERVER);
    if (client_line_cut(s, line, known || done, &x->adrift))
        return;
    x->adrift = doubt;
    if (done)
        return;
    if (!client_line_of_hello(line, x->said_hello))
        client_line_early(s, line);
    if (!line->text.len) {
        empty_line(s);
        return;
    }
    make_room(s);
    if (!known) {
        unknown_command(s, line, &cmd);
        return;
    }
    struct bytes verb = bytes_of_string(imap_verb_name(cmd.verb));
    struct command *c = doubt ? dialogue_doubtful(s, line, (uint16_t)cmd.verb, verb)
                              : dialogue_command(s, line, (uint16_t)cmd.verb, verb);
    c->ref = imap_tag_ref(cmd.tag);
    record_text(c->fields, F_command_tag, cmd.tag);
    client_line_note(s, c, line);
    opened(s, c, line, &cmd);
}

static bool read_literal(struct session *s, struct input *in)
{
    struct imap *x = session_state(s);
    struct request *r = x->sending;
    struct chunk chunk;
    if (x->left) {
        if (!input_take(in, x->left, &chunk))
            return false;
        x->left -= chunk.bytes.len;
        if (r) {
            request_octets(r, &chunk, session_mail(s));
            request_behind(r, &chunk.first, chunk.bytes);
            r->command->last = chunk.last;
        }
    }
    if (x->left)
        return true;
    if (r)
        request_literal_ended(r, &r->command->last, session_mail(s));
    x->mode = MODE_REST;
    return true;
}

static void take_rest(struct session *s, const struct line *line)
{
    struct imap *x = session_state(s);
    if (line->end == LINE_CUT && line->text.len < session_limits(s)->line) {
        session_note(s, NOTE_command_cut);
        if (x->sending)
            x->sending->cut = true;
    }
    if (x->sending) {
        request_behind(x->sending, &line->first, line->text);
        request_behind(x->sending, &line->last, BYTES("\n"));
    }
    take_piece(s, x->sending ? x->sending->command : NULL, line, line->text);
}

static void take_answer(struct session *s, const struct line *line)
{
    struct imap *x = session_state(s);
    struct request *r = imap_authentication(x);
    if (line->broken && imap_is_command(line->text)) { /* the answer was lost */
        x->mode = MODE_COMMANDS;
        imap_command_line(s, line);
        return;
    }
    x->mode = MODE_AUTH;
    if (!r)
        return;
    login_answer(r->login, line);
    r->command->last = line->last;
}

/* The literal was refused, and a command stands here, or it was let through. */
static void decide_literal(struct imap *x, bool is_command, const struct mark *next)
{
    struct command *c = x->sending ? x->sending->command : NULL;
    x->mode = is_command ? MODE_COMMANDS : MODE_LITERAL;
    if (c && (is_command || next->seen > c->last.seen))
        c->phase &= (uint8_t)~PHASE_WAITS; /* what the client waited for came, and was lost */
    else if (c)
        c->unsure = true; /* it did not wait */
    if (is_command)
        x->sending = NULL;
}

/* What stands here waits for the server's word. When there is no more to hope for, its look decides. True: go on. */
static bool decide(struct session *s, struct input *in)
{
    struct imap *x = session_state(s);
    struct command *c, *last = NULL;
    struct line line;
    struct mark mark;
    size_t at = 0;
    if (!input_unread(in, &mark) || (!x->passed_by && session_patient(s, CLIENT)))
        return false;
    /* A client that does not wait may have heard something else, and not the word that this is about. */
    if (!x->lost_until && !x->lost_commands && !x->passed_by && session_expects(s))
        return false;
    bool is_command = x->passed_by || (input_ahead(in, 0, &line) && imap_is_command(line.text));
    x->passed_by = false;
    if (x->mode == MODE_LITERAL_ASKED) {
        decide_literal(x, is_command, &mark);
        return true;
    }
    if (is_command || x->mode == MODE_AUTH) {
        x->mode = is_command ? MODE_COMMANDS : MODE_ANSWER;
        return true;
    }
    while ((c = dialogue_next(s, &at)))
        if (c->kind == VERB_STARTTLS || c->kind == VERB_COMPRESS)
            last = c;
    x->mode = MODE_COMMANDS;
    if (!last || last->silent || session_seen_to_end(s, SERVER))
        return true; /* nothing was accepted */
    bool tls = last->kind == VERB_STARTTLS;
    imap_finish(s, last, NULL);
    if (tls)
        imap_begin_tls(s);
    else
        imap_begin_compression(s);
    return false; /* `in` is another one now */
}

static bool read_command(struct session *s, struct input *in)
{
    struct imap *x = session_state(s);
    struct line line;
    bool waits;
    if (imap_found_compressed(s, CLIENT, in, &waits) || waits)
        return false; /* `in` is another one now, or more must come */
    client_line_hello(s, in, &x->said_hello);
    if ((x->said_hello && session_behind(s, CLIENT)) || !input_line(in, &line))
        return false;
    imap_command_line(s, &line);
    return true;
}

void imap_read_client(struct session *s, struct input *in)
{
    struct imap *x = session_state(s);
    struct line line;
    struct chunk chunk;
    bool moved = true;
    while (moved) {
        switch ((enum mode)x->mode) {
        case MODE_COMMANDS:
            moved = read_command(s, in);
            break;
        case MODE_LITERAL:
            moved = read_literal(s, in);
            break;
        case MODE_REST:
            if ((moved = input_line(in, &line)))
                take_rest(s, &line);
            break;
        case MODE_ANSWER:
            if ((moved = input_line(in, &line)))
                take_answer(s, &line);
            break;
        case MODE_LITERAL_ASKED:
        case MODE_AUTH:
        case MODE_LAYER:
            moved = decide(s, in);
            break;
        case MODE_DEAF:
            moved = input_take(in, UINT64_MAX, &chunk);
            break;
        }
    }
}

void imap_lost_commands(struct session *s)
{
    struct imap *x = session_state(s);
    struct request *r = imap_authentication(x);
    if (r && (x->mode == MODE_AUTH || x->mode == MODE_ANSWER)) {
        r->login->cut = true;
        sasl_lost(&r->login->sasl);
    }
    x->lost_commands = true;
    x->adrift |= x->mode != MODE_ANSWER;
    if (x->mode != MODE_REST)
        return;
    session_note(s, NOTE_command_cut);
    if (x->sending)
        x->sending->cut = true;
    imap_command_ended(s);
}
