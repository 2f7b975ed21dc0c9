#include "login.h"

enum login login_of(const struct seen *s)
{
    if (seen_has(s, F_auth_unsure))
        return LOGIN_OTHER;
    if (seen_is(s, F_auth_result, "success"))
        return LOGIN_SUCCEEDED;
    if (!seen_is(s, F_auth_result, "failure") || seen_is(s, F_auth_failure_kind, "temporary"))
        return LOGIN_OTHER;
    return seen_number(s, F_auth_secret_tries) > 1 ? LOGIN_REPEATED : LOGIN_FAILED;
}

uint64_t login_user(const struct seen *s)
{
    struct bytes user = seen_text(s, F_auth_user);
    return user.len ? tally_hash_nocase(user) : 0;
}

uint64_t login_host(const struct host *h)
{
    return tally_hash(bytes_of(h->octets, sizeof h->octets));
}
