/* Versions and ciphers of TLS that protect no more (RFC 8996, RFC 9325). */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

enum issue { ISSUE_VERSION, ISSUE_CIPHER, ISSUE_GROUP };

struct weak {
    enum issue issue;
};

static bool old_version(struct bytes v)
{
    static const char *const old[] = {"SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"};
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        if (bytes_equal(v, bytes_of_string(old[i])))
            return true;
    return false;
}

static bool weak_cipher(struct bytes c)
{
    static const char *const weak[] = {"_NULL_", "EXPORT", "_anon_", "RC4", "3DES", "_DES_", "_RC2_"};
    for (size_t i = 0; i < sizeof weak / sizeof *weak; i++)
        if (bytes_find_nocase(c, bytes_of_string(weak[i])) != SIZE_MAX)
            return true;
    return false;
}

/* dh1024 and the like: groups of the server's own, shorter than RFC 9325 section 4.5 wants. */
static bool weak_group(struct bytes g)
{
    struct bytes bits = bytes_part(g, 2, g.len);
    uint64_t n;
    return g.len > 2 && bytes_equal(bytes_part(g, 0, 2), BYTES("dh")) && bytes_number(&bits, &n) && !bits.len &&
           n < 2048;
}

/* Port 25 takes what it gets: weak TLS is more than none, and nobody is authenticated anyway (RFC 7435). */
static enum severity severity_of(const struct seen *s, struct bytes what)
{
    if (s->server_port != 25 || bytes_find_nocase(what, BYTES("_NULL_")) != SIZE_MAX)
        return SEVERITY_MEDIUM;
    return bytes_find_nocase(what, BYTES("_anon_")) != SIZE_MAX ? SEVERITY_INFO : SEVERITY_LOW;
}

static void note(struct watch *w, const struct seen *s, struct bytes what, enum issue issue)
{
    struct key key = {.server = &s->server, .name = what};
    struct profile *e = profile_get(w, &key, s);
    profile_event(w, e, s, s->end);
    ((struct weak *)profile_data(e))->issue = issue;
    if (!profile_has_spoken(e))
        profile_evidence(w, e, s, s->ts, s->frame, "agreed on %.*s", SHOWN(what));
    profile_alert(w, e, severity_of(s, what), CONFIDENCE_HIGH);
}

static void see(struct watch *w, const struct seen *s)
{
    struct bytes version = seen_text(s, F_tls_version), cipher = seen_text(s, F_tls_cipher);
    struct bytes group = seen_text(s, F_tls_group);
    if (!seen_number(s, F_tls_established))
        return;
    if (old_version(version))
        note(w, s, version, ISSUE_VERSION);
    if (weak_cipher(cipher))
        note(w, s, cipher, ISSUE_CIPHER);
    if (weak_group(group))
        note(w, s, group, ISSUE_GROUP);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    static const char *const issues[] = {
        [ISSUE_VERSION] = "version", [ISSUE_CIPHER] = "cipher suite", [ISSUE_GROUP] = "group"};
    const struct weak *x = profile_data_of(e);
    (void)w;
    f->subject = SUBJECT_SERVER_IP;
    snprintf(f->reason, sizeof f->reason, "%s %.*s was agreed on in %" PRIu64 " connection%s", issues[x->issue],
             SHOWN(profile_name(e)), f->count, f->count == 1 ? "" : "s");
}

const struct detector weak_tls_detector = {
    .name = "weak_tls",
    .family = "tls",
    .number = 7700403,
    .revision = 1,
    .title = "TLS that protects no more",
    .category = "encryption",
    .severity = SEVERITY_MEDIUM,
    .mitre = "T1557",
    .references = "RFC 8996,RFC 9325",
    .means = "Client and server agreed on a version or a cipher suite that can be broken.",
    .proof = "A handshake that came to its end with SSL, TLS 1.0 or 1.1, or with a cipher suite without encryption or "
             "authentication, or with RC4, DES or 3DES, or a Diffie-Hellman group of less than 2048 bits. Once for a "
             "server and issue in a day. On port 25 low, and info where only the authentication is missing.",
    .traps =
        "A single old client brings it about at a server that would do better with others: see who it was. On port 25 "
        "servers take what they get, and weak TLS is still more than none. Handshakes that fail do not count.",
    .advice = "Allow TLS 1.2 and 1.3 only, at least on the ports where people log in.",
    .kinds = KINDS(tls),
    .data_size = sizeof(struct weak),
    .window = 24 * 3600 * CLOCK_S,
    .see = see,
    .tell = tell,
};
