/* Servers that offer logins with the password in clear before TLS (RFC 4954 section 4, RFC 8314 section 4.1, RFC 9051
   section 6.2.3). */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

struct offer {
    bool tls;
};

static bool has_word(struct bytes text, const char *word)
{
    struct bytes rest = text, w;
    while ((w = bytes_word(&rest)).len)
        if (bytes_equal_nocase(w, bytes_of_string(word)))
            return true;
    return false;
}

/* IMAP's PREAUTH: there is no login to come. */
static bool begins_logged_in(const struct seen *s)
{
    struct bytes rest = seen_text(s, F_session_banner);
    return bytes_equal_nocase(bytes_word(&rest), BYTES("PREAUTH"));
}

static bool offers_clear(const struct seen *s)
{
    bool imap = bytes_equal(s->proto, BYTES("imap")), pop = bytes_equal(s->proto, BYTES("pop3")), found = false;
    bool disabled = false, any = false;
    struct entry e;
    /* After a login nothing is said of logins any more. */
    enum field list = seen_has(s, F_session_caps_before_login) ? F_session_caps_before_login : F_session_caps;
    bool logged_in = seen_has(s, F_session_midstream) || begins_logged_in(s);
    for (size_t at = 0; seen_next(s, list, &at, &e); any = true) {
        struct bytes rest = e.text, name = bytes_word(&rest);
        if (imap) {
            disabled |= bytes_equal_nocase(name, BYTES("LOGINDISABLED"));
            found |= bytes_equal_nocase(name, BYTES("AUTH=PLAIN")) || bytes_equal_nocase(name, BYTES("AUTH=LOGIN"));
        } else if (pop) {
            found |= bytes_equal_nocase(name, BYTES("USER")) ||
                     (bytes_equal_nocase(name, BYTES("SASL")) && (has_word(rest, "PLAIN") || has_word(rest, "LOGIN")));
        } else {
            found |=
                (bytes_equal_nocase(name, BYTES("AUTH")) && (has_word(rest, "PLAIN") || has_word(rest, "LOGIN"))) ||
                bytes_equal_nocase(name, BYTES("AUTH=PLAIN")) || bytes_equal_nocase(name, BYTES("AUTH=LOGIN"));
        }
    }
    return found || (imap && any && !disabled && !logged_in);
}

static void see(struct watch *w, const struct seen *s)
{
    char port[16];
    if (seen_has(s, F_session_decrypted_capture) || seen_has(s, F_all_decrypted) ||
        seen_has(s, F_session_caps_unsure) || bytes_equal(s->proto, BYTES("lmtp")) || !seen_has(s, F_session_caps) ||
        !offers_clear(s))
        return;
    if (host_is_loopback(&s->server) || seen_is(s, F_session_starttls, "implicit"))
        return;
    if (seen_is_smtp(s) && s->server_port == 25 && settings_are_local(watch_settings(w), &s->client, &s->server))
        return;
    int len = snprintf(port, sizeof port, "%" PRIu64, s->server_port);
    struct key key = {.server = &s->server, .name = bytes_of(port, (size_t)len)};
    struct profile *e = profile_get(w, &key, s);
    struct offer *x = profile_data(e);
    profile_event(w, e, s, s->end);
    x->tls |= seen_is(s, F_session_starttls, "offered") || seen_is(s, F_session_starttls, "accepted");
    if (!profile_has_spoken(e))
        profile_evidence(w, e, s, s->ts, s->frame, "capabilities in clear offer the password in clear");
    profile_alert(w, e, SEVERITY_LOW, CONFIDENCE_HIGH);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct offer *x = profile_data_of(e);
    (void)w;
    f->subject = SUBJECT_SERVER_IP;
    snprintf(f->reason, sizeof f->reason,
             "offers logins with the password in clear before TLS, in %" PRIu64 " session%s; TLS is %soffered",
             f->count, f->count == 1 ? "" : "s", x->tls ? "" : "not ");
}

const struct detector auth_before_tls_detector = {
    .name = "auth_before_tls",
    .family = "mail",
    .number = 7700306,
    .revision = 1,
    .title = "Logins in clear are offered",
    .category = "credentials",
    .severity = SEVERITY_LOW,
    .mitre = "T1040",
    .references = "RFC 8314 section 4.1,RFC 4954 section 4,RFC 9051 section 6.2.3",
    .means = "The server lets clients send their password before TLS; sooner or later one does.",
    .proof =
        "AUTH PLAIN or LOGIN among what EHLO brings in clear, an IMAP server without LOGINDISABLED, or a POP3 server "
        "that lists USER or SASL PLAIN. Once for a server and port.",
    .traps = "Port 25 among hosts of one network does not count, nor a host that talks to itself, captures that were "
             "decrypted, lists that a gap cut, or what an IMAP server lists for those that are logged in.",
    .advice =
        "Postfix: smtpd_tls_auth_only=yes. Dovecot: disable_plaintext_auth=yes. Better still: ports 465, 993, 995.",
    .kinds = KINDS(session),
    .data_size = sizeof(struct offer),
    .window = 24 * 3600 * CLOCK_S,
    .see = see,
    .tell = tell,
};
