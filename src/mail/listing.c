/* Listings of archives. An entry: its flags in one octet, the size in eight, the length of the name in two, the name.
 */
#include "listing.h"

#include "mail/file_type.h"
#include "record/record.h"

#include <xxhash.h>

#define HEAD        11
#define SIZE_KNOWN  1u
#define ENCRYPTED   2u
#define OCTETS_MOST (64 * 1024) /* names of one archive that are kept, whatever the limit of entries is */
#define BIT(flag)   ((part_flags)1 << PART_FLAG_##flag)

void listing_init(struct listing *l, size_t most)
{
    *l = (struct listing){.most = most};
    buf_init(&l->entries, OCTETS_MOST);
}

void listing_release(struct listing *l)
{
    buf_release(&l->entries);
}

void listing_reset(struct listing *l)
{
    buf_reset(&l->entries);
    l->count = l->names = 0;
    l->seen = 0;
    l->flags = 0;
    l->cut = false;
}

/* Names as the formats spell them; some writers use backslashes. */
static unsigned recognize(struct bytes name)
{
    static const struct {
        const char *name;
        enum listed what;
        bool is_folder; /* the name only has to begin so */
    } known[] = {
        {"[Content_Types].xml", LISTED_CONTENT_TYPES, false},
        {"word/", LISTED_WORD, true},
        {"xl/", LISTED_EXCEL, true},
        {"ppt/", LISTED_POWERPOINT, true},
        {"xl/macrosheets/", LISTED_MACROS, true},
        {"xl/workbook.bin", LISTED_EXCEL_BINARY, false},
        {"word/embeddings/", LISTED_EMBEDDED, true},
        {"xl/embeddings/", LISTED_EMBEDDED, true},
        {"ppt/embeddings/", LISTED_EMBEDDED, true},
        {"word/activeX/", LISTED_EMBEDDED, true},
        {"xl/activeX/", LISTED_EMBEDDED, true},
        {"META-INF/MANIFEST.MF", LISTED_MANIFEST, false},
        {"AndroidManifest.xml", LISTED_ANDROID, false},
        {"AppxManifest.xml", LISTED_APPX, false},
        {"AppxBundleManifest.xml", LISTED_APPX, false},
        {"Basic/", LISTED_ODF_MACROS, true},
        {"Scripts/", LISTED_ODF_MACROS, true},
    };
    uint8_t plain[32];
    size_t n = name.len < sizeof plain ? name.len : sizeof plain;
    for (size_t i = 0; i < n; i++)
        plain[i] = name.data[i] == '\\' ? '/' : name.data[i];
    unsigned seen = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct bytes wanted = bytes_of_string(known[i].name);
        if (bytes_starts_nocase(bytes_of(plain, n), wanted) && (known[i].is_folder || name.len == wanted.len))
            seen |= known[i].what;
    }
    static const char project[] = "vbaProject.bin";
    size_t tail = sizeof project - 1;
    if (name.len >= tail && bytes_equal_nocase(bytes_part(name, name.len - tail, tail), bytes_of_string(project)))
        seen |= LISTED_MACROS;
    return seen;
}

void listing_add(struct listing *l, struct bytes name, bool whole, bool known, uint64_t size, bool encrypted)
{
    l->count++;
    l->names += XXH3_64bits_withSeed(name.data, name.len, encrypted);
    l->seen |= recognize(name);
    l->flags |= name_classes(name) & FILE_HARMFUL ? BIT(archive_executable) : 0;
    l->flags |= name_leads_out(name) ? BIT(archive_path) : 0;
    l->flags |= encrypted ? BIT(encrypted_archive) : 0;
    l->cut |= !whole || name.len > LISTED_NAME;
    name = bytes_part(name, 0, LISTED_NAME);
    if (l->count > l->most || l->entries.len + HEAD + name.len > l->entries.max)
        return;
    uint8_t head[HEAD];
    head[0] = (uint8_t)((known ? SIZE_KNOWN : 0) | (encrypted ? ENCRYPTED : 0));
    memcpy(head + 1, &size, 8);
    uint16_t len = (uint16_t)name.len;
    memcpy(head + 9, &len, 2);
    buf_add(&l->entries, bytes_of(head, sizeof head));
    buf_add(&l->entries, name);
}

void listing_write(const struct listing *l, struct record *message, size_t size_most)
{
    uint64_t written = 0;
    struct bytes rest = buf_bytes(&l->entries);
    while (rest.len >= HEAD && record_size(message) < size_most) {
        uint64_t size;
        uint16_t len;
        memcpy(&size, rest.data + 1, 8);
        memcpy(&len, rest.data + 9, 2);
        record_begin(message, F_part_archive);
        record_text(message, F_archived_name, bytes_part(rest, HEAD, len));
        if (rest.data[0] & SIZE_KNOWN)
            record_number(message, F_archived_size, size);
        if (rest.data[0] & ENCRYPTED)
            record_flag(message, F_archived_encrypted);
        record_end(message);
        rest = bytes_part(rest, (size_t)HEAD + len, rest.len);
        written++;
    }
    if (l->count > written)
        record_number(message, F_part_archive_omitted, l->count - written);
}
