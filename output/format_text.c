/* Records for people who watch: a line each, as tcpdump has a line per packet: time (UTC), protocol, client > server,
   what happened. Text from the wire stands between quotes or angle brackets, neutralised. */
#include "fields.h"
#include "format.h"
#include "plain.h"

#include "base/clock.h"

#include <inttypes.h>

#define ADDRESS_COLUMNS 64
#define WORD_COLUMNS    40
#define TEXT_COLUMNS    72

struct text {
    struct fields fields, group;
    bool colour;
    struct buf *out;
    const struct record *record;
};

enum colour { DIM, BOLD, GOOD, WARN, BAD, OFF };

static void colour(struct text *t, enum colour c)
{
    static const char *const codes[] = {"\033[2m", "\033[1m", "\033[32m", "\033[33m", "\033[31m", "\033[0m"};
    if (t->colour)
        buf_add_string(t->out, codes[c]);
}

static void coloured(struct text *t, enum colour c, struct bytes text)
{
    colour(t, c);
    plain_add(t->out, text, WORD_COLUMNS);
    colour(t, OFF);
}

static void put(struct text *t, const char *text)
{
    buf_add_string(t->out, text);
}

/* "3 recipients", "1 recipient" */
static void put_count(struct text *t, uint64_t n, const char *what)
{
    plain_add_number(t->out, n);
    buf_printf(t->out, " %s%s", what, n == 1 ? "" : "s");
}

static void put_quoted(struct text *t, struct bytes text)
{
    plain_add_quoted(t->out, text, TEXT_COLUMNS);
}

static void put_address(struct text *t, struct bytes address)
{
    put(t, "<");
    plain_add(t->out, address, ADDRESS_COLUMNS);
    put(t, ">");
}

static void put_endpoint(struct text *t, enum field ip, enum field port)
{
    struct bytes address = fields_text(&t->fields, ip);
    bool v6 = bytes_index(address, ':') < address.len;
    put(t, v6 ? "[" : "");
    plain_add(t->out, address, ADDRESS_COLUMNS);
    buf_printf(t->out, "%s:%" PRIu64, v6 ? "]" : "", fields_number(&t->fields, port));
}

static void put_envelope(struct text *t)
{
    char time[CLOCK_TEXT_SIZE];
    clock_format((int64_t)fields_number(&t->fields, F_all_ts), time);
    colour(t, DIM);
    buf_add(t->out, bytes_of(time + 11, 15)); /* the time of day */
    colour(t, OFF);
    put(t, " ");
    if (!fields_has(&t->fields, F_all_client_port))
        return; /* about no connection, or about several */
    plain_add(t->out, fields_text(&t->fields, F_all_proto), WORD_COLUMNS);
    put(t, " ");
    put_endpoint(t, F_all_client_ip, F_all_client_port);
    if (fields_has(&t->fields, F_all_proxied_client_ip)) {
        put(t, " for ");
        plain_add(t->out, fields_text(&t->fields, F_all_proxied_client_ip), ADDRESS_COLUMNS);
    }
    put(t, " > ");
    put_endpoint(t, F_all_server_ip, F_all_server_port);
    put(t, " ");
}

/* ", gap one_sided": what makes the record less certain. */
static void put_quality(struct text *t)
{
    struct entry e;
    const char *before = "; ";
    for (size_t at = 0; fields_item(t->record, F_all_quality, &at, &e); before = ", ") {
        put(t, before);
        coloured(t, WARN, e.text);
    }
}

/* "BEFOREname 2, name 5" of one COUNTS, those of 0 left out. */
static void put_counts(struct text *t, enum field f, const char *before, enum colour c)
{
    struct entry e;
    for (size_t at = 0; fields_item(t->record, f, &at, &e);) {
        if (!e.number)
            continue;
        put(t, before);
        coloured(t, c, e.text);
        put(t, " ");
        plain_add_number(t->out, e.number);
        before = ", ";
    }
}

static enum colour verdict_colour(struct bytes verdict)
{
    if (bytes_equal(verdict, BYTES("accepted")) || bytes_equal(verdict, BYTES("success")))
        return GOOD;
    return bytes_equal(verdict, BYTES("rejected")) || bytes_equal(verdict, BYTES("failure")) ? BAD : WARN;
}

