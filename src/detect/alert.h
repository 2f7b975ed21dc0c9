#ifndef MAILTAP_DETECT_ALERT_H
#define MAILTAP_DETECT_ALERT_H

#include <stdint.h>

struct detector;
struct profile;
struct record;
struct watch;

/* Writes into an empty record what a rule has to say about an entity; `state`: new, update or end. Returns what it
   counts. */
uint64_t alert_write(struct record *r, const struct watch *w, const struct detector *rule, const struct profile *e,
                     const char *state);

#endif
