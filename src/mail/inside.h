/* Files inside a leaf that are no parts by MIME: uuencode and yEnc in a text, attachments in winmail.dat. They are
   listed as parts of their own behind it, with its path and ".u1" or ".t1". */
#ifndef MAILTAP_MAIL_INSIDE_H
#define MAILTAP_MAIL_INSIDE_H

#include "base/bytes.h"

struct entity;
struct inside;
struct tree;

/* Null where the leaf is of no kind that has files inside. The tree, and what the entity and the path
   are, must outlive it; the caller frees it. */
struct inside *inside_new(struct tree *outer, const struct entity *e, const char *path, const char *fallback);
void inside_free(struct inside *i);

/* The memory it takes; 0 for null. */
size_t inside_held(const struct inside *i);

/* The leaf's octets, decoded; `len` octets are missing. */
void inside_push(struct inside *i, struct bytes decoded);
void inside_gap(struct inside *i, uint64_t len);

/* The leaf is at its end. True where it is a damaged winmail.dat. Once. */
bool inside_finish(struct inside *i);

/* Moves what was found to the tree's list. Behind inside_finish(), when the leaf itself is written. */
void inside_write(struct inside *i);

#endif
