/* The octets of a file, uncompressed on the way where its first octets say gzip (RFC 1952), zstd (RFC 8878), an lz4
   frame or xz. Streaming, of any length; members that follow one another are one stream. */
#ifndef MAILTAP_CAPTURE_UNPACK_H
#define MAILTAP_CAPTURE_UNPACK_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum unpack_status {
    UNPACK_SOME,   /* *got octets, at least one */
    UNPACK_END,    /* the end of the file */
    UNPACK_AGAIN,  /* a signal came before any octet did: ask again */
    UNPACK_BROKEN, /* err says why, without the file's name; what came before it was given */
};

struct unpack;

/* Takes the descriptor over. Reads nothing yet. */
struct unpack *unpack_new(int fd);
void unpack_free(struct unpack *u);

/* The descriptor, where what was not read yet can be had by pread(2) from its offset on: a regular file that is not
   compressed, of which something was read. -1 else. */
int unpack_plain(const struct unpack *u);

/* Up to `size` (at least 1) octets. One read(2) at most where the file is not compressed, so a pipe gives what it has.
 */
enum unpack_status unpack_read(struct unpack *u, uint8_t *to, size_t size, size_t *got, struct error *err);

#endif
