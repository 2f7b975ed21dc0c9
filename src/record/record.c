/* The log of entries that a record is. How one is laid out stands in entries.h. */
#include "entries.h"

#include "base/memory.h"
#include "base/pack.h"

#include <assert.h>
#include <stdlib.h>

#define FIELD_MOST  2
#define HEAD_MOST   (FIELD_MOST + 5)
#define NUMBER_MOST 8
#define FIRST_CAP   48
#define FIELD_WORDS ((FIELD_COUNT + 63) / 64)
#define HEAD_COST   6 /* what record_size() counts for an entry, beside its text; 8 for a number */

/* A place in record.items for every field that is counted, and only for those: sessions hold a record each. */
#define SLOT_TEXT(slot)
#define SLOT_WORD(slot)
#define SLOT_NUMBER(slot)
#define SLOT_TIME(slot)
#define SLOT_FLAG(slot)
#define SLOT_BOOLEAN(slot)
#define SLOT_GROUP(slot)
#define SLOT_TEXTS(slot)   slot,
#define SLOT_WORDS(slot)   slot,
#define SLOT_NUMBERS(slot) slot,
#define SLOT_COUNTS(slot)  slot,
#define SLOT_GROUPS(slot)  slot,
enum {
#define FIELD(scope, name, type, doc) SLOT_##type(SLOT_##scope##_##name)
#include "fields.def"
#undef FIELD
    SLOT_COUNT
};

#define NUMBERED_TEXT(slot)    0
#define NUMBERED_WORD(slot)    0
#define NUMBERED_NUMBER(slot)  0
#define NUMBERED_TIME(slot)    0
#define NUMBERED_FLAG(slot)    0
#define NUMBERED_BOOLEAN(slot) 0
#define NUMBERED_GROUP(slot)   0
#define NUMBERED_TEXTS(slot)   slot
#define NUMBERED_WORDS(slot)   slot
#define NUMBERED_NUMBERS(slot) slot
#define NUMBERED_COUNTS(slot)  slot
#define NUMBERED_GROUPS(slot)  slot
static const uint8_t slots[FIELD_COUNT] = {
#define FIELD(scope, name, type, doc) NUMBERED_##type(SLOT_##scope##_##name),
#include "fields.def"
#undef FIELD
};
_Static_assert(SLOT_COUNT <= UINT8_MAX, "slots are octets");
_Static_assert(FIELD_COUNT <= ENTRY_FAR + 256, "identifiers are one octet or two");

typedef uint16_t slots_at_once __attribute__((vector_size(16)));
enum { SLOTS_AT_ONCE = sizeof(slots_at_once) / sizeof(uint16_t), SLOT_ROOM = (SLOT_COUNT + 7) / 8 * 8 };

struct record {
    const struct limits *limits;
    uint8_t *data;
    uint8_t *tag; /* null: none; few records have one */
    size_t len, cap;
    size_t size;                     /* what record_size() counts */
    uint16_t open[RECORD_DEPTH_MAX]; /* the groups we are in */
    uint8_t kind, depth;
    uint8_t skipped;    /* groups open inside one that the list had no room for, that one included */
    bool cut_news;      /* cut[] may have what `truncated` does not have yet */
    bool counts_inside; /* items[] of fields inside groups may not be zero */
    uint64_t has[FIELD_WORDS], cut[FIELD_WORDS], told[FIELD_WORDS]; /* told: in `truncated` */
    uint16_t items[SLOT_ROOM];                                      /* as many as limits->list may be */
};

static bool bit(const uint64_t *bits, enum field f)
{
    return bits[f / 64] >> (f % 64) & 1;
}

static void bit_set(uint64_t *bits, enum field f)
{
    bits[f / 64] |= UINT64_C(1) << (f % 64);
}

static void bit_clear(uint64_t *bits, enum field f)
{
    bits[f / 64] &= ~(UINT64_C(1) << (f % 64));
}

static bool is_list(enum field_type type)
{
    return type == TEXTS || type == WORDS || type == NUMBERS || type == COUNTS || type == GROUPS;
}

struct record *record_new(enum kind k, const struct limits *limits)
{
    struct record *r = memory_get(sizeof *r);
    r->limits = limits;
    r->kind = (uint8_t)k;
    return r;
}

static void drop_tag(struct record *r)
{
    if (r->tag)
        explicit_bzero(r->tag, RECORD_TAG_SIZE);
    free(r->tag);
    r->tag = NULL;
}

