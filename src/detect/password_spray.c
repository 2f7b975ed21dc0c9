/* Few passwords tried at many users, to stay below what locks one of them out. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "login.h"

enum { USERS, CLIENTS };
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
    struct recent *recent = profile_recent(w, e);
    uint64_t with_one = seen_number(s, F_auth_secret_users);
    profile_event(w, e, s, s->end);
    x->failures++;
    x->most_users = with_one > x->most_users ? with_one : x->most_users;
    profile_add(w, e, USERS, login_user(s));
    profile_add(w, e, CLIENTS, login_host(&s->client));
    recent_add(recent, s->end, login_user(s));
    profile_evidence(w, e, s, s->ts, s->frame, "%.*s user %.*s -> %.*s", SHOWN(seen_text(s, F_auth_mech)),
                     SHOWN(seen_text(s, F_auth_user)), SHOWN(seen_text(s, F_auth_reply)));
    unsigned tries = recent_count(recent, s->end - WINDOW), users = recent_distinct(recent, s->end - WINDOW);
    x->found |= users >= watch_threshold(w, MANY_USERS) && tries <= users * watch_threshold(w, TRIES) &&
                x->failures >= 4 * x->successes;
    if (x->found)
        profile_alert(w, e, SEVERITY_MEDIUM, x->most_users >= 3 ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM);
}

/* Many clients at one user, each of them few times. */
static void see_user(struct watch *w, const struct seen *s, enum login login)
{
    char text[200];
    struct bytes user = seen_text(s, F_auth_user);
    size_t n = 0;
    for (; n < user.len && n < sizeof text; n++)
        text[n] = (char)(user.data[n] >= 'A' && user.data[n] <= 'Z' ? user.data[n] | 0x20 : user.data[n]);
    struct key key = {.server = &s->server, .name = bytes_of(text, n)};
    if (login != LOGIN_FAILED || !n)
        return;
    struct profile *e = profile_get(w, &key, s);
    struct spray *x = profile_data(e);
    struct recent *recent = profile_recent(w, e);
    profile_event(w, e, s, s->end);
    x->failures++;
    profile_add(w, e, USERS, login_user(s));
    profile_add(w, e, CLIENTS, login_host(&s->client));
    recent_add(recent, s->end, login_host(&s->client));
    profile_evidence(w, e, s, s->ts, s->frame, "%.*s user %.*s -> %.*s", SHOWN(seen_text(s, F_auth_mech)), SHOWN(user),
                     SHOWN(seen_text(s, F_auth_reply)));
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
    char span[SPAN_SIZE];
    uint64_t users = profile_distinct(e, USERS), clients = profile_distinct(e, CLIENTS);
    f->subject = profile_client(e) ? SUBJECT_CLIENT_IP : SUBJECT_USER;
    if (!profile_client(e))
        f->value = profile_name(e);
    f->distinct = profile_client(e) ? users : clients;
    f->threshold = watch_threshold(w, profile_client(e) ? MANY_USERS : MANY_CLIENTS);
    finding_detail(f, "failures", x->failures);
    finding_detail(f, "users", users);
    finding_detail(f, "clients", clients);
    finding_detail(f, "users_of_one_secret", x->most_users);
    snprintf(f->reason, sizeof f->reason,
             "%" PRIu64 " failed logins of %" PRIu64 " user%s by %" PRIu64 " client%s in %s, few of each", x->failures,
             users, users == 1 ? "" : "s", clients, clients == 1 ? "" : "s", span_text(profile_age(e), span));
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
