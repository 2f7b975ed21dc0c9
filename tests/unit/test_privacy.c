/* What --privacy makes of single texts. The marks of tests/privacy/privacy.py go through the whole program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "privacy.h"

#include <string.h>

static struct limits limits;

/* A message of one field, treated. */
static struct record *treat(enum privacy_level level, enum field f, struct bytes text)
{
    struct error err;
    struct privacy *p = privacy_new(level, NULL, &err);
    assert_non_null(p);
    limits_init(&limits);
    struct record *r = record_new(f == F_auth_reply ? KIND_auth : KIND_message, &limits);
    record_text(r, f, text);
    r = privacy_apply(p, r);
    privacy_free(p);
    return r;
}

#define GIVES(level, f, text, expected)                                                                                \
    do {                                                                                                               \
        struct record *r_ = treat(level, f, BYTES(text));                                                              \
        struct bytes got_ = record_find(r_, f);                                                                        \
        assert_int_equal(got_.len, strlen(expected));                                                                  \
        assert_memory_equal(got_.data ? (const char *)got_.data : "", expected, strlen(expected));                     \
        record_free(r_);                                                                                               \
    } while (0)

static void spoken(void **state)
{
    (void)state;
    GIVES(PRIVACY_DROP, F_auth_reply, "550 5.1.1 <anna@example.org>: User unknown", "550 5.1.1 * User unknown");
    GIVES(PRIVACY_DROP, F_auth_reply, "+OK hello Anna", "+OK hello *");
    GIVES(PRIVACY_DROP, F_auth_reply, "call 5551234 or +49-171-55 please", "* * or * please");
    GIVES(PRIVACY_DROP, F_auth_reply, "ok\nok \xc3\xa9 \xff", "ok\nok * *");
    GIVES(PRIVACY_DROP, F_auth_reply, "an-na no_ok ok@no", "* * *");
    GIVES(PRIVACY_DROP, F_auth_reply, "", "");
}

static void dropped(void **state)
{
    (void)state;
    GIVES(PRIVACY_DROP, F_message_subject, "ok", "");
    GIVES(PRIVACY_DROP, F_message_mail_from, "anna@example.org", "");
    GIVES(PRIVACY_DROP, F_message_params, "SIZE=60", "SIZE=60");
    GIVES(PRIVACY_DROP, F_message_params, "SIZE=anna", "");
    GIVES(PRIVACY_DROP, F_message_params, "AUTH=1@2", "");
    struct record *r = treat(PRIVACY_DROP, F_message_mail_from, BYTES(""));
    assert_true(record_has(r, F_message_mail_from)); /* the null path is a fact */
    record_free(r);
}

/* The same address however it is written, and another for another. */
static void hashed(void **state)
{
    (void)state;
    struct error err;
    struct privacy *p = privacy_new(PRIVACY_HASH, NULL, &err);
    limits_init(&limits);
    struct record *r = record_new(KIND_message, &limits);
    static const char *const same[] = {"anna@example.org", "Anna <ANNA@example.org>", "\"a <b>\" <anna@Example.ORG>",
                                       "anna@example.org (at home)", " anna@example.org "};
    for (unsigned i = 0; i < 5; i++)
        record_text(r, F_message_to, bytes_of_string(same[i]));
    record_text(r, F_message_to, BYTES("berta@example.org"));
    r = privacy_apply(p, r);
    struct entry e, first = {.text = {NULL, 0}};
    unsigned n = 0;
    for (size_t at = 0; record_next(r, &at, &e);) {
        if (e.field != F_message_to)
            continue;
        if (!n)
            first = e;
        assert_int_equal(e.text.len, strlen("h:0123456789abcdef@h:0123456789abcdef"));
        assert_int_equal(bytes_equal(e.text, first.text), n < 5);
        assert_memory_equal(e.text.data + 18, first.text.data + 18, e.text.len - 18); /* of the same domain */
        n++;
    }
    assert_int_equal(n, 6);
    record_free(r);
    privacy_free(p);
}

/* bsearch() needs them in order. */
static void known_words(void **state)
{
    (void)state;
    static const char *const words[] = {
#include "privacy_words.def"
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_true(!i || strcmp(words[i - 1], words[i]) < 0);
        assert_true(privacy_knows(bytes_of_string(words[i])));
    }
    assert_true(privacy_knows(BYTES("UNKNOWN")));
    assert_false(privacy_knows(BYTES("anna")));
    assert_false(privacy_knows(BYTES("")));
    assert_false(privacy_knows(BYTES("ok\0k")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spoken), cmocka_unit_test(dropped), cmocka_unit_test(hashed),
                                       cmocka_unit_test(known_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