void record_set_tag(struct record *r, const uint8_t tag[static RECORD_TAG_SIZE])
{
    if (!r->tag)
        r->tag = memory_get(RECORD_TAG_SIZE);
    memcpy(r->tag, tag, RECORD_TAG_SIZE);
}

bool record_take_tag(struct record *r, uint8_t tag[static RECORD_TAG_SIZE])
{
    if (!r->tag)
        return false;
    memcpy(tag, r->tag, RECORD_TAG_SIZE);
    drop_tag(r);
    return true;
}

void record_free(struct record *r)
{
    if (!r)
        return;
    drop_tag(r);
    free(r->data);
    free(r);
}

enum kind record_kind(const struct record *r)
{
    return (enum kind)r->kind;
}

size_t record_size(const struct record *r)
{
    return r->size;
}

static uint8_t *room(struct record *r, size_t n)
{
    if (n > r->cap - r->len) {
        size_t cap = r->cap ? r->cap : FIRST_CAP;
        while (cap - r->len < n)
            cap *= 2;
        r->data = memory_resize(r->data, cap);
        r->cap = cap;
    }
    return r->data + r->len;
}

size_t record_held(const struct record *r)
{
    return memory_cost(sizeof *r) + memory_cost(r->cap) + (r->tag ? memory_cost(RECORD_TAG_SIZE) : 0);
}

bool record_pack(const struct record *r, struct buf *about, struct buf *entries)
{
    assert(!r->depth && !r->skipped && !r->tag);
    struct record plain = *r;
    plain.limits = NULL;
    plain.data = NULL;
    plain.cap = 0;
    return pack(about, &plain, sizeof plain) && buf_add(entries, bytes_of(r->data, r->len));
}

struct record *record_unpack(struct bytes *about, struct bytes *entries, const struct limits *limits)
{
    struct record *r = memory_get(sizeof *r);
    unpack(about, r, sizeof *r);
    size_t len = r->len;
    r->limits = limits;
    r->len = 0;
    if (len)
        memcpy(room(r, len), entries->data, len);
    r->len = len;
    *entries = bytes_part(*entries, len, entries->len);
    return r;
}

void record_reserve(struct record *r, size_t n)
{
    room(r, n);
}

static uint8_t *put_field(uint8_t *at, unsigned field)
{
    if (field >= ENTRY_FAR) {
        *at++ = ENTRY_FAR;
        field -= ENTRY_FAR;
    }
    *at++ = (uint8_t)field;
    return at;
}

static uint8_t *put_head(uint8_t *at, unsigned field, size_t len)
{
    at = put_field(at, field);
    if (len < ENTRY_LONG) {
        *at++ = (uint8_t)len;
        return at;
    }
    uint32_t len32 = (uint32_t)len;
    *at++ = ENTRY_LONG;
    memcpy(at, &len32, sizeof len32);
    return at + sizeof len32;
}

/* Writes the significant octets of a number; room for all is there. Returns how many they are. */
static size_t put_number(uint8_t *at, uint64_t number)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(at, &number, sizeof number);
    return number ? (size_t)(71 - __builtin_clzll(number)) / 8 : 0;
#else
    size_t n = 0;
    for (; number; number >>= 8)
        at[n++] = (uint8_t)number;
    return n;
#endif
}

static void added(struct record *r, unsigned field, const uint8_t *end, size_t cost)
{
    r->len = (size_t)(end - r->data);
    r->size += HEAD_COST + cost;
    bit_set(r->has, (enum field)field);
}

static void append(struct record *r, unsigned field, struct bytes text)
{
    assert(text.len <= UINT32_MAX);
    uint8_t *at = put_head(room(r, HEAD_MOST + text.len), field, text.len);
    if (text.len)
        memcpy(at, text.data, text.len);
    added(r, field, at + text.len, text.len);
}

static void append_number(struct record *r, unsigned field, uint64_t number)
{
    uint8_t *at = put_field(room(r, HEAD_MOST + NUMBER_MOST), field);
    size_t n = put_number(at + 1, number);
    at[0] = (uint8_t)n;
    added(r, field, at + 1 + n, NUMBER_MOST);
}

static void append_count(struct record *r, unsigned field, struct bytes key, uint64_t number)
{
    uint8_t digits[1 + NUMBER_MOST];
    digits[0] = (uint8_t)put_number(digits + 1, number);
    size_t n = 1u + digits[0], len = n + key.len;
    assert(len <= UINT32_MAX);
    uint8_t *at = put_head(room(r, HEAD_MOST + len), field, len);
    memcpy(at, digits, n);
    if (key.len)
        memcpy(at + n, key.data, key.len);
    added(r, field, at + len, NUMBER_MOST + key.len);
}

