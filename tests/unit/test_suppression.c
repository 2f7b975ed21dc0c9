/* Suppressions: what fits, at which time, and which of them fit all events of an alert. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "detect/detector.h"
#include "detect/suppression.h"

static unsigned rule(const char *name)
{
    unsigned i = 0;
    while (strcmp(detectors[i]->name, name) != 0)
        i++;
    return i;
}

/* An event of rule weak_tls, or the one named. */
static bool fits(const char *text, const char *name, const char *client, const char *server, const char *user,
                 const char *when)
{
    struct host a, b;
    struct error err;
    struct suppression *x = suppression_parse(text, &err);
    struct happening h = {.rule = rule(name), .user = bytes_of_string(user)};
    if (!x)
        fail_msg("%s: %s", text, err.text);
    h.client = host_parse(bytes_of_string(client), &a) ? &a : NULL;
    h.server = host_parse(bytes_of_string(server), &b) ? &b : NULL;
    assert_true(clock_parse(bytes_of_string(when), &h.when));
    bool right = suppression_fits(x, &h);
    suppression_free(x);
    return right;
}

#define NOW "2026-11-22T04:46:00Z" /* a Sunday */

static void who(void **state)
{
    (void)state;
    assert_true(fits("rule=weak_tls", "weak_tls", "", "", "", NOW));
    assert_true(fits("rule=tls.weak_tls", "weak_tls", "", "", "", NOW));
    assert_true(fits("rule=ntlm_leak, rule = weak_tls", "weak_tls", "", "", "", NOW));
    assert_false(fits("rule=ntlm_leak", "weak_tls", "", "", "", NOW));
    assert_true(fits("client=192.0.2.0/24", "weak_tls", "192.0.2.9", "10.0.0.1", "", NOW));
    assert_false(fits("client=192.0.2.0/24", "weak_tls", "10.0.0.1", "192.0.2.9", "", NOW));
    assert_false(fits("client=::/0", "weak_tls", "", "", "", NOW));
    assert_true(fits("server=192.0.2.9", "weak_tls", "10.0.0.1", "192.0.2.9", "", NOW));
    assert_false(fits("server=192.0.2.8,server=192.0.2.10", "weak_tls", "10.0.0.1", "192.0.2.9", "", NOW));
    assert_true(fits("address=2001:db8::/32", "weak_tls", "10.0.0.1", "2001:db8::7", "", NOW));
    assert_true(fits("address=2001:db8::/32", "weak_tls", "2001:db8::7", "10.0.0.1", "", NOW));
    assert_true(fits("user=anna,user=Bert", "weak_tls", "", "", "bert", NOW));
    assert_false(fits("user=bert", "weak_tls", "", "", "bert2", NOW));
    assert_false(fits("user=bert", "weak_tls", "", "", "", NOW));
    assert_true(fits("user=@example.org", "weak_tls", "", "", "bert@EXAMPLE.org", NOW));
    assert_false(fits("user=@example.org", "weak_tls", "", "", "bert@notexample.org", NOW));
    assert_true(fits("user=a,b\n", "weak_tls", "", "", "a,b", NOW)); /* with line feeds, commas are text */
    assert_false(fits("rule=weak_tls,client=10.0.0.1,user=anna", "weak_tls", "10.0.0.1", "", "bert", NOW));
}

static void when(void **state)
{
    static const struct {
        const char *text, *when;
        bool fits;
    } rows[] = {
        {"from=2026-11-22T04:46:00Z", "2026-11-22T04:46:00Z", true},
        {"from=2026-11-22T04:46:00Z", "2026-11-22T04:45:59.999999Z", false},
        {"until=2026-11-22T04:46:00Z", "2026-11-22T04:46:00Z", false},
        {"until=2026-11-22T04:46:00Z", "2026-11-22T04:45:59.999999Z", true},
        {"daily=04:00-05:00", "2026-11-22T04:00:00Z", true},
        {"daily=04:00-05:00", "2026-11-22T04:59:59.9Z", true},
        {"daily=04:00-05:00", "2026-11-22T05:00:00Z", false},
        {"daily=04:00-05:00", "1969-11-22T04:30:00Z", true},
        {"daily=04:00-05:00", "1969-11-22T03:59:59.9Z", false},
        {"daily=22:00-06:00", "2026-11-22T23:00:00Z", true},
        {"daily=22:00-06:00", "2026-11-22T05:59:00Z", true},
        {"daily=22:00-06:00", "2026-11-22T06:00:00Z", false},
        {"daily=20:00-24:00", "2026-11-22T23:59:59Z", true},
        {"daily=20:00-24:00", "2026-11-22T00:00:00Z", false},
        {"days=sun", "2026-11-22T00:00:00Z", true},
        {"days=sun", "2026-11-22T23:59:59Z", true},
        {"days=sun", "2026-11-23T00:00:00Z", false},
        {"days=mon,days=sat", "2026-11-21T12:00:00Z", true},
        {"days=thu", "1970-01-01T00:00:00Z", true},
        {"days=wed", "1969-12-31T23:59:59Z", true},
        {"days=sun,daily=22:00-06:00", "2026-11-22T23:00:00Z", true},
        {"days=sun,daily=22:00-06:00", "2026-11-23T05:00:00Z", true}, /* it began on Sunday */
        {"days=sun,daily=22:00-06:00", "2026-11-22T05:00:00Z", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (fits(rows[i].text, "weak_tls", "", "", "", rows[i].when) != rows[i].fits)
            fail_msg("%s at %s", rows[i].text, rows[i].when);
}

static void mistakes(void **state)
{
    static const char *const rows[] = {
        "",
        ",",
        "rule",
        "rule=",
        "rule=nothing",
        "client=example.org",
        "server=192.0.2.0/33",
        "from=2026-11-22",
        "until=never",
        "daily=4-5",
        "daily=04:00",
        "daily=04:00-04:00",
        "daily=04:00-24:01",
        "daily=04:00-05:60",
        "daily=04:00-05:0",
        "days=sunday",
        "what=ever",
        "from=2026-11-22T05:00:00Z,until=2026-11-22T04:00:00Z",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error err = {{0}};
        if (suppression_parse(rows[i], &err) || !err.text[0])
            fail_msg("'%s' is taken, or refused without a word", rows[i]);
    }
}

/* One that fits the first event and all that come later keeps the alert back; two that fit some each do not. */
static void excuses(void **state)
{
    static const char *const texts[] = {"client=10.0.0.1", "client=10.0.0.0/8", "client=10.0.0.2"};
    static const char *const addresses[] = {"10.0.0.1", "10.0.0.2", "192.0.2.1"};
    static const unsigned left[] = {2, 1, 0};
    struct suppression *list[3];
    struct excuses x = {.count = 7};
    struct error err;
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        list[i] = suppression_parse(texts[i], &err);
    for (unsigned i = 0; i < 3; i++) {
        struct host a;
        host_parse(bytes_of_string(addresses[i]), &a);
        excuses_event(&x, list, 3, !i, &(struct happening){.client = &a});
        assert_int_equal(x.count, left[i]);
    }
    for (unsigned i = 0; i < 3; i++)
        suppression_free(list[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who),
        cmocka_unit_test(when),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(excuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
