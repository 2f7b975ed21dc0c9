/* Files inside a text, where no header field tells of them: blocks of uuencode ("begin 644 name" ... "end", also in its
   base64 form) and of yEnc, as Usenet gateways and old Outlooks send them. Pushed in any pieces, a line held at most.
 */
#ifndef MAILTAP_MAIL_EMBEDDED_H
#define MAILTAP_MAIL_EMBEDDED_H

#include "base/bytes.h"

enum embedded_kind { EMBEDDED_UUENCODE, EMBEDDED_BASE64, EMBEDDED_YENC };

/* What is found, told in this order: begin, then octets and gap, then end. */
struct embedded_events {
    /* `name` is raw and at most 255 octets; it is valid during the call. */
    void (*begin)(void *arg, enum embedded_kind kind, struct bytes name);
    void (*octets)(void *arg, struct bytes decoded);
    void (*gap)(void *arg, uint64_t len); /* encoded octets are missing */
    /* `whole`: the block's end was there, and nothing was missing. `odd`: see transfer_odd(). */
    void (*end)(void *arg, bool whole, unsigned odd);
};

struct embedded;

/* `events` is kept by reference. The caller frees it. */
struct embedded *embedded_new(const struct embedded_events *events, void *arg);
void embedded_free(struct embedded *e);

/* The memory it takes: little as long as there is no block. */
size_t embedded_held(const struct embedded *e);

/* What comes next of the text, as it is before its charset is converted. */
void embedded_push(struct embedded *e, struct bytes text);

/* `len` octets of the text are missing here. */
void embedded_gap(struct embedded *e, uint64_t len);

/* The text is at its end; a block that is not is told as such. Once. */
void embedded_finish(struct embedded *e);

#endif
