/* Capture files: every variant that is read, and what is said of those that are cut, damaged or something else. */
#include "base/buf.h"
#include "base/clock.h"
#include "capture/file.h"

#include <inttypes.h>
#include <lz4frame.h>
#include <lzma.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#define FILE_MAX ((size_t)32 << 20)
#define TEXT     "twelve bytes" /* what most frames here hold */

static bool swap; /* the byte order of what is being built */

static void put16(struct buf *b, uint16_t v)
{
    v = swap ? __builtin_bswap16(v) : v;
    buf_add(b, bytes_of(&v, sizeof v));
}

static void put32(struct buf *b, uint32_t v)
{
    v = swap ? __builtin_bswap32(v) : v;
    buf_add(b, bytes_of(&v, sizeof v));
}

static void put64(struct buf *b, uint64_t v)
{
    v = swap ? __builtin_bswap64(v) : v;
    buf_add(b, bytes_of(&v, sizeof v));
}

static void put_zeros(struct buf *b, size_t n)
{
    while (n--)
        buf_add_byte(b, 0);
}

static void classic_header(struct buf *b, uint32_t magic, uint16_t minor, uint32_t snaplen, uint32_t link)
{
    put32(b, magic);
    put16(b, 2);
    put16(b, minor);
    put64(b, 0);
    put32(b, snaplen);
    put32(b, link);
}

static void classic_record(struct buf *b, uint32_t seconds, uint32_t fraction, const char *text, uint32_t wire)
{
    put32(b, seconds);
    put32(b, fraction);
    put32(b, (uint32_t)strlen(text));
    put32(b, wire);
    buf_add_string(b, text);
}

/* A block with its lengths and padding around `body`. */
static void block(struct buf *b, uint32_t type, struct bytes body)
{
    uint32_t len = (uint32_t)(12 + (body.len + 3) / 4 * 4);
    put32(b, type);
    put32(b, len);
    buf_add(b, body);
    put_zeros(b, len - 12 - body.len);
    put32(b, len);
}

static void section(struct buf *b)
{
    struct buf body;
    buf_init(&body, 64);
    put32(&body, 0x1a2b3c4d);
    put16(&body, 1);
    put16(&body, 0);
    put64(&body, UINT64_MAX);
    block(b, 0x0a0d0d0a, buf_bytes(&body));
    buf_release(&body);
}

static void interface(struct buf *b, uint16_t link, uint32_t snaplen, int resolution, int64_t offset)
{
    struct buf body;
    buf_init(&body, 64);
    put16(&body, link);
    put16(&body, 0);
    put32(&body, snaplen);
    if (resolution >= 0) {
        put16(&body, 2); /* if_name, to be skipped */
        put16(&body, 3);
        buf_add_string(&body, "lo0");
        put_zeros(&body, 1);
        put16(&body, 9);
        put16(&body, 1);
        buf_add_byte(&body, (uint8_t)resolution);
        put_zeros(&body, 3);
        put16(&body, 14);
        put16(&body, 8);
        put64(&body, (uint64_t)offset);
        put32(&body, 0);
    }
    block(b, 1, buf_bytes(&body));
    buf_release(&body);
}

static void enhanced(struct buf *b, uint32_t iface, uint64_t units, const char *text, uint32_t wire)
{
    struct buf body;
    buf_init(&body, 512);
    put32(&body, iface);
    put32(&body, (uint32_t)(units >> 32));
    put32(&body, (uint32_t)units);
    put32(&body, (uint32_t)strlen(text));
    put32(&body, wire);
    buf_add_string(&body, text);
    block(b, 6, buf_bytes(&body));
    buf_release(&body);
}

static void simple(struct buf *b, const char *text, uint32_t wire)
{
    struct buf body;
    buf_init(&body, 512);
    put32(&body, wire);
    buf_add_string(&body, text);
    block(b, 3, buf_bytes(&body));
    buf_release(&body);
}

