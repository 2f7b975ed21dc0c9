/* 7-Zip archives (7zFormat.txt): a start header tells where the header with the names is. That one is mostly
   compressed, so names are not listed; but its own coders show whether it is encrypted, and where it is plain, the
   files' too. */
#include "scanner.h"

#include "base/memory.h"
#include "gather.h"
#include "record/record.h"

#include <stdlib.h>

#define START     32
#define BIT(flag) ((part_flags)1 << PART_FLAG_##flag)

struct seven_zip {
    struct scanner base;
    struct gather gather;
    bool has_start, has_header, is_encrypted, has_gap, is_lost;
    uint8_t kept[GATHER_MOST];
};

static void seven_zip_push(struct scanner *s, struct bytes more)
{
    static const uint8_t aes[] = {0x06, 0xf1, 0x07, 0x01}; /* AES-256 with SHA-256, as methods are numbered */
    struct seven_zip *z = (struct seven_zip *)s;
    if (z->is_lost || z->has_header || !gather_take(&z->gather, &more))
        return;
    if (!z->has_start) {
        uint64_t at = little64(z->kept + 12), len = little64(z->kept + 20);
        z->has_start = true;
        z->has_header = !len;
        z->is_lost = at > UINT64_MAX / 2;
        gather_ask(&z->gather, at, len < GATHER_MOST ? (size_t)len : GATHER_MOST);
        if (z->is_lost || z->has_header || !gather_take(&z->gather, &more))
            return;
    }
    z->has_header = true;
    for (size_t i = 0; i + sizeof aes <= z->gather.have; i++)
        z->is_encrypted |= !memcmp(z->kept + i, aes, sizeof aes);
}

static void seven_zip_gap(struct scanner *s, uint64_t len)
{
    struct seven_zip *z = (struct seven_zip *)s;
    z->has_gap = true;
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
