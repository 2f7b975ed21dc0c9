/* Strings and numbers of JSON (RFC 8259), written to where the caller has room for the most they may need. */
#ifndef MAILTAP_OUTPUT_JSON_VALUE_H
#define MAILTAP_OUTPUT_JSON_VALUE_H

#include "base/bytes.h"

#define JSON_ESCAPE_MOST 6  /* octets that one octet of text becomes, at most */
#define JSON_NUMBER_MOST 20 /* octets of a number */

/* The text between quotes: ASCII but for \uHHHH, \" and \\, and what is UTF-8 as it is. Where an octet is not,
   there is U+FFFD, and *mended is set. Writes JSON_ESCAPE_MOST * text.len + 2 octets at most; returns the place behind
   them. */
char *json_write_string(char *at, struct bytes text, bool *mended);

/* Returns the place behind the digits. */
char *json_write_number(char *at, uint64_t n);

/* Writes the last `count` digits of n, an even number of them, with zeros in front. */
void json_write_digits(char *at, size_t count, unsigned n);

#endif
