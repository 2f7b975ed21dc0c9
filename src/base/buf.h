/* A growable run of octets that is given its maximum when made: what does not fit is cut, and says so.
   Invariant: len <= cap <= max; data is null only where cap is 0. */
#ifndef MAILTAP_BASE_BUF_H
#define MAILTAP_BASE_BUF_H

#include "bytes.h"

struct buf {
    uint8_t *data;
    size_t len, cap, max;
    bool cut; /* something did not fit since the last buf_reset */
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);

/* Forgets the content, keeps the memory. */
void buf_reset(struct buf *b);

/* Appends as much as fits; false, and `cut` is set, where that is not all. */
bool buf_add(struct buf *b, struct bytes more);
bool buf_add_byte(struct buf *b, uint8_t c);
bool buf_add_string(struct buf *b, const char *text);
bool buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for n more octets to be written at data + len by the caller, who then adds to len; null where it does not fit.
 */
uint8_t *buf_room(struct buf *b, size_t n);

/* Drops the first n octets. */
void buf_drop(struct buf *b, size_t n);

static inline struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){b->data, b->len};
}

#endif
