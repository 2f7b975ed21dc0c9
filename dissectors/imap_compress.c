/* COMPRESS whose command was not captured: what its reply says is no proof, servers word it as they please, but what
   comes next is: octets that are no text, and text that IMAP would say once they are inflated (RFC 4978). */
#include "imap.h"

#include "session/filter.h"

#define LOOK_IN  512 /* octets that are inflated to look at them */
#define LOOK_OUT 256
#define ENOUGH   64 /* of a line that does not end */

enum guess { GUESS_NO, GUESS_YES, GUESS_WAIT };

static bool is_text(struct bytes octets)
{
    for (size_t i = 0; i < octets.len; i++)
        if ((octets.data[i] < ' ' && octets.data[i] != '\t') || octets.data[i] > '~')
            return false;
    return true;
}

/* Does a side of IMAP begin a line like this? */
static bool is_said_by(enum side side, struct bytes line)
{
    struct imap_status status;
    struct bytes rest = line, tag = bytes_word(&rest);
    if (side == CLIENT)
        return imap_is_command(line);
    if (bytes_equal(tag, BYTES("*")))
        return imap_is_untagged(bytes_trim(rest));
    return imap_is_usual_tag(tag) && imap_status(bytes_trim(rest), &status) && status.result <= RESULT_BAD;
}

static struct bytes first_line(struct bytes octets, bool *whole)
{
    struct bytes line = bytes_part(octets, 0, bytes_index(octets, '\n'));
    *whole = line.len < octets.len;
    return line.len && line.data[line.len - 1] == '\r' ? bytes_part(line, 0, line.len - 1) : line;
}

static enum guess judge(enum side side, struct bytes octets)
{
    uint8_t out[LOOK_OUT];
    bool whole, broken;
    struct bytes line = first_line(octets, &whole);
    if (is_text(line) || is_said_by(side, line))
        return whole || octets.len >= LOOK_IN ? GUESS_NO : GUESS_WAIT;
    struct bytes inside = deflate_look(bytes_part(octets, 0, LOOK_IN), out, sizeof out, &broken);
    line = first_line(inside, &whole);
    if (is_text(line) && (whole || line.len >= ENOUGH) && is_said_by(side, line))
        return GUESS_YES;
    return broken || whole || line.len >= ENOUGH || octets.len >= LOOK_IN ? GUESS_NO : GUESS_WAIT;
}

bool imap_found_compressed(struct session *s, enum side side, struct input *in, bool *waits)
{
    struct imap *x = session_state(s);
    struct bytes octets = input_peek(in);
    *waits = false;
    if (!x->maybe_compressed || !octets.len)
        return false;
    enum guess guess = judge(side, octets);
    bool more = !input_gap_ahead(in) && !session_closed(s, side) && !session_overheld(s, side);
    *waits = guess == GUESS_WAIT && more;
    if (*waits) /* what may be the beginning of a line is no line either */
        return false;
    x->maybe_compressed = false;
    if (guess != GUESS_YES)
        return false;
    imap_begin_compression(s);
    return true;
}
