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

/* A failed login came to e, whose sets are LOGIN_USERS and LOGIN_CLIENTS: an event, counted and kept as evidence. */
enum { LOGIN_USERS, LOGIN_CLIENTS };
void login_failed(struct watch *w, struct profile *e, const struct seen *s);

/* The finding is about the client, or the server's user, that e is of. */
void login_subject(const struct profile *e, struct finding *f);

/* How a sentence begins: "12 failed logins of 1 user by 3 clients in 14.2 s". */
#define LOGIN_SENTENCE 160
const char *login_sentence(const struct profile *e, uint64_t failures, char text[static LOGIN_SENTENCE]);

#endif
