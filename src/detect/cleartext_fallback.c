/* TLS fails, and the next connection goes without (RFC 7435, RFC 8461): who can break handshakes can read mail. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

enum { SECONDS };

struct fallback {
    int64_t failed;
    uint64_t open; /* the connection whose handshake did not come to its end, by its uid */
    uint64_t failures;
};

static bool carries_something(const struct seen *s)
{
    return seen_number(s, F_session_messages) || seen_number(s, F_session_auth_ok) ||
           seen_number(s, F_session_auth_failed);
}

/* An alert breaks a handshake off, or a reset, of which the session's record tells; who just goes away tried it out. */
static void see_failure(struct watch *w, const struct seen *s, struct profile *e, const char *how)
{
    struct fallback *x = profile_data(e);
    x->failed = s->end;
    x->failures++;
    x->open = 0;
    profile_evidence(w, e, s, s->ts, s->frame, "handshake failed: %s%.*s", how, SHOWN(seen_text(s, F_tls_alert)));
}

static void see_handshake(struct watch *w, const struct seen *s, const struct key *key)
{
    if (seen_number(s, F_tls_established) || seen_is(s, F_tls_how, "implicit"))
        return;
    struct profile *e = profile_get(w, key, s);
    struct fallback *x = profile_data(e);
    if (seen_has(s, F_tls_alert))
        see_failure(w, s, e, "alert ");
    else
        x->open = tally_hash(s->uid);
}

static void see(struct watch *w, const struct seen *s)
{
    struct key key = {.client = &s->client, .server = &s->server};
    if (s->quality & (QUALITY_GAP | QUALITY_ONE_SIDED | QUALITY_MIDSTREAM | QUALITY_EVICTED))
        return;
    if (s->kind == KIND_tls) {
        see_handshake(w, s, &key);
        return;
    }
    struct profile *e = profile_find(w, &key);
    bool clear = seen_is(s, F_session_starttls, "offered") || seen_is(s, F_session_starttls, "not_offered");
    struct fallback *x = e ? profile_data(e) : NULL;
    if (x && x->open && x->open == tally_hash(s->uid) && seen_is(s, F_session_close, "rst"))
        see_failure(w, s, e, "connection reset");
    if (!x || !x->failures || !clear || !carries_something(s))
        return;
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
    .proof = "A handshake after STARTTLS that an alert or a reset broke off, and within a minute a connection of the "
             "same two hosts, in clear, that carries a message or a login.",
    .traps = "Several servers behind one address may differ. Handshakes that a gap cut do not count, nor "
             "those whose client just goes away, as programs do that try out a server.",
    .advice = "Find out why the handshake fails (certificate, versions). Publish MTA-STS or DANE, and let clients "
              "insist on TLS.",
    .kinds = KINDS(tls) | KINDS(session),
    .data_size = sizeof(struct fallback),
    .window = 10 * 60 * CLOCK_S,
    .thresholds = {{"seconds", 60, "between the handshake and the connection in clear"}},
    .see = see,
    .tell = tell,
};