static void put_session(struct text *t)
{
    const struct fields *f = &t->fields;
    struct entry e;
    uint64_t commands = 0;
    for (size_t at = 0; fields_item(t->record, F_session_verbs, &at, &e);)
        commands += e.number;
    if (!fields_has(f, F_session_verbs))
        commands = fields_items(f, F_session_commands);
    colour(t, BOLD);
    put(t, "session");
    colour(t, OFF);
    if (fields_has(f, F_session_part))
        buf_printf(t->out, " part %" PRIu64, fields_number(f, F_session_part));
    put(t, ": ");
    if (fields_has(f, F_session_helo)) {
        plain_add(t->out, fields_text(f, F_session_helo_verb), WORD_COLUMNS);
        put(t, " ");
        put_quoted(t, fields_text(f, F_session_helo));
        put(t, ", ");
    }
    put_count(t, commands, "command");
    put(t, ", ");
    put_count(t, fields_number(f, F_session_messages), "message");
    put(t, ", ");
    plain_add_size(t->out, fields_number(f, F_session_bytes_c2s));
    put(t, " > ");
    plain_add_size(t->out, fields_number(f, F_session_bytes_s2c));
    put(t, " <, ");
    plain_add_duration(t->out, fields_number(f, F_session_duration_us));
    if (fields_has(f, F_session_close)) {
        put(t, ", closed by ");
        plain_add(t->out, fields_text(f, F_session_close), WORD_COLUMNS);
    }
    if (fields_has(f, F_session_starttls)) {
        put(t, ", starttls ");
        plain_add(t->out, fields_text(f, F_session_starttls), WORD_COLUMNS);
    }
    put(t, ", ");
    coloured(t, fields_is(f, F_session_visibility, "full") ? GOOD : WARN, fields_text(f, F_session_visibility));
    put_quality(t);
    put_counts(t, F_session_anomalies, "; noted ", WARN);
}

/* "<a@example> accepted, <b@example> rejected 550 5.1.1, and 3 more" */
static void put_recipients(struct text *t)
{
    unsigned listed = 0;
    struct fields *g = &t->group;
    for (size_t at = 0; listed < 3 && fields_group(g, t->record, F_message_rcpt, &at); listed++) {
        put(t, listed ? ", " : " to ");
        put_address(t, fields_text(g, F_rcpt_addr));
        struct bytes verdict = fields_text(g, F_rcpt_verdict);
        if (!verdict.len || bytes_equal(verdict, BYTES("accepted")))
            continue;
        put(t, " ");
        coloured(t, verdict_colour(verdict), verdict);
        enum field code = fields_has(g, F_rcpt_final_code) ? F_rcpt_final_code : F_rcpt_code;
        if (fields_has(g, code))
            buf_printf(t->out, " %" PRIu64, fields_number(g, code));
    }
    uint64_t all = fields_items(&t->fields, F_message_rcpt) + fields_number(&t->fields, F_message_rcpt_omitted);
    if (all > listed) {
        put(t, " and ");
        plain_add_number(t->out, all - listed);
        put(t, " more");
    }
}

static void put_message(struct text *t)
{
    const struct fields *f = &t->fields;
    colour(t, BOLD);
    put(t, "message ");
    buf_printf(t->out, "%" PRIu64, fields_number(f, F_message_index));
    colour(t, OFF);
    put(t, " ");
    plain_add(t->out, fields_text(f, F_message_via), WORD_COLUMNS);
    put(t, ":");
    if (fields_has(f, F_message_mailbox)) {
        put(t, " in ");
        put_quoted(t, fields_text(f, F_message_mailbox));
    }
    if (fields_has(f, F_message_mail_from)) {
        put(t, " from ");
        put_address(t, fields_text(f, F_message_mail_from));
    } else if (fields_has(f, F_message_from)) {
        put(t, " from ");
        put_quoted(t, fields_text(f, F_message_from));
    }
    put_recipients(t);
    if (fields_has(f, F_message_verdict)) {
        put(t, ", ");
        coloured(t, verdict_colour(fields_text(f, F_message_verdict)), fields_text(f, F_message_verdict));
        if (fields_has(f, F_message_code))
            buf_printf(t->out, " %" PRIu64, fields_number(f, F_message_code));
    }
    if (fields_has(f, F_message_size)) {
        put(t, ", ");
        plain_add_size(t->out, fields_number(f, F_message_size));
        if (fields_has(f, F_message_complete) && !fields_number(f, F_message_complete))
            put(t, " (cut)");
    }
    if (fields_has(f, F_message_subject)) {
        put(t, ", ");
        put_quoted(t, fields_text(f, F_message_subject));
    }
    if (fields_has(f, F_message_smuggled)) {
        put(t, ", ");
        coloured(t, BAD, BYTES("smuggled"));
    }
    put_quality(t);
}

static void put_auth(struct text *t)
{
    const struct fields *f = &t->fields;
    colour(t, BOLD);
    put(t, "auth ");
    colour(t, OFF);
    plain_add(t->out, fields_text(f, F_auth_mech), WORD_COLUMNS);
    if (fields_has(f, F_auth_user)) {
        put(t, " user ");
        put_quoted(t, fields_text(f, F_auth_user));
    }
    put(t, ": ");
    coloured(t, verdict_colour(fields_text(f, F_auth_result)), fields_text(f, F_auth_result));
    if (fields_has(f, F_auth_failure_kind)) {
        put(t, " (");
        plain_add(t->out, fields_text(f, F_auth_failure_kind), WORD_COLUMNS);
        put(t, ")");
    }
    if (fields_has(f, F_auth_code))
        buf_printf(t->out, " %" PRIu64, fields_number(f, F_auth_code));
    if (fields_has(f, F_auth_text)) {
        put(t, " ");
        put_quoted(t, fields_text(f, F_auth_text));
    }
    if (fields_has(f, F_auth_cleartext_secret)) {
        put(t, ", ");
        coloured(t, BAD, BYTES("secret in clear"));
    }
    put_quality(t);
}

