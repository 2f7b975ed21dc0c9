#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/memory.h"

/* Of one mapping below the top: more than there are names. It bounds looking for those that stand there twice. */
enum { PAIRS_MOST = 1000, NAME_MOST = 100 };

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    struct bytes text;
    const char *name;
    struct settings *settings;
    struct error *err;
};

static unsigned line_of(const struct reader *r)
{
    return (unsigned)r->event.start_mark.line + 1;
}

static bool refuse(const struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool refuse(const struct reader *r, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(r->err, "'%.180s', line %u: %s", r->name, line_of(r), text);
}

/* What the parser itself does not like. Octets that are no text it tells by their place only. */
static bool no_yaml(const struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    size_t line = p->problem_mark.line + 1;
    const char *problem = p->problem ? p->problem : "it is no YAML";
    if (p->error == YAML_MEMORY_ERROR)
        return error_set(r->err, "'%.180s': out of memory", r->name);
    if (p->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < p->problem_offset && i < r->text.len; i++)
            line += r->text.data[i] == '\n';
    }
    return error_set(r->err, "'%.180s', line %zu: %s%s%s", r->name, line, problem, p->context ? " " : "",
                     p->context ? p->context : "");
}

/* The next thing in the file. Nothing may be said by reference: an alias makes a small file large. */
static bool next(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = yaml_parser_parse(&r->parser, &r->event);
    if (!r->has_event)
        return no_yaml(r);
    if (r->event.type == YAML_ALIAS_EVENT)
        return refuse(r, "aliases (*%s) are not read; write it out", (const char *)r->event.data.alias.anchor);
    return true;
}

static struct bytes scalar(const struct reader *r)
{
    return bytes_of(r->event.data.scalar.value, r->event.data.scalar.length);
}

/* Is it a text, and one that may go on? */
static bool want_scalar(const struct reader *r, const char *what)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return refuse(r, "%s is a word here, not a list or a mapping", what);
    struct bytes text = scalar(r);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ' || text.data[i] == 0x7f)
            return refuse(r, "%s has a control character", what);
    return true;
}

/* "key:" with nothing behind it, as when all items are commented out. */
static bool is_null(const struct reader *r)
{
    return r->event.type == YAML_SCALAR_EVENT && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (!scalar(r).len || bytes_equal(scalar(r), BYTES("~")) || bytes_equal_nocase(scalar(r), BYTES("null")));
}

static bool want_value(const struct reader *r, const char *what)
{
    if (is_null(r))
        return refuse(r, "%s needs a value behind the colon", what);
    return want_scalar(r, what);
}

static void add(struct reader *r, enum option_key option, struct buf *text)
{
    buf_add_byte(text, 0);
    settings_add(r->settings, option, (const char *)text->data, line_of(r));
}

static void add_scalar(struct reader *r, enum option_key option)
{
    struct buf text;
    buf_init(&text, CONFIG_MOST);
    buf_add(&text, scalar(r));
    add(r, option, &text);
    buf_release(&text);
}

/* What YAML 1.1 has for true and false: programs write one for the other. */
static int truth(struct bytes word)
{
    static const char *const words[] = {"true", "false", "on", "off", "yes", "no"};
    for (int i = 0; i < 6; i++)
        if (bytes_equal_nocase(word, bytes_of_string(words[i])))
            return !(i & 1);
    return -1;
}

static bool take_switch(struct reader *r, enum option_key option)
{
    const char *key = option_infos[option].key;
    if (!want_value(r, key))
        return false;
    int on = truth(scalar(r));
    if (on < 0)
        return refuse(r, "%s is true or false, not '%.*s'", key, SHOWN(scalar(r)));
    settings_add(r->settings, option, on ? "true" : "false", line_of(r));
    return true;
}

static bool take_value(struct reader *r, enum option_key option)
{
    if (!want_value(r, option_infos[option].key))
        return false;
    add_scalar(r, option);
    return true;
}

/* A list, or its only item. */
static bool take_list(struct reader *r, enum option_key option)
{
    if (is_null(r))
        return true;
    if (r->event.type != YAML_SEQUENCE_START_EVENT)
        return take_value(r, option);
    for (;;) {
        if (!next(r))
            return false;
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return true;
        if (!take_value(r, option))
            return false;
    }
}

/* A name in a mapping; a copy, since the event goes. */
static bool take_name(struct reader *r, char name[static NAME_MOST + 1])
{
    if (!want_scalar(r, "a name"))
        return false;
    struct bytes text = scalar(r);
    if (!text.len || text.len > NAME_MOST)
        return refuse(r, "a name has 1 to %d octets", NAME_MOST);
    memcpy(name, text.data, text.len);
    name[text.len] = 0;
    return true;
}

