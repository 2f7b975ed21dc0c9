/* Clients that speak before the greeting (RFC 5321 section 4.3.1): programs that do not read what servers say. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

enum { SERVERS };
enum { MANY };

struct early {
    uint64_t octets;
};

/* Exim offers clients that know it from before to send all at once (PIPECONNECT). */
static bool may_be_early(const struct seen *s)
{
    struct entry e;
    for (size_t at = 0; seen_next(s, F_session_caps, &at, &e);)
        if (bytes_find_nocase(e.text, BYTES("PIPECONNECT")) != SIZE_MAX ||
            bytes_find_nocase(e.text, BYTES("PIPE_CONNECT")) != SIZE_MAX)
            return true;
    return false;
}

static void see(struct watch *w, const struct seen *s)
{
    struct key key = {.client = &s->client};
    uint64_t octets = seen_number(s, F_session_early_octets);
    if (!octets || !seen_count(s, F_session_anomalies, "early_talker") || !seen_has(s, F_session_banner) ||
        seen_is(s, F_session_starttls, "implicit") || may_be_early(s))
        return;
    if (s->quality & (QUALITY_GAP | QUALITY_ONE_SIDED | QUALITY_MIDSTREAM | QUALITY_ACKS_UNUSABLE))
        return; /* what it had received is not known */
    struct profile *e = profile_get(w, &key, s);
    struct early *x = profile_data(e);
    char server[HOST_TEXT_SIZE];
    host_format(&s->server, server);
    profile_event(w, e, s, s->end);
    x->octets += octets;
    profile_add(w, e, SERVERS, tally_host(&s->server));
    profile_evidence(w, e, s, s->ts, s->frame, "%" PRIu64 " octets before the greeting of %s", octets, server);
    profile_alert(w, e, profile_distinct(e, SERVERS) >= watch_threshold(w, MANY) ? SEVERITY_MEDIUM : SEVERITY_INFO,
                  CONFIDENCE_HIGH);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct early *x = profile_data_of(e);
    f->subject = SUBJECT_CLIENT_IP;
    f->distinct = profile_distinct(e, SERVERS);
    f->threshold = watch_threshold(w, MANY);
    finding_detail(f, "octets", x->octets);
    snprintf(f->reason, sizeof f->reason,
             "spoke before the greeting in %" PRIu64 " connection%s to %" PRIu64 " server%s", f->count,
             f->count == 1 ? "" : "s", f->distinct, f->distinct == 1 ? "" : "s");
}

const struct detector early_talker_detector = {
    .name = "early_talker",
    .family = "smtp",
    .number = 7700502,
    .revision = 1,
    .title = "Client that speaks before the greeting",
    .category = "protocol",
    .severity = SEVERITY_INFO,
    .mitre = "T1595",
    .references = "RFC 5321 section 4.3.1",
    .means = "The client sends its commands without waiting for the server's greeting, as programs that send spam do.",
    .proof = "Octets of the client that by their acknowledgment numbers left it before anything of the server had "
             "arrived, in a connection seen from its beginning on both sides. Three servers: medium.",
    .traps =
        "Proxies that announce the real client first, and TLS from the first octet, are no early talkers and do not "
        "count, nor do clients of a server that allows it (Exim's PIPECONNECT). Some monitors are that careless.",
    .advice = "Let the server wait some seconds with its greeting and refuse who speaks early (Postfix: postscreen).",
    .kinds = KINDS(session),
    .data_size = sizeof(struct early),
    .window = 3600 * CLOCK_S,
    .thresholds = {{"servers", 3, "servers from which on it is medium"}},
    .see = see,
    .tell = tell,
};
