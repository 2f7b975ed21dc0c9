/* Character references in HTML (HTML Living Standard section 13.2.5.72), undone: the numeric ones, and of the named
   those that links are disguised with. */
#ifndef MAILTAP_MAIL_CHAR_REF_H
#define MAILTAP_MAIL_CHAR_REF_H

#include "base/buf.h"

/* Appends `in` with its references undone, in UTF-8. *odd is set where one stands for a character that needs none:
   neither markup nor a blank. */
void char_ref_decode(struct bytes in, struct buf *out, bool *odd);

#endif