/* Writes into `truncated` what was cut since, unless a group is open: it belongs to the top level. */
static void tell_cuts(struct record *r)
{
    if (!r->cut_news || r->depth)
        return;
    r->cut_news = false;
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        if (bit(r->cut, (enum field)f) && !bit(r->told, (enum field)f)) {
            char path[FIELD_PATH_SIZE];
            field_path((enum field)f, path);
            append(r, F_all_truncated, bytes_of_string(path));
            bit_set(r->told, (enum field)f);
        }
}

static void cut(struct record *r, enum field f)
{
    if (bit(r->cut, f))
        return;
    bit_set(r->cut, f);
    r->cut_news = true;
    tell_cuts(r);
}

void record_cut(struct record *r, enum field f)
{
    cut(r, f);
}

/* May one more entry of f be appended here? Counts it where f is a list. */
static bool admit(struct record *r, enum field f)
{
    if (r->skipped)
        return false;
    enum field_scope here = r->depth ? field_infos[r->open[r->depth - 1]].inner : kind_scope((enum kind)r->kind);
    assert(field_infos[f].scope == here || (!r->depth && field_infos[f].scope == SCOPE_all));
    (void)here;
    if (!is_list((enum field_type)field_types[f]) || f == F_session_commands || f == F_message_rcpt ||
        f == F_message_parts || f == F_all_truncated)
        return true;
    if (r->items[slots[f]] >= r->limits->list) {
        cut(r, f);
        return false;
    }
    r->items[slots[f]]++;
    r->counts_inside |= r->depth != 0;
    return true;
}

void record_text(struct record *r, enum field f, struct bytes text)
{
    assert(field_infos[f].type == TEXT || field_infos[f].type == TEXTS);
    if (!admit(r, f))
        return;
    size_t len = text.len;
    if (len > r->limits->text) {
        len = (size_t)r->limits->text;
        for (size_t back = 0; back < 3 && back < len && (text.data[len - back] & 0xc0) == 0x80; back++)
            if ((text.data[len - back - 1] & 0xc0) == 0xc0) { /* the lead octet of the character we would cut */
                len -= back + 1;
                break;
            }
    }
    append(r, f, bytes_part(text, 0, len));
    if (len < text.len)
        cut(r, f);
}

void record_word(struct record *r, enum field f, const char *word)
{
    assert(field_infos[f].type == WORD || field_infos[f].type == WORDS);
    if (admit(r, f))
        append(r, f, bytes_of_string(word));
}

static void add_number(struct record *r, enum field f, uint64_t value)
{
    if (admit(r, f))
        append_number(r, f, value);
}

void record_number(struct record *r, enum field f, uint64_t value)
{
    assert(field_infos[f].type == NUMBER || field_infos[f].type == NUMBERS);
    add_number(r, f, value);
}

void record_time(struct record *r, enum field f, int64_t ns)
{
    assert(field_infos[f].type == TIME);
    add_number(r, f, (uint64_t)ns);
}

void record_flag(struct record *r, enum field f)
{
    assert(field_infos[f].type == FLAG || field_infos[f].type == BOOLEAN);
    add_number(r, f, 1);
}

void record_boolean(struct record *r, enum field f, bool value)
{
    assert(field_infos[f].type == BOOLEAN);
    add_number(r, f, value);
}

void record_count(struct record *r, enum field f, struct bytes key, uint64_t value)
{
    assert(field_infos[f].type == COUNTS);
    if (!admit(r, f))
        return;
    struct bytes part = bytes_part(key, 0, (size_t)r->limits->text);
    append_count(r, f, part, value);
    if (part.len < key.len)
        cut(r, f);
}

void record_begin(struct record *r, enum field f)
{
    assert(field_infos[f].type == GROUP || field_infos[f].type == GROUPS);
    if (!admit(r, f)) {
        assert(r->skipped < UINT8_MAX);
        r->skipped++;
        return;
    }
    assert(r->depth < RECORD_DEPTH_MAX);
    added(r, f, put_field(room(r, FIELD_MOST), f), 0);
    r->open[r->depth++] = (uint16_t)f;
    if (!r->counts_inside)
        return;
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        if (field_infos[i].scope == field_infos[f].inner && is_list((enum field_type)field_types[i]))
            r->items[slots[i]] = 0;
}

void record_end(struct record *r)
{
    if (r->skipped) {
        r->skipped--;
        return;
    }
    assert(r->depth);
    *room(r, 1) = ENTRY_END;
    r->len++;
    r->size += HEAD_COST;
    r->depth--;
    tell_cuts(r);
}

