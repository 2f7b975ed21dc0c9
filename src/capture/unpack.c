/* Uncompressing: one loop over the input, and for each compression one step that turns some input into some output.
   zlib, libzstd, liblz4 and liblzma do the work. */
#include "unpack.h"

#include "base/bytes.h"
#include "base/memory.h"

#include <errno.h>
#include <lz4frame.h>
#include <lzma.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define INPUT_SIZE ((size_t)256 << 10)
#define MAGIC_SIZE 6

/* What liblz4 and libzstd want to see of a new frame. */
#define LZ4_START  7
#define ZSTD_START 5

/* xz -9 takes 65 MiB; a file that asks for more is meant to exhaust us. libzstd has such a limit of its own. */
#define XZ_MEMORY ((uint64_t)256 << 20)

enum packing { PACKING_UNKNOWN, PACKING_NONE, PACKING_GZIP, PACKING_ZSTD, PACKING_LZ4, PACKING_XZ };

struct unpack {
    int fd;
    enum packing packing;
    bool ended;     /* read(2) said so */
    bool in_member; /* more input must come, or the file is cut off */
    bool full;      /* the last step filled the output: more may come without new input */
    bool again;     /* the last member has ended, another may begin */
    bool broken;
    struct error why;
    size_t hint; /* how much input zstd and lz4 want next */
    size_t from, to;
    z_stream gzip;
    ZSTD_DStream *zstd;
    LZ4F_dctx *lz4;
    lzma_stream xz;
    uint8_t in[INPUT_SIZE];
};

struct unpack *unpack_new(int fd)
{
    struct unpack *u = memory_get(sizeof *u);
    u->fd = fd;
    return u;
}

void unpack_free(struct unpack *u)
{
    if (!u)
        return;
    if (u->packing == PACKING_GZIP)
        inflateEnd(&u->gzip);
    ZSTD_freeDStream(u->zstd);
    LZ4F_freeDecompressionContext(u->lz4);
    lzma_end(&u->xz);
    close(u->fd);
    free(u);
}

static enum unpack_status read_file(struct unpack *u, uint8_t *to, size_t size, size_t *got, struct error *err)
{
    *got = 0;
    if (u->ended)
        return UNPACK_END;
    ssize_t n = read(u->fd, to, size);
    if (n > 0) {
        *got = (size_t)n;
        return UNPACK_SOME;
    }
    if (n == 0) {
        u->ended = true;
        return UNPACK_END;
    }
    if (errno == EINTR || errno == EAGAIN)
        return UNPACK_AGAIN;
    error_set(err, "cannot be read: %s", strerror(errno));
    return UNPACK_BROKEN;
}

