/* Records as NDJSON (RFC 8259): one object per line, keys in the order of fields.def whatever order they came in,
   the items of a list together and in the order they came in. Written directly: nothing is allocated per record once
   the buffers have grown. */
#include "base/utf8.h"
#include "format.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>

#define WORDS_OF_BITS ((FIELD_COUNT + 63) / 64)
#define LEVELS        (RECORD_DEPTH_MAX + 1)

/* An entry of the object being written, chained to the next one of the same field. */
struct item {
    struct bytes text;
    uint64_t number; /* of a group: where its inside begins in the record */
    uint32_t next;   /* index, or NONE */
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

static const uint8_t types[FIELD_COUNT] = {
#define FIELD(scope, name, type, doc) type,
#include "record/fields.def"
#undef FIELD
};

#define BESIDE_TEXT (KEY_WIDTH + 64) /* what a key, quotes, commas, a number or a time need */
#define ESCAPE_MOST 6                /* octets that one octet of text becomes, at most */

/* Room for a key and a value with so many octets of text, whatever they need in the end. Where `out` has no room for
   the most they may need, they are written elsewhere first. */
static char *begin(struct json *j, size_t text)
{
    struct buf *out = j->out;
    size_t n = BESIDE_TEXT + ESCAPE_MOST * text;
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
    char *at = begin(j, 0);
    *at = c;
    end(j, at + 1);
}

static char *write_number(char *at, uint64_t n)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    char digits[20];
    size_t from = sizeof digits;
    for (; n >= 100; n /= 100) {
        from -= 2;
        memcpy(digits + from, pairs + n % 100 * 2, 2);
    }
    if (n >= 10) {
        from -= 2;
        memcpy(digits + from, pairs + n * 2, 2);
    } else {
        digits[--from] = (char)('0' + n);
    }
    memcpy(at, digits + from, sizeof digits - from);
    return at + sizeof digits - from;
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
    unsigned us = (unsigned)(rest / CLOCK_US);
    for (size_t i = 0; i < 6; i++, us /= 10)
        at[len - 2 - i] = (char)('0' + us % 10); /* ".dddddd" stands before the Z */
    at += len;
    *at++ = '"';
    return at;
}

/* What stands in a string as it is: printable ASCII but for the quote and the backslash. */
static inline bool plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static char *write_escape(char *at, uint8_t c)
{
    static const char hex[] = "0123456789ABCDEF";
    *at++ = '\\';
    if (c == '"' || c == '\\') {
        *at++ = (char)c;
        return at;
    }
    memcpy(at, "u00", 3);
    at[3] = hex[c >> 4];
    at[4] = hex[c & 15];
    return at + 5;
}

typedef uint8_t block __attribute__((vector_size(16)));

/* Copies a block; false where not all of it is plain. */
static inline bool write_block(char *at, const uint8_t *from)
{
    block b;
    uint64_t half[2];
    memcpy(&b, from, sizeof b);
    memcpy(at, &b, sizeof b);
    b = (block)(b < 0x20) | (block)(b >= 0x7f) | (block)(b == '"') | (block)(b == '\\');
    memcpy(half, &b, sizeof half);
    return !(half[0] | half[1]);
}

/* The same for 8 octets in a word. The test of each octet may be wrong behind one that is not plain, never before. */
static inline bool write_word(char *at, const uint8_t *from)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t w;
    memcpy(&w, from, sizeof w);
    memcpy(at, &w, sizeof w);
    uint64_t quote = w ^ ones * '"', backslash = w ^ ones * '\\', delete = w ^ ones * 0x7f;
    return !(((w - ones * 0x20) | (quote - ones) | (backslash - ones) | (delete - ones) | w) & tops);
}

/* Copies plain octets from the front; returns how many. */
static size_t write_plain(char *at, struct bytes text)
{
    size_t n = 0, len = text.len;
    if (len >= sizeof(block)) {
        while (len - n >= sizeof(block) && write_block(at + n, text.data + n))
            n += sizeof(block);
        if (len - n < sizeof(block) && write_block(at + len - sizeof(block), text.data + len - sizeof(block)))
            return len;
    } else if (len >= 8 && write_word(at, text.data)) {
        if (write_word(at + len - 8, text.data + len - 8))
            return len;
        n = 8;
    }
    for (; n < len && plain(text.data[n]); n++)
        at[n] = (char)text.data[n];
    return n;
}

static char *write_string(struct json *j, char *at, enum field f, struct bytes text)
{
    *at++ = '"';
    for (size_t n; text.len; text = bytes_part(text, n, text.len)) {
        n = write_plain(at, text);
        at += n;
        if (n)
            continue;
        n = 1;
        if (text.data[0] < 0x80) {
            at = write_escape(at, text.data[0]);
            continue;
        }
        uint32_t c;
        n = utf8_read(text, &c);
        if (c != UTF8_BAD) {
            memcpy(at, text.data, n);
            at += n;
        } else {
            memcpy(at, "\xef\xbf\xbd", 3);
            at += 3;
            j->lossy[f / 64] |= UINT64_C(1) << (f % 64);
        }
    }
    *at++ = '"';
    return at;
}

