/* What the header of a message or part says of its body. */
#include "entity.h"

#include "base/memory.h"
#include "charset.h"
#include "record/record.h"

#include <stdlib.h>

#define WORD_MOST 128  /* octets kept of an encoding's name */
#define CID_MOST  1024 /* octets kept of a Content-ID */

static void take_encoding(struct entity *e, struct bytes value)
{
    value = bytes_trim(value);
    free(e->encoding);
    e->encoding = charset_string(bytes_part(value, 0, WORD_MOST));
    for (char *c = e->encoding; *c; c++)
        *c = (char)byte_lower((uint8_t)*c);
    e->transfer = transfer_of(value, &e->encoding_known);
}

static void take_cid(struct entity *e, struct bytes value)
{
    value = bytes_trim(value);
    size_t open = bytes_index(value, '<');
    struct bytes inside = bytes_part(value, open + 1, value.len);
    struct bytes cid = open < value.len ? bytes_part(inside, 0, bytes_index(inside, '>')) : value;
    e->cid = charset_string(bytes_part(cid, 0, CID_MOST));
}

enum entity_field entity_field(struct bytes name)
{
    static const char *const names[] = {[ENTITY_TYPE] = "Content-Type",
                                        [ENTITY_DISPOSITION] = "Content-Disposition",
                                        [ENTITY_ENCODING] = "Content-Transfer-Encoding",
                                        [ENTITY_ID] = "Content-ID"};
    for (unsigned i = 0; i < ENTITY_FIELDS; i++)
        if (bytes_equal_nocase(name, bytes_of_string(names[i])))
            return (enum entity_field)i;
    return ENTITY_FIELDS;
}

static bool is_multipart(const struct media_type *t)
{
    return t->mime && t->boundary && !strncmp(t->mime, "multipart/", sizeof "multipart/" - 1);
}

static void take_type(struct entity *e, struct bytes value)
{
    struct media_type type;
    media_type_parse(&type, value);
    bool counts = !e->has_type || (is_multipart(&type) && !is_multipart(&e->type));
    if (counts && e->has_type)
        media_type_release(&e->type);
    if (counts)
        e->type = type;
    else
        media_type_release(&type);
    e->has_type = true;
}

static void take_disposition(struct entity *e, struct bytes value)
{
    struct disposition disposition;
    disposition_parse(&disposition, value);
    bool counts = !e->has_disposition || (disposition.filename && !e->disposition.filename);
    if (counts && e->has_disposition)
        disposition_release(&e->disposition);
    if (counts)
        e->disposition = disposition;
    else
        disposition_release(&disposition);
    e->has_disposition = true;
}

void entity_take(struct entity *e, struct bytes name, struct bytes value)
{
    switch (entity_field(name)) {
    case ENTITY_TYPE:
        e->duplicate |= e->has_type;
        take_type(e, value);
        break;
    case ENTITY_DISPOSITION:
        e->duplicate |= e->has_disposition;
        take_disposition(e, value);
        break;
    case ENTITY_ENCODING:
        e->duplicate |= e->has_encoding;
        if (!e->has_encoding || (e->transfer == TRANSFER_IDENTITY && transfer_of(value, NULL) != TRANSFER_IDENTITY))
            take_encoding(e, value);
        e->has_encoding = true;
        break;
    case ENTITY_ID:
        if (!e->cid)
            take_cid(e, value);
        break;
    case ENTITY_FIELDS:
        break;
    }
}

void entity_release(struct entity *e)
{
    if (e->has_type)
        media_type_release(&e->type);
    if (e->has_disposition)
        disposition_release(&e->disposition);
    free(e->encoding);
    free(e->cid);
    *e = (struct entity){.has_type = false};
}

const char *entity_mime(const struct entity *e, const char *fallback)
{
    return e->type.mime ? e->type.mime : fallback;
}

bool entity_is_type(const struct entity *e, const char *fallback, const char *type)
{
    const char *mime = entity_mime(e, fallback);
    size_t len = strlen(type);
    return !strncmp(mime, type, len) && mime[len] == '/';
}

bool entity_is(const struct entity *e, const char *fallback, const char *type, const char *subtype)
{
    return entity_is_type(e, fallback, type) && !strcmp(entity_mime(e, fallback) + strlen(type) + 1, subtype);
}

const char *entity_name(const struct entity *e)
{
    return e->disposition.filename ? e->disposition.filename : e->type.name;
}

static void write_text(struct record *r, enum field f, const char *text)
{
    if (text)
        record_text(r, f, bytes_of_string(text));
}

void entity_describe(const struct entity *e, const char *path, const char *fallback, struct record *r)
{
    const char *name = entity_name(e);
    record_word(r, F_part_path, path);
    write_text(r, F_part_mime, entity_mime(e, fallback));
    write_text(r, F_part_name, name);
    if (name && e->type.name && strcmp(name, e->type.name) != 0)
        write_text(r, F_part_name_other, e->type.name);
    write_text(r, F_part_disposition, e->disposition.word);
    write_text(r, F_part_charset, e->type.charset);
    write_text(r, F_part_encoding, e->encoding);
    write_text(r, F_part_cid, e->cid);
}

void entity_flags(const struct entity *e, struct record *r)
{
    if (e->duplicate)
        record_word(r, F_part_flags, "duplicate_field");
    if (e->cut || e->type.cut || e->disposition.cut)
        record_word(r, F_part_flags, "field_cut");
    if (e->type.duplicate || e->disposition.duplicate)
        record_word(r, F_part_flags, "duplicate_parameter");
    if (e->has_encoding && !e->encoding_known)
        record_word(r, F_part_flags, "unknown_encoding");
}

static size_t text_held(const char *text)
{
    return text ? memory_cost(strlen(text) + 1) : 0;
}

size_t entity_held(const struct entity *e)
{
    const struct media_type *t = &e->type;
    return text_held(t->mime) + text_held(t->boundary) + text_held(t->charset) + text_held(t->name) +
           text_held(t->report_type) + text_held(t->protocol) + text_held(e->disposition.word) +
           text_held(e->disposition.filename) + text_held(e->encoding) + text_held(e->cid);
}
