/* The small things that structured header fields are made of, RFC 5322 section 3.2. */
#ifndef MAILTAP_MAIL_LEXICAL_H
#define MAILTAP_MAIL_LEXICAL_H

#include "base/bytes.h"

#include <string.h>

static inline bool lexical_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A set of ASCII characters. */
struct lexical_set {
    uint64_t low, high;
};

static inline void lexical_set_add(struct lexical_set *s, uint8_t c)
{
    uint64_t bit = UINT64_C(1) << (c & 63);
    s->low |= c < 64 ? bit : 0;
    s->high |= c < 64 ? 0 : bit;
}

/* Of a literal the compiler makes it, when the loop is unrolled. */
static inline __attribute__((always_inline)) struct lexical_set lexical_set_of(const char *characters)
{
    struct lexical_set s = {0, 0};
    size_t count = strlen(characters);
#pragma GCC unroll 32
    for (size_t i = 0; i < count; i++)
        lexical_set_add(&s, (uint8_t)characters[i]);
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

/* Cuts off the front what stands before one of the set. */
struct bytes lexical_until(struct bytes *rest, const struct lexical_set *ends);

/* Cuts off the front what stands before a blank or one of the characters. */
static inline __attribute__((always_inline)) struct bytes lexical_token(struct bytes *rest, const char *ends)
{
    struct lexical_set set = lexical_set_of(ends), blanks = lexical_set_of(" \t\r\n");
    set.low |= blanks.low;
    return lexical_until(rest, &set);
}

/* Cuts the quoted string at the front off, and returns what is inside, its backslashes included. One that is not closed
   ends at the end. */
struct bytes lexical_quoted(struct bytes *rest);

/* Cuts off the front what stands before the next `end` that is in no comment or quoted string, and that. False at the
   end. */
bool lexical_item(struct bytes *rest, uint8_t end, struct bytes *ret);

#endif
