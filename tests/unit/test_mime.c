/* The walk through a message: its tree, the paths, where parts begin and end, in any pieces and with losses. Every case
   is read in one piece and cut in all ways. */
#include "parts_list.h"

#include "base/memory.h"
#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct limits limits;
static struct mail *plain, *hashing; /* without hashes, with */

static void same(struct mail *mail, struct bytes message, size_t step, size_t gap, size_t lost, const char *wanted)
{
    struct parts_list l;
    parts_list(mail, message, step, gap, lost, &l);
    buf_add_byte(&l.text, 0);
    assert_string_equal((const char *)l.text.data, wanted);
    parts_list_release(&l);
}

static void check(const char *message, const char *wanted)
{
    for (size_t step = 0; step < 40; step++)
        same(plain, bytes_of_string(message), step, 0, 0, wanted);
}

#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n"

static void single(void **state)
{
    (void)state;
    check("Subject: x\r\n\r\nHi.\r\n", "1 text/plain 5\n");
    check("Subject: x\r\n\r\n", "1 text/plain 0\n");
    check("Subject: x\r\n", "1 text/plain 0\n");
    check("\r\nHi.\r\n", "1 text/plain 5\n");
    check("no header at all\r\n\r\nHi.\r\n", "noted header_no_colon\n1 text/plain 25\n");
    check("Content-Type: Application/PDF\r\n\r\nx", "1 application/pdf 1\n");
    check("Content-Type: nonsense\r\n\r\nx", "1 text/plain 1\n");
    check("Content-Transfer-Encoding: base64\r\n\r\nSGVs\r\nbG8h\r\n", "1 text/plain 6\n");
    check("Content-Transfer-Encoding: quoted-printable\n\na=20=\nb=3d\n", "1 text/plain 5\n");
}

static void multipart(void **state)
{
    (void)state;
    check(MIXED "preamble\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\ntwo\r\n\r\n--b--\r\nepilogue",
          "TEXT multipart/mixed\n1 text/plain 3\n2 text/html 5\n");
    check("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n", "TEXT multipart/mixed\n1 text/plain 3\n");
    check(MIXED "--b\r\nContent-Type: text/html\r\n--b\r\n--b--\r\n",
          "TEXT multipart/mixed\n1 text/html 0\n2 text/plain 0\n");
    check(MIXED "--b\r\n\r\n--b--\r\n", "TEXT multipart/mixed\n1 text/plain 0\n");
    check(MIXED "--b\r\n\r\n\r\n--b--\r\n", "TEXT multipart/mixed\n1 text/plain 0\n");
    check(MIXED "--b\r\n\r\n\r\n\r\n--b--\r\n", "TEXT multipart/mixed\n1 text/plain 2\n");
    check(MIXED "--b \t\r\n\r\nx\r\r\n--b--  \r\n", "TEXT multipart/mixed\n1 text/plain 2\n");
    check(MIXED "--b\r\n\r\none\r\n--b-- ", "TEXT multipart/mixed\n1 text/plain 3\n");
    check(MIXED "--b--\r\n", "TEXT multipart/mixed\n");
    check(MIXED "--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\nbehind the end\r\n", "TEXT multipart/mixed\n1 text/plain 1\n");
}

static void no_delimiter(void **state)
{
    (void)state;
    check(MIXED "--b\r\n\r\nx--b\r\n --b\r\n-b\r\n--B\r\n--bb\r\n--b x\r\n--b-\r\n--\r\n-\r\r\n\r--b\r\n--b--\r\n",
          "TEXT multipart/mixed\n1 text/plain 52\n");
    check(MIXED "--b\r\n\r\n---------\r\n--- - --\r\n\n\n--b--", "TEXT multipart/mixed\n1 text/plain 22\n");
}

static void nested(void **state)
{
    (void)state;
    check(MIXED "--b\r\nContent-Type: multipart/alternative; boundary=\"b c\"\r\n\r\n"
                "--b c\r\n\r\none\r\n--b c\r\n\r\ntwo\r\n--b c--\r\n\r\n--b\r\n\r\nthree\r\n--b--\r\n",
          "TEXT multipart/mixed\n1 multipart/alternative\n1.1 text/plain 3\n1.2 text/plain 3\n2 text/plain 5\n");
    /* the outer boundary ends what is inside */
    check(
        MIXED
        "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\none\r\n--b\r\n\r\nthree\r\n--b--\r\n",
        "TEXT multipart/mixed\n1 multipart/alternative\n1.1 text/plain 3\n2 text/plain 5\nnoted mime_unclosed\n");
    /* one boundary begins with the other */
    check("Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
          "--b\r\n\r\n1\r\n--b\r\n\r\n22\r\n--b--\r\n--bb\r\n\r\n333\r\n--bb--\r\n",
          "TEXT multipart/mixed\n1 multipart/mixed\n1.1 text/plain 1\n1.2 text/plain 2\n2 text/plain 3\n");
    /* the inner one that ends as its outer one closes: the innermost counts */
    check("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; "
          "boundary=\"b--\"\r\n\r\n"
          "--b--\r\n\r\n1\r\n--b----\r\n--b--\r\n",
          "TEXT multipart/mixed\n1 multipart/mixed\n1.1 text/plain 1\n");
}

