/* SMTP smuggling: commands behind an end of data that only some servers take for one (RFC 5321 section 4.1.1.4,
   CVE-2023-51764, CVE-2023-51765, CVE-2023-51766). The dissector has counted the replies; here it is judged. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

enum { HONOURED, REFUSED }; /* sets: forms of ends */

struct smuggling {
    uint64_t attempts, honoured, smuggled;
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
        if (!begins_message(end.verb) || end.commands < 2)
            continue;
        struct profile *e = profile_get(w, &key, s);
        struct smuggling *x = profile_data(e);
        bool honoured = bytes_equal(end.honoured, BYTES("yes")),
             known = honoured || bytes_equal(end.honoured, BYTES("no"));
        profile_event(w, e, s, s->end);
        x->attempts++;
        x->honoured += honoured;
        profile_add(w, e, honoured ? HONOURED : REFUSED, tally_hash(end.form));
        profile_evidence(w, e, s, s->ts, s->frame,
                         "%.*s, behind it %.*s and %" PRIu64 " commands in all: taken for the end: %.*s",
                         SHOWN(end.form), SHOWN(end.verb), end.commands, SHOWN(end.honoured));
        profile_alert(w, e, honoured && clean ? SEVERITY_CRITICAL : SEVERITY_HIGH,
                      clean && known ? CONFIDENCE_HIGH : CONFIDENCE_LOW);
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
    f->count = x->attempts;
    f->distinct = profile_distinct(e, HONOURED) + profile_distinct(e, REFUSED);
    finding_detail(f, "attempts", x->attempts);
    finding_detail(f, "honoured", x->honoured);
    finding_detail(f, "smuggled_messages", x->smuggled);
    finding_detail(f, "forms_honoured", profile_distinct(e, HONOURED));
    finding_detail(f, "forms_not_honoured", profile_distinct(e, REFUSED));
    snprintf(f->reason, sizeof f->reason,
             "commands behind an end of data that is none, %" PRIu64 " time%s; the server took it for the end %" PRIu64
             " time%s, %" PRIu64 " message%s followed",
             x->attempts, x->attempts == 1 ? "" : "s", x->honoured, x->honoured == 1 ? "" : "s", x->smuggled,
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
    .mitre = "T1672 T1566",
    .references = "RFC 5321 section 4.1.1.4,CVE-2023-51764,CVE-2023-51765,CVE-2023-51766",
    .means =
        "Inside a message stands what some servers take for its end, and behind it a second message. A server that "
        "takes it for the end accepts the second as if its client had sent it: with its rights and its good name.",
    .proof =
        "Behind an end of data other than CRLF.CRLF stand two commands or more that begin a message (high). Whether "
        "the server took it for the end is decided by counting its replies: if it did, critical.",
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
