/* STARTTLS taken out of a server's offer on the way (RFC 3207 section 6): masked keywords, or an offer that is missing
   for clients that had it before. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

enum { SITES }; /* of a server: networks that saw the offer */

struct stripped { /* of a server ("offer"), of a server and a network, of a finding ("") */
    uint64_t masked, missing, preauth, offers;
    int64_t offered_last;
    struct host site_last; /* that saw the offer last */
};

#define RECENTLY (3600 * CLOCK_S)

/* XXXXXXXA and its like: what boxes that mask ESMTP leave of a keyword. */
static bool is_masked(struct bytes word)
{
    size_t run = 0;
    while (run < word.len && word.data[run] == 'X')
        run++;
    return run >= 4 && (run == word.len || (run + 1 == word.len && byte_is_letter(word.data[run])));
}

/* 220 ****************02*: a greeting of which the same boxes leave asterisks, and 2, 0. */
static bool is_masked_banner(struct bytes banner)
{
    size_t stars = 0;
    for (size_t i = 0; i < banner.len; i++) {
        if (!memchr("*20 ", banner.data[i], 4))
            return false;
        stars += banner.data[i] == '*';
    }
    return stars >= 8;
}

static bool looks_masked(const struct seen *s, struct bytes *what)
{
    struct entry e;
    for (size_t at = 0; seen_next(s, F_session_caps, &at, &e);) {
        struct bytes rest = e.text;
        *what = bytes_word(&rest);
        if (is_masked(*what))
            return true;
    }
    size_t count = 0;
    const struct seen_command *commands = NULL;
    if (seen_may_have(s, is_masked))
        commands = seen_commands(s, &count);
    for (size_t i = 0; i < count; i++) {
        *what = commands[i].verb; /* XXXXXXXX was STARTTLS */
        if (is_masked(*what) && what->len == 8 && !commands[i].arg.len && commands[i].code >= 500)
            return true;
    }
    *what = seen_text(s, F_session_banner);
    return is_masked_banner(*what);
}

enum sign { SIGN_MASKED, SIGN_MISSING, SIGN_PREAUTH };

static void speak(struct watch *w, const struct seen *s, enum sign sign, struct bytes what)
{
    struct key key = {.client = &s->client, .server = &s->server};
    struct profile *e = profile_get(w, &key, s);
    struct stripped *x = profile_data(e);
    profile_event(w, e, s, s->end);
    enum confidence confidence = CONFIDENCE_LOW;
    switch (sign) {
    case SIGN_MASKED:
        x->masked++;
        profile_evidence(w, e, s, s->ts, s->frame, "masked on the way: %.*s", SHOWN(what));
        /* Some servers hide their greeting themselves. */
        confidence = what.len && what.data[0] == 'X' ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
        break;
    case SIGN_MISSING:
        x->missing++;
        profile_evidence(w, e, s, s->ts, s->frame,
                         "no STARTTLS among the capabilities, which this network was offered before");
        break;
    case SIGN_PREAUTH:
        x->preauth++;
        profile_evidence(w, e, s, s->ts, s->frame, "greeted with %.*s, behind which there is no STARTTLS", SHOWN(what));
        confidence = CONFIDENCE_MEDIUM;
        break;
    }
    profile_alert(w, e, SEVERITY_HIGH, confidence);
}

static struct profile *of_site(struct watch *w, const struct seen *s, const struct host *site, bool make)
{
    uint8_t port[2] = {(uint8_t)(s->server_port >> 8), (uint8_t)s->server_port};
    struct key key = {.client = site, .server = &s->server, .name = bytes_of(port, sizeof port)};
    return make ? profile_get(w, &key, s) : profile_find(w, &key);
}

/* IMAP's PREAUTH: logged in from the first, so that STARTTLS is no more allowed (RFC 9051 section 6.2.1). */
static bool is_preauth(const struct seen *s, struct bytes *what)
{
    struct bytes rest = seen_text(s, F_session_banner);
    *what = bytes_word(&rest);
    return bytes_equal(s->proto, BYTES("imap")) && bytes_equal_nocase(*what, BYTES("PREAUTH")) &&
           !seen_is(s, F_session_starttls, "implicit") && !seen_has(s, F_all_decrypted);
}

