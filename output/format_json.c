/* Records as NDJSON (RFC 8259): one object per line, keys in the order of fields.def whatever order they came in,
   the items of a list together and in the order they came in. Written directly: nothing is allocated per record once
   the buffers have grown. */
#include "format.h"
#include "utf8.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>

#define WORDS_OF_BITS ((FIELD_COUNT + 63) / 64)
#define LEVELS        (RECORD_DEPTH_MAX + 1)

/* An entry of the object being written, chained to the next one of the same field. */
struct item {
    struct entry entry;
    size_t inside; /* of a group: where its inside begins in the record */
    size_t next;   /* index, or SIZE_MAX */
};

struct level {
    uint64_t has[WORDS_OF_BITS];
    size_t first[FIELD_COUNT], last[FIELD_COUNT]; /* valid where has[] says so */
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
    size_t lossy_place; /* where in out the key `lossy` goes */
    struct buf lossy_text;
    uint8_t name_len[FIELD_COUNT];
};

static void put(struct json *j, const void *data, size_t len)
{
    struct buf *out = j->out;
    if (len <= out->cap - out->len) {
        memcpy(out->data + out->len, data, len);
        out->len += len;
    } else {
        buf_add(out, bytes_of(data, len));
    }
}

static void put_byte(struct json *j, char c)
{
    put(j, &c, 1);
}

static void put_number(struct json *j, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    put(j, digits + at, sizeof digits - at);
}

static void put_time(struct json *j, int64_t ns)
{
    int64_t second = ns / CLOCK_S, rest = ns % CLOCK_S;
    if (rest < 0) {
        rest += CLOCK_S;
        second--;
    }
    if (!j->second_text[0] || second != j->second) {
        clock_format(ns, j->second_text);
        j->second = second;
    }
    char text[CLOCK_TEXT_SIZE];
    size_t len = strlen(j->second_text);
    memcpy(text, j->second_text, len);
    unsigned us = (unsigned)(rest / CLOCK_US);
    for (size_t i = 0; i < 6; i++, us /= 10)
        text[len - 2 - i] = (char)('0' + us % 10); /* ".dddddd" stands before the Z */
    put_byte(j, '"');
    put(j, text, len);
    put_byte(j, '"');
}

