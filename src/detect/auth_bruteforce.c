/* Guessing a password: many failed logins in short time, by one client, or for one user by many (RFC 4954 section 6).
 */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "login.h"

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
    struct recent *recent = profile_recent(e);
    x->repeated += login == LOGIN_REPEATED;
    x->successes += login == LOGIN_SUCCEEDED;
    if (login != LOGIN_FAILED)
        return;
    login_failed(w, e, s);
    x->failures++;
    if (!elsewhere)
        profile_happened(w, e, s->end, login_user(s));
    /* Few tries at each of many users are the rule password_spray's. */
    unsigned tries = recent_count(recent, s->end - WINDOW), users = recent_distinct(recent, s->end - WINDOW);
    x->found |= tries >= watch_threshold(w, FAILURES) && tries > users * watch_threshold(w, PER_USER);
    if (x->found)
        profile_alert(w, e, SEVERITY_MEDIUM, seen_has(s, F_auth_secret_tries) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM);
}

static void see(struct watch *w, const struct seen *s)
{
    char text[LOGIN_NAME];
    struct key client = {.client = &s->client, .server = &s->server};
    note(w, s, &client, false);
    struct key whom = {.server = &s->server, .name = login_name(s, text)};
    if (!whom.name.len)
        return;
    struct profile *mine = profile_find(w, &client);
    note(w, s, &whom, mine && ((struct bruteforce *)profile_data(mine))->found);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct bruteforce *x = profile_data_of(e);
    char text[LOGIN_SENTENCE];
    login_subject(e, f);
    f->distinct = profile_distinct(e, LOGIN_USERS);
    f->threshold = watch_threshold(w, FAILURES);
    finding_detail(f, "failures", x->failures);
    finding_detail(f, "same_secret_again", x->repeated);
    finding_detail(f, "successes", x->successes);
    finding_detail(f, "users", profile_distinct(e, LOGIN_USERS));
    finding_detail(f, "clients", profile_distinct(e, LOGIN_CLIENTS));
    snprintf(f->reason, sizeof f->reason, "%s", login_sentence(e, x->failures, text));
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
