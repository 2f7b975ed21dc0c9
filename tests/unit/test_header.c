/* The header scanner: what it picks, and that it picks the same however the octets are cut. */
#include "mail/header.h"

#include "base/buf.h"
#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char ordinary[] = "Received: from a\r\n"
                               "\tby b; Fri, 21 Nov 1997 09:55:06 -0600\r\n"
                               "From: \"Doe, J\" <j@example.org>,\r\n x@example.org\r\n"
                               "to: a@example.net, b@example.net\r\n"
                               "CC :c@example.net\r\n"
                               "Cc: d@example.net\r\n"
                               "Subject:  =?utf-8?q?a?=\r\n  b\tc \r\n"
                               "Subject: second\r\n"
                               "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n"
                               "Message-ID: \r\n <1@example.org>\r\n"
                               "In-Reply-To: <0@example.org>\r\n"
                               "References: <a@x> <b@x>\r\n\t<c@x><d@x> e\r\n"
                               "X-Mailer: Test 1\r\n"
                               "User-Agent: Test 2\r\n"
                               "\r\n"
                               "Subject: body\r\n";

static const char ordinary_fields[] = "from=\"Doe, J\" <j@example.org>|from=x@example.org|to=a@example.net|"
                                      "to=b@example.net|cc=c@example.net|cc=d@example.net|"
                                      "subject=a  b\tc|date_raw=Fri, 21 Nov 1997 09:55:06 -0600|"
                                      "date=880127706|message_id=<1@example.org>|in_reply_to=<0@example.org>|"
                                      "references=<a@x>|references=<b@x>|references=<c@x>|references=<d@x>|"
                                      "references=e|user_agent=Test 1|"
                                      "received[from=a|by=b|ts=880127706|]header_duplicates=Cc|"
                                      "header_duplicates=Subject|";

/* What a scanner wrote: "name=value|" for each entry, times in seconds, "name[" and "]" for groups; what is noted only
   where that is asked for, alone. */
static void describe_some(const struct record *r, bool notes, char *text, size_t size)
{
    struct entry e;
    size_t n = 0;
    text[0] = '\0';
    for (size_t at = 0; record_next(r, &at, &e);) {
        if (!e.end && (e.field == F_message_noted) != notes)
            continue;
        if (e.end) {
            n += notes ? 0 : (size_t)snprintf(text + n, size - n, "]");
            continue;
        }
        const struct field_info *info = &field_infos[e.field];
        if (info->type == TIME)
            n += (size_t)snprintf(text + n, size - n, "%s=%lld|", info->name,
                                  (long long)((int64_t)e.number / 1000000000));
        else if (info->type == NUMBER)
            n += (size_t)snprintf(text + n, size - n, "%s=%llu|", info->name, (unsigned long long)e.number);
        else if (info->type == GROUP || info->type == GROUPS)
            n += (size_t)snprintf(text + n, size - n, "%s[", info->name);
        else
            n += (size_t)snprintf(text + n, size - n, "%s=%.*s|", info->name, (int)e.text.len,
                                  (const char *)e.text.data);
        assert_true(n < size);
    }
}

static void describe(const struct record *r, char *text, size_t size)
{
    describe_some(r, false, text, size);
}

/* Scans pieces that end at `cut` and `cut2`, each in an allocation of its size. */
static void scan(struct bytes content, size_t cut, size_t cut2, bool complete, char *text, size_t size, uint64_t *body)
{
    struct limits limits;
    limits_init(&limits);
    struct header_scanner *h = header_scanner_new(&limits);
    struct record *r = record_new(KIND_message, &limits);
    const size_t ends[] = {cut, cut2, content.len};
    size_t at = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct bytes piece = bytes_part(content, at, ends[i] - at);
        uint8_t *copy = malloc(piece.len ? piece.len : 1);
        assert_non_null(copy);
        if (piece.len)
            memcpy(copy, piece.data, piece.len);
        header_scanner_push(h, bytes_of(copy, piece.len));
        free(copy);
        at = ends[i];
    }
    header_scanner_finish(h, r, complete);
    *body = UINT64_MAX;
    header_scanner_body(h, body);
    describe(r, text, size);
    record_free(r);
    header_scanner_free(h);
}

