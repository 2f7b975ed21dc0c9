/* One direction of a conversation as a dissector reads it: octets in order, gaps declared, and for every octet who had
   seen what when it was sent. Framing (lines, counted bodies, dotted bodies) is done here, once, for all protocols.

   A read function returns false when what it is asked for is not there yet; the dissector keeps its state and returns.
   Views live until the dissector's read() returns. */
#ifndef MAILTAP_SESSION_INPUT_H
#define MAILTAP_SESSION_INPUT_H

#include "base/bytes.h"

struct mark {    /* about one octet of a direction */
    uint64_t at; /* its place in the stream, of TCP payload, below any filter */
    uint64_t
        seen; /* how much of the other direction its sender had received: the ACK it travelled with, as a place there */
    int64_t when;   /* capture time, ns */
    uint64_t frame; /* packet number, over all files, from 1 */
};

enum line_end {
    LINE_CRLF,
    LINE_LF,
    LINE_CUT, /* over-long (the rest of it is skipped), or a gap or the end of the stream is inside it */
};

struct line {
    struct bytes text; /* without its ending */
    enum line_end end;
    struct mark first, last; /* of its first octet, and of the last of its ending */
    bool broken;             /* it began behind a gap: it may be the tail of another line */
};

enum chunk_end {
    CHUNK_MORE,
    CHUNK_LAST,  /* the body ends with this chunk (which may be empty) */
    CHUNK_DOUBT, /* an end that both sides may read differently stands next; input_settle() goes on */
};

/* The forms an end of data may have: `.` on a line of its own, by what stands before and behind it. */
enum eod {
    EOD_CRLF_CRLF, /* the RFC's: CRLF . CRLF */
    EOD_LF_LF,
    EOD_LF_CRLF,
    EOD_CRLF_LF,
    EOD_LF_CR, /* a CR that no LF follows */
    EOD_CR_LF,
    EOD_CR_CR,
    EOD_CR_CRLF,
    EOD_CRLF_NUL,    /* CRLF NUL . CRLF */
    EOD_CRLF_CRCRLF, /* CRLF . CR CRLF */
    EOD_GAP,         /* lost octets stand before: they may have held the end; what is next looks like a command */
};

struct chunk {
    struct bytes bytes; /* a gap of that length: data is null */
    enum chunk_end end;
    enum eod form;           /* of LAST and DOUBT */
    struct mark first, last; /* of its octets (an empty chunk: of the end's) */
};

struct input;

/* The next whole line. The head of the stream must be read as lines: a gap there makes this false until the engine has
   told the dissector by lost(). */
bool input_line(struct input *in, struct line *line);

/* Up to max octets as they come: literals, counted bodies. Never empty. */
bool input_take(struct input *in, uint64_t max, struct chunk *chunk);

/* The next piece of a DATA or multi-line body, whole lines or not, dots undone (RFC 5321 4.5.2, RFC 1939 3). The line
   end before the final dot belongs to the body. Oddities of line ends are counted in the input (input_odd). */
bool input_dotted(struct input *in, struct chunk *chunk);

/* The n-th (from 0) whole line still unread, reading nothing. False where a gap stands before its end. */
bool input_ahead(struct input *in, size_t n, struct line *line);

/* After CHUNK_DOUBT: the doubtful end is the end (the next chunk is LAST), or it is text. */
void input_settle(struct input *in, bool ends);

/* In a dotted body: were lost octets the last thing read of it? They may have held its end. */
bool input_is_behind_gap(const struct input *in);

/* Like input_ahead(in, 0, ...), but in a dotted body at CHUNK_DOUBT: lines behind the doubtful end, n from 0. */
bool input_behind_doubt(struct input *in, size_t n, struct line *line);

/* After CHUNK_DOUBT: the place of what stands behind the doubtful end, a gap or not. False: nothing does, as yet. */
bool input_place_behind_doubt(struct input *in, uint64_t *at);

/* What was met in the dotted body since it began, as a mask of 1u << ODD_...; reading clears it. */
enum { ODD_BARE_LF, ODD_BARE_CR, ODD_NUL };
unsigned input_odd(struct input *in);

/* Is anything unread? The mark of its first octet (of a gap, of where it begins). */
bool input_unread(const struct input *in, struct mark *first);

/* Does a gap stand among what is unread? */
bool input_gap_ahead(const struct input *in);

/* The unread octets before the first gap, reading nothing: for telling what they are. */
struct bytes input_peek(const struct input *in);

/* How many octets, from the next unread one on, travelled together: they have one mark but for their place. 0: a gap
   stands there, or nothing. */
uint64_t input_together(const struct input *in);

/* The place of the next unread octet, and of the end of what is here. */
uint64_t input_at(const struct input *in);
uint64_t input_end(const struct input *in);

#endif