static int memory_file(struct bytes content)
{
    int fd = memfd_create("capture", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.data, content.len), content.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static struct source *open_bytes(struct bytes content, struct error *err)
{
    return source_open_fd(memory_file(content), "x.pcap", err);
}

/* Reads on to the end: how many frames, and how it ended. */
static unsigned read_all(struct source *src, enum source_status *end, struct error *err)
{
    struct frame frame;
    unsigned n = 0;
    while ((*end = source_next(src, &frame, err)) == SOURCE_FRAME)
        n++;
    assert_int_equal(source_next(src, &frame, err), *end); /* for good */
    struct source_counts counts;
    source_counts(src, &counts);
    assert_int_equal(counts.received, n);
    return n;
}

static void expect_next(struct source *src, int64_t when, const char *text, uint32_t wire, uint16_t link,
                        uint32_t iface)
{
    struct error err = {""};
    struct frame f;
    if (source_next(src, &f, &err) != SOURCE_FRAME)
        fail_msg("no frame: %s", err.text);
    assert_int_equal(f.when, when);
    assert_int_equal(f.data.len, strlen(text));
    assert_memory_equal(f.data.data, text, f.data.len);
    assert_int_equal(f.wire, wire);
    assert_int_equal(f.link, link);
    assert_int_equal(f.iface, iface);
}

static void expect_end(struct source *src)
{
    struct frame f;
    struct error err = {""};
    assert_int_equal(source_next(src, &f, &err), SOURCE_END);
    source_free(src);
}

static void expect_broken(struct source *src, unsigned frames, const char *why)
{
    struct error err = {""};
    enum source_status end;
    assert_non_null(src);
    assert_int_equal(read_all(src, &end, &err), frames);
    assert_int_equal(end, SOURCE_BROKEN);
    if (!strstr(err.text, why) || !strstr(err.text, "\"x.pcap\" "))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
    source_free(src);
}

static void expect_refused(struct bytes content, const char *why)
{
    struct error err = {""};
    assert_null(open_bytes(content, &err));
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void classic_variants(void **state)
{
    (void)state;
    static const uint32_t magics[] = {0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34};
    for (unsigned i = 0; i < 6; i++) {
        uint32_t magic = magics[i % 3];
        swap = i >= 3;
        struct buf b;
        buf_init(&b, FILE_MAX);
        classic_header(&b, magic, 4, 65535, 0x10000071); /* with a frame check sequence; link type 113 */
        for (uint32_t k = 0; k < 3; k++) {
            uint32_t len = k ? 12 : 0;
            put32(&b, UINT32_MAX - k);
            put32(&b, 7);
            put32(&b, len);
            put32(&b, 1500);
            put_zeros(&b, magic == 0xa1b2cd34 ? 8 : 0);
            buf_add(&b, bytes_of(TEXT, len));
        }
        struct source *src = open_bytes(buf_bytes(&b), NULL);
        assert_non_null(src);
        int64_t fraction = magic == 0xa1b23c4d ? 7 : 7000;
        expect_next(src, UINT32_MAX * CLOCK_S + fraction, "", 1500, 113, 0);
        expect_next(src, (UINT32_MAX - 1) * CLOCK_S + fraction, TEXT, 1500, 113, 0);
        expect_next(src, (UINT32_MAX - 2) * CLOCK_S + fraction, TEXT, 1500, 113, 0);
        expect_end(src);
        buf_release(&b);
    }
    swap = false;
}

/* Before 2.3 the lengths were the other way round, in 2.3 either way. */
static void classic_old(void **state)
{
    (void)state;
    for (uint16_t minor = 2; minor <= 4; minor++) {
        struct buf b;
        buf_init(&b, FILE_MAX);
        classic_header(&b, 0xa1b2c3d4, minor, 65535, 1);
        put32(&b, 1);
        put32(&b, 0);
        put32(&b, minor < 4 ? 60 : 12);
        put32(&b, minor < 4 ? 12 : 60);
        buf_add_string(&b, TEXT);
        struct source *src = open_bytes(buf_bytes(&b), NULL);
        expect_next(src, CLOCK_S, TEXT, 60, 1, 0);
        expect_end(src);
        buf_release(&b);
    }
}

/* Every prefix gives the frames that are whole in it, and says where it ends unless that is between two records. */
static void prefixes(struct bytes whole, const size_t *ends, unsigned count, const char *what)
{
    for (size_t n = 0; n < 24; n++)
        expect_refused((struct bytes){whole.data, n}, n ? "is truncated" : "is empty");
    for (size_t n = ends[0]; n <= whole.len; n++) {
        struct error err = {""};
        struct source *src = open_bytes((struct bytes){whole.data, n}, &err);
        assert_non_null(src);
        unsigned frames = 0;
        bool between = false;
        for (unsigned i = 0; i < count; i++) {
            frames += ends[i] <= n && i > 0;
            between = between || ends[i] == n;
        }
        enum source_status end;
        assert_int_equal(read_all(src, &end, &err), frames);
        assert_int_equal(end, between ? SOURCE_END : SOURCE_BROKEN);
        if (!between) {
            char place[80];
            snprintf(place, sizeof place, "it ends at offset %zu, inside the %s that begins", n, what);
            assert_non_null(strstr(err.text, place));
        }
        source_free(src);
    }
}

static void classic_cut_anywhere(void **state)
{
    (void)state;
    struct buf b;
    size_t ends[4];
    buf_init(&b, FILE_MAX);
    classic_header(&b, 0xa1b2c3d4, 4, 65535, 1);
    ends[0] = b.len;
    for (unsigned i = 1; i < 4; i++) {
        classic_record(&b, i, 0, i == 2 ? "" : TEXT, 60);
        ends[i] = b.len;
    }
    prefixes(buf_bytes(&b), ends, 4, "record");
    buf_release(&b);
}

static void pcapng_cut_anywhere(void **state)
{
    (void)state;
    struct buf b;
    size_t ends[4];
    buf_init(&b, FILE_MAX);
    section(&b);
    size_t header = b.len;
    interface(&b, 1, 0, -1, 0);
    ends[0] = b.len;
    for (unsigned i = 1; i < 4; i++) {
        if (i == 2)
            simple(&b, TEXT, 12);
        else
            enhanced(&b, 0, i, TEXT, 60);
        ends[i] = b.len;
    }
    /* A section without interfaces is whole too. */
    for (size_t n = 24; n < ends[0]; n++) {
        struct error err = {""};
        enum source_status end;
        struct source *src = open_bytes((struct bytes){b.data, n}, &err);
        assert_non_null(src);
        assert_int_equal(read_all(src, &end, &err), 0);
        assert_int_equal(end, n == header ? SOURCE_END : SOURCE_BROKEN);
        source_free(src);
    }
    prefixes(buf_bytes(&b), ends, 4, "block");
    buf_release(&b);
}

static void classic_damaged(void **state)
{
    (void)state;
    static const struct {
        uint32_t snaplen, len;
        bool good;
    } cases[] = {{65535, 262144, false}, {262144, 262144, true}, {262144, 262145, false}, {96, 65631, true},
                 {96, 65632, false},     {0, 262144, true},      {0, UINT32_MAX, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b;
        buf_init(&b, FILE_MAX);
        classic_header(&b, 0xa1b2c3d4, 4, cases[i].snaplen, 1);
        classic_record(&b, 1, 0, TEXT, 12);
        put64(&b, 0);
        put32(&b, cases[i].len);
        put32(&b, cases[i].len);
        put_zeros(&b, 262145);
        struct source *src = open_bytes((struct bytes){b.data, 68 + (cases[i].good ? cases[i].len : 262145)}, NULL);
        enum source_status end;
        if (!cases[i].good) {
            expect_broken(src, 1, "is damaged: the record at offset 52 claims a frame of");
        } else {
            assert_int_equal(read_all(src, &end, NULL), 2);
            assert_int_equal(end, SOURCE_END);
            source_free(src);
        }
        buf_release(&b);
    }
}

static void pcapng_blocks(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct buf b;
        buf_init(&b, FILE_MAX);
        swap = i == 1;
        section(&b);
        block(&b, 0x80000bad, BYTES("of somebody's own, skipped"));
        interface(&b, 1, 65535, -1, 0);
        interface(&b, 276, 8, -1, 0);
        enhanced(&b, 1, 1500000, TEXT, 99);
        simple(&b, "whole", 5);
        struct buf body;
        buf_init(&body, 64);
        put16(&body, 1);
        put16(&body, 3); /* drops */
        put64(&body, 0);
        put32(&body, 4);
        put32(&body, 4);
        buf_add_string(&body, "four");
        block(&b, 2, buf_bytes(&body));
        buf_release(&body);
        swap = i == 0; /* the next section of the same file, from another machine */
        section(&b);
        interface(&b, 101, 4, -1, 0);
        enhanced(&b, 0, 2, TEXT, 12);
        simple(&b, "four", 60);
        block(&b, 5, BYTES("statistics"));
        struct source *src = open_bytes(buf_bytes(&b), NULL);
        assert_non_null(src);
        expect_next(src, 1500 * CLOCK_MS, TEXT, 99, 276, 1);
        expect_next(src, 1500 * CLOCK_MS, "whole", 5, 1, 0);
        expect_next(src, 0, "four", 4, 276, 1);
        expect_next(src, 2000, TEXT, 12, 101, 2);
        expect_next(src, 2000, "four", 60, 101, 2);
        expect_end(src);
        buf_release(&b);
    }
    swap = false;
}

static void pcapng_times(void **state)
{
    (void)state;
    static const struct {
        int resolution;
        int64_t offset;
        uint64_t units;
        int64_t when;
    } cases[] = {
        {-1, 0, 1234567, 1234567000},
        {6, 0, 1234567, 1234567000},
        {9, 0, 1234567, 1234567},
        {0, 0, 5, 5 * CLOCK_S},
        {3, 1000, 1500, 1001500 * CLOCK_MS},
        {12, 0, 1999999999999, 1999999999},
        {19, 0, 10000000000000000001U, CLOCK_S},
        {6, -2, 1500000, 0},
        {6, -1, 1500000, 500 * CLOCK_MS},
        {0x80, 0, 7, 7 * CLOCK_S},
        {0x80 | 10, 0, 1536, 1500 * CLOCK_MS},
        {0x80 | 32, 0, UINT64_C(3) << 31, 1500 * CLOCK_MS},
        {0x80 | 63, 0, UINT64_C(3) << 62, 1500 * CLOCK_MS},
        {0, 0, UINT64_MAX, WHEN_MAX},
        {0, INT64_MAX, 1, WHEN_MAX},
        {0, INT64_MIN, 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b;
        buf_init(&b, FILE_MAX);
        section(&b);
        interface(&b, 1, 0, cases[i].resolution, cases[i].offset);
        enhanced(&b, 0, cases[i].units, TEXT, 12);
        struct source *src = open_bytes(buf_bytes(&b), NULL);
        expect_next(src, cases[i].when, TEXT, 12, 1, 0);
        expect_end(src);
        buf_release(&b);
    }
}

/* One octet of a sound file is changed. */
static void pcapng_damaged(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        const char *why;
    } cases[] = {
        {8, 0, "at offset 0 has no byte-order magic"},
        {12, 2, "at offset 0 begins a section of another pcapng version"},
        {24, 24, "at offset 0 ends with another length"},
        {28, 6, "at offset 28 is of an interface that was not described"},
        {32, 8, "at offset 28 has an impossible length"},
        {32, 33, "at offset 28 has an impossible length"},
        {35, 2, "at offset 28 claims to be longer than 16 MiB"},
        {34, 1, "is truncated: it ends at offset 144, inside the block that begins at offset 28"},
        {46, 99, "at offset 28 has an option longer than itself"},
        {56, 20, "or a time resolution that 64 bits cannot count"},
        {56, 0x80 | 64, "or a time resolution that 64 bits cannot count"},
        {88, 1, "at offset 80 is of an interface that was not described"},
        {100, 33, "at offset 80 claims a frame longer than itself"},
        {103, 1, "at offset 80 claims a frame longer than itself"},
        {140, 65, "at offset 80 ends with another length"},
    };
    struct buf b;
    buf_init(&b, FILE_MAX);
    section(&b);
    interface(&b, 1, 0, 6, 0);
    enhanced(&b, 0, 1, "thirty-two octets that are text.", 99);
    assert_int_equal(b.len, 144);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t was = b.data[cases[i].at];
        b.data[cases[i].at] = cases[i].value;
        expect_broken(open_bytes(buf_bytes(&b), NULL), 0, cases[i].why);
        b.data[cases[i].at] = was;
    }
    b.data[28] = 77; /* no longer an interface, and longer than the file: skipped, to no end */
    b.data[34] = 1;
    expect_broken(open_bytes(buf_bytes(&b), NULL), 0, "octets before its last block does");
    buf_release(&b);
}

/* Frames larger than one read, a block larger than the window, one that is only skipped. */
static void large(void **state)
{
    (void)state;
    struct buf b, body;
    buf_init(&b, FILE_MAX);
    buf_init(&body, FILE_MAX);
    section(&b);
    interface(&b, 1, 0, -1, 0);
    for (uint32_t i = 0; i < 9; i++) {
        buf_reset(&body);
        put32(&body, 0);
        put64(&body, 0);
        put32(&body, 262144);
        put32(&body, 262144);
        for (uint32_t k = 0; k < 262144 / 4; k++)
            put32(&body, i * 100000 + k);
        if (i == 4) /* a comment of 3 MiB, as some tools write */
            for (unsigned k = 0; k < 48; k++) {
                put16(&body, 1);
                put16(&body, 65532);
                put_zeros(&body, 65532);
            }
        block(&b, 99, buf_bytes(&body)); /* first: the window has not grown yet */
        block(&b, 6, buf_bytes(&body));
    }
    struct source *src = open_bytes(buf_bytes(&b), NULL);
    struct frame f;
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(source_next(src, &f, NULL), SOURCE_FRAME);
        assert_int_equal(f.data.len, 262144);
        for (uint32_t k = 0; k < 262144 / 4; k++) {
            uint32_t v;
            memcpy(&v, f.data.data + (size_t)k * 4, 4);
            if (v != i * 100000 + k)
                fail_msg("frame %" PRIu32 " differs at word %" PRIu32, i, k);
        }
    }
    expect_end(src);
    buf_release(&b);
    buf_release(&body);
}

