/* Base64, RFC 4648 section 4: the alphabet, and texts that are there as a whole, as SASL exchanges carry them. Texts in
   lines are transfer.h's. */
#ifndef MAILTAP_MAIL_BASE64_H
#define MAILTAP_MAIL_BASE64_H

#include "base/buf.h"

enum { BASE64_NONE = 0x80 };

/* The value of each octet as a character of the alphabet, or BASE64_NONE. */
extern const uint8_t base64_values[256];

/* Appends what `in` stands for. Padding may be missing, and left-over bits may be anything. False, and nothing is
   appended, where there is an octet outside the alphabet, text behind the padding, a single left-over character, or no
   room. Memory is taken once, before the first octet is written, so that wiping out->data wipes every copy. */
bool base64_decode(struct bytes in, struct buf *out);

#endif
