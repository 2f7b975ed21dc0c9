/* NTLM messages, MS-NLMP section 2.2.1: what they disclose of users and hosts. */
#ifndef MAILTAP_MAIL_NTLM_H
#define MAILTAP_MAIL_NTLM_H

#include "base/buf.h"

enum ntlm_type { NTLM_NONE, NTLM_NEGOTIATE, NTLM_CHALLENGE, NTLM_AUTHENTICATE };

/* Texts are UTF-8 where the message says Unicode, else as sent; empty where not told; at most NTLM_TEXT_MOST octets. */
struct ntlm {
    enum ntlm_type type; /* NTLM_NONE: it is no such message */
    bool unicode;
    struct buf user; /* DOMAIN\user */
    struct buf domain, host, dns_domain;
    char os[16]; /* "10.0.17763" */
};

enum { NTLM_TEXT_MOST = 1024 };

/* Reads one message. `unicode`: what the challenge before it said, for old clients whose answer has no flags. What is
   outside the message is taken as not told. The caller releases `n`. */
void ntlm_read(struct ntlm *n, struct bytes m, bool unicode);
void ntlm_release(struct ntlm *n);

#endif
