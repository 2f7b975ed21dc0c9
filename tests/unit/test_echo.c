/* Repetitions of secrets are found wherever they stand, and only they. */
#include "mail/echo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void nothing_remembered(void **state)
{
    (void)state;
    struct echo e;
    echo_init(&e);
    uint8_t text[ECHO_TEXT_MOST + 1] = {0};
    assert_false(echo_found(&e, bytes_of(text, sizeof text)));
    echo_add(&e, BYTES("ab")); /* too short to mean anything */
    echo_add(&e, BYTES(""));
    assert_false(echo_found(&e, BYTES("ab")));
    echo_release(&e);
}

static void found_at_every_place(void **state)
{
    (void)state;
    struct echo e;
    echo_init(&e);
    echo_add(&e, BYTES("s3cret"));
    echo_add(&e, BYTES("abc"));
    assert_true(echo_found(&e, BYTES("s3cret")));
    for (size_t at = 0; at < 50; at++) {
        char text[64];
        memset(text, 's', sizeof text);
        assert_false(echo_found(&e, bytes_of(text, sizeof text)));
        memcpy(text + at, "s3cret", 6);
        assert_true(echo_found(&e, bytes_of(text, sizeof text)));
        assert_true(echo_found(&e, bytes_of(text, at + 6)));
        assert_false(echo_found(&e, bytes_of(text, at + 5)));
        assert_false(echo_found(&e, bytes_of(text + at + 1, sizeof text - at - 1)));
    }
    assert_true(echo_found(&e, BYTES("xxabcxx")));
    assert_false(echo_found(&e, BYTES("ab c S3CRET s3cre t")));
    assert_false(echo_found(&e, BYTES("")));
    echo_release(&e);
    assert_false(echo_found(&e, BYTES("s3cret")));
    echo_release(&e);
}

static void beginnings(void **state)
{
    (void)state;
    struct echo e;
    echo_init(&e);
    echo_add(&e, BYTES("elevenwords"));
    assert_false(echo_found(&e, BYTES("elevenword...")));
    echo_add(&e, BYTES("correct-horse"));
    assert_true(echo_found(&e, BYTES("cannot read correct-...")));
    assert_false(echo_found(&e, BYTES("corre")));
    assert_false(echo_found(&e, BYTES("rect-horse")));
    echo_release(&e);
}

static void zeros_weigh_something(void **state)
{
    (void)state;
    struct echo e;
    echo_init(&e);
    echo_add(&e, BYTES("\0\0\0x"));
    assert_false(echo_found(&e, BYTES("aaaax")));
    assert_false(echo_found(&e, BYTES("\0\0x")));
    assert_true(echo_found(&e, BYTES("\0\0\0\0x")));
    echo_release(&e);
}

static void many(void **state)
{
    (void)state;
    struct echo e;
    echo_init(&e);
    char text[32];
    for (int i = 0; i < ECHO_SECRETS; i++) {
        snprintf(text, sizeof text, "secret-%02d", i);
        echo_add(&e, bytes_of_string(text));
        echo_add(&e, bytes_of_string(text)); /* counts once */
        for (int j = 0; j < ECHO_SECRETS; j++) {
            snprintf(text, sizeof text, "a secret-%02d b", j);
            assert_int_equal(echo_found(&e, bytes_of_string(text)), j <= i);
        }
    }
    assert_false(echo_found(&e, BYTES("harmless")));
    echo_add(&e, BYTES("one more"));
    assert_true(echo_found(&e, BYTES("harmless")));
    echo_release(&e);
}

static void too_long_to_tell(void **state)
{
    (void)state;
    static uint8_t text[ECHO_TEXT_MOST + 1];
    struct echo e;
    echo_init(&e);
    memset(text, 'x', sizeof text);
    echo_add(&e, BYTES("yyy"));
    assert_false(echo_found(&e, bytes_of(text, ECHO_TEXT_MOST)));
    assert_true(echo_found(&e, bytes_of(text, ECHO_TEXT_MOST + 1)));
    echo_release(&e);
    echo_add(&e, bytes_of(text, sizeof text));
    assert_false(echo_found(&e, BYTES("zzzzzzzzzzzzzzzzzzzzzzzz")));
    assert_true(echo_found(&e, bytes_of(text, sizeof text)));
    echo_release(&e);
    echo_add(&e, bytes_of(text, ECHO_TEXT_MOST));
    assert_true(echo_found(&e, bytes_of(text, ECHO_TEXT_MOST)));
    echo_release(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_remembered),    cmocka_unit_test(beginnings), cmocka_unit_test(found_at_every_place),
        cmocka_unit_test(zeros_weigh_something), cmocka_unit_test(many),       cmocka_unit_test(too_long_to_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
