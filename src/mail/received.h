/* A hop of a message's way: the trace field Received, RFC 5321 section 4.4, as the servers of the world write it. */
#ifndef MAILTAP_MAIL_RECEIVED_H
#define MAILTAP_MAIL_RECEIVED_H

#include "base/bytes.h"

/* Views into the value, empty where it does not say. */
struct received {
    struct bytes from;    /* what the client said it was */
    struct bytes by, via; /* who received it; the link */
    struct bytes with;    /* protocol: "ESMTPS", "Microsoft SMTP Server" */
    char ip[46];          /* the client's address: where there are several, the one that the server saw */
    bool dated;
    int64_t when; /* nanoseconds since 1970, where dated */
};

/* `value`: unfolded. Never fails. */
void received_parse(struct bytes value, struct received *ret);

#endif
