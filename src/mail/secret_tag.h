/* Tells equal secrets from different ones without keeping any: 128 bits of HMAC-SHA-256 (RFC 2104) with a key that is
   drawn for each run and forgotten with it. What a tag becomes is told in record/record.h. */
#ifndef MAILTAP_MAIL_SECRET_TAG_H
#define MAILTAP_MAIL_SECRET_TAG_H

#include "base/bytes.h"
#include "record/record.h"

struct secret_key {
    uint8_t octets[32];
};

/* A random one. False where none is to be had: then there are no tags. */
bool secret_key_draw(struct secret_key *ret);
void secret_key_wipe(struct secret_key *k);

/* What makes tags with that key, for one thread. Null where libcrypto has no HMAC-SHA-256, or the key is null. */
struct secret_tagger;
struct secret_tagger *secret_tagger_new(const struct secret_key *key);
void secret_tagger_free(struct secret_tagger *t); /* null is nothing */

/* Of a null tagger, false. */
bool secret_tag_make(struct secret_tagger *t, struct bytes secret, uint8_t tag[static RECORD_TAG_SIZE]);

#endif
