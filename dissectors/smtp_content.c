/* Contents: DATA's, dotted, and those of BDAT (RFC 3030), counted; where their ends are doubtful, see smtp_eod.c. */
#include "base/memory.h"
#include "client_line.h"
#include "smtp_state.h"

#include <stdlib.h>

static struct upload *upload_new(struct session *s, bool bdat)
{
    struct smtp *x = session_state(s);
    struct upload *u = memory_get(sizeof *u);
    u->content = content_new(session_mail(s));
    u->id = ++x->next_upload;
    u->bdat = bdat;
    u->next = x->uploads;
    x->uploads = u;
    x->upload = u;
    return u;
}

void upload_free(struct smtp *x, struct upload *u)
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

void smtp_link_upload(struct session *s, struct command *c)
{
    struct smtp *x = session_state(s);
    struct upload *u = find_upload(x, c->ref);
    if (!u)
        return;
    if (x->open)
        x->open->upload = u;
    if (!u->counted && (!x->open || x->open->headless))
        session_note(s, NOTE_content_without_mail);
    u->counted = true;
}

/* What was lost among commands behind the line of DATA was the head of its content. Where that line was lost, too, it
   ended where the server answered it. */
static void count_lost_head(const struct smtp *x, struct upload *u, const struct command *c,
                            const struct smtp_reply *reply)
{
    bool command_lost = reply && c->first.at >= x->lost_from && c->first.at < x->lost_to;
    uint64_t begin = command_lost ? reply->first.seen : c->last.at + 1;
    if (begin < x->lost_from)
        begin = x->lost_from;
    if (begin < x->lost_to)
        content_push(u->content, NULL, x->lost_to - begin);
}

void smtp_begin_content(struct session *s, struct command *c, const struct smtp_reply *reply)
{
    struct smtp *x = session_state(s);
    struct upload *u = upload_new(s, false);
    count_lost_head(x, u, c, reply);
    u->envelope_lost = x->envelope_lost;
    u->last = c->last;
    x->content_knew = reply ? reply->last.at + 1 : UINT64_MAX;
    c->phase = 1;
    c->ref = u->id;
    c->begins = UINT64_MAX;
    smtp_link_upload(s, c);
    x->mode = MODE_CONTENT;
}

/* Among what was lost of the commands before this chunk there may be another one, with its command: unless all chunks
   are as long as the message was declared. */
static void doubt_chunks(const struct smtp *x, struct upload *u, uint64_t next)
{
    uint64_t declared;
    bool whole = x->chunk_last && x->open && transaction_declared_size(x->open, &declared) &&
                 declared == content_size(u->content) + next;
    u->doubtful = true;
    u->envelope_lost |= !content_size(u->content);
    if (!whole)
        content_doubt(u->content, x->lost_to - x->lost_from);
}

void smtp_begin_chunk(struct session *s, struct command *c, struct bytes arg)
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
    if (x->envelope_lost)
        doubt_chunks(x, upload, size);
    x->envelope_lost = false;
    x->mode = MODE_CHUNK;
}

bool smtp_refuse_chunk(struct smtp *x, struct command *c, uint32_t code)
{
    struct upload *u = find_upload(x, c->ref);
    bool unknown = code == 500 || code == 502 || (code > 500 && x->caps_known && !x->chunking_offered);
    if (x->mode != MODE_CHUNK || c->begins != UINT64_MAX || !unknown || !u || (x->open && x->open->upload == u))
        return false;
    upload_free(x, u);
    x->chunk_left = 0;
    x->chunk_last = false;
    x->mode = MODE_COMMANDS;
    c->phase = 0;
    return true;
}

/* XEXCH50 <size> <recipients>: so many octets follow once the server says 354. */
void smtp_begin_xexch50(struct smtp *x, struct bytes arg)
{
    if (!bytes_number(&arg, &x->chunk_left))
        x->chunk_left = 0;
    x->mode = MODE_REPLY;
}

static void push(struct smtp *x, const struct chunk *chunk)
{
    struct upload *u = x->upload;
    if (chunk->bytes.data)
        x->content_knew = chunk->last.seen;
    if (!u) /* its message was told before its end */
        return;
    content_push(u->content, chunk->bytes.data, chunk->bytes.len);
    u->last = chunk->last;
}

static void upload_ended(struct smtp *x, const struct mark *last)
{
    if (!x->upload)
        return;
    x->upload->ended = true;
    x->upload->last = *last;
    x->upload = NULL;
}

static void tell_odd_end(struct session *s, const struct chunk *chunk, const struct eod_finding *found)
{
    struct smtp *x = session_state(s);
    struct upload *u = x->upload;
    session_note(s, NOTE_eod_odd);
    if (found->commands)
        session_note(s, NOTE_smuggling_suspect);
    if (!u) /* its message was told when the reply came, before its end */
        return;
    if (!u->odd)
        u->odd = record_new(KIND_message, session_limits(s));
    record_begin(u->odd, F_message_eod_odd);
    record_word(u->odd, F_eod_odd_form, smtp_eod_name(chunk->form));
    record_number(u->odd, F_eod_odd_at, content_size(u->content));
    if (found->verb)
        record_text(u->odd, F_eod_odd_verb, bytes_of_string(found->verb));
    record_nonzero(u->odd, F_eod_odd_commands, found->commands);
    record_word(u->odd, F_eod_odd_honoured, found->honoured);
    record_end(u->odd);
}

/* False: what stands here cannot be judged yet. */
static bool judge_doubt(struct session *s, struct input *in, const struct chunk *chunk)
{
    struct smtp *x = session_state(s);
    struct eod_finding found;
    x->doubt = true;
    enum eod_verdict verdict = smtp_judge_eod(s, in, chunk, x->content_knew, &found);
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
    const struct line octets = {.first = chunk->first, .last = chunk->last};
    client_line_early(s, &octets);
}

bool smtp_read_content(struct session *s, struct input *in)
{
    struct smtp *x = session_state(s);
    struct chunk chunk;
    if (!input_dotted(in, &chunk))
        return false;
    if (chunk.end == CHUNK_DOUBT)
        return judge_doubt(s, in, &chunk);
    early_chunk(s, &chunk);
    if (!chunk.bytes.data && chunk.bytes.len)
        x->content_gap = chunk.first.at;
    if (chunk.bytes.len)
        push(x, &chunk);
    if (chunk.end != CHUNK_LAST)
        return true;
    session_note_odd(s, input_odd(in));
    if (chunk.form == EOD_GAP) { /* commands may have stood behind it there, too */
        const struct mark from = {.at = x->content_gap};
        dialogue_lost(s, CLIENT, &from, chunk.last.at + 1 - x->content_gap);
        smtp_lost_commands(x, x->content_gap, chunk.last.at + 1);
    }
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

bool smtp_read_chunk(struct session *s, struct input *in)
{
    struct smtp *x = session_state(s);
    struct chunk chunk = {.last = {0}};
    struct command *c;
    if (x->chunk_left) {
        if (!input_take(in, x->chunk_left, &chunk))
            return false;
        early_chunk(s, &chunk);
        x->chunk_left -= chunk.bytes.len;
        push(x, &chunk);
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
