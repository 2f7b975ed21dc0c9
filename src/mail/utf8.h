/* UTF-8, RFC 3629: is it that, and out of UTF-16 (RFC 2781), which NTLM and modified UTF-7 carry. */
#ifndef MAILTAP_MAIL_UTF8_H
#define MAILTAP_MAIL_UTF8_H

#include "base/buf.h"

/* Appends one character. A code point that is none (a surrogate, beyond 0x10FFFF) becomes U+FFFD. */
void utf8_add(struct buf *out, uint32_t code_point);

/* Appends little-endian UTF-16 as UTF-8. Half a surrogate pair and an odd last octet become U+FFFD. */
void utf8_add_utf16(struct buf *out, struct bytes utf16);

/* Puts the two halves of a surrogate pair together; both must be such halves. */
uint32_t utf8_surrogates(uint32_t high, uint32_t low);

/* How many octets at the front are valid UTF-8 (no surrogates, nothing overlong, nothing beyond 0x10FFFF). */
size_t utf8_valid(struct bytes text);

static inline bool utf8_is_high(uint32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static inline bool utf8_is_low(uint32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

#endif
