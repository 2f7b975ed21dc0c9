/* uuencode, as POSIX's utility of that name describes it: a line "begin mode name", lines that begin with the number of
   their octets, one with none, a line "end". A space may stand for the backquote, and trailing ones may be gone. */
#include "transfer_private.h"

enum state {
    OUTSIDE,    /* a line begins that may be "begin"; column: how much of it is */
    OTHER_LINE, /* the rest of a line outside */
    BEGIN_LINE, /* the rest of the line "begin" */
    LENGTH,     /* a line begins */
    DATA,       /* column: how many octets of it are to come */
    TAIL,       /* what stands behind them; column: how much that is */
};

enum { TAIL_MOST = 2 }; /* some encoders fill up the line, or add a character that checks it */

static const char begin[] = "begin ";

/* The octets of a group, as many as the line still has. */
static size_t group(struct transfer_decoder *d, uint8_t *out)
{
    size_t n = d->column < 3 ? d->column : 3;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(d->bits >> (16 - 8 * i));
    d->column -= n;
    d->count = 0;
    d->bits = 0;
    return n;
}

static size_t data(struct transfer_decoder *d, uint8_t c, uint8_t *out)
{
    if (c < ' ' || c > '`')
        transfer_note(d, TRANSFER_ILLEGAL);
    d->bits = d->bits << 6 | ((c - 32u) & 63);
    if (++d->count < 4)
        return 0;
    d->groups++;
    size_t n = group(d, out);
    if (!d->column)
        d->state = TAIL;
    return n;
}

/* The line is at its end. Where it is shorter than it says, trailing spaces are gone, which are zeros; but it never
   stands for more octets than it has characters, so that the output stays bounded by the input. */
static size_t line_end(struct transfer_decoder *d, uint8_t *out)
{
    size_t to = 0, room = d->groups + d->count + 1u;
    bool enough = d->column < 3 && d->count > d->column; /* of the last group two or three characters will do */
    if (!enough)
        transfer_note(d, TRANSFER_BAD_CHECK);
    if (d->column > room)
        d->column = room;
    while (d->column) {
        d->bits <<= 6 * (4 - d->count);
        to += group(d, out + to);
    }
    return to;
}

static void first(struct transfer_decoder *d, uint8_t c)
{
    if (c == '\r' || c == '\n')
        return;
    d->column = 0;
    d->count = 0;
    d->bits = 0;
    d->groups = 0;
    if (c == 'e') { /* "end" */
        d->state = OTHER_LINE;
    } else if (c < ' ' || c > '`') {
        transfer_note(d, TRANSFER_ILLEGAL);
        d->state = TAIL;
    } else {
        d->column = (c - 32u) & 63;
        d->state = d->column ? DATA : TAIL;
    }
}

static void outside(struct transfer_decoder *d, uint8_t c)
{
    if (c == '\n') {
        d->column = 0;
    } else if (c != (uint8_t)begin[d->column]) {
        d->state = OTHER_LINE;
    } else if (++d->column == sizeof(begin) - 1) {
        d->state = BEGIN_LINE;
        d->begun = true;
    }
}

static size_t octet(struct transfer_decoder *d, uint8_t c, uint8_t *out)
{
    size_t to = 0;
    switch ((enum state)d->state) {
    case OUTSIDE:
        outside(d, c);
        break;
    case OTHER_LINE:
        if (c == '\n') {
            d->state = OUTSIDE;
            d->column = 0;
        }
        break;
    case BEGIN_LINE:
        if (c == '\n')
            d->state = LENGTH;
        break;
    case LENGTH:
        first(d, c);
        break;
    case DATA:
        if (c != '\n' && c != '\r')
            return data(d, c, out);
        to = line_end(d, out);
        d->state = c == '\n' ? LENGTH : TAIL;
        break;
    case TAIL:
        if (c == '\n')
            d->state = LENGTH;
        else if (c != '\r' && ++d->column == TAIL_MOST + 1)
            transfer_note(d, TRANSFER_BAD_CHECK);
        break;
    }
    return to;
}

size_t uudecode(struct transfer_decoder *d, struct bytes in, uint8_t *out)
{
    size_t to = 0;
    for (size_t i = 0; i < in.len; i++)
        to += octet(d, in.data[i], out + to);
    return to;
}

size_t uudecode_finish(struct transfer_decoder *d, uint8_t *out)
{
    bool inside = d->state >= LENGTH;
    size_t to = d->state == DATA ? line_end(d, out) : 0;
    if ((!d->begun || inside) && !d->gap)
        transfer_note(d, TRANSFER_BAD_CHECK);
    return to;
}

void uudecode_gap(struct transfer_decoder *d)
{
    d->gap = true;
    if (d->state == OUTSIDE)
        d->state = OTHER_LINE;
    else if (d->state == LENGTH || d->state == DATA)
        d->state = TAIL;
    d->column = d->count = 0;
}
