/* Guessing a password: many failed logins in short time, by one client, or for one user by many (RFC 4954 section 6).
 */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "login.h"

enum { USERS, CLIENTS };
enum { FAILURES, PER_USER };

struct bruteforce {
    uint64_t failures, repeated, successes;
    bool found;
};

#define WINDOW (5 * 60 * CLOCK_S)

/* What `elsewhere` tells already is counted, but is no reason to speak. */
static void note(struct watch *w, const struct seen *s, const struct key *key, bool elsewhere)
{
    struct profile *e = profile_get(w, key, s);
    struct bruteforce *x = profile_data(e);
    enum login login = login_of(s);
    struct recent *recent = profile_recent(w, e);
    x->repeated += login == LOGIN_REPEATED;
    x->successes += login == LOGIN_SUCCEEDED;
    if (login != LOGIN_FAILED)
        return;
    profile_event(w, e, s, s->end);
    x->failures++;
    profile_add(w, e, USERS, login_user(s));
    profile_add(w, e, CLIENTS, login_host(&s->client));
    if (!elsewhere)
        recent_add(recent, s->end, login_user(s));
    profile_evidence(w, e, s, s->ts, s->frame, "%.*s user %.*s -> %.*s", SHOWN(seen_text(s, F_auth_mech)),
                     SHOWN(seen_text(s, F_auth_user)), SHOWN(seen_text(s, F_auth_reply)));
    /* Few tries at each of many users are the rule password_spray's. */
    unsigned tries = recent_count(recent, s->end - WINDOW), users = recent_distinct(recent, s->end - WINDOW);
    x->found |= tries >= watch_threshold(w, FAILURES) && tries > users * watch_threshold(w, PER_USER);
    if (x->found)
        profile_alert(w, e, SEVERITY_MEDIUM, seen_has(s, F_auth_secret_tries) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM);
}

static void see(struct watch *w, const struct seen *s)
{
    char text[200];
    struct bytes user = seen_text(s, F_auth_user);
    struct key client = {.client = &s->client, .server = &s->server};
    note(w, s, &client, false);
    if (!user.len)
        return;
    size_t n = 0;
    for (; n < user.len && n < sizeof text; n++)
        text[n] = (char)(user.data[n] >= 'A' && user.data[n] <= 'Z' ? user.data[n] | 0x20 : user.data[n]);
    struct key whom = {.server = &s->server, .name = bytes_of(text, n)};
    struct profile *mine = profile_find(w, &client);
    note(w, s, &whom, mine && ((struct bruteforce *)profile_data(mine))->found);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct bruteforce *x = profile_data_of(e);
    char span[SPAN_SIZE];
    uint64_t users = profile_distinct(e, USERS), clients = profile_distinct(e, CLIENTS);
    f->subject = profile_client(e) ? SUBJECT_CLIENT_IP : SUBJECT_USER;
    if (!profile_client(e))
        f->value = profile_name(e);
    f->distinct = users;
    f->threshold = watch_threshold(w, FAILURES);
    finding_detail(f, "failures", x->failures);
    finding_detail(f, "same_secret_again", x->repeated);
    finding_detail(f, "successes", x->successes);
    finding_detail(f, "users", users);
    finding_detail(f, "clients", clients);
    snprintf(f->reason, sizeof f->reason,
             "%" PRIu64 " failed logins of %" PRIu64 " user%s by %" PRIu64 " client%s in %s", x->failures, users,
             users == 1 ? "" : "s", clients, clients == 1 ? "" : "s", span_text(profile_age(e), span));
}

const struct detector auth_bruteforce_detector = {
    .name = "auth_bruteforce",
    .family = "mail",
    .number = 7700301,
    .revision = 1,
    .title = "Guessing a password",
    .category = "credentials",
    .severity = SEVERITY_MEDIUM,
    .mitre = "T1110.001",
    .references = "RFC 4954,RFC 5034,RFC 3206,RFC 5530",
    .means = "Somebody tries one password after the other at few users.",
    .proof =
        "Ten failed logins within five minutes by one client, or for one user, with more than three at each user. A "
        "login that the server did not offer and that was tried all the same counts; a temporary failure does not.",
    .traps =
        "A device with an old password sends the same one again and again: equal secrets count once (they are "
        "compared by a keyed hash that is never written). Webmail and proxies log in for many users. Exchanges that "
        "were given up, and those whose reply was lost, do not count.",
    .advice = "Block the client for a while (fail2ban), ask for stronger passwords or a second factor, and see whether "
              "auth_success_after_failures speaks of the same client.",
    .kinds = KINDS(auth),
    .data_size = sizeof(struct bruteforce),
    .window = 15 * 60 * CLOCK_S,
    .thresholds = {{"failures", 10, "failed logins within five minutes"},
                   {"per_user", 3, "tries at each user, on average, beyond which it is guessing and not spraying"}},
    .see = see,
    .tell = tell,
};
