/* What the rules stand on: routes in addresses, counting, networks, and memory that stays within its bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "detect/detection.h"
#include "detect/detector.h"
#include "detect/relay.h"

#include <stdio.h>
#include <stdlib.h>

static void routes(void **state)
{
    static const struct {
        const char *addr, *domain;
        enum relay_form form;
    } cases[] = {
        {"user@far.example", "far.example", RELAY_PLAIN},
        {"postmaster", "", RELAY_PLAIN},
        {"", "", RELAY_PLAIN},
        {"@", "", RELAY_PLAIN},
        {"user%far.example@mx.example.org", "far.example", RELAY_PERCENT},
        {"50%off@shop.example", "shop.example", RELAY_PLAIN},
        {"far.example!user@mx.example.org", "far.example", RELAY_BANG},
        {"wow!@shop.example", "shop.example", RELAY_PLAIN},
        {"\"user@far.example\"@mx.example.org", "far.example", RELAY_QUOTED},
        {"\"user@far.example\"", "far.example", RELAY_QUOTED},
        {"\"user%far.example\"", "far.example", RELAY_QUOTED},
        {"user@far.example@mx.example.org", "far.example", RELAY_MULTI_AT},
        {"user@far.example@[192.0.2.1]", "far.example", RELAY_MULTI_AT},
        {"@mx.example.org:user@far.example", "far.example", RELAY_SOURCE_ROUTE},
        {"@a.example,@b.example:user@far.example", "far.example", RELAY_SOURCE_ROUTE},
        {"user@[192.0.2.1]", "[192.0.2.1]", RELAY_LITERAL},
        {"user@far.example@", "far.example", RELAY_TRAILING_AT},
        {"\"john doe\"@far.example", "far.example", RELAY_PLAIN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route r;
        relay_route(bytes_of_string(cases[i].addr), &r);
        if (r.form != cases[i].form || !bytes_equal(r.domain, bytes_of_string(cases[i].domain)))
            fail_msg("%s: %s %.*s", cases[i].addr, relay_form_names[r.form], (int)r.domain.len,
                     r.domain.len ? (const char *)r.domain.data : "");
    }
}

static bool belongs(const char *domain, const char *server)
{
    struct host host;
    assert_true(host_parse(BYTES("198.51.100.25"), &host));
    return relay_is_servers(bytes_of_string(domain), bytes_of_string(server), &host);
}

static void own_domains(void **state)
{
    (void)state;
    assert_true(belongs("example.org", "mx.example.org"));
    assert_true(belongs("MX.example.ORG", "mx.example.org"));
    assert_true(belongs("lists.example.org", "mx.example.org"));
    assert_true(belongs("[198.51.100.25]", "mx.example.org"));
    assert_true(belongs("", "mx.example.org"));
    assert_false(belongs("notexample.org", "mx.example.org"));
    assert_false(belongs("example.net", "mx.example.org"));
    assert_false(belongs("other.org", "example.org")); /* org is nobody's */
    assert_false(belongs("[203.0.113.1]", "mx.example.org"));
    assert_false(belongs("far.example", ""));
}

