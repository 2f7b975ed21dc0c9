/* The report: what it adds up, and the bounded counts it rests on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "format_fixture.h"
#include "output/histogram.h"
#include "output/plain.h"
#include "output/table.h"
#include "output/topk.h"

#include <stdio.h>
#include <stdlib.h>

static int setup(void **state)
{
    *state = fixture_new(&format_summary);
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

static void give(struct fixture *x, struct record *r)
{
    format_summary.record(x->format, r, &x->out);
    record_free(r);
    assert_int_equal(x->out.len, 0);
}

static struct record *record_of(struct fixture *x, enum kind k, const char *proto, int64_t second)
{
    struct record *r = record_new(k, &x->limits);
    record_time(r, F_all_ts, (1795322778 + second) * INT64_C(1000000000));
    record_word(r, F_all_proto, proto);
    record_word(r, F_all_client_ip, "192.0.2.7");
    record_number(r, F_all_client_port, 51514);
    record_word(r, F_all_server_ip, proto[0] == 's' ? "198.51.100.25" : "2001:db8::1");
    record_number(r, F_all_server_port, proto[0] == 's' ? 25 : 143);
    return r;
}

static void add_command(struct record *r, const char *verb, uint64_t code, uint64_t latency)
{
    record_begin(r, F_session_commands);
    record_text(r, F_command_verb, bytes_of_string(verb));
    if (code)
        record_number(r, F_command_code, code);
    if (latency)
        record_number(r, F_command_latency_us, latency);
    if (!strcmp(verb, "DATA"))
        record_number(r, F_command_final_code, 250);
    record_end(r);
}

static struct record *session(struct fixture *x, bool last)
{
    struct record *r = record_of(x, KIND_session, "smtp", 0);
    record_word(r, F_session_visibility, "full");
    record_number(r, F_session_bytes_c2s, 1500);
    record_number(r, F_session_bytes_s2c, 500);
    record_text(r, F_session_helo, BYTES("probe"));
    add_command(r, "EHLO", 250, 900);
    add_command(r, "RCPT", 250, 1000);
    add_command(r, "RCPT", 550, 3000);
    add_command(r, "DATA", 354, 21000);
    add_command(r, "QUIT", 0, 0);
    if (!last) {
        record_number(r, F_session_part, 0);
        return r;
    }
    record_word(r, F_session_close, "fin");
    record_number(r, F_session_messages, 1);
    record_number(r, F_session_rcpt_ok, 1);
    record_number(r, F_session_missed_c2s, 100);
    record_word(r, F_all_quality, "gap");
    record_count(r, F_session_anomalies, BYTES("bare_lf"), 3);
    return r;
}

static struct record *message(struct fixture *x)
{
    struct record *r = record_of(x, KIND_message, "smtp", 1);
    record_word(r, F_message_via, "DATA");
    record_text(r, F_message_mail_from, BYTES("a\033@example.org"));
    record_begin(r, F_message_rcpt);
    record_text(r, F_rcpt_addr, BYTES("b@Example.NET"));
    record_word(r, F_rcpt_verdict, "accepted");
    record_end(r);
    record_begin(r, F_message_rcpt);
    record_text(r, F_rcpt_addr, BYTES("c@example.net"));
    record_word(r, F_rcpt_verdict, "rejected");
    record_end(r);
    record_word(r, F_message_verdict, "accepted");
    return r;
}

/* Is there a line of exactly these words? */
static void assert_row(struct fixture *x, const char *words)
{
    struct bytes text = buf_bytes(&x->out);
    while (text.len) {
        size_t end = bytes_index(text, '\n');
        struct bytes line = bytes_part(text, 0, end), rest = bytes_of_string(words), word;
        bool same = true;
        while (same && (word = bytes_word(&rest)).len)
            same = bytes_equal(word, bytes_word(&line));
        if (same && !bytes_word(&line).len)
            return;
        text = bytes_part(text, end + 1, text.len);
    }
    fail_msg("no line '%s' in:\n%.*s", words, (int)x->out.len, (const char *)x->out.data);
}

static void assert_tidy(struct fixture *x)
{
    struct bytes text = buf_bytes(&x->out);
    for (size_t i = 0; i < text.len; i++)
        assert_true(text.data[i] >= 0x20 || text.data[i] == '\n');
    while (text.len) {
        size_t end = bytes_index(text, '\n');
        struct bytes line = bytes_part(text, 0, end);
        if (plain_width(line) > 100 || (line.len && line.data[line.len - 1] == ' '))
            fail_msg("too wide, or blanks at its end: %.*s", (int)line.len, (const char *)line.data);
        text = bytes_part(text, end + 1, text.len);
    }
}

