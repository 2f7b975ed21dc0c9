/* Capture time: nanoseconds since 1970-01-01T00:00:00Z, and how it is written. The wall clock is not here. */
#ifndef MAILTAP_BASE_CLOCK_H
#define MAILTAP_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_US        INT64_C(1000)
#define CLOCK_MS        INT64_C(1000000)
#define CLOCK_S         INT64_C(1000000000)
#define CLOCK_TEXT_SIZE 28 /* with the octet at the end */

/* RFC 3339 in UTC with six fraction digits: "2026-11-22T04:46:18.120001Z". */
void clock_format(int64_t ns, char text[static CLOCK_TEXT_SIZE]);

/* Reads it back, with any number of fraction digits; false where it is no such time, or one that does not fit. */
struct bytes;
bool clock_parse(struct bytes text, int64_t *ret);

#endif
