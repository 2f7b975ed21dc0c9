/* The forms in which a secret may stand in an output: as it is, in base64 at every place modulo 3, in hexadecimal;
   whole or cut in halves. */
#ifndef MAILTAP_TESTS_DISGUISE_H
#define MAILTAP_TESTS_DISGUISE_H

#include "base/bytes.h"

/* Does the text hold the secret in one of these forms? Tells which. Letters match in either case. The secret must have
   12 octets or more, so that its halves mean something. */
bool disguise_found(struct bytes text, struct bytes secret, const char **form);

#endif
