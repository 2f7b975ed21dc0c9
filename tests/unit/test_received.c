/* Hops as the servers of the world write them. */
#include "mail/received.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* from|ip|by|via|with|seconds */
static void check(const char *value, const char *wanted)
{
    struct received r;
    char said[512], when[32] = "";
    size_t len = strlen(value);
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, value, len);
    received_parse(bytes_of(copy, len), &r);
    if (r.dated)
        snprintf(when, sizeof when, "%lld", (long long)(r.when / 1000000000));
    snprintf(said, sizeof said, "%.*s|%s|%.*s|%.*s|%.*s|%s", (int)r.from.len, (const char *)r.from.data, r.ip,
             (int)r.by.len, (const char *)r.by.data, (int)r.via.len, (const char *)r.via.data, (int)r.with.len,
             (const char *)r.with.data, when);
    free(copy);
    assert_string_equal(said, wanted);
}

static void servers(void **state)
{
    (void)state;
    check("from mail.a.example (unknown [192.0.2.1])\tby b.example (Postfix) with ESMTPS id 4F"
          "\t(using TLSv1.3 with cipher X (256/256 bits))\tfor <b@b.example>; Thu,  1 Jan 1970 00:00:07 +0000 (UTC)",
          "mail.a.example|192.0.2.1|b.example||ESMTPS|7");
    check("from [192.0.2.9] (helo=[198.51.100.7]) by b.example with esmtpsa (TLS1.3) (Exim 4.96) "
          "(envelope-from <x@y>) id 1x-2; Thu, 01 Jan 1970 02:00:00 +0200",
          "[192.0.2.9]|192.0.2.9|b.example||esmtpsa|0");
    check("from [198.51.100.7] (a.example [192.0.2.9]) by b.example", "[198.51.100.7]|192.0.2.9|b.example|||");
    check("from EX1.corp (10.1.1.1) by EX2.corp (10.1.1.2) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id "
          "15.1.2; Thu, 1 Jan 1970 00:00:01 +0000",
          "EX1.corp|10.1.1.1|EX2.corp||Microsoft SMTP Server|1");
    check("from EX1.corp ([fe80::1]) by EX2.corp ([fe80::2%12]) with mapi id 15", "EX1.corp|fe80::1|EX2.corp||mapi|");
    check("by 2002:a05:6a10::1 with SMTP id x1; Thu, 01 Jan 1970 00:00:02 -0000 (PST)", "||2002:a05:6a10::1||SMTP|2");
    check("from unknown (HELO [203.0.113.5]) (192.0.2.3) by b.example with SMTP; 1 Jan 1970 00:00:03 -0000",
          "unknown|192.0.2.3|b.example||SMTP|3");
    check("(qmail 123 invoked by uid 89); 1 Jan 1970 00:00:04 -0000", "|||||4");
    check("from a.example (a.example [IPv6:2001:DB8:0::7]) by b.example via TCP with LMTP id 1",
          "a.example|2001:db8::7|b.example|TCP|LMTP|");
    check("from a (x@[192.0.2.1]:25) by b", "a|192.0.2.1|b|||");
    check("from localhost by b", "localhost||b|||");
    check("from by by b with with", "by||b||with|");
}

/* Dates beside the RFC's. */
static void dates(void **state)
{
    (void)state;
    check("by b with SMTP id 1\t1970-01-01 00:00:08.687423189 +0000 UTC", "||b||SMTP|8");
    check("by b; 1970-01-01 02:00:08.5 +0200 EET m=+1", "||b|||8");
    check("by b; Thu, 01 Jan 1970 00:00:09.517 +0000 (UTC)", "||b|||9");
    check("from a by b id 1    Thu, 1 Jan 1970 02:00:05 +0200", "a||b|||5");
    check("from a by b id 1    Thu, soon", "a||b|||");
    check("by b\r\r x\r", "||b|||");
    check("by b; 1970-13-01 00:00:08 +0000", "||b|||");
    check("by b; 1970-01-01 00:00:0", "||b|||");
    check("by b; 1970-01-01 00:00:08", "||b|||8");
    check("by b; 1970-01-01 00:00:08.", "||b|||8");
}

static void broken(void **state)
{
    (void)state;
    check("", "|||||");
    check(";", "|||||");
    check(";;;", "|||||");
    check("; Thu, 1 Jan 1970 00:00:00 +0000", "|||||0");
    check("from", "|||||");
    check("from a", "a|||||");
    check("from (192.0.2.1", "|192.0.2.1||||");
    check("from a [999.1.1.1] by b; yesterday", "a||b|||");
    check("from a (\"x;y\" ; z) by b (; c)", "a||b|||");
    check("from a by b; x; Thu, 1 Jan 1970 00:00:00 +0000", "a||b|||0");
    check("from a [1.2.3.4 by b", "a|1.2.3.4|b|||");
}

static void endless(void **state)
{
    (void)state;
    static const char *const repeated[] = {"(",          ")",  "from ", "from (", ";", "[", "by a with b ",
                                           "(1.2.3.4) ", "\"", "\\"};
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        struct buf value;
        struct received r;
        buf_init(&value, 8000000);
        buf_add_string(&value, "from ");
        for (int n = 0; n < 300000; n++)
            buf_add_string(&value, repeated[i]);
        received_parse(buf_bytes(&value), &r);
        assert_false(r.dated);
        buf_release(&value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers),
        cmocka_unit_test(dates),
        cmocka_unit_test(broken),
        cmocka_unit_test(endless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
