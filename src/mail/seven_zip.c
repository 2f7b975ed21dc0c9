/* 7-Zip archives (7zFormat.txt): a start header tells where the header with the names is. That one is mostly
   compressed, and then stands right before the few octets that say so: it is unpacked, up to a limit, to see whether
   files are encrypted. Names are not listed. */
#include "scanner.h"

#include "base/memory.h"
#include "gather.h"
#include "record/record.h"

#include <lzma.h>
#include <stdlib.h>

#define START         32
#define PACKED_MOST   4096        /* octets of a compressed header */
#define UNPACKED_MOST (64 * 1024) /* what is unpacked of it: how files are packed stands before their names */
#define BIT(flag)     ((part_flags)1 << PART_FLAG_##flag)

struct seven_zip {
    struct scanner base;
    struct gather gather;
    uint64_t header_at; /* behind the start header */
    bool has_start, has_header, is_encrypted, has_gap, is_lost;
    uint16_t before_len;
    uint8_t before[PACKED_MOST]; /* the last octets before the header */
    uint8_t kept[GATHER_MOST];
};

static bool names_aes(struct bytes b)
{
    static const uint8_t aes[] = {0x06, 0xf1, 0x07, 0x01}; /* AES-256 with SHA-256, as methods are numbered */
    return b.len && memmem(b.data, b.len, aes, sizeof aes);
}

/* A number off the front: ones at the top of its first octet count the octets that follow. */
static bool take_number(struct bytes *b, uint64_t *ret)
{
    if (!b->len)
        return false;
    uint8_t first = b->data[0];
    unsigned more = 0;
    while (more < 8 && first & 0x80u >> more)
        more++;
    if (b->len < more + 1u)
        return false;
    *ret = more < 7 ? (uint64_t)(first & (0x7fu >> more)) << 8 * more : 0;
    for (unsigned i = 0; i < more; i++)
        *ret |= (uint64_t)b->data[1 + i] << 8 * i;
    *b = bytes_part(*b, more + 1u, b->len);
    return true;
}

static bool take_octets(struct bytes *b, struct bytes wanted)
{
    if (!bytes_equal(bytes_part(*b, 0, wanted.len), wanted))
        return false;
    *b = bytes_part(*b, wanted.len, b->len);
    return true;
}

/* What the octets in place of the header say of the compressed one: a single stream, a single coder, LZMA. */
static bool read_encoded(struct bytes b, uint64_t *at, uint64_t *len, struct bytes *properties)
{
    uint64_t property_len;
    if (!take_octets(&b, BYTES("\x17\x06")) || !take_number(&b, at) || !take_octets(&b, BYTES("\x01\x09")) ||
        !take_number(&b, len))
        return false;
    if (take_octets(&b, BYTES("\x0a\x01"))) /* its CRC */
        b = bytes_part(b, 4, b.len);
    if (!take_octets(&b, BYTES("\0\x07\x0b\x01\0\x01\x23\x03\x01\x01")) || !take_number(&b, &property_len) ||
        property_len != 5)
        return false;
    *properties = bytes_part(b, 0, 5);
    return b.len >= 5;
}

/* The dictionary needs no more room than what is unpacked, whatever the archive asks for. */
static bool unpack_header(struct bytes packed, struct bytes properties, struct bytes *ret, uint8_t *out)
{
    lzma_filter filters[] = {{.id = LZMA_FILTER_LZMA1}, {.id = LZMA_VLI_UNKNOWN}};
    lzma_stream stream = LZMA_STREAM_INIT;
    if (lzma_properties_decode(&filters[0], NULL, properties.data, properties.len) != LZMA_OK)
        return false;
    lzma_options_lzma *options = filters[0].options;
    options->dict_size = options->dict_size < UNPACKED_MOST ? options->dict_size : UNPACKED_MOST;
    bool ok = lzma_raw_decoder(&stream, filters) == LZMA_OK;
    if (ok) {
        stream.next_in = packed.data;
        stream.avail_in = packed.len;
        stream.next_out = out;
        stream.avail_out = UNPACKED_MOST;
        lzma_ret ended = lzma_code(&stream, LZMA_RUN); /* it has no end mark: what came out before an error will do */
        ok = ended != LZMA_PROG_ERROR;
        *ret = bytes_of(out, UNPACKED_MOST - stream.avail_out);
    }
    lzma_end(&stream);
    free(options);
    return ok;
}

