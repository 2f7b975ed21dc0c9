/* One attempt to log in, as all three protocols have it: from the command to the reply that ends it, and the `auth`
   record it becomes. */
#ifndef MAILTAP_DISSECTORS_LOGIN_H
#define MAILTAP_DISSECTORS_LOGIN_H

#include "mail/sasl.h"
#include "session/dissector.h"

struct login {
    struct login *next; /* its owner's: where several wait for their reply */
    struct sasl sasl;
    struct mark first, last; /* of the command's line; `last` moves on with the client's answers */
    bool cut;                /* octets of the exchange were lost: what the reply is about is a guess */
};

enum login_failure { LOGIN_REFUSED, LOGIN_TEMPORARY, LOGIN_NOT_OFFERED };

struct login_reply { /* the reply that ended the exchange */
    bool seen;       /* else everything below is void */
    bool success;
    enum login_failure failure; /* of one that was no success */
    const char *failed_at;      /* "user", "secret", or null */
    uint32_t code;              /* SMTP's, or 0 */
    struct bytes status, rcode; /* enhanced status code; response code; empty: none */
    struct bytes whole, text;   /* as sent; behind code, status and response code */
    struct mark first, last;
};

struct login_counts { /* of a session; its owner writes them into the session record */
    uint32_t attempts, succeeded, failed;
};

/* A mechanism was named on this line: one of SASL's, or USER, APOP, LOGIN for the protocol's own command, of which
   sasl_tell() says what it told. */
struct login *login_new(struct session *s, const struct line *line, struct bytes mechanism);

/* An answer of the client. Half a line tells nothing. */
void login_answer(struct login *l, const struct line *line);

/* Writes the `auth` record and frees the login. `starttls`: the session's state at that moment ("offered", ...), or
   null; `unsure`: the reply may be another's. `aborted`: the client closed or went on before an answer came. */
void login_finish(struct session *s, struct login *l, struct login_counts *counts, const struct login_reply *reply,
                  const char *starttls, bool unsure, bool aborted);

void login_free(struct login *l);

/* The memory it takes; 0 for null. */
size_t login_held(const struct login *l);

#endif
