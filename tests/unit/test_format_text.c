/* Lines for people: what they say, and that hostile text cannot play with the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "format_fixture.h"
#include "output/plain.h"

#include <stdlib.h>

static int setup(void **state)
{
    *state = fixture_new(&format_text);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    format_text.finish(x->format, &x->out);
    fixture_free(x);
    return 0;
}

static struct record *record_at(struct fixture *x, enum kind k, const char *proto, const char *client)
{
    struct record *r = record_new(k, &x->limits);
    record_time(r, F_all_ts, INT64_C(1795322778120001000));
    record_word(r, F_all_proto, proto);
    record_word(r, F_all_client_ip, client);
    record_number(r, F_all_client_port, 51514);
    record_word(r, F_all_server_ip, "198.51.100.25");
    record_number(r, F_all_server_port, 25);
    return r;
}

static void assert_line(struct fixture *x, struct record *r, const char *wanted)
{
    buf_reset(&x->out);
    format_text.record(x->format, r, &x->out);
    record_free(r);
    buf_add_byte(&x->out, 0);
    assert_string_equal((const char *)x->out.data, wanted);
}

static void session(void **state)
{
    struct fixture *x = *state;
    struct record *r = record_at(x, KIND_session, "smtp", "192.0.2.7");
    record_word(r, F_all_quality, "gap");
    record_word(r, F_all_quality, "one_sided");
    record_number(r, F_session_duration_us, 900000);
    record_word(r, F_session_close, "fin");
    record_word(r, F_session_visibility, "full");
    record_number(r, F_session_bytes_c2s, 812);
    record_number(r, F_session_bytes_s2c, 6400);
    record_word(r, F_session_helo_verb, "EHLO");
    record_text(r, F_session_helo, BYTES("probe.example.net"));
    record_word(r, F_session_starttls, "offered");
    record_count(r, F_session_verbs, BYTES("EHLO"), 1);
    record_count(r, F_session_verbs, BYTES("VRFY"), 1200);
    record_number(r, F_session_messages, 1);
    record_count(r, F_session_anomalies, BYTES("bare_lf"), 2);
    record_count(r, F_session_anomalies, BYTES("nul_octet"), 1);
    assert_line(
        x, r,
        "04:46:18.120001 smtp 192.0.2.7:51514 > 198.51.100.25:25 session: EHLO \"probe.example.net\", 1,201 "
        "commands, 1 message, 812 B > 6.4 kB <, 900.0 ms, closed by fin, starttls offered, full; gap, one_sided; "
        "noted bare_lf 2, nul_octet 1\n");
}

static void behind_a_proxy(void **state)
{
    struct fixture *x = *state;
    struct record *r = record_at(x, KIND_auth, "imap", "192.0.2.7");
    record_word(r, F_all_proxied_client_ip, "203.0.113.9");
    record_text(r, F_auth_mech, BYTES("PLAIN"));
    record_text(r, F_auth_user, BYTES("alice"));
    record_word(r, F_auth_result, "success");
    assert_line(x, r,
                "04:46:18.120001 imap 192.0.2.7:51514 for 203.0.113.9 > 198.51.100.25:25 auth PLAIN user \"alice\": "
                "success\n");
}

static void message(void **state)
{
    static const char *const addresses[] = {"b@example.net", "c@example.net", "d@example.net", "e@example.net"};
    struct fixture *x = *state;
    struct record *r = record_at(x, KIND_message, "smtp", "2001:db8::7");
    record_number(r, F_message_index, 2);
    record_word(r, F_message_via, "DATA");
    record_text(r, F_message_mail_from, BYTES(""));
    for (size_t i = 0; i < 4; i++) {
        record_begin(r, F_message_rcpt);
        record_text(r, F_rcpt_addr, bytes_of_string(addresses[i]));
        record_word(r, F_rcpt_verdict, i == 1 ? "rejected" : "accepted");
        record_number(r, F_rcpt_code, i == 1 ? 550 : 250);
        record_end(r);
    }
    record_number(r, F_message_rcpt_omitted, 10);
    record_word(r, F_message_verdict, "accepted");
    record_number(r, F_message_code, 250);
    record_number(r, F_message_size, 18231);
    record_boolean(r, F_message_complete, false);
    record_text(r, F_message_subject, BYTES("Invoice \"5\""));
    assert_line(
        x, r,
        "04:46:18.120001 smtp [2001:db8::7]:51514 > 198.51.100.25:25 message 2 DATA: from <> to "
        "<b@example.net>, <c@example.net> rejected 550, <d@example.net> and 11 more, accepted 250, 18.2 kB (cut), "
        "\"Invoice \\\"5\\\"\"\n");
}

static void auth(void **state)
{
    struct fixture *x = *state;
    struct record *r = record_at(x, KIND_auth, "imap", "192.0.2.7");
    record_text(r, F_auth_mech, BYTES("PLAIN"));
    record_text(r, F_auth_user, BYTES("alice"));
    record_word(r, F_auth_result, "failure");
    record_word(r, F_auth_failure_kind, "refused");
    record_text(r, F_auth_text, BYTES("Authentication failed."));
    record_flag(r, F_auth_cleartext_secret);
    assert_line(x, r,
                "04:46:18.120001 imap 192.0.2.7:51514 > 198.51.100.25:25 auth PLAIN user \"alice\": failure (refused) "
                "\"Authentication failed.\", secret in clear\n");
}

static void tls_and_stats(void **state)
{
    struct fixture *x = *state;
    struct record *r = record_at(x, KIND_tls, "smtp", "192.0.2.7");
    record_word(r, F_tls_how, "starttls");
    record_boolean(r, F_tls_established, true);
    record_word(r, F_tls_version, "TLSv1.3");
    record_number(r, F_tls_bytes_c2s, 4120);
    record_number(r, F_tls_bytes_s2c, 0);
    assert_line(
        x, r,
        "04:46:18.120001 smtp 192.0.2.7:51514 > 198.51.100.25:25 tls starttls: TLSv1.3, established, 4.1 kB > 0 B "
        "<\n");
    r = record_new(KIND_stats, &x->limits);
    record_time(r, F_all_ts, 0);
    record_number(r, F_stats_interval_us, 60000000);
    record_flag(r, F_stats_final);
    record_count(r, F_stats_capture, BYTES("received"), 120000);
    record_count(r, F_stats_capture, BYTES("dropped_kernel"), 0);
    record_count(r, F_stats_flows, BYTES("created"), 4);
    record_count(r, F_stats_records, BYTES("session"), 3);
    assert_line(
        x, r, "00:00:00.000000 stats, in all, 60.00 s: capture received 120,000; flows created 4; records session 3\n");
}

static void colours(void **state)
{
    struct fixture *x = *state;
    struct record *r = record_at(x, KIND_auth, "pop3", "192.0.2.7");
    record_text(r, F_auth_mech, BYTES("USER\033[31m"));
    record_word(r, F_auth_result, "success");
    format_text.open(x->format, true);
    assert_line(
        x, r,
        "\033[2m04:46:18.120001\033[0m pop3 192.0.2.7:51514 > 198.51.100.25:25 \033[1mauth \033[0mUSER\\x1b[31m: "
        "\033[32msuccess\033[0m\n");
}

/* No text of the wire moves the cursor, turns the direction or hides. */
static void hostile(void **state)
{
    static const struct {
        const char *text, *shown;
        size_t columns;
    } cases[] = {
        {"plain", "plain", 80},
        {"a\033]0;title\007b", "a\\x1b]0;title\\x07b", 80},
        {"\r\n\t\\", "\\r\\n\\t\\\\", 80},
        {"\x7f\x01", "\\x7f\\x01", 80},
        {"\xc2\x9b"
         "31m",
         "\\u{9b}31m", 80}, /* CSI of C1 */
        {"\x9b"
         "31m",
         "\\x9b31m", 80}, /* the same as one octet */
        {"\xe2\x80\xae"
         "gpj.exe",
         "\\u{202e}gpj.exe", 80}, /* right to left override */
        {"\xe2\x81\xa6x\xe2\x81\xa9", "\\u{2066}x\\u{2069}", 80},
        {"\xe2\x80\x8f\xd8\x9c\xe2\x80\x8b", "\\u{200f}\\u{61c}\\u{200b}", 80},
        {"\xe2\x80\xa8", "\\u{2028}", 80},
        {"\xf3\xa0\x81\x81", "\\u{e0041}", 80}, /* a tag character */
        {"\xe2\x82", "\\xe2\\x82", 80},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", 80},
        {"12345", "12345", 5},
        {"123456", "1234\xe2\x80\xa6", 5},
        {"123\033", "123\xe2\x80\xa6", 5},                           /* no half escapes */
        {"\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad\xe6\x96\x87", 4}, /* two columns each */
        {"\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad\xe2\x80\xa6", 3},
        {"x", "", 0},
    };
    struct buf out;
    (void)state;
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&out);
        size_t used = plain_add(&out, bytes_of_string(cases[i].text), cases[i].columns);
        assert_true(used <= cases[i].columns);
        assert_int_equal(used, plain_width(buf_bytes(&out)));
        buf_add_byte(&out, 0);
        assert_string_equal((const char *)out.data, cases[i].shown);
    }
    buf_reset(&out);
    char marks[201] = "a";
    for (size_t i = 1; i + 2 < sizeof marks; i += 2)
        memcpy(marks + i, "\xcc\x80", 2); /* a letter with a hundred accents */
    plain_add(&out, bytes_of_string(marks), 80);
    assert_true(out.len < 20);
    buf_release(&out);
}

