/* The look at a part: the type by its first octets, a scanner that reads on where the type has one, octets at the two
   places where a disk image and a Windows program show themselves, and the last octets, where a zip archive would. */
#include "look.h"

#include "base/memory.h"
#include "file_type.h"
#include "gather.h"
#include "listing.h"
#include "names.h"
#include "record/record.h"
#include "scanner.h"

#include <stdlib.h>

#define TAIL        22            /* the end record of a zip archive without a comment */
#define RECORD_MOST (1024 * 1024) /* of a record so large archives are not listed any more */
#define NAME_MOST   1024          /* octets of a name that are looked at */
#define TYPE_LEAST  16            /* octets that a file needs before its lack of a signature says anything */
#define BIT(flag)   ((part_flags)1 << PART_FLAG_##flag)

/* A few octets at a known place. */
struct probe {
    uint64_t at;
    uint8_t want, have;
    uint8_t octets[FILE_TYPE_ISO_LEN];
};

struct look {
    const struct limits *limits;
    char *declared, *name;
    uint64_t at; /* where in the part the next octet is */
    struct scanner *scanner;
    struct probe pe, iso;
    enum file_type type;
    bool is_attachment;
    bool is_typed; /* the first octets have been looked at */
    bool is_blind; /* they are missing */
    uint8_t tail_len;
    uint16_t head_len;
    uint8_t tail[TAIL];
    uint8_t head[FILE_TYPE_HEAD];
};

/* The scanner for parts of that type, or null where there is none. */
static struct scanner *scanner_of(const struct limits *limits, enum file_type type, bool is_attachment)
{
    switch ((unsigned)type) {
    case FILE_TYPE_zip:
        return zip_scanner_new(limits);
    case FILE_TYPE_tar:
        return tar_scanner_new(limits);
    case FILE_TYPE_rar:
        return rar_scanner_new(limits);
    case FILE_TYPE_7z:
        return seven_zip_scanner_new();
    case FILE_TYPE_ole:
        return ole_scanner_new();
    case FILE_TYPE_pdf:
    case FILE_TYPE_rtf:
        return marker_scanner_new(type);
    case FILE_TYPE_html:
    case FILE_TYPE_hta:
    case FILE_TYPE_svg:
        return is_attachment ? marker_scanner_new(type) : NULL;
    default:
        return NULL;
    }
}

static char *copy(const char *text)
{
    size_t len = strnlen(text, NAME_MOST);
    char *ret = memory_get(len + 1);
    memcpy(ret, text, len);
    return ret;
}

struct look *look_new(const struct limits *limits, const char *declared, const char *name, bool is_attachment)
{
    struct look *l = memory_get(sizeof *l);
    l->limits = limits;
    l->declared = declared ? copy(declared) : NULL;
    l->name = name ? copy(name) : NULL;
    l->is_attachment = is_attachment;
    l->iso.at = FILE_TYPE_ISO_AT;
    l->iso.want = FILE_TYPE_ISO_LEN;
    return l;
}

void look_name(struct look *l, const char *name)
{
    free(l->name);
    l->name = name ? copy(name) : NULL;
}

void look_free(struct look *l)
{
    if (!l)
        return;
    if (l->scanner)
        l->scanner->ops->free(l->scanner);
    free(l->declared);
    free(l->name);
    free(l);
}

size_t look_held(const struct look *l)
{
    if (!l)
        return 0;
    return memory_cost(sizeof *l) + memory_cost(l->declared ? strlen(l->declared) + 1 : 0) +
           memory_cost(l->name ? strlen(l->name) + 1 : 0) + (l->scanner ? l->scanner->ops->held(l->scanner) : 0);
}

static void probe(struct probe *p, uint64_t at, struct bytes more)
{
    uint64_t next = p->at + p->have;
    if (p->have == p->want || next < at || next - at >= more.len)
        return;
    struct bytes here = bytes_part(more, (size_t)(next - at), (size_t)(p->want - p->have));
    memcpy(p->octets + p->have, here.data, here.len);
    p->have = (uint8_t)(p->have + here.len);
}

