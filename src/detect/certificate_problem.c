/* Certificates that a careful client would not accept (RFC 5280, RFC 9325 section 4). TLS 1.3 hides them. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

struct problem {
    bool expired, not_yet, self_signed, mismatch, weak_key, weak_sig;
};

static bool any(const struct problem *p)
{
    return p->expired || p->not_yet || p->self_signed || p->mismatch || p->weak_key || p->weak_sig;
}

static void see(struct watch *w, const struct seen *s)
{
    struct problem found = {0};
    struct entry begin, e;
    struct bytes key_kind = {NULL, 0}, subject = key_kind, sha = key_kind;
    uint64_t bits = 0;
    size_t at = 0;
    if (!seen_next(s, F_tls_cert, &at, &begin))
        return;
    while (record_next(s->record, &at, &e) && !e.end) {
        found.expired |= e.field == F_cert_expired && e.number;
        found.not_yet |= e.field == F_cert_not_yet_valid && e.number;
        found.self_signed |= e.field == F_cert_self_signed && e.number;
        found.mismatch |= e.field == F_cert_name_match && !e.number;
        key_kind = e.field == F_cert_key ? e.text : key_kind;
        subject = e.field == F_cert_subject ? seen_clean(s, e.text) : subject;
        sha = e.field == F_cert_sha256 ? e.text : sha;
        bits = e.field == F_cert_bits ? e.number : bits;
        if (e.field == F_cert_sig)
            found.weak_sig |= bytes_find_nocase(e.text, BYTES("sha1")) != SIZE_MAX ||
                              bytes_find_nocase(e.text, BYTES("md5")) != SIZE_MAX;
    }
    found.weak_key = (bytes_equal_nocase(key_kind, BYTES("RSA")) || bytes_equal_nocase(key_kind, BYTES("DSA"))) &&
                     bits && bits < 2048;
    found.weak_sig &= !found.self_signed; /* nobody checks that one */
    if (!any(&found))
        return;
    struct key key = {.server = &s->server, .name = sha};
    struct profile *p = profile_get(w, &key, s);
    struct problem *x = profile_data(p);
    profile_event(w, p, s, s->end);
    *x = (struct problem){x->expired || found.expired,         x->not_yet || found.not_yet,
                          x->self_signed || found.self_signed, x->mismatch || found.mismatch,
                          x->weak_key || found.weak_key,       x->weak_sig || found.weak_sig};
    if (!profile_has_spoken(p))
        profile_evidence(w, p, s, s->ts, s->frame, "certificate of %.*s", SHOWN(subject));
    /* Between servers hardly anybody checks them. */
    bool relay = s->server_port == 25 || s->server_port == 24;
    profile_alert(w, p, relay ? SEVERITY_INFO : SEVERITY_MEDIUM, CONFIDENCE_HIGH);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct problem *x = profile_data_of(e);
    (void)w;
    f->subject = SUBJECT_SERVER_IP;
    finding_detail(f, "expired", x->expired);
    finding_detail(f, "not_yet_valid", x->not_yet);
    finding_detail(f, "self_signed", x->self_signed);
    finding_detail(f, "name_mismatch", x->mismatch);
    finding_detail(f, "short_key", x->weak_key);
    finding_detail(f, "broken_hash", x->weak_sig);
    snprintf(f->reason, sizeof f->reason, "the certificate is%s%s%s%s%s%s in %" PRIu64 " connection%s",
             x->expired ? " expired," : "", x->not_yet ? " not yet valid," : "", x->self_signed ? " self-signed," : "",
             x->mismatch ? " for another name," : "", x->weak_key ? " of a short key," : "",
             x->weak_sig ? " signed with a broken hash," : "", f->count, f->count == 1 ? "" : "s");
}

const struct detector certificate_problem_detector = {
    .name = "certificate_problem",
    .family = "tls",
    .number = 7700404,
    .revision = 1,
    .title = "Certificate that should not be accepted",
    .category = "encryption",
    .severity = SEVERITY_MEDIUM,
    .mitre = "T1557",
    .references = "RFC 5280,RFC 9325,RFC 8314",
    .means =
        "The server's certificate is expired, not yet valid, self-signed, for another name, of a short key, or signed "
        "with a broken hash: its users have learnt to accept anything, or somebody stands in between.",
    .proof = "The certificate as it travelled in clear, judged by the time of the capture and the name that the client "
             "asked for. Medium where people log in; info on port 25, where hardly anybody checks. Once for a "
             "certificate in a day.",
    .traps =
        "TLS 1.3 hides certificates: nothing is said then. Servers that serve many names choose by the name asked for; "
        "without one nothing is said of the name. Internal authorities are not known here, and not blamed.",
    .advice = "Have a certificate of an authority that clients know, and renew it in time.",
    .kinds = KINDS(tls),
    .data_size = sizeof(struct problem),
    .window = 24 * 3600 * CLOCK_S,
    .see = see,
    .tell = tell,
};
