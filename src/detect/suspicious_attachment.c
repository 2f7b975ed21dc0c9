/* Attachments that run something, or hide what they are (RFC 2045 to 2049, RFC 2183, RFC 2231). */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

struct attachment {
    uint64_t parts, disguised;
};

/* Alone: what it runs. Together with a disguise it is loud. */
static const enum part_flag active[] = {PART_FLAG_executable, PART_FLAG_script, PART_FLAG_shortcut,
                                        PART_FLAG_disk_image, PART_FLAG_archive_executable};
static const enum part_flag disguises[] = {PART_FLAG_double_extension,  PART_FLAG_rtl_override,
                                           PART_FLAG_hidden_characters, PART_FLAG_padded_name,
                                           PART_FLAG_archive_mismatch,  PART_FLAG_appended_archive};
static const enum part_flag risky[] = {
    PART_FLAG_macro,          PART_FLAG_embedded_object, PART_FLAG_encrypted_archive, PART_FLAG_encrypted_document,
    PART_FLAG_pdf_javascript, PART_FLAG_pdf_launch,      PART_FLAG_html_decoder,      PART_FLAG_archive_path};

static unsigned count(uint64_t flags, const enum part_flag *list, size_t n)
{
    unsigned found = 0;
    for (size_t i = 0; i < n; i++)
        found += (unsigned)(flags >> list[i] & 1);
    return found;
}

/* Octets of something that runs, declared or named as something that does not. */
static bool lies(uint64_t flags, struct bytes magic, struct bytes mime)
{
    static const char *const kinds[] = {"exe", "dos_exe", "elf", "macho", "msi",   "jar",
                                        "lnk", "chm",     "hta", "swf",   "class", "apk"};
    if (!(flags >> PART_FLAG_type_mismatch & 1) || bytes_equal(mime, BYTES("application/octet-stream")))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (bytes_equal(magic, bytes_of_string(kinds[i])))
            return true;
    return false;
}

struct part {
    uint64_t flags;
    struct bytes name, mime, magic;
};

static void read_part(const struct seen *s, size_t *at, struct part *p)
{
    struct entry e;
    unsigned depth = 1;
    *p = (struct part){0};
    while (depth && record_next(s->record, at, &e)) {
        if (e.end) {
            depth--;
            continue;
        }
        if (field_infos[e.field].type == GROUP || field_infos[e.field].type == GROUPS)
            depth++;
        else if (e.field == F_part_name)
            p->name = seen_clean(s, e.text);
        else if (e.field == F_part_mime)
            p->mime = seen_clean(s, e.text);
        else if (e.field == F_part_magic)
            p->magic = e.text;
        for (unsigned i = 0; e.field == F_part_flags && i < PART_FLAG_COUNT; i++)
            if (bytes_equal(e.text, bytes_of_string(part_flag_infos[i].name)))
                p->flags |= UINT64_C(1) << i;
    }
}

#define COUNT_OF(flags, list) count(flags, list, sizeof(list) / sizeof *(list))

static void list_flags(uint64_t flags, char *to, size_t size)
{
    size_t len = 0;
    to[0] = 0;
    for (unsigned i = 0; i < PART_FLAG_COUNT && len < size; i++)
        if (flags >> i & 1) {
            int n = snprintf(to + len, size - len, "%s%s", len ? " " : "", part_flag_infos[i].name);
            len += n > 0 ? (size_t)n : 0;
        }
}

static void see(struct watch *w, const struct seen *s)
{
    struct entry begin;
    char name[64], flags[300];
    struct profile *e = NULL;
    enum severity severity = SEVERITY_INFO;
    struct key key = {.client = &s->client, .server = &s->server};
    for (size_t at = 0; seen_next(s, F_message_parts, &at, &begin);) {
        struct part p;
        read_part(s, &at, &p);
        unsigned runs = COUNT_OF(p.flags, active), hides = COUNT_OF(p.flags, disguises);
        bool sly = (p.flags >> PART_FLAG_double_extension & 1) || p.flags >> PART_FLAG_rtl_override & 1;
        unsigned risk = COUNT_OF(p.flags, risky);
        if (!runs && !risk && !sly)
            continue;
        if (!e) {
            int len = snprintf(name, sizeof name, "%.*s/%" PRIu64, SHOWN(s->uid), seen_number(s, F_message_index));
            key.name = bytes_of(name, (size_t)len);
            e = profile_get(w, &key, s);
        }
        struct attachment *x = profile_data(e);
        bool loud = (runs && (hides || lies(p.flags, p.magic, p.mime))) || sly;
        enum severity one = loud ? SEVERITY_MEDIUM : SEVERITY_LOW;
        severity = one > severity ? one : severity;
        x->parts++;
        x->disguised += loud;
        list_flags(p.flags, flags, sizeof flags);
        profile_evidence(w, e, s, s->ts, s->frame, "%.*s (%.*s): %s", SHOWN(p.name), SHOWN(p.mime), flags);
    }
    if (!e)
        return;
    profile_event(w, e, s, s->end);
    profile_alert(w, e, severity, s->quality & QUALITY_GAP ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct attachment *x = profile_data_of(e);
    (void)w;
    f->subject = SUBJECT_MESSAGE;
    f->value = profile_name(e);
    f->count = x->parts;
    finding_detail(f, "parts", x->parts);
    finding_detail(f, "disguised", x->disguised);
    snprintf(f->reason, sizeof f->reason,
             "%" PRIu64 " part%s that can run something or ask for care, %" PRIu64 " of them disguised", x->parts,
             x->parts == 1 ? "" : "s", x->disguised);
}

const struct detector suspicious_attachment_detector = {
    .name = "suspicious_attachment",
    .family = "mail",
    .number = 7700601,
    .revision = 1,
    .title = "Attachment that runs something or hides what it is",
    .category = "content",
    .severity = SEVERITY_LOW,
    .mitre = "T1566.001 T1204.002 T1036",
    .references = "RFC 2183,RFC 2231",
    .means =
        "A message carries a program, a script, a shortcut or a disk image, also inside an archive; or a document with "
        "macros, a script in HTML, an archive that nobody can look into.",
    .proof =
        "By the octets and the name of the part: low. If it also hides what it is, by a second extension, characters "
        "that turn the name around, or a declared type that is another: medium.",
    .traps = "Developers and makers of antivirus send such things; encrypted archives are also for privacy.",
    .advice = "Have the server refuse programs by mail, and look at who opened this one.",
    .kinds = KINDS(message),
    .data_size = sizeof(struct attachment),
    .window = 60 * CLOCK_S,
    .see = see,
    .tell = tell,
};
