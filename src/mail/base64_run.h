/* Base64 (RFC 4648 section 4) in clean lines, as fast as the processor goes: the inner loop of transfer.h. No package
   of Debian 12 has a decoder that is fast and goes on behind line ends (libmodpbase64: neither; libb64 and nettle: an
   octet at a time), so these are our own. */
#ifndef MAILTAP_MAIL_BASE64_RUN_H
#define MAILTAP_MAIL_BASE64_RUN_H

#include "base/bytes.h"

struct base64_progress {
    size_t read, written;
    size_t column;  /* in: characters of the line in front of `in`; out: of the line behind what was read */
    size_t longest; /* the longest line that ended, or 0 */
};

/* Reads whole groups of four characters and the line ends (LF, CR LF) between them, up to the first octet that is
   neither, or that starts a group which is not whole. May stop earlier, but reads all there is but for less than 4
   octets where all is clean and in groups. `out` has room for in.len + 48 octets; more than `written` may have been
   written to. */
typedef void base64_run(struct base64_progress *p, struct bytes in, uint8_t *out);

/* For any processor. */
void base64_run_plain(struct base64_progress *p, struct bytes in, uint8_t *out);

struct base64_path {
    const char *name;
    base64_run *run;
};

enum { BASE64_PATHS_MOST = 4 };

/* All that this processor can run, best first. */
size_t base64_paths(struct base64_path paths[static BASE64_PATHS_MOST]);

/* The best. */
base64_run *base64_run_best(void);

#endif
