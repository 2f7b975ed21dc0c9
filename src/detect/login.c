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

uint64_t login_pair(const struct seen *s)
{
    return tally_pair(tally_host(&s->client), login_user(s));
}

bool login_join(struct watch *w, struct profile *e, const struct seen *s, uint64_t told, struct login_crowd *c)
{
    struct recent *recent = profile_recent(e);
    bool success = login_of(s) == LOGIN_SUCCEEDED;
    if (success || told)
        recent_forget(recent, login_pair(s), success ? PAIR_FIRST : told);
    if (success)
        profile_happened(w, e, s->end, 0);
    if (success || told)
        return false;
    profile_happened(w, e, s->end, login_pair(s));
    unsigned all = recent_count(recent, c->since);
    if (!profile_events(e) && all + EVIDENCE_MOST <= c->least)
        profile_drop_evidence(w, e); /* of what may be long past */
    login_evidence(w, e, s);
    c->successes = recent_of(recent, c->since, 0, PAIR_BOTH);
    c->failures = all - c->successes;
    c->users = recent_distinct_by(recent, c->since, PAIR_SECOND) - (c->successes > 0);
    c->clients = recent_distinct_by(recent, c->since, PAIR_FIRST) - (c->successes > 0);
    return true;
}

static void count_failure(struct watch *w, struct profile *e, const struct seen *s, int64_t when, uint64_t pair)
{
    profile_event(w, e, s, when);
    profile_add(w, e, LOGIN_USERS, pair << 32);
    profile_add(w, e, LOGIN_CLIENTS, pair & PAIR_FIRST);
    profile_add(w, e, LOGIN_PAIRS, pair * UINT64_C(0x9e3779b97f4a7c15));
}

void login_found(struct watch *w, struct profile *e, const struct seen *s, int64_t since)
{
    const struct recent *recent = profile_recent(e);
    bool again = profile_events(e) > 0;
    if (again)
        count_failure(w, e, s, s->end, login_pair(s));
    for (unsigned i = 0; i < recent->count && !again; i++)
        if (recent->list[i].when >= since && recent->list[i].what)
            count_failure(w, e, s, recent->list[i].when, recent->list[i].what);
}

void login_subject(const struct profile *e, struct finding *f)
{
    f->subject = profile_client(e) ? SUBJECT_CLIENT_IP : profile_name(e).len ? SUBJECT_USER : SUBJECT_SERVER_IP;
    if (f->subject == SUBJECT_USER)
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
