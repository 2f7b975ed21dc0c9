/* Files inside a leaf that MIME knows nothing of. */
#include "inside.h"

#include "base/memory.h"
#include "charset.h"
#include "digest.h"
#include "embedded.h"
#include "look.h"
#include "part.h"
#include "record/record.h"
#include "tnef.h"
#include "transfer.h"

#include <stdio.h>
#include <stdlib.h>

#define NUMBER_MOST 14   /* octets that one takes in a path, dot and letter included */
#define NAME_MOST   2048 /* octets of a name in UTF-8 */

struct file { /* the one that is being read */
    bool open, listed, missing;
    struct buf name; /* as it stands there */
    const char *encoding;
    struct digest *sha256, *md5;
    struct look *look;
    uint64_t size;
};

struct inside {
    struct tree *tree;
    char *path;
    struct embedded *text; /* either */
    struct tnef *tnef;
    struct file file;
    uint32_t count;
    size_t groups;        /* in `found` */
    struct record *found; /* null until there is one */
};

/* --- one file --- */

static void open_file(struct inside *i, struct bytes name, const char *encoding)
{
    struct file *f = &i->file;
    const struct mail_settings *settings = &i->tree->mail->settings;
    f->open = true;
    f->missing = false;
    f->size = 0;
    f->encoding = encoding;
    i->count++;
    buf_reset(&f->name);
    buf_add(&f->name, name);
    f->listed = tree_admit(i->tree);
    if (f->listed && settings->hash != MAIL_HASH_NONE) {
        f->sha256 = digest_begin(i->tree->mail->digests, DIGEST_SHA256);
        f->md5 = settings->md5 ? digest_begin(i->tree->mail->digests, DIGEST_MD5) : NULL;
    }
}

/* The look is begun with the first octets: by then more of the name may be known. */
static void take(struct inside *i, struct bytes octets)
{
    struct file *f = &i->file;
    f->size += octets.len;
    if (!f->listed)
        return;
    if (!f->look) {
        struct buf name;
        buf_init(&name, NAME_MOST);
        buf_add(&name, buf_bytes(&f->name));
        buf_add_byte(&name, 0);
        f->look = look_new(i->tree->mail->limits, "application/octet-stream",
                           f->name.len ? (const char *)name.data : NULL, true);
        buf_release(&name);
    }
    if (f->sha256)
        digest_push(f->sha256, octets);
    if (f->md5)
        digest_push(f->md5, octets);
    look_push(f->look, octets);
}

static void drop_digests(struct file *f)
{
    digest_drop(f->sha256);
    digest_drop(f->md5);
    f->sha256 = f->md5 = NULL;
}

static void write_hash(struct record *r, enum field field, struct digest **d)
{
    char hex[DIGEST_HEX];
    if (*d && digest_end(*d, hex))
        record_word(r, field, hex);
    *d = NULL;
}

static void write_file(struct inside *i, bool cut, bool odd)
{
    struct file *f = &i->file;
    char *path = memory_get(strlen(i->path) + NUMBER_MOST);
    if (!i->found)
        i->found = record_new(KIND_message, i->tree->mail->limits);
    sprintf(path, "%s.%c%u", i->path, i->tnef ? 't' : 'u', i->count);
    i->groups++;
    record_begin(i->found, F_message_parts);
    record_word(i->found, F_part_path, path);
    record_text(i->found, F_part_mime, BYTES("application/octet-stream"));
    if (f->name.len)
        record_text(i->found, F_part_name, buf_bytes(&f->name));
    if (f->encoding)
        record_text(i->found, F_part_encoding, bytes_of_string(f->encoding));
    record_number(i->found, F_part_size, f->size);
    if (cut)
        record_flag(i->found, F_part_cut);
    if (cut || f->missing)
        drop_digests(f);
    write_hash(i->found, F_part_sha256, &f->sha256);
    write_hash(i->found, F_part_md5, &f->md5);
    if (odd)
        record_word(i->found, F_part_flags, "bad_encoding");
    if (f->look)
        look_finish(f->look, i->found);
    record_end(i->found);
    free(path);
}

