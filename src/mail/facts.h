/* What the fields of a message's header tell a record (RFC 5322 section 3.6 and its kin): which are of interest, and
   what becomes of their values. */
#ifndef MAILTAP_MAIL_FACTS_H
#define MAILTAP_MAIL_FACTS_H

#include "base/bytes.h"
#include "base/limits.h"

struct facts;
struct record;

/* The limits (text, list) are kept by reference and must outlive it; the caller frees it. */
struct facts *facts_new(const struct limits *limits);
void facts_free(struct facts *f);

/* The memory it takes; 0 for null. */
size_t facts_held(const struct facts *f);

enum { FACT_NAME_MOST = 26, FACT_NONE = 255 };

/* The number of the field with that name, or FACT_NONE. */
unsigned fact_of(struct bytes name);

/* A field of that number begins: it is counted, also where it is then left out. Is its value wanted? Not of one that
   may stand only once and did, nor of those of which there were as many as a list holds. */
bool facts_begin(struct facts *f, unsigned fact);

/* Is it one of the trace: added by servers on the way, any number of them? */
bool fact_is_trace(unsigned fact);

/* Its value, unfolded. */
void facts_add(struct facts *f, unsigned fact, struct bytes value);

/* Its value is left out by a limit. */
void facts_cut(struct facts *f, unsigned fact);

/* Octets are missing: there may have been fields. */
void facts_gap(struct facts *f);

/* The header is at its end. Appends what was found to a `message`; `whole`: nothing of the header is missing. Once. */
void facts_write(struct facts *f, struct record *message, bool whole);

#endif
