/* The part of the summary about mailboxes: what POP3 and IMAP sessions did with them, and how often clients came back.
 */
#ifndef MAILTAP_OUTPUT_SUMMARY_MAILBOXES_H
#define MAILTAP_OUTPUT_SUMMARY_MAILBOXES_H

#include "fields.h"
#include "table.h"

struct summary_mailboxes;

struct summary_mailboxes *summary_mailboxes_new(void);
void summary_mailboxes_free(struct summary_mailboxes *m);

/* Adds up a session record (f) that has a close; others than POP3's and IMAP's are passed over. */
void summary_mailboxes_add(struct summary_mailboxes *m, const struct fields *f);

/* Rows of three columns, "lrr", the first of them the heading; none where there is nothing to tell. */
void summary_mailboxes_rows(const struct summary_mailboxes *m, struct table *t);

#endif
