/* Mailbox names: the examples of RFC 3501 section 5.1.3, and names that are not valid. */
#include "mail/mutf7.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void check(const char *name, const char *expected)
{
    struct buf out;
    buf_init(&out, 256);
    buf_add_string(&out, "x");
    assert_int_equal(mutf7_decode(bytes_of_string(name), &out), expected != NULL);
    const char *text = expected ? expected : name;
    assert_int_equal(out.len, strlen(text) + 1);
    assert_memory_equal(out.data + 1, text, strlen(text));
    buf_release(&out);
}

static void valid(void **state)
{
    (void)state;
    check("", "");
    check("INBOX/a b", "INBOX/a b");
    check("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e");
    check("Entw&APw-rfe", "Entw\u00fcrfe");
    check("a &- b&-", "a & b&");
    check("&2D3eAA-", "\U0001f600");
}

static void invalid(void **state)
{
    (void)state;
    check("a&", NULL);
    check("a&U,BTFw", NULL);
    check("&AGE-", NULL);    /* "a" has to stand for itself */
    check("&2D0-", NULL);    /* half a pair */
    check("&3gA-", NULL);    /* the other half */
    check("&2D0AYQ-", NULL); /* half a pair, then something else */
    check("&A-", NULL);
    check("&AP-", NULL);
    check("&AP0A-", NULL); /* six bits too many */
    check("&AAA-", NULL);  /* NUL */
    check("&AP1-", NULL);  /* left-over bits that are not zero */
    check("&U/BT-", NULL);
    check("Entw\xc3\xbcrfe", NULL);
    check("a\tb", NULL);
}

static void bounded(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4);
    mutf7_decode(BYTES("abc&APw-d"), &out);
    assert_true(out.len <= 4);
    assert_true(out.cut);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid),
        cmocka_unit_test(invalid),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
