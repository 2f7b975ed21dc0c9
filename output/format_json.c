/* Records as NDJSON (RFC 8259): one object per line, keys in the order of fields.def whatever order they came in,
   the items of a list together and in the order they came in. Written directly: nothing is allocated per record once
   the buffers have grown. */
#include "format.h"

#include "base/clock.h"
#include "base/memory.h"
#include "json_value.h"
#include "record/entries.h"

#include <stdlib.h>

#define WORDS_OF_BITS ((FIELD_COUNT + 63) / 64)
#define LEVELS        (RECORD_DEPTH_MAX + 1)

/* An entry of an object being written. */
struct item {
    struct bytes value; /* its octets in the record; of a group what is inside, with its end */
    uint32_t next;      /* index of the next one of the same field, or NONE */
    uint32_t field;
};

#define NONE UINT32_MAX

struct level {
    uint64_t has[WORDS_OF_BITS];
    uint32_t first[FIELD_COUNT], last[FIELD_COUNT]; /* valid where has[] says so */
};

struct json {
    struct buf *out;
    const struct record *record;
    struct item *items; /* of all levels that are open */
    size_t count, cap;
    struct level levels[LEVELS];
    uint64_t lossy[WORDS_OF_BITS];
    bool mended;    /* the string that was written last */
    int64_t second; /* what second_text is, to spare the calendar */
    char second_text[CLOCK_TEXT_SIZE];
    size_t second_len;
    size_t lossy_place; /* where in out the key `lossy` goes */
    struct buf lossy_text;
    struct buf elsewhere;
    bool aside; /* what begin() gave is there */
};

/* `,"name":` of each field, of one width so that they are copied by a few instructions. */
#define KEY_WIDTH                     32
#define FIELD(scope, name, type, doc) _Static_assert(sizeof #name <= KEY_WIDTH - 4, "a name that has no room here");
#include "record/fields.def"
#undef FIELD

static const char keys[FIELD_COUNT][KEY_WIDTH] = {
#define FIELD(scope, name, type, doc) ",\"" #name "\":",
#include "record/fields.def"
#undef FIELD
};

static const uint8_t key_lens[FIELD_COUNT] = {
#define FIELD(scope, name, type, doc) sizeof #name - 1 + 4,
#include "record/fields.def"
#undef FIELD
};

/* What stands around the values of a field that may have several; 0: nothing. */
static const char opens[] = {[TEXTS] = '[', [WORDS] = '[', [NUMBERS] = '[', [COUNTS] = '{', [GROUPS] = '['};
static const char closes[] = {[TEXTS] = ']', [WORDS] = ']', [NUMBERS] = ']', [COUNTS] = '}', [GROUPS] = ']'};

#define BESIDE_TEXT (KEY_WIDTH + 64) /* what a key, quotes, commas, a number or a time need */

/* A group is written at once where it has no more octets than this. One of them becomes 32 at most: two are the least
   that an entry has, and an empty one becomes a key and a value of less than 64; a time, of which two octets may become
   29, is the longest. */
#define AT_ONCE      4096
#define AT_ONCE_ROOM 32
#define AT_ONCE_MOST 64 /* entries */

/* Room for so many octets, whatever is needed in the end. Where `out` has no room for the most that may be, they are
   written elsewhere first. */
static char *begin(struct json *j, size_t n)
{
    struct buf *out = j->out;
    uint8_t *at = n <= out->cap - out->len ? out->data + out->len : buf_room(out, n);
    j->aside = !at;
    if (at)
        return (char *)at;
    buf_reset(&j->elsewhere);
    return (char *)buf_room(&j->elsewhere, n);
}

/* What was written from begin()'s place on is all. */
static void end(struct json *j, const char *at)
{
    const uint8_t *from = j->aside ? j->elsewhere.data : j->out->data + j->out->len;
    size_t len = (size_t)((const uint8_t *)at - from);
    if (!j->aside)
        j->out->len += len;
    else if (!j->out->cut)
        buf_add(j->out, bytes_of(from, len));
}

