/* The header section of a message (RFC 5322 section 2.2), pushed in any pieces: picks the fields that records carry and
   finds where the body begins. Takes what is found in the wild: bare LF, CR CR LF, blanks before the colon, an mbox
   "From " line on top, no empty line, octets missing in between. */
#ifndef MAILTAP_MAIL_HEADER_H
#define MAILTAP_MAIL_HEADER_H

#include "base/bytes.h"
#include "base/limits.h"

struct header_scanner;
struct record;

/* The limits (header, text, list) are kept by reference and must outlive it; the caller frees it. */
struct header_scanner *header_scanner_new(const struct limits *limits);
void header_scanner_free(struct header_scanner *h);

/* One that picks nothing for a record and only listens: for the header of a part. */
struct header_scanner *header_scanner_part_new(const struct limits *limits);

/* One field: its name as sent, its value unfolded and trimmed. The views live as long as the call. */
typedef void header_field(void *arg, struct bytes name, struct bytes value);

/* Asks to be told every field whose name begins with "Content-", as soon as it has been read. Of their values at most
   limits->header octets are kept in all (apart from those of the picked fields); one that does not fit is told as far
   as it does. A field that a gap or an end before its time cuts is not told. Before the first push. */
void header_scanner_listen(struct header_scanner *h, header_field *listener, void *arg);

/* Every field, not only these: for the field groups of reports. */
void header_scanner_listen_to_all(struct header_scanner *h, header_field *listener, void *arg);

/* The memory it takes. */
size_t header_scanner_held(const struct header_scanner *h);

/* The next octets of the content. Of the fields that are picked at most limits->header octets are kept: one that would
   not fit is left out and named in `truncated`. Nothing is looked at beyond the end of the header. */
void header_scanner_push(struct header_scanner *h, struct bytes more);

/* `len` octets are missing here. The field they cut is left out; reading goes on behind the next line end. */
void header_scanner_gap(struct header_scanner *h, uint64_t len);

/* Is the end of the header found? What is pushed from now on is ignored. */
bool header_scanner_done(const struct header_scanner *h);

/* Where the body begins, in octets from the content's beginning: behind the empty line, or at the first line that is no
   header. False where that is not known: not reached yet, or octets were missing before it. */
bool header_scanner_body(const struct header_scanner *h, uint64_t *ret);

/* Where the header ended, once it is done: as header_scanner_body(), but also where octets were missing before it; they
   are counted as they were told. */
uint64_t header_scanner_end(const struct header_scanner *h);

/* Was the listener told all of its fields' values? They are kept up to limits->header in all, each kind of
   `enum entity_field` up to its share. */
bool header_scanner_told_all(const struct header_scanner *h);

/* Did the header end, and by an empty line? */
bool header_scanner_empty_line(const struct header_scanner *h);

/* These are some fields of a header: that others lack is nothing to note. Before header_scanner_finish(). */
void header_scanner_excerpt(struct header_scanner *h);

/* The content is at its end: writes the facts of the header (facts.h) and what is noted of it to a `message` record.
   Values are unfolded by removing the line break alone, and trimmed; addresses are listed one by one. Of a field that
   may stand only once the first counts, lists go on. `complete`: the content was seen to its end; where it was not, a
   field in which it stops is left out. `message` may be null for a scanner that only listens. Once; afterwards only
   _done, _empty_line, _body, _end and _free may be called. */
void header_scanner_finish(struct header_scanner *h, struct record *message, bool complete);

#endif
