/* What the header of a message or part says of its body: the Content-* fields of RFC 2045 and RFC 2183. */
#ifndef MAILTAP_MAIL_ENTITY_H
#define MAILTAP_MAIL_ENTITY_H

#include "parameter.h"
#include "transfer.h"

struct record;

struct entity {
    struct media_type type;
    struct disposition disposition;
    char *encoding, *cid;
    enum transfer transfer;
    bool has_type, has_disposition, has_encoding, encoding_known;
    bool duplicate; /* a field stood there twice: see entity_take() */
    bool cut;       /* one was longer than what is kept of it */
};

/* The fields it takes. */
enum entity_field { ENTITY_TYPE, ENTITY_DISPOSITION, ENTITY_ENCODING, ENTITY_ID, ENTITY_FIELDS };

/* Which of them has that name; ENTITY_FIELDS: none. */
enum entity_field entity_field(struct bytes name);

/* One field, unfolded; others are left alone. Of several the first counts, unless a later one has what it lacks and
   what a reader that takes the later one would show: the parts of a multipart, an encoding, a file name. */
void entity_take(struct entity *e, struct bytes name, struct bytes value);

/* Frees what it owns and makes it empty. */
void entity_release(struct entity *e);

/* Is it of that type and subtype (both in lower case), `fallback` ("type/subtype") where none is declared? */
bool entity_is(const struct entity *e, const char *fallback, const char *type, const char *subtype);
bool entity_is_type(const struct entity *e, const char *fallback, const char *type);

/* "type/subtype"; lives as long as both. */
const char *entity_mime(const struct entity *e, const char *fallback);

/* The file name, or null; the view of another one, or null. */
const char *entity_name(const struct entity *e);

/* Writes path, mime, name, name_other, disposition, charset, encoding and cid into the group that is open. */
void entity_describe(const struct entity *e, const char *path, const char *fallback, struct record *r);

/* The same for flags that the header alone gives rise to. */
void entity_flags(const struct entity *e, struct record *r);

/* The memory of what it owns. */
size_t entity_held(const struct entity *e);

#endif
