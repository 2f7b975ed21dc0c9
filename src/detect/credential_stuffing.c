/* Stolen pairs of user and password tried out: many clients, many users, each pair once. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "login.h"

enum { USERS, CLIENTS, PAIRS };
enum { MANY_USERS, MANY_CLIENTS };

struct stuffing {
    uint64_t failures, successes;
    bool found;
};

static void see(struct watch *w, const struct seen *s)
{
    enum login login = login_of(s);
    struct key key = {.server = &s->server};
    uint64_t user = login_user(s), client = login_host(&s->client), pair[2] = {user, client};
    if (login == LOGIN_OTHER || login == LOGIN_REPEATED || !user)
        return;
    struct profile *e = profile_get(w, &key, s);
    struct stuffing *x = profile_data(e);
    x->successes += login == LOGIN_SUCCEEDED;
    if (login != LOGIN_FAILED)
        return;
    profile_event(w, e, s, s->end);
    x->failures++;
    profile_add(w, e, USERS, user);
    profile_add(w, e, CLIENTS, client);
    profile_add(w, e, PAIRS, tally_hash(bytes_of(pair, sizeof pair)));
    profile_evidence(w, e, s, s->ts, s->frame, "%.*s user %.*s -> %.*s", SHOWN(seen_text(s, F_auth_mech)),
                     SHOWN(seen_text(s, F_auth_user)), SHOWN(seen_text(s, F_auth_reply)));
    uint64_t pairs = profile_distinct(e, PAIRS), users = profile_distinct(e, USERS),
             clients = profile_distinct(e, CLIENTS);
    x->found |= users >= watch_threshold(w, MANY_USERS) && clients >= watch_threshold(w, MANY_CLIENTS) &&
                x->failures * 2 <= pairs * 3 && users * 2 >= pairs && clients * 2 >= users &&
                x->failures >= 4 * x->successes;
    if (x->found)
        profile_alert(w, e, SEVERITY_MEDIUM, CONFIDENCE_MEDIUM);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct stuffing *x = profile_data_of(e);
    char span[SPAN_SIZE];
    f->subject = SUBJECT_SERVER_IP;
    f->distinct = profile_distinct(e, PAIRS);
    f->threshold = watch_threshold(w, MANY_USERS);
    finding_detail(f, "failures", x->failures);
    finding_detail(f, "users", profile_distinct(e, USERS));
    finding_detail(f, "clients", profile_distinct(e, CLIENTS));
    finding_detail(f, "successes", x->successes);
    snprintf(f->reason, sizeof f->reason,
             "%" PRIu64 " failed logins of %" PRIu64 " users by %" PRIu64 " clients in %s, about one for each pair",
             x->failures, profile_distinct(e, USERS), profile_distinct(e, CLIENTS), span_text(profile_age(e), span));
}

const struct detector credential_stuffing_detector = {
    .name = "credential_stuffing",
    .family = "mail",
    .number = 7700303,
    .revision = 1,
    .title = "Stolen credentials tried out",
    .category = "credentials",
    .severity = SEVERITY_MEDIUM,
    .mitre = "T1110.004",
    .references = "RFC 4954,RFC 5034",
    .means = "Pairs of user and password that were stolen elsewhere are tried at this server, from many addresses.",
    .proof = "At one server failed logins of ten users by ten clients, about once for each pair, with four failures or "
             "more for each success, and no hour without one.",
    .traps =
        "After the server's store of passwords broke, all users fail: their clients try again, and that is more than "
        "once for each pair. Devices with old passwords count once.",
    .advice =
        "Ask for a second factor; make the users whose login succeeded from such an address change their password.",
    .kinds = KINDS(auth),
    .data_size = sizeof(struct stuffing),
    .window = 3600 * CLOCK_S,
    .thresholds = {{"users", 10, "users with failed logins"}, {"clients", 10, "clients that failed"}},
    .see = see,
    .tell = tell,
};
