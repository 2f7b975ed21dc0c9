/* Paths of MAIL and RCPT in the forms relays are probed with, and address lists. */
#include "mail/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_text(struct bytes got, const char *expected)
{
    char text[512];
    assert_true(got.len < sizeof text);
    if (got.len)
        memcpy(text, got.data, got.len);
    text[got.len] = '\0';
    assert_string_equal(text, expected);
}

static void check(const char *arg, const char *mailbox, const char *parameters, enum path_form form, bool odd)
{
    /* An allocation of the exact size, so that a step beyond it is seen. */
    size_t len = strlen(arg);
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, arg, len);
    struct path path;
    path_parse(bytes_of(copy, len), &path);
    assert_text(path.mailbox, mailbox);
    assert_text(path.parameters, parameters);
    assert_int_equal(path.form, form);
    assert_int_equal(path.odd, odd);
    free(copy);
}

static void regular(void **state)
{
    (void)state;
    check("<a@example.org>", "a@example.org", "", PATH_PLAIN, false);
    check("<>", "", "", PATH_PLAIN, false);
    check("<> SIZE=10 BODY=8BITMIME", "", "SIZE=10 BODY=8BITMIME", PATH_PLAIN, false);
    check("<a@example.org> SIZE=10 ", "a@example.org", "SIZE=10", PATH_PLAIN, false);
    check("<Postmaster>", "Postmaster", "", PATH_PLAIN, false);
    check("<a@[192.0.2.1]>", "a@[192.0.2.1]", "", PATH_LITERAL, false);
    check("<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", "", PATH_LITERAL, false);
    check("<\"a b\"@example.org> X", "\"a b\"@example.org", "X", PATH_QUOTED, false);
    check("<\"a>b\"@example.org>", "\"a>b\"@example.org", "", PATH_QUOTED, false);
    check("<\"a\\\">b@c\"@example.org>", "\"a\\\">b@c\"@example.org", "", PATH_QUOTED, false);
}

static void relay_forms(void **state)
{
    (void)state;
    check("<u%dom@[192.0.2.1]>", "u%dom@[192.0.2.1]", "", PATH_PERCENT, false);
    check("<u%dom>", "u%dom", "", PATH_PERCENT, true);
    check("<\"u@dom\">", "\"u@dom\"", "", PATH_QUOTED, true);
    check("<\"u%dom\">", "\"u%dom\"", "", PATH_QUOTED, true);
    check("<u@dom@[192.0.2.1]>", "u@dom@[192.0.2.1]", "", PATH_MULTI_AT, false);
    check("<\"u@dom\"@[192.0.2.1]>", "\"u@dom\"@[192.0.2.1]", "", PATH_QUOTED, false);
    check("<u@dom@srv>", "u@dom@srv", "", PATH_MULTI_AT, false);
    check("<@[192.0.2.1]:u@dom>", "@[192.0.2.1]:u@dom", "", PATH_SOURCE_ROUTE, false);
    check("<@[IPv6:::1]:u@dom>", "@[IPv6:::1]:u@dom", "", PATH_SOURCE_ROUTE, false);
    check("<@a,@b:u@dom>", "@a,@b:u@dom", "", PATH_SOURCE_ROUTE, false);
    check("<dom!u>", "dom!u", "", PATH_BANG, true);
    check("<dom!u@srv>", "dom!u@srv", "", PATH_BANG, false);
}

static void odd(void **state)
{
    (void)state;
    check("", "", "", PATH_PLAIN, true);
    check("   ", "", "", PATH_PLAIN, true);
    check(" <a@b>", "a@b", "", PATH_PLAIN, true);
    check("a@b", "a@b", "", PATH_PLAIN, true);
    check("a@b SIZE=1", "a@b", "SIZE=1", PATH_PLAIN, true);
    check("\"a b\"@c SIZE=1", "\"a b\"@c", "SIZE=1", PATH_QUOTED, true);
    check("<a@b", "a@b", "", PATH_PLAIN, true);
    check("<a@b SIZE=1", "a@b", "SIZE=1", PATH_PLAIN, true);
    check("<a@b>SIZE=1", "a@b", "SIZE=1", PATH_PLAIN, true);
    check("<<a@b>>", "<a@b", ">", PATH_PLAIN, true);
    check("< a@b >", " a@b ", "", PATH_PLAIN, true);
    check("<a\"b@c> X", "a\"b@c", "X", PATH_QUOTED, false);
    check("<a@", "a@", "", PATH_PLAIN, true);
    check("<", "", "", PATH_PLAIN, true);
    check("<a@[>", "a@[", "", PATH_LITERAL, false);
    check("\"\\", "\"\\", "", PATH_QUOTED, true);
}

static void names(void **state)
{
    (void)state;
    assert_null(path_form_name(PATH_PLAIN));
    assert_string_equal(path_form_name(PATH_MULTI_AT), "multi_at");
    assert_string_equal(path_form_name(PATH_SOURCE_ROUTE), "source_route");
}

static void check_list(const char *list, const char *const *expected)
{
    struct bytes rest = bytes_of_string(list), item;
    while (address_next(&rest, &item)) {
        assert_non_null(*expected);
        assert_text(item, *expected++);
    }
    assert_null(*expected);
}

static void lists(void **state)
{
    (void)state;
    check_list("", (const char *const[]){NULL});
    check_list(" , ,, ", (const char *const[]){NULL});
    check_list("a@b", (const char *const[]){"a@b", NULL});
    check_list("a@b , C D <c@d>,", (const char *const[]){"a@b", "C D <c@d>", NULL});
    check_list("\"A, B\" <a@b>, x (y, (z, \\) w)) <c@d>",
               (const char *const[]){"\"A, B\" <a@b>", "x (y, (z, \\) w)) <c@d>", NULL});
    check_list("<@a,@b:c@d>, e@[f,g]", (const char *const[]){"<@a,@b:c@d>", "e@[f,g]", NULL});
    check_list("undisclosed-recipients:;", (const char *const[]){"undisclosed-recipients:;", NULL});
    check_list("\"a\\\",b\"@c,d", (const char *const[]){"\"a\\\",b\"@c", "d", NULL});
    check_list("\"open, a", (const char *const[]){"\"open, a", NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regular), cmocka_unit_test(relay_forms), cmocka_unit_test(odd),
        cmocka_unit_test(names),   cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
