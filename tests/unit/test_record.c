/* The log of entries: what goes in comes out, and the limits hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "record/record.h"

#include <stdio.h>
#include <stdlib.h>

static struct limits limits;

static int setup(void **state)
{
    (void)state;
    limits_init(&limits);
    return 0;
}

/* The n-th entry of f at any depth; false where there is none. */
static bool nth(const struct record *r, enum field f, size_t n, struct entry *ret)
{
    for (size_t at = 0; record_next(r, &at, ret);)
        if (!ret->end && ret->field == f && !n--)
            return true;
    return false;
}

static size_t count(const struct record *r, enum field f)
{
    struct entry e;
    size_t n = 0;
    while (nth(r, f, n, &e))
        n++;
    return n;
}

static void assert_text(const struct record *r, enum field f, size_t n, const char *wanted)
{
    struct entry e;
    assert_true(nth(r, f, n, &e));
    assert_int_equal(e.text.len, strlen(wanted));
    assert_memory_equal(e.text.data, wanted, e.text.len);
}

/* Numbers of each length, with octets of zero in them, come out as they went in. */
static void numbers(void **state)
{
    struct entry e;
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++)
        for (int d = -1; d <= 1; d++) {
            uint64_t n = (UINT64_C(1) << bit) + (uint64_t)d, odd = n * UINT64_C(0x9e3779b97f4a7c15);
            struct record *r = record_new(KIND_session, &limits);
            record_number(r, F_session_bytes_c2s, n);
            record_count(r, F_session_verbs, BYTES("EHLO"), odd >> bit);
            assert_true(nth(r, F_session_bytes_c2s, 0, &e) && e.number == n);
            assert_true(nth(r, F_session_verbs, 0, &e) && e.number == odd >> bit);
            assert_text(r, F_session_verbs, 0, "EHLO");
            record_free(r);
        }
}

static void tables(void **state)
{
    char path[FIELD_PATH_SIZE];
    (void)state;
    assert_string_equal(field_infos[F_all_ts].name, "ts");
    assert_int_equal(field_infos[F_session_commands].inner, SCOPE_command);
    assert_int_equal(field_infos[F_auth_ntlm].inner, SCOPE_ntlm);
    assert_string_equal(note_infos[NOTE_bare_lf].name, "bare_lf");
    for (unsigned k = 0; k < KIND_COUNT; k++)
        assert_string_equal(kind_name((enum kind)k), scope_name(kind_scope((enum kind)k)));
    field_path(F_command_arg, path);
    assert_string_equal(path, "commands.arg");
    assert_true(field_path_is(F_command_arg, BYTES("commands.arg")));
    assert_false(field_path_is(F_command_arg, BYTES("arg")));
    assert_false(field_path_is(F_command_arg, BYTES("commands_arg")));
    assert_false(field_path_is(F_command_arg, BYTES("")));
    field_path(F_message_subject, path);
    assert_string_equal(path, "subject");
    for (unsigned f = 0; f < FIELD_COUNT; f++) { /* room for every path, and no key twice in one object */
        bool all = field_infos[f].scope == SCOPE_all;
        assert_true(strlen(field_infos[f].name) < FIELD_PATH_SIZE / 2);
        for (unsigned g = 0; g < f; g++)
            if (field_infos[g].scope == field_infos[f].scope || (all && field_infos[g].scope < SCOPE_command))
                assert_string_not_equal(field_infos[f].name, field_infos[g].name);
    }
}

