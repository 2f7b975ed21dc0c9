/* IMAP4rev2 and rev1 (RFC 9051, 3501), with literals that do not wait (7888), IDLE (2177), SASL-IR (4959), STARTTLS,
   MULTIAPPEND (3502), CATENATE (4469), BINARY (3516), response codes (5530), and COMPRESS (4978).

   A command is a line, and goes on in another one behind each literal; so does a response. Tags pair replies with
   commands, whatever their order. Untagged responses belong to no command: they tell what they tell. */
#include "imap.h"

#include "client_line.h"

#include "base/memory.h"
#include "dissectors.h"

#include <stdlib.h>

/* --- probing --- */

static struct bytes first_line(struct bytes octets, bool *whole)
{
    struct bytes line = bytes_part(octets, 0, bytes_index(octets, '\n'));
    *whole = line.len < octets.len;
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

static enum probe probe_server(struct bytes server)
{
    bool whole;
    struct imap_status status;
    struct bytes line = first_line(server, &whole), rest = line, tag = bytes_word(&rest);
    if (server.len && server.data[0] == '*') {
        if (server.len > 1 && server.data[1] != ' ')
            return PROBE_NO; /* Redis */
        return whole && imap_is_untagged(rest) ? PROBE_MATCH : PROBE_UNSURE;
    }
    if (server.len && server.data[0] == '+')
        return server.len > 1 && server.data[1] != ' ' && server.data[1] != '\r' ? PROBE_NO : PROBE_UNSURE;
    if (!whole)
        return PROBE_UNSURE;
    if (!imap_status(bytes_trim(rest), &status) || status.result > RESULT_BAD)
        return PROBE_UNSURE; /* midstream it may be anything */
    return imap_is_usual_tag(tag) ? PROBE_MATCH : PROBE_UNSURE;
}

static enum probe probe_client(struct bytes client)
{
    bool whole;
    struct imap_command c;
    struct bytes line = first_line(client, &whole);
    if (!whole)
        return PROBE_UNSURE;
    if (imap_command(line, &c) && c.verb && imap_is_usual_tag(c.tag))
        return PROBE_MATCH;
    return bytes_equal_nocase(line, BYTES("DONE")) ? PROBE_MATCH : PROBE_UNSURE;
}

/* Other protocols' servers that speak first, or answer. */
static bool is_other(struct bytes server)
{
    static const char *const begins[] = {"HTTP/", "220", "+OK", "-ERR", "+PONG", "SSH-", "RTSP/", "SIP/"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (bytes_starts_nocase(server, bytes_of_string(begins[i])))
            return true;
    return server.len > 1 && (server.data[0] == '$' || server.data[0] == ':') && byte_is_digit(server.data[1]);
}

static enum probe probe(struct bytes client, struct bytes server)
{
    enum probe verdict = PROBE_UNSURE;
    if (server.len)
        verdict = is_other(server) ? PROBE_NO : probe_server(server);
    return verdict == PROBE_UNSURE ? probe_client(client) : verdict;
}

static void read(struct session *s, enum side side, struct input *in)
{
    if (side == CLIENT)
        imap_read_client(s, in);
    else
        imap_read_server(s, in);
}

/* --- losses and the end --- */

static void lost(struct session *s, enum side side, uint64_t len, const struct mark *where)
{
    struct imap *x = session_state(s);
    x->lost_any = true;
    if (side == CLIENT)
        imap_lost_commands(s);
    else
        imap_lost_responses(s, where->at + len);
}

static void write_facts(struct session *s)
{
    const struct imap *x = session_state(s);
    struct record *facts = session_facts(s);
    record_word(facts, F_session_role, "retrieval");
    if (!record_has(facts, F_session_starttls) && x->has_caps)
        record_word(facts, F_session_starttls, x->starttls_offered ? "offered" : "not_offered");
    client_line_write_early(s);
    record_nonzero(facts, F_session_messages, x->messages);
    record_nonzero(facts, F_session_auth_ok, x->logins.succeeded);
    record_nonzero(facts, F_session_auth_failed, x->logins.failed);
    if (x->logged_in && x->user_len)
        record_text(facts, F_session_user, bytes_of(x->user, x->user_len));
    imap_work_write(s);
}

/* It answers nothing: the server closes, as for want of commands (RFC 9051 section 7.1.5). A greeting may be a BYE,
 * too. */
static void closes(struct session *s, struct bytes bye)
{
    const struct imap *x = session_state(s);
    struct record *facts = session_facts(s);
    bool greeted = bytes_starts_nocase(record_find(facts, F_session_banner), BYTES("BYE"));
    if (!x->bye->asked_for && !greeted && !imap_commands_unseen(s))
        record_text(facts, F_session_closing_reply, bye);
}

/* A BYE that no LOGOUT asked for answers the oldest command that waited when it was said. One behind which no LOGOUT
   was answered was said before the server came to the LOGOUT, if a command waits before it. */
static void take_bye(struct session *s)
{
    struct imap *x = session_state(s);
    struct command *c;
    size_t at = 0;
    struct reply reply;
    if (!x->bye || x->bye->used_up || !imap_status(buf_bytes(&x->bye->text), &reply.status))
        return;
    while ((c = dialogue_next(s, &at)) && c->silent)
        ;
    if (!c || c->begins >= x->bye->first.seen) {
        closes(s, reply.status.whole);
        return;
    }
    reply.first = x->bye->first;
    reply.last = x->bye->last;
    /* Lost may be its own reply, and the LOGOUT that the BYE belongs to, or the tagged reply behind it. */
    dialogue_count_reply(s, BYTES("BYE"));
    if (dialogue_lost_since(s, c, &reply.first) || (c->kind == VERB_LOGOUT && !session_seen_to_end(s, SERVER))) {
        c->unsure |= c->kind != VERB_LOGOUT;
        return;
    }
    imap_finish(s, c, &reply);
}

/* The stream ends inside a command, or inside the message it sends. */
static void end_command(struct session *s)
{
    struct imap *x = session_state(s);
    struct request *r = x->sending;
    if (x->mode != MODE_LITERAL && x->mode != MODE_REST && x->mode != MODE_LITERAL_ASKED)
        return;
    session_note(s, x->mode == MODE_LITERAL && r && r->sends_message ? NOTE_content_cut : NOTE_command_cut);
    if (!r)
        return;
    r->cut = true;
    if (r->has_early)
        imap_command_ended(s);
}

static void close(struct session *s)
{
    struct imap *x = session_state(s);
    struct command *c;
    imap_end_responses(s);
    end_command(s);
    take_bye(s);
    imap_work_idle_ends(s);
    while ((c = dialogue_pending(s, 0)) != NULL)
        imap_finish(s, c, NULL);
    write_facts(s);
    if (x->bye)
        buf_release(&x->bye->text);
    free(x->bye);
    imap_hidden_free(x);
    free(x->user);
    free(x->work);
    buf_release(&x->mailbox);
    buf_release(&x->server_name);
}

static size_t request_held(const struct request *r)
{
    size_t held = memory_cost(sizeof *r) + login_held(r->login);
    held +=
        memory_cost(r->shown.cap) + memory_cost(r->text.cap) + memory_cost(r->early.cap) + memory_cost(r->behind.cap);
    for (const struct upload *u = r->uploads; u; u = u->next)
        held += memory_cost(sizeof *u) + content_held(u->content);
    return held;
}

static size_t held(struct session *s, bool *busy)
{
    const struct imap *x = session_state(s);
    const struct fetch *f = x->fetch;
    size_t held = memory_cost(x->user_len) + memory_cost(x->mailbox.cap) + memory_cost(x->server_name.cap);
    *busy |= f || x->requests || x->in_response;
    held += f ? memory_cost(sizeof *f) + memory_cost(f->name.cap) + content_held(f->content) : 0;
    held += f && f->text ? record_held(f->text) : 0;
    held += memory_cost(x->work ? sizeof *x->work : 0);
    for (int i = 0; f && i < ITEM_NONE; i++)
        held += memory_cost(f->values[i].cap);
    held += x->hidden ? memory_cost(sizeof *x->hidden) + memory_cost(x->hidden->text.cap) : 0;
    held += x->bye ? memory_cost(sizeof *x->bye) + memory_cost(x->bye->text.cap) : 0;
    for (const struct request *r = x->requests; r; r = r->next)
        held += request_held(r);
    return held;
}

static const char *const names[] = {"imap", NULL};

static const struct port_hint ports[] = {{143, 0, false}, {993, 0, true}, {0}};

const struct dissector imap_dissector = {
    .names = names,
    .ports = ports,
    .state_size = sizeof(struct imap),
    .probe = probe,
    .read = read,
    .lost = lost,
    .held = held,
    .close = close,
};
