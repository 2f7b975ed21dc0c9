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
    int64_t hurried; /* when failures whose secrets cannot be compared last came faster than devices try; 0: never */
};

#define WINDOW (3600 * CLOCK_S)
#define HURRY  (2 * 60 * CLOCK_S)

/* In `recent`: failures of a user with secrets that differ, and those of which nobody knows (APOP, CRAM-MD5, NTLM ...).
   A device with an old password makes the latter, too, every few minutes. */
static uint64_t known(uint64_t user)
{
    return user & ~UINT64_C(1);
}

static uint64_t unknown(uint64_t user)
{
    return user | 1;
}

static void see_failure(struct watch *w, struct profile *e, const struct seen *s, uint64_t user)
{
    struct success *x = profile_data(e);
    struct recent *recent = profile_recent(e);
    bool compared = seen_has(s, F_auth_secret_tries);
    x->all_failures++;
    profile_add(w, e, USERS, user);
    profile_happened(w, e, s->end, compared ? known(user) : unknown(user));
    if (!compared && recent_of(recent, s->end - HURRY, unknown(user), UINT64_MAX) >= watch_threshold(w, FAILURES))
        x->hurried = s->end;
}

/* Failures that count: of a user, or of all where `user` is 0. */
static unsigned failures(const struct success *x, const struct recent *recent, int64_t now, uint64_t user)
{
    bool hurried = x->hurried && x->hurried >= now - WINDOW;
    unsigned n = 0;
    for (unsigned i = 0; i < recent->count; i++) {
        uint64_t what = recent->list[i].what;
        n += recent->list[i].when >= now - WINDOW && (hurried || !(what & 1)) && (!user || known(what) == known(user));
    }
    return n;
}

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
    if (login == LOGIN_FAILED) {
        see_failure(w, e, s, user);
        return;
    }
    struct success *x = profile_data(e);
    struct recent *recent = profile_recent(e);
    x->all_successes++;
    unsigned same = failures(x, recent, s->end, user), all = failures(x, recent, s->end, 0);
    uint64_t least = watch_threshold(w, FAILURES);
    /* Of this user; or of many, by a client that does little else than fail. */
    if (same < least && (all < 2 * least || x->all_failures < 4 * x->all_successes)) {
        recent_forget(recent, user, known(UINT64_MAX)); /* mistyped, and found: not held against the next time */
        return;
    }
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
        "different secrets, or, where secrets cannot be compared (APOP, CRAM-MD5, NTLM), five times in two minutes; or "
        "ten times for several users, and hardly ever succeeded.",
    .traps = "A device with an old password that is corrected: equal secrets count once, and those that cannot be "
             "compared only in a hurry. A user who is attacked from "
             "elsewhere and logs in from his own address is not meant. Who mistypes now and then begins anew with each "
             "success. Webmail and proxies succeed more than they fail.",
    .advice =
        "Treat the account as taken over: lock it, change the password, look at what the sessions of this client did.",
    .kinds = KINDS(auth),
    .data_size = sizeof(struct success),
    .window = WINDOW,
    .thresholds = {{"failures", 5, "failed logins of the user within an hour"}},
    .see = see,
    .tell = tell,
};
