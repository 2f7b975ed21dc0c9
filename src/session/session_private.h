/* The engine's side of a session: feeding and ending it. Dissectors see session.h, dialogue.h and input.h alone. */
#ifndef MAILTAP_SESSION_SESSION_PRIVATE_H
#define MAILTAP_SESSION_SESSION_PRIVATE_H

#include "base/buf.h"
#include "capture/flow.h"
#include "session/dissector.h"
#include "session/fate.h"
#include "session/filter.h"
#include "session/input_private.h"
#include "session/proxy.h"

#define SESSION_LAYERS  3
#define SESSION_PROXIES 4 /* one behind the other */

enum close { CLOSE_FIN, CLOSE_RST, CLOSE_TIMEOUT, CLOSE_EOF, CLOSE_EVICTED, CLOSE_SHUTDOWN };

struct session_pool; /* what the sessions of an engine share and change; used by one thread at a time */

struct session_settings { /* shared by all sessions of an engine; outlives them */
    const struct limits *limits;
    struct session_pool *pool;
    struct mail *mail; /* what its messages are looked at with */
    uint64_t hold;
    int64_t interim;
    const char *sensor;
    struct keylog *keylog; /* or null */
    void (*emit)(void *arg, struct record *r);
    void *arg;
};

struct tally { /* how often each key came: verbs, replies */
    struct tally_entry {
        char key[25];
        uint64_t count;
    } * entries;
    size_t count;
    uint64_t rest; /* beyond the first 256 keys */
};

struct gap {
    uint64_t from, to; /* places */
    uint64_t seen;     /* of the last command before it: one sent in the same go had seen no more */
    bool open;         /* no command behind it was answered for certain yet */
};

struct dialogue {
    struct command **order; /* in the order sent; the finished ones that an unfinished one keeps from the log, too */
    size_t first, count, cap, unanswered;
    struct record *log; /* F_session_commands groups */
    size_t logged;      /* in this part */
    uint64_t logged_to; /* place behind the last command in the log */
    struct tally verbs, replies;
    struct gap gap[2];  /* the last loss of each side, among lines */
    uint64_t last_seen; /* of the first octet of the last one read */
    uint64_t owed;      /* replies to commands that the queue had no room for */
};

struct layer {
    const struct filter *filter;
    void *state;
    struct input below[2];
};

struct session {                      /* awake; see session_rest.c */
    struct flow *flow;                /* the first two as in struct resting */
    uint32_t is_resting;              /* never */
    uint32_t changes;                 /* counts calls that change something: an offer goes on while it grows */
    size_t held;                      /* what it takes, as last counted */
    struct session *fresher, *staler; /* the others that are awake */
    uint32_t counted;                 /* the changes when that was */
    uint8_t uncounted;                /* packets since then */
    bool recent;                      /* something was done since it was last looked at */
    bool busy;                        /* see session_busy() */
    const struct session_settings *settings;
    const struct dissector *dissector; /* null: not chosen yet, or none fits */
    void *state;
    struct input in[2];
    struct layer *layers; /* SESSION_LAYERS of them, or null */
    unsigned layer_count;
    struct input *offered; /* the pair of inputs being offered now */
    struct record *facts;
    struct dialogue dialogue;
    uint64_t greeting_last;         /* place of its last octet; 0: not told */
    uint64_t early_seen, early_end; /* what the first octets read of the client had seen; where those that had ended */
    struct session_names *names;    /* null until the first record */
    uint32_t *notes;                /* counts by enum note; null until the first */
    unsigned name;                  /* which of the dissector's names */
    unsigned part;
    int64_t part_began;
    uint16_t port;                                 /* of the server, as a proxy was asked for it; 0: there is none */
    uint8_t proxies[SESSION_PROXIES], proxy_count; /* enum proxy, outermost first */
    uint32_t heads[2];                             /* octets that each side said to them */
    bool joined[2];                                /* the first octet of the side was fed */
    bool opaque[2];                                /* nothing comes out of a filter any more */
    bool unrecognised, ending, implicit_tls, encrypted, decrypted, skipped, gone;
    bool is_proxied; /* the facts say for which client a proxy speaks */
};

