/* Dialogue files: what is read, which packets it becomes, what the packets acknowledge. */
#include "base/clock.h"
#include "dialogue.h"
#include "normal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void parse(struct dialogue_file *d, const char *text)
{
    struct error err = {{0}};

    if (!dialogue_file_parse(d, "dialogues/smtp-test.txt", bytes_of_string(text), &err))
        fail_msg("%s", err.text);
}

/* Only the packets with payload, as "C:seq:ack:text" with places counted from the beginning of the stream. */
static void expect(const char *text, const char *const *expected)
{
    struct dialogue_file d;
    struct trace t;
    size_t n = 0;

    parse(&d, text);
    dialogue_file_packets(&d, &t);
    for (size_t i = 0; i < t.count; i++) {
        const struct packet *p = &t.segments[i].packet;
        bool server = p->sport == d.port;
        uint32_t isn = d.isn + 1, far = d.isn + 500001;
        char line[200];

        if (p->payload.len == 0)
            continue;
        snprintf(line, sizeof(line), "%c:%u:%u:%.*s", server ? 'S' : 'C', p->seq - (server ? far : isn),
                 p->ack - (server ? isn : far), (int)p->payload.len, (const char *)p->payload.data);
        assert_non_null(expected[n]);
        assert_string_equal(line, expected[n]);
        n++;
    }
    assert_null(expected[n]);
    trace_release(&t);
    dialogue_file_release(&d);
}

static void turns_acknowledge_what_stands_before(void **state)
{
    static const char *const expected[] = {"S:0:0:220 a\r\n", "C:0:7:EHLO b\r\nNOOP\r\n", "S:7:14:250 b\r\n", NULL};

    (void)state;
    expect("# a comment\nS: 220 a\nC: EHLO b\nC: NOOP\nS: 250 b\n", expected);
}

static void crossing_turns_do_not(void **state)
{
    static const char *const expected[] = {"S:0:0:220\r\n",  "C:0:5:NOOP\r\n",  "S:5:0:421\r\n",
                                           "C:6:5:QUIT\r\n", "S:10:12:221\r\n", NULL};

    (void)state;
    expect("S: 220\nC: NOOP\nS+: 421\nC+: QUIT\nS: 221\n", expected);
}

static void segments_split_and_joined(void **state)
{
    static const char *const expected[] = {"C:0:0:ab", "C:2:0:c\r\n", "C:5:0:x\r\nx\r\n", "S:0:11:1\r\n", NULL};

    (void)state;
    expect("C| a\nC| b\n--\nC: c\nwait 1s\nC*2: x\nS: 1\n", expected);
}

static void lost_segments_are_counted(void **state)
{
    static const char *const expected[] = {"C:0:0:a\r\n", "C:6:0:c\r\n", "S:0:9:1\r\n", NULL};

    (void)state;
    expect("C: a\nlost C: b\nC: c\nS: 1\n", expected);
}

static void captured_elsewhere_and_twice(void **state)
{
    static const char *const expected[] = {"S:0:3:1\r\n", "C:0:0:a\r\n", "C:3:3:b\r\n", "C:3:3:b\r\n",
                                           "C:6:3:c\r\n", "C:6:3:c\r\n", NULL};

    (void)state;
    expect("C: a\n@-1 S: 1\ndup C: b\nagain C: c\n", expected);
}

static void large_segments_are_cut(void **state)
{
    struct dialogue_file d;
    struct trace t;
    size_t octets = 0;

    (void)state;
    parse(&d, "C*1000: 0123456789\n");
    dialogue_file_packets(&d, &t);
    for (size_t i = 0; i < t.count; i++) {
        assert_true(t.segments[i].packet.payload.len <= 1400);
        octets += t.segments[i].packet.payload.len;
    }
    assert_int_equal(octets, 12000);
    trace_release(&t);
    dialogue_file_release(&d);
}

static void escapes(void **state)
{
    struct dialogue_file d;

    (void)state;
    parse(&d, "C| a\\r\\n\\0\\t\\\\\\xfFz\n");
    assert_int_equal(d.step_count, 1);
    assert_int_equal(d.steps[0].len, 8);
    assert_memory_equal(d.steps[0].octets, "a\r\n\0\t\\\xffz", 8);
    dialogue_file_release(&d);
}

static void settings_are_read(void **state)
{
    struct dialogue_file d;

    (void)state;
    parse(&d, "port: 2525\nmidstream\nipv6\nacks: zero\nonly: server\nkeep: a, b\nlimit: line=600\n"
              "delay: server 2ms\nS: 220\n=\nsession {}\n");
    assert_int_equal(d.port, 2525);
    assert_true(d.midstream && d.ipv6 && d.only_server && !d.only_client);
    assert_int_equal(d.acks, ACKS_ZERO);
    assert_true(texts_have(&d.keep, "a") && texts_have(&d.keep, "b"));
    assert_int_equal(d.limits.line, 600);
    assert_int_equal(d.delay_server, 2 * CLOCK_MS);
    assert_string_equal(d.expected, "session {}\n");
    dialogue_file_release(&d);
}

