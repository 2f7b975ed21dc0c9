/* Tags become counts: the same secret at the same user, its users, for each client and within the hour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "secret_counts.h"

#include <stdio.h>

static struct limits limits;

static int setup(void **state)
{
    (void)state;
    limits_init(&limits);
    return 0;
}

struct counts {
    uint64_t tries, users;
};

/* One attempt at that second; a secret of 0 is none that can be compared. */
static struct counts attempt(struct secret_counts *c, int64_t second, const char *client, const char *user,
                             uint8_t secret)
{
    uint8_t tag[RECORD_TAG_SIZE] = {secret};
    struct record *r = record_new(KIND_auth, &limits);
    struct counts ret = {0};
    struct entry e;
    record_time(r, F_all_ts, (second - 1) * CLOCK_S);
    record_time(r, F_all_end_ts, second * CLOCK_S);
    record_word(r, F_all_client_ip, client);
    if (user)
        record_text(r, F_auth_user, bytes_of_string(user));
    if (secret)
        record_set_tag(r, tag);
    secret_counts_take(c, r);
    assert_false(record_take_tag(r, tag));
    for (size_t at = 0; record_next(r, &at, &e);) {
        ret.tries = e.field == F_auth_secret_tries ? e.number : ret.tries;
        ret.users = e.field == F_auth_secret_users ? e.number : ret.users;
    }
    record_free(r);
    return ret;
}

static void assert_counts(struct counts c, uint64_t tries, uint64_t users)
{
    assert_int_equal(c.tries, tries);
    assert_int_equal(c.users, users);
}

static void keys(void **state)
{
    (void)state;
    struct secret_counts *c = secret_counts_new(1000);
    assert_counts(attempt(c, 100, "192.0.2.1", "alice", 1), 1, 1);
    assert_counts(attempt(c, 101, "192.0.2.1", "Alice", 1), 2, 1);
    assert_counts(attempt(c, 102, "192.0.2.1", "alice", 2), 1, 1);
    assert_counts(attempt(c, 103, "192.0.2.1", "bob", 1), 1, 2);
    assert_counts(attempt(c, 104, "192.0.2.2", "alice", 1), 1, 1);
    assert_counts(attempt(c, 105, "192.0.2.1", "alice", 1), 3, 2);
    assert_counts(attempt(c, 106, "192.0.2.1", "alice", 0), 0, 0);
    assert_counts(attempt(c, 107, "192.0.2.1", NULL, 1), 0, 0);
    assert_counts(attempt(c, 108, "192.0.2.1", "", 1), 1, 3); /* a user told as nothing is one */
    secret_counts_free(c);
}

static void hour(void **state)
{
    (void)state;
    struct secret_counts *c = secret_counts_new(1000);
    assert_counts(attempt(c, 1000, "192.0.2.1", "alice", 1), 1, 1);
    assert_counts(attempt(c, 2000, "192.0.2.1", "bob", 1), 1, 2);
    assert_counts(attempt(c, 4599, "192.0.2.1", "alice", 1), 2, 2);
    assert_counts(attempt(c, 4600, "192.0.2.1", "alice", 1), 2, 2); /* that of 1000 is an hour ago */
    assert_counts(attempt(c, 5700, "192.0.2.1", "alice", 1), 3, 1);
    assert_counts(attempt(c, 100, "192.0.2.1", "alice", 1), 4, 1); /* a clock that steps back */
    assert_counts(attempt(c, 9300, "192.0.2.1", "alice", 1), 1, 1);
    assert_int_equal(secret_counts_forgotten(c), 0);
    secret_counts_free(c);
}

static void bound(void **state)
{
    (void)state;
    struct secret_counts *c = secret_counts_new(100);
    char user[24];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(user, sizeof user, "user%u", i);
        assert_counts(attempt(c, 100, "192.0.2.1", user, 1), 1, i < 100 ? i + 1 : 100);
    }
    assert_int_equal(secret_counts_forgotten(c), 900);
    assert_counts(attempt(c, 100, "192.0.2.1", "user999", 1), 2, 99);
    secret_counts_free(c);
    c = secret_counts_new(0);
    assert_counts(attempt(c, 100, "192.0.2.1", "alice", 1), 0, 0);
    secret_counts_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys), cmocka_unit_test(hour), cmocka_unit_test(bound)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