enum packing { GZIP, ZSTD, LZ4, XZ, PACKINGS };

static void pack(struct buf *out, enum packing packing, struct bytes in)
{
    size_t room = in.len * 2 + 4096, n = 0;
    uint8_t *to = buf_room(out, room);
    assert_non_null(to);
    if (packing == GZIP) {
        z_stream z = {.avail_in = (uInt)in.len, .next_out = to, .avail_out = (uInt)room};
        z.next_in = (Bytef *)(uintptr_t)in.data;
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        n = z.total_out;
        deflateEnd(&z);
    } else if (packing == ZSTD) {
        ZSTD_CCtx *z = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
        n = ZSTD_compress2(z, to, room, in.data, in.len);
        assert_false(ZSTD_isError(n));
        ZSTD_freeCCtx(z);
    } else if (packing == LZ4) {
        LZ4F_preferences_t settings = {.frameInfo = {.contentChecksumFlag = LZ4F_contentChecksumEnabled}};
        n = LZ4F_compressFrame(to, room, in.data, in.len, &settings);
        assert_false(LZ4F_isError(n));
    } else {
        assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, in.data, in.len, to, &n, room), LZMA_OK);
    }
    out->len += n;
}

/* About 2 MiB that do not compress to nothing. */
static unsigned noisy_capture(struct buf *b)
{
    unsigned frames = 1500;
    uint32_t noise = 1;
    classic_header(b, 0xa1b2c3d4, 4, 65535, 1);
    for (unsigned i = 0; i < frames; i++) {
        put32(b, i);
        put32(b, 0);
        put32(b, 1400);
        put32(b, 1400);
        for (unsigned k = 0; k < 350; k++) {
            noise = noise * 1664525 + 1013904223;
            put32(b, k % 3 ? noise : k);
        }
    }
    return frames;
}

