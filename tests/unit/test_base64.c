/* Base64: the vectors of RFC 4648 section 10, and what an attacker sends instead. */
#include "mail/base64.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void check(const char *in, const char *expected)
{
    struct buf out;
    buf_init(&out, 64);
    bool ok = base64_decode(bytes_of_string(in), &out);
    assert_int_equal(ok, expected != NULL);
    if (expected) {
        assert_int_equal(out.len, strlen(expected));
        assert_memory_equal(out.data ? (const char *)out.data : "", expected, out.len);
    } else {
        assert_int_equal(out.len, 0);
    }
    buf_release(&out);
}

static void vectors(void **state)
{
    (void)state;
    check("", "");
    check("Zg==", "f");
    check("Zm8=", "fo");
    check("Zm9v", "foo");
    check("Zm9vYg==", "foob");
    check("Zm9vYmE=", "fooba");
    check("Zm9vYmFy", "foobar");
    check("+/+/", "\xfb\xff\xbf");
}

static void lenient(void **state)
{
    (void)state;
    check("Zg", "f");
    check("Zg=", "f");
    check("Zm8", "fo");
    check("Zh==", "f"); /* left-over bits */
}

static void refused(void **state)
{
    (void)state;
    check("Z", NULL);
    check("Zm9vY", NULL);
    check("Zm9v=", NULL);
    check("Zg===", NULL);
    check("=", NULL);
    check("Zg==Zg==", NULL);
    check("Zm 9v", NULL);
    check("Zm9-", NULL);
    check("Zm9\xff", NULL);
    check("*", NULL);
}

static void every_octet(void **state)
{
    (void)state;
    unsigned taken = 0;
    for (unsigned c = 0; c < 256; c++) {
        uint8_t text[4] = {'A', 'A', 'A', (uint8_t)c};
        struct buf out;
        buf_init(&out, 3);
        taken += base64_decode((struct bytes){text, 4}, &out);
        buf_release(&out);
    }
    assert_int_equal(taken, 65); /* the alphabet and the padding */
}

static void appends_within_room(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4);
    buf_add_string(&out, "ab");
    assert_false(base64_decode(BYTES("Zm9v"), &out));
    assert_true(base64_decode(BYTES("Zm8="), &out));
    assert_int_equal(out.len, 4);
    assert_memory_equal(out.data, "abfo", 4);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(lenient),
        cmocka_unit_test(refused),
        cmocka_unit_test(every_octet),
        cmocka_unit_test(appends_within_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
