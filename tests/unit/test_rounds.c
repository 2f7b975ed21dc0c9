/* A file read by turns gives the frames, and the end, that it gives when it is read by one thread; what members do in a
   round sees the octets it was sent. */
#include "rounds.h"

#include "base/buf.h"
#include "capture/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define CONTENT_MAX ((size_t)64 << 20)
#define PATIENCE    300 /* seconds, after which threads that wait in a circle are ended by a signal */

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void put32(struct buf *b, uint32_t v)
{
    buf_add(b, bytes_of(&v, sizeof v));
}

static void put_noise(struct buf *b, uint32_t len, uint32_t *seed)
{
    while (len--)
        buf_add_byte(b, (uint8_t)next_random(seed));
}

/* Mostly small frames, some that fill a piece, or more than there is room for what is left of one. */
static uint32_t frame_length(uint32_t *seed)
{
    uint32_t kind = next_random(seed) % 64;
    return kind == 0  ? FRAME_MAX - next_random(seed) % 64
           : kind < 3 ? next_random(seed) % 100000
                      : next_random(seed) % 3000;
}

static void classic_content(struct buf *b, uint32_t seed)
{
    static const uint32_t header[] = {0xa1b2c3d4, 0x00040002, 0, 0, 262144, 1};
    buf_add(b, bytes_of(header, sizeof header));
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t len = frame_length(&seed);
        put32(b, i);
        put32(b, 0);
        put32(b, len);
        put32(b, len);
        put_noise(b, len, &seed);
    }
}

static void block(struct buf *b, uint32_t type, const uint32_t *head, size_t head_len, uint32_t noise, uint32_t *seed)
{
    uint32_t len = (uint32_t)(12 + head_len + (noise + 3) / 4 * 4);
    put32(b, type);
    put32(b, len);
    buf_add(b, bytes_of(head, head_len));
    put_noise(b, (noise + 3) / 4 * 4, seed);
    put32(b, len);
}

/* With blocks of no known kind in between, some longer than a piece, and a frame in one that is. */
static void pcapng_content(struct buf *b, uint32_t seed)
{
    static const uint32_t section[] = {0x1a2b3c4d, 1, 0xffffffff, 0xffffffff}, interface[] = {1, 262144};
    block(b, 0x0a0d0d0a, section, sizeof section, 0, &seed);
    block(b, 1, interface, sizeof interface, 0, &seed);
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t len = frame_length(&seed);
        const uint32_t head[] = {0, 0, i, len, len};
        block(b, 6, head, sizeof head, i == 100 ? 3 * (uint32_t)PIECE_SIZE : len, &seed); /* options behind the frame */
        if (next_random(&seed) % 32 == 0)
            block(b, 0xbad, NULL, 0, next_random(&seed) % 900000, &seed);
    }
}

struct told {
    struct source *source;
    uint64_t frames, sum, most;
    enum source_status status;
    struct error err;
};

static uint64_t add_frame(uint64_t sum, struct bytes data)
{
    for (size_t i = 0; i < data.len; i += 97)
        sum = sum * 31 + data.data[i];
    return sum;
}

static bool take(void *arg)
{
    struct told *t = arg;
    struct frame frame;
    while (t->frames < t->most && (t->status = source_next(t->source, &frame, &t->err)) == SOURCE_FRAME) {
        t->frames++;
        t->sum = add_frame(t->sum * 31 + (uint64_t)frame.when + frame.data.len, frame.data);
    }
    return t->frames < t->most && t->status == SOURCE_IDLE;
}

/* --- by turns --- */

enum { MEMBERS = 6, FRAMES_MOST = 400 };

struct sent { /* in one round */
    unsigned count;
    struct bytes frames[FRAMES_MOST];
    uint64_t sums[FRAMES_MOST];
};

struct crew {
    struct rounds *rounds;
    struct told *told;
    struct sent sent[ROUNDS];
    uint64_t done[MEMBERS]; /* rounds, by each */
    uint64_t stayed[MEMBERS];
};

static uint64_t stayed_ever; /* frames that members saw in a piece */

static void check_part(void *arg, unsigned member, uint64_t round)
{
    struct crew *c = arg;
    const struct sent *s = &c->sent[round % ROUNDS];
    assert_int_equal(round, c->done[member]);
    c->done[member]++;
    for (unsigned i = member; i < s->count; i += MEMBERS) {
        assert_int_equal(add_frame(0, s->frames[i]), s->sums[i]);
        c->stayed[member]++;
    }
}

static bool lies_in(struct bytes all, struct bytes part)
{
    return part.data >= all.data && part.data + part.len <= all.data + all.len;
}

