/* What the answers to RCPT tell of recipients, and of who asked. */
#ifndef MAILTAP_DETECT_RECIPIENT_H
#define MAILTAP_DETECT_RECIPIENT_H

#include "seen.h"

/* Refused for good because there is no such user: by its codes (RFC 3463, X.1.1), or, where a server gives none, by the
   words that servers use. */
bool recipient_is_unknown(const struct seen_rcpt *r);

/* Did the transaction go on to its content, or was it refused though a recipient had been accepted? Who only asks for
   names does not go on. */
bool recipient_content_followed(const struct seen *s);

/* To one recipient, from nobody: bounces, and checks of sender addresses (callouts). */
bool recipient_is_callout(const struct seen *s);

#endif
