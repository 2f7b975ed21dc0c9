/* Messages that pass in an IMAP session: what FETCH responses bring (RFC 9051 section 7.5.2, BINARY: RFC 3516), and
   what APPEND sends. */
#include "imap.h"

#include "base/clock.h"
#include "base/memory.h"
#include "untold.h"

#include <stdlib.h>

#define NAME_MOST  1024  /* octets of an item's name, header names in brackets included */
#define DEPTH_MOST 65536 /* parentheses; a body structure of more is not followed */

static struct record *message_new(struct session *s, const struct message_facts *facts, const char *via)
{
    uint32_t index = ++*facts->index;
    struct record *m = session_record(s, KIND_message, index);
    record_number(m, F_message_index, index);
    record_word(m, F_message_via, via);
    if (facts->mailbox.len)
        record_text(m, F_message_mailbox, facts->mailbox);
    if (facts->server_name.len)
        record_text(m, F_message_server_name, facts->server_name);
    record_boolean(m, F_message_encrypted, session_encrypted(s));
    record_word(m, F_message_auth, facts->logged_in ? "user" : facts->login_unknown ? "unknown" : "none");
    if (facts->logged_in && facts->user.len)
        record_text(m, F_message_user, facts->user);
    return m;
}

/* --- APPEND --- */

/* Its sender had received the end of the client's stream, inside the message. */
static bool is_epilogue(struct session *s, const struct upload *u, const struct mark *first)
{
    return u->content && !u->ended && session_closed(s, CLIENT) && first->seen > input_end(session_input(s, CLIENT));
}

static const char *verdict(struct session *s, const struct upload *u, const struct imap_status *reply)
{
    if (reply)
        return reply->result == RESULT_OK ? "accepted" : "rejected";
    return u->ended || !session_seen_to_end(s, SERVER) ? "unknown" : "aborted";
}

void imap_appended(struct session *s, const struct message_facts *facts, struct request *r,
                   const struct imap_status *answer, const struct mark *first, const struct mark *last)
{
    for (struct upload *u = r->uploads; u; u = u->next) {
        bool late = answer && is_epilogue(s, u, first);
        const struct imap_status *reply = late ? NULL : answer;
        if (!u->content && !u->by_url && reply && reply->result == RESULT_OK)
            u->content = content_new(session_mail(s)); /* it was sent, and lost */
        struct record *m = message_new(s, facts, u->content ? "APPEND" : "none");
        const struct mark *end = reply && last->when >= u->last.when ? last : &u->last;
        record_word(m, F_message_verdict, late ? "aborted" : verdict(s, u, reply));
        if (reply)
            record_text(m, F_message_reply, untold_part(reply->whole));
        if (reply && u->content && first->when >= u->last.when)
            record_number(m, F_message_latency_us, (uint64_t)((first->when - u->last.when) / CLOCK_US));
        if (u->content)
            content_finish(u->content, m, u->ended && !u->by_url);
        else if (u->declared)
            record_number(m, F_message_declared_size, u->declared);
        if (r->command->unsure)
            record_flag(m, F_message_unsure);
        session_emit(s, m, &r->command->first, end);
    }
}

/* --- FETCH --- */

struct fetch *fetch_new(const struct mark *first)
{
    struct fetch *f = memory_get(sizeof *f);
    f->first = *first;
    f->item = ITEM_NONE;
    buf_init(&f->name, NAME_MOST);
    return f;
}

/* Servers tell UID and FLAGS before the text, or behind it. */
static void emit_text(struct session *s, struct fetch *f)
{
    struct record *m = f->text;
    if (!m)
        return;
    f->text = NULL;
    fetch_write_facts(f, m);
    session_emit(s, m, &f->first, &f->text_last);
}

void fetch_free(struct session *s, struct fetch *f)
{
    if (!f)
        return;
    emit_text(s, f);
    content_free(f->content);
    buf_release(&f->name);
    for (int i = 0; i < ITEM_NONE; i++)
        buf_release(&f->values[i]);
    free(f);
}

