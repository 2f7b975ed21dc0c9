/* Dates of messages: RFC 5322 sections 3.3 and 4.3 and appendix A, and what is no date. */
#include "mail/date.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void check(const char *text, const char *expected)
{
    char got[CLOCK_TEXT_SIZE] = "";
    int64_t ns;
    if (date_parse(bytes_of_string(text), &ns))
        clock_format(ns, got);
    if (!expected)
        assert_string_equal(got, "");
    else
        assert_string_equal(got, expected);
}

static void regular(void **state)
{
    (void)state;
    check("Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06.000000Z");
    check("1 Apr 2020 00:00 +0000", "2020-04-01T00:00:00.000000Z");
    check("Thu, 13 Feb 1969 23:32:54 -0330", "1969-02-14T03:02:54.000000Z");
    check("Mon, 5 Oct 2009 11:36:07 +0530", "2009-10-05T06:06:07.000000Z");
    check("Sat,  7 Aug 1999 08:20:10 -0400", "1999-08-07T12:20:10.000000Z");
    check("fri, 01 sep 2017 15:01:38 +0000 (UTC)", "2017-09-01T15:01:38.000000Z");
    check("Sun, 29 Feb 2004 12:00:00 +0000", "2004-02-29T12:00:00.000000Z");
    check("29 Feb 2000 12:00:00 +0000", "2000-02-29T12:00:00.000000Z");
    check("31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00.000000Z");
    check("1 Jan 1970 00:00:00 -0000", "1970-01-01T00:00:00.000000Z");
    check("31 Dec 1969 23:59:59 +0000", "1969-12-31T23:59:59.000000Z");
    check("1 Jan 1900 00:00:00 +0000", "1900-01-01T00:00:00.000000Z");
}

static void obsolete(void **state)
{
    (void)state;
    check("21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06.000000Z");
    check("21 Nov 49 09:55:06 UT", "2049-11-21T09:55:06.000000Z");
    check("21 Nov 50 09:55:06 Z", "1950-11-21T09:55:06.000000Z");
    check("21 Nov 103 09:55:06 +0000", "2003-11-21T09:55:06.000000Z");
    check("Thu, 11 Nov 1999 10:07:29 CST", "1999-11-11T16:07:29.000000Z");
    check("Thu, 11 Nov 1999 10:07:29 edt", "1999-11-11T14:07:29.000000Z");
    check("Thu, 11 Nov 1999 10:07:29 A", "1999-11-11T10:07:29.000000Z");
    check("Thu, 11 Nov 1999 10:07:29 CEST", "1999-11-11T10:07:29.000000Z");
    check("Thu, 11 Nov 1999 10:07:29", "1999-11-11T10:07:29.000000Z");
    check("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "1997-11-21T15:55:06.000000Z");
    check("Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland (\\) "
          "Time))",
          "1969-02-14T03:02:00.000000Z");
}

static void refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "Fri",
        "Fri,",
        "0 Jan 2000 00:00:00 +0000",
        "32 Jan 2000 00:00:00 +0000",
        "30 Feb 2000 00:00:00 +0000",
        "29 Feb 1900 00:00:00 +0000",
        "29 Feb 2001 00:00:00 +0000",
        "31 Apr 2001 00:00:00 +0000",
        "1 Foo 2001 00:00:00 +0000",
        "1 January 2001 00:00:00 +0000",
        "1 Jan 1 00:00:00 +0000",
        "1 Jan 1899 00:00:00 +0000",
        "1 Jan 2262 00:00:00 +0000",
        "1 Jan 20011 00:00:00 +0000",
        "001 Jan 2001 00:00:00 +0000",
        "1 Jan 2001 24:00:00 +0000",
        "1 Jan 2001 23:60:00 +0000",
        "1 Jan 2001 23:00:61 +0000",
        "1 Jan 2001 23:00: +0000",
        "1 Jan 2001 23 +0000",
        "1 Jan 2001 23:00:00 +000",
        "1 Jan 2001 23:00:00 +00000",
        "1 Jan 2001 23:00:00 +0060",
        "1 Jan 2001 23:00:00 + 0000",
        "1 Jan 2001 23:00:00 +0000 what",
        "2001-01-01T23:00:00Z",
        "(((((((((",
        "(\\",
        "99999999999999999999999 Jan 2001 23:00:00 +0000",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check(texts[i], NULL);
}

/* Against the same thing computed by counting. */
static void every_day(void **state)
{
    (void)state;
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t expected = -INT64_C(25567) * 86400 * CLOCK_S; /* 1900-01-01 */
    for (int year = 1900; year <= 2261; year++)
        for (int month = 0; month < 12; month++) {
            bool leap = month == 1 && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0);
            for (int day = 1; day <= days[month] + leap; day++) {
                char text[64];
                int64_t ns;
                snprintf(text, sizeof text, "%d %s %d 00:00:00 +0000", day, names[month], year);
                assert_true(date_parse(bytes_of_string(text), &ns));
                assert_true(ns == expected);
                expected += 86400 * CLOCK_S;
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regular),
        cmocka_unit_test(obsolete),
        cmocka_unit_test(refused),
        cmocka_unit_test(every_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