/* zstd begins with a frame, or with a skippable frame whose last magic octet has 16 values (pzstd writes those). */
static enum packing packing_of(struct bytes in)
{
    static const struct {
        uint8_t magic[MAGIC_SIZE];
        uint8_t len, packing;
    } known[] = {
        {{0x1f, 0x8b}, 2, PACKING_GZIP},
        {{0x28, 0xb5, 0x2f, 0xfd}, 4, PACKING_ZSTD},
        {{0x04, 0x22, 0x4d, 0x18}, 4, PACKING_LZ4},
        {{0xfd, '7', 'z', 'X', 'Z', 0}, 6, PACKING_XZ},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (in.len >= known[i].len && !memcmp(in.data, known[i].magic, known[i].len))
            return (enum packing)known[i].packing;
    if (in.len >= 4 && (in.data[0] & 0xf0) == 0x50 && !memcmp(in.data + 1, "\x2a\x4d\x18", 3))
        return PACKING_ZSTD;
    return PACKING_NONE;
}

static bool xz_start(struct unpack *u, struct error *err)
{
    if (lzma_stream_decoder(&u->xz, XZ_MEMORY, 0) != LZMA_OK)
        return error_set(err, "cannot be uncompressed: out of memory");
    return true;
}

static bool start(struct unpack *u, struct error *err)
{
    bool ok = true;
    switch (u->packing) {
    case PACKING_UNKNOWN:
    case PACKING_NONE:
        break;
    case PACKING_GZIP:
        ok = inflateInit2(&u->gzip, 15 + 16) == Z_OK;
        break;
    case PACKING_ZSTD:
        u->zstd = ZSTD_createDStream();
        ok = u->zstd && !ZSTD_isError(ZSTD_initDStream(u->zstd));
        u->hint = ZSTD_START;
        break;
    case PACKING_LZ4:
        ok = !LZ4F_isError(LZ4F_createDecompressionContext(&u->lz4, LZ4F_VERSION));
        u->hint = LZ4_START;
        break;
    case PACKING_XZ:
        return xz_start(u, err);
    }
    return ok || error_set(err, "cannot be uncompressed: out of memory");
}

static enum unpack_status sniff(struct unpack *u, struct error *err)
{
    while (u->to < MAGIC_SIZE) {
        size_t got;
        enum unpack_status s = read_file(u, u->in + u->to, INPUT_SIZE - u->to, &got, err);
        if (s == UNPACK_END)
            break;
        if (s != UNPACK_SOME)
            return s;
        u->to += got;
    }
    u->packing = packing_of((struct bytes){u->in, u->to});
    return start(u, err) ? UNPACK_SOME : UNPACK_BROKEN;
}

static bool gzip_step(struct unpack *u, uint8_t *to, size_t size, size_t *got, struct error *err)
{
    z_stream *z = &u->gzip;
    z->next_in = u->in + u->from;
    z->avail_in = (uInt)(u->to - u->from);
    z->next_out = to;
    z->avail_out = size > 1 << 30 ? 1 << 30 : (uInt)size;
    uInt room = z->avail_out;
    int status = inflate(z, Z_NO_FLUSH);
    u->from = u->to - z->avail_in;
    *got = room - z->avail_out;
    u->in_member = true;
    if (status == Z_STREAM_END) {
        u->in_member = false;
        u->again = true;
        return inflateReset(z) == Z_OK || error_set(err, "cannot be uncompressed");
    }
    if (status == Z_OK || status == Z_BUF_ERROR)
        return true;
    return error_set(err, "has damaged gzip data: %s", z->msg ? z->msg : "out of memory");
}

/* libzstd and liblz4 lose what a call had already put out when the same call fails, so they get no more input at a time
   than one block, and none while they still have output. */
static size_t input_for(const struct unpack *u)
{
    size_t have = u->to - u->from;
    if (u->full)
        return 0;
    return u->hint < have ? u->hint : have;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): zstd writes there */
static bool zstd_step(struct unpack *u, uint8_t *to, size_t size, size_t *got, struct error *err)
{
    ZSTD_inBuffer in = {u->in + u->from, input_for(u), 0};
    ZSTD_outBuffer out = {to, size, 0};
    size_t left = ZSTD_decompressStream(u->zstd, &out, &in);
    if (ZSTD_isError(left))
        return error_set(err, "has damaged zstd data: %s", ZSTD_getErrorName(left));
    u->from += in.pos;
    *got = out.pos;
    if (in.pos || out.pos)
        u->in_member = left != 0;
    u->hint = left ? left : ZSTD_START;
    return true;
}

static bool lz4_step(struct unpack *u, uint8_t *to, size_t size, size_t *got, struct error *err)
{
    size_t used = input_for(u), put = size;
    size_t left = LZ4F_decompress(u->lz4, to, &put, u->in + u->from, &used, NULL);
    if (LZ4F_isError(left))
        return error_set(err, "has damaged lz4 data: %s", LZ4F_getErrorName(left));
    u->from += used;
    *got = put;
    if (used || put)
        u->in_member = left != 0;
    u->hint = left ? left : LZ4_START;
    return true;
}

static bool xz_step(struct unpack *u, uint8_t *to, size_t size, size_t *got, struct error *err)
{
    lzma_stream *x = &u->xz;
    x->next_in = u->in + u->from;
    x->avail_in = u->to - u->from;
    x->next_out = to;
    x->avail_out = size;
    lzma_ret status = lzma_code(x, LZMA_RUN);
    u->from = u->to - x->avail_in;
    *got = size - x->avail_out;
    u->in_member = true;
    if (status == LZMA_STREAM_END) {
        u->in_member = false;
        u->again = true;
        return xz_start(u, err);
    }
    if (status == LZMA_OK || status == LZMA_BUF_ERROR)
        return true;
    if (status == LZMA_MEMLIMIT_ERROR)
        return error_set(err, "needs more than %u MiB to be uncompressed; use xz -dc and a pipe",
                         (unsigned)(XZ_MEMORY >> 20));
    return error_set(err, "has damaged xz data");
}

static bool step(struct unpack *u, uint8_t *to, size_t size, size_t *got, struct error *err)
{
    /* Between members there may be zeros: xz pads so, and tape blocks do. */
    while (u->again && u->from < u->to && !u->in[u->from])
        u->from++;
    if (u->again && u->from == u->to)
        return true;
    u->again = false;
    switch (u->packing) {
    case PACKING_UNKNOWN:
    case PACKING_NONE:
        break;
    case PACKING_GZIP:
        return gzip_step(u, to, size, got, err);
    case PACKING_ZSTD:
        return zstd_step(u, to, size, got, err);
    case PACKING_LZ4:
        return lz4_step(u, to, size, got, err);
    case PACKING_XZ:
        return xz_step(u, to, size, got, err);
    }
    return true;
}

static enum unpack_status read_packed(struct unpack *u, uint8_t *to, size_t size, size_t *got, struct error *err)
{
    for (;;) {
        if (u->broken) {
            *err = u->why;
            return UNPACK_BROKEN;
        }
        if (u->from == u->to && !u->full) {
            u->from = u->to = 0;
            enum unpack_status s = read_file(u, u->in, INPUT_SIZE, &u->to, err);
            if (s == UNPACK_END && u->in_member) {
                error_set(err, "is cut off inside its compressed data");
                return UNPACK_BROKEN;
            }
            if (s != UNPACK_SOME)
                return s;
        }
        *got = 0;
        u->broken = !step(u, to, size, got, &u->why);
        u->full = !u->broken && *got == size;
        if (*got)
            return UNPACK_SOME;
    }
}

enum unpack_status unpack_read(struct unpack *u, uint8_t *to, size_t size, size_t *got, struct error *err)
{
    struct error unwanted;
    if (!err)
        err = &unwanted;
    *got = 0;
    if (u->packing == PACKING_UNKNOWN) {
        enum unpack_status s = sniff(u, err);
        if (s != UNPACK_SOME)
            return s;
    }
    if (u->packing != PACKING_NONE)
        return read_packed(u, to, size, got, err);
    if (u->from < u->to) {
        *got = u->to - u->from < size ? u->to - u->from : size;
        memcpy(to, u->in + u->from, *got);
        u->from += *got;
        return UNPACK_SOME;
    }
    return read_file(u, to, size, got, err);
}

int unpack_plain(const struct unpack *u)
{
    struct stat st;
    bool plain = u->packing == PACKING_NONE && u->from == u->to && !fstat(u->fd, &st) && S_ISREG(st.st_mode);
    return plain ? u->fd : -1;
}