static void messages(void **state)
{
    (void)state;
    check(MIXED "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nHi\r\n--b--\r\n",
          "TEXT multipart/mixed\n1 message/rfc822\n1.1 text/plain 2\n");
    check(MIXED "--b\r\n\r\nx\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
                "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n1\r\n--c\r\n"
                "Content-Type: multipart/related; boundary=d\r\n\r\n--d\r\n\r\n2\r\n--d--\r\n--c--\r\n--b--\r\n",
          "TEXT multipart/mixed\n1 text/plain 1\n2 message/rfc822\n2.TEXT multipart/mixed\n2.1 text/plain 1\n"
          "2.2 multipart/related\n2.2.1 text/plain 1\n");
    check("Content-Type: message/rfc822\r\n\r\nContent-Type: text/html\r\n\r\nHi",
          "1 message/rfc822\n1.1 text/html 2\n");
    check(MIXED "--b\r\nContent-Type: message/rfc822\r\n--b--\r\n",
          "TEXT multipart/mixed\n1 message/rfc822\n1.1 text/plain 0\n");
    check("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: 1\r\n\r\none\r\n--b\r\n"
          "Content-Type: text/plain\r\n\r\nSubject: 2\r\n--b--\r\n",
          "TEXT multipart/digest\n1 message/rfc822\n1.1 text/plain 3\n2 text/plain 10\n");
    /* in base64: Content-Type: multipart/mixed; boundary=c CRLF CRLF --c CRLF CRLF Hi CRLF --c-- CRLF */
    check(MIXED "--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                "Q29udGVudC1UeXBlOiBtdWx0aXBhcnQvbWl4ZWQ7IGJvdW5kYXJ5PWMNCg0KLS1jDQoNCkhpDQot\r\nLWMtLQ0K\r\n--"
                "b\r\n\r\nx\r\n--b--",
          "TEXT multipart/mixed\n1 message/rfc822\n1.TEXT multipart/mixed\n1.1 text/plain 2\n2 text/plain 1\n");
}

static void no_boundary(void **state)
{
    (void)state;
    check("Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
          "1 multipart/mixed 17\nnoted mime_no_boundary\n");
    check("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n----\r\n",
          "1 multipart/mixed 15\nnoted mime_no_boundary\n");
    char message[4000], line[1100];
    memset(line, 'x', sizeof line);
    line[999] = 0;
    snprintf(message, sizeof message, "Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n\r\nHi\r\n", line,
             line);
    check(message, "1 multipart/mixed 1009\nnoted mime_no_boundary\n");
    line[990] = 0;
    snprintf(message, sizeof message, "Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n\r\nHi\r\n--%s--\r\n",
             line, line, line);
    check(message, "TEXT multipart/mixed\n1 text/plain 2\n");
}