static void counting(void **state)
{
    struct distinct *d = NULL;
    struct recent recent = {0};
    size_t grown = 0;
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        distinct_add(&d, tally_hash(bytes_of(&i, sizeof i)), &grown);
        assert_false(i < DISTINCT_EXACT && distinct_add(&d, tally_hash(bytes_of(&i, sizeof i)), &grown));
        if (i < DISTINCT_EXACT)
            assert_int_equal(distinct_count(d), i + 1);
    }
    assert_in_range(distinct_count(d), 90000, 110000);
    assert_int_equal(grown, distinct_held(d));
    free(d);
    assert_int_equal(tally_hash_nocase(BYTES("Alice")), tally_hash_nocase(BYTES("aLICE")));
    for (unsigned i = 0; i < 100; i++)
        recent_add(&recent, i, i % 4);
    assert_int_equal(recent_count(&recent, 90), 10);
    assert_int_equal(recent_count(&recent, 0), RECENT_MOST);
    assert_int_equal(recent_distinct(&recent, 97), 3);
    assert_int_equal(recent_distinct(&recent, 0), 4);
    assert_int_equal(recent_of(&recent, 92, 1, UINT64_MAX), 2);
    recent_forget(&recent, 1, UINT64_MAX);
    assert_int_equal(recent_count(&recent, 0), RECENT_MOST - RECENT_MOST / 4);
    assert_int_equal(recent_of(&recent, 0, 1, UINT64_MAX), 0);
    assert_int_equal(recent_of(&recent, 92, 2, UINT64_MAX), 2);
    for (unsigned i = 100; i < 116; i++)
        recent_add(&recent, i, 7);
    assert_int_equal(recent_count(&recent, 0), RECENT_MOST);
    assert_int_equal(recent_of(&recent, 0, 7, UINT64_MAX), 16);
    recent_release(&recent);
    assert_int_equal(recent_count(&recent, 0), 0);
}

static bool holds(const char *network, const char *text)
{
    struct network n;
    struct host h;
    return network_parse(bytes_of_string(network), &n) && host_parse(bytes_of_string(text), &h) &&
           network_holds(&n, &h);
}

