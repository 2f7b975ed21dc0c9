/* NDJSON: every line is read again by json-c, and the delicate ones are compared octet by octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "format_fixture.h"
#include "output/schema.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

static int setup(void **state)
{
    *state = fixture_new(&format_json);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    format_json.finish(x->format, &x->out);
    fixture_free(x);
    return 0;
}

/* Writes the record, frees it, and gives the line as json-c reads it (strictly). */
static struct json_object *line(struct fixture *x, struct record *r)
{
    buf_reset(&x->out);
    format_json.record(x->format, r, &x->out);
    record_free(r);
    assert_true(x->out.len > 1 && !x->out.cut);
    assert_int_equal(x->out.data[x->out.len - 1], '\n');
    assert_int_equal(bytes_index(buf_bytes(&x->out), '\n'), x->out.len - 1);
    struct json_tokener *tokener = json_tokener_new();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *parsed = json_tokener_parse_ex(tokener, (const char *)x->out.data, (int)x->out.len);
    assert_int_equal(json_tokener_get_error(tokener), json_tokener_success);
    json_tokener_free(tokener);
    assert_non_null(parsed);
    return parsed;
}

/* Writes the record, frees it, and compares the whole line. */
static void assert_line(struct fixture *x, struct record *r, const char *wanted)
{
    json_object_put(line(x, r));
    buf_add_byte(&x->out, 0);
    assert_string_equal((const char *)x->out.data, wanted);
}

static const char *text_of(struct json_object *o, const char *key)
{
    struct json_object *value;
    assert_true(json_object_object_get_ex(o, key, &value));
    return json_object_get_string(value);
}

/* Keys in the order of fields.def, whatever order they came in; items of a list in the order they came. */
static void order(void **state)
{
    struct fixture *x = *state;
    struct record *r = record_new(KIND_session, &x->limits);
    record_number(r, F_session_rcpt_ok, 2);
    record_text(r, F_session_caps, BYTES("PIPELINING"));
    record_begin(r, F_session_commands);
    record_number(r, F_command_code, 250);
    record_word(r, F_command_noted, "bare_lf");
    record_text(r, F_command_verb, BYTES("EHLO"));
    record_word(r, F_command_noted, "nul_octet");
    record_end(r);
    record_word(r, F_session_close, "fin");
    record_number(r, F_all_vlan, 7);
    record_text(r, F_session_caps, BYTES("SIZE 1"));
    record_begin(r, F_session_commands);
    record_text(r, F_command_verb, BYTES("QUIT"));
    record_end(r);
    record_time(r, F_all_ts, INT64_C(1795322778120001999));
    record_number(r, F_all_vlan, 3);
    record_count(r, F_session_verbs, BYTES("QUIT"), 1);
    record_count(r, F_session_verbs, BYTES("EHLO"), 18446744073709551615u);
    record_flag(r, F_session_midstream);
    assert_line(x, r,
                "{\"v\":1,\"type\":\"session\",\"ts\":\"2026-11-22T04:46:18.120001Z\",\"vlan\":[7,3],\"close\":\"fin\","
                "\"midstream\":true,\"caps\":[\"PIPELINING\",\"SIZE 1\"],\"commands\":[{\"verb\":\"EHLO\",\"code\":250,"
                "\"noted\":[\"bare_lf\",\"nul_octet\"]},{\"verb\":\"QUIT\"}],\"verbs\":{\"QUIT\":1,\"EHLO\":"
                "18446744073709551615},\"rcpt_ok\":2}\n");
}

static void empty_and_repeated(void **state)
{
    struct fixture *x = *state;
    assert_line(x, record_new(KIND_tls, &x->limits), "{\"v\":1,\"type\":\"tls\"}\n");
    struct record *r = record_new(KIND_auth, &x->limits);
    record_text(r, F_auth_user, BYTES("old"));
    record_boolean(r, F_auth_encrypted, false);
    record_begin(r, F_auth_ntlm);
    record_text(r, F_ntlm_os, BYTES(""));
    record_end(r);
    record_text(r, F_auth_user, BYTES("new"));
    assert_line(x, r, "{\"v\":1,\"type\":\"auth\",\"user\":\"new\",\"encrypted\":false,\"ntlm\":{\"os\":\"\"}}\n");
}