/* Was that set already, since `from`? */
static bool is_there(const struct reader *r, size_t from, const char *start, size_t len)
{
    for (size_t i = from; i < r->settings->count; i++)
        if (!strncmp(r->settings->list[i].text, start, len))
            return true;
    return false;
}

static bool take_pairs(struct reader *r, enum option_key option, const char *rule, size_t from);

/* NAME=VALUE, RULE.NAME=VALUE, RULE=on or off; or, of a rule, a mapping. */
static bool take_pair(struct reader *r, enum option_key option, const char *rule, size_t from)
{
    char name[NAME_MOST + 1], start[2 * NAME_MOST + 4];
    bool rules = option_infos[option].shape == SHAPE_RULES && !rule;
    if (!take_name(r, name) || !next(r))
        return false;
    if (rules && r->event.type == YAML_MAPPING_START_EVENT)
        return take_pairs(r, option, name, from);
    if (!want_value(r, name))
        return false;
    int len = snprintf(start, sizeof start, "%s%s%s=", rule ? rule : "", rule ? "." : "", name);
    if (is_there(r, from, start, (size_t)len))
        return refuse(r, "%s stands here twice", name);
    if (r->settings->count - from == PAIRS_MOST)
        return refuse(r, "%s has more names than there can be", option_infos[option].key);
    struct buf text;
    int on = truth(scalar(r));
    buf_init(&text, CONFIG_MOST);
    buf_add_string(&text, start);
    buf_add(&text, rules && on >= 0 ? bytes_of_string(on ? "on" : "off") : scalar(r));
    add(r, option, &text);
    buf_release(&text);
    return true;
}

static bool take_pairs(struct reader *r, enum option_key option, const char *rule, size_t from)
{
    if (is_null(r))
        return true;
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return refuse(r, "%s takes lines of 'name: value'", option_infos[option].key);
    for (;;) {
        if (!next(r))
            return false;
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return true;
        if (!take_pair(r, option, rule, from))
            return false;
    }
}

/* A line key=value for the value, or for each of a list. */
static bool take_entry_values(struct reader *r, struct buf *text)
{
    char name[NAME_MOST + 1];
    bool list;
    if (!take_name(r, name) || !next(r))
        return false;
    list = r->event.type == YAML_SEQUENCE_START_EVENT;
    if (list && !next(r))
        return false;
    while (r->event.type != YAML_SEQUENCE_END_EVENT) {
        if (!want_value(r, name))
            return false;
        buf_printf(text, "%s=", name);
        buf_add(text, scalar(r));
        buf_add_byte(text, '\n');
        if (!list)
            return true;
        if (!next(r))
            return false;
    }
    return true;
}

static bool take_entry(struct reader *r, enum option_key option)
{
    struct buf text;
    bool right = true;
    unsigned line = line_of(r);
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return refuse(r, "each item of %s has lines of 'name: value'", option_infos[option].key);
    buf_init(&text, 16 * (size_t)CONFIG_MOST);
    while (right && (right = next(r)) && r->event.type != YAML_MAPPING_END_EVENT)
        right = take_entry_values(r, &text);
    if (text.cut)
        right = refuse(r, "this item of %s is too long", option_infos[option].key);
    buf_add_byte(&text, 0);
    if (right)
        settings_add(r->settings, option, (const char *)text.data, line);
    buf_release(&text);
    return right;
}

static bool take_entries(struct reader *r, enum option_key option)
{
    if (is_null(r))
        return true;
    if (r->event.type != YAML_SEQUENCE_START_EVENT)
        return refuse(r, "%s takes a list: items that begin with '-'", option_infos[option].key);
    for (;;) {
        if (!next(r))
            return false;
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return true;
        if (!take_entry(r, option))
            return false;
    }
}

static bool take(struct reader *r, enum option_key option)
{
    switch (option_infos[option].shape) {
    case SHAPE_SWITCH:
        return take_switch(r, option);
    case SHAPE_VALUE:
        return take_value(r, option);
    case SHAPE_LIST:
        return take_list(r, option);
    case SHAPE_PAIRS:
    case SHAPE_RULES:
        return take_pairs(r, option, NULL, r->settings->count);
    case SHAPE_ENTRIES:
        return take_entries(r, option);
    case SHAPE_NONE:
        break;
    }
    return refuse(r, "%s is no setting", option_infos[option].name);
}

