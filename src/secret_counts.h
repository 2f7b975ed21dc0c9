/* What becomes of the tags of secrets: how often a client tried the same secret at the same user within the hour, and
   at how many users. The tags end here. */
#ifndef MAILTAP_SECRET_COUNTS_H
#define MAILTAP_SECRET_COUNTS_H

#include "record/record.h"

struct secret_counts;

/* So many attempts are remembered at most; beyond, the oldest is forgotten. */
struct secret_counts *secret_counts_new(uint64_t most);
void secret_counts_free(struct secret_counts *c); /* null is nothing */

/* Takes the tag off the record, which comes in its place among all records; an `auth` that had one, and has a user,
   gets secret_tries and secret_users. */
void secret_counts_take(struct secret_counts *c, struct record *r);

/* Attempts forgotten within their hour, for lack of room. */
uint64_t secret_counts_forgotten(const struct secret_counts *c);

#endif
