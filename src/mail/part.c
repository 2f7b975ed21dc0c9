/* A leaf of a message's tree as its octets stream by. */
#include "part.h"

#include "base/memory.h"
#include "digest.h"
#include "extract.h"
#include "inside.h"
#include "links.h"
#include "look.h"
#include "mime.h"
#include "record/record.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>

#define SLICE       16384 /* octets decoded at a time, on the stack */
#define USUAL_PARTS 192   /* octets of what most messages tell of their parts, or less */

struct part {
    struct tree *tree;
    struct entity entity;
    char *path;
    const char *fallback;
    struct transfer_decoder decoder;
    struct digest *sha256, *md5; /* null: not asked for, or octets are missing */
    struct extract *file;        /* null: not wanted */
    struct mime *inner;
    struct look *look;
    struct link_finder *links; /* of a text */
    struct inside *inside;     /* null: there can be none */
    struct report *report;     /* of the part of a report that is for machines */
    uint64_t size, missed;
    size_t held; /* by what does not change */
    bool doubt;  /* octets may be missing */
    bool bad_encoding, archive_broken;
};

#define PATH_MOST 100 /* octets of a path that a file's name may have */

struct tree_file { /* of a part that has ended */
    struct extract *file;
    size_t group; /* of which group in `parts`, from 0 */
    const char *extension;
    char *path;
};

/* --- the tree --- */

void tree_release(struct tree *t)
{
    for (size_t i = 0; i < t->file_count; i++) {
        extract_drop(t->files[i].file);
        free(t->files[i].path);
    }
    free(t->files);
    t->files = NULL;
    t->file_count = t->file_cap = 0;
    record_free(t->parts);
    record_free(t->report);
    links_free(t->links);
    t->parts = t->report = NULL;
    t->links = NULL;
}

size_t tree_held(const struct tree *t)
{
    size_t held =
        (t->parts ? record_held(t->parts) : 0) + (t->report ? record_held(t->report) : 0) + links_held(t->links);
    held += memory_cost(t->file_cap * sizeof *t->files);
    for (size_t i = 0; i < t->file_count; i++)
        held += extract_held(t->files[i].file) + memory_cost(strlen(t->files[i].path) + 1);
    return held;
}

/* The file is whole, as far as it goes; it has a name when the message has. */
static void tree_add_file(struct tree *t, struct extract *file, const char *path, const char *extension)
{
    if (!file)
        return;
    if (t->file_count == t->file_cap) {
        t->file_cap = t->file_cap ? 2 * t->file_cap : 4;
        t->files = memory_resize(t->files, t->file_cap * sizeof *t->files);
    }
    extract_rest(file);
    t->files[t->file_count++] =
        (struct tree_file){.file = file, .group = t->groups - 1, .extension = extension, .path = memory_string(path)};
}

struct naming {
    struct tree *tree;
    const char *stem;
    size_t next; /* of the files */
    char name[EXTRACT_NAME];
};

/* The name of that group's file, or null: see record_join_adding(). */
static const char *name_file(void *arg, size_t group)
{
    struct naming *n = arg;
    struct tree *t = n->tree;
    char stem[EXTRACT_NAME];
    if (n->next == t->file_count || t->files[n->next].group != group)
        return NULL;
    struct tree_file *f = &t->files[n->next++];
    if (strlen(f->path) <= PATH_MOST)
        snprintf(stem, sizeof stem, "%.64s-%.100s", n->stem, f->path);
    else
        snprintf(stem, sizeof stem, "%.64s-part%zu", n->stem, group + 1);
    extract_end(f->file, stem, f->extension, n->name);
    f->file = NULL;
    return *n->name ? n->name : NULL;
}

void tree_write(struct tree *t, const char *stem, struct record *message)
{
    const struct {
        bool seen;
        enum note note;
    } notes[] = {{t->too_deep, NOTE_mime_depth},
                 {t->omitted != 0, NOTE_mime_parts},
                 {t->no_boundary, NOTE_mime_no_boundary},
                 {t->unclosed, NOTE_mime_unclosed},
                 {t->encoded_multipart, NOTE_mime_encoded_multipart},
                 {t->no_empty_line, NOTE_mime_no_empty_line}};
    struct naming naming = {.tree = t, .stem = stem};
    if (t->parts && t->file_count)
        record_join_adding(message, t->parts, F_message_parts, F_part_file, name_file, &naming);
    else if (t->parts)
        record_join(message, t->parts);
    if (t->omitted)
        record_number(message, F_message_parts_omitted, t->omitted);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (notes[i].seen)
            record_word(message, F_message_noted, note_infos[notes[i].note].name);
    if (t->report)
        record_join(message, t->report);
    if (t->links)
        links_write(t->links, message);
}