static void put_char(struct json *j, char c)
{
    char *at = begin(j, 1);
    *at = c;
    end(j, at + 1);
}

static char *write_time(struct json *j, char *at, int64_t ns)
{
    int64_t second = ns / CLOCK_S, rest = ns % CLOCK_S;
    if (rest < 0) {
        rest += CLOCK_S;
        second--;
    }
    if (!j->second_text[0] || second != j->second) {
        clock_format(ns, j->second_text);
        j->second = second;
        j->second_len = strlen(j->second_text);
    }
    size_t len = j->second_len;
    *at++ = '"';
    memcpy(at, j->second_text, len);
    json_write_digits(at + len - 7, 6, (unsigned)(rest / CLOCK_US)); /* ".dddddd" stands before the Z */
    at += len;
    *at++ = '"';
    return at;
}

static inline char *write_key(char *at, enum field f, bool *first)
{
    size_t skip = *first; /* the comma */
    *first = false;
    memcpy(at, keys[f] + skip, KEY_WIDTH - 1);
    return at + key_lens[f] - skip;
}

static inline char *write_string(struct json *j, char *at, enum field f, struct bytes text)
{
    at = json_write_string(at, text, &j->mended);
    if (j->mended)
        j->lossy[f / 64] |= UINT64_C(1) << (f % 64);
    j->mended = false;
    return at;
}

/* A value that is no group, from its octets in the record; BESIDE_TEXT and the octets of its text have room. */
static inline char *write_value(struct json *j, char *at, enum field f, struct bytes value)
{
    struct bytes key;
    uint64_t n;
    switch ((enum field_type)field_types[f]) {
    case TEXT:
    case TEXTS:
    case WORD:
    case WORDS:
        return write_string(j, at, f, value);
    case NUMBER:
    case NUMBERS:
        return json_write_number(at, entry_number(value));
    case TIME:
        return write_time(j, at, (int64_t)entry_number(value));
    case FLAG:
    case BOOLEAN:
        memcpy(at, value.len ? "true" : "false", 5);
        return at + (value.len ? 4 : 5);
    case COUNTS:
        n = entry_count(value, &key);
        at = write_string(j, at, f, key);
        *at++ = ':';
        return json_write_number(at, n);
    case GROUP:
    case GROUPS:
        break;
    }
    return at;
}

static struct item *item_new(struct json *j)
{
    if (j->count == j->cap) {
        j->cap = j->cap ? j->cap * 2 : 64;
        j->items = memory_resize(j->items, j->cap * sizeof *j->items);
    }
    return &j->items[j->count++];
}

/* The next entry, a group as a whole; false at the end. */
static inline bool item_read(const uint8_t **at, const uint8_t *stop, struct item *ret)
{
    unsigned f;
    if (*at == stop)
        return false;
    *at = entry_read(*at, &f, &ret->value);
    if (f == FIELD_COUNT)
        return false;
    if (field_is_group((enum field)f)) {
        const uint8_t *from = *at;
        *at = entry_group_after(from, stop);
        ret->value = bytes_of(from, (size_t)(*at - from));
    }
    ret->next = NONE;
    ret->field = f;
    return true;
}

/* --- small groups: most of what there is --- */

/* Appends the entries of a group to the items, in the order of keys: they nearly came so. False: they are too many. */
static bool read_sorted(struct json *j, struct bytes inside)
{
    const uint8_t *at = inside.data, *stop = at + inside.len;
    size_t base = j->count;
    for (struct item item; item_read(&at, stop, &item);) {
        if (j->count - base == AT_ONCE_MOST)
            return false;
        item_new(j);
        size_t i = j->count - 1;
        for (; i > base && j->items[i - 1].field > item.field; i--)
            j->items[i] = j->items[i - 1];
        j->items[i] = item;
    }
    return true;
}

/* Null where it, or one inside, has too many entries: then what was written is void. Recursion is as deep as groups
   are. */
