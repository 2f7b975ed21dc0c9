/* Few passwords tried at many users, to stay below what locks one of them out. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "login.h"

enum { MANY_USERS, TRIES, MANY_CLIENTS };

struct spray {
    uint64_t failures, successes, most_users; /* the most users at whom one secret was tried */
    bool found;
};

#define WINDOW (3600 * CLOCK_S)

static void see_client(struct watch *w, const struct seen *s, enum login login)
{
    struct key key = {.client = &s->client, .server = &s->server};
    struct profile *e = profile_get(w, &key, s);
    struct spray *x = profile_data(e);
    x->successes += login == LOGIN_SUCCEEDED;
    if (login != LOGIN_FAILED || !login_user(s))
        return;
    struct recent *recent = profile_recent(e);
    uint64_t with_one = seen_number(s, F_auth_secret_users);
    login_failed(w, e, s);
    x->failures++;
    x->most_users = with_one > x->most_users ? with_one : x->most_users;
    profile_happened(w, e, s->end, login_user(s));
    unsigned tries = recent_count(recent, s->end - WINDOW), users = recent_distinct(recent, s->end - WINDOW);
    x->found |= users >= watch_threshold(w, MANY_USERS) && tries <= users * watch_threshold(w, TRIES) &&
                x->failures >= 4 * x->successes;
    if (x->found)
        profile_alert(w, e, SEVERITY_MEDIUM, x->most_users >= 3 ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM);
}

/* Many clients at one user, each of them few times. */
static void see_user(struct watch *w, const struct seen *s, enum login login)
{
    char text[LOGIN_NAME];
    struct key key = {.server = &s->server, .name = login_name(s, text)};
    if (login != LOGIN_FAILED || !key.name.len)
        return;
    struct profile *e = profile_get(w, &key, s);
    struct spray *x = profile_data(e);
    struct recent *recent = profile_recent(e);
    login_failed(w, e, s);
    x->failures++;
    profile_happened(w, e, s->end, tally_host(&s->client));
    x->found |= recent_distinct(recent, s->end - WINDOW) >= watch_threshold(w, MANY_CLIENTS);
    if (x->found)
        profile_alert(w, e, SEVERITY_MEDIUM, CONFIDENCE_MEDIUM);
}

static void see(struct watch *w, const struct seen *s)
{
    enum login login = login_of(s);
    if (login == LOGIN_OTHER || login == LOGIN_REPEATED)
        return;
    see_client(w, s, login);
    see_user(w, s, login);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct spray *x = profile_data_of(e);
    char text[LOGIN_SENTENCE];
    uint64_t users = profile_distinct(e, LOGIN_USERS), clients = profile_distinct(e, LOGIN_CLIENTS);
    login_subject(e, f);
    f->distinct = profile_client(e) ? users : clients;
    f->threshold = watch_threshold(w, profile_client(e) ? MANY_USERS : MANY_CLIENTS);
    finding_detail(f, "failures", x->failures);
    finding_detail(f, "users", users);
    finding_detail(f, "clients", clients);
    finding_detail(f, "users_of_one_secret", x->most_users);
    snprintf(f->reason, sizeof f->reason, "%s, few of each", login_sentence(e, x->failures, text));
}

const struct detector password_spray_detector = {
    .name = "password_spray",
    .family = "mail",
    .number = 7700302,
    .revision = 1,
    .title = "Few passwords tried at many users",
    .category = "credentials",
    .severity = SEVERITY_MEDIUM,
    .mitre = "T1110.003",
    .references = "RFC 4954,RFC 5034",
    .means = "Somebody tries a common password at one user after the other, so that none is locked out.",
    .proof =
        "Within an hour failed logins of eight users by one client, on average not more than three each, with four "
        "failures or more for each success; or of one user by ten clients. If one secret was tried at several users, "
        "confidence is high (secrets are compared by a keyed hash that is never written).",
    .traps =
        "Webmail and proxies log in for many users: their successes outweigh. A device with an old password counts "
        "once. A user who is attacked by many may log in meanwhile.",
    .advice = "Block the client; look for users with the common password; ask for a second factor.",
    .kinds = KINDS(auth),
    .data_size = sizeof(struct spray),
    .window = WINDOW,
    .thresholds = {{"users", 8, "users of one client within an hour"},
                   {"tries", 3, "tries at each of them, on average, at most"},
                   {"clients", 10, "clients at one user within an hour"}},
    .see = see,
    .tell = tell,
};
