/* Reports: what each kind says, cut anywhere, broken, endless. */
#include "mail/report.h"

#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void describe(const struct record *r, char *text, size_t size)
{
    struct entry e;
    size_t n = 0;
    text[0] = '\0';
    for (size_t at = 0; record_next(r, &at, &e);) {
        if (e.end || e.field == F_message_report)
            continue;
        if (e.field == F_report_recipients)
            n += (size_t)snprintf(text + n, size - n, "recipients=%llu|", (unsigned long long)e.number);
        else
            n += (size_t)snprintf(text + n, size - n, "%s=%.*s|", field_infos[e.field].name, (int)e.text.len,
                                  (const char *)e.text.data);
        assert_true(n < size);
    }
}

/* In two pieces, cut at every place. */
static void check(const char *subtype, const char *part, const char *wanted)
{
    struct limits limits;
    limits_init(&limits);
    size_t len = strlen(part);
    for (size_t cut = 0; cut <= len; cut++) {
        struct report *r = report_new(&limits, subtype);
        struct record *message = record_new(KIND_message, &limits);
        char said[1024];
        assert_non_null(r);
        for (int piece = 0; piece < 2; piece++) {
            size_t n = piece ? len - cut : cut;
            uint8_t *copy = malloc(n ? n : 1);
            assert_non_null(copy);
            memcpy(copy, part + (piece ? cut : 0), n);
            report_push(r, bytes_of(copy, n));
            free(copy);
        }
        assert_true(report_held(r) > 0);
        report_finish(r, message, true);
        describe(message, said, sizeof said);
        assert_string_equal(said, wanted);
        report_free(r);
        record_free(message);
    }
}

static void kinds(void **state)
{
    (void)state;
    check("delivery-status",
          "Reporting-MTA: dns; mx.example.org\r\nArrival-Date: x\r\n\r\n"
          "Original-Recipient: rfc822;a@b.example\r\nFinal-Recipient: rfc822; c@b.example\r\nAction: failed\r\n"
          "Status: 5.1.1 (bad address)\r\nRemote-MTA: dns; mail.b.example\r\n"
          "Diagnostic-Code: smtp; 550 5.1.1 <c@b.example>:\r\n\tno such user\r\n\r\n"
          "Final-Recipient: rfc822; second@b.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\n\r\n",
          "kind=dsn|reporting_mta=mx.example.org|original_recipient=a@b.example|final_recipient=c@b.example|"
          "action=failed|status=5.1.1|remote_mta=mail.b.example|"
          "diagnostic=550 5.1.1 <c@b.example>:\tno such user|recipients=2|");
    check("disposition-notification",
          "Reporting-UA: x\nFinal-Recipient: rfc822;a@b.example\nOriginal-Message-ID: <1@x>\n"
          "Disposition: manual-action/MDN-sent-manually; displayed/error\nError: no idea\n",
          "kind=mdn|final_recipient=a@b.example|original_message_id=<1@x>|action=displayed|diagnostic=no idea|");
    check("feedback-report",
          "Feedback-Type: abuse\r\nUser-Agent: x\r\nVersion: 1\r\nOriginal-Rcpt-To: <a@b.example>\r\n"
          "Original-Rcpt-To: <c@b.example>\r\nSource-IP: 192.0.2.1\r\nReported-Domain: d.example\r\n\r\n",
          "kind=arf|action=abuse|original_recipient=<a@b.example>|source_ip=192.0.2.1|reported_domain=d.example|"
          "recipients=2|");
    check("global-delivery-status", "Final-Recipient: utf-8; \xc3\xa9@b.example\nAction: failed\n\n",
          "kind=dsn|final_recipient=\xc3\xa9@b.example|action=failed|recipients=1|");
}

static void broken(void **state)
{
    (void)state;
    struct limits limits;
    limits_init(&limits);
    assert_null(report_new(&limits, NULL));
    assert_null(report_new(&limits, "rfc822"));
    assert_null(report_new(&limits, "global-"));
    check("delivery-status", "", "kind=dsn|");
    check("delivery-status", "\n\n\nStatus: 5.1\n\nStatus: 9.1.1\n\nStatus: 5.1.2345\n", "kind=dsn|recipients=3|");
    check("delivery-status", "Action: failed\nno field\nStatus: 5.1.1\n\n", "kind=dsn|action=failed|recipients=1|");
    check("delivery-status", "Final-Recipient: a@b\nFinal-Recipient: rfc822;\nStatus: 5.1.1x\n",
          "kind=dsn|final_recipient=a@b|recipients=1|");
    check("disposition-notification", "Disposition: displayed\n", "kind=mdn|");
}

static void gaps(void **state)
{
    (void)state;
    struct limits limits;
    limits_init(&limits);
    struct report *r = report_new(&limits, "delivery-status");
    struct record *message = record_new(KIND_message, &limits);
    char said[256];
    report_push(r, BYTES("Reporting-MTA: dns; a\n\nAction: fai"));
    report_gap(r, 3);
    report_push(r, BYTES("led\nStatus: 4.0.0\n\nAction: delayed\n"));
    report_finish(r, message, false);
    describe(message, said, sizeof said);
    assert_string_equal(said, "kind=dsn|reporting_mta=a|status=4.0.0|recipients=1|");
    report_free(r);
    r = report_new(&limits, "feedback-report"); /* there is one already */
    report_finish(r, message, true);
    describe(message, said, sizeof said);
    assert_string_equal(said, "kind=dsn|reporting_mta=a|status=4.0.0|recipients=1|");
    report_free(r);
    record_free(message);
}

static void endless(void **state)
{
    (void)state;
    struct limits limits;
    limits_init(&limits);
    struct report *r = report_new(&limits, "delivery-status");
    struct record *message = record_new(KIND_message, &limits);
    for (int i = 0; i < 200000; i++)
        report_push(r, BYTES("Action: failed\n\n\n"));
    assert_true(report_held(r) < 4096);
    report_finish(r, message, true);
    char said[256];
    describe(message, said, sizeof said);
    assert_string_equal(said, "kind=dsn|action=failed|recipients=200000|");
    report_free(r);
    record_free(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(broken),
        cmocka_unit_test(gaps),
        cmocka_unit_test(endless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