static void nonsense_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "acks: soon\nC: a\n",
        "X: a\n",
        "C a\n",
        "C: \\q\n",
        "C: \\x4\n",
        "C! reset\n",
        "wait long\nC: a\n",
        "C: a\nport: 5\n",
        "C*0: a\n",
        "@2 C: a\n",
        "limit: x=1\nC: a\n",
        "S\n",
        "C+99999: a\n",
        "port: 0\nC: a\n",
        "wait -1s\nC: a\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct dialogue_file d;
        struct error err = {{0}};

        if (dialogue_file_parse(&d, "x", bytes_of_string(texts[i]), &err))
            fail_msg("taken: %s", texts[i]);
        assert_true(strlen(err.text) > 0);
        dialogue_file_release(&d);
    }
}

static void handshake_and_end(void **state)
{
    static const uint8_t flags[] = {TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK,           TCP_PSH | TCP_ACK,
                                    TCP_ACK, TCP_FIN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_ACK};
    struct dialogue_file d;
    struct trace t;

    (void)state;
    parse(&d, "acks: every\nisn: 4294967290\nS: 220 long enough to wrap\n");
    dialogue_file_packets(&d, &t);
    assert_int_equal(t.count, sizeof(flags));
    for (size_t i = 0; i < t.count; i++) {
        assert_int_equal(t.segments[i].packet.tcp_flags, flags[i]);
        assert_int_equal(t.segments[i].packet.frame, i + 1);
    }
    assert_int_equal(t.segments[7].packet.ack, t.segments[6].packet.seq + 1);
    trace_release(&t);
    dialogue_file_release(&d);
}

static void normal_form_of_records(void **state)
{
    static const char ndjson[] = "{\"v\":1,\"type\":\"session\",\"ts\":\"x\",\"proto\":\"smtp\",\"commands\":"
                                 "[{\"at_us\":5,\"verb\":\"NOOP\",\"frame\":4},{\"verb\":\"QUIT\"}],\"caps\":[\"A\"]}\n"
                                 "{\"type\":\"stats\"}\n";
    struct normal n = {0};
    struct buf out;
    struct error err;

    (void)state;
    buf_init(&out, SIZE_MAX);
    assert_true(normal_form(&n, bytes_of_string(ndjson), &out, &err));
    buf_add_byte(&out, 0);
    assert_string_equal((const char *)out.data, "session {\"proto\":\"smtp\",\"caps\":[\"A\"]}\n"
                                                "  commands {\"verb\":\"NOOP\"}\n  commands {\"verb\":\"QUIT\"}\n");
    assert_false(normal_form(&n, BYTES("{\"type\":\"a\",\"x\":1,\"x\":2}\n"), &out, &err));
    assert_false(normal_form(&n, BYTES("{\"type\":\"a\""), &out, &err));
    assert_false(normal_form(&n, BYTES("{\"type\":\"a\"} \n"), &out, &err));
    assert_false(normal_form(&n, BYTES("{\"type\":\"\xff\"}\n"), &out, &err));
    buf_release(&out);
}

static void secrets_are_found(void **state)
{
    struct texts secrets = {0};

    (void)state;
    texts_add(&secrets, BYTES("hunter22"));
    assert_non_null(normal_secret(&secrets, BYTES("x hunter22 y")));
    assert_non_null(normal_secret(&secrets, BYTES("AGFsaWNlAGh1bnRlcjIy"))); /* \0alice\0hunter22 */
    assert_non_null(normal_secret(&secrets, BYTES("aHVudGVyMjI=")));
    assert_non_null(normal_secret(&secrets, BYTES("eGh1bnRlcjIyeA=="))); /* xhunter22x */
    assert_null(normal_secret(&secrets, BYTES("hunter2 aHVudGVyMw==")));
    texts_release(&secrets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_acknowledge_what_stands_before),
        cmocka_unit_test(crossing_turns_do_not),
        cmocka_unit_test(segments_split_and_joined),
        cmocka_unit_test(lost_segments_are_counted),
        cmocka_unit_test(captured_elsewhere_and_twice),
        cmocka_unit_test(large_segments_are_cut),
        cmocka_unit_test(escapes),
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(handshake_and_end),
        cmocka_unit_test(normal_form_of_records),
        cmocka_unit_test(secrets_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