/* Octets that sessions may take while awake; beyond, those that are quiet for the longest are put to rest. 0: also the
   one in use, when its call returns. */
struct session_pool *session_pool_new(size_t awake);
void session_pool_free(struct session_pool *pool); /* when the last session is freed */

struct session *session_new(const struct session_settings *settings, struct flow *flow);
void session_data(struct session *s, enum side side, struct bytes data, const struct octets *where);

/* Offers nothing yet: a gap is judged by what stands behind it, which comes next. */
void session_gap(struct session *s, enum side side, uint64_t len, const struct octets *where);

/* Offers what is unread, both sides in turn, until nothing moves. */
void session_offer(struct session *s);

/* Ends it: offers the rest with no patience, records it (without a recognised protocol only where the port is one of
   mail: then its fate is FATE_MAIL all the same), frees it. False: no protocol was recognised. */
bool session_end(struct session *s, enum close how, enum fate *fate);

/* As far as is known. */
enum fate session_fate(const struct session *s);

/* What its records call the connection. */
void session_uid(const struct flow_head *head, char uid[static UID_SIZE]);
void session_free(struct session *s);

/* What all sessions of a pool take of memory now. */
size_t session_pool_held(const struct session_pool *pool);

/* Is it in the middle of something: does a command wait for its reply, a transaction or a message for its end, what was
   said for more? */
bool session_busy(const struct session *s);

const char *session_proto(const struct session *s);

/* Where it stands: the server's port, or what a proxy was asked for. */
uint16_t session_service(const struct session *s);

/* --- session_choose.c --- */

/* Chooses the dissector by what is here unread, TLS under it where that is what both sides begin with; or waits for
   more, which is not to be had at the last chance; or gives up. */
void session_choose(struct session *s, bool last_chance);

/* The same behind a filter that may let something out, or not. What it lets out that no dissector knows is the port's.
 */
void session_choose_inside(struct session *s, bool last_chance);

/* Whose servers stand at that port, which of its names, and is it for TLS from the first octet? */
const struct dissector *dissector_of_port(uint16_t port, unsigned *name, bool *tls);

/* --- session_rest.c: sessions that are quiet are kept in little room --- */

/* What the engine has may be at rest: makes it a session again, and the flow's. */
struct session *session_awake(struct session *s);

/* It is there from now on; something was done, and what it holds may have changed; it is about to be freed. */
void session_rest_begin(struct session *s);
void session_rest_settle(struct session *s);
void session_rest_end(struct session *s);

/* session_fate() of one that is not at rest. */
enum fate session_fate_awake(const struct session *s);

/* Would an offer change nothing? Only of one that is at rest. */
bool session_rests_on(const struct session *s);

/* Is nothing of what comes read any more? */
bool session_is_deaf(const struct session *s);

/* --- session_pool.c --- */

struct resting;

struct awake { /* the sessions that are not at rest, the one that did something last in front */
    struct session *freshest, *stalest;
    size_t held, most; /* octets */
    size_t resting;    /* what those at rest take */
    struct buf about, entries;
    void *stream; /* of the compressor; null until the first rest */
    uint8_t *dictionary;
    size_t dictionary_len;
};

/* What of a session is put away at most; one that has more of either stays awake, or rests with that outside. */
#define ABOUT_MOST   16384
#define ENTRIES_MOST 8192

struct awake *session_pool_awake(struct session_pool *pool);

/* An empty record for a command's fields, and its return: they are used again. */
struct record *session_pool_fields(const struct session_settings *settings);
void session_pool_return(const struct session_settings *settings, struct record *fields);

/* SHA-1 of those octets. */
#define SHA1_SIZE 20
void session_pool_sha1(struct session_pool *pool, const uint8_t *data, size_t len, uint8_t digest[static SHA1_SIZE]);

/* --- session_record.c --- */

extern const size_t session_names_size;

void session_emit_own(struct session *s, bool last, enum close how);

/* dialogue.c */
void dialogue_release(struct session *s);
void dialogue_flush(struct session *s);  /* every command left goes into the log as it is */
size_t tally_cap(const struct tally *t); /* entries there is room for */
size_t dialogue_held(const struct session *s);

#endif
