/* The parts of a message as a text to compare: a line each, "path type/subtype size hash", containers without the last
   two. */
#ifndef MAILTAP_TESTS_PARTS_LIST_H
#define MAILTAP_TESTS_PARTS_LIST_H

#include "base/buf.h"
#include "mail/mail.h"

struct parts_list {
    struct buf text;  /* as above, and "noted word" for each note */
    char body[65];    /* body_sha256, or empty */
    uint64_t omitted; /* parts_omitted */
    size_t held;      /* the most that the content took */
};

/* Walks through the message in pieces of `step` octets (0: in one); octets from `gap` on, `lost` of them, are missing.
 */
void parts_list(struct mail *mail, struct bytes message, size_t step, size_t gap, size_t lost, struct parts_list *ret);
void parts_list_release(struct parts_list *l);

#endif
