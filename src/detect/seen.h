/* A record as detectors see it: read once for all of them. Times have the resolution, and texts the form, that NDJSON
   keeps (microseconds; UTF-8, with U+FFFD for what is none), so that stored records lead to the same findings. All
   views live until the next record is seen. */
#ifndef MAILTAP_DETECT_SEEN_H
#define MAILTAP_DETECT_SEEN_H

#include "base/buf.h"
#include "host.h"
#include "record/record.h"

enum quality {
    QUALITY_GAP = 1,
    QUALITY_ONE_SIDED = 2,
    QUALITY_MIDSTREAM = 4,
    QUALITY_EVICTED = 8,
    QUALITY_OVERLAP = 16,
    QUALITY_ACKS_UNUSABLE = 32,
};

extern const char *const quality_names[]; /* by bit; null at the end */

struct seen_command {
    int64_t when;
    struct bytes verb, arg, text, result, status, rcode;
    uint64_t code, final_code, frame;
    bool unsure, secret;
};

struct seen_rcpt {
    struct bytes addr, form, verdict, status, reason, text;
    uint64_t code, frame;
    bool unsure;
};

struct seen_slot {
    uint64_t turn;        /* valid where it is the seen's */
    struct bytes value;   /* of the last entry: its octets in the record, for TEXT as NDJSON would give them back */
    size_t first, behind; /* places of the record: the first entry, and behind the last */
};

struct seen_lists; /* what is read when it is asked for */

struct seen {
    const struct record *record;
    enum kind kind;
    int64_t ts, end; /* end: never before ts */
    struct host client, server;
    uint64_t client_port, server_port;
    struct bytes uid, proto, sensor;
    uint64_t frame;
    unsigned quality; /* bits */
    const struct seen_rcpt *rcpts;
    size_t rcpt_count;

    /* its own */
    uint64_t turn;
    size_t rcpt_cap;
    struct seen_rcpt *rcpt_list;
    struct seen_slot slots[FIELD_COUNT];
    struct seen_lists *lists;
};

void seen_init(struct seen *s);
void seen_release(struct seen *s);

/* Reads that record, which must not change meanwhile. */
void seen_read(struct seen *s, const struct record *r);

/* Fields of the top level: the last entry of a scalar. */
bool seen_has(const struct seen *s, enum field f);
struct bytes seen_text(const struct seen *s, enum field f);
uint64_t seen_number(const struct seen *s, enum field f);
bool seen_is(const struct seen *s, enum field f, const char *word);

/* The commands of a session, read when they are first asked for. */
const struct seen_command *seen_commands(const struct seen *s, size_t *count);

/* May a verb of that sort be among them? The session's table of verbs says so, as long as it is whole. */
bool seen_may_have(const struct seen *s, bool (*sort)(struct bytes verb));

/* The next entry of f at the top level: items of TEXTS, WORDS, COUNTS, and the beginnings of GROUPS (`at` is then
   inside). Start with *at = 0. */
bool seen_next(const struct seen *s, enum field f, size_t *at, struct entry *ret);

/* A text of a group or list that the caller has read itself, as NDJSON would give it back. */
struct bytes seen_clean(const struct seen *s, struct bytes text);

/* The number of one key of COUNTS; 0 where there is none. */
uint64_t seen_count(const struct seen *s, enum field f, const char *key);

/* Is the proto one of SMTP's kind? */
bool seen_is_smtp(const struct seen *s);

#endif