static void networks(void **state)
{
    struct network n;
    (void)state;
    assert_true(holds("192.0.2.0/24", "192.0.2.255"));
    assert_false(holds("192.0.2.0/24", "192.0.3.0"));
    assert_true(holds("192.0.2.128/25", "192.0.2.200"));
    assert_false(holds("192.0.2.128/25", "192.0.2.100"));
    assert_true(holds("192.0.2.7", "192.0.2.7"));
    assert_true(holds("0.0.0.0/0", "203.0.113.9"));
    assert_false(holds("0.0.0.0/0", "2001:db8::1"));
    assert_true(holds("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(holds("2001:db8::/33", "2001:db8:8000::1"));
    assert_false(network_parse(BYTES("192.0.2.0/33"), &n));
    assert_false(network_parse(BYTES("192.0.2.0/"), &n));
    assert_false(network_parse(BYTES("example.org"), &n));
}

static void times(void **state)
{
    static const int64_t some[] = {0, 1767225600123456000, -1000, 951782400000000000, 4102444799999999000};
    int64_t back;
    (void)state;
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        char text[CLOCK_TEXT_SIZE];
        clock_format(some[i], text);
        assert_true(clock_parse(bytes_of_string(text), &back));
        assert_int_equal(back, some[i]);
    }
    assert_false(clock_parse(BYTES("2026-01-01T00:00:00"), &back));
    assert_false(clock_parse(BYTES("2026-13-01T00:00:00Z"), &back));
    assert_false(clock_parse(BYTES(""), &back));
}

/* A session in which a client asks for one name. */
static struct record *session_of(unsigned n, const struct limits *limits)
{
    char ip[64];
    struct record *r = record_new(KIND_session, limits);
    snprintf(ip, sizeof ip, "2001:db8:%x:%x::1", n >> 16, n & 0xffff);
    record_time(r, F_all_ts, n * CLOCK_US);
    record_word(r, F_all_proto, "smtp");
    record_word(r, F_all_client_ip, ip);
    record_word(r, F_all_server_ip, "198.51.100.25");
    record_begin(r, F_session_commands);
    record_text(r, F_command_verb, BYTES("VRFY"));
    record_text(r, F_command_arg, BYTES("root"));
    record_number(r, F_command_code, 252);
    record_end(r);
    return r;
}

/* More attackers than there is room for: what is remembered stays within the limit, what is forgotten is counted. */
static void bounded(void **state)
{
    enum { ATTACKERS = 30000 };
    struct detect_settings settings;
    struct detection_counts counts;
    struct limits limits;
    unsigned alerts = 0;
    (void)state;
    limits_init(&limits);
    limits.detect = 1 << 20;
    detect_settings_init(&settings);
    struct detection *d = detection_new(&settings, &limits);
    for (unsigned i = 0; i < ATTACKERS; i++) {
        struct record *r = session_of(i, &limits), *alert;
        detection_see(d, r);
        record_free(r);
        for (; (alert = detection_next(d)) != NULL; alerts++)
            record_free(alert);
        detection_counts(d, &counts);
        assert_true(counts.memory <= limits.detect);
    }
    assert_int_equal(alerts, ATTACKERS);
    assert_true(counts.entities > 500);
    assert_int_equal(counts.entities + counts.forgotten, ATTACKERS + 1); /* and the server, for capture_fault */
    detection_finish(d);
    assert_null(detection_next(d));
    detection_counts(d, &counts);
    assert_int_equal(counts.memory, 0);
    detection_free(d);
    detect_settings_release(&settings);
}

/* A session whose client spoke too early, to one of its servers. */
static struct record *early_session(unsigned client, unsigned server, const struct limits *limits)
{
    char ip[64];
    struct record *r = record_new(KIND_session, limits);
    record_time(r, F_all_ts, CLOCK_US);
    record_word(r, F_all_proto, "smtp");
    snprintf(ip, sizeof ip, "203.0.113.%u", client);
    record_word(r, F_all_client_ip, ip);
    snprintf(ip, sizeof ip, "198.51.%u.%u", server >> 8, server & 0xff);
    record_word(r, F_all_server_ip, ip);
    record_text(r, F_session_banner, BYTES("mx.example.org"));
    record_number(r, F_session_early_octets, 9);
    record_count(r, F_session_anomalies, BYTES("early_talker"), 1);
    return r;
}

static void see(struct detection *d, struct record *r)
{
    struct record *alert;
    detection_see(d, r);
    record_free(r);
    while ((alert = detection_next(d)) != NULL)
        record_free(alert);
}

/* Entities that are there grow: others make room for that, too. */
static void bounded_growth(void **state)
{
    enum { CLIENTS = 20, SERVERS = 800 };
    struct detect_settings settings;
    struct detection_counts counts;
    struct limits limits;
    struct error err;
    (void)state;
    limits_init(&limits);
    limits.detect = 64 << 10;
    detect_settings_init(&settings);
    assert_true(detect_settings_set(&settings, "capture_fault=off", &err));
    struct detection *d = detection_new(&settings, &limits);
    for (unsigned i = 0; i < CLIENTS * SERVERS; i++) {
        see(d, early_session(i % CLIENTS, i / CLIENTS, &limits));
        detection_counts(d, &counts);
        assert_true(counts.memory <= limits.detect);
    }
    assert_true(counts.forgotten > 0);
    detection_free(d);
    detect_settings_release(&settings);
}

/* A message to somebody, from one server to another. */
static struct record *message_to(const char *rcpt, const char *client, const char *server, const struct limits *limits)
{
    struct record *r = record_new(KIND_message, limits);
    record_time(r, F_all_ts, CLOCK_US);
    record_word(r, F_all_proto, "smtp");
    record_word(r, F_all_client_ip, client);
    record_word(r, F_all_server_ip, server);
    record_text(r, F_message_mail_from, BYTES("alice@far.example"));
    record_word(r, F_message_auth, "none");
    record_word(r, F_message_via, "data");
    record_word(r, F_message_verdict, "accepted");
    record_begin(r, F_message_rcpt);
    record_text(r, F_rcpt_addr, bytes_of_string(rcpt));
    record_number(r, F_rcpt_code, 250);
    record_word(r, F_rcpt_verdict, "accepted");
    record_end(r);
    return r;
}

/* What a rule has found is not forgotten while it looks at it, however little room there is. */
static void found_stays(void **state)
{
    enum { MOST = 200 };
    struct detect_settings settings;
    struct limits limits;
    (void)state;
    limits_init(&limits);
    limits.detect = 64 << 10;
    detect_settings_init(&settings);
    for (unsigned others = 0; others < MOST; others++) {
        struct detection *d = detection_new(&settings, &limits);
        see(d, message_to("bob@other.example", "203.0.113.1", "198.51.100.25", &limits));
        see(d, message_to("carol@other.example", "203.0.113.1", "198.51.100.25", &limits));
        for (unsigned i = 0; i < others; i++)
            see(d, session_of(i, &limits));
        see(d, message_to("bob@other.example", "198.51.100.25", "192.0.2.25", &limits));
        detection_free(d);
    }
    detect_settings_release(&settings);
}

/* A session that asks for names; those of long sessions are heard of late. */
static void ask(struct detection *d, int64_t ts, unsigned from, unsigned to, const struct limits *limits)
{
    struct record *r = record_new(KIND_session, limits);
    record_time(r, F_all_ts, ts);
    record_word(r, F_all_proto, "smtp");
    record_word(r, F_all_client_ip, "203.0.113.1");
    record_word(r, F_all_server_ip, "198.51.100.25");
    for (unsigned i = from; i < to; i++) {
        char name[16];
        record_begin(r, F_session_commands);
        record_text(r, F_command_verb, BYTES("VRFY"));
        record_text(r, F_command_arg, bytes_of(name, (size_t)snprintf(name, sizeof name, "user%u", i)));
        record_number(r, F_command_code, 252);
        record_end(r);
    }
    detection_see(d, r);
    record_free(r);
}

/* Its id stays, also where something earlier comes to it. */
static void one_identity(void **state)
{
    struct detect_settings settings;
    struct limits limits;
    struct record *alert;
    char first[33] = "", id[33];
    unsigned alerts = 0;
    (void)state;
    limits_init(&limits);
    detect_settings_init(&settings);
    struct detection *d = detection_new(&settings, &limits);
    ask(d, 60 * CLOCK_S, 0, 5, &limits);
    ask(d, 1 * CLOCK_S, 5, 30, &limits);
    detection_finish(d);
    for (; (alert = detection_next(d)) != NULL; alerts++) {
        bytes_to_string(alerts ? id : first, sizeof id, record_find(alert, F_alert_alert_id));
        assert_true(!alerts || !strcmp(id, first));
        record_free(alert);
    }
    assert_true(alerts > 1);
    detection_free(d);
    detect_settings_release(&settings);
}

static void settings(void **state)
{
    struct detect_settings s;
    struct error err;
    (void)state;
    detect_settings_init(&s);
    assert_true(detect_settings_set(&s, "enumeration.names=7", &err));
    assert_true(detect_settings_set(&s, "open_relay=off", &err));
    assert_true(detect_settings_set(&s, "all=off", &err) && s.silent[1] && s.silent[2]);
    assert_true(detect_settings_set(&s, "enumeration=on", &err) && s.silent[1]);
    assert_true(detect_settings_set(&s, "all=on", &err) && !s.silent[0] && !s.silent[1]);
    assert_true(detect_settings_set(&s, "open_relay=off", &err));
    assert_false(detect_settings_set(&s, "all=7", &err));
    assert_false(detect_settings_set(&s, "enumeration.name=7", &err));
    assert_false(detect_settings_set(&s, "enumeration.names=x", &err));
    assert_false(detect_settings_set(&s, "enumeration=7", &err));
    assert_false(detect_settings_set(&s, "nothing=off", &err));
    assert_true(detect_settings_domains(&s, "example.org, Other.Example", &err));
    assert_false(detect_settings_domains(&s, "a@example.org", &err));
    assert_true(settings_own_domain(&s, BYTES("mail.EXAMPLE.org")));
    assert_true(settings_own_domain(&s, BYTES("other.example")));
    assert_false(settings_own_domain(&s, BYTES("notexample.org")));
    assert_non_null(detector_find("smtp.open_relay"));
    assert_null(detector_find("mail.open_relay"));
    detect_settings_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes),         cmocka_unit_test(own_domains), cmocka_unit_test(counting),
        cmocka_unit_test(networks),       cmocka_unit_test(times),       cmocka_unit_test(bounded),
        cmocka_unit_test(bounded_growth), cmocka_unit_test(found_stays), cmocka_unit_test(one_identity),
        cmocka_unit_test(settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
