/* What --check-config -v prints: every setting, in the form of mailtap.yaml(5). */
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "config.h"
#include "detect/detector.h"

/* Behind a value: where it comes from; null is nobody. */
static void put_origin(const struct options *o, const struct setting *s, struct buf *out)
{
    if (s && s->line) {
        buf_add_string(out, "  # ");
        for (const char *c = o->config; *c; c++)
            buf_add_byte(out, (uint8_t)((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c));
        buf_printf(out, ", line %u\n", s->line);
    } else {
        buf_add_string(out, s ? "  # command line\n" : "  # default\n");
    }
}

static bool is_plain(struct bytes text)
{
    if (!text.len || bytes_equal_nocase(text, BYTES("null")) || text.data[text.len - 1] == ':')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!byte_is_letter(c) && !byte_is_digit(c) && (!i || !strchr("_./:@+-", c)))
            return false;
    }
    return true;
}

/* What YAML 1.1 takes for the end of a line, beside control characters: its length, and how it is written. */
static size_t line_end(struct bytes at, const char **ret)
{
    static const struct {
        const char *octets, *written;
    } ends[] = {{"\xc2\x85", "\\N"}, {"\xe2\x80\xa8", "\\L"}, {"\xe2\x80\xa9", "\\P"}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct bytes end = bytes_of_string(ends[i].octets);
        *ret = ends[i].written;
        if (bytes_equal(bytes_part(at, 0, end.len), end))
            return end.len;
    }
    return 0;
}

static void put_text(struct bytes text, struct buf *out)
{
    if (is_plain(text)) {
        buf_add(out, text);
        return;
    }
    buf_add_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        const char *end;
        uint8_t c = text.data[i];
        size_t n = line_end(bytes_part(text, i, 3), &end);
        if (n) {
            buf_add_string(out, end);
            i += n - 1;
        } else if (c < ' ' || c == 0x7f) {
            buf_printf(out, "\\x%02x", c);
        } else if (c == '"' || c == '\\') {
            buf_printf(out, "\\%c", c);
        } else {
            buf_add_byte(out, c);
        }
    }
    buf_add_byte(out, '"');
}

/* The last setting of that option whose text begins with `start`; null: there is none. */
static const struct setting *last(const struct options *o, enum option_key option, const char *start)
{
    for (size_t i = o->settings.count; i-- > 0;) {
        const struct setting *s = &o->settings.list[i];
        if (s->option == option && (!*start || !strncmp(s->text, start, strlen(start))))
            return s;
    }
    return NULL;
}

/* Of two settings, either of which may be null. */
static const struct setting *later(const struct setting *a, const struct setting *b)
{
    return !a || (b && b > a) ? b : a;
}

static void show_value(const struct options *o, enum option_key option, struct buf *out)
{
    const struct option_info *info = &option_infos[option];
    const struct setting *s = last(o, option, "");
    const char *text = !s ? info->usual : s->text ? s->text : "true";
    buf_printf(out, "%s%s: ", text ? "" : "# ", info->key);
    if (text)
        put_text(bytes_of_string(text), out);
    put_origin(o, s, out);
}

static void show_list(const struct options *o, enum option_key option, struct buf *out)
{
    const struct setting *latest = last(o, option, "");
    const char *usual = option_infos[option].usual;
    if (!latest && !usual) {
        show_value(o, option, out);
        return;
    }
    buf_printf(out, "%s:\n", option_infos[option].key);
    if (!latest) {
        buf_add_string(out, "  - ");
        put_text(bytes_of_string(usual), out);
        put_origin(o, NULL, out);
    }
    for (size_t i = 0; i < o->settings.count; i++) {
        const struct setting *s = &o->settings.list[i];
        if (s->option != option || !latest || !s->line != !latest->line)
            continue;
        buf_add_string(out, "  - ");
        put_text(bytes_of_string(s->text), out);
        put_origin(o, s, out);
    }
}

