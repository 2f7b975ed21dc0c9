/* Stolen pairs of user and password tried out: many clients, many users, each pair once. */
#include "detector.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "login.h"

enum { PAIRS = LOGIN_CLIENTS + 1 };
enum { MANY_USERS, MANY_CLIENTS };

/* Of a server. Its latest failures, of clients that did not get in since, are in its `recent`: half of the client's
   hash, half of the user's. */
struct stuffing {
    uint64_t failures;    /* of the finding */
    int64_t hour;         /* that `now` counts */
    uint64_t now, before; /* logins that succeeded in this hour, and in the one before */
    bool found;           /* what led to the finding is counted */
};

#define WINDOW (3600 * CLOCK_S)
enum { EACH = 3 }; /* tries of a client that count */

static uint64_t pair_of(uint64_t client, uint64_t user)
{
    return (client & ~UINT64_C(0xffffffff)) | user >> 32;
}

/* How many of at most RECENT_MOST numbers differ. */
static unsigned different(const uint32_t *list, unsigned count)
{
    enum { SLOTS = 2 * RECENT_MOST };
    bool taken[SLOTS] = {false};
    uint32_t slots[SLOTS] = {0};
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned at = list[i] % SLOTS;
        while (taken[at] && slots[at] != list[i])
            at = (at + 1) % SLOTS;
        n += !taken[at];
        taken[at] = true;
        slots[at] = list[i];
    }
    return n;
}

/* Many users, many clients, about once for each pair; and faster than a tenth of what succeeds meanwhile. */
static bool is_stuffing(const struct watch *w, const struct stuffing *x, const struct recent *recent, int64_t now)
{
    uint32_t users[RECENT_MOST], clients[RECENT_MOST], pairs[RECENT_MOST];
    unsigned tries = 0;
    int64_t first = now;
    for (unsigned i = 0; i < recent->count; i++) {
        uint64_t what = recent->list[i].what;
        if (recent->list[i].when < now - WINDOW)
            continue;
        first = recent->list[i].when < first ? recent->list[i].when : first;
        users[tries] = (uint32_t)what;
        clients[tries] = (uint32_t)(what >> 32);
        pairs[tries] = users[tries] ^ clients[tries] * 0x9e3779b1u;
        tries++;
    }
    if (tries < watch_threshold(w, MANY_USERS) || tries < watch_threshold(w, MANY_CLIENTS))
        return false;
    unsigned user_count = different(users, tries), client_count = different(clients, tries),
             pair_count = different(pairs, tries);
    uint64_t seconds = (uint64_t)(now - first) / CLOCK_S, successes = x->now > x->before ? x->now : x->before;
    return user_count >= watch_threshold(w, MANY_USERS) && client_count >= watch_threshold(w, MANY_CLIENTS) &&
           tries * 2 <= pair_count * 3 && user_count * 2 >= pair_count && client_count * 2 >= user_count &&
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

/* Who gets in is no stranger: what he failed before does not count. */
static void see_success(struct stuffing *x, struct recent *recent, uint64_t client)
{
    x->now++;
    for (unsigned i = 0; i < recent->count; i++)
        if (recent->list[i].what >> 32 == client >> 32) {
            recent_forget(recent, recent->list[i].what);
            i = UINT_MAX; /* it is another list now */
        }
}

static unsigned tries_of(const struct recent *recent, uint64_t client, int64_t since)
{
    unsigned n = 0;
    for (unsigned i = 0; i < recent->count; i++)
        n += recent->list[i].when >= since && recent->list[i].what >> 32 == client >> 32;
    return n;
}

static void count_failure(struct watch *w, struct profile *e, const struct seen *s, int64_t when, uint64_t what)
{
    struct stuffing *x = profile_data(e);
    profile_event(w, e, s, when);
    x->failures++;
    profile_add(w, e, LOGIN_USERS, what << 32);
    profile_add(w, e, LOGIN_CLIENTS, what & ~UINT64_C(0xffffffff));
    profile_add(w, e, PAIRS, what * UINT64_C(0x9e3779b97f4a7c15));
}

static void see(struct watch *w, const struct seen *s)
{
    enum login login = login_of(s);
    struct key key = {.server = &s->server}, known = {.client = &s->client, .server = &s->server};
    uint64_t user = login_user(s), client = tally_host(&s->client);
    if (login == LOGIN_OTHER || login == LOGIN_REPEATED || !user)
        return;
    struct profile *e = profile_get(w, &key, s);
    struct stuffing *x = profile_data(e);
    struct recent *recent = profile_recent(e);
    count_hour(x, s->end);
    if (login == LOGIN_SUCCEEDED) {
        see_success(x, recent, client);
        profile_get(w, &known, s);
        return;
    }
    if (profile_find(w, &known)) /* passwords expire, and their store breaks */
        return;
    uint64_t what = pair_of(client, user);
    if (tries_of(recent, client, s->end - WINDOW) >= EACH)
        return; /* one client at many users is the rule password_spray's */
    profile_happened(w, e, s->end, what);
    if (!x->found && recent_count(recent, s->end - WINDOW) + EVIDENCE_MOST <= watch_threshold(w, MANY_CLIENTS))
        profile_drop_evidence(w, e); /* of what is long past */
    login_evidence(w, e, s);
    if (!is_stuffing(w, x, recent, s->end))
        return;
    for (unsigned i = 0; i < recent->count && !x->found; i++) /* this one is among them */
        if (recent->list[i].when >= s->end - WINDOW)
            count_failure(w, e, s, recent->list[i].when, recent->list[i].what);
    if (x->found)
        count_failure(w, e, s, s->end, what);
    x->found = true;
    profile_alert(w, e, SEVERITY_MEDIUM, CONFIDENCE_MEDIUM);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct stuffing *x = profile_data_of(e);
    char text[LOGIN_SENTENCE];
    f->subject = SUBJECT_SERVER_IP;
    f->distinct = profile_distinct(e, PAIRS);
    f->threshold = watch_threshold(w, MANY_USERS);
    finding_detail(f, "failures", x->failures);
    finding_detail(f, "users", profile_distinct(e, LOGIN_USERS));
    finding_detail(f, "clients", profile_distinct(e, LOGIN_CLIENTS));
    snprintf(f->reason, sizeof f->reason, "%s, about one for each pair", login_sentence(e, x->failures, text));
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
