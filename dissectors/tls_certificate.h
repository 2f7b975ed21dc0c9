/* The certificates of server and client, where they travel in clear: TLS 1.2 and before (RFC 5246 section 7.4.2, 5280).
 */
#ifndef MAILTAP_DISSECTORS_TLS_CERTIFICATE_H
#define MAILTAP_DISSECTORS_TLS_CERTIFICATE_H

#include "base/bytes.h"
#include "record/record.h"

/* The certificates that are told of; more of them are named in `truncated`. */
#define TLS_CERTIFICATES_MOST 10

/* The first in F_tls_cert, the others as F_tls_chain. `list`: each behind its length, in three octets,
   and before its own extensions (TLS 1.3). `when`: the time
   of the capture, ns. `name`: what the client asked for, or nothing. */
void tls_certificates_write(struct record *r, struct bytes list, bool with_extensions, int64_t when, struct bytes name);

/* The same of a client: F_tls_client_cert, F_tls_client_chain. Nothing where the list is empty. */
void tls_client_certificates_write(struct record *r, struct bytes list, bool with_extensions, int64_t when);

#endif
