/* SMTP smuggling: commands behind an end of data that only some servers take for one (RFC 5321 section 4.1.1.4,
   CVE-2023-51764, CVE-2023-51765, CVE-2023-51766). The dissector has counted the replies; here it is judged. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const forms[] = {"LF.LF", "LF.CRLF", "CRLF.LF",      "LF.CR",      "CR.LF",
                                    "CR.CR", "CR.CRLF", "CRLFNUL.CRLF", "CRLF.CRCRLF"};
static const char *const honoured_names[] = {"lf_lf_honoured",   "lf_crlf_honoured",  "crlf_lf_honoured",
                                             "lf_cr_honoured",   "cr_lf_honoured",    "cr_cr_honoured",
                                             "cr_crlf_honoured", "crlf_nul_honoured", "crlf_crcrlf_honoured"};
static const char *const refused_names[] = {
    "lf_lf_not_honoured",   "lf_crlf_not_honoured",  "crlf_lf_not_honoured",
    "lf_cr_not_honoured",   "cr_lf_not_honoured",    "cr_cr_not_honoured",
    "cr_crlf_not_honoured", "crlf_nul_not_honoured", "crlf_crcrlf_not_honoured"};
enum { FORMS = sizeof forms / sizeof *forms };

struct smuggling {
    uint64_t candidates, attempts, honoured, smuggled;
    uint64_t honoured_forms[FORMS], refused_forms[FORMS]; /* what the server does with them */
};

struct odd_end {
    struct bytes form, verb, honoured;
    uint64_t commands;
};

static void read_end(const struct seen *s, size_t *at, struct odd_end *ret)
{
    struct entry e;
    *ret = (struct odd_end){0};
    while (record_next(s->record, at, &e) && !e.end) {
        if (e.field == F_eod_odd_form)
            ret->form = e.text;
        else if (e.field == F_eod_odd_verb)
            ret->verb = seen_clean(s, e.text);
        else if (e.field == F_eod_odd_honoured)
            ret->honoured = e.text;
        else if (e.field == F_eod_odd_commands)
            ret->commands = e.number;
    }
}

