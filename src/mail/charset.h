/* Text in the charsets of mail (RFC 2978), to UTF-8. */
#ifndef MAILTAP_MAIL_CHARSET_H
#define MAILTAP_MAIL_CHARSET_H

#include "base/buf.h"

/* What stands in the place of something that cannot be told in UTF-8. It is in no text of UTF-8, so a format that
   makes texts valid writes U+FFFD for it and lists the field in `lossy`. */
#define CHARSET_LOST 0xffu

/* Appends `text` in UTF-8, as far as out has room. `name` as labelled, in any case; no name, one that says nothing
   (us-ascii, unknown-8bit) or UTF-8: the text is taken as it is, octets that are no UTF-8 included. Of a charset that
   nobody knows the ASCII is kept. True where something was lost: CHARSET_LOST stands for it, or an octet that is no
   UTF-8. */
bool charset_to_utf8(struct bytes name, struct bytes text, struct buf *out);

/* The text as a string, which the caller frees; CHARSET_LOST stands for NUL, which has no place in one. */
char *charset_string(struct bytes text);

/* Are both names the same, but for case? */
bool charset_same(struct bytes a, struct bytes b);

#endif
