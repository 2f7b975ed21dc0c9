/* Commands in what was read as a literal. A client that does not wait for a "+" (RFC 7888) sends the octets whatever
   the server thinks of their announcement; one that takes it for something else reads them as commands. Replies with
   their tags show it. */
#include "imap.h"

#include "base/memory.h"

#include <stdlib.h>

void imap_hidden_free(struct imap *x)
{
    if (!x->hidden)
        return;
    if (x->hidden->text.data)
        explicit_bzero(x->hidden->text.data, x->hidden->text.cap);
    buf_release(&x->hidden->text);
    free(x->hidden);
    x->hidden = NULL;
}

void imap_keep_hidden(struct session *s, struct request *r, bool accepted)
{
    struct imap *x = session_state(s);
    if (!r->unasked || !r->behind.len || (accepted && r->command->kind == VERB_APPEND))
        return;
    imap_hidden_free(x);
    x->hidden = memory_get(sizeof *x->hidden);
    x->hidden->text = r->behind;
    x->hidden->first = r->behind_first;
    buf_init(&r->behind, 0);
}

/* The next whole line, without its end. */
static bool next_line(struct bytes *rest, struct bytes *line)
{
    size_t lf = bytes_index(*rest, '\n');
    if (lf == rest->len)
        return false;
    *line = bytes_part(*rest, 0, lf && rest->data[lf - 1] == '\r' ? lf - 1 : lf);
    *rest = bytes_part(*rest, lf + 1, rest->len);
    return true;
}

static bool holds_tag(struct bytes text, struct bytes tag)
{
    struct bytes line;
    while (next_line(&text, &line))
        if (bytes_equal(bytes_word(&line), tag))
            return true;
    return false;
}

enum hides imap_hides(struct session *s, struct bytes tag)
{
    const struct imap *x = session_state(s);
    const struct request *r = x->sending;
    if (!r || !r->unasked || !r->has_early || (x->mode != MODE_LITERAL && x->mode != MODE_REST))
        return HIDES_NOT;
    struct bytes text = buf_bytes(&r->behind);
    if (!holds_tag(text, tag))
        return HIDES_NOT;
    return text.data[text.len - 1] == '\n' ? HIDES : HIDES_HALF;
}

/* The client's side goes on where it is: what such a line would have sent behind itself is not waited for. */
static void tell_line(struct session *s, const struct line *line)
{
    struct imap *x = session_state(s);
    struct request *sending = x->sending;
    uint64_t left = x->left;
    uint8_t mode = x->mode;
    x->sending = NULL;
    imap_command_line(s, line);
    if (x->sending)
        imap_command_ended(s);
    dialogue_sort_last(s);
    x->sending = sending;
    x->left = left;
    x->mode = mode;
}

/* LOGOUT alone: it does nothing but end the session, as the BYE has it, and the client had meant it as text. */
static bool is_logout(struct bytes text, struct bytes tag)
{
    struct bytes line;
    while (next_line(&text, &line))
        if (bytes_equal(bytes_word(&line), tag))
            return bytes_equal_nocase(bytes_trim(line), BYTES("LOGOUT"));
    return false;
}

bool imap_found_hidden(struct session *s, struct bytes tag, const struct command *known)
{
    struct imap *x = session_state(s);
    struct hidden *h = x->hidden;
    if (!h)
        return false;
    bool holds = holds_tag(buf_bytes(&h->text), tag) && !is_logout(buf_bytes(&h->text), tag);
    if (known || !holds) {
        if (!holds && known && known->first.at > h->first.at)
            imap_hidden_free(x); /* the server is past it */
        return false;
    }
    struct bytes all = buf_bytes(&h->text), rest = all;
    struct line line = {.end = LINE_CRLF};
    bool zone = x->secret_zone;
    x->secret_zone = true; /* they may be arguments of a LOGIN */
    x->hidden = NULL;      /* what is told here may hide more */
    bool begun = false;    /* those before it were taken for what they stand for */
    for (size_t from = 0; next_line(&rest, &line.text); from = all.len - rest.len) {
        struct bytes text = line.text;
        begun |= bytes_equal(bytes_word(&text), tag);
        if (!begun)
            continue;
        line.first = line.last = h->first;
        line.first.at += from;
        line.last.at += all.len - rest.len - 1;
        tell_line(s, &line);
    }
    x->secret_zone = zone;
    imap_hidden_free(x);
    x->hidden = h;
    imap_hidden_free(x);
    return true;
}
