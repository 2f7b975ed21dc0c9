/* Recognises in a server's text what the client had sent as a secret, without keeping the secret: a keyed hash of each
   and its length. A reply that repeats one must not be recorded. */
#ifndef MAILTAP_MAIL_ECHO_H
#define MAILTAP_MAIL_ECHO_H

#include "base/bytes.h"

struct echo {
    struct echo_secret *secrets; /* null until the first one */
    uint64_t key;                /* random, drawn with the first one */
    uint8_t count;
    bool full;     /* there were more than ECHO_SECRETS: every text counts as a repetition */
    bool too_long; /* one was longer than ECHO_TEXT_MOST: so does a text of more than that */
};

enum {
    ECHO_SECRETS = 32,     /* remembered, beginnings included */
    ECHO_BEGINNING = 6,    /* octets at the front of a secret of 12 or more that count as a repetition of it */
    ECHO_LEAST = 3,        /* octets of a secret; a shorter one is found in any text and is not remembered */
    ECHO_TEXT_MOST = 4096, /* octets of a text; a longer one counts as a repetition */
};

void echo_init(struct echo *e);    /* all zero is the same */
void echo_release(struct echo *e); /* forgets all; as after echo_init() */

/* The memory it takes beside the struct itself. */
size_t echo_held(const struct echo *e);

void echo_add(struct echo *e, struct bytes secret);

/* Does the text contain a remembered secret or the beginning of one, as sent, case-sensitively? Also true where that is
   not looked into: see `full` and ECHO_TEXT_MOST. False where nothing was remembered. */
bool echo_found(const struct echo *e, struct bytes text);

#endif
