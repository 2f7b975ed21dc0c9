/* The date and time of a message, RFC 5322 section 3.3, with the obsolete forms of section 4.3. */
#ifndef MAILTAP_MAIL_DATE_H
#define MAILTAP_MAIL_DATE_H

#include "base/bytes.h"

/* Reads `[day-name ","] day month year hour ":" minute [":" second] [zone]`, with comments and blanks anywhere between,
   years of two and three digits, named zones; a zone that is unknown or absent is read as UTC (section 4.3). False
   where the syntax or a number is out of range (a year before 1900, a 30th of February, a zone beyond 99:59); second 60
   is the next minute's first. `ret_ns`: nanoseconds since 1970-01-01T00:00:00Z. Years beyond 2261 do not fit: false. */
bool date_parse(struct bytes text, int64_t *ret_ns);

#endif