/* At every split in two; `body`: UINT64_MAX where it is not known. */
static void check(const char *content, const char *fields, uint64_t body)
{
    struct bytes b = bytes_of_string(content);
    for (size_t cut = 0; cut <= b.len; cut++) {
        char text[2048];
        uint64_t got;
        scan(b, cut, cut, true, text, sizeof text, &got);
        assert_string_equal(text, fields);
        assert_true(got == body);
    }
}

static void picks(void **state)
{
    (void)state;
    check(ordinary, ordinary_fields, sizeof ordinary - 1 - strlen("Subject: body\r\n"));
}

static void three_pieces(void **state)
{
    (void)state;
    struct bytes b = bytes_of(ordinary, sizeof ordinary - 1);
    for (size_t cut = 0; cut <= b.len; cut += 3)
        for (size_t cut2 = cut; cut2 <= b.len; cut2 += 5) {
            char text[2048];
            uint64_t body;
            scan(b, cut, cut2, true, text, sizeof text, &body);
            assert_string_equal(text, ordinary_fields);
        }
}

static void line_ends(void **state)
{
    (void)state;
    check("Subject: a\n b\nTo: c@d\n\nx", "subject=a b|to=c@d|", 23);
    check("Subject: a\r\r\n b\r\r\nTo: c@d\r\r\n\r\r\nx", "subject=a b|to=c@d|", 31);
    check("Subject: a\rb\r\n\r\n", "subject=a\rb|", 16);
    check("Subject:\r\n\r\n", "subject=|", 12);
    check("Subject: a\r\n \r\n b\r\n\r\n", "subject=a  b|", 21);
}

static void ends(void **state)
{
    (void)state;
    check("", "", UINT64_MAX);
    check("\r\n", "", 2);
    check("\n", "", 1);
    check("Subject: a", "subject=a|", UINT64_MAX);
    check("Subject: a\r", "subject=a|", UINT64_MAX);
    check("Subject: a\r\n", "subject=a|", UINT64_MAX);
    check("Subject: a\r\nTo", "subject=a|", UINT64_MAX);
    check("Subject: a\r\nno header\r\nTo: b@c\r\n\r\n", "subject=a|", 12);
    check("Subject: a\r\nnone\r\nTo: b@c\r\n\r\n", "subject=a|", 12);
    check("Subject: a\r\n: none\r\n\r\n", "subject=a|", 12);
    check("Subject: a\r\n\rTo: b@c\r\n\r\n", "subject=a|", 12);
    check(" Subject: a\r\n\r\n", "", 0);
    check("Subj\xc3\xa9t: a\r\n\r\n", "", 0);
}

static void mbox(void **state)
{
    (void)state;
    check("From a@b Fri Nov 21 09:55:06 1997\nSubject: a\n\nx", "subject=a|", 46);
    check(">From a@b Fri\r\nSubject: a\r\n\r\nx", "subject=a|", 29);
    check("Subject: a\nFrom a@b Fri\nTo: b@c\n\n", "subject=a|", 11);
    check("From : a@b\n\n", "from=a@b|", 12);
    check("From \nSubject: a\n\n", "subject=a|", 18);
}

static void odd_values(void **state)
{
    (void)state;
    check("Message-ID: <a@b> (added by x)\r\n\r\n", "message_id=<a@b>|", 34);
    check("Message-ID: a@b\r\n\r\n", "message_id=a@b|", 19);
    check("Message-ID: <a@b\r\n\r\n", "message_id=<a@b|", 20);
    check("Message-ID:  \r\n\r\n", "", 17);
    check("Date: yesterday\r\n\r\n", "date_raw=yesterday|", 19);
    check("X-Subject: a\r\nSubjects: b\r\nSubjec: c\r\n\r\n", "", 40);
    check("X-A-Very-Long-Name-Of-A-Field-That-Nobody-Wants: a\r\nTo: b@c\r\n\r\n", "to=b@c|", 63);
}

