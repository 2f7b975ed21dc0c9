/* Mutations keep what was said: the octets of both directions, who had seen what, and how far a packet may move. */
#include "base/clock.h"
#include "base/memory.h"
#include "dialogue.h"
#include "mutate.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define STREAM 4096

static const char text[] =
    "S: 220 mx\nC: EHLO a\nS: 250-mx\nS: 250 SIZE 1000\nC: MAIL FROM:<a@b>\n--\nC: RCPT TO:<c@d>\n"
    "--\nC: DATA\nS: 250 1\n--\nS: 250 2\n--\nS: 354 go\nC*30: 0123456789012345678901234567890\n"
    "C: .\nS: 250 ok\nC: QUIT\nS+: 421 bye\n";

static void make(struct trace *t)
{
    struct dialogue_file d;
    struct error err;

    assert_true(dialogue_file_parse(&d, "smtp-x.txt", bytes_of_string(text), &err));
    dialogue_file_packets(&d, t);
    dialogue_file_release(&d);
}

/* The first captured copy of each octet of one direction, and the acknowledgment it came with. */
struct stream {
    uint8_t octets[STREAM];
    uint32_t acks[STREAM];
    bool have[STREAM];
};

static void collect(const struct trace *t, bool server, struct stream *s)
{
    uint32_t base = server ? 501001 : 1001;

    memset(s, 0, sizeof(*s));
    for (size_t i = 0; i < t->count; i++) {
        const struct packet *p = &t->segments[i].packet;

        for (size_t k = 0; (p->sport == 25) == server && k < p->payload.len; k++) {
            size_t at = p->seq - base + k;

            assert_true(at < STREAM);
            if (s->have[at]) {
                assert_int_equal(s->octets[at], p->payload.data[k]);
                continue;
            }
            s->have[at] = true;
            s->octets[at] = p->payload.data[k];
            s->acks[at] = p->ack;
        }
    }
}

static void conversations_stay_what_they_were(void **state)
{
    struct trace original;
    struct stream *before = memory_get(2 * sizeof(*before)), *after = memory_get(2 * sizeof(*after));
    size_t changed = 0, longer = 0;

    (void)state;
    make(&original);
    collect(&original, false, before);
    collect(&original, true, before + 1);
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct random r = random_seeded(seed);
        struct trace t;

        trace_copy(&t, &original);
        mutate(&t, &r, true, UINT32_MAX);
        collect(&t, false, after);
        collect(&t, true, after + 1);
        assert_memory_equal(before, after, 2 * sizeof(*before));
        for (size_t i = 1; i < t.count; i++) {
            assert_true(t.segments[i].packet.when >= t.segments[i - 1].packet.when);
            assert_int_equal(t.segments[i].packet.frame, i + 1);
            changed += t.segments[i].packet.seq < t.segments[i - 1].packet.seq &&
                       same_direction(&t.segments[i].packet, &t.segments[i - 1].packet);
        }
        longer += t.count > original.count;
        trace_release(&t);
    }
    assert_true(changed > 1000); /* they do mutate */
    assert_true(longer > 1000);
    free(before);
    free(after);
    trace_release(&original);
}

static void same_seed_same_packets(void **state)
{
    struct trace original, a, b;
    struct random one = random_seeded(7), two = random_seeded(7);

    (void)state;
    make(&original);
    trace_copy(&a, &original);
    trace_copy(&b, &original);
    mutate(&a, &one, true, UINT32_MAX);
    mutate(&b, &two, true, UINT32_MAX);
    assert_int_equal(a.count, b.count);
    for (size_t i = 0; i < a.count; i++) {
        assert_int_equal(a.segments[i].packet.seq, b.segments[i].packet.seq);
        assert_int_equal(a.segments[i].packet.payload.len, b.segments[i].packet.payload.len);
    }
    trace_release(&original);
    trace_release(&a);
    trace_release(&b);
}

static void removal_takes_a_range(void **state)
{
    struct trace original;

    (void)state;
    make(&original);
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct random r = random_seeded(seed);
        struct trace t, gone;

        trace_copy(&t, &original);
        mutate_drop(&t, &r, &gone);
        assert_true(gone.count > 0);
        assert_int_equal(t.count + gone.count, original.count);
        trace_release(&t);
        trace_release(&gone);
    }
    trace_release(&original);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations_stay_what_they_were),
        cmocka_unit_test(same_seed_same_packets),
        cmocka_unit_test(removal_takes_a_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