static void close_file(struct inside *i, bool cut, bool odd)
{
    struct file *f = &i->file;
    if (!f->open)
        return;
    f->open = false;
    if (f->listed)
        write_file(i, cut, odd);
    drop_digests(f);
    look_free(f->look);
    f->look = NULL;
}

/* --- blocks in a text --- */

static void text_begin(void *arg, enum embedded_kind kind, struct bytes name)
{
    static const char *const encodings[] = {
        [EMBEDDED_UUENCODE] = "x-uuencode", [EMBEDDED_BASE64] = "base64", [EMBEDDED_YENC] = "x-yenc"};
    open_file(arg, name, encodings[kind]);
}

static void text_octets(void *arg, struct bytes decoded)
{
    take(arg, decoded);
}

static void text_gap(void *arg, uint64_t len)
{
    struct inside *i = arg;
    i->file.missing = true;
    if (i->file.look)
        look_gap(i->file.look, len);
}

static void text_end(void *arg, bool whole, unsigned odd)
{
    struct inside *i = arg;
    close_file(i, !whole && !i->file.missing, odd & (TRANSFER_ILLEGAL | TRANSFER_PADDING | TRANSFER_BAD_CHECK));
}

/* --- attachments of winmail.dat --- */

static void take_name(struct inside *i, const struct tnef_attachment *a)
{
    char charset[24] = "utf-8";
    if (!a->name_is_utf8)
        snprintf(charset, sizeof charset, a->codepage ? "windows-%u" : "windows-1252", a->codepage);
    buf_reset(&i->file.name);
    charset_to_utf8(bytes_of_string(charset), a->name, &i->file.name);
}

static void tnef_began(void *arg, const struct tnef_attachment *so_far)
{
    struct inside *i = arg;
    open_file(i, bytes_of(NULL, 0), NULL);
    take_name(i, so_far);
}

static void tnef_octets(void *arg, struct bytes more)
{
    take(arg, more);
}

static void tnef_ended(void *arg, const struct tnef_attachment *attachment)
{
    struct inside *i = arg;
    take_name(i, attachment);
    close_file(i, !attachment->whole, false);
}

/* --- all of them --- */

static const struct embedded_events text_events = {text_begin, text_octets, text_gap, text_end};
static const struct tnef_events tnef_events = {tnef_began, tnef_octets, tnef_ended};

struct inside *inside_new(struct tree *tree, const char *path, enum inside_kind kind)
{
    struct inside *i = memory_get(sizeof *i);
    i->tree = tree;
    i->path = memory_string(path);
    buf_init(&i->file.name, NAME_MOST - 1);
    if (kind == INSIDE_TNEF)
        i->tnef = tnef_new(&tnef_events, i);
    else
        i->text = embedded_new(&text_events, i);
    return i;
}

void inside_free(struct inside *i)
{
    if (!i)
        return;
    if (i->text)
        embedded_free(i->text);
    if (i->tnef)
        tnef_free(i->tnef);
    drop_digests(&i->file);
    look_free(i->file.look);
    buf_release(&i->file.name);
    record_free(i->found);
    free(i->path);
    free(i);
}

size_t inside_held(const struct inside *i)
{
    if (!i)
        return 0;
    const struct file *f = &i->file;
    return memory_cost(sizeof *i) + memory_cost(strlen(i->path) + 1) + (i->text ? embedded_held(i->text) : 0) +
           (i->tnef ? tnef_held(i->tnef) : 0) + (i->found ? record_held(i->found) : 0) + memory_cost(f->name.cap) +
           look_held(f->look) + (f->sha256 ? digest_held(f->sha256) : 0) + (f->md5 ? digest_held(f->md5) : 0);
}

void inside_push(struct inside *i, struct bytes decoded)
{
    if (i->text)
        embedded_push(i->text, decoded);
    else
        tnef_push(i->tnef, decoded);
}

void inside_gap(struct inside *i, uint64_t len)
{
    if (i->text)
        embedded_gap(i->text, len);
    else
        tnef_gap(i->tnef);
}

void inside_finish(struct inside *i)
{
    if (i->text)
        embedded_finish(i->text);
    else
        tnef_finish(i->tnef);
    close_file(i, true, false);
}

size_t inside_write(const struct inside *i, struct record *parts)
{
    if (i->found)
        record_join(parts, i->found);
    return i->groups;
}