static void times(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {999, "1970-01-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {INT64_C(1795322778000001000), "2026-11-22T04:46:18.000001Z"},
        {INT64_C(1795322778999999999), "2026-11-22T04:46:18.999999Z"}, /* the same second, from memory */
        {INT64_C(1795322779000000000), "2026-11-22T04:46:19.000000Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224Z"},
    };
    struct fixture *x = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct record *r = record_new(KIND_stats, &x->limits);
        record_time(r, F_all_ts, cases[i].ns);
        struct json_object *o = line(x, r);
        assert_string_equal(text_of(o, "ts"), cases[i].text);
        json_object_put(o);
    }
}

static void escapes(void **state)
{
    struct fixture *x = *state;
    for (unsigned c = 0; c < 0x80; c++) {
        char octet = (char)c, wanted[128], shown[8] = {octet};
        if (c < 0x20 || c == 0x7f)
            snprintf(shown, sizeof shown, "\\u%04X", c);
        if (c == '"' || c == '\\')
            snprintf(shown, sizeof shown, "\\%c", octet);
        snprintf(wanted, sizeof wanted, "{\"v\":1,\"type\":\"message\",\"subject\":\"a%sb\"}\n", shown);
        struct record *r = record_new(KIND_message, &x->limits);
        char text[] = {'a', octet, 'b'};
        record_text(r, F_message_subject, bytes_of(text, sizeof text));
        assert_line(x, r, wanted);
    }
}

#define FFFD "\xef\xbf\xbd"

/* What Unicode 15.0, table 3-8 and section 3.9, makes of broken text; "" where it is not broken. */
static const struct {
    const char *octets, *mended;
} broken[] = {
    {"gr\xc3\xbc\xc3\x9f dich", ""},
    {"\xf0\x9f\x93\xa7", ""},
    {"\xed\x9f\xbf\xee\x80\x80", ""}, /* around the surrogates */
    {"\xf4\x8f\xbf\xbf", ""},
    {"\xc2\x80\xdf\xbf\xe0\xa0\x80\xf0\x90\x80\x80", ""}, /* the shortest forms */
    {"\x80", FFFD},
    {"\xff\xfe", FFFD FFFD},
    {"\xc0\xaf", FFFD FFFD},                   /* overlong */
    {"\xe0\x80\xaf", FFFD FFFD FFFD},          /* overlong */
    {"\xf0\x80\x80\x80", FFFD FFFD FFFD FFFD}, /* overlong */
    {"\xed\xa0\x80", FFFD FFFD FFFD},          /* surrogate */
    {"\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD}, /* beyond U+10FFFF */
    {"\xf5\x80", FFFD FFFD},
    {"caf\xe9 x", "caf" FFFD " x"}, /* Latin-1 */
    {"\xe2\x82", FFFD},             /* cut: one subpart */
    {"\xf0\x9f\x93", FFFD},
    {"\xe2\x82\x41", FFFD "A"},
    {"\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64", "a" FFFD FFFD FFFD "b" FFFD "c" FFFD FFFD "d"},
};

static void utf8(void **state)
{
    struct fixture *x = *state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct record *r = record_new(KIND_message, &x->limits);
        record_text(r, F_message_subject, bytes_of_string(broken[i].octets));
        struct json_object *o = line(x, r), *lossy;
        bool whole = !*broken[i].mended;
        assert_string_equal(text_of(o, "subject"), whole ? broken[i].octets : broken[i].mended);
        assert_int_equal(json_object_object_get_ex(o, "lossy", &lossy), !whole);
        if (!whole)
            assert_string_equal(json_object_to_json_string_ext(lossy, JSON_C_TO_STRING_PLAIN), "[\"subject\"]");
        json_object_put(o);
    }
}

/* Every code point is what it should be, and nothing else is. */
static void every_character(void **state)
{
    (void)state;
    for (uint32_t c = 0x80; c < 0x110000; c++) {
        uint8_t text[4];
        size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        uint32_t rest = c, got;
        for (size_t i = len - 1; i; i--, rest >>= 6)
            text[i] = (uint8_t)(0x80 | (rest & 0x3f));
        text[0] = (uint8_t)((0xf00u >> len) | rest);
        size_t n = utf8_read(bytes_of(text, len), &got);
        if (c >= 0xd800 && c < 0xe000) {
            assert_int_equal(got, UTF8_BAD);
            assert_int_equal(n, 1);
        } else if (got != c || n != len) {
            fail_msg("U+%04X is read as %x", (unsigned)c, (unsigned)got);
        }
    }
}

