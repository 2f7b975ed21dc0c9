/* What an auth record says of an attempt, for the rules about passwords. */
#ifndef MAILTAP_DETECT_LOGIN_H
#define MAILTAP_DETECT_LOGIN_H

#include "detector.h"

enum login {
    LOGIN_OTHER,    /* given up, temporary, unknown: tells nothing */
    LOGIN_FAILED,   /* refused, or not offered and tried all the same */
    LOGIN_REPEATED, /* refused, with the same secret as before at the same user: a device with an old password */
    LOGIN_SUCCEEDED,
};

enum login login_of(const struct seen *s);

/* The user, but for the case; 0 where none was told. */
uint64_t login_user(const struct seen *s);

/* Its user as the name of an entity, in lower case and cut; empty where none was told. */
enum { LOGIN_NAME = 200 };
struct bytes login_name(const struct seen *s, char to[static LOGIN_NAME]);

/* The attempt as evidence: "PLAIN user alice -> 535 5.7.8". */
void login_evidence(struct watch *w, struct profile *e, const struct seen *s);

/* Its client and its user. */
uint64_t login_pair(const struct seen *s);

/* A failed login came to e, whose sets are LOGIN_USERS and LOGIN_CLIENTS: an event, counted and kept as evidence. */
enum { LOGIN_USERS, LOGIN_CLIENTS, LOGIN_PAIRS };
void login_failed(struct watch *w, struct profile *e, const struct seen *s);

/* What many clients do together, at a server or from a network: since when, how many failures it takes, and what is in
   the `recent` of their entity since then, the new one among it. */
struct login_crowd {
    int64_t since;
    uint64_t least;
    unsigned failures, users, clients, successes;
};

/* A login that failed or succeeded comes to e's `recent` and evidence. What has an alert of its own is told there:
   `told` is that part of the pair, or 0. It goes, as does who gets in, since he is no stranger. True: a failure that
   counts, and c is complete. */
bool login_join(struct watch *w, struct profile *e, const struct seen *s, uint64_t told, struct login_crowd *c);

/* It amounts to something: the failures in `recent` become events, counted also in LOGIN_PAIRS; later, this one does.
 */
void login_found(struct watch *w, struct profile *e, const struct seen *s, int64_t since);

/* The finding is about the client, the server's user or the server that e is of. */
void login_subject(const struct profile *e, struct finding *f);

/* How a sentence begins: "12 failed logins of 1 user by 3 clients in 14.2 s". */
#define LOGIN_SENTENCE 160
const char *login_sentence(const struct profile *e, uint64_t failures, char text[static LOGIN_SENTENCE]);

#endif
