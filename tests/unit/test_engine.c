/* A connection more than there is memory for: what goes first, what is told of it, and what it costs. */
#include "base/clock.h"
#include "base/memory.h"
#include "engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct told {
    struct engine *engine;
    uint64_t memory;
    uint64_t sessions, evicted; /* records of them, with `evicted` as their end */
    uint64_t peak;
    uint64_t frame;
    int64_t now;
};

static bool was_evicted(const struct record *r)
{
    struct entry e;
    for (size_t at = 0; record_next(r, &at, &e);)
        if (e.field == F_session_close)
            return bytes_equal(e.text, BYTES("evicted"));
    return false;
}

static void emit(void *arg, struct record *r)
{
    struct told *t = arg;
    if (record_kind(r) == KIND_session) {
        t->sessions++;
        t->evicted += was_evicted(r);
    }
    record_free(r);
}

static void begin(struct told *t, uint64_t memory)
{
    struct engine_settings settings;
    *t = (struct told){.now = CLOCK_S, .memory = memory};
    engine_settings_init(&settings);
    settings.memory = memory;
    settings.emit = emit;
    settings.arg = t;
    t->engine = engine_new(&settings);
}

static void finish(struct told *t)
{
    uint64_t first;
    engine_all_due(t->engine, ENGINE_EOF);
    while (engine_next_due(t->engine, &first))
        engine_end_due(t->engine);
}

static void end(struct told *t)
{
    assert_true(t->peak <= t->memory);
    engine_free(t->engine);
}

static void send(struct told *t, uint32_t client, bool from_client, uint8_t flags, uint32_t seq, uint32_t ack,
                 const char *text)
{
    struct packet p = {.frame = ++t->frame, .when = t->now += CLOCK_US, .ip_version = 4, .tcp_flags = flags};
    struct address a = {{10, (uint8_t)(client >> 24), (uint8_t)(client >> 16), (uint8_t)(client >> 8)}};
    struct address b = {{192, 0, 2, 1}};
    uint16_t port = (uint16_t)(1024 + (client & 255));
    p.src = from_client ? a : b;
    p.dst = from_client ? b : a;
    p.sport = from_client ? port : 25;
    p.dport = from_client ? 25 : port;
    p.seq = seq;
    p.ack = ack;
    p.ip_id = (uint16_t)t->frame;
    p.payload = bytes_of_string(text);
    p.payload_wire = (uint32_t)p.payload.len;
    engine_packet(t->engine, &p);
    t->peak = engine_memory(t->engine) > t->peak ? engine_memory(t->engine) : t->peak;
}

static void open_connection(struct told *t, uint32_t client)
{
    send(t, client, true, TCP_SYN, 100, 0, "");
    send(t, client, false, TCP_SYN | TCP_ACK, 500, 101, "");
    send(t, client, true, TCP_ACK, 101, 501, "");
}

static void greet(struct told *t, uint32_t client)
{
    open_connection(t, client);
    send(t, client, false, TCP_ACK, 501, 101, "220 mx ESMTP\r\n");
    send(t, client, true, TCP_ACK, 101, 515, "EHLO a\r\n");
    send(t, client, false, TCP_ACK, 515, 109, "250 mx\r\n");
    send(t, client, true, TCP_ACK, 109, 523, "");
}

/* A session goes on through a flood of SYNs, which does not take more than it may. */
static void flood_of_syns(void **state)
{
    enum { COUNT = 100000 };
    struct told t;
    (void)state;
    begin(&t, UINT64_C(2) << 20);
    greet(&t, 0);
    for (uint32_t i = 1; i <= COUNT; i++)
        send(&t, i, true, TCP_SYN, i, 0, "");
    send(&t, 0, true, TCP_ACK, 109, 523, "QUIT\r\n");
    send(&t, 0, false, TCP_ACK, 523, 115, "221 bye\r\n");
    const struct engine_counts *counts = engine_counts(t.engine);
    assert_int_equal(counts->flows_created, COUNT + 1);
    assert_true(counts->handshakes_evicted > COUNT / 2);
    assert_true(counts->handshakes_evicted < COUNT - 10000); /* at most 100 octets each */
    assert_int_equal(counts->flows_evicted, counts->handshakes_evicted);
    finish(&t);
    assert_int_equal(counts->flows_empty, COUNT);
    assert_int_equal(t.sessions, 1);
    assert_int_equal(t.evicted, 0);
    end(&t);
}

/* As above, but the handshakes are completed: then they are worth no more. */
static void flood_of_handshakes(void **state)
{
    enum { COUNT = 30000 };
    struct told t;
    (void)state;
    begin(&t, UINT64_C(2) << 20);
    greet(&t, 0);
    for (uint32_t i = 1; i <= COUNT; i++)
        open_connection(&t, i);
    const struct engine_counts *counts = engine_counts(t.engine);
    assert_true(counts->handshakes_evicted > COUNT / 2);
    assert_true(counts->handshakes_evicted < COUNT - 5000);
    assert_int_equal(counts->flows_evicted, counts->handshakes_evicted);
    finish(&t);
    assert_int_equal(t.sessions, 1);
    end(&t);
}

/* Sessions that wait for nothing go before one whose command was not answered, though it was idle for longer; each
   that goes is told of. */
static void flood_of_sessions(void **state)
{
    enum { COUNT = 3000 };
    struct told t;
    (void)state;
    begin(&t, UINT64_C(1) << 20);
    greet(&t, 0);
    send(&t, 0, true, TCP_ACK, 109, 523, "NOOP\r\n");
    for (uint32_t i = 1; i <= COUNT; i++)
        greet(&t, i);
    uint64_t evicted = t.evicted;
    const struct engine_counts *counts = engine_counts(t.engine);
    assert_true(evicted > 0);
    assert_int_equal(counts->handshakes_evicted, 0);
    assert_int_equal(counts->flows_evicted, evicted);
    send(&t, 0, false, TCP_ACK, 523, 115, "250 ok\r\n");
    finish(&t);
    assert_int_equal(t.evicted, evicted);
    assert_int_equal(t.sessions, COUNT + 1);
    end(&t);
}

/* Held segments count: a flow that holds much is not let grow at the cost of all others for ever. */
static void flood_of_held(void **state)
{
    struct told t;
    (void)state;
    begin(&t, UINT64_C(1) << 20);
    for (uint32_t i = 0; i < 100; i++) {
        greet(&t, i);
        for (uint32_t n = 1; n < 1000; n++)
            send(&t, i, true, TCP_ACK, 109 + 2 * n, 523, "x");
    }
    assert_true(engine_counts(t.engine)->flows_evicted > 50);
    finish(&t);
    assert_int_equal(t.sessions, 100);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flood_of_syns),
        cmocka_unit_test(flood_of_handshakes),
        cmocka_unit_test(flood_of_sessions),
        cmocka_unit_test(flood_of_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
