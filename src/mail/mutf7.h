/* IMAP's mailbox names: modified UTF-7, RFC 3501 section 5.1.3. */
#ifndef MAILTAP_MAIL_MUTF7_H
#define MAILTAP_MAIL_MUTF7_H

#include "base/buf.h"

/* Appends the name in UTF-8. False where it is not valid modified UTF-7 (an octet outside printable ASCII, a shift that
   does not end, left-over bits, half a surrogate pair, NUL, encoded printable ASCII): it is then appended unchanged, as
   far as it fits. */
bool mutf7_decode(struct bytes name, struct buf *out);

#endif
