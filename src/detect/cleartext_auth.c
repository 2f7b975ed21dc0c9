/* Passwords that could be read on the wire (RFC 8314 section 3). */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

enum { CLIENTS };

struct cleartext {
    uint64_t successes;
    uint64_t readable; /* logins whose password itself travelled */
    bool offered;      /* the server offered TLS */
};

/* A hash of the password travelled: passwords can be tried against it (RFC 2195, RFC 2831, RFC 1939, MS-NLMP). */
static bool is_guessable(const struct seen *s)
{
    static const char *const mechanisms[] = {"APOP", "CRAM-MD5", "DIGEST-MD5", "NTLM"};
    for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
        if (seen_is(s, F_auth_mech, mechanisms[i]))
            return seen_text(s, F_auth_user).len > 0;
    return false;
}

static void see(struct watch *w, const struct seen *s)
{
    struct bytes user = seen_text(s, F_auth_user);
    struct key key = {.server = &s->server, .name = user};
    bool success = seen_is(s, F_auth_result, "success"), unknown = seen_is(s, F_auth_result, "unknown");
    bool readable = seen_has(s, F_auth_cleartext_secret);
    if (!(readable || is_guessable(s)) || seen_number(s, F_auth_encrypted) || seen_has(s, F_all_decrypted))
        return;
    if (seen_is(s, F_auth_starttls, "accepted") || seen_is(s, F_auth_starttls, "implicit"))
        return; /* the tap decrypted it */
    if (host_is_loopback(&s->server) || (!success && !unknown))
        return; /* what was refused is no password */
    struct profile *e = profile_get(w, &key, s);
    struct cleartext *x = profile_data(e);
    profile_event(w, e, s, s->end);
    x->successes += success;
    x->readable += readable;
    x->offered |= seen_is(s, F_auth_starttls, "offered");
    if (profile_add(w, e, CLIENTS, tally_host(&s->client)) || (readable && x->readable == 1))
        profile_evidence(w, e, s, s->ts, s->frame, "%.*s user %.*s -> %.*s", SHOWN(seen_text(s, F_auth_mech)),
                         SHOWN(user), SHOWN(seen_text(s, F_auth_result)));
    profile_alert(w, e, readable ? SEVERITY_LOW : SEVERITY_INFO, success ? CONFIDENCE_HIGH : CONFIDENCE_LOW);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct cleartext *x = profile_data_of(e);
    (void)w;
    f->subject = profile_name(e).len ? SUBJECT_USER : SUBJECT_SERVER_IP;
    if (profile_name(e).len)
        f->value = profile_name(e);
    finding_detail(f, "logins", profile_events(e));
    finding_detail(f, "successes", x->successes);
    finding_detail(f, "readable", x->readable);
    f->distinct = profile_distinct(e, CLIENTS);
    snprintf(f->reason, sizeof f->reason, "%s in %" PRIu64 " login%s; TLS was %s",
             x->readable ? "the password travelled in clear"
                         : "what a password can be guessed from travelled outside TLS",
             f->count, f->count == 1 ? "" : "s", x->offered ? "offered: the client does not use it" : "not offered");
}

const struct detector cleartext_auth_detector = {
    .name = "cleartext_auth",
    .family = "mail",
    .number = 7700305,
    .revision = 1,
    .title = "Password sent in clear",
    .category = "credentials",
    .severity = SEVERITY_LOW,
    .mitre = "T1040 T1552",
    .references = "RFC 8314 section 3,RFC 9051 section 11",
    .means = "A login sends its password where everybody on the way can read it.",
    .proof = "A login by USER and PASS, LOGIN, PLAIN or a token outside TLS (low), or by APOP, CRAM-MD5, DIGEST-MD5 or "
             "NTLM, against which passwords can be tried (info), which the server accepted. Told once for a server and "
             "user; "
             "it says whether the server offered TLS (the client is to blame) or not (the server is).",
    .traps =
        "Connections of a host to itself, and captures that were decrypted, do not count. Behind a proxy that ends TLS "
        "all logins look like this.",
    .advice = "Let the server refuse passwords without TLS (Dovecot: disable_plaintext_auth=yes; Postfix: "
              "smtpd_tls_auth_only=yes) and change those that were seen.",
    .kinds = KINDS(auth),
    .data_size = sizeof(struct cleartext),
    .window = 3600 * CLOCK_S,
    .see = see,
    .tell = tell,
};