void tree_join(struct tree *t, struct tree *inner)
{
    if (!inner->parts)
        return;
    record_join(t->parts, inner->parts);
    for (size_t i = 0; i < inner->file_count; i++) {
        struct tree_file *f = &inner->files[i];
        tree_add_file(t, f->file, f->path, f->extension);
        t->files[t->file_count - 1].group = t->groups + f->group;
        f->file = NULL;
    }
    t->groups += inner->groups;
}

/* May one more part be listed? Counts it, or counts it as omitted. */
static bool admit(struct tree *t)
{
    if (t->listed >= t->mail->limits->mime_parts) {
        t->omitted++;
        return false;
    }
    t->listed++;
    return true;
}

static struct record *begin_group(struct tree *t)
{
    if (!t->parts) {
        t->parts = record_new(KIND_message, t->mail->limits);
        record_reserve(t->parts, USUAL_PARTS);
    }
    record_begin(t->parts, F_message_parts);
    t->groups++;
    return t->parts;
}

void tree_container(struct tree *t, const struct entity *e, const char *path, const char *fallback)
{
    if (!admit(t))
        return;
    struct record *r = begin_group(t);
    entity_describe(e, path, fallback, r);
    entity_flags(e, r);
    record_end(r);
}

/* --- a leaf --- */

static void find_links(struct part *p)
{
    bool html = entity_is(&p->entity, p->fallback, "text", "html");
    if (!html && !entity_is_type(&p->entity, p->fallback, "text"))
        return;
    if (!p->tree->links)
        p->tree->links = links_new(p->tree->mail->limits);
    p->links = link_finder_new(p->tree->links, html ? LINKS_HTML : LINKS_TEXT, p->entity.type.charset);
}

/* What looks at the decoded octets. */
static void begin_looks(struct part *p)
{
    const struct limits *limits = p->tree->mail->limits;
    const char *word = p->entity.disposition.word, *name = entity_name(&p->entity);
    const char *mime = entity_mime(&p->entity, p->fallback);
    p->look = look_new(limits, mime, name, name || p->tree->inside || (word && !strcmp(word, "attachment")));
    find_links(p);
    p->inside = inside_new(p->tree, &p->entity, p->path, p->fallback);
    if (entity_is_type(&p->entity, p->fallback, "message"))
        p->report = report_new(limits, strchr(mime, '/') + 1);
}

struct part *part_new(struct tree *t, struct entity *e, char *path, const char *fallback, struct mime *inner)
{
    if (!inner && !admit(t)) {
        entity_release(e);
        free(path);
        return NULL;
    }
    struct part *p = memory_get(sizeof *p);
    const struct mail_settings *settings = &t->mail->settings;
    p->tree = t;
    p->entity = *e;
    *e = (struct entity){.has_type = false};
    p->path = path;
    p->fallback = fallback;
    p->inner = inner;
    p->held = memory_cost(sizeof *p) + entity_held(&p->entity) + memory_cost(strlen(path) + 1);
    transfer_init(&p->decoder, p->entity.transfer);
    if (!inner && settings->extract_parts)
        p->file = extract_begin(settings->extraction);
    if (!inner && settings->hash != MAIL_HASH_NONE) {
        p->sha256 = digest_begin(t->mail->digests, DIGEST_SHA256);
        p->md5 = settings->md5 ? digest_begin(t->mail->digests, DIGEST_MD5) : NULL;
    }
    if (!inner)
        begin_looks(p);
    return p;
}

static void drop_digests(struct part *p)
{
    digest_drop(p->sha256);
    digest_drop(p->md5);
    p->sha256 = p->md5 = NULL;
}

void part_free(struct part *p)
{
    if (!p)
        return;
    drop_digests(p);
    extract_drop(p->file);
    look_free(p->look);
    link_finder_free(p->links);
    report_free(p->report);
    inside_free(p->inside);
    mime_free(p->inner);
    entity_release(&p->entity);
    free(p->path);
    free(p);
}

