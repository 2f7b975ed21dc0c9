#include "stored.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "recorder.h"

enum { LINE_MOST = 64 << 20, PIECE = 256 << 10, DEPTH_MOST = 16 };

/* --- from an object to a record --- */

/* fields.def keeps the fields of a scope together. */
struct table {
    struct {
        uint16_t first, count;
    } ranges[SCOPE_COUNT];
};

static void table_init(struct table *t)
{
    *t = (struct table){0};
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        if (!t->ranges[field_infos[f].scope].count++)
            t->ranges[field_infos[f].scope].first = (uint16_t)f;
}

/* The field of that name in a scope, or FIELD_COUNT. */
static enum field field_of(const struct table *t, enum field_scope scope, const char *name)
{
    for (unsigned f = t->ranges[scope].first; f < t->ranges[scope].first + t->ranges[scope].count; f++)
        if (!strcmp(field_infos[f].name, name))
            return (enum field)f;
    return FIELD_COUNT;
}

static struct bytes string_of(struct json_object *value)
{
    return bytes_of(json_object_get_string(value), (size_t)json_object_get_string_len(value));
}

static void add_fields(const struct table *t, struct record *r, enum field_scope scope, struct json_object *object);

static void add_counts(struct record *r, enum field f, struct json_object *value)
{
    json_object_object_foreach(value, key, number)
    {
        if (json_object_is_type(number, json_type_int))
            record_count(r, f, bytes_of_string(key), json_object_get_uint64(number));
    }
}

static bool fits(enum field_type type, struct json_object *value)
{
    switch (type) {
    case TEXT:
    case TEXTS:
    case WORD:
    case WORDS:
    case TIME:
        return json_object_is_type(value, json_type_string);
    case NUMBER:
    case NUMBERS:
        return json_object_is_type(value, json_type_int);
    case FLAG:
    case BOOLEAN:
        return json_object_is_type(value, json_type_boolean);
    case GROUP:
    case GROUPS:
    case COUNTS:
        return json_object_is_type(value, json_type_object);
    }
    return false;
}

static void add_value(const struct table *t, struct record *r, enum field f, struct json_object *value)
{
    int64_t when;
    if (!fits(field_infos[f].type, value))
        return;
    switch (field_infos[f].type) {
    case TEXT:
    case TEXTS:
        record_text(r, f, string_of(value));
        break;
    case WORD:
    case WORDS:
        record_word(r, f, json_object_get_string(value));
        break;
    case NUMBER:
    case NUMBERS:
        record_number(r, f, json_object_get_uint64(value));
        break;
    case TIME:
        if (clock_parse(string_of(value), &when))
            record_time(r, f, when);
        break;
    case FLAG:
        if (json_object_get_boolean(value))
            record_flag(r, f);
        break;
    case BOOLEAN:
        record_boolean(r, f, json_object_get_boolean(value));
        break;
    case GROUP:
    case GROUPS:
        record_begin(r, f);
        add_fields(t, r, field_infos[f].inner, value);
        record_end(r);
        break;
    case COUNTS:
        add_counts(r, f, value);
        break;
    }
}

static bool is_list(enum field_type type)
{
    return type == TEXTS || type == WORDS || type == NUMBERS || type == GROUPS;
}

static void add_fields(const struct table *t, struct record *r, enum field_scope scope, struct json_object *object)
{
    json_object_object_foreach(object, key, value)
    {
        enum field f = field_of(t, scope, key);
        if (f == FIELD_COUNT && scope == kind_scope(record_kind(r)))
            f = field_of(t, SCOPE_all, key);
        if (f == FIELD_COUNT || f == F_all_v || f == F_all_type)
            continue;
        if (!is_list(field_infos[f].type)) {
            add_value(t, r, f, value);
            continue;
        }
        if (!json_object_is_type(value, json_type_array))
            continue;
        for (size_t i = 0; i < json_object_array_length(value); i++)
            add_value(t, r, f, json_object_array_get_idx(value, i));
    }
}