static char *write_group(struct json *j, char *at, struct bytes inside)
{
    size_t base = j->count;
    bool first = true, well = read_sorted(j, inside);
    char close = 0;
    *at++ = '{';
    for (size_t i = base, n = j->count; i < n && well; i++) {
        enum field f = (enum field)j->items[i].field;
        bool again = i > base && j->items[i - 1].field == f;
        if (again) {
            *at++ = ',';
        } else {
            if (close)
                *at++ = close;
            close = closes[field_types[f]];
            while (!close && i + 1 < n && j->items[i + 1].field == f)
                i++; /* a scalar set twice: the later one replaces */
            at = write_key(at, f, &first);
            if (close)
                *at++ = opens[field_types[f]];
        }
        struct bytes value = j->items[i].value;
        at = field_is_group(f) ? write_group(j, at, value) : write_value(j, at, f, value);
        well = at != NULL;
    }
    j->count = base;
    if (!well)
        return NULL;
    if (close)
        *at++ = close;
    *at++ = '}';
    return at;
}

static void put_object(struct json *j, unsigned depth, struct bytes inside);

static void put_group(struct json *j, unsigned depth, struct bytes inside)
{
    char *at = NULL;
    if (inside.len <= AT_ONCE)
        at = write_group(j, begin(j, BESIDE_TEXT + AT_ONCE_ROOM * inside.len), inside);
    if (at)
        end(j, at);
    else
        put_object(j, depth, inside);
}

/* --- objects of any size --- */

/* Sorts the entries of one object by field. */
static void level_read(struct json *j, struct level *level, struct bytes inside)
{
    const uint8_t *at = inside.data, *stop = at + inside.len;
    memset(level->has, 0, sizeof level->has);
    for (struct item item; item_read(&at, stop, &item);) {
        uint32_t f = item.field, index = (uint32_t)j->count;
        *item_new(j) = item;
        if (level->has[f / 64] >> (f % 64) & 1)
            j->items[level->last[f]].next = index;
        else
            level->first[f] = index;
        level->last[f] = index;
        level->has[f / 64] |= UINT64_C(1) << (f % 64);
    }
}

static inline void put_scalar(struct json *j, enum field f, struct bytes value, bool *first)
{
    char *at = begin(j, BESIDE_TEXT + JSON_ESCAPE_MOST * value.len);
    end(j, write_value(j, write_key(at, f, first), f, value));
}

/* A list, or a group, which is written as a list of one but for the brackets. */
static void put_list(struct json *j, unsigned depth, enum field f, bool *first)
{
    bool groups = field_is_group(f);
    char open = opens[field_types[f]], *at = write_key(begin(j, BESIDE_TEXT), f, first);
    if (open)
        *at++ = open;
    end(j, at);
    for (uint32_t i = open ? j->levels[depth].first[f] : j->levels[depth].last[f], n = 0; i != NONE && !j->out->cut;
         i = j->items[i].next, n++) {
        struct bytes value = j->items[i].value;
        if (n)
            put_char(j, ',');
        if (groups)
            put_group(j, depth + 1, value);
        else
            end(j, write_value(j, begin(j, BESIDE_TEXT + JSON_ESCAPE_MOST * value.len), f, value));
    }
    if (open)
        put_char(j, closes[field_types[f]]);
}

static void put_field(struct json *j, unsigned depth, enum field f, bool *first)
{
    if (opens[field_types[f]] || field_is_group(f))
        put_list(j, depth, f, first);
    else /* one set twice: the later one replaces */
        put_scalar(j, f, j->items[j->levels[depth].last[f]].value, first);
}

/* What every record begins with, whatever is in it. */
static void put_opening(struct json *j, struct level *level, bool *first)
{
    struct bytes kind = bytes_of_string(kind_name(record_kind(j->record)));
    char *at = write_key(begin(j, 2 * BESIDE_TEXT + JSON_ESCAPE_MOST * kind.len), F_all_v, first);
    *at++ = '1';
    at = write_key(at, F_all_type, first);
    end(j, write_string(j, at, F_all_type, kind));
    for (enum field f = F_all_v; f <= F_all_lossy; f++)
        if (f == F_all_v || f == F_all_type || f == F_all_lossy)
            level->has[f / 64] &= ~(UINT64_C(1) << (f % 64)); /* these are ours */
    j->lossy_place = 0;
}

