/* Octets become a record with any fields in any order. Its JSON must be a line that json-c reads strictly, with every
   key of the record in it once; its text a line of printable UTF-8; the report must be printable too. */
#include "base/memory.h"
#include "base/utf8.h"
#include "output/format.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

static void demand(bool what, const char *said, struct bytes text)
{
    if (what)
        return;
    fprintf(stderr, "%s: %.*s\n", said, (int)text.len, (const char *)text.data);
    abort();
}

static uint8_t take(struct bytes *in)
{
    if (!in->len)
        return 0;
    uint8_t c = *in->data;
    *in = bytes_part(*in, 1, in->len);
    return c;
}

static struct bytes take_text(struct bytes *in)
{
    size_t len = take(in);
    struct bytes text = bytes_part(*in, 0, len);
    *in = bytes_part(*in, text.len, in->len);
    return text;
}

static uint64_t take_number(struct bytes *in)
{
    uint64_t n = 0;
    for (unsigned i = take(in) % 9; i; i--)
        n = n << 8 | take(in);
    return n;
}

/* Appends a field of that scope; what is a group is opened. */
static void add_field(struct record *r, enum field f, struct bytes *in, unsigned *depth, enum field_scope *here)
{
    static const char *const words[] = {"accepted", "smtp", "starttls", "full", "gap", "DATA", "none", "failure"};
    switch (field_infos[f].type) {
    case TEXT:
    case TEXTS:
        record_text(r, f, take_text(in));
        break;
    case WORD:
    case WORDS:
        record_word(r, f, words[take(in) % 8]);
        break;
    case NUMBER:
    case NUMBERS:
        record_number(r, f, take_number(in));
        break;
    case TIME:
        record_time(r, f, (int64_t)take_number(in));
        break;
    case FLAG:
        record_flag(r, f);
        break;
    case BOOLEAN:
        record_boolean(r, f, take(in) & 1);
        break;
    case COUNTS:
        record_count(r, f, take_text(in), take_number(in));
        break;
    case GROUP:
    case GROUPS:
        if (*depth < 1) {
            record_begin(r, f);
            *here = field_infos[f].inner;
            ++*depth;
        }
        break;
    }
}

/* One of the fields that may stand here. */
static enum field take_field(struct bytes *in, enum field_scope here, bool top)
{
    enum field fits[FIELD_COUNT];
    size_t count = 0;
    for (unsigned f = 0; f < FIELD_COUNT; f++) {
        bool ours =
            f == F_all_v || f == F_all_type || f == F_all_lossy || f == F_all_truncated; /* nobody else sets them */
        if (!ours && (field_infos[f].scope == here || (top && field_infos[f].scope == SCOPE_all)))
            fits[count++] = (enum field)f;
    }
    return fits[take(in) % count];
}

static struct record *build(struct bytes *in, const struct limits *limits)
{
    enum kind k = (enum kind)(take(in) % KIND_COUNT);
    struct record *r = record_new(k, limits), *other = record_new(k, limits);
    unsigned depth = 0, left = 400;
    enum field_scope here = kind_scope(k);
    while (in->len && left-- && record_size(r) < 1 << 16) {
        uint8_t what = take(in);
        if (what < 0xe0) {
            add_field(r, take_field(in, here, !depth), in, &depth, &here);
        } else if (depth) {
            record_end(r);
            here = kind_scope(k);
            depth--;
        } else if (what < 0xe8) {
            record_join(other, r);
            record_join(r, other);
            record_reset(other);
        } else {
            record_drop(r, take_field(in, here, true));
        }
    }
    if (depth)
        record_end(r);
    record_free(other);
    return r;
}

/* The keys of the top level are those of the record, and as many. */
static void check_keys(struct json_object *parsed, const struct record *r, struct bytes line)
{
    int keys = 0;
    unsigned depth = 0;
    bool seen[FIELD_COUNT] = {[F_all_v] = true, [F_all_type] = true, [F_all_lossy] = true};
    struct entry e;
    for (size_t at = 0; record_next(r, &at, &e);) {
        if (e.end) {
            depth--;
            continue;
        }
        if (!depth && !seen[e.field]) {
            seen[e.field] = true;
            keys++;
            demand(json_object_object_get_ex(parsed, field_infos[e.field].name, NULL), "lacks a key", line);
        }
        depth += field_infos[e.field].type == GROUP || field_infos[e.field].type == GROUPS;
    }
    keys += 2 + json_object_object_get_ex(parsed, "lossy", NULL);
    demand(json_object_object_length(parsed) == keys, "has other keys", line);
}

static void check_json(struct bytes line, const struct record *r)
{
    demand(line.len > 2 && bytes_index(line, '\n') == line.len - 1, "not one line", line);
    struct json_tokener *tokener = json_tokener_new();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *parsed = json_tokener_parse_ex(tokener, (const char *)line.data, (int)line.len);
    demand(parsed && json_tokener_get_error(tokener) == json_tokener_success, "no JSON", line);
    check_keys(parsed, r, line);
    json_object_put(parsed);
    json_tokener_free(tokener);
}

/* Printable UTF-8 and line ends; nothing of the controls of C1 or of direction. */
static void check_plain(struct bytes text)
{
    for (size_t at = 0; at < text.len;) {
        uint32_t c;
        at += utf8_read(bytes_part(text, at, text.len), &c);
        bool control = c < 0x20 || (c >= 0x7f && c < 0xa0),
             turns = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
        demand(c == '\n' || (c != UTF8_BAD && !control && !turns), "not printable", text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct limits limits;
    limits_init(&limits);
    limits.text = 64 + take(&in);
    limits.list = 1 + take(&in) % 20;
    void *states[3];
    const struct format *const all[] = {&format_json, &format_text, &format_summary};
    struct buf out;
    buf_init(&out, 1 << 22);
    for (size_t i = 0; i < 3; i++) {
        states[i] = memory_get(all[i]->state_size);
        all[i]->open(states[i], false);
    }
    for (unsigned n = 0; in.len && n < 4; n++) {
        struct record *r = build(&in, &limits);
        for (size_t i = 0; i < 3; i++) {
            buf_reset(&out);
            all[i]->record(states[i], r, &out);
            if (i == 0)
                check_json(buf_bytes(&out), r);
            if (i == 1) {
                check_plain(buf_bytes(&out));
                demand(bytes_index(buf_bytes(&out), '\n') == out.len - 1, "not one line", buf_bytes(&out));
            }
        }
        record_free(r);
    }
    for (size_t i = 0; i < 3; i++) {
        buf_reset(&out);
        all[i]->finish(states[i], &out);
        check_plain(buf_bytes(&out));
        free(states[i]);
    }
    buf_release(&out);
    return 0;
}
