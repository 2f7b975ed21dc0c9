/* The names of a domain asked for by RCPT from several places, or slowly: what the rule enumeration cannot see, which
   looks at one client and ten minutes (RFC 5321 section 7.3). */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "recipient.h"
#include "relay.h"

enum { NAMES, CLIENTS };
enum { MANY, SOURCES, EACH };

struct harvest { /* of a client and a domain; or of a domain */
    bool sent, counted;
    uint64_t unknown;
};

/* A client becomes one of those that harvest when it knows too many names that are none, and never sends. */
static void see_rcpt(struct watch *w, const struct seen *s, const struct seen_rcpt *r)
{
    char text[300];
    struct route route;
    uint64_t name = tally_hash_nocase(r->addr);
    relay_route(r->addr, &route);
    if (relay_is_route(route.form))
        return;
    struct bytes domain = bytes_lower(route.domain, text, sizeof text);
    struct key mine = {.client = &s->client, .server = &s->server}, all = {.server = &s->server, .name = domain};
    struct profile *e = profile_get(w, &mine, s);
    struct harvest *x = profile_data(e);
    if (x->sent || !recipient_is_unknown(r) || !domain.len)
        return;
    struct recent *recent = profile_recent(e);
    profile_add(w, e, NAMES, name);
    profile_happened(w, e, s->end, name);
    if (profile_distinct(e, NAMES) < watch_threshold(w, EACH))
        return;
    struct profile *whole = profile_get(w, &all, s);
    struct harvest *y = profile_data(whole);
    profile_event(w, whole, s, s->end);
    y->unknown++;
    for (unsigned i = 0; i < recent->count && !x->counted; i++) /* those before it counted */
        profile_add(w, whole, NAMES, recent->list[i].what);
    x->counted = true;
    profile_add(w, whole, NAMES, name);
    profile_add(w, whole, CLIENTS, tally_host(&s->client));
    profile_evidence(w, whole, s, s->ts, r->frame, "RCPT TO:<%.*s> -> %" PRIu64 " %.*s", SHOWN(r->addr), r->code,
                     SHOWN(r->status));
    bool slow = profile_age(whole) >= 3600 * CLOCK_S;
    if (profile_distinct(whole, NAMES) >= watch_threshold(w, MANY) &&
        (slow || profile_distinct(whole, CLIENTS) >= watch_threshold(w, SOURCES)))
        profile_alert(w, whole, SEVERITY_MEDIUM, CONFIDENCE_MEDIUM);
}

static void see(struct watch *w, const struct seen *s)
{
    struct key mine = {.client = &s->client, .server = &s->server};
    if (!seen_is_smtp(s) || !seen_is(s, F_message_auth, "none") || !s->rcpt_count)
        return;
    if (recipient_content_followed(s)) {
        ((struct harvest *)profile_data(profile_get(w, &mine, s)))->sent = true;
        return;
    }
    if (recipient_is_callout(s))
        return;
    for (size_t i = 0; i < s->rcpt_count; i++)
        see_rcpt(w, s, &s->rcpts[i]);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    char span[SPAN_SIZE];
    f->subject = SUBJECT_DOMAIN;
    f->value = profile_name(e);
    f->distinct = profile_distinct(e, NAMES);
    f->threshold = watch_threshold(w, MANY);
    finding_detail(f, "unknown_names", f->distinct);
    finding_detail(f, "clients", profile_distinct(e, CLIENTS));
    snprintf(f->reason, sizeof f->reason,
             "%" PRIu64 " names that do not exist asked for by RCPT from %" PRIu64 " client%s in %s, without content",
             f->distinct, profile_distinct(e, CLIENTS), profile_distinct(e, CLIENTS) == 1 ? "" : "s",
             span_text(profile_age(e), span));
}

const struct detector directory_harvest_detector = {
    .name = "directory_harvest",
    .family = "smtp",
    .number = 7700202,
    .revision = 1,
    .title = "Addresses of a domain searched from many places",
    .category = "reconnaissance",
    .severity = SEVERITY_MEDIUM,
    .mitre = "T1589.002",
    .references = "RFC 5321 section 7.3",
    .means = "Somebody tries out which addresses of a domain exist, from several addresses or so slowly that no single "
             "client stands out.",
    .proof =
        "Within a day twenty different unknown recipients of one domain, from three clients or over more than an hour, "
        "by clients that each asked for three such names or more and never went on to a content.",
    .traps =
        "Newsletters with stale recipients send to others: such clients do not count. Bounces and sender checks (from "
        "nobody, one recipient) do not, nor greylisting and rate limits.",
    .advice = "Slow down clients after unknown recipients; block those that only ask.",
    .kinds = KINDS(message),
    .data_size = sizeof(struct harvest),
    .window = 24 * 3600 * CLOCK_S,
    .thresholds = {{"names", 20, "unknown names of one domain"},
                   {"clients", 3, "clients that ask for them, or more than an hour"},
                   {"each", 3, "unknown names of one client from which on it counts"}},
    .see = see,
    .tell = tell,
};
