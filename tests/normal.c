/* The normal form of records (see normal.h). */
#include "normal.h"
#include "base/memory.h"
#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdlib.h>

static const char *const dropped[] = {
    "v",
    "type",
    "id",
    "uid",
    "ts",
    "end_ts",
    "community_id",
    "client_ip",
    "server_ip",
    "client_port",
    "server_port",
    "frame_first",
    "frame_last",
    "client_mac",
    "server_mac",
    "pkts_c2s",
    "pkts_s2c",
    "duration_us",
    "iface",
    "pcap_file",
    "greeting_at_us",
    "handshake_us",
    "latency_us",
    "idle_us",
    "date_ahead_us",
    "date_behind_us",
    "alert_id",
    "start_ts",
    NULL,
};
static const char *const dropped_inside[] = {"at_us", "latency_us", "frame", NULL};
static const char *const dropped_evidence[] = {"uid", "ts", "frame", NULL};
static const char *const dropped_loose[] = {
    "retrans", "dup_pkts", "late", "late_octets", "conflicting_overlap", "overlap_first", "overlap_last", NULL};

static bool listed(const char *const *list, const char *key)
{
    for (; *list; list++)
        if (strcmp(*list, key) == 0)
            return true;
    return false;
}

static bool drops(const struct normal *n, const char *const *list, const char *key)
{
    if (n->loose && listed(dropped_loose, key))
        return true;
    return listed(list, key) && !(n->keep && texts_have(n->keep, key));
}

/* Removes from an object; members are collected first, since json-c's iteration must not see them go. */
static void strip(const struct normal *n, struct json_object *o, const char *const *list)
{
    struct texts gone = {0};

    json_object_object_foreach(o, key, value)
    {
        (void)value;
        if (drops(n, list, key))
            texts_add(&gone, bytes_of_string(key));
    }
    for (size_t i = 0; i < gone.count; i++)
        json_object_object_del(o, gone.list[i]);
    texts_release(&gone);
}

static bool is_group_list(struct json_object *o)
{
    return json_object_is_type(o, json_type_array) && json_object_array_length(o) > 0 &&
           json_object_is_type(json_object_array_get_idx(o, 0), json_type_object);
}

static void write_line(struct buf *out, const char *indent, const char *name, struct json_object *o)
{
    buf_add_string(out, indent);
    buf_add_string(out, name);
    buf_add_string(out, " ");
    buf_add_string(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    buf_add_string(out, "\n");
}

static void write_record(const struct normal *n, struct json_object *record, const char *type, struct buf *out)
{
    struct texts lists = {0};
    struct buf below;

    buf_init(&below, SIZE_MAX);
    strip(n, record, dropped);
    json_object_object_foreach(record, key, value)
    {
        if (!is_group_list(value)) {
            if (json_object_is_type(value, json_type_object))
                strip(n, value, dropped_inside);
            continue;
        }
        texts_add(&lists, bytes_of_string(key));
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            struct json_object *item = json_object_array_get_idx(value, i);

            if (json_object_is_type(item, json_type_object))
                strip(n, item, strcmp(key, "evidence") == 0 ? dropped_evidence : dropped_inside);
            write_line(&below, "  ", key, item);
        }
    }
    for (size_t i = 0; i < lists.count; i++)
        json_object_object_del(record, lists.list[i]);
    write_line(out, "", type, record);
    buf_add(out, buf_bytes(&below));
    buf_release(&below);
    texts_release(&lists);
}

/* json-c keeps the last of two members of one name and forgets the first: count them against the text. */
static size_t count_members(struct json_object *o)
{
    size_t n = 0;

    if (json_object_is_type(o, json_type_object)) {
        json_object_object_foreach(o, key, value)
        {
            (void)key;
            n += 1 + count_members(value);
        }
    } else if (json_object_is_type(o, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(o); i++)
            n += count_members(json_object_array_get_idx(o, i));
    }
    return n;
}

static size_t count_colons(struct bytes line)
{
    bool string = false;
    size_t n = 0;

    for (size_t i = 0; i < line.len; i++) {
        if (string && line.data[i] == '\\')
            i++;
        else if (line.data[i] == '"')
            string = !string;
        else
            n += !string && line.data[i] == ':';
    }
    return n;
}

static bool normal_line(const struct normal *n, struct bytes line, struct buf *out, struct error *err)
{
    struct json_tokener *tokener = json_tokener_new_ex(16);
    struct json_object *record, *type;
    const char *problem = NULL;

    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    record = json_tokener_parse_ex(tokener, (const char *)line.data, (int)line.len);
    if (line.len == 0 || line.data[0] != '{' || line.data[line.len - 1] != '}')
        problem = "not one object";
    else if (!record || json_tokener_get_parse_end(tokener) != line.len)
        problem = json_tokener_error_desc(json_tokener_get_error(tokener));
    else if (!json_object_is_type(record, json_type_object) || !json_object_object_get_ex(record, "type", &type))
        problem = "no object with a type";
    else if (count_members(record) != count_colons(line))
        problem = "a member stands twice";
    if (!problem) {
        char *name = memory_string(json_object_get_string(type));

        if (strcmp(name, "stats") != 0 || (n->keep && texts_have(n->keep, "stats")))
            write_record(n, record, name, out);
        free(name);
    }
    json_object_put(record);
    json_tokener_free(tokener);
    return !problem ||
           error_set(err, "%s: %.*s", problem, (int)(line.len < 400 ? line.len : 400), (const char *)line.data);
}

bool normal_form(const struct normal *n, struct bytes ndjson, struct buf *out, struct error *err)
{
    for (size_t at = 0; at < ndjson.len;) {
        struct bytes rest = bytes_part(ndjson, at, SIZE_MAX), line = bytes_part(rest, 0, bytes_index(rest, '\n'));

        if (line.len == rest.len)
            return error_set(err, "the last line has no end");
        if (!normal_line(n, line, out, err))
            return false;
        at += line.len + 1;
    }
    return true;
}

static bool holds(struct bytes text, const char *needle, size_t len)
{
    return len > 0 && memmem(text.data, text.len, needle, len) != NULL;
}

/* In base64 a text looks different by its place modulo 3: encode it behind 0, 1 and 2 octets and compare what depends
   on the text alone. */
static bool holds_base64(struct bytes text, const char *secret)
{
    size_t len = strlen(secret);
    uint8_t *plain = memory_get(len + 3), *encoded = memory_get((len + 3) / 3 * 4 + 5);
    bool found = false;

    for (size_t before = 0; before < 3 && !found; before++) {
        static const size_t from[] = {0, 2, 3};
        size_t bits = (before + len) * 8;

        memset(plain, 0, before);
        memcpy(plain + before, secret, len);
        EVP_EncodeBlock(encoded, plain, (int)(before + len));
        if (bits / 6 > from[before])
            found = holds(text, (const char *)encoded + from[before], bits / 6 - from[before]);
    }
    free(plain);
    free(encoded);
    return found;
}

const char *normal_secret(const struct texts *secrets, struct bytes text)
{
    for (size_t i = 0; i < secrets->count; i++)
        if (text.len > 0 &&
            (holds(text, secrets->list[i], strlen(secrets->list[i])) || holds_base64(text, secrets->list[i])))
            return secrets->list[i];
    return NULL;
}
