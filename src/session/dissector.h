/* A protocol: how to tell it from others, how to read it. One file in dissectors/, one line in dissectors.def. */
#ifndef MAILTAP_SESSION_DISSECTOR_H
#define MAILTAP_SESSION_DISSECTOR_H

#include "session/dialogue.h"
#include "session/session.h"

/* More octets may settle UNSURE and UNLIKELY, never overturn the others. Where there are no more, the port decides what
   is UNSURE, and UNLIKELY is NO. */
enum probe { PROBE_NO, PROBE_UNLIKELY, PROBE_UNSURE, PROBE_MATCH };

#define DISSECTOR_STATE_MAX 256

struct port_hint {
    uint16_t port;
    uint8_t name; /* which of the dissector's names stands for it */
    bool tls;     /* TLS from the first octet is usual there */
};

struct dissector {
    const char *const *names; /* in records, options and docs, null at the end; the first holds until session_named() */
    const struct port_hint *ports; /* a hint for order, never a proof; port 0 at the end */
    size_t state_size;             /* zeroed, moved and freed by the engine; at most DISSECTOR_STATE_MAX, asserted */

    /* What the first octets of both directions are. Either may be empty, or end anywhere. */
    enum probe (*probe)(struct bytes client, struct bytes server);

    /* Octets of that side are there: read what can be read. Called again whenever something changed. */
    void (*read)(struct session *s, enum side side, struct input *in);

    /* That many octets were never captured, between lines. Null: nothing to do. */
    void (*lost)(struct session *s, enum side side, uint64_t len, const struct mark *where);

    /* The memory of what the state owns (memory_cost() of each block, about), without the state itself. *busy: set it
       where a transaction or a message waits for its end. Null: nothing, never. */
    size_t (*held)(struct session *s, bool *busy);

    /* The conversation is over, both sides are impatient and all was offered: record what is unfinished, free what the
       state owns. Called once. Null: nothing to say. */
    void (*close)(struct session *s);
};

/* Every dissector, in the order in which they are asked; null at the end. */
extern const struct dissector *const dissectors[];

#endif
