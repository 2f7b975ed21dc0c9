/* Tar archives: ustar and pax (POSIX.1-2017, pax), the older form without either, GNU's long names. */
#include "scanner.h"

#include "base/memory.h"
#include "gather.h"
#include "listing.h"
#include "record/record.h"

#include <stdlib.h>

#define BLOCK 512

struct tar {
    struct scanner base;
    struct gather gather;
    uint64_t size; /* of the contents at hand */
    uint8_t kind;  /* of the header they belong to, where they are a name; 0 where a header is awaited */
    bool ended;    /* by an empty block */
    bool is_lost;  /* no header where one had to be */
    bool has_gap;
    bool long_cut;
    uint16_t long_len; /* of the name that the next file has */
    uint8_t long_name[LISTED_NAME];
    struct listing listing;
    uint8_t kept[GATHER_MOST];
};

/* Octal digits, or from GNU tar a number of 12 octets with the highest bit set. */
static uint64_t tar_number(const uint8_t *at, size_t len)
{
    uint64_t n = 0;
    if (at[0] & 0x80) {
        for (size_t i = len - 8; i < len; i++)
            n = n << 8 | at[i];
        return n;
    }
    size_t i = 0;
    while (i < len && at[i] == ' ')
        i++;
    for (; i < len && at[i] >= '0' && at[i] <= '7'; i++)
        n = n * 8 + (uint64_t)(at[i] - '0');
    return n;
}

static struct bytes field(const uint8_t *at, size_t most)
{
    const uint8_t *end = memchr(at, 0, most);
    return bytes_of(at, end ? (size_t)(end - at) : most);
}

static void add(struct tar *t, uint64_t size)
{
    const uint8_t *head = t->kept;
    uint8_t name[256];
    struct bytes short_name = field(head, 100), prefix = field(head + 345, 155);
    size_t len = 0;
    if (!memcmp(head + 257, "ustar\0", 6) && prefix.len) {
        memcpy(name, prefix.data, prefix.len);
        len = prefix.len;
        name[len++] = '/';
    }
    memcpy(name + len, short_name.data, short_name.len);
    len += short_name.len;
    struct bytes shown = t->long_len ? bytes_of(t->long_name, t->long_len) : bytes_of(name, len);
    bool is_folder = head[156] == '5' || (shown.len && shown.data[shown.len - 1] == '/');
    if (!is_folder)
        listing_add(&t->listing, shown, !t->long_cut, true, size, false);
    t->long_len = 0;
    t->long_cut = false;
}

/* The first empty or wrong block ends it. */
static bool is_header(const uint8_t *head)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : head[i];
    return sum != 8 * ' ' && tar_number(head + 148, 8) == sum;
}

static void read_header(struct tar *t)
{
    const uint8_t *head = t->kept;
    if (!is_header(head)) {
        t->ended = !head[0];
        t->is_lost = true;
        return;
    }
    uint8_t kind = head[156];
    t->size = kind >= '1' && kind <= '6' ? 0 : tar_number(head + 124, 12);
    if (t->size > UINT64_MAX / 2) {
        t->is_lost = true;
        return;
    }
    uint64_t padding = (BLOCK - t->size % BLOCK) % BLOCK;
    if (kind == 'L' || kind == 'x') {
        t->kind = kind;
        gather_ask(&t->gather, 0, t->size < GATHER_MOST ? (size_t)t->size : GATHER_MOST);
        return;
    }
    if (kind != 'g' && kind != 'K' && kind != 'V')
        add(t, t->size);
    gather_ask(&t->gather, t->size + padding, BLOCK);
}

/* "28 path=a/b\n": the length counts the whole of it. */
static struct bytes pax_path(struct bytes rest, bool *cut)
{
    struct bytes path = {rest.data, 0};
    uint64_t len;
    for (struct bytes line = rest; bytes_number(&line, &len); line = rest) {
        size_t digits = rest.len - line.len;
        if (len < digits + 2)
            break;
        struct bytes pair = bytes_part(line, 1, (size_t)(len - digits - 2));
        if (bytes_starts_nocase(pair, BYTES("path="))) {
            path = bytes_part(pair, 5, pair.len);
            *cut = len > rest.len;
        }
        rest = bytes_part(rest, (size_t)len, rest.len);
    }
    return path;
}

static void read_name(struct tar *t)
{
    struct bytes here = bytes_of(t->kept, t->gather.have);
    bool cut = t->size > here.len;
    struct bytes name = t->kind == 'L' ? field(here.data, here.len) : pax_path(here, &cut);
    if (name.len) {
        t->long_cut = cut || name.len > LISTED_NAME;
        t->long_len = (uint16_t)(name.len < LISTED_NAME ? name.len : LISTED_NAME);
        memcpy(t->long_name, name.data, t->long_len);
    }
    t->kind = 0;
    gather_ask(&t->gather, t->size - here.len + (BLOCK - t->size % BLOCK) % BLOCK, BLOCK);
}

static void tar_push(struct scanner *s, struct bytes more)
{
    struct tar *t = (struct tar *)s;
    while (!t->is_lost && gather_take(&t->gather, &more)) {
        if (t->kind)
            read_name(t);
        else
            read_header(t);
    }
}

static void tar_gap(struct scanner *s, uint64_t len)
{
    struct tar *t = (struct tar *)s;
    t->has_gap = true;
    if (len <= t->gather.skip)
        t->gather.skip -= len;
    else
        t->is_lost = true;
}

static void tar_finish(struct scanner *s, struct finding *ret)
{
    struct tar *t = (struct tar *)s;
    ret->whole = t->ended;
    ret->flags = t->listing.flags;
    ret->listing = &t->listing;
    /* An archive may end without the empty blocks, but not inside a file. */
    bool is_cut = t->is_lost ? !t->ended : t->gather.skip || t->gather.have || t->kind;
    if (is_cut && !t->has_gap)
        ret->flags |= (part_flags)1 << PART_FLAG_archive_broken;
    if (is_cut || t->listing.cut || t->listing.count > t->listing.most)
        ret->flags |= (part_flags)1 << PART_FLAG_archive_listing_cut;
}

static void tar_free(struct scanner *s)
{
    struct tar *t = (struct tar *)s;
    listing_release(&t->listing);
    free(t);
}

static size_t tar_held(const struct scanner *s)
{
    const struct tar *t = (const struct tar *)s;
    return memory_cost(sizeof *t) + memory_cost(t->listing.entries.cap);
}

struct scanner *tar_scanner_new(const struct limits *limits)
{
    static const struct scanner_ops ops = {tar_push, tar_gap, tar_finish, tar_free, tar_held};
    struct tar *t = memory_get(sizeof *t);
    t->base.ops = &ops;
    t->gather.kept = t->kept;
    listing_init(&t->listing, scanner_list_most(limits));
    gather_ask(&t->gather, 0, BLOCK);
    return &t->base;
}
