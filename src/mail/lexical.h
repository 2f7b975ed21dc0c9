/* The small things that structured header fields are made of, RFC 5322 section 3.2. */
#ifndef MAILTAP_MAIL_LEXICAL_H
#define MAILTAP_MAIL_LEXICAL_H

#include "base/bytes.h"

#include <assert.h>
#include <string.h>

static inline bool lexical_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A set of characters that tokens may end at: tspecials (RFC 2045 section 5.1) and blanks, a bit for each. */
typedef uint16_t lexical_set;
extern const lexical_set lexical_bits[256];

/* Of a literal the compiler makes it, when the loop is unrolled. */
static inline __attribute__((always_inline)) lexical_set lexical_set_of(const char *characters)
{
    unsigned set = 0;
    size_t count = strlen(characters);
#pragma GCC unroll 32
    for (size_t i = 0; i < count; i++) {
        assert(lexical_bits[(uint8_t)characters[i]]); /* else it would never be found */
        set |= lexical_bits[(uint8_t)characters[i]];
    }
    return (lexical_set)set;
}

static inline bool lexical_has(lexical_set set, uint8_t c)
{
    return lexical_bits[c] & set;
}

/* The value of a hexadecimal digit, or -1. */
int lexical_hex(uint8_t c);

/* The octet that the mark and two hexadecimal digits at the front stand for, or -1: "%41". */
int lexical_escaped(struct bytes b, char mark);

/* Without blanks and comments at the front. A comment that is not closed takes all the rest. */
struct bytes lexical_skip_some(struct bytes b); /* where there are any: the next one's second half */
static inline struct bytes lexical_skip(struct bytes b)
{
    return b.len && lexical_has(lexical_set_of(" ("), b.data[0]) ? lexical_skip_some(b) : b;
}

/* The octets of the comment at the front, parentheses included; all the rest where it is not closed. */
size_t lexical_comment(struct bytes b);

/* Cuts off the front what stands before one of the set. */
struct bytes lexical_until(struct bytes *rest, lexical_set ends);

/* Cuts off the front what stands before a blank or one of the characters. */
static inline __attribute__((always_inline)) struct bytes lexical_token(struct bytes *rest, const char *ends)
{
    return lexical_until(rest, lexical_set_of(ends) | lexical_set_of(" "));
}

/* Cuts the quoted string at the front off, and returns what is inside, its backslashes included. One that is not closed
   ends at the end. */
struct bytes lexical_quoted(struct bytes *rest);

/* Cuts off the front what stands before the next `end` that is in no comment or quoted string, and that. False at the
   end. */
bool lexical_item(struct bytes *rest, uint8_t end, struct bytes *ret);

#endif
