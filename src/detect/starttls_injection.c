/* Clear text put in behind STARTTLS, to be read as if it had come inside TLS (RFC 3207 section 4.2, RFC 2595,
   CVE-2011-0411). */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

struct injection {
    uint64_t octets_client, octets_server;
};

static void see(struct watch *w, const struct seen *s)
{
    uint64_t client = seen_number(s, F_session_clear_after_tls_c2s),
             server = seen_number(s, F_session_clear_after_tls_s2c);
    struct key key = {.client = &s->client, .server = &s->server};
    struct key connection = {.name = s->uid};
    if (s->kind == KIND_tls) { /* of its connection it is known then that TLS did begin */
        if (seen_number(s, F_tls_established))
            profile_get(w, &connection, s);
        return;
    }
    bool injected = seen_count(s, F_session_anomalies, "tls_injection") > 0;
    if (seen_has(s, F_session_decrypted_capture) || !seen_is(s, F_session_starttls, "accepted") ||
        (!injected && !(server && profile_find(w, &connection))))
        return;
    if (s->quality & (QUALITY_GAP | QUALITY_ONE_SIDED) && !injected)
        return; /* what looks like clear text may be the rest of a TLS record */
    struct profile *e = profile_get(w, &key, s);
    struct injection *x = profile_data(e);
    profile_event(w, e, s, s->end);
    x->octets_client += client;
    x->octets_server += server;
    profile_evidence(w, e, s, s->ts, s->frame,
                     "%" PRIu64 " octets from the client, %" PRIu64 " from the server, first verb %.*s", client, server,
                     SHOWN(seen_text(s, F_session_clear_after_tls_verb)));
    bool sure = !(s->quality & (QUALITY_GAP | QUALITY_ONE_SIDED | QUALITY_ACKS_UNUSABLE));
    profile_alert(w, e, SEVERITY_HIGH, sure ? CONFIDENCE_HIGH : CONFIDENCE_LOW);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct injection *x = profile_data_of(e);
    (void)w;
    f->subject = SUBJECT_CLIENT_IP;
    finding_detail(f, "octets_from_client", x->octets_client);
    finding_detail(f, "octets_from_server", x->octets_server);
    snprintf(f->reason, sizeof f->reason,
             "clear text in one go with STARTTLS: %" PRIu64 " octets from the client, %" PRIu64 " from the server",
             x->octets_client, x->octets_server);
}

const struct detector starttls_injection_detector = {
    .name = "starttls_injection",
    .family = "tls",
    .number = 7700402,
    .revision = 1,
    .title = "Commands injected before TLS",
    .category = "encryption",
    .severity = SEVERITY_HIGH,
    .mitre = "T1557",
    .references = "CVE-2011-0411,RFC 3207 section 4.2",
    .means =
        "Somebody between client and server, or a client that tests it, sends clear text together with STARTTLS. A "
        "server that does not throw it away acts on it as if it had come inside TLS.",
    .proof =
        "Octets that are no TLS, sent after the STARTTLS command and before its sender had seen the answer, of which "
        "the server accepted the STARTTLS; or clear text of the server behind its answer, where "
        "TLS did begin.",
    .traps = "Captures that were decrypted in place go on in clear on both sides: they are left out, as are refused "
             "STARTTLS. With lost octets it is uncertain.",
    .advice = "Update the server; see by the records of the session whether a command took effect inside TLS.",
    .kinds = KINDS(session) | KINDS(tls),
    .data_size = sizeof(struct injection),
    .window = 24 * 3600 * CLOCK_S,
    .see = see,
    .tell = tell,
};