static void compressed(void **state)
{
    (void)state;
    struct buf plain, one, two;
    buf_init(&plain, FILE_MAX);
    unsigned frames = noisy_capture(&plain);
    for (enum packing p = 0; p < PACKINGS; p++) {
        buf_init(&one, FILE_MAX);
        buf_init(&two, FILE_MAX);
        pack(&one, p, buf_bytes(&plain));
        pack(&two, p, bytes_part(buf_bytes(&plain), 0, 1000001));
        if (p == XZ || p == GZIP)
            put_zeros(&two, 512); /* padding between members */
        pack(&two, p, bytes_part(buf_bytes(&plain), 1000001, plain.len));
        enum source_status end;
        struct source *src = open_bytes(buf_bytes(&one), NULL);
        assert_int_equal(read_all(src, &end, NULL), frames);
        assert_int_equal(end, SOURCE_END);
        source_free(src);
        src = open_bytes(buf_bytes(&two), NULL);
        assert_int_equal(read_all(src, &end, NULL), frames);
        assert_int_equal(end, SOURCE_END);
        source_free(src);

        /* Cut off, it gives most of what its part holds: all but the last block, of at most a mebibyte. */
        struct error err;
        src = open_bytes((struct bytes){one.data, one.len - 1}, &err);
        assert_true(read_all(src, &end, &err) > frames / 4);
        assert_int_equal(end, SOURCE_BROKEN);
        assert_non_null(strstr(err.text, "is cut off inside its compressed data"));
        source_free(src);
        memset(one.data + one.len * 7 / 8, 0xa5, 64);
        src = open_bytes(buf_bytes(&one), &err);
        assert_true(read_all(src, &end, &err) > frames / 4);
        assert_int_equal(end, SOURCE_BROKEN);
        assert_non_null(strstr(err.text, "damaged"));
        source_free(src);
        buf_release(&one);
        buf_release(&two);
    }
    buf_release(&plain);
}

