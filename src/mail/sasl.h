/* What a SASL exchange tells, without its secrets: over SMTP AUTH (RFC 4954), POP3 AUTH (RFC 5034), IMAP AUTHENTICATE
   (RFC 9051 section 6.2.2). Nothing that leaves here contains a password, token or digest; what was decoded is wiped
   before it is freed. Mechanisms: PLAIN (RFC 4616), LOGIN (draft-murchison-sasl-login), CRAM-MD5 (RFC 2195), DIGEST-MD5
   (RFC 2831), SCRAM-* (RFC 5802), XOAUTH2, OAUTHBEARER (RFC 7628), NTLM (MS-NLMP, MS-SMTPNTLM), EXTERNAL (RFC 4422),
   ANONYMOUS (RFC 4505). Of any other only the name is taken. */
#ifndef MAILTAP_MAIL_SASL_H
#define MAILTAP_MAIL_SASL_H

#include "mail/echo.h"

struct record;
struct secret_tagger;

enum sasl_fact {
    SASL_USER,    /* who logs in: as the mechanism carries it, unescaped; NTLM: DOMAIN\user; ANONYMOUS: the trace */
    SASL_AUTHZID, /* as whom, where the mechanism keeps that apart from the user */
    SASL_REALM,   /* DIGEST-MD5 */
    SASL_NTLM_DOMAIN,
    SASL_NTLM_HOST, /* NetBIOS name: the server's from its challenge, else the client's */
    SASL_NTLM_DNS_DOMAIN,
    SASL_NTLM_OS, /* version and build, "10.0.17763": the server's from its challenge, else the client's */
    SASL_FACTS
};

/* All zero is an exchange that has not begun. */
struct sasl {
    char mechanism[21];     /* upper case, "?" where it is no plausible name, "" before sasl_begin() */
    uint8_t family;         /* private: how its messages are read */
    bool cleartext_secret;  /* a secret that its message gives away (PLAIN, LOGIN, XOAUTH2, OAUTHBEARER) was sent */
    bool cancelled;         /* the client answered "*" */
    bool challenged;        /* by the server, and not answered yet */
    bool bad_base64;        /* an answer of the client was none */
    bool lost;              /* private: sasl_lost() was called */
    uint8_t asked;          /* private: what the last challenge asked for */
    uint16_t answers;       /* of the client, the initial response included, "*" not */
    struct echo echo;       /* every answer as sent and decoded, and the secrets inside */
    struct sasl_told *told; /* private: null until there is a fact */
    struct secret_tagger *tagger; /* set behind sasl_begin(): makes the tag of the secret; null: there is none */
};

/* The mechanism was named; what was known of an earlier exchange is forgotten, its echo too. */
void sasl_begin(struct sasl *x, struct bytes mechanism);

/* One answer of the client or its initial response, as sent: base64, "=" (empty), "*" (cancels), or nothing. */
void sasl_client(struct sasl *x, struct bytes line);

/* Octets of the client were lost: which answer comes next is not known, so no further one tells a fact. */
void sasl_lost(struct sasl *x);

/* One challenge of the server as sent, behind "334 " or "+ ": base64, or anything, which then tells nothing. */
void sasl_server(struct sasl *x, struct bytes line);

/* A login that is no exchange: its user and secret stood in commands (USER and PASS, APOP, LOGIN). A user of null was
   not told, an empty one is one. `cleartext`: the secret stood there as it is, and not a digest made with it. */
void sasl_tell(struct sasl *x, struct bytes user, struct bytes secret, bool cleartext);

/* Was the fact told? A user may have been told as nothing, by PLAIN and LOGIN. The view lives until the next call that
   changes x. At most 1024 octets are kept of each. */
bool sasl_fact(const struct sasl *x, enum sasl_fact f, struct bytes *ret);

/* Sets mech, user, authzid, cleartext_secret and ntlm of an `auth` record. */
void sasl_write(const struct sasl *x, struct record *auth);

/* Gives the `auth` record the tag of the secret, where one was sent that can be compared with others: as it is (PLAIN,
   LOGIN, USER and PASS, IMAP's LOGIN) or a token (XOAUTH2, OAUTHBEARER), and nothing of the exchange was lost. */
void sasl_tag(const struct sasl *x, struct record *auth);

void sasl_release(struct sasl *x);

/* The memory it takes beside the struct itself. */
size_t sasl_held(const struct sasl *s);

#endif
