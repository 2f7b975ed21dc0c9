/* One thing that happened (a session, a message, a login, ...), as an append-only log of octets: entries of {field id,
   length, octets}, groups as a begin and an end mark. No pointers, so it grows by realloc, moves whole
   and is freed once. Strings are the octets seen on the wire; formats make them valid UTF-8 and escape them.

   What fields, kinds, groups and notes there are stands in fields.def, kinds.def and notes.def; an identifier is
   F_<scope>_<name>, where the scope is `all` (the envelope that every kind shares), a kind, or a group. */
#ifndef MAILTAP_RECORD_RECORD_H
#define MAILTAP_RECORD_RECORD_H

#include "base/bytes.h"
#include "base/limits.h"

/* KIND(name, doc): session, message, auth, tls, alert, stats */
enum kind {
#define KIND(name, doc) KIND_##name,
#include "kinds.def"
#undef KIND
};

/* SCOPE(name, doc): `all`, every kind, every group (command, rcpt, eod_odd, ntlm, ...) */
enum field_scope {
#define SCOPE(name, doc) SCOPE_##name,
#include "kinds.def"
#undef SCOPE
};

/* Apart from the enums, so that a switch over one needs no case for its count. */
enum {
    KIND_COUNT = 0
#define KIND(name, doc) +1
#include "kinds.def"
#undef KIND
    ,
    SCOPE_COUNT = 0
#define SCOPE(name, doc) +1
#include "kinds.def"
#undef SCOPE
};

enum field_type {
    TEXT,   /* octets from the wire: capped, made UTF-8, escaped */
    TEXTS,  /* a list of them; each record_text() appends one */
    WORD,   /* our own constant (an enum's name, a hash): never escaped or capped */
    WORDS,  /* a list of them */
    NUMBER, /* unsigned, 64 bits */
    NUMBERS,
    TIME,    /* nanoseconds since 1970 */
    FLAG,    /* written only where true */
    BOOLEAN, /* written as true or false */
    COUNTS,  /* an object of key -> number */
    GROUP,   /* one object; its fields are those of the scope of the same name */
    GROUPS,  /* a list of objects */
};

enum field {
#define FIELD(scope, name, type, doc) F_##scope##_##name,
#include "fields.def"
#undef FIELD
    FIELD_COUNT
};

struct field_info {
    const char *name; /* the key in JSON */
    enum field_scope scope;
    enum field_type type;
    enum field_scope inner; /* of GROUP and GROUPS: the scope of what is inside; SCOPE_all else */
    const char *doc;
};

extern const struct field_info field_infos[FIELD_COUNT];

/* Their types once more, close together: these are asked for with every entry. */
extern const uint8_t field_types[FIELD_COUNT];

static inline bool field_is_group(enum field f)
{
    return field_types[f] >= GROUP;
}

enum note {
#define NOTE(name, doc) NOTE_##name,
#include "notes.def"
#undef NOTE
    NOTE_COUNT
};

struct note_info {
    const char *name, *doc;
};

extern const struct note_info note_infos[NOTE_COUNT];

/* The closed lists of words in `flags` of a part and of an odd link. */
enum part_flag {
#define PART_FLAG(name, doc) PART_FLAG_##name,
#include "part_flags.def"
#undef PART_FLAG
    PART_FLAG_COUNT
};

enum link_flag {
#define LINK_FLAG(name, doc) LINK_FLAG_##name,
#include "link_flags.def"
#undef LINK_FLAG
    LINK_FLAG_COUNT
};

extern const struct note_info part_flag_infos[PART_FLAG_COUNT];
extern const struct note_info link_flag_infos[LINK_FLAG_COUNT];

const char *kind_name(enum kind k);
const char *scope_name(enum field_scope s);
enum field_scope kind_scope(enum kind k); /* the scope of the same name */
bool scope_is_top(enum field_scope s);    /* no group's */

/* How `lossy` and `truncated` name a field: "subject", "commands.arg". */
#define FIELD_PATH_SIZE 64
void field_path(enum field f, char path[static FIELD_PATH_SIZE]);
bool field_path_is(enum field f, struct bytes path);

/* May it, or the group that it stands in, be in a record of that kind? Paths are unique among those only. */
bool field_is_of(enum field f, enum kind k);

/* Groups inside groups: no more than this may be open at a time. */
#define RECORD_DEPTH_MAX 4

struct record;

/* A record of that kind; the caller frees it. The limits (text, list) are kept by reference and must outlive it. */
struct record *record_new(enum kind k, const struct limits *limits);
void record_free(struct record *r);
enum kind record_kind(const struct record *r);

/* How much it tells, for limits: the octets of its texts, 8 for each number, 6 more for each entry and each end of a
   group. It is held in less. */
size_t record_size(const struct record *r);

/* Makes room for that many octets at once. */
void record_reserve(struct record *r, size_t n);