/* A compressed capture that ends inside a frame is told from compressed data that ends too early. */
static void compressed_and_truncated(void **state)
{
    (void)state;
    struct buf plain, b;
    buf_init(&plain, FILE_MAX);
    buf_init(&b, FILE_MAX);
    classic_header(&plain, 0xa1b2c3d4, 4, 65535, 1);
    classic_record(&plain, 1, 0, TEXT, 12);
    classic_record(&plain, 2, 0, TEXT, 12);
    pack(&b, ZSTD, (struct bytes){plain.data, plain.len - 1});
    expect_broken(open_bytes(buf_bytes(&b), NULL), 1,
                  "it ends at offset 79, inside the record that begins at offset 52");
    buf_release(&plain);
    buf_release(&b);
}

struct trickle {
    int fd;
    struct bytes content;
};

static void *write_slowly(void *arg)
{
    struct trickle *t = arg;
    for (size_t i = 0; i < t->content.len; i++)
        if (write(t->fd, t->content.data + i, 1) != 1)
            break;
    close(t->fd);
    return NULL;
}

static void pipe_in_small_pieces(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct buf b, packed;
        buf_init(&b, FILE_MAX);
        buf_init(&packed, FILE_MAX);
        classic_header(&b, 0xa1b2c3d4, 4, 65535, 1);
        for (unsigned k = 0; k < 50; k++)
            classic_record(&b, k, 0, TEXT, 12);
        pack(&packed, GZIP, buf_bytes(&b));
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        struct trickle t = {ends[1], i ? buf_bytes(&packed) : buf_bytes(&b)};
        pthread_t writer;
        pthread_create(&writer, NULL, write_slowly, &t);
        struct source *src = source_open_fd(ends[0], "-", NULL);
        for (unsigned k = 0; k < 50; k++)
            expect_next(src, k * CLOCK_S, TEXT, 12, 1, 0);
        expect_end(src);
        pthread_join(writer, NULL);
        buf_release(&b);
        buf_release(&packed);
    }
}