struct record *stored_parse(struct bytes line, const struct limits *limits, struct error *err)
{
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MOST);
    struct json_object *object, *type;
    struct record *r = NULL;
    struct table table;
    table_init(&table);
    object = json_tokener_parse_ex(tokener, (const char *)line.data, (int)line.len);
    if (!json_object_is_type(object, json_type_object) || json_tokener_get_parse_end(tokener) != line.len) {
        error_set(err, "is no JSON object");
    } else if (!json_object_object_get_ex(object, "type", &type) || !json_object_is_type(type, json_type_string)) {
        error_set(err, "is no record: it has no type");
    } else {
        for (unsigned k = 0; k < KIND_COUNT && !r; k++)
            if (!strcmp(json_object_get_string(type), kind_name((enum kind)k)))
                r = record_new((enum kind)k, limits);
        if (r)
            add_fields(&table, r, kind_scope(record_kind(r)), object);
        else
            error_set(err, "is a record of no type known here");
    }
    json_object_put(object);
    json_tokener_free(tokener);
    return r;
}

/* --- files --- */

struct stored {
    const atomic_int *stop;
    struct recorder *recorder;
    struct limits limits; /* none: what was stored has met them */
    const char *name;
    uint64_t line;
    bool damaged;
};

static void take_line(struct stored *s, struct bytes line)
{
    struct error err;
    s->line++;
    if (!bytes_trim(line).len)
        return;
    struct record *r = stored_parse(line, &s->limits, &err);
    if (!r) {
        if (!s->damaged)
            fprintf(stderr, "mailtap: '%s': line %" PRIu64 " %s\n", s->name, s->line, err.text);
        s->damaged = true;
    } else if (record_kind(r) == KIND_alert) {
        record_free(r); /* the rules speak anew */
    } else {
        recorder_stored(s->recorder, r);
    }
}

/* All whole lines that are there; a last one without an end at the end. */
static void take_lines(struct stored *s, struct buf *text, bool ended)
{
    size_t at = 0;
    while (at < text->len && !*s->stop && !recorder_over(s->recorder)) {
        struct bytes rest = bytes_part(buf_bytes(text), at, text->len);
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        if (!end && !ended)
            break;
        size_t len = end ? (size_t)(end - rest.data) : rest.len;
        take_line(s, bytes_part(rest, 0, len));
        at += end ? len + 1 : len;
    }
    buf_drop(text, at);
}

static bool read_file(struct stored *s, const char *name, struct error *err)
{
    int fd = strcmp(name, "-") != 0 ? open(name, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
    struct buf text;
    ssize_t n = 1;
    if (fd < 0)
        return error_set(err, "cannot read '%.256s': %s", name, strerror(errno));
    buf_init(&text, LINE_MOST);
    s->name = name;
    s->line = 0;
    while (n > 0 && !*s->stop && !recorder_over(s->recorder)) {
        uint8_t *room = buf_room(&text, PIECE);
        if (!room) {
            error_set(err, "'%.256s': line %" PRIu64 " is too long for a record", name, s->line + 1);
            break;
        }
        n = read(fd, room, PIECE);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        if (n < 0)
            error_set(err, "cannot read '%.256s': %s", name, strerror(errno));
        text.len += n > 0 ? (size_t)n : 0;
        take_lines(s, &text, n <= 0);
    }
    buf_release(&text);
    close(fd);
    return !err->text[0];
}

enum exit_code stored_run(const struct options *o, const atomic_int *stop, struct error *err)
{
    struct stored s = {.stop = stop};
    struct terminal terminal;
    bool readable = true;
    err->text[0] = 0;
    limits_init(&s.limits);
    s.limits.text = s.limits.list = UINT64_MAX;
    terminal_init(&terminal, false);
    s.recorder = recorder_new(o, NULL, &terminal, err);
    if (!s.recorder) {
        terminal_release(&terminal);
        return EXIT_USAGE;
    }
    for (unsigned i = 0; i < o->record_count && readable && !*stop; i++)
        readable = read_file(&s, o->records[i], err);
    struct error closing = {0};
    bool well = recorder_close_stored(s.recorder, &closing);
    if (readable && !well)
        *err = closing;
    terminal_release(&terminal);
    return !readable ? EXIT_UNREADABLE : !well || s.damaged ? EXIT_DAMAGED : EXIT_DONE;
}