static void values(void **state)
{
    struct entry e;
    (void)state;
    struct record *r = record_new(KIND_session, &limits);
    assert_int_equal(record_kind(r), KIND_session);
    assert_false(record_has(r, F_session_helo));
    record_text(r, F_session_helo, BYTES("a\0b"));
    record_word(r, F_session_close, "fin");
    record_number(r, F_session_bytes_c2s, UINT64_MAX);
    record_time(r, F_all_ts, INT64_MIN);
    record_flag(r, F_session_midstream);
    record_count(r, F_session_verbs, BYTES("EHLO"), 7);
    record_begin(r, F_session_commands);
    record_text(r, F_command_verb, BYTES("EHLO"));
    record_text(r, F_command_arg, (struct bytes){NULL, 0});
    record_end(r);
    assert_true(record_has(r, F_session_helo));
    assert_true(record_has(r, F_command_arg));

    size_t at = 0;
    assert_true(record_next(r, &at, &e) && e.field == F_session_helo && e.text.len == 3);
    assert_memory_equal(e.text.data, "a\0b", 3);
    assert_true(record_next(r, &at, &e) && e.field == F_session_close && bytes_equal(e.text, BYTES("fin")));
    assert_true(record_next(r, &at, &e) && e.field == F_session_bytes_c2s && e.number == UINT64_MAX);
    assert_true(record_next(r, &at, &e) && e.field == F_all_ts && (int64_t)e.number == INT64_MIN);
    assert_true(record_next(r, &at, &e) && e.field == F_session_midstream && e.number == 1);
    assert_true(record_next(r, &at, &e) && e.field == F_session_verbs && e.number == 7);
    assert_true(bytes_equal(e.text, BYTES("EHLO")));
    assert_true(record_next(r, &at, &e) && e.field == F_session_commands && !e.end);
    assert_true(record_next(r, &at, &e) && e.field == F_command_verb);
    assert_true(record_next(r, &at, &e) && e.field == F_command_arg && e.text.len == 0);
    assert_true(record_next(r, &at, &e) && e.end);
    assert_false(record_next(r, &at, &e));
    /* two texts of 3 octets, three numbers, a count, the group, a text of 4 and an empty one, its end */
    assert_int_equal(record_size(r), 2 * (6 + 3) + 3 * (6 + 8) + (6 + 8 + 4) + 6 + (6 + 4) + 6 + 6);
    record_free(r);
    record_free(NULL);
}

static void booleans(void **state)
{
    struct entry e;
    (void)state;
    struct record *r = record_new(KIND_auth, &limits);
    record_boolean(r, F_auth_encrypted, false);
    assert_true(nth(r, F_auth_encrypted, 0, &e) && e.number == 0);
    record_reset(r);
    assert_int_equal(record_size(r), 0);
    assert_false(record_has(r, F_auth_encrypted));
    record_flag(r, F_auth_encrypted);
    assert_true(nth(r, F_auth_encrypted, 0, &e) && e.number == 1);
    record_free(r);
}

static void long_texts(void **state)
{
    char text[300];
    struct entry e;
    (void)state;
    limits.text = 100;
    memset(text, 'x', sizeof text);
    struct record *r = record_new(KIND_message, &limits);
    record_text(r, F_message_subject, bytes_of(text, 100));
    assert_int_equal(count(r, F_all_truncated), 0);
    memcpy(text + 98, "\xe2\x82\xac", 3); /* the limit falls inside a character, which goes whole */
    record_text(r, F_message_from, bytes_of(text, 300));
    record_text(r, F_message_from, bytes_of(text, 300));
    assert_true(nth(r, F_message_from, 0, &e) && e.text.len == 98);
    assert_int_equal(count(r, F_all_truncated), 1);
    assert_text(r, F_all_truncated, 0, "from");
    memset(text, 0x80, sizeof text); /* no character anywhere: nothing to go back to */
    record_text(r, F_message_sender, bytes_of(text, 300));
    assert_true(nth(r, F_message_sender, 0, &e) && e.text.len == 100);
    record_free(r);
}

static void long_lists(void **state)
{
    (void)state;
    limits.list = 3;
    struct record *r = record_new(KIND_session, &limits);
    for (int i = 0; i < 5; i++)
        record_text(r, F_session_caps, BYTES("X"));
    assert_int_equal(count(r, F_session_caps), 3);
    assert_text(r, F_all_truncated, 0, "caps");
    for (int i = 0; i < 5; i++) { /* commands are the caller's to bound; lists inside count anew in each */
        record_begin(r, F_session_commands);
        record_text(r, F_command_verb, BYTES("NOOP"));
        for (int j = 0; j < (i == 4 ? 4 : 3); j++)
            record_text(r, F_command_more, BYTES("line"));
        if (i == 4)
            assert_int_equal(count(r, F_all_truncated), 1); /* not inside the group */
        record_end(r);
    }
    assert_int_equal(count(r, F_session_commands), 5);
    assert_int_equal(count(r, F_command_more), 15);
    assert_int_equal(count(r, F_all_truncated), 2);
    assert_text(r, F_all_truncated, 1, "commands.more");
    for (int i = 0; i < 5; i++)
        record_count(r, F_session_verbs, BYTES("V"), 1);
    assert_int_equal(count(r, F_session_verbs), 3);
    assert_text(r, F_all_truncated, 2, "verbs");
    record_free(r);
}