/* The option that a key stands for. */
static bool find(const struct reader *r, enum option_key *ret)
{
    struct bytes name = scalar(r);
    for (unsigned i = 0; i < OPTION_KEYS; i++)
        if (option_infos[i].key && bytes_equal(name, bytes_of_string(option_infos[i].key))) {
            *ret = (enum option_key)i;
            return true;
        }
    for (unsigned i = 0; i < OPTION_KEYS; i++)
        if (bytes_equal(name, bytes_of_string(option_infos[i].name)))
            return option_infos[i].key ? refuse(r, "'%s' is spelled %s here", option_infos[i].name, option_infos[i].key)
                                       : refuse(r, "'%s' can be said on the command line only", option_infos[i].name);
    return refuse(r, "there is no setting '%.*s'; mailtap.yaml(5) tells all, as --check-config -v does", SHOWN(name));
}

static bool take_all(struct reader *r)
{
    unsigned lines[OPTION_KEYS] = {0};
    enum option_key option = OPTION_KEYS;
    for (;;) {
        if (!next(r))
            return false;
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return true;
        if (!want_scalar(r, "a setting's name") || !find(r, &option) || option == OPTION_KEYS)
            return false;
        if (lines[option])
            return refuse(r, "%s stands in line %u already", option_infos[option].key, lines[option]);
        lines[option] = line_of(r);
        if (!next(r) || !take(r, option))
            return false;
    }
}

/* One document, that is a mapping, or nothing. */
static bool take_file(struct reader *r)
{
    for (int i = 0; i < 3; i++) { /* the stream, the document, what is in it */
        if (!next(r))
            return false;
        if (r->event.type == YAML_STREAM_END_EVENT)
            return true;
    }
    if (r->event.type != YAML_MAPPING_START_EVENT && !is_null(r))
        return refuse(r, "a file of settings has lines of 'name: value'");
    if (r->event.type == YAML_MAPPING_START_EVENT && !take_all(r))
        return false;
    for (int i = 0; i < 2; i++) /* the end of the document, and what comes then */
        if (!next(r))
            return false;
    return r->event.type == YAML_STREAM_END_EVENT || refuse(r, "a second document begins; there may be one");
}

/* Directives: nobody needs them, and the parser looks at each again for each. */
static bool has_directive(struct bytes text, size_t *line)
{
    *line = 1;
    for (size_t i = 0; i < text.len; i++) {
        struct bytes before = bytes_part(text, i > 3 ? i - 3 : 0, i > 3 ? 3 : i);
        uint8_t last = before.len ? before.data[before.len - 1] : '\n';
        *line += text.data[i] == '\n';
        if (text.data[i] == '%' && (last == '\n' || last == '\r' || bytes_equal(before, BYTES("\xe2\x80\xa8")) ||
                                    bytes_equal(before, BYTES("\xe2\x80\xa9")) ||
                                    (last == 0x85 && before.len > 1 && before.data[before.len - 2] == 0xc2)))
            return true;
    }
    return false;
}

bool config_parse(struct bytes text, const char *name, struct settings *settings, struct error *err)
{
    struct reader r = {.text = text, .name = name, .settings = settings, .err = err};
    size_t line;
    if (has_directive(text, &line))
        return error_set(err, "'%.180s', line %zu: directives are not read; no line may begin with '%%'", name, line);
    if (!yaml_parser_initialize(&r.parser))
        return error_set(err, "'%.180s': out of memory", name);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, text.len ? text.data : (const uint8_t *)"", text.len);
    bool right = take_file(&r);
    if (r.has_event)
        yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return right;
}

/* --- files --- */

static bool read_all(int fd, const char *name, struct buf *text, struct error *err)
{
    for (;;) {
        uint8_t *room = buf_room(text, 4096);
        ssize_t n = room ? read(fd, room, 4096) : 0;
        if (!room)
            return error_set(err, "'%.180s' has more than %d octets; that is no file of settings", name, CONFIG_MOST);
        if (n < 0 && errno != EINTR)
            return error_set(err, "cannot read the settings in '%.180s': %s", name, strerror(errno));
        if (!n)
            return true;
        text->len += n > 0 ? (size_t)n : 0;
    }
}

bool config_read(const char *path, char **name, struct settings *settings, struct error *err)
{
    const char *file = path ? path : CONFIG_USUAL;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct buf text;
    *name = NULL;
    if (fd < 0 && !path && (errno == ENOENT || errno == ENOTDIR))
        return true;
    if (fd < 0)
        return error_set(err, "cannot read the settings in '%.180s': %s%s", file, strerror(errno),
                         path ? "" : "; -F /dev/null does without them");
    *name = memory_string(file);
    buf_init(&text, CONFIG_MOST + 4096);
    bool right = read_all(fd, file, &text, err) && config_parse(buf_bytes(&text), file, settings, err);
    buf_release(&text);
    close(fd);
    return right;
}
