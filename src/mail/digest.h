/* Hashes of content that comes in pieces: SHA-256 and MD5 by OpenSSL. */
#ifndef MAILTAP_MAIL_DIGEST_H
#define MAILTAP_MAIL_DIGEST_H

#include "base/bytes.h"

enum digest_kind { DIGEST_SHA256, DIGEST_MD5 };

enum { DIGEST_HEX = 65 }; /* the longest in hexadecimal digits, with its NUL */

/* One per thread: the algorithms, looked up once, and the states that are not in use. */
struct digests;
struct digest;

/* The caller frees it, after all digests begun with it were ended or dropped. */
struct digests *digests_new(void);
void digests_free(struct digests *pool);

/* The memory that a digest takes while in use, and what `pool` holds of those not in use. */
size_t digest_held(const struct digest *d);
size_t digests_held(const struct digests *pool);

/* Null where the algorithm is not to be had, as MD5 with a FIPS provider alone. */
struct digest *digest_begin(struct digests *pool, enum digest_kind kind);

void digest_push(struct digest *d, struct bytes more);

/* Writes the digest in lower-case digits and gives `d` back; false, and the text is empty, where OpenSSL failed. */
bool digest_end(struct digest *d, char hex[static DIGEST_HEX]);

/* Gives `d` back without; it may be null. */
void digest_drop(struct digest *d);

#endif
