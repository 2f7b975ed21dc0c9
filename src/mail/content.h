/* The content of one message as it streams by: its octets counted, its header scanned, its parts walked through. What
   dissectors see of the layer `mail`. */
#ifndef MAILTAP_MAIL_CONTENT_H
#define MAILTAP_MAIL_CONTENT_H

#include "base/bytes.h"
#include "base/limits.h"

struct content;
struct mail;
struct record;

/* `mail` is what the contents of the lane share (session_mail()); it must outlive the content. The caller frees it with
   content_free(). */
struct content *content_new(struct mail *mail);
void content_free(struct content *c);

/* The memory it takes; 0 for null. */
size_t content_held(const struct content *c);

enum content_piece {
    CONTENT_WHOLE,
    CONTENT_BEGINNING, /* of a message; it may stop anywhere: TOP, BODY[]<0.n> */
    CONTENT_HEADER,    /* BODY[HEADER] */
    CONTENT_HEADER_BEGINNING,
    CONTENT_FIELDS, /* some of the header's: BODY[HEADER.FIELDS (FROM)] */
    CONTENT_OCTETS, /* neither header nor known structure: BODY[TEXT], BODY[1.2], BODY[]<n.m> */
};

/* It is that of a message; whole where nothing is said. Before the first push. */
void content_is_piece(struct content *c, enum content_piece piece);

/* The next octets, transparency undone. Null data: `len` octets that were never captured. */
void content_push(struct content *c, const uint8_t *data, size_t len);

/* Here up to `len` octets may be missing, or none: nobody knows. They do not count as missed. */
void content_doubt(struct content *c, uint64_t len);

/* Octets seen so far, those that are missing not counted. */
uint64_t content_size(const struct content *c);

/* Is nothing missing of what came so far? */
bool content_is_whole(const struct content *c);

/* Writes size, missed, complete, the hashes, the header's fields and the parts of a `message` record. `complete`: the
   end of the content was seen; the record says complete only if no octet is missing either. Once, at the end. */
void content_finish(struct content *c, struct record *message, bool complete);

#endif