static void report(void **state)
{
    struct fixture *x = *state;
    give(x, session(x, false)); /* a part: its commands count, its counters come again with the last */
    give(x, session(x, true));
    give(x, message(x));
    struct record *r = record_of(x, KIND_session, "imap", 2);
    record_word(r, F_session_close, "rst");
    record_word(r, F_session_visibility, "encrypted");
    record_number(r, F_session_bytes_c2s, 2000);
    record_number(r, F_session_bytes_s2c, 6000);
    give(x, r);
    r = record_of(x, KIND_auth, "imap", 90);
    record_text(r, F_auth_mech, BYTES("PLAIN"));
    record_word(r, F_auth_result, "failure");
    record_flag(r, F_auth_cleartext_secret);
    give(x, r);
    r = record_new(KIND_stats, &x->limits);
    record_time(r, F_all_ts, 0); /* is no mail, and no time of it */
    record_count(r, F_stats_capture, BYTES("received"), 12034);
    record_count(r, F_stats_capture, BYTES("dropped_kernel"), 0);
    give(x, r);
    format_summary.finish(x->format, &x->out);

    assert_row(x, "2026-11-22 04:46:18 to 04:47:48 UTC (90.00 s)");
    assert_row(x, "smtp 1 1 1 0 0 1.5 kB 500 B");
    assert_row(x, "imap 1 0 0 0 1 2.0 kB 6.0 kB");
    assert_row(x, "all 2 1 1 0 1 3.5 kB 6.5 kB");
    assert_row(
        x, "sessions 1 100.0 % \xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
           "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96"
           "\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2"
           "\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88");
    assert_row(x, "TLS 0 0.0 %");
    assert_row(x, "transactions 1 0 0 0 0");
    assert_row(x, "recipients 1 0 1 0 0");
    assert_row(x, "198.51.100.25:25 1 192.0.2.7 2");
    assert_row(x, "[2001:db8::1]:143 1");
    assert_row(x, "a\\x1b@example.org 1 example.net 2");
    assert_row(x, "smtp EHLO 2 900 us 900 us 900 us 250 2");
    assert_row(x, "smtp RCPT 4 1.0 ms 3.0 ms 3.0 ms 250 2 550 2");
    assert_row(x, "smtp DATA 2 354 2");
    assert_row(x, "smtp (content) 2 21.0 ms 21.0 ms 21.0 ms 250 2");
    assert_row(x, "smtp QUIT 2 none 2");
    assert_row(x, "PLAIN 0 1 0 0 1");
    assert_row(x, "Secrets exposed in clear text: 1");
    assert_row(x, "3 bare_lf a line ended by LF without CR");
    assert_row(x, "sessions encrypted 1 50.0 %");
    assert_row(x, "octets in them 8.0 kB 80.0 %");
    assert_row(x, "octets not captured 100 B 1.0 %");
    assert_row(x, "sessions with octets missing 1 50.0 %");
    assert_row(x, "capture received 12,034");
    assert_tidy(x);
}

static void nothing(void **state)
{
    struct fixture *x = *state;
    format_summary.finish(x->format, &x->out);
    assert_row(x, "no mail was seen");
    assert_tidy(x);
}

/* More verbs, replies, mechanisms and addresses than there are places for. */
static void bounded(void **state)
{
    struct fixture *x = *state;
    char text[200];
    for (unsigned i = 0; i < 300; i++) {
        struct record *r = record_of(x, KIND_session, "imap", i);
        for (unsigned j = 0; j < 100; j++) {
            snprintf(text, sizeof text, "VERB%u-%060u", j, j);
            add_command(r, text, 100 + (i * 7 + j) % 500, UINT64_MAX >> j % 64);
        }
        record_word(r, F_session_close, "fin");
        record_word(r, F_session_visibility, "full");
        give(x, r);
        r = record_of(x, KIND_auth, "imap", i);
        snprintf(text, sizeof text, "MECH-%u", i);
        record_text(r, F_auth_mech, bytes_of_string(text));
        record_word(r, F_auth_result, "success");
        give(x, r);
        r = record_of(x, KIND_message, "smtp", i);
        memset(text, 'w', sizeof text);
        text[0] = (char)i;
        record_text(r, F_message_mail_from, bytes_of(text, sizeof text));
        give(x, r);
    }
    format_summary.finish(x->format, &x->out);
    assert_row(x, "and 20,400 others");
    assert_row(x, "(others) 277 0 0 0 0");
    assert_tidy(x);
}

