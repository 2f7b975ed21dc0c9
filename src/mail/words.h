/* Encoded words in header fields, RFC 2047 with RFC 2231 section 5, and raw octets beyond ASCII (RFC 6532). */
#ifndef MAILTAP_MAIL_WORDS_H
#define MAILTAP_MAIL_WORDS_H

#include "base/buf.h"

/* May there be an encoded word? Where not, words_decode() has nothing to do but copy. */
bool words_may_be(struct bytes value);

/* Appends the unfolded value with its words in UTF-8, as far as out has room, and reads no more than that takes. Words
   that stand side by side are joined, also within a character. Read as senders write them: words inside quotes, inside
   other text, with blanks in them. Octets beyond ASCII that are in no word are appended as they are. True where
   something was lost, or is no UTF-8: then there are octets in out that are none, CHARSET_LOST for what a charset did
   not tell. */
bool words_decode(struct bytes value, struct buf *out);

#endif
