/* A client that speaks HTTP to a mail server: a browser or a service made to send mail (RFC 9110 has the methods). */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

struct cross {
    uint64_t lines, taken; /* commands of mail behind them that the server accepted */
};

static bool is_method(struct bytes verb)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "PATCH", "TRACE"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (bytes_equal(verb, bytes_of_string(methods[i])))
            return true;
    return false;
}

static bool is_mail(struct bytes verb)
{
    return bytes_equal(verb, BYTES("MAIL")) || bytes_equal(verb, BYTES("RCPT")) || bytes_equal(verb, BYTES("DATA")) ||
           bytes_equal(verb, BYTES("AUTH")) || bytes_equal(verb, BYTES("RETR"));
}

static void see(struct watch *w, const struct seen *s)
{
    struct key key = {.client = &s->client, .server = &s->server};
    struct profile *e = NULL;
    if (bytes_equal(s->proto, BYTES("imap")))
        return; /* the first word of a line is a tag there */
    if (!seen_may_have(s, is_method))
        return;
    size_t count;
    const struct seen_command *commands = seen_commands(s, &count);
    for (size_t i = 0; i < count; i++) {
        const struct seen_command *c = &commands[i];
        if (is_method(c->verb) && (c->code >= 400 || !c->code) && !bytes_equal(c->result, BYTES("+OK"))) {
            if (!e)
                profile_event(w, e = profile_get(w, &key, s), s, c->when);
            ((struct cross *)profile_data(e))->lines++;
            profile_command(w, e, s, c);
        } else if (e && is_mail(c->verb) &&
                   ((c->code >= 200 && c->code < 400) || bytes_equal(c->result, BYTES("+OK")))) {
            ((struct cross *)profile_data(e))->taken++;
            profile_command(w, e, s, c);
        }
    }
    if (e)
        profile_alert(w, e, ((struct cross *)profile_data(e))->taken ? SEVERITY_MEDIUM : SEVERITY_LOW, CONFIDENCE_HIGH);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct cross *x = profile_data_of(e);
    (void)w;
    f->subject = SUBJECT_CLIENT_IP;
    finding_detail(f, "request_lines", x->lines);
    finding_detail(f, "mail_commands_accepted", x->taken);
    snprintf(f->reason, sizeof f->reason,
             "HTTP spoken to a mail server in %" PRIu64 " session%s; %" PRIu64
             " commands of mail behind it were accepted",
             f->count, f->count == 1 ? "" : "s", x->taken);
}

const struct detector cross_protocol_detector = {
    .name = "cross_protocol",
    .family = "mail",
    .number = 7700504,
    .revision = 1,
    .title = "HTTP spoken to a mail server",
    .category = "protocol",
    .severity = SEVERITY_LOW,
    .mitre = "T1190",
    .references = "RFC 9110",
    .means =
        "A request of HTTP reaches a mail server. Mostly a scanner; if commands of mail stand in it, somebody makes a "
        "browser or a web service send mail in his stead.",
    .proof =
        "A method of HTTP as the verb of a command that the server does not accept. Medium if it accepts commands of "
        "mail behind it.",
    .traps = "Scanners that look for web servers on every port.",
    .advice = "Let the server close the connection at such lines (Postfix: smtpd_forbidden_commands). Find out which "
              "service inside sends them.",
    .kinds = KINDS(session),
    .data_size = sizeof(struct cross),
    .window = 3600 * CLOCK_S,
    .see = see,
    .tell = tell,
};
