/* UTF-8 (RFC 3629), one character at a time. */
#ifndef MAILTAP_BASE_UTF8_H
#define MAILTAP_BASE_UTF8_H

#include "bytes.h"

/* The length of what stands at the front of text (not empty): 1 to 4. *ret is the character; or UTF8_BAD where the
   octets are none (overlong forms, surrogates and what is beyond U+10FFFF included), and the length is that of the
   maximal subpart to be replaced by one U+FFFD (Unicode 15.0, section 3.9). */
#define UTF8_BAD UINT32_MAX
size_t utf8_read(struct bytes text, uint32_t *ret);

#endif