/* The memory it takes, with what the allocator needs beside it. */
size_t record_held(const struct record *r);

/* Puts a record that is outside any group away: what it is into `about`, its entries into `entries`; false where there
   is no room for them. And makes one of them again, taking them off the fronts. */
struct buf;
bool record_pack(const struct record *r, struct buf *about, struct buf *entries);
struct record *record_unpack(struct bytes *about, struct bytes *entries, const struct limits *limits);

/* Setters. What they are given is copied. The field's type must fit (asserted); scalars are set once in their scope.
   A text longer than limits->text is cut there, never within a character of UTF-8; an item of a list (or pair of
   COUNTS) beyond limits->list, counted within the group it stands in, is left out. Both add the field's path to
   `truncated`, once, as soon as the record is outside any group. Groups of rcpt, parts and commands are not counted:
   who appends them bounds them. */
void record_text(struct record *r, enum field f, struct bytes text); /* TEXT, TEXTS */
void record_word(struct record *r, enum field f, const char *word);  /* WORD, WORDS */
void record_number(struct record *r, enum field f, uint64_t value);  /* NUMBER, NUMBERS */
void record_time(struct record *r, enum field f, int64_t ns);        /* TIME */
void record_flag(struct record *r, enum field f);                    /* FLAG, BOOLEAN: true */
void record_boolean(struct record *r, enum field f, bool value);     /* BOOLEAN */
void record_count(struct record *r, enum field f, struct bytes key,
                  uint64_t value);                 /* COUNTS: appends a pair; keys differ */
void record_begin(struct record *r, enum field f); /* GROUP, GROUPS: fields until record_end are inside */
void record_end(struct record *r);

/* Of a count of what need not have been there: without one, no field. */
static inline void record_nonzero(struct record *r, enum field f, uint64_t value)
{
    if (value)
        record_number(r, f, value);
}

/* Removes every entry of f (with all inside it, for a group) from the top level, and its path from `truncated`: for
   what a later reply replaces (`caps`, `helo`). The record must be outside any group. */
void record_drop(struct record *r, enum field f);

/* Says that f (or an item of it) was left out by a limit that the caller keeps: f goes into `truncated`. */
void record_cut(struct record *r, enum field f);

/* Is there an entry of f, at any depth? In constant time. */
bool record_has(const struct record *r, enum field f);

/* The last text of f at the top level, or nothing; of the envelope the first, as each is set once. The view lives as
 * long as the record is not changed. */
struct bytes record_find(const struct record *r, enum field f);

/* The first number (or time) of f at the top level, or 0. */
uint64_t record_find_number(const struct record *r, enum field f);

/* The address of the client: of the one that a proxy speaks for, where it is known. */
static inline struct bytes record_client(const struct record *r)
{
    bool is_proxied = record_has(r, F_all_proxied_client_ip);
    return record_find(r, is_proxied ? F_all_proxied_client_ip : F_all_client_ip);
}

/* Appends all entries of `from`, as they are; what both name in `truncated` stands there once. Both must be outside any
   group. */
void record_join(struct record *r, const struct record *from);

/* The same, and into each group `group` of `from` that word() has a word for goes a field f with that word; `n` counts
   them from 0. The word is copied before the next is asked for. */
typedef const char *record_word_of(void *arg, size_t n);
void record_join_adding(struct record *r, const struct record *from, enum field group, enum field f,
                        record_word_of *word, void *arg);

/* Appends the entry as it is, with its setter; for GROUP and GROUPS begins it, for an end ends it. */
struct entry;
void record_copy(struct record *r, const struct entry *e);

/* The tag of an `auth`: what tells its secret from others within this run (mail/secret_tag.h). No entry, so that no
   format can reach it; it is neither joined nor copied nor put away. The recorder takes it when it makes two counts of
   it (secret_counts.h). */
enum { RECORD_TAG_SIZE = 16 };
void record_set_tag(struct record *r, const uint8_t tag[static RECORD_TAG_SIZE]);

/* Takes the tag off, which is wiped there; false where there is none. */
bool record_take_tag(struct record *r, uint8_t tag[static RECORD_TAG_SIZE]);

/* Removes all entries, keeps the memory. */
void record_reset(struct record *r);

/* Reading: a walk in the order of appending. Start with .at = 0. */
struct entry {
    enum field field;
    bool end;          /* the end of the innermost group; no value */
    struct bytes text; /* TEXT(S), WORD(S), and the key of COUNTS */
    uint64_t number;   /* NUMBER(S), COUNTS; TIME as int64_t; BOOLEAN as 0 or 1 */
};

/* The entry at *at; moves *at behind it. False at the end. Groups are entered: a GROUP entry, then its fields, then an
   entry with `end`. The view lives as long as the record is not changed. */
bool record_next(const struct record *r, size_t *at, struct entry *ret);

/* Behind the end of the group whose inside begins at `at`. */
size_t record_group_after(const struct record *r, size_t at);

#endif
