/* OLE2 compound files (MS-CFB). The sectors of the directory may lie anywhere, and the table that links them behind
   them; but an entry always begins at a multiple of 128, and says itself what it is. So all such places are looked at:
   an entry has a name in UTF-16, the name's length, a type and a colour. */
#include "scanner.h"

#include "base/memory.h"
#include "gather.h"
#include "record/record.h"

#include <stdlib.h>

#define ENTRY     128
#define BIT(flag) ((part_flags)1 << PART_FLAG_##flag)

enum stream {
    SEEN_WORD = 1 << 0,
    SEEN_EXCEL = 1 << 1,
    SEEN_POWERPOINT = 1 << 2,
    SEEN_OUTLOOK = 1 << 3,
    SEEN_MACROS = 1 << 4,
    SEEN_ENCRYPTED = 1 << 5,
    SEEN_OBJECT = 1 << 6,
    SEEN_INSTALLER = 1 << 7,
    SEEN_WORD_LOCKED = 1 << 8,
    SEEN_EXCEL_LOCKED = 1 << 9,
};

struct ole {
    struct scanner base;
    unsigned seen;
    bool has_gap, is_lost;
    uint8_t have;
    uint8_t entry[ENTRY];
};

static unsigned recognize(struct bytes name)
{
    static const struct {
        const char *name;
        unsigned what;
    } known[] = {
        {"WordDocument", SEEN_WORD},
        {"Workbook", SEEN_EXCEL},
        {"Book", SEEN_EXCEL},
        {"PowerPoint Document", SEEN_POWERPOINT},
        {"__properties_version1.0", SEEN_OUTLOOK},
        {"__nameid_version1.0", SEEN_OUTLOOK},
        {"VBA", SEEN_MACROS},
        {"Macros", SEEN_MACROS},
        {"_VBA_PROJECT", SEEN_MACROS},
        {"_VBA_PROJECT_CUR", SEEN_MACROS},
        {"EncryptedPackage", SEEN_ENCRYPTED},
        {"\001Ole10Native", SEEN_OBJECT},
        {"ObjectPool", SEEN_OBJECT},
        {"Equation Native", SEEN_OBJECT},
        {"Package", SEEN_OBJECT},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bytes_equal_nocase(name, bytes_of_string(known[i].name)))
            return known[i].what;
    return 0;
}

/* Streams begin at such places, too: a Word document's with its FIB, which has a bit for encryption (MS-DOC 2.5.2), a
   workbook's with a BOF record and, where it is encrypted, FilePass right behind or behind WriteProtect
   (MS-XLS 2.1.7.20). */
static void look_at_stream(struct ole *o, const uint8_t *at)
{
    static const uint8_t bof[] = {0x09, 0x08, 0x10, 0x00, 0x00, 0x06};
    if (little16(at) == 0xa5ec && at[11] & 1)
        o->seen |= SEEN_WORD_LOCKED;
    if (!memcmp(at, bof, sizeof bof)) {
        const uint8_t *next = at + 20;
        if (little32(next) == 0x86)
            next += 4;
        if (little16(next) == 0x2f)
            o->seen |= SEEN_EXCEL_LOCKED;
    }
}

/* A name in UTF-16 with its NUL is at most 64 octets; types are 1 storage, 2 stream, 5 root; colours 0 and 1. */
static void look_at(struct ole *o, const uint8_t *entry)
{
    look_at_stream(o, entry);
    size_t len = little16(entry + 64);
    uint8_t type = entry[66], name[32];
    if (len < 4 || len > 64 || len % 2 || entry[67] > 1 || (type != 1 && type != 2 && type != 5))
        return;
    len = len / 2 - 1;
    for (size_t i = 0; i < len; i++) {
        if (entry[2 * i + 1])
            return;
        name[i] = entry[2 * i];
    }
    /* {000C1084-0000-0000-C000-000000000046} and its kin for patches and transforms, 1086 and 1082 */
    static const uint8_t installer[] = {0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46};
    if (type == 5 && (entry[80] == 0x84 || entry[80] == 0x86 || entry[80] == 0x82) && entry[81] == 0x10 &&
        !memcmp(entry + 82, installer, sizeof installer))
        o->seen |= SEEN_INSTALLER;
    o->seen |= recognize(bytes_of(name, len));
}

static void ole_push(struct scanner *s, struct bytes more)
{
    struct ole *o = (struct ole *)s;
    if (o->is_lost)
        return;
    if (o->have) {
        struct bytes first = bytes_part(more, 0, ENTRY - o->have);
        memcpy(o->entry + o->have, first.data, first.len);
        o->have = (uint8_t)(o->have + first.len);
        more = bytes_part(more, first.len, more.len);
        if (o->have < ENTRY)
            return;
        look_at(o, o->entry);
    }
    for (; more.len >= ENTRY; more = bytes_part(more, ENTRY, more.len))
        look_at(o, more.data);
    if (more.len)
        memcpy(o->entry, more.data, more.len);
    o->have = (uint8_t)more.len;
}

/* Behind a gap whose length is known entries still begin at multiples. */
static void ole_gap(struct scanner *s, uint64_t len)
{
    struct ole *o = (struct ole *)s;
    o->has_gap = true;
    memset(o->entry, 0, sizeof o->entry); /* an entry that the gap cuts is none */
    o->have = (uint8_t)((o->have + len) % ENTRY);
}

static void ole_finish(struct scanner *s, struct finding *ret)
{
    const struct ole *o = (const struct ole *)s;
    ret->whole = !o->has_gap;
    ret->type = o->seen & SEEN_ENCRYPTED    ? FILE_TYPE_ooxml_encrypted
                : o->seen & SEEN_INSTALLER  ? FILE_TYPE_msi
                : o->seen & SEEN_OUTLOOK    ? FILE_TYPE_msg
                : o->seen & SEEN_WORD       ? FILE_TYPE_doc
                : o->seen & SEEN_EXCEL      ? FILE_TYPE_xls
                : o->seen & SEEN_POWERPOINT ? FILE_TYPE_ppt
                                            : FILE_TYPE_ole;
    bool is_locked = o->seen & SEEN_ENCRYPTED || (o->seen & SEEN_WORD && o->seen & SEEN_WORD_LOCKED) ||
                     (o->seen & SEEN_EXCEL && o->seen & SEEN_EXCEL_LOCKED);
    ret->flags = (o->seen & SEEN_MACROS ? BIT(macro) : 0) | (is_locked ? BIT(encrypted_document) : 0) |
                 (o->seen & SEEN_OBJECT ? BIT(embedded_object) : 0);
}

static void ole_free(struct scanner *s)
{
    free(s);
}

static size_t ole_held(const struct scanner *s)
{
    (void)s;
    return memory_cost(sizeof(struct ole));
}

struct scanner *ole_scanner_new(void)
{
    static const struct scanner_ops ops = {ole_push, ole_gap, ole_finish, ole_free, ole_held};
    struct ole *o = memory_get(sizeof *o);
    o->base.ops = &ops;
    return &o->base;
}