static void see(struct watch *w, const struct seen *s)
{
    struct host site = host_site(&s->client);
    struct bytes what;
    bool caps = seen_has(s, F_session_caps),
         whole = !(s->quality & (QUALITY_GAP | QUALITY_ONE_SIDED | QUALITY_MIDSTREAM));
    bool offered = seen_is(s, F_session_starttls, "offered") || seen_is(s, F_session_starttls, "accepted");
    if (whole && !offered && is_preauth(s, &what) && !host_near(&s->client, &s->server)) {
        struct profile *known = of_site(w, s, NULL, false);
        if (known && ((struct stripped *)profile_data(known))->offers)
            speak(w, s, SIGN_PREAUTH, what);
        return;
    }
    if (!caps)
        return;
    if (!offered && looks_masked(s, &what)) {
        speak(w, s, SIGN_MASKED, what);
        return;
    }
    struct profile *server = of_site(w, s, NULL, true);
    struct stripped *all = profile_data(server);
    if (offered) {
        all->offers++;
        profile_add(w, server, SITES, tally_host(&site));
        all->offered_last = s->end;
        all->site_last = site;
        struct profile *one = of_site(w, s, &site, true);
        ((struct stripped *)profile_data(one))->offers++;
        return;
    }
    bool told = seen_is(s, F_session_starttls, "not_offered") && !seen_has(s, F_session_caps_unsure) && whole;
    if (!told || all->offers < 3 || profile_distinct(server, SITES) < 2 || s->end - all->offered_last > RECENTLY ||
        host_equal(&all->site_last, &site) || host_near(&s->client, &s->server))
        return;
    if (of_site(w, s, &site, false))
        speak(w, s, SIGN_MISSING, (struct bytes){NULL, 0});
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct stripped *x = profile_data_of(e);
    (void)w;
    f->subject = SUBJECT_SERVER_IP;
    finding_detail(f, "masked", x->masked);
    finding_detail(f, "missing", x->missing);
    finding_detail(f, "preauth", x->preauth);
    if (x->masked)
        snprintf(f->reason, sizeof f->reason,
                 "what the server says arrives masked, %" PRIu64 " time%s: STARTTLS cannot be used", x->masked,
                 x->masked == 1 ? "" : "s");
    else if (x->preauth > x->missing)
        snprintf(f->reason, sizeof f->reason,
                 "the server's greeting says PREAUTH, %" PRIu64
                 " time%s, so that STARTTLS, which it offers otherwise, cannot be used",
                 x->preauth, x->preauth == 1 ? "" : "s");
    else
        snprintf(f->reason, sizeof f->reason,
                 "STARTTLS is missing, %" PRIu64
                 " time%s, for a network that was offered it before, while others are still",
                 x->missing, x->missing == 1 ? "" : "s");
}

const struct detector starttls_stripped_detector = {
    .name = "starttls_stripped",
    .family = "tls",
    .number = 7700401,
    .revision = 1,
    .title = "STARTTLS taken out of the offer",
    .category = "encryption",
    .severity = SEVERITY_HIGH,
    .mitre = "T1557 T1040",
    .references = "RFC 3207 section 6,RFC 8314,RFC 8461,RFC 7672",
    .means = "Something between client and server takes STARTTLS out of what the server offers, so that mail and "
             "passwords travel in clear. Some firewalls do so unasked; an attacker does it on purpose.",
    .proof =
        "Keywords of X alone, as XXXXXXXA, in the server's offer or the client's line (high confidence), or a "
        "greeting of asterisks with an offer that has no STARTTLS (medium). Or the offer is missing for a network "
        "that had it within the last hours, while another network has it still. Or IMAP greets a client elsewhere with "
        "PREAUTH, behind which there is no STARTTLS, where it offered that to others (medium).",
    .traps = "Maintenance takes the offer from all: not told. A reply that a gap cut, HELO in place of EHLO, and hosts "
             "of the server's own network do not count. Servers may have a policy per network: confidence is low.",
    .advice =
        "Turn off the inspection of ESMTP on the firewall (Cisco: no inspect esmtp, or allow-tls). Compare the offer "
        "at the server itself.",
    .kinds = KINDS(session),
    .data_size = sizeof(struct stripped),
    .window = 24 * 3600 * CLOCK_S,
    .see = see,
    .tell = tell,
};
