/* Files inside a leaf that MIME knows nothing of: uuencode and yEnc blocks in a text, attachments in winmail.dat. They
   are listed as parts behind it, with its path and a number of their own: 1.u1, 2.t1. */
#ifndef MAILTAP_MAIL_INSIDE_H
#define MAILTAP_MAIL_INSIDE_H

#include "base/bytes.h"

struct inside;
struct record;
struct tree;

enum inside_kind { INSIDE_TEXT, INSIDE_TNEF };

/* `path` is that of the leaf, and copied. The caller frees it, before the tree. */
struct inside *inside_new(struct tree *tree, const char *path, enum inside_kind kind);
void inside_free(struct inside *i);

/* The memory it takes; 0 for null. */
size_t inside_held(const struct inside *i);

/* The leaf's next octets, decoded. */
void inside_push(struct inside *i, struct bytes decoded);
void inside_gap(struct inside *i, uint64_t len);

/* The leaf is at its end. */
void inside_finish(struct inside *i);

/* Appends the groups of what was found, and returns how many. Once, behind the leaf's own. */
size_t inside_write(const struct inside *i, struct record *parts);

#endif
