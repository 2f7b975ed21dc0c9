/* The content of one message as it streams by: counts its octets and scans its header. */
#ifndef MAILTAP_MAIL_CONTENT_H
#define MAILTAP_MAIL_CONTENT_H

#include "base/bytes.h"
#include "base/limits.h"

struct content;
struct record;

/* The limits are kept by reference and must outlive it; the caller frees it with content_free(). */
struct content *content_new(const struct limits *limits);
void content_free(struct content *c);

/* The memory it takes; 0 for null. */
size_t content_held(const struct content *c);

/* It is a piece of a content (an IMAP section or partial fetch): without a header of its own, or beginning with a
   header that may stop anywhere. Before the first push. */
void content_piece(struct content *c, bool begins_with_header);

/* The next octets, transparency undone. Null data: `len` octets that were never captured. */
void content_push(struct content *c, const uint8_t *data, size_t len);

/* Here up to `len` octets may be missing, or none: nobody knows. They do not count as missed. */
void content_doubt(struct content *c, uint64_t len);

/* Octets seen so far, those that are missing not counted. */
uint64_t content_size(const struct content *c);

/* Is nothing missing of what came so far? */
bool content_is_whole(const struct content *c);

/* Writes size, missed, complete and the header's fields of a `message` record. `complete`: the end of the content was
   seen; the record says complete only if no octet is missing either. Once, at the end. */
void content_finish(struct content *c, struct record *message, bool complete);

#endif