/* Several rounds of a piece, or one, or none. */
static bool take_and_send(void *arg, struct bytes stays)
{
    struct crew *c = arg;
    struct told *t = c->told;
    struct sent *s = NULL;
    struct frame frame;
    while (t->frames < t->most && (t->status = source_next(t->source, &frame, &t->err)) == SOURCE_FRAME) {
        t->frames++;
        t->sum = add_frame(t->sum * 31 + (uint64_t)frame.when + frame.data.len, frame.data);
        if (!lies_in(stays, frame.data))
            continue;
        if (!s) {
            s = &c->sent[rounds_open(c->rounds) % ROUNDS];
            s->count = 0;
        }
        s->frames[s->count] = frame.data;
        s->sums[s->count++] = add_frame(0, frame.data);
        if (frame.data.len % 16 == 0 || s->count == FRAMES_MOST) {
            rounds_send(c->rounds);
            s = NULL;
        }
    }
    if (s)
        rounds_send(c->rounds);
    return t->frames < t->most && t->status == SOURCE_IDLE;
}

static void read_by_turns(struct told *t, unsigned members)
{
    static struct crew c;
    c = (struct crew){.told = t};
    c.rounds = rounds_new(members, check_part, &c);
    assert_non_null(c.rounds);
    assert_true(rounds_read(c.rounds, t->source, take_and_send, &c));
    source_free(t->source); /* all is done with by now */
    rounds_end(c.rounds);
    for (unsigned i = 0; i < members; i++) {
        assert_int_equal(c.done[i], c.done[0]);
        stayed_ever += c.stayed[i];
    }
}

static void read_content(struct bytes content, unsigned members, uint64_t most, struct told *t)
{
    int fd = memfd_create("capture", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.data, content.len), content.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    *t = (struct told){.most = most};
    t->source = source_open_fd(fd, "x", &t->err);
    assert_non_null(t->source);
    if (members) {
        read_by_turns(t, members);
        return;
    }
    while (take(t))
        continue;
    source_free(t->source);
}

static void expect_same(struct bytes content, uint64_t most)
{
    static const unsigned members[] = {1, 2, MEMBERS};
    struct told one, by_turns;
    read_content(content, 0, most, &one);
    for (unsigned i = 0; i < sizeof members / sizeof *members; i++) {
        read_content(content, members[i], most, &by_turns);
        assert_int_equal(one.frames, by_turns.frames);
        assert_int_equal(one.sum, by_turns.sum);
        assert_int_equal(one.status, by_turns.status);
        assert_string_equal(one.err.text, by_turns.err.text);
    }
}

/* Whole, cut anywhere, cut where a piece ends, given up on the way, and shorter than a piece. */
static void same_frames(void (*make)(struct buf *b, uint32_t seed))
{
    for (uint32_t seed = 1; seed <= 4; seed++) {
        struct buf b;
        uint32_t random = seed;
        buf_init(&b, CONTENT_MAX);
        make(&b, seed);
        struct bytes all = buf_bytes(&b);
        expect_same(all, UINT64_MAX);
        for (unsigned i = 0; i < 6; i++)
            expect_same(bytes_part(all, 0, 100 + (size_t)next_random(&random) * 64 % all.len), UINT64_MAX);
        for (size_t pieces = 0; pieces < 4; pieces++)
            expect_same(bytes_part(all, 0, PIECE_SIZE * (pieces + 1)), UINT64_MAX);
        expect_same(all, 1 + next_random(&random) % 300);
        buf_release(&b);
    }
}

static void classic(void **state)
{
    (void)state;
    same_frames(classic_content);
}

static void pcapng(void **state)
{
    (void)state;
    same_frames(pcapng_content);
}

static void many_stayed(void **state)
{
    (void)state;
    assert_true(stayed_ever > 1000);
}

static void only_plain_files(void **state)
{
    static const uint32_t header[] = {0xa1b2c3d4, 0x00040002, 0, 0, 262144, 1};
    struct told t = {.most = 1};
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], header, sizeof header), sizeof header);
    close(ends[1]);
    t.source = source_open_fd(ends[0], "x", &t.err);
    assert_non_null(t.source);
    struct crew c = {.told = &t};
    c.rounds = rounds_new(2, check_part, &c);
    assert_false(rounds_read(c.rounds, t.source, take_and_send, &c));
    rounds_end(c.rounds);
    assert_false(take(&t));
    assert_int_equal(t.status, SOURCE_END);
    source_free(t.source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classic),
        cmocka_unit_test(pcapng),
        cmocka_unit_test(many_stayed),
        cmocka_unit_test(only_plain_files),
    };
    alarm(PATIENCE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