static void on_alarm(int number)
{
    (void)number;
}

/* A signal ends the waiting for a pipe, and nothing is lost by it. */
static void interrupted(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, FILE_MAX);
    classic_header(&b, 0xa1b2c3d4, 4, 65535, 1);
    classic_record(&b, 1, 0, TEXT, 12);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], b.data, 45), 45);
    struct source *src = source_open_fd(ends[0], "-", NULL);
    assert_non_null(src);
    struct sigaction action = {.sa_handler = on_alarm}, before;
    sigaction(SIGALRM, &action, &before);
    struct itimerval soon = {.it_value = {.tv_usec = 20000}, .it_interval = {.tv_usec = 20000}}, never = {0};
    setitimer(ITIMER_REAL, &soon, NULL);
    struct frame frame;
    assert_int_equal(source_next(src, &frame, NULL), SOURCE_IDLE);
    assert_int_equal(source_next(src, &frame, NULL), SOURCE_IDLE);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_int_equal(write(ends[1], b.data + 45, b.len - 45), b.len - 45);
    close(ends[1]);
    expect_next(src, CLOCK_S, TEXT, 12, 1, 0);
    expect_end(src);
    buf_release(&b);
}

static void refused(void **state)
{
    (void)state;
    struct error err = {""};
    expect_refused(BYTES(""), "\"x.pcap\" is empty");
    expect_refused(BYTES("\xd4"), "is truncated: it ends at offset 1, inside the file header");
    expect_refused(BYTES("snoop\0\0\0 and what follows it"), "is a snoop file, not pcap or pcapng; convert it");
    expect_refused(BYTES("BZh91AY&SY and what follows it"), "compressed by bzip2");
    expect_refused(BYTES("From: a@example.org\nTo: b@example.net\n"), "is no capture file");
    expect_refused(BYTES("short text"), "is no capture file");
    expect_refused(BYTES("\xd4\xc3\xb2\xa1\x01\0\x04\0"
                         "0123456789abcdef"),
                   "is a pcap file of version 1.4");
    expect_refused(BYTES("\x1f\x8bnot deflated at all, but long enough"), "has damaged gzip data");
    expect_refused(BYTES("\x28\xb5\x2f\xfd"), "cut off inside its compressed data");
    assert_null(source_open_file("/nonexistent/x.pcap", &err));
    assert_non_null(strstr(err.text, "\"/nonexistent/x.pcap\" cannot be opened: No such file"));
    assert_null(source_open_file("/", &err));
    assert_non_null(strstr(err.text, "cannot be read: Is a directory"));
}