static void put_tls(struct text *t)
{
    const struct fields *f = &t->fields;
    colour(t, BOLD);
    put(t, "tls ");
    colour(t, OFF);
    plain_add(t->out, fields_text(f, F_tls_how), WORD_COLUMNS);
    put(t, ": ");
    if (fields_has(f, F_tls_version)) {
        plain_add(t->out, fields_text(f, F_tls_version), WORD_COLUMNS);
        put(t, ", ");
    }
    if (fields_has(f, F_tls_sni)) {
        put(t, "to ");
        plain_add(t->out, fields_text(f, F_tls_sni), TEXT_COLUMNS);
        put(t, ", ");
    }
    bool ok = fields_number(f, F_tls_established);
    coloured(t, ok ? GOOD : WARN, ok ? BYTES("established") : BYTES("not established"));
    if (fields_has(f, F_tls_alert)) {
        put(t, ", ");
        plain_add(t->out, fields_text(f, F_tls_alert_from), WORD_COLUMNS);
        put(t, " says ");
        plain_add(t->out, fields_text(f, F_tls_alert), WORD_COLUMNS);
    }
    put(t, ", ");
    plain_add_size(t->out, fields_number(f, F_tls_bytes_c2s));
    put(t, " > ");
    plain_add_size(t->out, fields_number(f, F_tls_bytes_s2c));
    put(t, " <");
    put_quality(t);
}

static void put_alert(struct text *t)
{
    const struct fields *f = &t->fields;
    struct bytes severity = fields_text(f, F_alert_severity);
    colour(t, BOLD);
    put(t, "alert ");
    colour(t, OFF);
    bool loud = bytes_equal(severity, BYTES("high")) || bytes_equal(severity, BYTES("critical"));
    coloured(t, loud ? BAD : bytes_equal(severity, BYTES("medium")) ? WARN : OFF, severity);
    put(t, " ");
    plain_add(t->out, fields_text(f, F_alert_rule), WORD_COLUMNS);
    if (!fields_is(f, F_alert_state, "new")) {
        put(t, " (");
        plain_add(t->out, fields_text(f, F_alert_state), WORD_COLUMNS);
        put(t, ")");
    }
    struct fields *g = &t->group;
    size_t at = 0;
    if (fields_group(g, t->record, F_alert_entity, &at)) {
        put(t, " ");
        plain_add(t->out, fields_text(g, F_entity_kind), WORD_COLUMNS);
        put(t, " ");
        plain_add(t->out, fields_text(g, F_entity_value), ADDRESS_COLUMNS);
    }
    put(t, ": ");
    plain_add(t->out, fields_text(f, F_alert_reason), 4 * TEXT_COLUMNS);
    put_quality(t);
}

static void put_stats(struct text *t)
{
    colour(t, BOLD);
    put(t, fields_number(&t->fields, F_stats_final) ? "stats, in all" : "stats");
    colour(t, OFF);
    if (fields_has(&t->fields, F_stats_interval_us)) {
        put(t, ", ");
        plain_add_duration(t->out, fields_number(&t->fields, F_stats_interval_us));
    }
    put_counts(t, F_stats_capture, ": capture ", OFF);
    put_counts(t, F_stats_flows, "; flows ", OFF);
    put_counts(t, F_stats_records, "; records ", OFF);
    put_counts(t, F_stats_errors, "; errors ", WARN);
    put_counts(t, F_stats_memory, "; memory ", OFF);
}

static void text_open(void *state, bool with_colour)
{
    struct text *t = state;
    t->colour = with_colour;
}

static void text_record(void *state, const struct record *r, struct buf *out)
{
    struct text *t = state;
    size_t start = out->len;
    bool cut_before = out->cut;
    out->cut = false;
    t->out = out;
    t->record = r;
    fields_read(&t->fields, r);
    put_envelope(t);
    switch (record_kind(r)) {
    case KIND_session:
        put_session(t);
        break;
    case KIND_message:
        put_message(t);
        break;
    case KIND_auth:
        put_auth(t);
        break;
    case KIND_tls:
        put_tls(t);
        break;
    case KIND_alert:
        put_alert(t);
        break;
    case KIND_stats:
        put_stats(t);
        break;
    }
    put(t, "\n");
    if (out->cut)
        out->len = start;
    out->cut |= cut_before;
}

static void text_finish(void *state, struct buf *out)
{
    (void)state;
    (void)out;
}

const struct format format_text = {
    .name = "text",
    .doc = "one line per record, for people",
    .state_size = sizeof(struct text),
    .colour = true,
    .open = text_open,
    .record = text_record,
    .finish = text_finish,
};
