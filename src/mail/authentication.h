/* What servers say about a message's origin: Authentication-Results (RFC 8601), DKIM-Signature (RFC 6376), ARC-Seal
   (RFC 8617). */
#ifndef MAILTAP_MAIL_AUTHENTICATION_H
#define MAILTAP_MAIL_AUTHENTICATION_H

#include "base/bytes.h"

struct record;

/* Appends an item of auth_checks to a message for every result of the field. */
void authentication_results(struct bytes value, struct record *message);

/* Cuts the next tag of a tag list (RFC 6376 section 3.2) off the front: "d=example.org". False at the end. */
bool tag_next(struct bytes *rest, struct bytes *name, struct bytes *value);

/* Appends an item of dkim, and its domain to dkim_domains where it is not there yet. */
void dkim_signature(struct bytes value, struct record *message);

/* The seals of a message: how many, and the verdict of the latest on the chain before it. */
struct arc {
    uint64_t seals, instance;
    char cv[16]; /* in lower case, empty where none was told */
};

void arc_seal(struct arc *a, struct bytes value);

#endif
