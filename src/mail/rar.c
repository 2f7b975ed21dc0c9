/* RAR archives as technote.txt describes them: blocks one behind the other, in version 4 (1.5 to 4.20) with fixed
   fields, in version 5 with numbers of seven bits an octet. */
#include "scanner.h"

#include "base/memory.h"
#include "gather.h"
#include "listing.h"
#include "record/record.h"

#include <stdlib.h>

#define HEAD_4    7
#define BIT(flag) ((part_flags)1 << PART_FLAG_##flag)

enum state { MARK, HEAD, BODY };

struct rar {
    struct scanner base;
    struct gather gather;
    enum state state;
    bool is_5, ended, is_lost, has_gap;
    bool is_locked;  /* the headers themselves are encrypted */
    size_t block;    /* octets of the header at hand that are wanted; it may have more */
    uint64_t beyond; /* octets of it that are not */
    struct listing listing;
    uint8_t kept[GATHER_MOST];
};

/* A number of version 5 off the front; false where it is cut or too large. */
static bool seven_bits(struct bytes *rest, uint64_t *ret)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < 10 && i < rest->len; i++) {
        if (i == 9 && rest->data[i] > 1)
            return false;
        n |= (uint64_t)(rest->data[i] & 0x7f) << 7 * i;
        if (!(rest->data[i] & 0x80)) {
            *rest = bytes_part(*rest, i + 1u, rest->len);
            *ret = n;
            return true;
        }
    }
    return false;
}

static void next_block(struct rar *r, uint64_t skip)
{
    if (skip > UINT64_MAX / 2)
        r->is_lost = true;
    r->state = HEAD;
    gather_ask(&r->gather, skip, r->is_5 ? 5 : HEAD_4);
}

static void lock(struct rar *r)
{
    r->is_locked = r->is_lost = true;
}

/* The name of version 4 may have its Unicode form behind a NUL, in a coding of RAR's own; what stands before will do.
 */
static void file_4(struct rar *r, struct bytes head, unsigned flags, bool whole)
{
    size_t at = flags & 0x100 ? 40 : 32;
    if (head.len < at)
        return;
    uint64_t size = little32(head.data + 11) | (flags & 0x100 ? (uint64_t)little32(head.data + 36) << 32 : 0);
    struct bytes name = bytes_part(head, at, little16(head.data + 26));
    name = bytes_part(name, 0, bytes_index(name, 0));
    bool is_folder = (flags & 0xe0) == 0xe0;
    if (!is_folder)
        listing_add(&r->listing, name, whole, true, size, flags & 4);
}

/* CRC, type, flags, size of the header; the size of what follows it where a flag says so. */
static void block_4(struct rar *r)
{
    struct bytes head = bytes_of(r->kept, r->gather.have);
    unsigned type = head.data[2], flags = little16(head.data + 3);
    uint64_t data = (flags & 0x8000 || type == 0x74) && head.len >= 11 ? little32(head.data + 7) : 0;
    if (type == 0x74 && flags & 0x100 && head.len >= 36)
        data |= (uint64_t)little32(head.data + 32) << 32;
    if (type == 0x73 && flags & 0x80) {
        lock(r);
        return;
    }
    if (type == 0x74)
        file_4(r, head, flags, !r->beyond);
    if (type == 0x7b) {
        r->ended = r->is_lost = true;
        return;
    }
    next_block(r, data > UINT64_MAX / 2 ? data : r->beyond + data);
}

/* A file's extra area: records of size, type and data; type 1 is encryption. */
static bool is_encrypted_5(struct bytes extra)
{
    uint64_t size, type;
    while (seven_bits(&extra, &size)) {
        struct bytes one = bytes_part(extra, 0, size < extra.len ? (size_t)size : extra.len);
        if (seven_bits(&one, &type) && type == 1)
            return true;
        extra = bytes_part(extra, size < extra.len ? (size_t)size : extra.len, extra.len);
    }
    return false;
}

