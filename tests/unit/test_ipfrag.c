/* Fragments: any order, duplicates, overlaps, contradictions, and the limits. */
#include "base/clock.h"
#include "capture/ipfrag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct bench {
    struct decode_counts counts;
    struct ipfrag *frag;
    struct datagram whole;
    uint32_t id;
    uint8_t version, protocol;
    int64_t when;
};

static void bench_init(struct bench *t, uint64_t octets, uint64_t age)
{
    struct limits limits;
    limits_init(&limits);
    limits.fragments = octets;
    limits.fragment_age = age;
    *t = (struct bench){.version = 4, .protocol = 6, .when = 1000 * CLOCK_S};
    t->frag = ipfrag_new(&limits, &t->counts);
}

/* As many octets as `data` has at `offset`, of which `captured` are there. */
static bool add_cut(struct bench *t, uint32_t offset, struct bytes data, bool more, size_t captured)
{
    struct fragment f = {.ip_version = t->version,
                         .protocol = t->protocol,
                         .id = t->id,
                         .offset = offset,
                         .more = more,
                         .data = {data.data, captured},
                         .wire = (uint32_t)data.len,
                         .when = t->when};
    f.src.octets[0] = 192;
    f.dst.octets[0] = 198;
    return ipfrag_add(t->frag, &f, &t->whole);
}

static bool add(struct bench *t, uint32_t offset, const char *text, bool more)
{
    return add_cut(t, offset, bytes_of_string(text), more, strlen(text));
}

static void expect_whole(const struct bench *t, const char *text, uint32_t wire, bool overlap)
{
    assert_int_equal(t->whole.data.len, strlen(text));
    assert_memory_equal(t->whole.data.data, text, t->whole.data.len);
    assert_int_equal(t->whole.wire, wire);
    assert_int_equal(t->whole.overlap, overlap);
}

static void every_order(void **state)
{
    (void)state;
    static const char *const texts[] = {"aaaaaaaa", "bbbbbbbb", "ccc"};
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct bench t;
    bench_init(&t, 1 << 20, 30);
    for (unsigned i = 0; i < 6; i++)
        for (unsigned k = 0; k < 3; k++) {
            unsigned n = orders[i][k];
            assert_int_equal(add(&t, n * 8, texts[n], n < 2), k == 2);
            if (k < 2)
                assert_false(add(&t, n * 8, texts[n], n < 2)); /* captured twice */
            else
                expect_whole(&t, "aaaaaaaabbbbbbbbccc", 19, false);
        }
    assert_int_equal(t.counts.fragments_completed, 6);
    assert_int_equal(t.counts.fragments, 30);
    assert_int_equal(t.counts.fragments_overlapped, 0);
    assert_int_equal(t.counts.fragments_bad, 0);
    ipfrag_free(t.frag);
}

/* 5,000 datagrams, cut at random, shuffled and mixed with one another. */
static void random_pieces(void **state)
{
    (void)state;
    struct bench t;
    uint8_t octets[3000];
    uint32_t noise = 2026;
    bench_init(&t, 1 << 20, 30);
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i * 7 + i / 256);
    for (unsigned round = 0; round < 5000; round++) {
        uint32_t starts[32], ends[32], count = 0, len = noise % 2900 + 100;
        for (uint32_t at = 0; at < len; count++) {
            noise = noise * 1664525 + 1013904223;
            uint32_t n = ((noise >> 8) % 400 + 8) & ~7U;
            starts[count] = at;
            ends[count] = count == 31 || at + n > len ? len : at + n;
            at = ends[count];
        }
        for (uint32_t i = count; i > 1; i--) {
            noise = noise * 1664525 + 1013904223;
            uint32_t k = (noise >> 8) % i, start = starts[k], end = ends[k];
            starts[k] = starts[i - 1];
            ends[k] = ends[i - 1];
            starts[i - 1] = start;
            ends[i - 1] = end;
        }
        for (uint32_t i = 0; i < count; i++) {
            t.id = round;
            bool done = add_cut(&t, starts[i], bytes_of(octets + starts[i], ends[i] - starts[i]), ends[i] < len,
                                ends[i] - starts[i]);
            assert_int_equal(done, i + 1 == count);
        }
        assert_int_equal(t.whole.wire, len);
        assert_int_equal(t.whole.data.len, len);
        assert_memory_equal(t.whole.data.data, octets, len);
        assert_false(t.whole.overlap);
    }
    ipfrag_free(t.frag);
}

