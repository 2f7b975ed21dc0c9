/* What NTLM tells strangers before any login: names of domain and host, version of the system (MS-NLMP). */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

static void see(struct watch *w, const struct seen *s)
{
    struct key key = {.client = &s->client, .server = &s->server};
    struct entry begin, e;
    struct bytes domain = {NULL, 0}, dns = domain, host = domain, os = domain;
    size_t at = 0;
    if (!seen_next(s, F_auth_ntlm, &at, &begin) || seen_is(s, F_auth_result, "success") ||
        settings_are_local(watch_settings(w), &s->client, &s->server))
        return;
    while (record_next(s->record, &at, &e) && !e.end) {
        domain = e.field == F_ntlm_domain ? seen_clean(s, e.text) : domain;
        dns = e.field == F_ntlm_dns_domain ? seen_clean(s, e.text) : dns;
        host = e.field == F_ntlm_host ? seen_clean(s, e.text) : host;
        os = e.field == F_ntlm_os ? seen_clean(s, e.text) : os;
    }
    if (!dns.len && !(os.len && (domain.len || host.len)))
        return; /* what the client said of itself */
    if (seen_text(s, F_auth_user).len)
        return; /* one of the users, by all signs, whose password is wrong; who guesses is for other rules */
    struct profile *p = profile_get(w, &key, s);
    profile_event(w, p, s, s->end);
    profile_evidence(w, p, s, s->ts, s->frame, "domain %.*s, host %.*s, DNS domain %.*s, system %.*s", SHOWN(domain),
                     SHOWN(host), SHOWN(dns), SHOWN(os));
    profile_alert(w, p, SEVERITY_LOW, CONFIDENCE_HIGH);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    (void)w;
    f->subject = SUBJECT_SERVER_IP;
    snprintf(f->reason, sizeof f->reason,
             "told a stranger the names of its domain and host, or its system, %" PRIu64 " time%s, without a login",
             profile_events(e), profile_events(e) == 1 ? "" : "s");
}

const struct detector ntlm_leak_detector = {
    .name = "ntlm_leak",
    .family = "mail",
    .number = 7700307,
    .revision = 1,
    .title = "NTLM tells names to strangers",
    .category = "credentials",
    .severity = SEVERITY_LOW,
    .mitre = "T1592.002 T1590",
    .references = "MS-NLMP,MS-SMTPNTLM",
    .means =
        "The challenge of NTLM names the server's domain and host and the version of its system: whoever asks knows "
        "the inside of the site.",
    .proof = "A challenge with such names, sent to a client outside that then gave no user: scanners ask so.",
    .traps =
        "Programs of your users, Outlook among them, get the same challenge on their way to a login: they give a user, "
        "and are left out, as are clients inside.",
    .advice = "Turn NTLM off on what can be reached from outside.",
    .kinds = KINDS(auth),
    .window = 24 * 3600 * CLOCK_S,
    .see = see,
    .tell = tell,
};