static void file_5(struct rar *r, struct bytes rest, uint64_t extra_len)
{
    uint64_t flags, size, attributes, packing, system, name_len;
    struct bytes extra = bytes_part(rest, extra_len < rest.len ? rest.len - (size_t)extra_len : rest.len, rest.len);
    if (!seven_bits(&rest, &flags) || !seven_bits(&rest, &size) || !seven_bits(&rest, &attributes))
        return;
    size_t fixed = (flags & 2 ? 4u : 0) + (flags & 4 ? 4u : 0);
    rest = bytes_part(rest, fixed, rest.len);
    if (!seven_bits(&rest, &packing) || !seven_bits(&rest, &system) || !seven_bits(&rest, &name_len))
        return;
    struct bytes name = bytes_part(rest, 0, name_len < rest.len ? (size_t)name_len : rest.len);
    bool whole = name.len == name_len;
    if (!(flags & 1)) /* no folder */
        listing_add(&r->listing, name, whole, !(flags & 8), size, !r->beyond && is_encrypted_5(extra));
}

static void block_5(struct rar *r)
{
    struct bytes rest = bytes_part(bytes_of(r->kept, r->gather.have), 4, GATHER_MOST);
    uint64_t size, type, flags, extra = 0, data = 0;
    bool is_one = seven_bits(&rest, &size) && seven_bits(&rest, &type) && seven_bits(&rest, &flags) &&
                  (!(flags & 1) || seven_bits(&rest, &extra)) && (!(flags & 2) || seven_bits(&rest, &data));
    if (!is_one || data > UINT64_MAX / 2) {
        r->is_lost = true;
        return;
    }
    if (type == 4) {
        lock(r);
        return;
    }
    if (type == 2)
        file_5(r, rest, extra);
    if (type == 5) {
        r->ended = r->is_lost = true;
        return;
    }
    next_block(r, r->beyond + data);
}

/* How long is the header of which the first octets are here? */
static void measure(struct rar *r)
{
    uint64_t len, least = r->is_5 ? 6 : HEAD_4;
    if (r->is_5) {
        struct bytes size = bytes_part(bytes_of(r->kept, r->gather.have), 4, 10);
        uint64_t n;
        if (size.data[size.len - 1] & 0x80 && size.len < 4) {
            gather_extend(&r->gather, r->gather.have + 1u);
            return;
        }
        len = seven_bits(&size, &n) ? n + r->gather.have : 0;
    } else {
        len = little16(r->kept + 5);
    }
    if (len < least) {
        r->is_lost = true;
        return;
    }
    size_t wanted = len < GATHER_MOST ? (size_t)len : GATHER_MOST;
    r->beyond = len - wanted;
    r->state = BODY;
    gather_extend(&r->gather, wanted);
}

static void rar_push(struct scanner *s, struct bytes more)
{
    struct rar *r = (struct rar *)s;
    while (!r->is_lost && gather_take(&r->gather, &more)) {
        switch (r->state) {
        case MARK:
            r->is_5 = r->kept[6] == 1;
            next_block(r, r->is_5 ? 1 : 0);
            break;
        case HEAD:
            measure(r);
            break;
        case BODY:
            if (r->is_5)
                block_5(r);
            else
                block_4(r);
            break;
        }
    }
}

static void rar_gap(struct scanner *s, uint64_t len)
{
    struct rar *r = (struct rar *)s;
    r->has_gap = true;
    if (len <= r->gather.skip)
        r->gather.skip -= len;
    else
        r->is_lost = true;
}

static void rar_finish(struct scanner *s, struct finding *ret)
{
    struct rar *r = (struct rar *)s;
    bool is_whole = r->ended || (!r->is_lost && r->state == HEAD && !r->gather.have && !r->gather.skip);
    ret->whole = is_whole;
    ret->flags = r->listing.flags | (r->is_locked ? BIT(encrypted_archive) : 0);
    ret->listing = &r->listing;
    if (!is_whole && !r->is_locked && !r->has_gap)
        ret->flags |= BIT(archive_broken);
    if (!is_whole || r->listing.cut || r->listing.count > r->listing.most)
        ret->flags |= BIT(archive_listing_cut);
}

static void rar_free(struct scanner *s)
{
    struct rar *r = (struct rar *)s;
    listing_release(&r->listing);
    free(r);
}

static size_t rar_held(const struct scanner *s)
{
    const struct rar *r = (const struct rar *)s;
    return memory_cost(sizeof *r) + memory_cost(r->listing.entries.cap);
}

struct scanner *rar_scanner_new(const struct limits *limits)
{
    static const struct scanner_ops ops = {rar_push, rar_gap, rar_finish, rar_free, rar_held};
    struct rar *r = memory_get(sizeof *r);
    r->base.ops = &ops;
    r->gather.kept = r->kept;
    listing_init(&r->listing, scanner_list_most(limits));
    gather_ask(&r->gather, 0, HEAD_4);
    return &r->base;
}
