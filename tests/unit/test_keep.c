/* The frames of a packet, kept while its fragments come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "capture/decode.h"
#include "capture/pcapng_write.h"

#define LINK_RAW 101

static struct limits limits;

struct bench {
    struct decoder *decoder;
    struct keeper *keeper;
    struct frame frame;
    uint8_t octets[128];
    struct packet packet;
};

static void bench_init(struct bench *b, uint64_t most)
{
    limits_init(&limits);
    *b = (struct bench){.decoder = decoder_new(&limits), .frame = {.link = LINK_RAW}};
    b->keeper = decoder_keep(b->decoder, most);
}

/* An IPv4 datagram, or a part of one, of a TCP segment of 40 octets. */
static bool take(struct bench *b, uint8_t id, unsigned from, unsigned to, bool more)
{
    static const uint8_t segment[40] = {0x10, 0, 0, 25, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2};
    size_t len = 20 + to - from;
    memset(b->octets, 0, sizeof b->octets);
    b->octets[0] = 0x45;
    b->octets[3] = (uint8_t)len;
    b->octets[5] = id;
    b->octets[6] = more ? 0x20 : 0;
    b->octets[7] = (uint8_t)(from / 8);
    b->octets[8] = 64;
    b->octets[9] = 6;
    b->octets[15] = b->octets[19] = 1;
    memcpy(b->octets + 20, segment + from, to - from);
    b->frame.number++;
    b->frame.data = bytes_of(b->octets, len);
    b->frame.wire = (uint32_t)len;
    return decode(b->decoder, &b->frame, &b->packet);
}

/* The numbers of the frames of the packet, as digits. */
static const char *numbers(struct bench *b)
{
    static char text[32];
    size_t n = 0;
    struct kept *list = keeper_take(b->keeper);
    for (const struct kept *k = list; k; k = k->next)
        text[n++] = (char)('0' + k->frame.number);
    text[n] = 0;
    kept_free(list);
    return text;
}

static void fragments(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 1 << 20);
    assert_true(take(&b, 1, 0, 40, false));
    assert_string_equal(numbers(&b), "1");
    assert_false(take(&b, 2, 0, 16, true));
    assert_int_equal(keeper_settled(b.keeper), 2);
    assert_false(take(&b, 3, 16, 32, true));
    assert_true(take(&b, 4, 0, 40, false));
    assert_string_equal(numbers(&b), "4");
    assert_int_equal(keeper_settled(b.keeper), 2);
    assert_true(take(&b, 2, 16, 40, false));
    assert_string_equal(numbers(&b), "25");
    assert_int_equal(keeper_settled(b.keeper), 3);
    assert_false(take(&b, 3, 32, 40, false));
    assert_true(take(&b, 3, 0, 16, true));
    assert_string_equal(numbers(&b), "367");
    assert_int_equal(keeper_settled(b.keeper), UINT64_MAX);
    assert_int_equal(b.keeper->held, 0);
    decoder_free(b.decoder);
}

/* What is never completed is forgotten with its datagram, and what there is no room for is counted. */
static void forgotten(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 400);
    assert_false(take(&b, 1, 0, 16, true));
    assert_false(take(&b, 2, 0, 16, true));
    assert_false(take(&b, 3, 0, 16, true));
    assert_true(b.keeper->dropped > 0 && b.keeper->held > 0 && b.keeper->held <= 400);
    assert_int_equal(keeper_settled(b.keeper), 1);
    b.frame.when = 31 * CLOCK_S;
    assert_false(take(&b, 4, 0, 16, true));
    assert_int_equal(keeper_settled(b.keeper), 4);
    decoder_free(b.decoder);
}

/* An octet for an octet, what a frame becomes. */
static void blocks(void **state)
{
    (void)state;
    struct buf out;
    const uint8_t octets[5] = {1, 2, 3, 4, 5};
    static const uint8_t expected[] = {1, 0, 0, 0, 32, 0, 0, 0,  101, 0,   0,   0, 0, 0, 0, 0,  9, 0,  1, 0, 9,
                                       0, 0, 0, 0, 0,  0, 0, 32, 0,   0,   0,   6, 0, 0, 0, 52, 0, 0,  0, 0, 0,
                                       0, 0, 2, 0, 0,  0, 1, 0,  0,   0,   5,   0, 0, 0, 9, 0,  0, 0,  1, 2, 3,
                                       4, 5, 0, 0, 0,  1, 0, 2,  0,   'C', 'x', 0, 0, 0, 0, 0,  0, 52, 0, 0, 0};
    const struct frame frame = {
        .when = (INT64_C(2) << 32) + 1, .data = {octets, sizeof octets}, .wire = 9, .link = LINK_RAW};
    buf_init(&out, 4096);
    pcapng_write_interface(&out, LINK_RAW, NULL);
    pcapng_write_frame(&out, &frame, 0, "Cx");
    assert_int_equal(out.len, sizeof expected);
    assert_memory_equal(out.data, expected, sizeof expected);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fragments), cmocka_unit_test(forgotten),
                                       cmocka_unit_test(blocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
