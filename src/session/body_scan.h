/* Looks through text at memory speed for what matters in a dotted body (RFC 5321 4.5.2): dots at a line's start, and
   oddities of line ends. Blocks of 16 octets in the compiler's vector types: SSE2 and NEON are always there. */
#ifndef MAILTAP_SESSION_BODY_SCAN_H
#define MAILTAP_SESSION_BODY_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* The place of the first dot in data[from .. len) that stands behind a CR, an LF or a NUL, or len; `from` is at least
   1: data[from - 1] is looked at. Adds to *odd (1u << ODD_... of input.h) what stands up to there: an LF behind another
   octet than CR, a CR before another octet than LF, a NUL. */
size_t body_scan(const uint8_t *data, size_t from, size_t len, unsigned *odd);

#endif