/* What came first stays, whatever covers it; only other content is worth a note. */
static void overlaps(void **state)
{
    (void)state;
    struct bench t;
    bench_init(&t, 1 << 20, 30);
    assert_false(add(&t, 8, "bbbbbbbb", true));
    assert_false(add(&t, 24, "dddddddd", true));
    assert_true(add(&t, 0, "AAAAAAAABBBBBBBBCCCCCCCCDDDDDDDDEEE", false));
    expect_whole(&t, "AAAAAAAAbbbbbbbbCCCCCCCCddddddddEEE", 35, true);
    assert_int_equal(t.counts.fragments_overlapped, 1);

    assert_false(add(&t, 0, "aaaaaaaabbbbbbbb", true));
    assert_false(add(&t, 8, "bbbbbbbbcccccccc", true));
    assert_true(add(&t, 16, "ccccccccdd", false));
    expect_whole(&t, "aaaaaaaabbbbbbbbccccccccdd", 26, false);

    assert_false(add(&t, 0, "aaaaaaaabbbbbbbb", true));
    assert_false(add(&t, 0, "XXXXXXXX", true));
    assert_false(add(&t, 8, "YYYYYYYY", true));
    assert_true(add(&t, 16, "c", false));
    expect_whole(&t, "aaaaaaaabbbbbbbbc", 17, true);
    assert_int_equal(t.counts.fragments_overlapped, 3);
    ipfrag_free(t.frag);
}

static void contradictions(void **state)
{
    (void)state;
    struct bench t;
    bench_init(&t, 1 << 20, 30);
    assert_false(add(&t, 16, "cccc", false));
    assert_false(add(&t, 16, "ccccc", false));   /* another end */
    assert_false(add(&t, 16, "cccccccc", true)); /* beyond the end */
    assert_false(add(&t, 8, "", true));          /* nothing */
    assert_false(add(&t, 8, "short", true));     /* less than a unit, and not the last */
    assert_false(add(&t, 65528, "eeeeeeee", true));
    assert_int_equal(t.counts.fragments_bad, 5);
    assert_false(add(&t, 8, "bbbbbbbbover", true)); /* what is over a unit is not used */
    assert_true(add(&t, 0, "aaaaaaaa", true));
    expect_whole(&t, "aaaaaaaabbbbbbbbcccc", 20, false);

    t.id++;
    assert_false(add(&t, 0, "aaaaaaaabbbbbbbb", true));
    assert_false(add(&t, 8, "b", false)); /* ends inside what came before */
    assert_int_equal(t.counts.fragments_bad, 6);
    assert_true(add(&t, 16, "c", false));
    expect_whole(&t, "aaaaaaaabbbbbbbbc", 17, false);
    ipfrag_free(t.frag);
}

/* Source, destination, identification and, in IPv4, protocol tell datagrams apart. */
static void keys(void **state)
{
    (void)state;
    struct bench t;
    bench_init(&t, 1 << 20, 30);
    assert_false(add(&t, 0, "aaaaaaaa", true));
    t.protocol = 51;
    assert_false(add(&t, 8, "b", false));
    t.protocol = 6;
    t.id = 1;
    assert_false(add(&t, 8, "b", false));
    t.id = 0;
    t.version = 6;
    assert_false(add(&t, 8, "c", false)); /* the protocol of the first fragment counts, whenever it comes */
    t.protocol = 43;
    assert_true(add(&t, 0, "dddddddd", true));
    expect_whole(&t, "ddddddddc", 9, false);
    assert_int_equal(t.whole.protocol, 43);
    t.version = 4;
    t.protocol = 6;
    assert_true(add(&t, 8, "b", false));
    expect_whole(&t, "aaaaaaaab", 9, false);
    assert_int_equal(t.whole.protocol, 6);
    ipfrag_free(t.frag);
}

