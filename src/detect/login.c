#include "login.h"

#include <inttypes.h>
#include <stdio.h>

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

struct bytes login_name(const struct seen *s, char to[static LOGIN_NAME])
{
    return bytes_lower(seen_text(s, F_auth_user), to, LOGIN_NAME);
}

void login_evidence(struct watch *w, struct profile *e, const struct seen *s)
{
    profile_evidence(w, e, s, s->ts, s->frame, "%.*s user %.*s -> %.*s", SHOWN(seen_text(s, F_auth_mech)),
                     SHOWN(seen_text(s, F_auth_user)), SHOWN(seen_text(s, F_auth_reply)));
}

void login_failed(struct watch *w, struct profile *e, const struct seen *s)
{
    profile_event(w, e, s, s->end);
    profile_add(w, e, LOGIN_USERS, login_user(s));
    profile_add(w, e, LOGIN_CLIENTS, tally_host(&s->client));
    login_evidence(w, e, s);
}

void login_subject(const struct profile *e, struct finding *f)
{
    f->subject = profile_client(e) ? SUBJECT_CLIENT_IP : SUBJECT_USER;
    if (!profile_client(e))
        f->value = profile_name(e);
}

const char *login_sentence(const struct profile *e, uint64_t failures, char text[static LOGIN_SENTENCE])
{
    char span[SPAN_SIZE];
    uint64_t users = profile_distinct(e, LOGIN_USERS), clients = profile_distinct(e, LOGIN_CLIENTS);
    snprintf(text, LOGIN_SENTENCE, "%" PRIu64 " failed logins of %" PRIu64 " user%s by %" PRIu64 " client%s in %s",
             failures, users, users == 1 ? "" : "s", clients, clients == 1 ? "" : "s", span_text(profile_age(e), span));
    return text;
}