/* An Ethernet or raw IP frame of an empty TCP segment to the port. */
static void segment_block(struct buf *b, uint32_t iface, bool raw, uint8_t port)
{
    uint8_t frame[54] = {[12] = 0x08, [14] = 0x45, [17] = 40, [23] = 6, [37] = port, [46] = 0x50};
    struct bytes data = raw ? bytes_of(frame + 14, 40) : bytes_of(frame, 54);
    struct buf body;
    buf_init(&body, 512);
    put32(&body, iface);
    put64(&body, 0);
    put32(&body, (uint32_t)data.len);
    put32(&body, (uint32_t)data.len);
    buf_add(&body, data);
    block(b, 6, buf_bytes(&body));
    buf_release(&body);
}

static void filtered(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, FILE_MAX);
    section(&b);
    interface(&b, 1, 0, -1, 0);
    interface(&b, 101, 0, -1, 0);
    interface(&b, 189, 0, -1, 0); /* USB: no filter on ports can be compiled for it */
    for (uint32_t i = 0; i < 3; i++) {
        segment_block(&b, i, i == 1, 25);
        segment_block(&b, i, i == 1, 80);
    }
    struct error err = {""};
    struct source *src = open_bytes(buf_bytes(&b), &err);
    assert_false(source_filter(src, "tcp port and and", &err));
    assert_non_null(strstr(err.text, "\"tcp port and and\" cannot be used: "));
    assert_true(source_filter(src, "tcp dst port 25", &err));
    struct frame frame;
    assert_int_equal(source_next(src, &frame, &err), SOURCE_FRAME);
    assert_int_equal(frame.link, 1);
    assert_int_equal(source_next(src, &frame, &err), SOURCE_FRAME);
    assert_int_equal(frame.link, 101);
    expect_end(src);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classic_variants),
        cmocka_unit_test(classic_old),
        cmocka_unit_test(classic_cut_anywhere),
        cmocka_unit_test(classic_damaged),
        cmocka_unit_test(pcapng_blocks),
        cmocka_unit_test(pcapng_times),
        cmocka_unit_test(pcapng_cut_anywhere),
        cmocka_unit_test(pcapng_damaged),
        cmocka_unit_test(large),
        cmocka_unit_test(compressed),
        cmocka_unit_test(compressed_and_truncated),
        cmocka_unit_test(pipe_in_small_pieces),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(refused),
        cmocka_unit_test(filtered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
