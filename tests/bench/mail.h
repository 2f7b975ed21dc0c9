/* Sessions of the mail protocols and of others, as scripts. */
#ifndef MAILTAP_BENCH_MAIL_H
#define MAILTAP_BENCH_MAIL_H

#include "message.h"

enum kind {
    KIND_LONG,  /* messages with attachments of hundreds of kilobytes */
    KIND_SHORT, /* one small message a session */
    KIND_MIXED  /* everything that is there */
};

/* What all sessions draw from. */
struct writer {
    struct pool pool;
    struct draft draft;
    enum kind kind;
};

/* SMTP and LMTP. */
void mail_transfer(struct writer *w, struct random *r, struct script *s);

/* POP3 and IMAP. */
void mail_access(struct writer *w, struct random *r, struct script *s);

/* One SMTP session with one message of that much text: the flood of one-octet segments is made of it. */
void mail_plain(struct writer *w, struct random *r, struct script *s, size_t text);

/* What else is on a link: like HTTPS, SSH, DNS and QUIC by its sizes; nothing to read in it. */
void background(const struct pool *p, struct random *r, struct script *s);

/* Sizes of a message of this kind. */
void mail_sizes(const struct writer *w, struct random *r, size_t *text, size_t *attachment);

#endif
