/* Encoded words: what stands side by side, what is broken, what is lost, and that the room given is kept. */
#include "mail/words.h"

#include "mail/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void check_bytes(struct bytes value, struct bytes wanted, bool lossy)
{
    struct buf out;
    uint8_t *copy = malloc(value.len ? value.len : 1);
    assert_non_null(copy);
    if (value.len)
        memcpy(copy, value.data, value.len);
    buf_init(&out, 4096);
    bool lost = words_decode(bytes_of(copy, value.len), &out);
    if (!bytes_equal(buf_bytes(&out), wanted))
        fail_msg("%.*s became %.*s", (int)value.len, (const char *)value.data, (int)out.len, (const char *)out.data);
    assert_int_equal(lost, lossy);
    free(copy);
    buf_release(&out);
}

static void check(const char *value, const char *wanted, bool lossy)
{
    check_bytes(bytes_of_string(value), bytes_of_string(wanted), lossy);
}

static void ordinary(void **state)
{
    (void)state;
    check("", "", false);
    check("plain = text ? =", "plain = text ? =", false);
    check("=?utf-8?q?a_b=3D=C3=A9?=", "a b=\xc3\xa9", false);
    check("=?UTF-8?B?w6k=?= x", "\xc3\xa9 x", false);
    check("a =?iso-8859-1?Q?=E9?= b", "a \xc3\xa9 b", false);
    check("=?utf-8*en?q?a?=", "a", false);
    check("=?gb2312?B?suLK1A==?=", "\xe6\xb5\x8b\xe8\xaf\x95", false);
    check("=?koi8-r?B?0NLJ18XU?=", "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", false);
    check("=?iso-2022-jp?B?GyRCR1s/LhsoQg==?=", "\xe9\x85\x8d\xe4\xbf\xa1", false);
    check("=?windows-1252?q?=80_=93x=94?=", "\xe2\x82\xac \xe2\x80\x9cx\xe2\x80\x9d", false);
    check("=?us-ascii?q?"
          "?= a",
          " a", false);
}

/* RFC 2047 section 8, and characters that senders cut in two. */
static void side_by_side(void **state)
{
    (void)state;
    check("(=?ISO-8859-1?Q?a?=)", "(a)", false);
    check("(=?ISO-8859-1?Q?a?= b)", "(a b)", false);
    check("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)", false);
    check("(=?ISO-8859-1?Q?a?=  \t =?ISO-8859-1?Q?b?=)", "(ab)", false);
    check("(=?ISO-8859-1?Q?a_b?=)", "(a b)", false);
    check("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)", false);
    check("=?utf-8?q?=E2?= =?UTF-8?q?=82=AC?=", "\xe2\x82\xac", false);
    check("=?utf-8?b?4g==?= =?UTF-8?q?=82=AC?=", "\xe2\x82\xac", false);
    check("=?utf-8?b?4oK?= =?utf-8?b?s?=", "\xe2\x82\xac", false);
    check("=?utf-8?q?a?==?utf-8?q?b?=", "ab", false);
    check("=?utf-8?q?a?=  b", "a  b", false);
}

static void broken(void **state)
{
    (void)state;
    check("=?utf-8?q?a b c?=", "a b c", false);
    check("\"=?utf-8?q?a?=\"<x@y>", "\"a\"<x@y>", false);
    check("x=?utf-8?q?a?=y", "xay", false);
    check("=?utf-8?x?a?=", "=?utf-8?x?a?=", false);
    check("=?utf-8?q?a", "=?utf-8?q?a", false);
    check("=?utf-8?q?a?", "=?utf-8?q?a?", false);
    check("=?"
          "?q?a?=",
          "=?"
          "?q?a?=",
          false);
    check("=?=?utf-8?q?a?=", "=?a", false);
    check("=?utf-8?q?=4?=", "=4", false);
    check("=?utf-8?q?=?=", "=", false);
    check("=?utf-8?b?YQ?=", "a", false);
    check("=?utf-8?b?Y!Q=?=", "a", false);
    check("=?utf-8?q?a?= =?utf-8?q?", "a =?utf-8?q?", false);
}

static void lossy(void **state)
{
    (void)state;
    check("=?x-none?q?a=E9b?=",
          "a\xff"
          "b",
          true);
    check("=?x-none?q?ab?=", "ab", false);
    check("=?../../lib?q?ab=80?=", "ab\xff", true);
    check("=?utf-8//TRANSLIT?q?=80?=", "\xff", true);
    check("=?utf-8?q?=E2=82?=x", "\xe2\x82x", true);
    check("=?euc-jp?q?=A4?=", "\xff", true);
    check("=?shift_jis?q?a=FFb?=",
          "a\xff"
          "b",
          true);
    check("raw \xe9 octet", "raw \xe9 octet", true);
    check("raw \xc3\xa9 =?utf-8?q?x?=", "raw \xc3\xa9 x", false);
    check_bytes(BYTES("a\0b =?utf-8?q?=00?="), BYTES("a\0b \0"), false);
}

/* What does not fit is not even looked at; and nothing is looked at twice. */
static void bounded(void **state)
{
    (void)state;
    struct buf value, out;
    buf_init(&value, 4000000);
    buf_init(&out, 100);
    for (int i = 0; i < 100000; i++)
        buf_add_string(&value, "=?utf-8?q?=41?= ");
    words_decode(buf_bytes(&value), &out);
    assert_int_equal(out.len, 100);
    assert_true(out.cut);
    buf_release(&out);
    buf_reset(&value);
    buf_init(&out, 4000000);
    for (int i = 0; i < 400000; i++)
        buf_add_string(&value, "=?a?q? ");
    words_decode(buf_bytes(&value), &out);
    assert_true(bytes_equal(buf_bytes(&value), buf_bytes(&out)));
    buf_release(&out);
    buf_reset(&value);
    buf_init(&out, 4000000);
    for (int i = 0; i < 50000; i++)
        buf_printf(&value, "=?euc-%s?q?=A4=A2?= ", i % 2 ? "jp" : "kr");
    assert_true(words_decode(buf_bytes(&value), &out)); /* it does not open charsets that often */
    buf_release(&out);
    buf_release(&value);
}

static void utf8(void **state)
{
    (void)state;
    assert_int_equal(utf8_valid(BYTES("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), 10);
    static const char *const wrong[] = {
        "\x80", "\xc0\xaf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(utf8_valid(bytes_of_string(wrong[i])), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary), cmocka_unit_test(side_by_side), cmocka_unit_test(broken),
        cmocka_unit_test(lossy),    cmocka_unit_test(bounded),      cmocka_unit_test(utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