static void groups_left_out(void **state)
{
    (void)state;
    limits.list = 2;
    struct record *r = record_new(KIND_message, &limits);
    for (int i = 0; i < 4; i++) {
        record_begin(r, F_message_eod_odd);
        record_word(r, F_eod_odd_form, "LF.LF");
        record_number(r, F_eod_odd_at, (uint64_t)i);
        record_end(r);
    }
    record_number(r, F_message_index, 1);
    assert_int_equal(count(r, F_message_eod_odd), 2);
    assert_int_equal(count(r, F_eod_odd_at), 2);
    assert_int_equal(count(r, F_message_index), 1);
    assert_text(r, F_all_truncated, 0, "eod_odd");
    record_free(r);
}

static void drops(void **state)
{
    (void)state;
    limits.list = 2;
    limits.text = 64;
    char text[100];
    memset(text, 'y', sizeof text);
    struct record *r = record_new(KIND_session, &limits);
    record_text(r, F_session_helo, bytes_of(text, sizeof text));
    for (int i = 0; i < 3; i++)
        record_text(r, F_session_caps, BYTES("OLD"));
    record_begin(r, F_session_commands);
    record_text(r, F_command_verb, BYTES("EHLO"));
    record_text(r, F_command_arg, bytes_of(text, sizeof text));
    record_end(r);
    assert_int_equal(count(r, F_all_truncated), 3);
    record_drop(r, F_session_caps);
    assert_false(record_has(r, F_session_caps));
    assert_int_equal(count(r, F_session_caps), 0);
    assert_int_equal(count(r, F_all_truncated), 2);
    record_text(r, F_session_caps, BYTES("NEW"));
    record_text(r, F_session_caps, BYTES("NEW"));
    assert_int_equal(count(r, F_session_caps), 2);
    record_drop(r, F_session_commands);
    assert_int_equal(count(r, F_command_verb), 0);
    assert_false(record_has(r, F_command_verb));
    assert_int_equal(count(r, F_all_truncated), 1);
    assert_text(r, F_all_truncated, 0, "helo");
    record_drop(r, F_session_helo);
    assert_false(record_has(r, F_all_truncated));
    record_text(r, F_session_caps, BYTES("MORE"));
    assert_text(r, F_all_truncated, 0, "caps");
    record_drop(r, F_session_user); /* what is not there */
    assert_int_equal(count(r, F_session_caps), 2);
    record_free(r);
}

static void joins(void **state)
{
    (void)state;
    limits.list = 2;
    struct record *a = record_new(KIND_session, &limits), *b = record_new(KIND_session, &limits);
    for (int i = 0; i < 3; i++) {
        record_text(a, F_session_caps, BYTES("A"));
        record_text(b, F_session_caps, BYTES("B"));
        record_text(b, F_session_mailboxes, BYTES("M"));
    }
    record_begin(b, F_session_commands);
    record_text(b, F_command_verb, BYTES("NOOP"));
    record_end(b);
    record_join(a, b);
    assert_int_equal(count(a, F_session_caps), 4);
    assert_text(a, F_session_caps, 2, "B");
    assert_int_equal(count(a, F_command_verb), 1);
    assert_int_equal(count(a, F_all_truncated), 2);
    assert_text(a, F_all_truncated, 0, "caps");
    assert_text(a, F_all_truncated, 1, "mailboxes");
    assert_true(record_has(a, F_command_verb));
    assert_int_equal(count(b, F_session_caps), 2);
    record_free(a);
    record_free(b);
}

/* Grows over many doublings, and every entry is still there. */
static void growth(void **state)
{
    struct entry e;
    char text[64];
    (void)state;
    struct record *r = record_new(KIND_message, &limits);
    for (int i = 0; i < 5000; i++) {
        record_begin(r, F_message_rcpt);
        snprintf(text, sizeof text, "user%d@example.org", i);
        record_text(r, F_rcpt_addr, bytes_of_string(text));
        record_end(r);
    }
    size_t n = 0;
    for (size_t at = 0; record_next(r, &at, &e);)
        if (!e.end && e.field == F_rcpt_addr) {
            snprintf(text, sizeof text, "user%zu@example.org", n++);
            assert_true(bytes_equal(e.text, bytes_of_string(text)));
        }
    assert_int_equal(n, 5000);
    record_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(numbers, setup),         cmocka_unit_test_setup(tables, setup),
        cmocka_unit_test_setup(values, setup),          cmocka_unit_test_setup(booleans, setup),
        cmocka_unit_test_setup(long_texts, setup),      cmocka_unit_test_setup(long_lists, setup),
        cmocka_unit_test_setup(groups_left_out, setup), cmocka_unit_test_setup(drops, setup),
        cmocka_unit_test_setup(joins, setup),           cmocka_unit_test_setup(growth, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
