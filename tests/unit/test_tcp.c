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
    tcp_budget_release(&s->budget);
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
    assert_int_equal(tcp_side(&s.tcp, 0).conflicts, 0);
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
    assert_int_equal(tcp_side(&s.tcp, 0).retrans + tcp_side(&s.tcp, 1).retrans, 0);
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
    assert_int_equal(tcp_side(&s.tcp, 0).conflicts, 2);
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
    assert_false(tcp_side(&s.tcp, 1).midway);
    end(&s);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* A few octets from about where the side stands, with what the other side has said acknowledged, or nearly. */
static void segment_at_random(struct stream *s, uint32_t *random, int side, uint32_t sent[2], struct packet *p)
{
    static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint32_t odd = next_random(random) % 500, from = sent[side] % 20;
    *p = (struct packet){.when = s->now, .frame = (uint64_t)s->now, .ip_version = 4, .tcp_flags = TCP_ACK};
    p->seq = sent[side];
    p->ack = sent[!side];
    p->ip_id = (uint16_t)next_random(random);
    p->payload = bytes_of(text + from, next_random(random) % 3 ? next_random(random) % 12 : 0);
    if (odd == 1)
        p->seq += next_random(random) % 40;
    if (odd == 2)
        p->seq -= next_random(random) % 40;
    if (odd == 3)
        p->ack += next_random(random) % 40;
    if (odd == 4)
        p->ack -= next_random(random) % 40;
    if (odd == 5)
        p->tcp_flags = (uint8_t)(next_random(random) % 64);
    if (odd == 6)
        p->ack = next_random(random) << 8;
    p->payload_wire = (uint32_t)p->payload.len + (odd == 7 ? 9 : 0);
    if (odd != 1 && odd != 8)
        sent[side] = p->seq + p->payload_wire;
}

static void assert_same_side(const struct tcp *a, const struct tcp *b, int side)
{
    struct tcp_side x = tcp_side(a, side), y = tcp_side(b, side);
    assert_memory_equal(&x, &y, offsetof(struct tcp_side, syn)); /* numbers; then flags and padding */
    assert_true(x.syn == y.syn && x.midway == y.midway && x.acks_unusable == y.acks_unusable);
    assert_int_equal(tcp_start(a, side), tcp_start(b, side));
    assert_int_equal(tcp_closed(a, side), tcp_closed(b, side));
    assert_int_equal(tcp_dark(a, side), tcp_dark(b, side));
    assert_int_equal(tcp_acks_unknown(a, side), tcp_acks_unknown(b, side));
    assert_int_equal(tcp_acked_unseen(a, side), tcp_acked_unseen(b, side));
}

/* The short account says at each step what the full one says. */
static void calm_is_the_same(void **state)
{
    uint64_t calm = 0;
    (void)state;
    for (uint32_t seed = 1; seed <= 400; seed++) {
        struct stream s[2];
        uint32_t random = seed, sent[2] = {seed % 3 ? 1000 : UINT32_MAX - 500, 70000};
        begin(&s[0]);
        begin(&s[1]);
        s[1].budget.never_calm = true;
        for (int i = 0; i < 2 && seed % 5; i++) {
            segment(&s[i], 0, TCP_SYN, sent[0] - 1, 0, "");
            segment(&s[i], 1, TCP_SYN | TCP_ACK, sent[1] - 1, sent[0], "");
        }
        for (int n = 0; n < 300; n++) {
            struct packet p;
            int side = (int)(next_random(&random) & 1);
            s[0].now += CLOCK_MS * (next_random(&random) % 100 ? 1 : 1000);
            segment_at_random(&s[0], &random, side, sent, &p);
            for (int copies = next_random(&random) % 50 ? 1 : 2; copies; copies--)
                for (int i = 0; i < 2; i++)
                    tcp_segment(&s[i].tcp, side, &p, &s[i].budget, &reader, &s[i]);
            calm += !s[0].tcp.trouble;
            for (int i = 0; i < 2; i++) {
                assert_int_equal(s[0].out[i].len, s[1].out[i].len);
                assert_same_side(&s[0].tcp, &s[1].tcp, i);
            }
            assert_int_equal(tcp_end_when(&s[0].tcp), tcp_end_when(&s[1].tcp));
        }
        for (int i = 0; i < 2; i++)
            tcp_finish(&s[i].tcp, &s[i].budget, &reader, &s[i]);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(s[0].out[i].len, s[1].out[i].len);
            assert_memory_equal(s[0].out[i].data, s[1].out[i].data, s[0].out[i].len);
            assert_same_side(&s[0].tcp, &s[1].tcp, i);
        }
        end(&s[0]);
        end(&s[1]);
    }
    assert_true(calm > 10000);
}

/* Every second octet, the last first: none can be given on before the first comes, and each finds its place at once. */
static void held_backwards(void **state)
{
    enum { COUNT = 200000 };
    struct stream s;
    (void)state;
    begin(&s);
    s.limits.segments = s.limits.held = UINT64_C(1) << 30;
    segment(&s, 0, TCP_SYN, 100, 0, "");
    segment(&s, 1, TCP_SYN | TCP_ACK, 500, 101, "");
    for (uint32_t i = COUNT; i-- > 1;) {
        segment(&s, 0, TCP_ACK, 101 + 2 * i, 501, "a");
        if (i == COUNT - 1)
            segment(&s, 1, TCP_ACK, 501, 101, ""); /* it is captured, and misses the beginning */
    }
    assert_int_equal(s.budget.held, (COUNT - 1) * UINT64_C(65));
    assert_int_equal(s.out[0].len, 0);
    for (uint32_t i = 0; i < COUNT; i++)
        segment(&s, 0, TCP_ACK, 101 + 2 * i + 1, 501, "b");
    segment(&s, 0, TCP_ACK, 101, 501, "a");
    assert_int_equal(tcp_side(&s.tcp, 0).octets, 2 * COUNT);
    assert_int_equal(tcp_side(&s.tcp, 0).conflicts, 0);
    assert_int_equal(tcp_side(&s.tcp, 0).missed, 0);
    assert_int_equal(s.budget.held, 0);
    end(&s);
}

