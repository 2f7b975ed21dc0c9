/* Stolen pairs of user and password tried out: many clients, many users, each pair once. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "login.h"

enum { MANY_USERS, MANY_CLIENTS };

/* Of a server. Its latest failures, of clients that did not get in since, are in its `recent`, as pairs. */
struct stuffing {
    int64_t hour;         /* that `now` counts */
    uint64_t now, before; /* logins that succeeded in this hour, and in the one before */
};

#define WINDOW (3600 * CLOCK_S)
enum { EACH = 3 }; /* tries of a client that count */

/* Many users, many clients, about once for each pair; and faster than a tenth of what succeeds meanwhile. */
static bool is_stuffing(const struct watch *w, const struct stuffing *x, const struct recent *recent, int64_t now)
{
    int64_t since = now - WINDOW, first = now;
    unsigned tries = recent_count(recent, since);
    if (tries < watch_threshold(w, MANY_USERS) || tries < watch_threshold(w, MANY_CLIENTS))
        return false;
    for (unsigned i = 0; i < recent->count; i++)
        if (recent->list[i].when >= since && recent->list[i].when < first)
            first = recent->list[i].when;
    unsigned users = recent_distinct_by(recent, since, PAIR_SECOND),
             clients = recent_distinct_by(recent, since, PAIR_FIRST), pairs = recent_distinct(recent, since);
    uint64_t seconds = (uint64_t)(now - first) / CLOCK_S, successes = x->now > x->before ? x->now : x->before;
    return users >= watch_threshold(w, MANY_USERS) && clients >= watch_threshold(w, MANY_CLIENTS) &&
           tries * 2 <= pairs * 3 && users * 2 >= pairs && clients * 2 >= users &&
           tries * UINT64_C(10) * 3600 >= successes * seconds;
}

static void count_hour(struct stuffing *x, int64_t now)
{
    int64_t hour = now / WINDOW;
    if (hour <= x->hour)
        return;
    x->before = hour == x->hour + 1 ? x->now : 0;
    x->now = 0;
    x->hour = hour;
}

static void see(struct watch *w, const struct seen *s)
{
    enum login login = login_of(s);
    struct key key = {.server = &s->server}, known = {.client = &s->client, .server = &s->server};
    uint64_t pair = login_pair(s);
    if (login == LOGIN_OTHER || login == LOGIN_REPEATED || !login_user(s))
        return;
    struct profile *e = profile_get(w, &key, s);
    struct stuffing *x = profile_data(e);
    struct recent *recent = profile_recent(e);
    count_hour(x, s->end);
    if (login == LOGIN_SUCCEEDED) { /* who gets in is no stranger: what he failed before does not count */
        x->now++;
        recent_forget(recent, pair, PAIR_FIRST);
        profile_get(w, &known, s);
        return;
    }
    if (profile_find(w, &known)) /* passwords expire, and their store breaks */
        return;
    if (recent_of(recent, s->end - WINDOW, pair, PAIR_FIRST) >= EACH)
        return; /* one client at many users is the rule password_spray's */
    profile_happened(w, e, s->end, pair);
    if (!profile_events(e) && recent_count(recent, s->end - WINDOW) + EVIDENCE_MOST <= watch_threshold(w, MANY_CLIENTS))
        profile_drop_evidence(w, e); /* of what is long past */
    login_evidence(w, e, s);
    if (!is_stuffing(w, x, recent, s->end))
        return;
    login_found(w, e, s, s->end - WINDOW);
    profile_alert(w, e, SEVERITY_MEDIUM, CONFIDENCE_MEDIUM);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    char text[LOGIN_SENTENCE];
    f->subject = SUBJECT_SERVER_IP;
    f->distinct = profile_distinct(e, LOGIN_PAIRS);
    f->threshold = watch_threshold(w, MANY_USERS);
    finding_detail(f, "failures", f->count);
    finding_detail(f, "users", profile_distinct(e, LOGIN_USERS));
    finding_detail(f, "clients", profile_distinct(e, LOGIN_CLIENTS));
    snprintf(f->reason, sizeof f->reason, "%s, about one for each pair", login_sentence(e, f->count, text));
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
    .proof = "At one server within an hour failed logins of ten users by ten clients, about once for each pair, of "
             "clients none of which got in; as many in a minute as a tenth of the logins that succeed, or more.",
    .traps =
        "After the server's store of passwords broke, or passwords expired, all users fail: their clients were in "
        "within the hour before, and do not count; nor does who mistypes and then gets in. Devices with old passwords "
        "count once.",
    .advice =
        "Ask for a second factor; make the users whose login succeeded from such an address change their password.",
    .kinds = KINDS(auth),
    .data_size = sizeof(struct stuffing),
    .window = 3600 * CLOCK_S,
    .thresholds = {{"users", 10, "users with failed logins"}, {"clients", 10, "clients that failed"}},
    .see = see,
    .tell = tell,
};
