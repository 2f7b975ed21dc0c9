/* The time from one session of a user to the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "visits.h"

#include <stdio.h>
#include <stdlib.h>

static struct limits limits;

struct told { /* of a session */
    const char *proto, *user, *client, *visibility;
    int64_t second;
    bool open; /* a part, others are to come */
};

/* What is said of it; -1: nothing. */
static int64_t see(struct visits *v, const struct told *t)
{
    struct entry e;
    int64_t ret = -1;
    struct record *r = record_new(KIND_session, &limits);
    record_time(r, F_all_ts, t->second * 1000000000);
    record_word(r, F_all_proto, t->proto);
    record_word(r, F_all_client_ip, t->client ? t->client : "192.0.2.7");
    record_word(r, F_all_server_ip, "192.0.2.25");
    record_word(r, F_session_visibility, t->visibility ? t->visibility : "full");
    if (t->user)
        record_text(r, F_session_user, bytes_of_string(t->user));
    if (!t->open)
        record_word(r, F_session_close, "fin");
    visits_see(v, r);
    for (size_t at = 0; record_next(r, &at, &e);)
        if (e.field == F_session_since_last_us)
            ret = (int64_t)e.number;
    record_free(r);
    return ret;
}

static void users(void **state)
{
    struct visits *v = visits_new();
    (void)state;
    assert_int_equal(see(v, &(struct told){.proto = "pop3", .user = "ann", .second = 100}), -1);
    assert_int_equal(see(v, &(struct told){.proto = "pop3", .user = "bob", .second = 110}), -1);
    assert_int_equal(see(v, &(struct told){.proto = "imap", .user = "ann", .second = 120}), -1);
    assert_int_equal(see(v, &(struct told){.proto = "pop3", .user = "ann", .second = 130, .client = "192.0.2.8"}), -1);
    assert_int_equal(see(v, &(struct told){.proto = "pop3", .user = "ann", .second = 400}), 300000000);
    assert_int_equal(see(v, &(struct told){.proto = "imap", .user = "ann", .second = 410}), 290000000);
    assert_int_equal(see(v, &(struct told){.proto = "pop3", .user = "ann", .second = 700}), 300000000);
    visits_free(v);
}

/* A session that ended later, and began before: no time passed between. It is not the last one either. */
static void overlapping(void **state)
{
    struct visits *v = visits_new();
    (void)state;
    see(v, &(struct told){.proto = "imap", .user = "ann", .second = 100});
    assert_int_equal(see(v, &(struct told){.proto = "imap", .user = "ann", .second = 50}), -1);
    assert_int_equal(see(v, &(struct told){.proto = "imap", .user = "ann", .second = 100}), -1);
    assert_int_equal(see(v, &(struct told){.proto = "imap", .user = "ann", .second = 130}), 30000000);
    visits_free(v);
}

static void who_counts(void **state)
{
    struct visits *v = visits_new();
    (void)state;
    for (int i = 0; i < 2; i++) {
        int64_t second = 100 + i * 60;
        assert_int_equal(see(v, &(struct told){.proto = "smtp", .user = "ann", .second = second}), -1);
        assert_int_equal(see(v, &(struct told){.proto = "pop3", .second = second}), -1); /* a login that failed */
        assert_int_equal(see(v, &(struct told){.proto = "pop3", .user = "ann", .second = second, .open = true}), -1);
        assert_int_equal(see(v, &(struct told){.proto = "pop3", .second = second, .visibility = "encrypted"}),
                         i ? 60000000 : -1);
    }
    visits_free(v);
    visits_free(NULL);
}

/* However many there are, some are remembered and none is made up. */
static void many(void **state)
{
    struct visits *v = visits_new();
    unsigned found = 0;
    char user[16];
    (void)state;
    for (int i = 0; i < 60000; i++) {
        snprintf(user, sizeof user, "u%d", i % 30000);
        int64_t said = see(v, &(struct told){.proto = "pop3", .user = user, .second = 1 + i / 30000});
        assert_true(said == -1 || (said == 1000000 && i >= 30000));
        found += said != -1;
    }
    assert_true(found > 1000);
    visits_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users),
        cmocka_unit_test(overlapping),
        cmocka_unit_test(who_counts),
        cmocka_unit_test(many),
    };
    limits_init(&limits);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