/* Which copy of held octets is read is a policy; what was given on stays. */
static void overlap_policy(void **state)
{
    (void)state;
    for (int last = 0; last < 2; last++) {
        struct stream s;
        begin(&s);
        s.budget.last_wins = last;
        segment(&s, 0, TCP_SYN, 100, 0, "");
        segment(&s, 1, TCP_SYN | TCP_ACK, 500, 101, "");
        segment(&s, 0, TCP_ACK, 106, 501, "bob");
        segment(&s, 0, TCP_ACK, 105, 501, " eve\r\n");
        segment(&s, 0, TCP_ACK, 101, 501, "VRFY");
        segment(&s, 0, TCP_ACK, 101, 501, "DATA");
        assert_out(&s, 0, last ? "VRFY eve\r\n" : "VRFY bob\r\n");
        assert_int_equal(tcp_side(&s.tcp, 0).conflicts, 3 + 4);
        assert_int_equal(tcp_side(&s.tcp, 0).conflicts_last, last ? 3 : 0);
        end(&s);
    }
}

/* A segment far ahead is left out, and what comes in order after it is not. */
static void outside_window(void **state)
{
    struct stream s;
    (void)state;
    begin(&s);
    segment(&s, 0, TCP_SYN, 100, 0, "");
    segment(&s, 1, TCP_SYN | TCP_ACK, 500, 101, "");
    segment(&s, 0, TCP_ACK, 101, 501, "one ");
    segment(&s, 0, TCP_ACK, 101 + (1 << 30), 501, "far");
    segment(&s, 0, TCP_ACK, 105, 501, "two ");
    segment(&s, 1, TCP_ACK, 501, 109, "");
    segment(&s, 0, TCP_ACK, 109, 501, "three");
    assert_out(&s, 0, "one two three");
    assert_int_equal(tcp_side(&s.tcp, 0).outside, 1);
    end(&s);
}

/* An outage of the capture: the other side acknowledges octets there, so the segments are no forgery. */
static void outage(void **state)
{
    struct stream s;
    uint32_t far = 105 + (1 << 25);
    (void)state;
    begin(&s);
    segment(&s, 0, TCP_SYN, 100, 0, "");
    segment(&s, 1, TCP_SYN | TCP_ACK, 500, 101, "");
    segment(&s, 0, TCP_ACK, 101, 501, "one ");
    segment(&s, 0, TCP_ACK, far, 501, "two ");
    segment(&s, 1, TCP_ACK, 501, far + 4, "");
    segment(&s, 0, TCP_ACK, far + 4, 501, "three");
    segment(&s, 1, TCP_ACK, 501, far + 9, "");
    for (uint32_t i = 0; i < 4; i++)
        segment(&s, 0, TCP_ACK, far + 9 + i, 501, "x");
    assert_int_equal(tcp_side(&s.tcp, 0).octets, 4 + 5 + 4);
    assert_int_equal(tcp_side(&s.tcp, 0).missed, (1 << 25) + 4);
    end(&s);
}

/* The other side takes what stands beyond the FIN: it had not seen it. */
static void fin_ignored(void **state)
{
    struct stream s;
    (void)state;
    begin(&s);
    segment(&s, 0, TCP_SYN, 100, 0, "");
    segment(&s, 1, TCP_SYN | TCP_ACK, 500, 101, "");
    segment(&s, 0, TCP_FIN | TCP_ACK, 101, 501, "");
    segment(&s, 1, TCP_FIN | TCP_ACK, 501, 101, "");
    assert_true(tcp_closed(&s.tcp, 0) && tcp_closed(&s.tcp, 1) && tcp_end_when(&s.tcp));
    segment(&s, 0, TCP_ACK, 101, 501, "NOOP\r\n");
    segment(&s, 1, TCP_ACK, 501, 107, "250 ok\r\n");
    segment(&s, 0, TCP_ACK, 107, 509, "QUIT\r\n");
    assert_false(tcp_closed(&s.tcp, 0) || tcp_closed(&s.tcp, 1) || tcp_end_when(&s.tcp));
    assert_out(&s, 0, "NOOP\r\nQUIT\r\n");
    assert_out(&s, 1, "250 ok\r\n");
    end(&s);
}

/* RFC 6093: the urgent octet is one of the stream. */
static void urgent_data(void **state)
{
    struct stream s;
    (void)state;
    begin(&s);
    segment(&s, 0, TCP_SYN, 100, 0, "");
    segment(&s, 1, TCP_SYN | TCP_ACK, 500, 101, "");
    segment(&s, 0, TCP_ACK | TCP_URG, 101, 501, "NOXOP\r\n");
    segment(&s, 1, TCP_ACK, 501, 108, "");
    assert_out(&s, 0, "NOXOP\r\n");
    assert_int_equal(tcp_side(&s.tcp, 0).urgent, 1);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_on_syn),
        cmocka_unit_test(data_on_syn_refused),
        cmocka_unit_test(simultaneous_open),
        cmocka_unit_test(conflicts_in_tail),
        cmocka_unit_test(syn_ack_late),
        cmocka_unit_test(outside_window),
        cmocka_unit_test(outage),
        cmocka_unit_test(fin_ignored),
        cmocka_unit_test(urgent_data),
        cmocka_unit_test(calm_is_the_same),
        cmocka_unit_test(held_backwards),
        cmocka_unit_test(overlap_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