static void cut_by_snap_length(void **state)
{
    (void)state;
    struct bench t;
    bench_init(&t, 1 << 20, 30);
    assert_false(add_cut(&t, 0, BYTES("aaaaaaaabbbbbbbb"), true, 11));
    assert_true(add(&t, 16, "ccc", false));
    expect_whole(&t, "aaaaaaaabbb", 19, false);
    /* The same again, with an overlap that can be compared in part only. */
    assert_false(add_cut(&t, 0, BYTES("aaaaaaaabbbbbbbb"), true, 11));
    assert_false(add_cut(&t, 8, BYTES("bbbxxxxx"), true, 8));
    assert_true(add_cut(&t, 16, BYTES("ccc"), false, 0));
    expect_whole(&t, "aaaaaaaabbb", 19, false);
    ipfrag_free(t.frag);
}

static void expiry(void **state)
{
    (void)state;
    struct bench t;
    bench_init(&t, 1 << 20, 30);
    assert_false(add(&t, 0, "aaaaaaaa", true));
    t.when += 30 * CLOCK_S;
    t.id = 1;
    assert_false(add(&t, 0, "aaaaaaaa", true)); /* not yet */
    assert_int_equal(t.counts.fragments_expired, 0);
    t.when += 1;
    assert_true(add(&t, 8, "b", false));
    assert_int_equal(t.counts.fragments_expired, 1);
    t.when -= 60 * CLOCK_S; /* time that goes back expires nothing and revives nothing */
    t.id = 0;
    assert_false(add(&t, 8, "b", false));
    assert_int_equal(t.counts.fragments_expired, 1);
    ipfrag_free(t.frag);
}

/* The oldest go first, and memory stays below the limit whatever the pieces are. */
static void eviction(void **state)
{
    (void)state;
    struct bench t;
    bench_init(&t, 65536, 30);
    for (t.id = 0; t.id < 100000; t.id++)
        assert_false(add(&t, 65520, "aaaaaaaa", true));
    assert_true(t.counts.fragments_evicted > 100000 - 65536 / 64);
    assert_true(t.counts.fragments_evicted < 100000 - 65536 / 1024);
    t.id = 99999;
    assert_false(add(&t, 65528, "b", false)); /* still there, the next is not */
    uint64_t evicted = t.counts.fragments_evicted;
    t.id = 0;
    assert_false(add(&t, 65520, "aaaaaaaa", true));
    assert_int_equal(t.counts.fragments_evicted, evicted + 1);

    /* One datagram alone can be too large: it goes at once, so its other half completes nothing. */
    static uint8_t octets[65400];
    t.id = 200000;
    assert_false(add_cut(&t, 8, bytes_of(octets, sizeof octets), true, sizeof octets));
    evicted = t.counts.fragments_evicted;
    t.id = 200001;
    assert_false(add_cut(&t, 8, bytes_of(octets, sizeof octets), true, sizeof octets));
    assert_int_equal(t.counts.fragments_evicted, evicted + 1);
    ipfrag_free(t.frag);
}

static void too_many_pieces(void **state)
{
    (void)state;
    struct bench t;
    bench_init(&t, 1 << 20, 30);
    for (uint32_t i = 0; i < 4000; i++)
        assert_false(add(&t, i * 16, "aaaaaaaa", true));
    assert_int_equal(t.counts.fragments_bad, 4000 - 256);
    ipfrag_free(t.frag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order),    cmocka_unit_test(random_pieces), cmocka_unit_test(overlaps),
        cmocka_unit_test(contradictions), cmocka_unit_test(keys),          cmocka_unit_test(cut_by_snap_length),
        cmocka_unit_test(expiry),         cmocka_unit_test(eviction),      cmocka_unit_test(too_many_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