/* What the item's name says of its value: is it message text, and which part of the message? */
static bool section_of(struct bytes name, struct bytes *section)
{
    static const struct {
        const char *name, *section;
    } whole[] = {{"RFC822", ""}, {"RFC822.HEADER", "HEADER"}, {"RFC822.TEXT", "TEXT"}};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        if (bytes_equal_nocase(name, bytes_of_string(whole[i].name))) {
            *section = bytes_of_string(whole[i].section);
            return true;
        }
    }
    size_t open = bytes_index(name, '[');
    struct bytes what = bytes_part(name, 0, open);
    *section = bytes_part(name, open + 1, name.len);
    return open < name.len && (bytes_equal_nocase(what, BYTES("BODY")) || bytes_equal_nocase(what, BYTES("BINARY")));
}

/* "HEADER.FIELDS (FROM)" of "HEADER.FIELDS (FROM)]", "TEXT<0>" of "TEXT]<0>". */
static void write_section(struct record *m, struct bytes section)
{
    struct buf text;
    size_t close = section.len;
    while (close && section.data[close - 1] != ']')
        close--;
    buf_init(&text, NAME_MOST);
    buf_add(&text, bytes_part(section, 0, close ? close - 1 : section.len));
    if (close)
        buf_add(&text, bytes_part(section, close, section.len));
    record_text(m, F_message_section, buf_bytes(&text));
    buf_release(&text);
}

/* Has the piece a header of its own, and a body behind it? BODY[], BODY[HEADER...], BODY[]<0>; not BODY[TEXT], BODY[1],
   and nothing that begins in the middle. */
static void tell_piece(struct content *c, struct bytes section)
{
    size_t origin = bytes_index(section, '<');
    struct bytes part = bytes_part(section, 0, bytes_index(section, ']'));
    struct bytes from = bytes_part(section, origin, section.len);
    if (origin < part.len)
        part = bytes_part(part, 0, origin);
    bool header = bytes_starts_nocase(part, BYTES("HEADER")), partial = origin < section.len;
    bool fields = bytes_starts_nocase(part, BYTES("HEADER.FIELDS")); /* those that it lacks were not asked for */
    bool begins = !partial || bytes_equal(from, BYTES("<0>"));
    if ((part.len && !header) || !begins)
        content_is_piece(c, CONTENT_OCTETS);
    else if (header)
        content_is_piece(c, partial ? CONTENT_HEADER_BEGINNING : fields ? CONTENT_FIELDS : CONTENT_HEADER);
    else if (partial)
        content_is_piece(c, CONTENT_BEGINNING);
}

static struct content *new_content(struct session *s, struct fetch *f)
{
    struct bytes section;
    struct content *c = content_new(session_mail(s));
    if (section_of(buf_bytes(&f->name), &section))
        tell_piece(c, section);
    return c;
}

static void write_message(struct session *s, struct fetch *f, const struct message_facts *facts,
                          const struct mark *last, bool complete)
{
    struct bytes section;
    emit_text(s, f);
    struct record *m = message_new(s, facts, "FETCH");
    f->brought_text = true;
    if (section_of(buf_bytes(&f->name), &section)) {
        write_section(m, section);
        imap_did_fetch(s, section, content_size(f->content));
    }
    content_finish(f->content, m, complete);
    f->text = m;
    f->text_last = *last;
    content_free(f->content);
    f->content = NULL;
}

static bool is_message_text(const struct fetch *f)
{
    struct bytes section;
    return f->depth == 1 && f->has_name && section_of(buf_bytes(&f->name), &section);
}

/* A value has ended; at the outermost level a name comes next. */
static void value_ended(struct fetch *f)
{
    if (f->depth > 1)
        return;
    f->has_name = false;
    f->value_ended = true;
    buf_reset(&f->name);
}

/* The item's name is whole: is its value of use? Of an item that stands there twice the first counts. */
static void name_ended(struct fetch *f)
{
    f->item = fetch_item_of(buf_bytes(&f->name));
    if (f->item != ITEM_NONE && (f->values[f->item].len || (f->item >= ITEM_ENVELOPE && !f->listing)))
        f->item = ITEM_NONE;
}