/* The first octets are there, as many as there will be. */
static void find_type(struct look *l)
{
    struct bytes head = bytes_of(l->head, l->head_len);
    l->is_typed = true;
    l->type = file_type_of(head);
    /* What a reader is shown as text is no file, whatever it begins with. */
    bool is_text = file_type_classes(l->type) & FILE_TEXTUAL;
    if (is_text && l->type != FILE_TYPE_html && !l->is_attachment && !l->name)
        l->type = FILE_TYPE_unknown;
    l->pe.at = file_type_pe_at(head);
    l->pe.want = l->type == FILE_TYPE_dos_exe && l->pe.at ? 4 : 0;
    probe(&l->pe, 0, head);
    l->scanner = scanner_of(l->limits, l->type, l->is_attachment);
    if (l->scanner)
        l->scanner->ops->push(l->scanner, head);
}

void look_push(struct look *l, struct bytes decoded)
{
    if (!decoded.len)
        return;
    l->tail_len = (uint8_t)bytes_keep_last(l->tail, l->tail_len, TAIL, decoded);
    if (!l->is_typed) {
        struct bytes first = bytes_part(decoded, 0, sizeof l->head - l->head_len);
        memcpy(l->head + l->head_len, first.data, first.len);
        l->head_len = (uint16_t)(l->head_len + first.len);
        l->at += first.len;
        if (l->head_len < sizeof l->head)
            return;
        find_type(l);
        decoded = bytes_part(decoded, first.len, decoded.len);
    }
    probe(&l->pe, l->at, decoded);
    probe(&l->iso, l->at, decoded);
    l->at += decoded.len;
    if (l->scanner && decoded.len)
        l->scanner->ops->push(l->scanner, decoded);
}

void look_gap(struct look *l, uint64_t len)
{
    if (!l->is_typed) {
        l->is_blind = !l->at;
        find_type(l);
    }
    l->tail_len = 0;
    l->at += len;
    if (l->scanner)
        l->scanner->ops->gap(l->scanner, len);
}

static enum file_type last_word(const struct look *l, const struct finding *f)
{
    if (l->pe.want && l->pe.have == 4 && !memcmp(l->pe.octets, "PE\0", 4))
        return FILE_TYPE_exe;
    if (file_type_is_iso(bytes_of(l->iso.octets, l->iso.have)) && (!l->type || l->type == FILE_TYPE_img))
        return FILE_TYPE_iso;
    return f->type ? f->type : l->type;
}

static bool disagree(const struct look *l, enum file_type type, bool whole)
{
    if (l->is_blind || !l->at || (!type && l->at < TYPE_LEAST))
        return false;
    struct bytes name = bytes_of_string(l->name ? l->name : "");
    struct bytes declared = bytes_of_string(l->declared ? l->declared : "");
    return !file_type_fits_extension(type, name_extension(name), whole) ||
           !file_type_fits_media_type(type, declared, whole);
}

static part_flags flags_of(const struct look *l, enum file_type type, const struct finding *f)
{
    unsigned classes = file_type_classes(type);
    part_flags flags = f->flags | (l->name ? name_flags(bytes_of_string(l->name)) : 0);
    flags |= classes & FILE_EXECUTABLE ? BIT(executable) : 0;
    flags |= classes & FILE_SCRIPT ? BIT(script) : 0;
    flags |= classes & FILE_SHORTCUT ? BIT(shortcut) : 0;
    flags |= classes & FILE_DISK_IMAGE ? BIT(disk_image) : 0;
    flags |= disagree(l, type, f->whole) ? BIT(type_mismatch) : 0;
    bool is_zip = l->type == FILE_TYPE_zip;
    if (!is_zip && l->tail_len == TAIL && !memcmp(l->tail, "PK\5\6", 4) && !little16(l->tail + 20))
        flags |= BIT(appended_archive);
    return flags;
}

void look_finish(struct look *l, struct record *message)
{
    if (!l->is_typed)
        find_type(l);
    struct finding found = {.whole = !l->scanner};
    if (l->scanner)
        l->scanner->ops->finish(l->scanner, &found);
    enum file_type type = last_word(l, &found);
    if (file_type_word(type))
        record_word(message, F_part_magic, file_type_word(type));
    part_flags flags = flags_of(l, type, &found);
    for (unsigned i = 0; i < PART_FLAG_COUNT; i++)
        if (flags >> i & 1)
            record_word(message, F_part_flags, part_flag_infos[i].name);
    if (found.listing)
        listing_write(found.listing, message, RECORD_MOST);
}
