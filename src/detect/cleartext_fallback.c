/* TLS fails, and the next connection goes without (RFC 7435, RFC 8461): who can break handshakes can read mail. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

enum { SECONDS };

struct fallback {
    int64_t failed;
    uint64_t failures;
    uint64_t frame;
};

static bool carries_something(const struct seen *s)
{
    return seen_number(s, F_session_messages) || seen_number(s, F_session_auth_ok);
}

static void see(struct watch *w, const struct seen *s)
{
    struct key key = {.client = &s->client, .server = &s->server};
    if (s->quality & (QUALITY_GAP | QUALITY_ONE_SIDED | QUALITY_MIDSTREAM | QUALITY_EVICTED))
        return;
    if (s->kind == KIND_tls) {
        if (seen_number(s, F_tls_established) || seen_is(s, F_tls_how, "implicit"))
            return;
        struct profile *e = profile_get(w, &key, s);
        struct fallback *x = profile_data(e);
        x->failed = s->end;
        x->failures++;
        profile_evidence(w, e, s, s->ts, s->frame, "handshake failed%s%.*s", seen_has(s, F_tls_alert) ? ": " : "",
                         SHOWN(seen_text(s, F_tls_alert)));
        return;
    }
    struct profile *e = profile_find(w, &key);
    bool clear = seen_is(s, F_session_starttls, "offered") || seen_is(s, F_session_starttls, "not_offered");
    if (!e || !clear || !carries_something(s))
        return;
    struct fallback *x = profile_data(e);
    if (s->ts < x->failed - CLOCK_S || s->ts - x->failed > (int64_t)watch_threshold(w, SECONDS) * CLOCK_S)
        return;
    profile_event(w, e, s, s->end);
    profile_evidence(w, e, s, s->ts, s->frame, "in clear after that: %" PRIu64 " messages, %" PRIu64 " logins",
                     seen_number(s, F_session_messages), seen_number(s, F_session_auth_ok));
    profile_alert(w, e, SEVERITY_MEDIUM, CONFIDENCE_MEDIUM);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct fallback *x = profile_data_of(e);
    f->subject = SUBJECT_CLIENT_IP;
    f->threshold = watch_threshold(w, SECONDS);
    finding_detail(f, "failed_handshakes", x->failures);
    snprintf(f->reason, sizeof f->reason,
             "after a failed TLS handshake %" PRIu64 " connection%s to the same server went on in clear", f->count,
             f->count == 1 ? "" : "s");
}

const struct detector cleartext_fallback_detector = {
    .name = "cleartext_fallback",
    .family = "tls",
    .number = 7700405,
    .revision = 1,
    .title = "Fallback to clear text",
    .category = "encryption",
    .severity = SEVERITY_MEDIUM,
    .mitre = "T1557",
    .references = "RFC 7435,RFC 8461",
    .means =
        "A client that cannot agree on TLS sends the mail, or the password, in clear. Who can disturb a handshake can "
        "so read it.",
    .proof =
        "A handshake after STARTTLS that did not come to its end, and within a minute a connection of the same two "
        "hosts, in clear, that carries a message or a login.",
    .traps = "Several servers behind one address may differ. Handshakes that a gap cut do not count.",
    .advice = "Find out why the handshake fails (certificate, versions). Publish MTA-STS or DANE, and let clients "
              "insist on TLS.",
    .kinds = KINDS(tls) | KINDS(session),
    .data_size = sizeof(struct fallback),
    .window = 10 * 60 * CLOCK_S,
    .thresholds = {{"seconds", 60, "between the handshake and the connection in clear"}},
    .see = see,
    .tell = tell,
};