static void most_frequent(void **state)
{
    struct topk_entry top[4];
    char key[32];
    (void)state;
    struct topk *t = topk_new(8);
    assert_int_equal(topk_top(t, top, 4), 0);
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "noise%u", i);
        topk_add(t, bytes_of_string(key));
        topk_add(t, BYTES("often"));
        if (i % 2)
            topk_add(t, BYTES("half"));
    }
    assert_int_equal(topk_top(t, top, 4), 4);
    assert_true(bytes_equal(top[0].key, BYTES("often")) && top[0].count == 5000 && top[0].over == 0);
    assert_true(bytes_equal(top[1].key, BYTES("half")));
    assert_true(top[1].count >= 2500 && top[1].count - top[1].over <= 2500);
    assert_true(top[2].over > 0); /* noise says that it is none too sure */
    topk_free(t);

    t = topk_new(100); /* room for all: exact; equal counts in the order of their keys */
    for (unsigned i = 0; i < 100; i++)
        for (unsigned j = 0; j <= i / 10; j++) {
            snprintf(key, sizeof key, "k%02u", 99 - i);
            topk_add(t, bytes_of_string(key));
        }
    assert_int_equal(topk_top(t, top, 3), 3);
    assert_true(bytes_equal(top[0].key, BYTES("k00")) && top[0].count == 10 && top[0].over == 0);
    assert_true(bytes_equal(top[1].key, BYTES("k01")) && bytes_equal(top[2].key, BYTES("k02")));
    topk_free(t);
}

static void percentiles(void **state)
{
    (void)state;
    struct histogram *h = memory_get(sizeof *h);
    assert_int_equal(histogram_percentile(h, 50), 0);
    for (uint64_t i = 1; i <= 1000; i++)
        histogram_add(h, i * 10);
    for (unsigned p = 1; p <= 100; p++) {
        uint64_t exact = (uint64_t)p * 100, got = histogram_percentile(h, p);
        assert_true(got >= exact && got <= exact + exact / 16);
    }
    assert_int_equal(h->max, 10000);
    histogram_add(h, UINT64_MAX);
    histogram_add(h, 0);
    assert_true(histogram_percentile(h, 100) == UINT64_MAX);
    free(h);
}

static void columns(void **state)
{
    struct table t;
    struct buf out;
    (void)state;
    buf_init(&out, 1000);
    table_init(&t, "lrl");
    table_text(&t, "a");
    table_number(&t, 1000);
    table_text(&t, "");
    table_text(&t, "\xe4\xb8\xad");
    table_text(&t, "");
    table_text(&t, "end");
    table_text(&t, "last");
    assert_int_equal(table_rows(&t), 3);
    table_write(&t, &out, 1, "<", ">");
    table_release(&t);
    buf_add_byte(&out, 0);
    assert_string_equal((const char *)out.data, "< a     1,000>\n \xe4\xb8\xad           end\n last\n");
    buf_release(&out);
}

static struct record *visit(struct fixture *x, const char *proto, const char *user, int64_t second)
{
    struct record *r = record_of(x, KIND_session, proto, second);
    record_word(r, F_session_visibility, "full");
    record_word(r, F_session_close, "fin");
    record_number(r, F_session_duration_us, 4000000);
    record_text(r, F_session_user, bytes_of_string(user));
    return r;
}

/* What was done with mailboxes, and how often the same user came back. */
static void mailboxes(void **state)
{
    struct fixture *x = *state;
    struct record *r = visit(x, "imap", "bob", 0);
    for (int i = 0; i < 2; i++) {
        record_begin(r, F_session_opened);
        record_text(r, F_opening_mailbox, BYTES("INBOX"));
        record_end(r);
    }
    record_begin(r, F_session_client_id);
    record_text(r, F_imap_id_name, BYTES("Mail\033er"));
    record_text(r, F_imap_id_version, BYTES("1.2"));
    record_end(r);
    record_number(r, F_session_fetched_whole, 7);
    record_number(r, F_session_fetched_octets, 2000);
    record_number(r, F_session_idle_us, 1000000);
    give(x, r);
    for (int i = 0; i < 4; i++) {
        r = visit(x, "pop3", "ann", 100 + i * 300);
        record_number(r, F_session_left_on_server, 5);
        if (i)
            record_number(r, F_session_since_last_us, 300000000);
        give(x, r);
    }
    format_summary.finish(x->format, &x->out);
    assert_tidy(x);
    assert_row(x, "mailboxes opened 2");
    assert_row(x, "Mail\\x1ber 1.2 1 INBOX 2");
    assert_row(x, "messages fetched whole 7");
    assert_row(x, "octets fetched 2.0 kB");
    assert_row(x, "messages left on the server 20");
    assert_row(x, "time in IDLE 1.00 s");
    assert_row(x, "of the sessions' time 25.0 %");
    assert_row(x, "from session to session of a user, half within 5.0 min");
    assert_row(x, "nine of ten within 5.0 min");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(report, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(mailboxes, setup, teardown),
        cmocka_unit_test_setup_teardown(bounded, setup, teardown),
        cmocka_unit_test(most_frequent),
        cmocka_unit_test(percentiles),
        cmocka_unit_test(columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