/* Commands that begin or shape another message. QUIT or NOOP behind it is what a careless program sends. */
static bool begins_message(struct bytes verb)
{
    static const char *const verbs[] = {"MAIL", "RCPT", "DATA", "EHLO", "HELO", "RSET", "XFORWARD", "XCLIENT", "BDAT"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (bytes_equal_nocase(verb, bytes_of_string(verbs[i])))
            return true;
    return false;
}

static void see(struct watch *w, const struct seen *s)
{
    struct key key = {.client = &s->client, .server = &s->server};
    struct entry begin;
    struct odd_end end;
    if (!seen_is_smtp(s) && !bytes_equal(s->proto, BYTES("lmtp")))
        return;
    bool clean = !(s->quality & (QUALITY_GAP | QUALITY_ONE_SIDED));
    for (size_t at = 0; seen_next(s, F_message_eod_odd, &at, &begin);) {
        read_end(s, &at, &end);
        bool honoured = bytes_equal(end.honoured, BYTES("yes")),
             known = honoured || bytes_equal(end.honoured, BYTES("no"));
        bool attempt = begins_message(end.verb) && end.commands >= 2;
        if (!attempt && (honoured || !end.verb.len || !clean))
            continue; /* a careless program, which is understood */
        struct profile *e = profile_get(w, &key, s);
        struct smuggling *x = profile_data(e);
        profile_event(w, e, s, s->end);
        *(attempt ? &x->attempts : &x->candidates) += 1;
        x->honoured += honoured;
        for (unsigned i = 0; i < FORMS; i++)
            if (known && bytes_equal(end.form, bytes_of_string(forms[i])))
                *(honoured ? &x->honoured_forms[i] : &x->refused_forms[i]) += 1;
        profile_evidence(w, e, s, s->ts, s->frame,
                         "%.*s, behind it %.*s and %" PRIu64 " commands in all: taken for the end: %.*s",
                         SHOWN(end.form), SHOWN(end.verb), end.commands, SHOWN(end.honoured));
        if (attempt)
            profile_alert(w, e, honoured && clean ? SEVERITY_CRITICAL : SEVERITY_HIGH,
                          clean && known ? CONFIDENCE_HIGH : CONFIDENCE_LOW);
        else
            profile_alert(w, e, SEVERITY_INFO, CONFIDENCE_LOW);
    }
    struct profile *e = seen_has(s, F_message_smuggled) ? profile_find(w, &key) : NULL;
    if (!e)
        return;
    struct smuggling *x = profile_data(e);
    x->smuggled++;
    profile_event(w, e, s, s->end);
    profile_evidence(w, e, s, s->ts, s->frame, "smuggled: MAIL FROM:<%.*s> -> content %.*s",
                     SHOWN(seen_text(s, F_message_mail_from)), SHOWN(seen_text(s, F_message_verdict)));
    profile_alert(w, e, SEVERITY_HIGH, CONFIDENCE_LOW);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct smuggling *x = profile_data_of(e);
    (void)w;
    f->subject = SUBJECT_CLIENT_IP;
    f->count = x->attempts + x->candidates;
    finding_detail(f, "candidates", x->candidates);
    finding_detail(f, "attempts", x->attempts);
    finding_detail(f, "honoured", x->honoured);
    finding_detail(f, "smuggled_messages", x->smuggled);
    for (unsigned i = 0; i < FORMS; i++) {
        finding_detail(f, honoured_names[i], x->honoured_forms[i]);
        finding_detail(f, refused_names[i], x->refused_forms[i]);
        f->distinct += x->honoured_forms[i] || x->refused_forms[i];
    }
    if (!x->attempts)
        snprintf(f->reason, sizeof f->reason,
                 "a command behind an end of data that is none, %" PRIu64 " time%s, no second message", x->candidates,
                 x->candidates == 1 ? "" : "s");
    else
        snprintf(f->reason, sizeof f->reason,
                 "commands behind an end of data that is none, %" PRIu64
                 " time%s; the server took it for the end %" PRIu64 " time%s",
                 x->attempts, x->attempts == 1 ? "" : "s", x->honoured, x->honoured == 1 ? "" : "s");
    size_t len = strlen(f->reason);
    if (x->smuggled) /* none yet, when the first end is told: what follows it is read later */
        snprintf(f->reason + len, sizeof f->reason - len, ", %" PRIu64 " message%s followed", x->smuggled,
                 x->smuggled == 1 ? "" : "s");
}

const struct detector smtp_smuggling_detector = {
    .name = "smtp_smuggling",
    .family = "smtp",
    .number = 7700501,
    .revision = 1,
    .title = "SMTP smuggling",
    .category = "protocol",
    .severity = SEVERITY_HIGH,
    .mitre = "T1684.002 T1566",
    .references = "RFC 5321 section 4.1.1.4,CVE-2023-51764,CVE-2023-51765,CVE-2023-51766",
    .means =
        "Inside a message stands what some servers take for its end, and behind it a second message. A server that "
        "takes it for the end accepts the second as if its client had sent it: with its rights and its good name.",
    .proof =
        "Behind an end of data other than CRLF.CRLF stand two commands or more that begin a message (high). Whether "
        "the server took it for the end is decided by counting its replies: if it did, critical. A single command "
        "there is a candidate: info. The details say which forms this server takes for the end, and which not.",
    .traps = "Programs that end lines with LF alone send such ends, but no further commands in one go. Messages that "
             "quote a dialogue have no bare line ends. Lost octets make it uncertain: confidence is then low.",
    .advice = "Postfix: smtpd_forbid_bare_newline = normalize, and reject_unauth_pipelining; update Exim and Sendmail. "
              "Look for the smuggled message by its evidence.",
    .kinds = KINDS(message),
    .data_size = sizeof(struct smuggling),
    .window = 3600 * CLOCK_S,
    .see = see,
    .tell = tell,
};