/* `lossy` names every field once, by its path, in the envelope; `truncated` stands behind it. */
static void lossy_and_truncated(void **state)
{
    struct fixture *x = *state;
    char text[100];
    memset(text, 'x', sizeof text);
    x->limits.text = 64;
    struct record *r = record_new(KIND_session, &x->limits);
    record_word(r, F_session_close, "fin");
    record_text(r, F_session_caps, BYTES("\xff"));
    record_text(r, F_session_caps, BYTES("\xff"));
    record_begin(r, F_session_commands);
    record_text(r, F_command_verb, BYTES("X"));
    record_text(r, F_command_arg, BYTES("\xfe"));
    record_text(r, F_command_text, bytes_of(text, sizeof text));
    record_end(r);
    record_text(r, F_all_iface, BYTES("\xfd"));
    record_count(r, F_session_verbs, BYTES("\xfc"), 1);
    text[64] = 0;
    char wanted[600];
    snprintf(wanted, sizeof wanted,
             "{\"v\":1,\"type\":\"session\",\"iface\":\"" FFFD
             "\",\"lossy\":[\"iface\",\"caps\",\"verbs\",\"commands.arg\"],"
             "\"truncated\":[\"commands.text\"],\"close\":\"fin\",\"caps\":[\"" FFFD "\",\"" FFFD "\"],\"commands\":[{"
             "\"verb\":\"X\",\"arg\":\"" FFFD "\",\"text\":\"%s\"}],\"verbs\":{\"" FFFD "\":1}}\n",
             text);
    assert_line(x, r, wanted);
    r = record_new(KIND_session, &x->limits); /* nothing is left over for the next record */
    record_text(r, F_session_helo, BYTES("h"));
    assert_line(x, r, "{\"v\":1,\"type\":\"session\",\"helo\":\"h\"}\n");
}

/* A line that does not fit is left out whole; what was there before stays. */
static void no_room(void **state)
{
    struct fixture *x = *state;
    struct record *r = record_new(KIND_message, &x->limits);
    record_text(r, F_message_subject, BYTES("0123456789\xff"));
    buf_reset(&x->out);
    format_json.record(x->format, r, &x->out);
    size_t whole = x->out.len;
    for (size_t max = 4; max < whole + 8; max++) {
        struct buf out;
        buf_init(&out, max);
        buf_add_string(&out, "[1]\n");
        format_json.record(x->format, r, &out);
        bool fits = max >= whole + 4;
        assert_int_equal(out.len, fits ? whole + 4 : 4);
        assert_int_equal(out.cut, !fits);
        assert_memory_equal(out.data, "[1]\n", 4);
        buf_release(&out);
    }
    record_free(r);
}

/* Many recipients, in order. */
static void large(void **state)
{
    struct fixture *x = *state;
    struct record *r = record_new(KIND_message, &x->limits);
    for (int i = 0; i < 3000; i++) {
        char text[32];
        snprintf(text, sizeof text, "u%d@example.org", i);
        record_begin(r, F_message_rcpt);
        record_text(r, F_rcpt_addr, bytes_of_string(text));
        record_word(r, F_rcpt_verdict, "accepted");
        record_end(r);
        if (i < 200)
            record_text(r, F_message_to, bytes_of_string(text));
    }
    struct json_object *o = line(x, r), *rcpt, *to;
    assert_true(json_object_object_get_ex(o, "rcpt", &rcpt) && json_object_object_get_ex(o, "to", &to));
    assert_int_equal(json_object_array_length(rcpt), 3000);
    assert_int_equal(json_object_array_length(to), 200);
    assert_string_equal(text_of(json_object_array_get_idx(rcpt, 2999), "addr"), "u2999@example.org");
    assert_string_equal(json_object_get_string(json_object_array_get_idx(to, 199)), "u199@example.org");
    json_object_put(o);
}