static void show_limits(const struct options *o, struct buf *out)
{
    struct limits limits = o->engine.limits;
    buf_printf(out, "%s:\n", option_infos[OPTION_LIMIT].key);
    for (unsigned i = 0; i < limit_count; i++) {
        char start[64];
        snprintf(start, sizeof start, "%s=", limit_infos[i].name);
        buf_printf(out, "  %s: %" PRIu64, limit_infos[i].name, *limits_at(&limits, i));
        put_origin(o, last(o, OPTION_LIMIT, start), out);
    }
}

static void show_rules(const struct options *o, struct buf *out)
{
    char start[128];
    buf_printf(out, "%s:\n", option_infos[OPTION_SET].key);
    for (unsigned i = 0; detectors[i]; i++) {
        const struct detector *d = detectors[i];
        snprintf(start, sizeof start, "%s=", d->name);
        buf_printf(out, "  %s:", d->name);
        if (o->detect.silent[i] || !d->thresholds[0].name) {
            buf_add_string(out, o->detect.silent[i] ? " off" : " on");
            put_origin(o, later(last(o, OPTION_SET, start), last(o, OPTION_SET, "all=")), out);
            continue;
        }
        buf_add_byte(out, '\n');
        for (unsigned k = 0; k < DETECTOR_THRESHOLDS && d->thresholds[k].name; k++) {
            snprintf(start, sizeof start, "%s.%s=", d->name, d->thresholds[k].name);
            buf_printf(out, "    %s: %" PRIu64, d->thresholds[k].name,
                       o->detect.thresholds[i * DETECTOR_THRESHOLDS + k]);
            put_origin(o, last(o, OPTION_SET, start), out);
        }
    }
}

/* The next key=value of a suppression; false at the end. */
static bool next_pair(struct bytes *rest, uint8_t between, struct bytes *key, struct bytes *value)
{
    if (!rest->len)
        return false;
    struct bytes pair = bytes_part(*rest, 0, bytes_index(*rest, between));
    size_t equals = bytes_index(pair, '=');
    *key = bytes_trim(bytes_part(pair, 0, equals));
    *value = bytes_trim(bytes_part(pair, equals + 1, pair.len));
    *rest = bytes_part(*rest, pair.len + 1, rest->len);
    return true;
}

/* A suppression in one line, what was given more than once as a list. */
static void put_entry(struct bytes text, struct buf *out)
{
    static const char *const keys[] = {
#define SUPPRESSION_KEY(name, doc) #name,
#include "detect/suppression_keys.def"
#undef SUPPRESSION_KEY
    };
    uint8_t between = bytes_index(text, '\n') < text.len ? '\n' : ',';
    bool any = false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct bytes rest = text, key, value;
        unsigned count = 0;
        while (next_pair(&rest, between, &key, &value)) {
            if (!bytes_equal(key, bytes_of_string(keys[i])))
                continue;
            if (!count++)
                buf_printf(out, "%s%s: [", any ? ", " : "", keys[i]);
            else
                buf_add_string(out, ", ");
            put_text(value, out);
        }
        if (count)
            buf_add_byte(out, ']');
        any |= count > 0;
    }
}

static void show_entries(const struct options *o, enum option_key option, struct buf *out)
{
    if (!last(o, option, "")) {
        show_value(o, option, out);
        return;
    }
    buf_printf(out, "%s:\n", option_infos[option].key);
    for (size_t i = 0; i < o->settings.count; i++) {
        const struct setting *s = &o->settings.list[i];
        if (s->option != option)
            continue;
        buf_add_string(out, "  - {");
        put_entry(bytes_of_string(s->text), out);
        buf_add_byte(out, '}');
        put_origin(o, s, out);
    }
}

void config_show(const struct options *o, struct buf *out)
{
    for (unsigned i = 0; i < OPTION_KEYS; i++) {
        enum option_key option = (enum option_key)i;
        switch (option_infos[i].shape) {
        case SHAPE_NONE:
            break;
        case SHAPE_SWITCH:
        case SHAPE_VALUE:
            show_value(o, option, out);
            break;
        case SHAPE_LIST:
            show_list(o, option, out);
            break;
        case SHAPE_PAIRS:
            show_limits(o, out);
            break;
        case SHAPE_RULES:
            show_rules(o, out);
            break;
        case SHAPE_ENTRIES:
            show_entries(o, option, out);
            break;
        }
    }
}
