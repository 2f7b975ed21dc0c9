/* What the answer to a RCPT tells of the recipient. */
#ifndef MAILTAP_DETECT_RECIPIENT_H
#define MAILTAP_DETECT_RECIPIENT_H

#include "seen.h"

/* Refused for good because there is no such user: by its codes (RFC 3463, X.1.1), or, where a server gives none, by the
   words that servers use. */
bool recipient_is_unknown(const struct seen_rcpt *r);

#endif