static void amounts(void **state)
{
    static const struct {
        uint64_t n;
        const char *size, *duration, *number;
    } cases[] = {
        {0, "0 B", "0 us", "0"},
        {999, "999 B", "999 us", "999"},
        {1000, "1.0 kB", "1.0 ms", "1,000"},
        {999949, "999.9 kB", "999.9 ms", "999,949"},
        {999950, "1.0 MB", "1000.0 ms", "999,950"},
        {90000000, "90.0 MB", "90.00 s", "90,000,000"},
        {3600000000, "3.6 GB", "60.0 min", "3,600,000,000"},
        {36000000000, "36.0 GB", "10.0 h", "36,000,000,000"},
        {864000000000, "864.0 GB", "10.0 d", "864,000,000,000"},
        {UINT64_MAX, "18.4 EB", "584542 y", "18,446,744,073,709,551,615"},
    };
    struct buf out;
    (void)state;
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&out);
        plain_add_size(&out, cases[i].n);
        buf_add_byte(&out, 0);
        assert_string_equal((const char *)out.data, cases[i].size);
        buf_reset(&out);
        plain_add_duration(&out, cases[i].n);
        buf_add_byte(&out, 0);
        assert_string_equal((const char *)out.data, cases[i].duration);
        buf_reset(&out);
        plain_add_number(&out, cases[i].n);
        buf_add_byte(&out, 0);
        assert_string_equal((const char *)out.data, cases[i].number);
    }
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(session, setup, teardown),
        cmocka_unit_test_setup_teardown(message, setup, teardown),
        cmocka_unit_test_setup_teardown(auth, setup, teardown),
        cmocka_unit_test_setup_teardown(behind_a_proxy, setup, teardown),
        cmocka_unit_test_setup_teardown(tls_and_stats, setup, teardown),
        cmocka_unit_test_setup_teardown(colours, setup, teardown),
        cmocka_unit_test(hostile),
        cmocka_unit_test(amounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