static char *write_key(char *at, enum field f, bool *first)
{
    size_t skip = *first; /* the comma */
    *first = false;
    memcpy(at, keys[f] + skip, KEY_WIDTH - 1);
    return at + key_lens[f] - skip;
}

static struct item *item_new(struct json *j)
{
    if (j->count == j->cap) {
        j->cap = j->cap ? j->cap * 2 : 64;
        j->items = memory_resize(j->items, j->cap * sizeof *j->items);
    }
    return &j->items[j->count++];
}

/* Sorts the entries of one object, which begins at `at`, by field. */
static void level_read(struct json *j, struct level *level, size_t at)
{
    memset(level->has, 0, sizeof level->has);
    struct entry e;
    while (record_next(j->record, &at, &e) && !e.end) {
        enum field f = e.field;
        uint32_t index = (uint32_t)j->count;
        struct item *item = item_new(j);
        item->text = e.text;
        item->number = e.number;
        item->next = NONE;
        if (types[f] == GROUP || types[f] == GROUPS) {
            item->number = at;
            at = record_group_after(j->record, at);
        }
        if (level->has[f / 64] >> (f % 64) & 1)
            j->items[level->last[f]].next = index;
        else
            level->first[f] = index;
        level->last[f] = index;
        level->has[f / 64] |= UINT64_C(1) << (f % 64);
    }
}

static void put_object(struct json *j, unsigned depth, size_t inside);

/* A value that is no group; what begin() gave has room for it. */
static char *write_value(struct json *j, char *at, enum field f, const struct item *item)
{
    switch ((enum field_type)types[f]) {
    case TEXT:
    case TEXTS:
    case WORD:
    case WORDS:
        return write_string(j, at, f, item->text);
    case NUMBER:
    case NUMBERS:
        return write_number(at, item->number);
    case TIME:
        return write_time(j, at, (int64_t)item->number);
    case FLAG:
    case BOOLEAN:
        memcpy(at, item->number ? "true" : "false", 5);
        return at + (item->number ? 4 : 5);
    case COUNTS:
        at = write_string(j, at, f, item->text);
        *at++ = ':';
        return write_number(at, item->number);
    case GROUP:
    case GROUPS:
        break;
    }
    return at;
}

static void put_list(struct json *j, unsigned depth, enum field f, bool *first)
{
    const struct level *level = &j->levels[depth];
    bool counts = types[f] == COUNTS, groups = types[f] == GROUPS;
    char *at = write_key(begin(j, 0), f, first);
    *at++ = counts ? '{' : '[';
    end(j, at);
    for (uint32_t i = level->first[f]; i != NONE && !j->out->cut; i = j->items[i].next) {
        at = begin(j, j->items[i].text.len);
        if (i != level->first[f])
            *at++ = ',';
        if (!groups)
            at = write_value(j, at, f, &j->items[i]);
        end(j, at);
        if (groups)
            put_object(j, depth + 1, (size_t)j->items[i].number);
    }
    put_char(j, counts ? '}' : ']');
}

static void put_field(struct json *j, unsigned depth, enum field f, bool *first)
{
    const struct level *level = &j->levels[depth];
    enum field_type type = (enum field_type)types[f];
    if (type == COUNTS || type == TEXTS || type == WORDS || type == NUMBERS || type == GROUPS) {
        put_list(j, depth, f, first);
        return;
    }
    const struct item *item = &j->items[level->last[f]]; /* a scalar set twice: the later one replaces */
    char *at = write_key(begin(j, item->text.len), f, first);
    if (type != GROUP)
        at = write_value(j, at, f, item);
    end(j, at);
    if (type == GROUP)
        put_object(j, depth + 1, (size_t)item->number);
}

/* What every record begins with, whatever is in it. */
static void put_opening(struct json *j, struct level *level, bool *first)
{
    struct bytes kind = bytes_of_string(kind_name(record_kind(j->record)));
    char *at = write_key(begin(j, kind.len), F_all_v, first);
    *at++ = '1';
    at = write_key(at, F_all_type, first);
    end(j, write_string(j, at, F_all_type, kind));
    for (enum field f = F_all_v; f <= F_all_lossy; f++)
        if (f == F_all_v || f == F_all_type || f == F_all_lossy)
            level->has[f / 64] &= ~(UINT64_C(1) << (f % 64)); /* these are ours */
    j->lossy_place = 0;
}

/* Recursion is as deep as groups are: RECORD_DEPTH_MAX. */
static void put_object(struct json *j, unsigned depth, size_t inside)
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
        for (unsigned f = 0; e.field == F_all_lossy && f < FIELD_COUNT; f++) {
            char path[FIELD_PATH_SIZE];
            field_path((enum field)f, path);
            if (bytes_equal(e.text, bytes_of_string(path)) && field_is_of((enum field)f, record_kind(j->record)))
                j->lossy[f / 64] |= UINT64_C(1) << (f % 64);
        }
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
    put_object(j, 0, 0);
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