/* As senders write them, and as they should not. */
static void boundary_forms(void **state)
{
    (void)state;
    static const struct {
        const char *declared, *boundary;
    } forms[] = {
        {"\xe9\xff", "\xe9\xff"},
        {"\"=?utf-8?q?b?=\"", "=?utf-8?q?b?="},
        {"----=_Part/1:2?3=4", "----=_Part/1:2?3=4"},
        {"\"a b\"; charset=x", "a b"},
        {"\"a\\\"b\"", "a\"b"},
        {"\"b  \"", "b"},
        {"b (a comment)", "b"},
        {"b;", "b"},
        {"\r\n b", "b"},
        {"'b'", "'b'"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char message[400];
        snprintf(message, sizeof message,
                 "Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n\r\nHi\r\n--%s--\r\n", forms[i].declared,
                 forms[i].boundary, forms[i].boundary);
        check(message, "TEXT multipart/mixed\n1 text/plain 2\n");
    }
    check("Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n\r\n--ab\r\n\r\nHi\r\n--ab--\r\n",
          "TEXT multipart/mixed\n1 text/plain 2\n");
}

static void broken(void **state)
{
    (void)state;
    check(MIXED "--b\r\nnot a field\r\n\r\nx\r\n--b--\r\n",
          "TEXT multipart/mixed\n1 text/plain 16\nnoted mime_no_empty_line\n");
    check(MIXED "--b\r\n\r\nx\r\n", "TEXT multipart/mixed\n1 text/plain 3\nnoted mime_unclosed\n");
    check("Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\nx", "1 text/html 1 !duplicate_field\n");
    check("Content-Transfer-Encoding: x-mine\r\n\r\nx", "1 text/plain 1 !unknown_encoding\n");
    check("Content-Transfer-Encoding: base64\r\n\r\nSGV#s", "1 text/plain 3 !bad_encoding\n");
    check("Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\nx\r\n--b--",
          "TEXT multipart/mixed\n1 text/plain 1\nnoted mime_encoded_multipart\n");
}

/* A message with all its kinds of places; a loss anywhere leaves what is behind the next delimiter as it was. */
static const char lossy[] = MIXED "preamble\r\n--b\r\nContent-Type: text/html\r\n\r\n1111111111\r\n--b\r\n\r\n22222\r\n"
                                  "--b\r\nContent-Type: application/pdf\r\n\r\n3333333\r\n--b--\r\nepilogue\r\n";

static void losses(void **state)
{
    (void)state;
    struct bytes message = bytes_of_string(lossy);
    const char *last = "application/pdf 7";
    size_t third = bytes_find_nocase(message, BYTES("--b\r\nContent-Type: application"));
    size_t first = sizeof MIXED - 1;
    for (size_t gap = first; gap < message.len; gap++)
        for (size_t lost = 1; lost <= 20 && gap + lost <= message.len; lost++)
            for (size_t step = 0; step < 4; step++) {
                struct parts_list l;
                parts_list(hashing, message, step, gap, lost, &l);
                buf_add_byte(&l.text, 0);
                char *text = (char *)l.text.data;
                if (gap + lost <= third)
                    assert_non_null(strstr(text, last));
                if (gap >= third)
                    assert_non_null(strstr(
                        text, "1 text/html 10 d2d02ea74de2c9fab1d802db969c18d409a8663a9697977bb1c98ccdd9de4372\n"));
                assert_string_equal(l.body, "");
                parts_list_release(&l);
            }
    same(plain, message, 0, bytes_find_nocase(message, BYTES("1111")) + 2, 3,
         "TEXT multipart/mixed\n1 text/html 7 missed 3\n2 text/plain 5\n3 application/pdf 7\n");
}

/* --- a lot of it --- */

struct big {
    struct buf text;
    struct parts_list list;
    double seconds;
};

static void add_times(struct buf *b, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buf_add_string(b, text);
}

static void walk_big(struct big *big, size_t step)
{
    struct timespec from, to;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    parts_list(hashing, buf_bytes(&big->text), step, 0, 0, &big->list);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    big->seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    assert_true(big->seconds < 60); /* with sanitizers, on a busy machine; quadratic would be hours */
    assert_true(big->list.held < 4u << 20);
    parts_list_release(&big->list);
    buf_release(&big->text);
}

static void many_boundaries(void **state)
{
    (void)state;
    struct big big = {.seconds = 0};
    buf_init(&big.text, SIZE_MAX);
    buf_add_string(&big.text, MIXED);
    add_times(&big.text, "--b\r\n", 1000000);
    walk_big(&big, 1400);
    assert_int_equal(big.list.omitted, 1000000 + 1 - 512);
}

static void many_near_misses(void **state)
{
    (void)state;
    struct big big = {.seconds = 0};
    buf_init(&big.text, SIZE_MAX);
    buf_add_string(&big.text, MIXED "--b\r\n\r\n");
    add_times(&big.text, "--bx\r\n--\r\n-----\r\n", 300000);
    walk_big(&big, 1400);
}

static void deeply_nested(void **state)
{
    (void)state;
    struct big big = {.seconds = 0};
    buf_init(&big.text, SIZE_MAX);
    for (unsigned i = 0; i < 100000; i++)
        buf_printf(&big.text, "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", i, i);
    walk_big(&big, 1400);
    buf_init(&big.text, SIZE_MAX);
    add_times(&big.text, "Content-Type: message/rfc822\r\n\r\n", 100000);
    walk_big(&big, 1400);
}

static void long_header(void **state)
{
    (void)state;
    struct big big = {.seconds = 0};
    buf_init(&big.text, SIZE_MAX);
    add_times(&big.text, "Content-Type: text/html; name=abcdefghijklmnopqrstuvwxyz0123456789\r\n x\r\n", 600000);
    walk_big(&big, 1400);
}

static void long_lines(void **state)
{
    (void)state;
    static const char *const heads[] = {"", "\r\n", "X:", MIXED "--b\r\n\r\n", MIXED "--b", "--"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct big big = {.seconds = 0};
        buf_init(&big.text, SIZE_MAX);
        buf_add_string(&big.text, heads[i]);
        uint8_t *line = buf_room(&big.text, 100000000);
        memset(line, i == 4 ? ' ' : 'x', 100000000);
        big.text.len += 100000000;
        walk_big(&big, 1400);
    }
}

static int begin(void **state)
{
    (void)state;
    struct mail_settings settings;
    limits_init(&limits);
    mail_settings_init(&settings);
    settings.hash = MAIL_HASH_ALL;
    hashing = mail_new(&limits, &settings);
    settings.hash = MAIL_HASH_NONE;
    plain = mail_new(&limits, &settings);
    return 0;
}

static int end(void **state)
{
    (void)state;
    mail_free(plain);
    mail_free(hashing);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single),          cmocka_unit_test(multipart),        cmocka_unit_test(no_delimiter),
        cmocka_unit_test(nested),          cmocka_unit_test(messages),         cmocka_unit_test(no_boundary),
        cmocka_unit_test(boundary_forms),  cmocka_unit_test(broken),           cmocka_unit_test(losses),
        cmocka_unit_test(many_boundaries), cmocka_unit_test(many_near_misses), cmocka_unit_test(deeply_nested),
        cmocka_unit_test(long_header),     cmocka_unit_test(long_lines),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
