/* Replies of several lines (RFC 1939 section 3): listings and messages, undone of their dots, and where they end. */
#include "pop3.h"

#include "base/memory.h"
#include "client_line.h"
#include "mail/content.h"

#include <stdlib.h>

/* fetchmail asks for 99999999 lines where it wants a message, for TOP does not mark it as seen. */
#define LINES_OF_ALL 1000000

static bool asks_for_all(const struct command *c)
{
    struct bytes arg = command_arg(c);
    uint64_t lines;
    bytes_word(&arg);
    arg = bytes_word(&arg);
    return bytes_number(&arg, &lines) && lines >= LINES_OF_ALL;
}

struct body *body_new(const struct session *s, struct command *c, const struct line *first)
{
    struct body *b = memory_get(sizeof *b);
    *b = (struct body){.command = c,
                       .verb = (enum verb)c->kind,
                       .asked = c->first,
                       .replied = first->first,
                       .last = first->last,
                       .unsure = c->unsure,
                       .lf_only = first->end == LINE_LF};
    buf_init(&b->caps, (size_t)session_limits(s)->line);
    if (pop3_brings_message(b->verb))
        b->content = content_new(session_mail(s));
    b->whole = b->verb == VERB_RETR || (b->verb == VERB_TOP && asks_for_all(c));
    if (b->content && !b->whole)
        content_is_piece(b->content, CONTENT_BEGINNING);
    return b;
}

void body_free(struct body *b)
{
    if (!b)
        return;
    content_free(b->content);
    buf_release(&b->caps);
    free(b);
}

/* "2 200" */
static void add_up(struct body *b, struct bytes line)
{
    uint64_t octets;
    bytes_word(&line);
    line = bytes_word(&line);
    if (bytes_number(&line, &octets) && b->octets + octets >= octets)
        b->octets += octets;
}

/* A piece of a listing, up to its line's end or that of the chunk. */
static void take_size(struct body *b, struct bytes piece, bool whole)
{
    if (whole && !b->caps.len) {
        add_up(b, bytes_trim(piece));
        return;
    }
    buf_add(&b->caps, piece);
    if (!whole)
        return;
    add_up(b, bytes_trim(buf_bytes(&b->caps)));
    buf_reset(&b->caps);
}

/* Counts lines, and adds up sizes; of capabilities keeps them, but for what stands beside a gap. */
static void take_listing(struct body *b, struct bytes octets)
{
    for (size_t end; octets.len; octets = bytes_part(octets, end, octets.len)) {
        size_t lf = bytes_index(octets, '\n');
        bool whole = lf < octets.len;
        end = whole ? lf + 1 : lf;
        b->lines += whole;
        if (b->verb == VERB_CAPA && !b->within)
            buf_add(&b->caps, bytes_part(octets, 0, end));
        if (b->verb == VERB_LIST && !b->within)
            take_size(b, bytes_part(octets, 0, end), whole);
        b->within &= !whole;
    }
}

static void take_chunk(struct body *b, const struct chunk *chunk)
{
    if (!chunk->bytes.data) {
        b->gap = chunk->first;
        b->gap_len = chunk->bytes.len;
        b->within = true;
        while (b->caps.len && b->caps.data[b->caps.len - 1] != '\n')
            b->caps.len--;
    }
    if (b->content)
        content_push(b->content, chunk->bytes.data, chunk->bytes.len);
    else if (chunk->bytes.data)
        take_listing(b, chunk->bytes);
}

/* The command that the next reply answers, when the body has ended. */
static const struct command *next_command(struct session *s, const struct body *b)
{
    return dialogue_pending(s, b->command ? 1 : 0);
}

/* Is the line the reply to the next command, by its look and by what its sender had received? */
static bool answers_next(struct session *s, const struct body *b, const struct line *line)
{
    const struct command *next = next_command(s, b);
    return next && next->begins < line->first.seen && pop3_is_status(line->text);
}

bool body_goes_on(struct session *s, const struct input *in)
{
    bool gap = input_end(in) - input_at(in) > input_peek(in).len;
    return !gap && !session_closed(s, SERVER);
}

/* Some servers forget the body of an empty listing; and after a loss the reply may be another command's. False: that
   cannot be told yet. */
static bool judge_begin(struct session *s, struct body *b, struct input *in, bool *missing)
{
    struct line line;
    bool found = input_ahead(in, 0, &line);
    if (!found && body_goes_on(s, in))
        return false;
    b->begun = true;
    *missing = found && answers_next(s, b, &line);
    return true;
}

/* After lost octets: did they hold the end? A client that waits for replies sent its next command behind it. False:
   that cannot be told yet. */
static bool judge_gap(struct session *s, const struct body *b, struct input *in)
{
    const struct command *next = next_command(s, b);
    struct line line, after;
    if (session_patient(s, SERVER) || !input_behind_doubt(in, 0, &line))
        return false;
    bool ends = next && next->first.seen > b->gap.at && next->first.seen <= line.last.at + 1;
    ends |= answers_next(s, b, &line);
    if (!ends && (!line.text.len || bytes_equal(line.text, BYTES(".")))) { /* the tail of the end? */
        bool found = input_behind_doubt(in, 1, &after);
        if (!found && body_goes_on(s, in))
            return false;
        ends = found && answers_next(s, b, &after);
    }
    if (ends)
        dialogue_lost(s, SERVER, &b->gap, b->gap_len);
    input_settle(in, ends);
    return true;
}

/* A dot between other line ends than CRLF ends the body of a server that knows no other ones, and where the server fell
   silent behind it and the client went on. False: that cannot be told yet. */
static bool judge_end(struct session *s, const struct body *b, struct input *in, const struct chunk *chunk)
{
    const struct command *next = next_command(s, b);
    struct line line;
    uint64_t behind = UINT64_MAX;
    bool silent = !input_place_behind_doubt(in, &behind);
    bool known = next && next->first.seen > chunk->last.at && next->first.seen <= input_end(in);
    if (b->lf_only || (known && next->first.seen <= behind)) {
        input_settle(in, true);
        return true;
    }
    if (silent && !session_closed(s, SERVER))
        return false;
    if (!silent && !session_dark(s, CLIENT) &&
        !session_closed(s, CLIENT)) { /* is what the client said still to come? */
        bool found = input_behind_doubt(in, 0, &line);
        if (found ? line.first.seen > input_at(session_input(s, CLIENT)) : body_goes_on(s, in))
            return false;
    }
    input_settle(in, silent);
    return true;
}

enum body_state body_read(struct session *s, struct body *b, struct input *in)
{
    struct chunk chunk;
    bool missing = false;
    if (!b->begun && !judge_begin(s, b, in, &missing))
        return BODY_WAITS;
    if (missing)
        return BODY_CUT;
    while (input_dotted(in, &chunk)) {
        if (chunk.end == CHUNK_DOUBT) {
            bool told = chunk.form == EOD_GAP ? judge_gap(s, b, in) : judge_end(s, b, in, &chunk);
            if (!told)
                return BODY_WAITS;
            continue;
        }
        if (chunk.bytes.len)
            take_chunk(b, &chunk);
        b->last = chunk.last;
        if (chunk.end == CHUNK_LAST) {
            session_note_odd(s, input_odd(in));
            return chunk.form == EOD_GAP ? BODY_CUT : BODY_ENDS;
        }
    }
    return BODY_WAITS;
}