static void push_unescaped(struct content *c, struct bytes text)
{
    for (size_t i = 0, from = 0; i <= text.len; i++) {
        if (i < text.len && text.data[i] != '\\')
            continue;
        content_push(c, text.data + from, i - from);
        from = ++i; /* what follows the backslash stands for itself */
    }
}

/* A quoted string; its place behind the opening quote. Returns the place behind it. */
static size_t quoted(struct session *s, struct fetch *f, const struct message_facts *facts, const struct line *line,
                     struct bytes text, size_t at)
{
    size_t end = at;
    while (end < text.len && text.data[end] != '"')
        end += text.data[end] == '\\' ? 2 : 1;
    bool closed = end < text.len;
    if (!closed)
        end = text.len;
    if (is_message_text(f)) {
        f->content = new_content(s, f);
        push_unescaped(f->content, bytes_part(text, at, end - at));
        write_message(s, f, facts, &line->last, closed);
    }
    value_ended(f);
    return closed ? end + 1 : end;
}

/* An item's name, brackets with all they hold included: it ends with a space outside of them. */
static size_t item_name(struct fetch *f, struct bytes text, size_t at)
{
    size_t end = at;
    while (end < text.len) {
        uint8_t c = text.data[end];
        if (!f->in_brackets && (c == ' ' || c == '(' || c == ')' || c == '"'))
            break;
        if (c == '[')
            f->in_brackets = true;
        if (c == ']')
            f->in_brackets = false;
        end++;
    }
    buf_add(&f->name, bytes_part(text, at, end - at));
    f->has_name = !f->in_brackets;
    if (f->has_name)
        name_ended(f);
    return end;
}

static size_t atom(struct fetch *f, struct bytes text, size_t at)
{
    while (at < text.len && text.data[at] != ' ' && text.data[at] != '(' && text.data[at] != ')' &&
           text.data[at] != '"')
        at++;
    value_ended(f);
    return at;
}

static void parenthesis(struct fetch *f, bool opens)
{
    if (opens && f->depth < DEPTH_MOST)
        f->depth++;
    if (!opens && f->depth)
        f->depth--;
    if (!opens)
        value_ended(f);
}

void fetch_line(struct session *s, struct fetch *f, const struct message_facts *facts, const struct line *line,
                struct bytes text, const struct imap_literal *literal)
{
    size_t at = 0;
    struct bytes announced = literal ? bytes_part(text, literal->at, text.len) : bytes_part(text, 0, 0);
    if (literal)
        text = bytes_part(text, 0, literal->at);
    while (at < text.len) {
        uint8_t c = text.data[at];
        size_t from = at;
        enum fetch_item item = f->item; /* whose value this goes on with */
        if (f->in_brackets)
            at = item_name(f, text, at);
        else if (c == ' ')
            at++;
        else if (c == '(' || c == ')')
            parenthesis(f, text.data[at++] == '(');
        else if (c == '"')
            at = quoted(s, f, facts, line, text, at + 1);
        else if (f->depth == 1 && !f->has_name)
            at = item_name(f, text, at);
        else
            at = atom(f, text, at);
        if (item != ITEM_NONE)
            fetch_value(f, bytes_part(text, from, at - from));
        if (f->value_ended)
            f->item = ITEM_NONE;
        f->value_ended = false;
    }
    if (f->in_brackets) /* the name of a header field */
        buf_add(&f->name, announced);
    else if (literal && is_message_text(f))
        f->content = new_content(s, f);
    else if (literal && f->item != ITEM_NONE)
        fetch_value(f, BYTES("\""));
}

void fetch_octets(struct fetch *f, const struct chunk *chunk)
{
    if (f->content)
        content_push(f->content, chunk->bytes.data, chunk->bytes.len);
    else if (f->item != ITEM_NONE && chunk->bytes.data)
        fetch_value_literal(f, chunk->bytes);
}

void fetch_literal_ended(struct session *s, struct fetch *f, const struct message_facts *facts, const struct mark *last,
                         bool complete)
{
    if (f->content)
        write_message(s, f, facts, last, complete);
    else if (f->item != ITEM_NONE)
        fetch_value(f, BYTES("\""));
    if (!f->in_brackets)
        value_ended(f);
    if (f->value_ended)
        f->item = ITEM_NONE;
    f->value_ended = false;
}
