/* Blocks of a pcapng file (draft-ietf-opsawg-pcapng), least significant octet first, times in nanoseconds. */
#ifndef MAILTAP_CAPTURE_PCAPNG_WRITE_H
#define MAILTAP_CAPTURE_PCAPNG_WRITE_H

#include "base/buf.h"
#include "capture/packet.h"

/* The section header, once, in front; what wrote it is named there. */
void pcapng_write_section(struct buf *out, const char *application);

/* An interface; the first has number 0. The name may be null. Before its first packet. */
void pcapng_write_interface(struct buf *out, uint16_t link, const char *name);

/* A frame, captured at that interface of the file; the comment may be null. */
void pcapng_write_frame(struct buf *out, const struct frame *frame, uint32_t interface, const char *comment);

#endif
