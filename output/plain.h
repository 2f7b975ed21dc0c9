/* Text from the wire on a terminal: what could move the cursor, change colours or the direction of writing, or hide is
   written out instead. */
#ifndef MAILTAP_OUTPUT_PLAIN_H
#define MAILTAP_OUTPUT_PLAIN_H

#include "base/buf.h"

/* Appends text, as valid UTF-8 in at most `columns` columns, the last one an ellipsis where it was cut. Controls,
   octets that are no UTF-8, bidirectional and invisible characters become \n, \r, \t, \xHH or \u{H...}, the backslash
   \\. Returns the columns used (East Asian wide characters take two). */
size_t plain_add(struct buf *out, struct bytes text, size_t columns);

/* The same between quotes, which take two columns more; quotes inside are escaped. */
size_t plain_add_quoted(struct buf *out, struct bytes text, size_t columns);

/* The columns that text which these functions wrote takes. */
size_t plain_width(struct bytes text);

/* Appends a number of octets, as "812 B", "17.8 kB", "1.2 GB" (powers of 1000). */
void plain_add_size(struct buf *out, uint64_t octets);

/* Appends a duration, as "650 us", "21.0 ms", "1.30 s", "4.2 min", "3.1 h", "2.5 d", "3 y". */
void plain_add_duration(struct buf *out, uint64_t us);

/* Appends a number with its digits in groups of three: "12,034". */
void plain_add_number(struct buf *out, uint64_t n);

#endif