static void incomplete(void **state)
{
    (void)state;
    char text[256];
    uint64_t body;
    scan(BYTES("To: a@b\r\nSubject: a\r\n"), 3, 5, false, text, sizeof text, &body);
    assert_string_equal(text, "to=a@b|"); /* the subject might go on */
    scan(BYTES("To: a@b\r\nSubject: a\r\n\r\n"), 3, 5, false, text, sizeof text, &body);
    assert_string_equal(text, "to=a@b|subject=a|");
}

/* A gap of three octets at every place: never a field that is not in the message, and everything before and behind the
   field that was cut. */
static void gaps(void **state)
{
    (void)state;
    static const char content[] = "To: a@b\r\nSubject: one\r\nMessage-ID: <1@x>\r\n\r\nbody: x\r\n";
    struct limits limits;
    limits_init(&limits);
    for (size_t at = 0; at + 3 <= sizeof content - 1; at++) {
        struct header_scanner *h = header_scanner_new(&limits);
        struct record *r = record_new(KIND_message, &limits);
        char text[256];
        uint64_t body;
        header_scanner_push(h, bytes_of(content, at));
        header_scanner_gap(h, 3);
        header_scanner_push(h, bytes_of(content + at + 3, sizeof content - 1 - at - 3));
        header_scanner_finish(h, r, true);
        describe(r, text, sizeof text);
        /* A field is whole once the next line has begun in sight; reading resumes behind the next line end in sight,
           which stand at 8, 22, 41 and 43. */
        bool has_to = strstr(text, "to=a@b|") != NULL, has_subject = strstr(text, "subject=one|") != NULL;
        bool has_id = strstr(text, "message_id=<1@x>|") != NULL;
        assert_int_equal(has_to, at >= 10);
        assert_int_equal(has_subject, at >= 24 || at + 3 <= 8);
        assert_int_equal(has_id, at >= 44 || at + 3 <= 22);
        assert_int_equal(strlen(text), 7u * has_to + 12u * has_subject + 17u * has_id);
        assert_int_equal(header_scanner_body(h, &body), at >= 44);
        if (at >= 44)
            assert_true(body == 44);
        record_free(r);
        header_scanner_free(h);
    }
}

/* What the limit leaves out is named; what is not wanted does not count. */
static void limited(void **state)
{
    (void)state;
    struct limits limits;
    limits_init(&limits);
    limits.header = 1024;
    struct header_scanner *h = header_scanner_new(&limits);
    struct record *r = record_new(KIND_message, &limits);
    header_scanner_push(h, BYTES("Received: "));
    for (int i = 0; i < 1000; i++)
        header_scanner_push(h, BYTES("xxxxxxxxxx"));
    header_scanner_push(h, BYTES("\r\nTo: a@b\r\nSubject: "));
    for (int i = 0; i < 1000; i++)
        header_scanner_push(h, BYTES("xxxxxxxxxx"));
    header_scanner_push(h, BYTES("\r\n xxx\r\nCc: d@e\r\n\r\nbody"));
    assert_true(header_scanner_done(h));
    header_scanner_gap(h, UINT64_MAX);
    header_scanner_finish(h, r, true);
    char text[256];
    uint64_t body;
    describe(r, text, sizeof text);
    assert_string_equal(text, "to=a@b|cc=d@e|truncated=subject|truncated=received|");
    assert_true(header_scanner_body(h, &body));
    assert_true(body == 20049);
    record_free(r);
    header_scanner_free(h);
}

/* Repeated fields cost no more than their octets. */
static void many_fields(void **state)
{
    (void)state;
    struct limits limits;
    limits_init(&limits);
    limits.header = 4000000;
    struct header_scanner *h = header_scanner_new(&limits);
    struct record *r = record_new(KIND_message, &limits);
    for (int i = 0; i < 200000; i++)
        header_scanner_push(h, BYTES("To:a\nSubject:b\n"));
    header_scanner_finish(h, r, true);
    struct entry e;
    size_t to = 0, subject = 0;
    for (size_t at = 0; record_next(r, &at, &e);) {
        to += e.field == F_message_to;
        subject += e.field == F_message_subject;
    }
    assert_int_equal(to, limits.list);
    assert_int_equal(subject, 1);
    record_free(r);
    header_scanner_free(h);
}

