/* The engine's side of an input: feeding it. Dissectors see input.h alone. */
#ifndef MAILTAP_SESSION_INPUT_PRIVATE_H
#define MAILTAP_SESSION_INPUT_PRIVATE_H

#include "base/limits.h"
#include "session/input.h"

struct origin { /* of a run of octets: struct octets of capture/tcp.h, and whether acks can be believed */
    uint64_t at;
    uint64_t acked;    /* what its sender had acknowledged of the other direction */
    uint64_t captured; /* what had been captured of the other direction by then */
    int64_t when;
    uint64_t frame;
};

struct piece { /* octets that travelled together, or a gap */
    struct origin origin;
    uint64_t len;
    bool gap;
    bool inner; /* came out of a filter: all its octets stand at origin.at */
};

struct input {
    const uint8_t *data; /* unread octets, gaps left out; in `own`, or in the packet while it is being offered */
    size_t len;
    size_t run; /* how many of them stand before the first gap */
    uint8_t *own;
    size_t own_cap;
    struct piece *pieces; /* a ring would not pay: there are one or two of them */
    size_t piece_first, piece_count, piece_cap;
    uint64_t unread; /* octets and gaps */
    uint64_t end;    /* place behind the last octet fed */
    const struct limits *limits;
    struct mark last_read; /* of the last octet read */
    size_t incurious;      /* of the unread pieces so many, from the first on, had not seen more than that */
    size_t hint, hint_at;  /* a piece, from the first unread one on, and the offset in the run where it begins */
    size_t scanned;        /* no line end in the first so many unread octets */
    bool skipping;         /* inside the rest of an over-long line */
    bool broken;           /* a gap was the last thing read */
    bool wants_line;       /* a line was asked for and a gap stands first: the dissector must be told */
    bool closed;           /* nothing will be fed any more */
    bool acks_unusable;    /* marks take `captured` for `seen` */
    unsigned overlong;     /* lines cut since the engine last looked */
    /* input_dotted */
    uint8_t before;   /* what stands before the next octet: enum before in input.c */
    uint8_t decision; /* about the doubtful end that is next */
    bool after_gap;
    unsigned odd;
};

void input_init(struct input *in, const struct limits *limits);
void input_release(struct input *in);

/* Octets in order. `data` is a view: what the dissector leaves unread is copied by input_keep, at the latest before the
   view ends. */
void input_feed(struct input *in, struct bytes data, const struct origin *origin, bool inner);
void input_feed_gap(struct input *in, uint64_t len, const struct origin *origin);
void input_keep(struct input *in);

/* Gives back the memory of one that has nothing unread. */
void input_trim(struct input *in);

/* Takes the first piece out, whole or the rest of it; false when there is none. The view lives until the next feed. */
bool input_shift(struct input *in, struct bytes *data, struct piece *piece);

/* The gap that stands first, if any: takes it out. */
bool input_pop_gap(struct input *in, uint64_t *len, struct mark *where);

/* The mark of the octet so many octets behind the next unread one. False: it is not here, or a gap stands before. */
bool input_mark(struct input *in, size_t offset, struct mark *mark);

/* Had the sender of an unread octet received more than the sender of the last one read? How much, of the first such. */
bool input_knows_more(struct input *in, uint64_t *seen);

/* From here on marks take `captured` for `seen`, or not. */
void input_trust_acks(struct input *in, bool unusable);

/* Octets it holds in memory, for the budget. */
size_t input_held(const struct input *in);

#endif
