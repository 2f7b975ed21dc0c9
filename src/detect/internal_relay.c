/* A host of ours that is no mail server sends to many places through one of our servers, without login (RFC 6409
   section 3.3). */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "relay.h"

enum { DOMAINS };
enum { MANY };

static void see(struct watch *w, const struct seen *s)
{
    const struct detect_settings *o = watch_settings(w);
    struct key client = {.client = &s->client, .server = &s->server},
               server = {.client = &s->server, .name = BYTES("server")};
    if (!seen_is_smtp(s) || !seen_is(s, F_message_verdict, "accepted") ||
        s->quality & (QUALITY_GAP | QUALITY_MIDSTREAM))
        return;
    profile_get(w, &server, s); /* whoever takes mail is a server */
    struct key itself = {.client = &s->client, .name = BYTES("server")};
    if (!seen_is(s, F_message_auth, "none") || !settings_are_local(o, &s->client, &s->server) ||
        !settings_are_local(o, &s->server, &s->client) || settings_is_mail_server(o, &s->client) ||
        profile_find(w, &itself))
        return;
    struct profile *e = NULL;
    for (size_t i = 0; i < s->rcpt_count; i++) {
        struct route route;
        relay_route(s->rcpts[i].addr, &route);
        if (!bytes_equal(s->rcpts[i].verdict, BYTES("accepted")) || settings_own_domain(o, route.domain) ||
            relay_is_servers(route.domain, seen_text(s, F_message_server_name), &s->server))
            continue;
        if (!e)
            e = profile_get(w, &client, s);
        uint64_t domain = tally_hash_nocase(route.domain);
        profile_add(w, e, DOMAINS, domain);
        profile_happened(w, e, s->end, domain);
    }
    if (!e)
        return;
    profile_event(w, e, s, s->end);
    profile_evidence(w, e, s, s->ts, s->frame, "MAIL FROM:<%.*s>, %zu recipients",
                     SHOWN(seen_text(s, F_message_mail_from)), s->rcpt_count);
    if (recent_distinct(profile_recent(e), s->end - 3600 * CLOCK_S) >= watch_threshold(w, MANY))
        profile_alert(w, e, SEVERITY_LOW, o->local_net_count ? CONFIDENCE_HIGH : CONFIDENCE_LOW);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    f->subject = SUBJECT_CLIENT_IP;
    f->distinct = profile_distinct(e, DOMAINS);
    f->threshold = watch_threshold(w, MANY);
    snprintf(f->reason, sizeof f->reason,
             "a host inside sent %" PRIu64 " messages to %" PRIu64
             " domains elsewhere through the server, without login",
             f->count, f->distinct);
}

const struct detector internal_relay_detector = {
    .name = "internal_relay",
    .family = "smtp",
    .number = 7700103,
    .revision = 1,
    .title = "Host inside that sends to many places",
    .category = "relay",
    .severity = SEVERITY_LOW,
    .mitre = "T1566",
    .references = "RFC 6409 section 3.3",
    .means =
        "A host of yours that is no mail server uses one that trusts its address to send to many domains: a program "
        "that does its work, or one that should not be there.",
    .proof =
        "Within an hour accepted mail to twenty domains elsewhere, without login, from a host that is local and takes "
        "no mail itself.",
    .traps =
        "Printers, applications, monitoring, newsletters: name them with --mail-servers. Without --local-nets, what "
        "stands in the server's network is taken as local, with low confidence.",
    .advice = "Ask for a login on port 587; allow relaying by address to few hosts only.",
    .kinds = KINDS(message),
    .window = 3600 * CLOCK_S,
    .thresholds = {{"domains", 20, "domains elsewhere within an hour"}},
    .see = see,
    .tell = tell,
};
