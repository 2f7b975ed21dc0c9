/* A login that succeeds after many that failed: the password may have been guessed. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "login.h"

enum { USERS };
enum { FAILURES };

struct success {
    uint64_t failures; /* before the first success that counted */
    uint64_t all_failures, all_successes, successes;
};

#define WINDOW (3600 * CLOCK_S)

static void see(struct watch *w, const struct seen *s)
{
    struct key key = {.client = &s->client, .server = &s->server};
    enum login login = login_of(s);
    uint64_t user = login_user(s);
    if ((login != LOGIN_FAILED && login != LOGIN_SUCCEEDED) || !user)
        return;
    struct profile *e = login == LOGIN_FAILED ? profile_get(w, &key, s) : profile_find(w, &key);
    if (!e)
        return;
    struct success *x = profile_data(e);
    struct recent *recent = profile_recent(w, e);
    if (login == LOGIN_FAILED) {
        x->all_failures++;
        profile_add(w, e, USERS, user);
        recent_add(recent, s->end, user);
        return;
    }
    x->all_successes++;
    unsigned same = recent_of(recent, s->end - WINDOW, user), all = recent_count(recent, s->end - WINDOW);
    uint64_t least = watch_threshold(w, FAILURES);
    /* Of this user; or of many, by a client that does little else than fail. */
    if (same < least && (all < 2 * least || x->all_failures < 4 * x->all_successes))
        return;
    if (!x->successes)
        x->failures = same >= least ? same : all;
    x->successes++;
    profile_event(w, e, s, s->end);
    profile_evidence(w, e, s, s->ts, s->frame, "%.*s user %.*s -> %.*s, after %u failures",
                     SHOWN(seen_text(s, F_auth_mech)), SHOWN(seen_text(s, F_auth_user)),
                     SHOWN(seen_text(s, F_auth_reply)), same >= least ? same : all);
    profile_alert(w, e, SEVERITY_HIGH, same >= 2 * least ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct success *x = profile_data_of(e);
    f->subject = SUBJECT_CLIENT_IP;
    f->count = x->successes;
    f->threshold = watch_threshold(w, FAILURES);
    finding_detail(f, "successes", x->successes);
    finding_detail(f, "failures", x->all_failures);
    finding_detail(f, "users", profile_distinct(e, USERS));
    snprintf(f->reason, sizeof f->reason,
             "a login succeeded after %" PRIu64 "%s failed ones of the same client within an hour", x->failures,
             x->failures == RECENT_MOST ? " or more" : "");
}

const struct detector auth_success_after_failures_detector = {
    .name = "auth_success_after_failures",
    .family = "mail",
    .number = 7700304,
    .revision = 1,
    .title = "Login that succeeds after many failures",
    .category = "credentials",
    .severity = SEVERITY_HIGH,
    .mitre = "T1110 T1078",
    .references = "RFC 4954,RFC 5034",
    .means = "After a row of failed logins one succeeds: who guessed has found the password.",
    .proof =
        "A login of a user succeeds from a client that within the hour before failed five times for that user, with "
        "different secrets as far as they can be compared; or ten times for several users, and hardly ever succeeded.",
    .traps =
        "A device with an old password that is corrected: equal secrets count once. A user who is attacked from "
        "elsewhere and logs in from his own address is not meant. Webmail and proxies succeed more than they fail.",
    .advice =
        "Treat the account as taken over: lock it, change the password, look at what the sessions of this client did.",
    .kinds = KINDS(auth),
    .data_size = sizeof(struct success),
    .window = WINDOW,
    .thresholds = {{"failures", 5, "failed logins of the user within an hour"}},
    .see = see,
    .tell = tell,
};
