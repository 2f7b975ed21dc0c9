/* The content of a message: counted in pieces, with gaps, and its header written. */
#include "mail/content.h"

#include "mail/mail.h"
#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct limits limits;
static struct mail *mail;

struct facts {
    uint64_t size, missed;
    bool complete, subject, has_missed;
};

static struct facts finish(struct content *c, bool complete)
{
    struct record *r = record_new(KIND_message, &limits);
    content_finish(c, r, complete);
    struct facts f = {0};
    struct entry e;
    for (size_t at = 0; record_next(r, &at, &e);) {
        if (e.field == F_message_size)
            f.size = e.number;
        else if (e.field == F_message_missed) {
            f.has_missed = true;
            f.missed = e.number;
        } else if (e.field == F_message_complete)
            f.complete = e.number;
        else if (e.field == F_message_subject)
            f.subject = bytes_equal(e.text, BYTES("abc def"));
    }
    record_free(r);
    content_free(c);
    return f;
}

static const uint8_t text[] = "Subject: abc\r\n def\r\n\r\nThe body.\r\n";
static const size_t text_len = sizeof text - 1;

static void every_split(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= text_len; cut++) {
        struct content *c = content_new(mail);
        content_push(c, text, cut);
        assert_int_equal(content_size(c), cut);
        content_push(c, text + cut, text_len - cut);
        struct facts f = finish(c, true);
        assert_int_equal(f.size, text_len);
        assert_true(f.complete && f.subject && !f.has_missed);
    }
}

static void gap(void **state)
{
    (void)state;
    struct content *c = content_new(mail);
    content_push(c, text, text_len);
    content_push(c, NULL, 1000);
    content_push(c, text, 5);
    struct facts f = finish(c, true);
    assert_int_equal(f.size, text_len + 5);
    assert_int_equal(f.missed, 1000);
    assert_true(!f.complete && f.subject);
    c = content_new(mail);
    content_push(c, text, 10);
    content_push(c, NULL, 1);
    content_push(c, text + 11, text_len - 11);
    f = finish(c, true);
    assert_true(!f.complete && !f.subject);
    assert_int_equal(f.missed, 1);
}

static void doubt(void **state)
{
    (void)state;
    struct content *c = content_new(mail);
    content_doubt(c, 100);
    content_push(c, text, text_len); /* its first line may be the rest of another one */
    struct facts f = finish(c, true);
    assert_int_equal(f.size, text_len);
    assert_true(f.complete && !f.subject && !f.has_missed);
}

static void cut_off(void **state)
{
    (void)state;
    struct content *c = content_new(mail);
    content_push(c, text, 18); /* to the end of the subject's line, which might go on */
    struct facts f = finish(c, false);
    assert_int_equal(f.size, 18);
    assert_true(!f.complete && !f.subject);
}

static void empty(void **state)
{
    (void)state;
    struct facts f = finish(content_new(mail), true);
    assert_int_equal(f.size, 0);
    assert_true(f.complete && !f.has_missed);
    content_free(NULL);
}

static int begin(void **state)
{
    (void)state;
    struct mail_settings settings;
    limits_init(&limits);
    mail_settings_init(&settings);
    mail = mail_new(&limits, &settings);
    return 0;
}

static int end(void **state)
{
    (void)state;
    mail_free(mail);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split), cmocka_unit_test(gap),   cmocka_unit_test(doubt),
        cmocka_unit_test(cut_off),     cmocka_unit_test(empty),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
