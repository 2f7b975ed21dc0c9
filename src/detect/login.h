/* What an auth record says of an attempt, for the rules about passwords. */
#ifndef MAILTAP_DETECT_LOGIN_H
#define MAILTAP_DETECT_LOGIN_H

#include "seen.h"
#include "tallies.h"

enum login {
    LOGIN_OTHER,    /* given up, temporary, unknown: tells nothing */
    LOGIN_FAILED,   /* refused, or not offered and tried all the same */
    LOGIN_REPEATED, /* refused, with the same secret as before at the same user: a device with an old password */
    LOGIN_SUCCEEDED,
};

enum login login_of(const struct seen *s);

/* The user, but for the case; 0 where none was told. */
uint64_t login_user(const struct seen *s);

uint64_t login_host(const struct host *h);

#endif
