/* TLS fails, and the next connection goes without (RFC 7435, RFC 8461): who can break handshakes can read mail. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

enum { SECONDS, BEFORE };

struct fallback {
    int64_t failed;
    uint64_t open;                              /* the connection whose handshake did not come to its end, by its uid */
    uint64_t failures, after_failure, forsaken; /* the last: in clear where TLS had been used and was offered */
    uint64_t sessions, helo;                    /* of a client, server and port: inside TLS, and as whom */
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

/* A server that always used TLS here, and goes without although it is offered. Behind one address may be many: it is
   known by how it says hello. */
static void see_habit(struct watch *w, const struct seen *s)
{
    char port[16];
    int len = snprintf(port, sizeof port, "%" PRIu64, s->server_port);
    struct key key = {.client = &s->client, .server = &s->server, .name = bytes_of(port, (size_t)len)};
    struct profile *habit = s->kind == KIND_tls ? profile_get(w, &key, s) : profile_find(w, &key);
    struct fallback *x = habit ? profile_data(habit) : NULL;
    uint64_t uid = tally_hash(s->uid), helo = tally_hash_nocase(seen_text(s, F_session_helo));
    if (!x)
        return;
    if (s->kind == KIND_tls) { /* its session comes behind it, and says who it was */
        x->open = uid;
        return;
    }
    if (!seen_has(s, F_session_helo))
        return;
    if (seen_is(s, F_session_starttls, "accepted") && x->open == uid) {
        x->sessions = x->helo == helo ? x->sessions + 1 : 1;
        x->helo = helo;
    }
    if (!seen_is(s, F_session_starttls, "offered") || !carries_something(s) || x->helo != helo)
        return;
    uint64_t before = x->sessions;
    x->sessions = 0; /* it is no habit any more */
    struct key pair = {.client = &s->client, .server = &s->server};
    struct profile *e = before < watch_threshold(w, BEFORE) ? NULL : profile_get(w, &pair, s);
    x = e ? profile_data(e) : NULL;
    if (!x || (x->failures && s->ts - x->failed <= (int64_t)watch_threshold(w, SECONDS) * CLOCK_S))
        return; /* after a failure it is louder, and told as such */
    x->forsaken++;
    profile_event(w, e, s, s->end);
    profile_evidence(w, e, s, s->ts, s->frame,
                     "in clear, though offered, after %" PRIu64 " sessions inside TLS: %" PRIu64 " messages", before,
                     seen_number(s, F_session_messages));
    profile_alert(w, e, SEVERITY_LOW, CONFIDENCE_LOW);
}

static void see_handshake(struct watch *w, const struct seen *s, const struct key *key)
{
    if (seen_is(s, F_tls_how, "implicit"))
        return;
    if (seen_number(s, F_tls_established)) {
        if (seen_is_smtp(s))
            see_habit(w, s);
        return;
    }
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
    if (seen_is_smtp(s))
        see_habit(w, s);
    if (!x || !x->failures || !clear || !carries_something(s))
        return;
    if (s->ts < x->failed - CLOCK_S || s->ts - x->failed > (int64_t)watch_threshold(w, SECONDS) * CLOCK_S)
        return;
    x->after_failure++;
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
    finding_detail(f, "after_failure", x->after_failure);
    finding_detail(f, "tls_forsaken", x->forsaken);
    if (x->after_failure)
        snprintf(f->reason, sizeof f->reason,
                 "after a failed TLS handshake %" PRIu64 " connection%s to the same server went on in clear",
                 x->after_failure, x->after_failure == 1 ? "" : "s");
    else
        snprintf(f->reason, sizeof f->reason,
                 "%" PRIu64 " connection%s in clear to a server that was spoken to inside TLS before, and offers it",
                 x->forsaken, x->forsaken == 1 ? "" : "s");
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
        "A handshake after STARTTLS that an alert or a reset broke off, and within a minute a connection of the "
        "same two hosts, in clear, that carries a message or a login (medium). Or a server that sent its mail inside "
        "TLS ten times running, within the hour, sends in clear although TLS is offered (low).",
    .traps = "Several servers behind one address may differ: they are told apart by their HELO. Handshakes that a gap "
             "cut do not count, nor "
             "those whose client just goes away, as programs do that try out a server.",
    .advice = "Find out why the handshake fails (certificate, versions). Publish MTA-STS or DANE, and let clients "
              "insist on TLS.",
    .kinds = KINDS(tls) | KINDS(session),
    .data_size = sizeof(struct fallback),
    .window = 3600 * CLOCK_S,
    .thresholds = {{"seconds", 60, "between the handshake and the connection in clear"},
                   {"before", 10, "sessions inside TLS running, before one in clear"}},
    .see = see,
    .tell = tell,
};
