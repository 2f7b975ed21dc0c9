/* Guessing a password: many failed logins in short time, by one client, for one user by many, or of several users by
   several clients at one server (RFC 4954 section 6). */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "login.h"

enum { FAILURES, PER_USER, TOGETHER, CLIENTS };
enum { GUESSERS = LOGIN_PAIRS + 1 }; /* of a user: clients that have an alert of their own */

struct bruteforce {
    uint64_t repeated, successes;
    bool found;
};

#define WINDOW (5 * 60 * CLOCK_S)

/* What is told of the client already is counted for the user, but is no reason to speak, unless there are more of them:
   somebody else may have mistyped. Returns whether there is something to tell. */
static bool note(struct watch *w, const struct seen *s, const struct key *key, bool told)
{
    struct profile *e = profile_get(w, key, s);
    struct bruteforce *x = profile_data(e);
    enum login login = login_of(s);
    struct recent *recent = profile_recent(e);
    uint64_t pair = login_pair(s);
    x->repeated += login == LOGIN_REPEATED;
    x->successes += login == LOGIN_SUCCEEDED;
    if (login != LOGIN_FAILED)
        return x->found;
    login_failed(w, e, s);
    if (told) {
        recent_forget(recent, pair, PAIR_FIRST);
        profile_add(w, e, GUESSERS, pair & PAIR_FIRST);
    } else {
        profile_happened(w, e, s->end, pair);
    }
    /* Few tries at each of many users are the rule password_spray's. */
    unsigned tries = recent_count(recent, s->end - WINDOW),
             users = recent_distinct_by(recent, s->end - WINDOW, PAIR_SECOND);
    x->found |= (tries >= watch_threshold(w, FAILURES) && tries > users * watch_threshold(w, PER_USER)) ||
                profile_distinct(e, GUESSERS) > 1;
    if (x->found)
        profile_alert(w, e, SEVERITY_MEDIUM, seen_has(s, F_auth_secret_tries) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM);
    return x->found;
}

/* Several clients that guess at several users, none of them often enough by itself. Only different secrets count: of
   others nobody knows whether devices with old passwords try them again. */
static void note_together(struct watch *w, const struct seen *s, uint64_t told)
{
    struct key key = {.server = &s->server};
    struct login_crowd c = {.since = s->end - WINDOW, .least = watch_threshold(w, TOGETHER)};
    enum login login = login_of(s);
    if (login != LOGIN_SUCCEEDED && (login != LOGIN_FAILED || !seen_has(s, F_auth_secret_tries)))
        return;
    struct profile *e = profile_get(w, &key, s);
    if (!login_join(w, e, s, told, &c) || c.failures < c.least || c.clients < watch_threshold(w, CLIENTS) ||
        c.failures <= c.users * watch_threshold(w, PER_USER) || c.failures < 4 * c.successes)
        return;
    login_found(w, e, s, c.since);
    profile_alert(w, e, SEVERITY_MEDIUM, CONFIDENCE_MEDIUM);
}

static void see(struct watch *w, const struct seen *s)
{
    char text[LOGIN_NAME];
    struct key client = {.client = &s->client, .server = &s->server};
    struct key whom = {.server = &s->server, .name = login_name(s, text)};
    bool by_client = note(w, s, &client, false);
    if (!whom.name.len)
        return;
    bool for_user = note(w, s, &whom, by_client);
    note_together(w, s, by_client ? PAIR_FIRST : for_user ? PAIR_SECOND : 0);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct bruteforce *x = profile_data_of(e);
    bool together = !profile_client(e) && !profile_name(e).len;
    char text[LOGIN_SENTENCE];
    login_subject(e, f);
    f->distinct = profile_distinct(e, LOGIN_USERS);
    f->threshold = watch_threshold(w, together ? TOGETHER : FAILURES);
    finding_detail(f, "failures", f->count);
    finding_detail(f, "same_secret_again", x->repeated);
    finding_detail(f, "successes", x->successes);
    finding_detail(f, "users", profile_distinct(e, LOGIN_USERS));
    finding_detail(f, "clients", profile_distinct(e, LOGIN_CLIENTS));
    snprintf(f->reason, sizeof f->reason, "%s", login_sentence(e, f->count, text));
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
        "Within five minutes ten failed logins by one client, or for one user; or twenty at one server by three "
        "clients or more that did not get in, with different secrets, four failures or more for each success. Always "
        "more than three at each user. What a client with an alert of its own did is no reason for another, unless two "
        "such clients guess at one user. A "
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
                   {"per_user", 3, "tries at each user, on average, beyond which it is guessing and not spraying"},
                   {"together", 20, "failed logins at one server by several clients within five minutes"},
                   {"clients", 3, "of these clients"}},
    .see = see,
    .tell = tell,
};
