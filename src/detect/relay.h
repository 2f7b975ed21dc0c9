/* Where a recipient would really go (RFC 5321 sections 3.6, 4.1.2 and appendix C, and older ways of writing routes),
   and whose domain that is. */
#ifndef MAILTAP_DETECT_RELAY_H
#define MAILTAP_DETECT_RELAY_H

#include "seen.h"
#include "settings.h"

enum relay_form {
    RELAY_PLAIN,
    RELAY_SOURCE_ROUTE, /* @a,@b:user@domain */
    RELAY_PERCENT,      /* user%domain@server */
    RELAY_BANG,         /* domain!user@server */
    RELAY_QUOTED,       /* "user@domain"@server */
    RELAY_MULTI_AT,     /* user@domain@server */
    RELAY_TRAILING_AT,  /* user@domain@ */
    RELAY_LITERAL,      /* user@[192.0.2.1] */
    RELAY_EMPTY_SENDER, /* the rest: plain recipients, from odd senders */
    RELAY_SENDER_LITERAL,
    RELAY_SENDER_HERE, /* sender in the server's own domain */
    RELAY_FORMS
};

extern const char *const relay_form_names[RELAY_FORMS];

struct route {
    enum relay_form form;
    struct bytes mailbox;             /* user@domain as it would be delivered; a part of the address */
    struct bytes user, domain, outer; /* domain: the effective one; outer: the one written last, where another */
};

/* Parses the address of a RCPT. */
void relay_route(struct bytes addr, struct route *ret);

/* Does the address say by which way to go there, as no address of today does? */
bool relay_is_route(enum relay_form form);

/* Does the domain belong to the server by its own words: it has no domain, is the server's name or the domain that
   stands in, or an address in brackets near it? */
bool relay_is_servers(struct bytes domain, struct bytes server_name, const struct host *server);

/* The form of a whole attempt: that of the recipient, or of the sender where the recipient is plain. */
enum relay_form relay_form(const struct route *rcpt, struct bytes mail_from, bool has_from, struct bytes server_name,
                           const struct host *server);

/* Was it refused because the server does not relay? */
bool relay_denied(const struct seen_rcpt *r);

#endif
