/* Blocks of memory that are mostly zero, in little room: a run of zero words in one octet, others in one and as many as
   they have up to the highest that is not zero. For memory only: it depends on the machine. */
#ifndef MAILTAP_BASE_PACK_H
#define MAILTAP_BASE_PACK_H

#include "buf.h"

/* Appends the block; false where the buf's maximum was met. */
bool pack(struct buf *out, const void *block, size_t size);

/* Takes off the front what pack() appended, with the same size. */
void unpack(struct bytes *in, void *block, size_t size);

#endif
