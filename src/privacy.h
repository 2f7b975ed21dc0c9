/* --privacy: takes what names persons out of records, before any format sees them. Which field is treated how stands in
   record/privacy.def. */
#ifndef MAILTAP_PRIVACY_H
#define MAILTAP_PRIVACY_H

#include "base/error.h"
#include "record/record.h"

enum privacy_level {
    PRIVACY_KEEP, /* nothing is done */
    PRIVACY_HASH, /* HMAC-SHA-256 (RFC 2104), 64 bits of it, of the text in lower case: equal texts stay equal */
    PRIVACY_DROP
};

struct privacy;

/* The key is the content of that file; null: a random one, so that nothing can be joined beyond this run. Null, and err
   says why. */
struct privacy *privacy_new(enum privacy_level level, const char *key_file, struct error *err);
void privacy_free(struct privacy *p); /* null is nothing */

/* The record as it may be written; that one is freed. A null p leaves it as it is. */
struct record *privacy_apply(struct privacy *p, struct record *r);

/* Is it in privacy_words.def, but for the case? */
bool privacy_knows(struct bytes word);

#endif