static void read_header(struct seven_zip *z)
{
    struct bytes header = bytes_of(z->kept, z->gather.have), properties, unpacked;
    uint64_t at, len;
    z->has_header = true;
    z->is_encrypted = names_aes(header);
    if (z->is_encrypted || !read_encoded(header, &at, &len, &properties) || len > z->before_len || at > z->header_at ||
        z->header_at - at != len)
        return;
    struct bytes packed = bytes_of(z->before + z->before_len - len, (size_t)len);
    uint8_t *out = memory_get(UNPACKED_MOST);
    z->is_encrypted = unpack_header(packed, properties, &unpacked, out) && names_aes(unpacked);
    free(out);
}

/* What is gone past may be the compressed header: the last of it is kept. */
static void keep_before(struct seven_zip *z, struct bytes more)
{
    if (more.len >= PACKED_MOST) {
        memcpy(z->before, more.data + more.len - PACKED_MOST, PACKED_MOST);
        z->before_len = PACKED_MOST;
        return;
    }
    size_t keep = PACKED_MOST - more.len;
    keep = keep < z->before_len ? keep : z->before_len;
    memmove(z->before, z->before + z->before_len - keep, keep);
    if (more.len)
        memcpy(z->before + keep, more.data, more.len);
    z->before_len = (uint16_t)(keep + more.len);
}

static bool take(struct seven_zip *z, struct bytes *more)
{
    keep_before(z, bytes_part(*more, 0, z->gather.skip < more->len ? (size_t)z->gather.skip : more->len));
    return gather_take(&z->gather, more);
}

static void seven_zip_push(struct scanner *s, struct bytes more)
{
    struct seven_zip *z = (struct seven_zip *)s;
    if (z->is_lost || z->has_header || !take(z, &more))
        return;
    if (!z->has_start) {
        uint64_t len = little64(z->kept + 20);
        z->header_at = little64(z->kept + 12);
        z->has_start = true;
        z->has_header = !len;
        z->is_lost = z->header_at > UINT64_MAX / 2;
        gather_ask(&z->gather, z->header_at, len < GATHER_MOST ? (size_t)len : GATHER_MOST);
        if (z->is_lost || z->has_header || !take(z, &more))
            return;
    }
    read_header(z);
}

static void seven_zip_gap(struct scanner *s, uint64_t len)
{
    struct seven_zip *z = (struct seven_zip *)s;
    z->has_gap = true;
    z->before_len = 0;
    if (len <= z->gather.skip)
        z->gather.skip -= len;
    else if (!z->has_header)
        z->is_lost = true;
}

static void seven_zip_finish(struct scanner *s, struct finding *ret)
{
    struct seven_zip *z = (struct seven_zip *)s;
    ret->whole = z->has_header;
    ret->flags = z->is_encrypted ? BIT(encrypted_archive) : 0;
    if (!z->has_header && !z->has_gap)
        ret->flags |= BIT(archive_broken);
}

static void seven_zip_free(struct scanner *s)
{
    free(s);
}

static size_t seven_zip_held(const struct scanner *s)
{
    (void)s;
    return memory_cost(sizeof(struct seven_zip));
}

struct scanner *seven_zip_scanner_new(void)
{
    static const struct scanner_ops ops = {seven_zip_push, seven_zip_gap, seven_zip_finish, seven_zip_free,
                                           seven_zip_held};
    struct seven_zip *z = memory_get(sizeof *z);
    z->base.ops = &ops;
    z->gather.kept = z->kept;
    gather_ask(&z->gather, 0, START);
    return &z->base;
}
