/* The small things that structured header fields are made of, RFC 5322 section 3.2. */
#ifndef MAILTAP_MAIL_LEXICAL_H
#define MAILTAP_MAIL_LEXICAL_H

#include "base/bytes.h"

static inline bool lexical_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A set of ASCII characters. */
struct lexical_set {
    uint64_t low, high;
};

static inline struct lexical_set lexical_set_of(const char *characters)
{
    struct lexical_set s = {0, 0};
    for (; *characters; characters++)
        *(*characters < 64 ? &s.low : &s.high) |= UINT64_C(1) << (*characters & 63);
    return s;
}

static inline bool lexical_has(const struct lexical_set *s, uint8_t c)
{
    return c < 128 && (c < 64 ? s->low : s->high) >> (c & 63) & 1;
}

/* The value of a hexadecimal digit, or -1. */
int lexical_hex(uint8_t c);

/* Without blanks and comments at the front. A comment that is not closed takes all the rest. */
struct bytes lexical_skip(struct bytes b);

/* The octets of the comment at the front, parentheses included; all the rest where it is not closed. */
size_t lexical_comment(struct bytes b);

/* Cuts off the front what stands before a blank or one of the characters. */
struct bytes lexical_token(struct bytes *rest, const char *ends);

/* Cuts the quoted string at the front off, and returns what is inside, its backslashes included. One that is not closed
   ends at the end. */
struct bytes lexical_quoted(struct bytes *rest);

/* Cuts off the front what stands before the next `end` that is in no comment or quoted string, and that. False at the
   end. */
bool lexical_item(struct bytes *rest, uint8_t end, struct bytes *ret);

#endif