/* Recursion is as deep as groups are: RECORD_DEPTH_MAX. */
static void put_object(struct json *j, unsigned depth, struct bytes inside)
{
    struct level *level = &j->levels[depth];
    size_t base = j->count;
    bool first = true;
    level_read(j, level, inside);
    put_char(j, '{');
    if (depth == 0)
        put_opening(j, level, &first);
    for (size_t word = 0; word < WORDS_OF_BITS; word++)
        for (uint64_t bits = level->has[word]; bits && !j->out->cut; bits &= bits - 1) {
            enum field f = (enum field)(word * 64 + (size_t)__builtin_ctzll(bits));
            if (depth == 0 && f > F_all_lossy && !j->lossy_place)
                j->lossy_place = j->out->len;
            put_field(j, depth, f, &first);
        }
    if (depth == 0 && !j->lossy_place)
        j->lossy_place = j->out->len;
    put_char(j, '}');
    j->count = base;
}

/* Only when all strings are written is it known which had to be mended: the key is put in afterwards. */
static void insert_lossy(struct json *j)
{
    struct buf *text = &j->lossy_text;
    uint64_t any = 0;
    for (size_t word = 0; word < WORDS_OF_BITS; word++)
        any |= j->lossy[word];
    if (!any || j->out->cut)
        return;
    buf_reset(text);
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        if (j->lossy[f / 64] >> (f % 64) & 1) {
            char path[FIELD_PATH_SIZE];
            field_path((enum field)f, path);
            buf_printf(text, "%s\"%s\"", text->len ? "," : ",\"lossy\":[", path);
        }
    buf_add_byte(text, ']');
    size_t tail = j->out->len - j->lossy_place;
    if (!buf_room(j->out, text->len)) {
        j->out->cut = true;
        return;
    }
    uint8_t *place = j->out->data + j->lossy_place;
    memmove(place + text->len, place, tail);
    memcpy(place, text->data, text->len);
    j->out->len += text->len;
}

static void json_open(void *state, bool colour)
{
    struct json *j = state;
    (void)colour;
    buf_init(&j->elsewhere, SIZE_MAX / 2);
    buf_init(&j->lossy_text, (size_t)FIELD_COUNT * (FIELD_PATH_SIZE + 4));
}

/* A stored record says itself what was lost when it was written first. */
static void read_lossy(struct json *j)
{
    struct entry e;
    for (size_t at = 0; record_next(j->record, &at, &e);)
        for (unsigned f = 0; e.field == F_all_lossy && f < FIELD_COUNT; f++)
            if (field_path_is((enum field)f, e.text) && field_is_of((enum field)f, record_kind(j->record)))
                j->lossy[f / 64] |= UINT64_C(1) << (f % 64);
}

static void json_record(void *state, const struct record *r, struct buf *out)
{
    struct json *j = state;
    size_t start = out->len;
    bool cut_before = out->cut;
    out->cut = false;
    j->out = out;
    j->record = r;
    memset(j->lossy, 0, sizeof j->lossy);
    if (record_has(r, F_all_lossy))
        read_lossy(j);
    put_object(j, 0, record_entries(r));
    insert_lossy(j);
    put_char(j, '\n');
    if (out->cut)
        out->len = start;
    out->cut |= cut_before;
}

static void json_finish(void *state, struct buf *out)
{
    struct json *j = state;
    (void)out;
    free(j->items);
    buf_release(&j->lossy_text);
    buf_release(&j->elsewhere);
}

const struct format format_json = {
    .name = "json",
    .doc = "one JSON object per line (NDJSON), for programs",
    .state_size = sizeof(struct json),
    .open = json_open,
    .record = json_record,
    .finish = json_finish,
};
