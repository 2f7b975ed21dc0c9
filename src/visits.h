/* How long ago a user was here before: the time from one POP3 or IMAP session to the next. */
#ifndef MAILTAP_VISITS_H
#define MAILTAP_VISITS_H

#include "record/record.h"

struct visits;

struct visits *visits_new(void);
void visits_free(struct visits *v);

/* Adds since_last_us to the record of a session that has ended, where one of the same protocol, user, client and server
   began before; of sessions that nobody could read into, one of the same client and server. Others are passed over.
   What is remembered is bounded: sessions of many users may push each other out. Records come in their order. */
void visits_see(struct visits *v, struct record *r);

#endif