static void take(struct part *p, struct bytes decoded)
{
    if (!decoded.len)
        return;
    p->size += decoded.len;
    extract_push(p->file, decoded);
    if (p->sha256)
        digest_push(p->sha256, decoded);
    if (p->md5)
        digest_push(p->md5, decoded);
    if (p->look)
        look_push(p->look, decoded);
    if (p->links)
        link_finder_push(p->links, decoded);
    if (p->inside)
        inside_push(p->inside, decoded);
    if (p->report)
        report_push(p->report, decoded);
    if (p->inner)
        mime_push(p->inner, decoded);
}

void part_push(struct part *p, struct bytes raw)
{
    if (p->entity.transfer == TRANSFER_IDENTITY) {
        take(p, raw);
        return;
    }
    uint8_t out[SLICE + TRANSFER_ROOM];
    for (; raw.len; raw = bytes_part(raw, SLICE, SIZE_MAX)) {
        size_t n = transfer_decode(&p->decoder, bytes_part(raw, 0, SLICE), out);
        take(p, bytes_of(out, n));
    }
}

void part_gap(struct part *p, uint64_t len, bool sure)
{
    p->missed += sure ? len : 0;
    p->doubt |= !sure;
    drop_digests(p);
    transfer_gap(&p->decoder, len);
    if (p->look)
        look_gap(p->look, len);
    if (p->links)
        link_finder_gap(p->links, len);
    if (p->inside)
        inside_gap(p->inside, len);
    if (p->report)
        report_gap(p->report, len);
    if (p->inner)
        mime_gap(p->inner, len, sure);
}

struct entity *part_entity(struct part *p)
{
    return &p->entity;
}

void part_bad_encoding(struct part *p)
{
    p->bad_encoding = true;
}

static void write_hashes(struct part *p, struct record *r, char hex[static 65])
{
    char md5[65];
    if (p->sha256) {
        digest_end(p->sha256, hex);
        record_word(r, F_part_sha256, hex);
    }
    if (p->md5) {
        digest_end(p->md5, md5);
        record_word(r, F_part_md5, md5);
    }
    p->sha256 = p->md5 = NULL;
}

static void write_flags(struct part *p, struct record *r)
{
    unsigned odd = transfer_odd(&p->decoder);
    entity_flags(&p->entity, r);
    if (p->bad_encoding || odd & (TRANSFER_ILLEGAL | TRANSFER_PADDING | TRANSFER_BAD_CHECK))
        record_word(r, F_part_flags, "bad_encoding");
    if (p->archive_broken)
        record_word(r, F_part_flags, "archive_broken");
}

static void write_part(struct part *p, bool cut, char hex[static 65])
{
    struct record *r = begin_group(p->tree);
    entity_describe(&p->entity, p->path, p->fallback, r);
    record_number(r, F_part_size, p->size);
    if (p->missed)
        record_number(r, F_part_missed, p->missed);
    if (cut)
        record_flag(r, F_part_cut);
    if (cut)
        drop_digests(p);
    write_hashes(p, r, hex);
    write_flags(p, r);
    if (p->tree->inside)
        look_name(p->look, entity_name(&p->entity));
    look_finish(p->look, r);
    record_end(r);
    if (p->file)
        tree_add_file(p->tree, p->file, p->path, extract_extension(entity_mime(&p->entity, p->fallback)));
    p->file = NULL;
    if (p->inside)
        inside_write(p->inside);
}

void part_end(struct part *p, bool cut, char hex[static 65])
{
    uint8_t out[TRANSFER_ROOM];
    hex[0] = 0;
    if (p->entity.transfer != TRANSFER_IDENTITY)
        take(p, bytes_of(out, transfer_finish(&p->decoder, out)));
    if (p->inside)
        p->archive_broken = inside_finish(p->inside);
    if (p->links)
        link_finder_finish(p->links, !cut);
    if (p->report) {
        if (!p->tree->report)
            p->tree->report = record_new(KIND_message, p->tree->mail->limits);
        report_finish(p->report, p->tree->report, !cut);
    }
    if (p->inner) {
        mime_flush(p->inner);
        mime_finish(p->inner, !cut, hex);
    } else {
        write_part(p, cut, hex);
    }
    part_free(p);
}

size_t part_held(const struct part *p)
{
    if (!p)
        return 0;
    return p->held + look_held(p->look) + link_finder_held(p->links) + report_held(p->report) + inside_held(p->inside) +
           (p->inner ? mime_held(p->inner) : 0) + (p->sha256 ? digest_held(p->sha256) : 0) +
           (p->md5 ? digest_held(p->md5) : 0) + extract_held(p->file);
}
