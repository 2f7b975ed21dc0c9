/* Base64, RFC 4648 section 4, as SASL exchanges carry it. */
#ifndef MAILTAP_MAIL_BASE64_H
#define MAILTAP_MAIL_BASE64_H

#include "base/buf.h"

/* Appends what `in` stands for. Padding may be missing, and left-over bits may be anything. False, and nothing is
   appended, where there is an octet outside the alphabet, text behind the padding, a single left-over character, or no
   room. Memory is taken once, before the first octet is written, so that wiping out->data wipes every copy. */
bool base64_decode(struct bytes in, struct buf *out);

#endif
