/* What the decoders of transfer.h share: one pair of functions for each encoding, each in its file. */
#ifndef MAILTAP_MAIL_TRANSFER_PRIVATE_H
#define MAILTAP_MAIL_TRANSFER_PRIVATE_H

#include "transfer.h"

/* States are each decoder's own, and begin with 0; this one, of base64 and quoted-printable, is: octets are missing up
   to the next line end. */
enum { TRANSFER_SKIP = 255 };

size_t quoted_decode(struct transfer_decoder *d, struct bytes in, uint8_t *out);
size_t quoted_finish(struct transfer_decoder *d, uint8_t *out);
size_t uudecode(struct transfer_decoder *d, struct bytes in, uint8_t *out);
size_t uudecode_finish(struct transfer_decoder *d, uint8_t *out);
size_t ydecode(struct transfer_decoder *d, struct bytes in, uint8_t *out);
size_t ydecode_finish(struct transfer_decoder *d);

/* Octets are missing. */
void uudecode_gap(struct transfer_decoder *d);
void ydecode_gap(struct transfer_decoder *d);

static inline void transfer_note(struct transfer_decoder *d, unsigned odd)
{
    d->odd = (uint8_t)(d->odd | odd);
}

static inline void transfer_line_end(struct transfer_decoder *d)
{
    if (d->column > TRANSFER_LINE_MOST)
        transfer_note(d, TRANSFER_LONG_LINE);
    d->column = 0;
}

#endif