static void listen(void *arg, struct bytes name, struct bytes value)
{
    struct buf *heard = arg;
    buf_add(heard, name);
    buf_add_byte(heard, '=');
    buf_add(heard, value);
    buf_add_byte(heard, '|');
}

static void part_header(void **state)
{
    (void)state;
    static const char header[] = "Content-Type: text/plain;\r\n\tcharset=x\r\nTo: a@b\r\n"
                                 "content-transfer-encoding : base64 \n\r\nbody";
    static const char fields[] = "Content-Type=text/plain;\tcharset=x|content-transfer-encoding=base64|";
    struct limits limits;
    limits_init(&limits);
    for (size_t cut = 0; cut < sizeof header; cut++) {
        struct buf heard;
        buf_init(&heard, 4096);
        struct header_scanner *h = header_scanner_part_new(&limits);
        header_scanner_listen(h, listen, &heard);
        header_scanner_push(h, bytes_of(header, cut));
        header_scanner_push(h, bytes_of(header + cut, sizeof header - 1 - cut));
        assert_true(header_scanner_done(h));
        assert_int_equal(header_scanner_end(h), sizeof header - 5);
        header_scanner_finish(h, NULL, true);
        assert_true(bytes_equal(buf_bytes(&heard), bytes_of_string(fields)));
        header_scanner_free(h);
        buf_release(&heard);
    }
}

/* A value too long is told as far as it goes; one that a gap cut, or that is not ended, is not. */
static void part_limits(void **state)
{
    (void)state;
    struct limits limits;
    limits_init(&limits);
    limits.header = 1024;
    struct buf heard;
    buf_init(&heard, 4096);
    struct header_scanner *h = header_scanner_part_new(&limits);
    header_scanner_listen_to_all(h, listen, &heard);
    header_scanner_push(h, BYTES("A:"));
    for (int i = 0; i < 1023; i++)
        header_scanner_push(h, BYTES("x"));
    header_scanner_push(h, BYTES("\nB:yz\nC:z\n"));
    header_scanner_gap(h, 10);
    header_scanner_push(h, BYTES("D:a\nE:b\nF:c\n"));
    header_scanner_finish(h, NULL, false);
    assert_int_equal(heard.len, 2 + 1023 + 1 + 4 + 3);
    assert_memory_equal(heard.data + 2 + 1023, "|B=y|E=|", 8);
    header_scanner_free(h);
    buf_release(&heard);
}

static void oddities(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t len;
        const char *notes;
    } cases[] = {
#define CASE(text, notes) {text, sizeof(text) - 1, notes}
        CASE("From: a@b\r\n\r\n", ""),
        CASE("From: a@b\r\n", ""),
        CASE("\r\n", "noted=header_no_from|"),
        CASE("", "noted=header_no_from|"),
        CASE("From: a\nFrom: b\n\n", "noted=header_two_from|"),
        CASE("From: a\nnot a field\n\n", "noted=header_no_colon|"),
        CASE("From: a\n\rx", "noted=header_no_colon|"),
        CASE("From: \xc3\xa9\n\n\xff", "noted=header_8bit|"),
        CASE("From: a\nX: 0123456789\xe9\n\n", "noted=header_8bit|"),
        CASE("From: a\n\nX: \xe9\0\n\n", ""),
        CASE("From: a\nX: 0123456789\0abc\n\n", "noted=header_nul|"),
        CASE("From: a\nX: \0\n\n", "noted=header_nul|"),
        CASE("From: a\nReceived: by a; Thu, 1 Jan 1970 00:00:00 +0000\nReceived: by b; Thu, 1 Jan 1970 00:00:01 "
             "+0000\n\n",
             "noted=received_clock|"),
    };
    struct limits limits;
    limits_init(&limits);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t cut = 0; cut <= cases[i].len; cut++) {
            struct header_scanner *h = header_scanner_new(&limits);
            struct record *r = record_new(KIND_message, &limits);
            char text[256];
            header_scanner_push(h, bytes_of(cases[i].header, cut));
            header_scanner_push(h, bytes_of(cases[i].header + cut, cases[i].len - cut));
            header_scanner_finish(h, r, true);
            describe_some(r, true, text, sizeof text);
            assert_string_equal(text, cases[i].notes);
            header_scanner_free(h);
            record_free(r);
        }
}

