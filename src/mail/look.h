/* What a MIME part's decoded octets show as they stream by: the type by its first octets, whether that agrees with the
   declared type and the name, what an archive lists, macros, encryption, what a PDF or an HTML attachment does when
   opened. Nothing is unpacked and no more than a few KiB are kept, however long the part is. */
#ifndef MAILTAP_MAIL_LOOK_H
#define MAILTAP_MAIL_LOOK_H

#include "base/bytes.h"
#include "base/limits.h"

struct look;
struct record;

/* `declared` is "type/subtype" in lower case, `name` the file name in UTF-8; null where there is none; both are copied.
   `is_attachment`: what is only worth telling of files (scripts in HTML) is told. The limits (archive, list, text) are
   kept by reference and must outlive it; the caller frees it. */
struct look *look_new(const struct limits *limits, const char *declared, const char *name, bool is_attachment);
void look_free(struct look *l);

/* The name, where it is only known behind the octets; copied. Before look_finish(). */
void look_name(struct look *l, const char *name);

/* The next octets, transfer encoding undone; pieces of any length give the same result. */
void look_push(struct look *l, struct bytes decoded);

/* `len` octets are missing here. */
void look_gap(struct look *l, uint64_t len);

/* The part is at its end: writes magic, flags, archive and archive_omitted into the group `parts` that is open. Other
   words of `flags` are to be written right before or right after. Once. */
void look_finish(struct look *l, struct record *message);

/* The memory it takes; 0 for null. */
size_t look_held(const struct look *l);

#endif
