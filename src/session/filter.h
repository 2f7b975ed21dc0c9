/* Something that stands under a dialogue: TLS, deflate. */
#ifndef MAILTAP_SESSION_FILTER_H
#define MAILTAP_SESSION_FILTER_H

#include "base/buf.h"
#include "session/session.h"

/* What one call of pass() may let out: about so many octets, and what it cannot keep back, up to as many more. */
#define FILTER_ROUND 65536
#define FILTER_MORE  16384

struct filter {
    const char *name;
    size_t state_size; /* zeroed before, moved between calls, wiped after */
    bool in_place;     /* what one call lets out is at most what it takes: each octet gets a place of its own, the last
                          that of the last. Else all stand at the first's */

    /* Octets of that side are there below the filter: takes them with input_take() and appends to `out` what the side's
       stream above goes on with. May leave them unread: waiting is not reading. session_patient() is about them. All
       that comes out of one call gets the mark of the first octet that was unread before it: take no more than
       input_together() in a call that lets something out. */
    void (*pass)(struct session *s, void *state, enum side side, struct input *below, struct buf *out);

    /* The conversation is over: record what is unfinished. Null: nothing to say. */
    void (*close)(struct session *s, void *state);

    /* Up to where what stands below that side is settled, for who waits above: `at`, the place it has read to, or less
       while it looks for what comes behind a loss. Null: `at`. */
    uint64_t (*settled)(const void *state, enum side side, uint64_t at);

    /* The memory of what the state owns (memory_cost() of each block), without the state itself; it stays where it is
       when the state moves. Null: nothing. */
    size_t (*held)(const void *state);

    /* Frees what the state owns. Null: nothing. */
    void (*release)(void *state);
};

/* May a record of TLS begin so, as far as it is here (RFC 8446, 5.1)? Three octets settle it; none are none. */
static inline bool tls_may_begin(struct bytes b)
{
    return b.len && b.data[0] >= 20 && b.data[0] <= 23 && (b.len < 2 || b.data[1] == 3) &&
           (b.len < 3 || b.data[2] <= 4);
}

/* Puts TLS in. `how`, a literal: "implicit" where it is spoken from the first octet, else the command behind which it
   is, as records name it (F_tls_how). */
void tls_begin(struct session *s, const char *how);

/* COMPRESS=DEFLATE, RFC 4978. */
extern const struct filter deflate_filter;

/* What the filter that is being offered has below it on that side. */
struct input *session_below(struct session *s, enum side side);

/* TLS from the first octet, without STARTTLS. */
bool session_is_implicit(const struct session *s);

/* Takes the topmost filter away again: what it left unread is the dissector's. Called from its pass(). */
void session_unfilter(struct session *s);

/* What comes out of it from here on is read with keys: records say so, and that it travels inside TLS. */
void session_decrypted(struct session *s);

/* About so many octets of that side are lost to what stands above: a gap there, before what pass() lets out. `at`: the
   place below the filter where that begins, for what was lost with it is told by places. */
void session_skip(struct session *s, enum side side, uint64_t at, uint64_t len);

/* From here on nothing of either side comes out of the filter: whoever waits for it waits in vain. */
void session_opaque(struct session *s);

/* The same of one side. */
void session_opaque_side(struct session *s, enum side side);

#endif