/* What stands in a string as it is: printable ASCII but for the quote and the backslash. */
static bool plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_escape(struct json *j, uint8_t c)
{
    static const char hex[] = "0123456789ABCDEF";
    if (c == '"' || c == '\\') {
        char pair[] = {'\\', (char)c};
        put(j, pair, sizeof pair);
        return;
    }
    char text[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    put(j, text, sizeof text);
}

static void put_string(struct json *j, enum field f, struct bytes text)
{
    put_byte(j, '"');
    size_t at = 0;
    while (at < text.len) {
        size_t run = at;
        while (run < text.len && plain(text.data[run]))
            run++;
        if (run > at)
            put(j, text.data + at, run - at);
        at = run;
        if (at == text.len)
            break;
        if (text.data[at] < 0x80) {
            put_escape(j, text.data[at++]);
            continue;
        }
        uint32_t c;
        size_t len = utf8_read(bytes_part(text, at, text.len), &c);
        if (c != UTF8_BAD) {
            put(j, text.data + at, len);
        } else {
            put(j, "\xef\xbf\xbd", 3);
            j->lossy[f / 64] |= UINT64_C(1) << (f % 64);
        }
        at += len;
    }
    put_byte(j, '"');
}

static void put_key(struct json *j, enum field f, bool *first)
{
    if (!*first)
        put_byte(j, ',');
    *first = false;
    put_byte(j, '"');
    put(j, field_infos[f].name, j->name_len[f]);
    put(j, "\":", 2);
}

static struct item *item_new(struct json *j)
{
    if (j->count == j->cap) {
        j->cap = j->cap ? j->cap * 2 : 64;
        j->items = memory_resize(j->items, j->cap * sizeof *j->items);
    }
    return &j->items[j->count++];
}

/* Behind the end of the group whose inside begins at `at`. */
static size_t group_after(const struct record *r, size_t at)
{
    unsigned depth = 1;
    struct entry e;
    while (depth && record_next(r, &at, &e)) {
        if (e.end)
            depth--;
        else if (field_infos[e.field].type == GROUP || field_infos[e.field].type == GROUPS)
            depth++;
    }
    return at;
}

/* Sorts the entries of one object, which begins at `at`, by field. */
static void level_read(struct json *j, struct level *level, size_t at)
{
    memset(level->has, 0, sizeof level->has);
    struct entry e;
    while (record_next(j->record, &at, &e) && !e.end) {
        enum field f = e.field;
        size_t index = j->count;
        *item_new(j) = (struct item){e, at, SIZE_MAX};
        if (field_infos[f].type == GROUP || field_infos[f].type == GROUPS)
            at = group_after(j->record, at);
        if (level->has[f / 64] >> (f % 64) & 1)
            j->items[level->last[f]].next = index;
        else
            level->first[f] = index;
        level->last[f] = index;
        level->has[f / 64] |= UINT64_C(1) << (f % 64);
    }
}

static void put_object(struct json *j, unsigned depth, size_t at);

static void put_value(struct json *j, unsigned depth, const struct item *item)
{
    const struct entry e = item->entry;
    switch (field_infos[e.field].type) {
    case TEXT:
    case TEXTS:
    case WORD:
    case WORDS:
        put_string(j, e.field, e.text);
        break;
    case NUMBER:
    case NUMBERS:
        put_number(j, e.number);
        break;
    case TIME:
        put_time(j, (int64_t)e.number);
        break;
    case FLAG:
    case BOOLEAN:
        put(j, e.number ? "true" : "false", e.number ? 4 : 5);
        break;
    case GROUP:
    case GROUPS:
        put_object(j, depth + 1, item->inside);
        break;
    case COUNTS:
        put_string(j, e.field, e.text);
        put_byte(j, ':');
        put_number(j, e.number);
        break;
    }
}

static void put_field(struct json *j, unsigned depth, enum field f, bool *first)
{
    const struct level *level = &j->levels[depth];
    enum field_type type = field_infos[f].type;
    bool counts = type == COUNTS;
    put_key(j, f, first);
    if (!counts && type != TEXTS && type != WORDS && type != NUMBERS && type != GROUPS) {
        put_value(j, depth, &j->items[level->last[f]]); /* a scalar set twice: the later one replaces */
        return;
    }
    put_byte(j, counts ? '{' : '[');
    for (size_t i = level->first[f]; i != SIZE_MAX; i = j->items[i].next) {
        if (i != level->first[f])
            put_byte(j, ',');
        put_value(j, depth, &j->items[i]);
    }
    put_byte(j, counts ? '}' : ']');
}

/* Recursion is as deep as groups are: RECORD_DEPTH_MAX. */
static void put_object(struct json *j, unsigned depth, size_t at)
{
    struct level *level = &j->levels[depth];
    size_t base = j->count;
    bool first = true;
    level_read(j, level, at);
    put_byte(j, '{');
    if (depth == 0) {
        put_key(j, F_all_v, &first);
        put_number(j, 1);
        put_key(j, F_all_type, &first);
        put_string(j, F_all_type, bytes_of_string(kind_name(record_kind(j->record))));
        for (enum field f = F_all_v; f <= F_all_lossy; f++)
            if (f == F_all_v || f == F_all_type || f == F_all_lossy)
                level->has[f / 64] &= ~(UINT64_C(1) << (f % 64)); /* these are ours */
        j->lossy_place = 0;
    }
    for (size_t word = 0; word < WORDS_OF_BITS; word++)
        for (uint64_t bits = level->has[word]; bits; bits &= bits - 1) {
            enum field f = (enum field)(word * 64 + (size_t)__builtin_ctzll(bits));
            if (depth == 0 && f > F_all_lossy && !j->lossy_place)
                j->lossy_place = j->out->len;
            put_field(j, depth, f, &first);
        }
    if (depth == 0 && !j->lossy_place)
        j->lossy_place = j->out->len;
    put_byte(j, '}');
    j->count = base;
}

/* Only when all strings are written is it known which had to be mended: the key is put in afterwards. */
static void insert_lossy(struct json *j)
{
    struct buf *text = &j->lossy_text;
    buf_reset(text);
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        if (j->lossy[f / 64] >> (f % 64) & 1) {
            char path[FIELD_PATH_SIZE];
            field_path((enum field)f, path);
            buf_printf(text, "%s\"%s\"", text->len ? "," : ",\"lossy\":[", path);
        }
    if (!text->len)
        return;
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
    buf_init(&j->lossy_text, (size_t)FIELD_COUNT * (FIELD_PATH_SIZE + 4));
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        j->name_len[f] = (uint8_t)strlen(field_infos[f].name);
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
    put_object(j, 0, 0);
    insert_lossy(j);
    put_byte(j, '\n');
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
}

const struct format format_json = {
    .name = "json",
    .doc = "one JSON object per line (NDJSON), for programs",
    .state_size = sizeof(struct json),
    .open = json_open,
    .record = json_record,
    .finish = json_finish,
};
