/* What the machine-readable part of a multipart/report (RFC 6522) says: of a delivery (RFC 3464, RFC 6533), of a
   disposition (RFC 8098), of feedback about abuse (RFC 5965). */
#ifndef MAILTAP_MAIL_REPORT_H
#define MAILTAP_MAIL_REPORT_H

#include "base/bytes.h"
#include "base/limits.h"

struct report;
struct record;

/* For a part message/<subtype>, in lower case: "delivery-status", "disposition-notification", "feedback-report", or one
   of their "global-" forms; null for any other, or none. A multipart's report-type is the same word. The limits are
   kept by reference and must outlive it; the caller frees it. */
struct report *report_new(const struct limits *limits, const char *subtype);
void report_free(struct report *r);

/* The memory it takes; 0 for null. */
size_t report_held(const struct report *r);

/* The next octets of the part, decoded. Of the fields of one recipient at most limits->header octets are kept. */
void report_push(struct report *r, struct bytes decoded);

/* `len` octets are missing here: the field they cut is left out. */
void report_gap(struct report *r, uint64_t len);

/* The part is at its end: writes the group `report` of a `message`, which must be outside any group, unless it has one.
   `complete`: the part was seen to its end. Once. */
void report_finish(struct report *r, struct record *message, bool complete);

#endif
