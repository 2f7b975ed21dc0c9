/* Reading the records of one direction of TLS with its keys: TLS 1.3 (RFC 8446 section 5), 1.2 and before (RFC 5246
   section 6, 5288, 7905, 7366), through OpenSSL. */
#ifndef MAILTAP_DISSECTORS_TLS_OPENER_H
#define MAILTAP_DISSECTORS_TLS_OPENER_H

#include "base/bytes.h"

#define TLS_HEADER_SIZE 5
#define TLS_RECORD_MOST (16384 + 2048) /* octets of an encrypted record, RFC 5246 section 6.2.3 */

struct tls_opener;

/* Can records of that cipher suite be read? */
bool tls_can_open(uint16_t version, uint16_t cipher);

/* Up to TLS 1.2: the two openers ([0] the client's) from the master secret and the randoms. Null in both where
   libcrypto does not have what it takes. */
void tls_openers_from_master(struct tls_opener *ret[static 2], uint16_t version, uint16_t cipher, struct bytes master,
                             struct bytes client_random, struct bytes server_random, bool encrypt_then_mac);

/* TLS 1.3: from a traffic secret. Null: see above. */
struct tls_opener *tls_opener_from_secret(uint16_t cipher, struct bytes secret);

/* TLS 1.3, behind a KeyUpdate: with the next secret. False: see above. */
bool tls_opener_update(struct tls_opener *o);

void tls_opener_free(struct tls_opener *o); /* null is nothing */

/* What it takes of memory, about. */
size_t tls_opener_held(const struct tls_opener *o);

/* Opens the next record but `ahead`: of those between, nothing is known. `to` has room for content.len octets; *len of
   them are the plaintext, of that type. False: it is not that record, or the keys are others, and nothing changed. */
bool tls_open(struct tls_opener *o, const uint8_t header[static TLS_HEADER_SIZE], struct bytes content, uint64_t ahead,
              uint8_t *to, size_t *len, uint8_t *type);

/* The next record is lost. */
void tls_opener_skip(struct tls_opener *o);

/* By how much a record is longer than its plaintext, its header not counted; 0: that differs from record to record. */
size_t tls_opener_overhead(const struct tls_opener *o);

#endif
