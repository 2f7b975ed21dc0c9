/* The normal form of records: what a reviewer compares. From NDJSON, read back by json-c, so that our own JSON writer
   is checked by another's reader on the way.

   A record is one line, `type {members}`, without what differs from run to run or says the same in every record
   (places, times, identifiers). A member that is a list of objects follows, one indented line per object: `  commands
   {...}`. */
#ifndef MAILTAP_TESTS_NORMAL_H
#define MAILTAP_TESTS_NORMAL_H

#include "dialogue.h"

struct normal {
    const struct texts *keep; /* keys not to drop, `stats` to keep that kind; may be null */
    bool loose;               /* drop also what a change in the order and cutting of packets may change */
};

/* Appends the normal form of all lines. False, with the line, where one is no JSON object with a type. */
bool normal_form(const struct normal *n, struct bytes ndjson, struct buf *out, struct error *err);

/* Does the text hold one of the secrets, as it is or in base64? Returns it, or null. */
const char *normal_secret(const struct texts *secrets, struct bytes text);

#endif