struct bytes record_entries(const struct record *r)
{
    return r->len ? bytes_of(r->data, r->len) : bytes_of("", 0);
}

/* entry_read() by places. */
static inline size_t head(const struct record *r, size_t at, unsigned *field, struct bytes *value)
{
    return (size_t)(entry_read(r->data + at, field, value) - r->data);
}

/* What the entry counts in record_size(). */
static size_t cost(unsigned field, struct bytes value)
{
    if (!value.data) /* of a group, or its end */
        return HEAD_COST;
    if (field_types[field] == COUNTS)
        return HEAD_COST + NUMBER_MOST + value.len - 1 - value.data[0];
    bool text = field_types[field] == TEXT || field_types[field] == TEXTS || field_types[field] == WORD ||
                field_types[field] == WORDS;
    return HEAD_COST + (text ? value.len : NUMBER_MOST);
}

/* Behind the ENTRY_END of the group of which `at` is inside; adds what it counts to `size`. */
static inline size_t behind_group(const struct record *r, size_t at, size_t *size)
{
    for (unsigned depth = 1, f; depth && at < r->len;) {
        struct bytes value;
        at = head(r, at, &f, &value);
        *size += cost(f, value);
        if (f == FIELD_COUNT)
            depth--;
        else if (field_is_group((enum field)f))
            depth++;
    }
    return at;
}

size_t record_group_after(const struct record *r, size_t at)
{
    return (size_t)(entry_group_after(r->data + at, r->data + r->len) - r->data);
}

/* Behind the entry at `at`, and behind its whole inside where it is a group; `size` is what it counts. */
static size_t entry_after(const struct record *r, size_t at, size_t *size)
{
    struct bytes value;
    unsigned f;
    at = head(r, at, &f, &value);
    *size = cost(f, value);
    return f != FIELD_COUNT && field_is_group((enum field)f) ? behind_group(r, at, size) : at;
}

/* Is it f, or does it say that f, or what is inside f, was cut? */
static bool belongs(unsigned id, struct bytes value, enum field f)
{
    if (id == f)
        return true;
    if (id != F_all_truncated || !value.data)
        return false;
    const char *name = field_infos[f].name;
    size_t len = strlen(name);
    return value.len >= len && !memcmp(value.data, name, len) && (value.len == len || value.data[len] == '.');
}

void record_drop(struct record *r, enum field f)
{
    assert(!r->depth && !r->skipped && (field_infos[f].scope == SCOPE_all || scope_is_top(field_infos[f].scope)));
    if (!bit(r->has, f) && !bit(r->cut, f))
        return;
    size_t kept = 0;
    bool truncated = false;
    for (size_t at = 0; at < r->len;) {
        struct bytes value;
        unsigned id;
        size_t size, after = entry_after(r, at, &size);
        head(r, at, &id, &value);
        if (!belongs(id, value, f)) {
            truncated |= id == F_all_truncated;
            memmove(r->data + kept, r->data + at, after - at);
            kept += after - at;
        } else {
            r->size -= size;
        }
        at = after;
    }
    r->len = kept;
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        if (i == f || (field_infos[f].inner != SCOPE_all && field_infos[i].scope == field_infos[f].inner)) {
            bit_clear(r->has, (enum field)i);
            bit_clear(r->cut, (enum field)i);
            bit_clear(r->told, (enum field)i);
        }
    if (!truncated)
        bit_clear(r->has, F_all_truncated);
    if (is_list(field_infos[f].type))
        r->items[slots[f]] = 0;
}

bool record_has(const struct record *r, enum field f)
{
    return bit(r->has, f);
}

/* The next entry of f at the top level from *at on, which moves behind it; false where there is none. */
static inline bool next_of(const struct record *r, enum field f, const uint8_t **at, struct bytes *value)
{
    const uint8_t *end = r->data + r->len;
    for (unsigned id; *at < end;) {
        *at = entry_read(*at, &id, value);
        if (id == f)
            return true;
        if (field_is_group((enum field)id))
            *at = entry_group_after(*at, end);
    }
    return false;
}

struct bytes record_find(const struct record *r, enum field f)
{
    const uint8_t *at = r->data;
    struct bytes found = {NULL, 0}, value;
    while (bit(r->has, f) && next_of(r, f, &at, &value)) {
        found = value;
        if (field_infos[f].scope == SCOPE_all)
            break; /* what a record begins with is set once */
    }
    return found;
}

uint64_t record_find_number(const struct record *r, enum field f)
{
    const uint8_t *at = r->data;
    struct bytes value;
    return bit(r->has, f) && next_of(r, f, &at, &value) ? entry_number(value) : 0;
}