/* Between hops that a gap parts there may have been others; what comes behind it may be no header any more. */
static void gap_between(void **state)
{
    (void)state;
    struct limits limits;
    limits_init(&limits);
    struct header_scanner *h = header_scanner_new(&limits);
    struct record *r = record_new(KIND_message, &limits);
    char text[512];
    header_scanner_push(h, BYTES("From: a\r\nReceived: by c; Thu, 1 Jan 1970 00:00:09 +0000\r\n"
                                 "Received: by b; Thu, 1 Jan 1970 00:00:07 +0000\r\nX: "));
    header_scanner_gap(h, 10);
    header_scanner_push(h, BYTES("\r\nFrom: \xe9\r\nReceived: by a; Thu, 1 Jan 1970 00:00:01 +0000\r\nno field\r\n"));
    header_scanner_finish(h, r, true);
    describe(r, text, sizeof text);
    assert_string_equal(text, "from=a|received[by=c|ts=9|delay_us=2000000|]from=\xe9|received[by=b|ts=7|]"
                              "received[by=a|ts=1|]");
    describe_some(r, true, text, sizeof text);
    assert_string_equal(text, "");
    header_scanner_free(h);
    record_free(r);
}

/* A line of 998 octets is the longest there may be, whatever ends it. */
static void long_lines(void **state)
{
    (void)state;
    struct limits limits;
    limits_init(&limits);
    for (size_t len = 996; len < 1001; len++) {
        struct header_scanner *h = header_scanner_new(&limits);
        struct record *r = record_new(KIND_message, &limits);
        char text[256];
        header_scanner_push(h, BYTES("From: a\r\nX:"));
        for (size_t i = 2; i < len; i++)
            header_scanner_push(h, BYTES("x"));
        header_scanner_push(h, BYTES("\r\n\r\n"));
        header_scanner_finish(h, r, true);
        describe_some(r, true, text, sizeof text);
        assert_string_equal(text, len > 998 ? "noted=header_long_line|" : "");
        header_scanner_free(h);
        record_free(r);
    }
}

/* Fields without end: bounded, in no time, and what stands behind them is still found. */
static void endless(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "Received: from a (b [192.0.2.1]) by c with ESMTP id x; Thu, 1 Jan 1970 00:00:00 +0000\r\n",
        "Authentication-Results: a; spf=pass smtp.mailfrom=a@b; dkim=pass header.d=x\r\n",
        "DKIM-Signature: d=a; s=b; a=c\r\n",
        "ARC-Seal: i=1; cv=none\r\n",
        "X-Else: =?utf-8?q?x?=\r\n",
        "Content-Type: a/b\r\n",
    };
    struct limits limits;
    limits_init(&limits);
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        struct header_scanner *h = header_scanner_new(&limits);
        struct record *r = record_new(KIND_message, &limits);
        for (int i = 0; i < 100000; i++)
            header_scanner_push(h, bytes_of_string(fields[f]));
        header_scanner_push(h, BYTES("Subject: "));
        for (int i = 0; i < 65536 / 16; i++)
            header_scanner_push(h, BYTES("=?utf-8?q?=41?= "));
        header_scanner_push(h, BYTES("\r\n\r\n"));
        assert_true(header_scanner_held(h) < 1500000);
        header_scanner_finish(h, r, true);
        assert_int_equal(record_find(r, F_message_subject).len, limits.text);
        assert_true(record_size(r) < 200000);
        header_scanner_free(h);
        record_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks),       cmocka_unit_test(three_pieces), cmocka_unit_test(line_ends),
        cmocka_unit_test(ends),        cmocka_unit_test(mbox),         cmocka_unit_test(odd_values),
        cmocka_unit_test(incomplete),  cmocka_unit_test(gaps),         cmocka_unit_test(limited),
        cmocka_unit_test(many_fields), cmocka_unit_test(part_header),  cmocka_unit_test(oddities),
        cmocka_unit_test(gap_between), cmocka_unit_test(long_lines),   cmocka_unit_test(endless),
        cmocka_unit_test(part_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
