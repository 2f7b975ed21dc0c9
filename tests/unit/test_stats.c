/* Intervals of capture time and the records about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "stats.h"

static uint64_t number(const struct record *r, enum field f, const char *key)
{
    struct entry e;
    for (size_t at = 0; record_next(r, &at, &e);)
        if (e.field == f && (!key || bytes_equal(e.text, bytes_of_string(key))))
            return e.number;
    return UINT64_MAX;
}

static void intervals(void **state)
{
    struct limits limits;
    struct stats_clock c = {.interval = 10 * CLOCK_S};
    struct stats s = {0};
    struct stats_span span;
    struct stats_counts now = {0};
    struct record *r;
    (void)state;
    limits_init(&limits);
    assert_false(stats_clock_tick(&c, 5000 * CLOCK_S)); /* no packet yet: no time */
    assert_false(stats_clock_packet(&c, 1003 * CLOCK_S));
    assert_false(stats_clock_packet(&c, 1009 * CLOCK_S));
    assert_false(stats_clock_packet(&c, 1001 * CLOCK_S)); /* a clock that steps back ends nothing */
    now.source.received = 3;
    now.records[KIND_session] = 1;
    assert_true(stats_clock_packet(&c, 1047 * CLOCK_S));
    span = stats_clock_cut(&c, 1047 * CLOCK_S);
    r = stats_interval(&s, &span, &now, &limits);
    assert_int_equal(number(r, F_all_ts, NULL), 1010 * CLOCK_S);
    assert_int_equal(number(r, F_stats_interval_us, NULL), 7000000);
    assert_int_equal(number(r, F_stats_capture, "received"), 3);
    assert_int_equal(number(r, F_stats_records, "session"), 1);
    assert_false(record_has(r, F_stats_final));
    record_free(r);

    assert_false(stats_clock_tick(&c, 1049 * CLOCK_S)); /* the silence from 1010 to 1040 gave no records of its own */
    now.source.received = 5;
    assert_true(stats_clock_tick(&c, 1050 * CLOCK_S));
    span = stats_clock_cut(&c, 1050 * CLOCK_S);
    r = stats_interval(&s, &span, &now, &limits);
    assert_int_equal(number(r, F_stats_interval_us, NULL), 40000000);
    assert_int_equal(number(r, F_stats_capture, "received"), 2);
    assert_int_equal(number(r, F_stats_records, "session"), UINT64_MAX); /* none in this one */
    record_free(r);

    span = stats_clock_all(&c);
    r = stats_final(&s, &span, &now, &limits);
    assert_int_equal(number(r, F_all_ts, NULL), 1047 * CLOCK_S);
    assert_int_equal(number(r, F_stats_interval_us, NULL), 44000000);
    assert_int_equal(number(r, F_stats_capture, "received"), 5);
    assert_true(record_has(r, F_stats_final));
    record_free(r);
}

/* Times that no sane capture has must not overflow or loop. */
static void wild_times(void **state)
{
    struct limits limits;
    struct stats_clock c = {.interval = CLOCK_S};
    struct stats s = {0};
    struct stats_span span;
    struct stats_counts now = {0};
    (void)state;
    limits_init(&limits);
    assert_false(stats_clock_packet(&c, INT64_MIN));
    assert_true(stats_clock_packet(&c, INT64_MAX));
    span = stats_clock_cut(&c, INT64_MAX);
    record_free(stats_interval(&s, &span, &now, &limits));
    assert_false(stats_clock_packet(&c, INT64_MAX));
    span = stats_clock_all(&c);
    record_free(stats_final(&s, &span, &now, &limits));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(intervals), cmocka_unit_test(wild_times)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
