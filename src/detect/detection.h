/* The rules at work: records in, alerts out. It rests on the records alone, so that stored ones lead to the same. */
#ifndef MAILTAP_DETECT_DETECTION_H
#define MAILTAP_DETECT_DETECTION_H

#include "settings.h"

#include "base/limits.h"
#include "record/record.h"

struct detection;

struct detection_counts {
    uint64_t entities, memory; /* now */
    uint64_t forgotten;        /* for lack of room */
    uint64_t suppressed;       /* alerts kept back */
};

/* Settings and limits outlive it. */
struct detection *detection_new(const struct detect_settings *settings, const struct limits *limits);
void detection_free(struct detection *d); /* null is nothing */

/* The rules see that record. */
void detection_see(struct detection *d, const struct record *r);

/* There are no more: what has still to be said is what detection_next() gives until there is none. */
void detection_finish(struct detection *d);

/* The next alert, which the caller frees; null when there is none. */
struct record *detection_next(struct detection *d);

void detection_counts(const struct detection *d, struct detection_counts *ret);

/* What --rules and --explain print. False: there is no rule of that name. */
struct buf;
void detection_rules(struct buf *out);
bool detection_explain(const char *rule, struct buf *out);

#endif
