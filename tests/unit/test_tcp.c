/* What no dialogue can say of TCP: data on a SYN, simultaneous open, octets that are compared when they come again. */
#include "base/buf.h"
#include "base/clock.h"
#include "capture/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct stream {
    struct tcp tcp;
    struct limits limits;
    struct tcp_budget budget;
    struct buf out[2]; /* what came out of each side; a gap as '_' for each octet */
    int64_t now;
};

static void on_data(void *arg, int side, struct bytes data, const struct octets *where)
{
    struct stream *s = arg;
    (void)where;
    buf_add(&s->out[side], data);
}

static void on_gap(void *arg, int side, uint64_t len, const struct octets *where)
{
    struct stream *s = arg;
    (void)where;
    while (len--)
        buf_add_byte(&s->out[side], '_');
}

static const struct tcp_reader reader = {on_data, on_gap};

static void begin(struct stream *s)
{
    *s = (struct stream){.now = CLOCK_S};
    limits_init(&s->limits);
    s->budget.limits = &s->limits;
    buf_init(&s->out[0], 65536);
    buf_init(&s->out[1], 65536);
}

static void end(struct stream *s)
{
    tcp_release(&s->tcp, &s->budget);
    assert_int_equal(s->budget.held, 0);
    buf_release(&s->out[0]);
    buf_release(&s->out[1]);
}

static void segment(struct stream *s, int side, uint8_t flags, uint32_t seq, uint32_t ack, const char *text)
{
    struct packet p = {.when = s->now += CLOCK_MS, .ip_version = 4, .tcp_flags = flags, .seq = seq, .ack = ack};
    p.payload = bytes_of_string(text);
    p.payload_wire = (uint32_t)p.payload.len;
    p.ip_id = (uint16_t)(s->now / CLOCK_MS);
    tcp_segment(&s->tcp, side, &p, &s->budget, &reader, s);
}

static void assert_out(struct stream *s, int side, const char *expected)
{
    buf_add_byte(&s->out[side], 0);
    assert_string_equal((const char *)s->out[side].data, expected);
    s->out[side].len--;
}

static void data_on_syn(void **state)
{
    struct stream s;
    (void)state;
    begin(&s);
    segment(&s, 0, TCP_SYN, 100, 0, "EHLO a\r\n");
    segment(&s, 1, TCP_SYN | TCP_ACK, 500, 109, "");
    segment(&s, 0, TCP_ACK, 109, 501, "QUIT\r\n");
    assert_out(&s, 0, "EHLO a\r\nQUIT\r\n");
    end(&s);
}

/* The server did not take what came with the SYN (RFC 7413 3): it is sent again, and told once. */
static void data_on_syn_refused(void **state)
{
    struct stream s;
    (void)state;
    begin(&s);
    segment(&s, 0, TCP_SYN, 100, 0, "EHLO a\r\n");
    segment(&s, 1, TCP_SYN | TCP_ACK, 500, 101, "");
    segment(&s, 0, TCP_ACK, 101, 501, "EHLO a\r\nQUIT\r\n");
    assert_out(&s, 0, "EHLO a\r\nQUIT\r\n");
    assert_int_equal(s.tcp.half[0].conflicts, 0);
    end(&s);
}

static void simultaneous_open(void **state)
{
    struct stream s;
    (void)state;
    begin(&s);
    segment(&s, 0, TCP_SYN, 100, 0, "");
    segment(&s, 1, TCP_SYN, 500, 0, "");
    segment(&s, 0, TCP_SYN | TCP_ACK, 100, 501, "");
    segment(&s, 1, TCP_SYN | TCP_ACK, 500, 101, "");
    segment(&s, 1, TCP_ACK, 501, 101, "220 a\r\n");
    segment(&s, 0, TCP_ACK, 101, 508, "QUIT\r\n");
    assert_out(&s, 0, "QUIT\r\n");
    assert_out(&s, 1, "220 a\r\n");
    assert_int_equal(s.tcp.half[0].retrans + s.tcp.half[1].retrans, 0);
    end(&s);
}

/* Of more octets than are kept the last are compared, over the end of the ring. */
static void conflicts_in_tail(void **state)
{
    struct stream s;
    char text[TCP_TAIL * 2 + 1];
    (void)state;
    begin(&s);
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    segment(&s, 0, TCP_SYN, 100, 0, "");
    segment(&s, 1, TCP_SYN | TCP_ACK, 500, 101, "");
    segment(&s, 0, TCP_ACK, 101, 501, "xy");
    segment(&s, 0, TCP_ACK, 103, 501, text);
    text[0] = 'b'; /* too long ago */
    text[TCP_TAIL] = text[TCP_TAIL * 2 - 1] = 'b';
    segment(&s, 0, TCP_ACK, 103, 501, text);
    assert_int_equal(s.tcp.half[0].conflicts, 2);
    end(&s);
}

/* The client's data and its acknowledgment of the SYN-ACK were captured before the SYN-ACK. */
static void syn_ack_late(void **state)
{
    struct stream s;
    (void)state;
    begin(&s);
    segment(&s, 0, TCP_SYN, 100, 0, "");
    segment(&s, 0, TCP_ACK, 101, 501, "");
    segment(&s, 1, TCP_ACK, 501, 101, "220 a\r\n");
    segment(&s, 1, TCP_SYN | TCP_ACK, 500, 101, "");
    assert_out(&s, 1, "220 a\r\n");
    assert_false(s.tcp.half[1].midway);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_on_syn),       cmocka_unit_test(data_on_syn_refused), cmocka_unit_test(simultaneous_open),
        cmocka_unit_test(conflicts_in_tail), cmocka_unit_test(syn_ack_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