/* A group of any size, in any order, with one inside that may be too large to be written at once: the same line. */
static void check_groups(struct fixture *x, unsigned flags, unsigned files, size_t name)
{
    struct record *r = record_new(KIND_message, &x->limits);
    struct buf wanted, text;
    buf_init(&wanted, 1 << 20);
    buf_init(&text, 1 << 20);
    while (text.len < name)
        buf_add_byte(&text, (uint8_t)('a' + text.len % 26));
    record_begin(r, F_message_parts);
    record_word(r, F_part_magic, "zip");
    for (unsigned i = 0; i < files; i++) {
        record_begin(r, F_part_archive);
        record_number(r, F_archived_size, i);
        record_text(r, F_archived_name, BYTES("old"));
        record_flag(r, F_archived_encrypted);
        record_text(r, F_archived_name, BYTES("a\"b"));
        record_end(r);
    }
    for (unsigned i = 0; i < flags; i++)
        record_word(r, F_part_flags, i % 2 ? "odd" : "even");
    record_text(r, F_part_name, buf_bytes(&text));
    record_word(r, F_part_path, "1.2");
    record_end(r);
    buf_printf(&wanted, "{\"v\":1,\"type\":\"message\",\"parts\":[{\"path\":\"1.2\",\"name\":\"");
    buf_add(&wanted, buf_bytes(&text));
    buf_add_string(&wanted, "\",\"magic\":\"zip\"");
    for (unsigned i = 0; i < flags; i++)
        buf_printf(&wanted, "%s\"%s\"", i ? "," : ",\"flags\":[", i % 2 ? "odd" : "even");
    buf_add_string(&wanted, flags ? "]" : "");
    for (unsigned i = 0; i < files; i++)
        buf_printf(&wanted, "%s{\"name\":\"a\\\"b\",\"size\":%u,\"encrypted\":true}", i ? "," : ",\"archive\":[", i);
    buf_printf(&wanted, "%s}]}\n%c", files ? "]" : "", 0);
    assert_line(x, r, (const char *)wanted.data);
    buf_release(&wanted);
    buf_release(&text);
}

static void groups(void **state)
{
    static const unsigned counts[] = {0, 1, 2, 30, 60, 61, 62, 63, 64, 65, 200};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
            check_groups(*state, counts[i], counts[k], i * k);
    struct fixture *x = *state;
    x->limits.text = 5000;
    for (size_t name = 3800; name < 4200; name += 7)
        check_groups(*state, 2, 2, name);
}

/* The schema is JSON, and has every field with its type. */
static void schema(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 1 << 16);
    schema_write(&out);
    assert_false(out.cut);
    buf_add_byte(&out, 0);
    struct json_object *o = json_tokener_parse((const char *)out.data), *defs, *scope, *properties, *property;
    assert_non_null(o);
    assert_true(json_object_object_get_ex(o, "$defs", &defs));
    for (unsigned f = 0; f < FIELD_COUNT; f++) {
        const struct field_info *info = &field_infos[f];
        scope = o;
        if (info->scope != SCOPE_all)
            assert_true(json_object_object_get_ex(defs, scope_name(info->scope), &scope));
        assert_true(json_object_object_get_ex(scope, "properties", &properties));
        assert_true(json_object_object_get_ex(properties, info->name, &property));
        assert_string_equal(text_of(property, "description"), info->doc);
        if (info->type == NUMBER && f != F_all_v)
            assert_string_equal(text_of(property, "type"), "integer");
        if (info->type == TEXTS || info->type == GROUPS)
            assert_string_equal(text_of(property, "type"), "array");
    }
    json_object_put(o);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(order, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_and_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(times, setup, teardown),
        cmocka_unit_test_setup_teardown(escapes, setup, teardown),
        cmocka_unit_test_setup_teardown(utf8, setup, teardown),
        cmocka_unit_test_setup_teardown(lossy_and_truncated, setup, teardown),
        cmocka_unit_test_setup_teardown(no_room, setup, teardown),
        cmocka_unit_test_setup_teardown(large, setup, teardown),
        cmocka_unit_test_setup_teardown(groups, setup, teardown),
        cmocka_unit_test(every_character),
        cmocka_unit_test(schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