/* Appends the octets of entries that make up `size`, all of them outside any group. */
static void join_octets(struct record *r, const uint8_t *data, size_t len, size_t size)
{
    if (len)
        memcpy(room(r, len), data, len);
    r->len += len;
    r->size += size;
}

/* What `from` has beside its entries. */
static void join_facts(struct record *r, const struct record *from)
{
    for (unsigned i = 0; i < FIELD_WORDS; i++) {
        uint64_t had = r->cut[i];
        r->cut[i] |= from->cut[i];
        r->cut_news |= r->cut[i] != had;
        r->has[i] |= from->has[i];
    }
    for (unsigned i = 0; i < SLOT_ROOM; i += SLOTS_AT_ONCE) {
        slots_at_once a, b;
        memcpy(&a, r->items + i, sizeof a);
        memcpy(&b, from->items + i, sizeof b);
        a += b;
        a |= (slots_at_once)(a < b); /* no more than 65535 */
        memcpy(r->items + i, &a, sizeof a);
    }
    r->counts_inside |= from->counts_inside;
    tell_cuts(r);
}

void record_join(struct record *r, const struct record *from)
{
    assert(!r->depth && !from->depth && r != from);
    if (!bit(from->has, F_all_truncated)) {
        join_octets(r, from->data, from->len, from->size);
    } else {
        for (size_t at = 0; at < from->len;) {
            struct bytes value;
            unsigned id;
            size_t size, after = entry_after(from, at, &size);
            head(from, at, &id, &value);
            if (id != F_all_truncated)
                join_octets(r, from->data + at, after - at, size);
            at = after;
        }
    }
    join_facts(r, from);
}

void record_join_adding(struct record *r, const struct record *from, enum field group, enum field f,
                        record_word_of *word, void *arg)
{
    assert(!r->depth && !from->depth && r != from);
    assert(field_types[f] == WORD && field_infos[f].scope == field_infos[group].inner);
    size_t groups = 0;
    for (size_t at = 0; at < from->len;) {
        struct bytes value;
        unsigned id;
        size_t size, after = entry_after(from, at, &size);
        head(from, at, &id, &value);
        const char *more = id == group ? word(arg, groups++) : NULL;
        if (more) {
            join_octets(r, from->data + at, after - at - 1, size - HEAD_COST);
            append(r, f, bytes_of_string(more));
            join_octets(r, from->data + after - 1, 1, HEAD_COST);
        } else if (id != F_all_truncated) {
            join_octets(r, from->data + at, after - at, size);
        }
        at = after;
    }
    join_facts(r, from);
}

void record_copy(struct record *r, const struct entry *e)
{
    if (e->end) {
        record_end(r);
        return;
    }
    switch ((enum field_type)field_types[e->field]) {
    case TEXT:
    case TEXTS:
        record_text(r, e->field, e->text);
        break;
    case WORD:
    case WORDS:
        if (admit(r, e->field))
            append(r, e->field, e->text);
        break;
    case NUMBER:
    case NUMBERS:
    case TIME:
    case FLAG:
    case BOOLEAN:
        add_number(r, e->field, e->number);
        break;
    case COUNTS:
        record_count(r, e->field, e->text, e->number);
        break;
    case GROUP:
    case GROUPS:
        record_begin(r, e->field);
        break;
    }
}

void record_reset(struct record *r)
{
    r->len = r->size = 0;
    r->depth = r->skipped = 0;
    r->cut_news = r->counts_inside = false;
    memset(r->has, 0, sizeof r->has);
    memset(r->cut, 0, sizeof r->cut);
    memset(r->told, 0, sizeof r->told);
    memset(r->items, 0, sizeof r->items);
}

bool record_next(const struct record *r, size_t *at, struct entry *ret)
{
    if (*at >= r->len)
        return false;
    struct bytes value;
    unsigned id;
    *at = head(r, *at, &id, &value);
    *ret = (struct entry){.field = (enum field)id, .end = id == FIELD_COUNT};
    if (ret->end)
        return true;
    switch ((enum field_type)field_types[id]) {
    case TEXT:
    case TEXTS:
    case WORD:
    case WORDS:
        ret->text = value;
        break;
    case COUNTS:
        assert(value.data); /* no group */
        ret->number = entry_count(value, &ret->text);
        break;
    case NUMBER:
    case NUMBERS:
    case TIME:
    case FLAG:
    case BOOLEAN:
        ret->number = entry_number(value);
        break;
    case GROUP:
    case GROUPS:
        break;
    }
    return true;
}
