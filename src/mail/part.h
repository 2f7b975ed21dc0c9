/* A leaf of a message's tree as its octets stream by: transfer encoding undone, counted, hashed, looked at. And the
   tree's list of parts that it is written into. */
#ifndef MAILTAP_MAIL_PART_H
#define MAILTAP_MAIL_PART_H

#include "entity.h"
#include "mail.h"

struct links;
struct mime;
struct part;
struct record;

/* What is found in one message, all that is nested in it included. */
struct tree {
    struct mail *mail;
    struct record *parts;  /* groups F_message_parts; null until there is one */
    struct record *report; /* the group F_message_report; the same */
    struct links *links;   /* null until there is a text */
    uint64_t listed, omitted;
    struct tree_file *files; /* --extract, in the order of parts */
    size_t file_count, file_cap;
    size_t groups;   /* in `parts` */
    unsigned inside; /* leaves around it, where it is the list of the files inside a leaf */
    bool too_deep, no_boundary, unclosed, encoded_multipart, no_empty_line; /* to be noted */
};

void tree_release(struct tree *t);
size_t tree_held(const struct tree *t);

/* Writes parts, parts_omitted, noted, report and the links; files get names that begin with `stem`. Once, at the end.
 */
void tree_write(struct tree *t, const char *stem, struct record *message);

/* Moves the parts of `inner`, and their files, behind those of t, which has some. */
void tree_join(struct tree *t, struct tree *inner);

/* Lists a multipart or message: it has no octets of its own. */
void tree_container(struct tree *t, const struct entity *e, const char *path, const char *fallback);

/* A leaf begins. Takes what is in `e`, which is empty then, and the path. Null where no more parts are listed. Or the
   content of a message that was encoded: `inner` is the walk that reads it decoded; the part owns it then, and is not
   listed itself. `fallback` is not copied. */
struct part *part_new(struct tree *t, struct entity *e, char *path, const char *fallback, struct mime *inner);

/* The next octets as they were sent. */
void part_push(struct part *p, struct bytes raw);

/* `len` octets are missing here; not `sure`: perhaps. */
void part_gap(struct part *p, uint64_t len, bool sure);

/* What its header said; a name may be learnt later. */
struct entity *part_entity(struct part *p);

/* It is to be flagged with bad_encoding. */
void part_bad_encoding(struct part *p);

/* It is at its end: `cut`, the content ended inside it. Writes it and frees it. Its SHA-256 goes into `hex` where it
   has one, else the empty string. */
void part_end(struct part *p, bool cut, char hex[static 65]);

void part_free(struct part *p);
size_t part_held(const struct part *p);

#endif
