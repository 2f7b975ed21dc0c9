/* Somebody tries whether a server relays: several forms of addresses, or many recipients elsewhere, and no content. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "relay.h"

enum { FORMS, TRIES };

struct relay_probe {
    uint64_t refused[RELAY_FORMS], accepted[RELAY_FORMS];
    uint64_t denied; /* refused for relaying, whatever the form */
    uint32_t forms;  /* bits */
    bool found;
};

#define WINDOW (10 * 60 * CLOCK_S)

static const char *const refused_names[RELAY_FORMS] = {
    "plain_refused",     "source_route_refused",   "percent_refused",     "bang_refused",
    "quoted_refused",    "multi_at_refused",       "trailing_at_refused", "literal_refused",
    "no_sender_refused", "sender_literal_refused", "sender_here_refused",
};
static const char *const accepted_names[RELAY_FORMS] = {
    "plain_accepted",     "source_route_accepted",   "percent_accepted",     "bang_accepted",
    "quoted_accepted",    "multi_at_accepted",       "trailing_at_accepted", "literal_accepted",
    "no_sender_accepted", "sender_literal_accepted", "sender_here_accepted",
};

static void see_rcpt(struct watch *w, const struct seen *s, struct profile *e, const struct seen_rcpt *r,
                     enum relay_form form)
{
    struct relay_probe *x = profile_data(e);
    bool accepted = bytes_equal(r->verdict, BYTES("accepted"));
    profile_event(w, e, s, s->end);
    x->forms |= 1u << form;
    *(accepted ? &x->accepted[form] : &x->refused[form]) += 1;
    x->denied += relay_denied(r);
    profile_happened(w, e, s->end, form);
    profile_evidence(w, e, s, s->ts, r->frame, "%s: MAIL FROM:<%.*s> RCPT TO:<%.*s> -> %" PRIu64 " %.*s",
                     relay_form_names[form], SHOWN(seen_text(s, F_message_mail_from)), SHOWN(r->addr), r->code,
                     SHOWN(r->status));
}

static void judge(struct watch *w, struct profile *e, const struct seen *s)
{
    struct relay_probe *x = profile_data(e);
    struct recent *recent = profile_recent(e);
    bool forms = recent_distinct(recent, s->end - WINDOW) >= watch_threshold(w, FORMS);
    bool tries = x->denied && recent_count(recent, s->end - WINDOW) >= watch_threshold(w, TRIES);
    x->found |= forms || tries;
    if (x->found)
        profile_alert(w, e, SEVERITY_LOW, x->denied ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM);
}

static void see(struct watch *w, const struct seen *s)
{
    struct key key = {.client = &s->client, .server = &s->server};
    struct bytes name = seen_text(s, F_message_server_name), from = seen_text(s, F_message_mail_from);
    struct profile *e = NULL;
    if (!seen_is_smtp(s) || seen_is(s, F_message_auth, "user") || !seen_is(s, F_message_via, "none"))
        return;
    for (size_t i = 0; i < s->rcpt_count; i++) {
        const struct seen_rcpt *r = &s->rcpts[i];
        struct route route;
        relay_route(r->addr, &route);
        enum relay_form form = relay_form(&route, from, seen_has(s, F_message_mail_from), name, &s->server);
        /* A name that is the server's, from an ordinary or empty sender, is ordinary mail, or enumeration. */
        if (r->unsure || !r->code || (relay_is_servers(route.domain, name, &s->server) && !relay_denied(r)) ||
            settings_own_domain(watch_settings(w), route.domain))
            continue;
        /* A route in the address is a try whatever it is refused for: the server may not know such routes at all. */
        if (r->code >= 400 && !relay_denied(r) && !(r->code >= 500 && relay_is_route(route.form)))
            continue;
        if (!e)
            e = profile_get(w, &key, s);
        see_rcpt(w, s, e, r, form);
    }
    if (e)
        judge(w, e, s);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct relay_probe *x = profile_data_of(e);
    char span[SPAN_SIZE];
    uint64_t accepted = 0;
    f->subject = SUBJECT_CLIENT_IP;
    f->distinct = (uint64_t)__builtin_popcount(x->forms);
    f->threshold = watch_threshold(w, FORMS);
    for (unsigned i = 0; i < RELAY_FORMS; i++) {
        finding_detail(f, refused_names[i], x->refused[i]);
        finding_detail(f, accepted_names[i], x->accepted[i]);
        accepted += x->accepted[i];
    }
    snprintf(f->reason, sizeof f->reason,
             "%" PRIu64 " recipients elsewhere tried in %" PRIu64 " forms, without content, in %s; %" PRIu64
             " accepted",
             f->count, f->distinct, span_text(profile_age(e), span), accepted);
}

const struct detector relay_probe_detector = {
    .name = "relay_probe",
    .family = "smtp",
    .number = 7700102,
    .revision = 1,
    .title = "Search for an open relay",
    .category = "relay",
    .severity = SEVERITY_LOW,
    .mitre = "T1595.002",
    .references = "RFC 5321 section 7.9,RFC 5321 appendix C",
    .means = "A client tries, in different ways of writing addresses, whether the server passes mail on for strangers. "
             "By itself it does no harm; what was accepted is in the table of forms.",
    .proof =
        "Within ten minutes three forms of addresses whose real destination is elsewhere, or five attempts of which "
        "the server refused at least one because it does not relay, none followed by content. A route written into the "
        "address is an attempt whatever it is refused for: many servers know no routes and say that there is no such "
        "user.",
    .traps = "Your own scanner, and services that test servers for you. A misconfigured program that tries to send "
             "without logging in looks like many attempts of one form.",
    .advice = "Look which forms were accepted; the rule open_relay says whether that is one. Block the client, or "
              "silence the rule for your scanner.",
    .kinds = KINDS(message),
    .data_size = sizeof(struct relay_probe),
    .window = WINDOW,
    .thresholds = {{"forms", 3, "forms of addresses within ten minutes"},
                   {"tries", 5, "attempts within ten minutes, one at least refused for relaying"}},
    .see = see,
    .tell = tell,
};
