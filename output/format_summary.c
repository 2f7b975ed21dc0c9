/* What there was, in all: adds up records as they pass. The report is written at the end, by summary_report.c. */
#include "format.h"
#include "summary.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *const summary_protos[] = {"smtp", "lmtp", "pop3", "imap", "other"};
const char *const summary_results[] = {"success", "failure", "aborted", "unknown"};
const char *const summary_visibilities[] = {"full", "partial", "encrypted", "unrecognised"};
const char *const summary_qualities[] = {"gap", "one_sided", "midstream", "evicted", "overlap", "acks_unusable"};
const char *const summary_verdicts[] = {"accepted", "deferred", "rejected", "aborted", "unknown"};

/* The place of the word in the list, or `otherwise`. */
static size_t place_of(const char *const *words, size_t count, struct bytes word, size_t otherwise)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(word, bytes_of_string(words[i])))
            return i;
    return otherwise;
}

static enum summary_proto proto_of(const struct fields *f)
{
    return (enum summary_proto)place_of(summary_protos, SUMMARY_PROTOS, fields_text(f, F_all_proto), SUMMARY_OTHER);
}

static size_t verdict_of(const struct fields *f, enum field field)
{
    return place_of(summary_verdicts, SUMMARY_VERDICTS, fields_text(f, field), SUMMARY_V_UNKNOWN);
}

static bool is_smtp(enum summary_proto proto)
{
    return proto == SUMMARY_SMTP || proto == SUMMARY_LMTP;
}

static void word_copy(char *to, size_t size, struct bytes from)
{
    struct bytes part = bytes_part(from, 0, size - 1);
    if (part.len)
        memcpy(to, part.data, part.len);
    to[part.len] = '\0';
}

static bool word_is(const char *word, size_t size, struct bytes text)
{
    return bytes_equal(bytes_of_string(word), bytes_part(text, 0, size - 1));
}

static struct summary_verb *verb_of(struct summary *s, enum summary_proto proto, struct bytes name)
{
    for (size_t i = 0; i < s->verb_count; i++)
        if (s->verbs[i].proto == proto && word_is(s->verbs[i].name, sizeof s->verbs[i].name, name))
            return &s->verbs[i];
    if (s->verb_count == SUMMARY_VERBS)
        return NULL;
    struct summary_verb *v = &s->verbs[s->verb_count++];
    word_copy(v->name, sizeof v->name, name);
    v->proto = proto;
    return v;
}

static void add_reply(struct summary_verb *v, struct bytes reply)
{
    for (size_t i = 0; i < SUMMARY_REPLIES; i++) {
        struct summary_reply *r = &v->replies[i];
        if (!r->count)
            word_copy(r->name, sizeof r->name, reply);
        if (!r->count || word_is(r->name, sizeof r->name, reply)) {
            r->count++;
            return;
        }
    }
    v->other_replies++;
}

static void add_latency(struct summary_verb *v, uint64_t us)
{
    if (!v->latency)
        v->latency = memory_get(sizeof *v->latency);
    histogram_add(v->latency, us);
}

/* A command, or the content behind DATA, and its answer. */
static void add_exchange(struct summary *s, enum summary_proto proto, struct bytes verb, enum field code, bool timed)
{
    const struct fields *c = &s->group;
    struct summary_verb *v = verb_of(s, proto, verb);
    if (!v) {
        s->verbs_left_out++;
        return;
    }
    v->count++;
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, fields_number(c, code));
    add_reply(v, fields_has(c, code)               ? bytes_of_string(number)
                 : fields_has(c, F_command_result) ? fields_text(c, F_command_result)
                                                   : BYTES("none"));
    if (timed && fields_has(c, F_command_latency_us))
        add_latency(v, fields_number(c, F_command_latency_us));
}

static void add_commands(struct summary *s, const struct record *r, enum summary_proto proto)
{
    for (size_t at = 0; fields_group(&s->group, r, F_session_commands, &at);) {
        bool content = fields_has(&s->group, F_command_final_code);
        add_exchange(s, proto, fields_text(&s->group, F_command_verb), F_command_code, !content);
        if (content) /* the time of DATA is that of the answer to the content */
            add_exchange(s, proto, BYTES("(content)"), F_command_final_code, true);
    }
}

static void add_funnel(struct summary_funnel *funnel, const struct fields *f, const struct record *r)
{
    struct entry e;
    bool mail = fields_number(f, F_session_messages) > 0;
    for (size_t at = 0; !mail && fields_item(r, F_session_verbs, &at, &e);)
        mail = bytes_equal(e.text, BYTES("MAIL")) && e.number;
    funnel->sessions++;
    funnel->helo += fields_has(f, F_session_helo);
    funnel->tls += fields_is(f, F_session_starttls, "accepted") || fields_is(f, F_session_starttls, "implicit");
    funnel->login += fields_number(f, F_session_auth_ok) > 0;
    funnel->mail += mail;
    funnel->rcpt += fields_number(f, F_session_rcpt_ok) > 0;
}

static void add_key(struct topk *t, const struct fields *f, enum field ip, enum field port)
{
    struct bytes address = fields_text(f, ip);
    bool v6 = bytes_index(address, ':') < address.len;
    char key[TOPK_KEY_SIZE];
    if (port == FIELD_COUNT) {
        topk_add(t, address);
        return;
    }
    int len = snprintf(key, sizeof key, "%s%.*s%s:%" PRIu64, v6 ? "[" : "", (int)bytes_part(address, 0, 64).len,
                       address.len ? (const char *)address.data : "", v6 ? "]" : "", fields_number(f, port));
    topk_add(t, bytes_of(key, (size_t)len));
}

/* Who IMAP clients say they are, and what they opened. */
static void add_names(struct summary *s, const struct record *r)
{
    struct buf key;
    size_t at = 0;
    if (fields_group(&s->group, r, F_session_client_id, &at)) {
        buf_init(&key, TOPK_KEY_SIZE);
        buf_add(&key, fields_text(&s->group, F_imap_id_name));
        if (fields_has(&s->group, F_imap_id_version))
            buf_add_byte(&key, ' ');
        buf_add(&key, fields_text(&s->group, F_imap_id_version));
        topk_add(s->programs, buf_bytes(&key));
        buf_release(&key);
    }
    for (at = 0; fields_group(&s->group, r, F_session_opened, &at);)
        topk_add(s->mailbox_names, fields_text(&s->group, F_opening_mailbox));
}

static void add_session(struct summary *s, const struct record *r)
{
    const struct fields *f = &s->fields;
    enum summary_proto proto = proto_of(f);
    add_commands(s, r, proto);
    if (!fields_has(f, F_session_close)) /* a part: its counters stand in the last one again */
        return;
    struct summary_traffic *traffic = &s->traffic[proto];
    uint64_t c2s = fields_number(f, F_session_bytes_c2s), s2c = fields_number(f, F_session_bytes_s2c);
    traffic->sessions++;
    traffic->bytes_c2s += c2s;
    traffic->bytes_s2c += s2c;
    add_key(s->servers, f, F_all_server_ip, F_all_server_port);
    bool is_proxied = fields_has(f, F_all_proxied_client_ip);
    add_key(s->clients, f, is_proxied ? F_all_proxied_client_ip : F_all_client_ip, FIELD_COUNT);
    size_t visibility = place_of(summary_visibilities, SUMMARY_VISIBILITIES, fields_text(f, F_session_visibility),
                                 SUMMARY_UNRECOGNISED);
    s->visibility[visibility]++;
    s->visibility_octets[visibility] += c2s + s2c;
    s->missed_octets += fields_number(f, F_session_missed_c2s) + fields_number(f, F_session_missed_s2c);
    s->acked_unseen_octets +=
        fields_number(f, F_session_acked_unseen_c2s) + fields_number(f, F_session_acked_unseen_s2c);
    summary_mailboxes_add(s->mailboxes, f);
    add_names(s, r);
    if (is_smtp(proto))
        add_funnel(&s->funnel, f, r);
    struct entry e;
    for (size_t at = 0; fields_item(r, F_all_quality, &at, &e);) {
        size_t quality = place_of(summary_qualities, SUMMARY_QUALITIES, e.text, SUMMARY_QUALITIES);
        if (quality < SUMMARY_QUALITIES)
            s->quality[quality]++;
    }
    for (size_t at = 0; fields_item(r, F_session_anomalies, &at, &e);)
        for (size_t i = 0; i < NOTE_COUNT; i++)
            if (bytes_equal(e.text, bytes_of_string(note_infos[i].name)))
                s->notes[i] += e.number;
}

/* What stands behind the last @, in lower case. */
static void add_domain(struct topk *t, struct bytes address)
{
    uint8_t domain[TOPK_KEY_SIZE];
    size_t at = address.len;
    while (at && address.data[at - 1] != '@')
        at--;
    if (!at) {
        topk_add(t, BYTES("(no domain)"));
        return;
    }
    struct bytes part = bytes_part(address, at, sizeof domain);
    for (size_t i = 0; i < part.len; i++)
        domain[i] = byte_upper(part.data[i]) == part.data[i] && !byte_is_letter(part.data[i])
                        ? part.data[i]
                        : (uint8_t)(byte_upper(part.data[i]) | 0x20);
    topk_add(t, bytes_of(domain, part.len));
}

static void add_message(struct summary *s, const struct record *r)
{
    const struct fields *f = &s->fields;
    enum summary_proto proto = proto_of(f);
    bool content = !fields_is(f, F_message_via, "none"), rcpt_ok = false;
    s->traffic[proto].messages++;
    s->content_octets += fields_number(f, F_message_size);
    s->messages_cut += content && fields_has(f, F_message_complete) && !fields_number(f, F_message_complete);
    if (fields_has(f, F_message_mail_from)) {
        struct bytes sender = fields_text(f, F_message_mail_from);
        topk_add(s->senders, sender.len ? sender : BYTES("<>"));
    }
    for (size_t at = 0; fields_group(&s->group, r, F_message_rcpt, &at);) {
        size_t verdict = verdict_of(&s->group, F_rcpt_verdict);
        uint64_t code = fields_number(&s->group, F_rcpt_code);
        s->recipients[verdict]++;
        rcpt_ok |= verdict == SUMMARY_V_ACCEPTED || (code >= 200 && code < 300);
        add_domain(s->domains, fields_text(&s->group, F_rcpt_addr));
    }
    if (!is_smtp(proto))
        return;
    size_t verdict = verdict_of(f, F_message_verdict);
    s->verdicts[verdict]++;
    s->traffic[proto].accepted += verdict == SUMMARY_V_ACCEPTED;
    s->funnel.transactions++;
    s->funnel.with_rcpt += rcpt_ok;
    s->funnel.with_content += content;
    s->funnel.accepted += verdict == SUMMARY_V_ACCEPTED;
}

static void add_auth(struct summary *s)
{
    const struct fields *f = &s->fields;
    struct bytes mech = fields_text(f, F_auth_mech);
    size_t result = place_of(summary_results, SUMMARY_RESULTS, fields_text(f, F_auth_result), SUMMARY_UNKNOWN);
    struct summary_traffic *traffic = &s->traffic[proto_of(f)];
    traffic->logins += result == SUMMARY_SUCCESS;
    traffic->failed += result == SUMMARY_FAILURE;
    size_t i = 0;
    while (i < s->mech_count && !word_is(s->mechs[i].name, sizeof s->mechs[i].name, mech))
        i++;
    if (i == s->mech_count) {
        if (s->mech_count < SUMMARY_MECHS)
            s->mech_count++;
        else
            i--; /* the last place is for all the rest */
        word_copy(s->mechs[i].name, sizeof s->mechs[i].name, i + 1 < SUMMARY_MECHS ? mech : BYTES("(others)"));
    }
    s->mechs[i].results[result]++;
    if (fields_has(f, F_auth_cleartext_secret)) {
        s->mechs[i].clear++;
        add_key(s->clear_servers, f, F_all_server_ip, F_all_server_port);
    }
}

static void add_stats(struct summary *s, const struct record *r)
{
    static const enum field lists[] = {F_stats_capture, F_stats_flows, F_stats_errors};
    s->counter_count = 0; /* the last record counts since the start */
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct entry e;
        for (size_t at = 0; s->counter_count < SUMMARY_COUNTERS && fields_item(r, lists[i], &at, &e);) {
            struct summary_counter *c = &s->counters[s->counter_count++];
            *c = (struct summary_counter){.list = lists[i], .value = e.number};
            word_copy(c->name, sizeof c->name, e.text);
        }
    }
    struct entry e;
    for (size_t at = 0; fields_item(r, F_stats_records, &at, &e);)
        if (bytes_equal(e.text, BYTES("alerts_suppressed")))
            s->suppressed = e.number;
}

static void summary_open(void *state, bool colour)
{
    struct summary *s = state;
    s->colour = colour;
    s->mailboxes = summary_mailboxes_new();
    s->servers = topk_new(SUMMARY_PLACES);
    s->clients = topk_new(SUMMARY_PLACES);
    s->senders = topk_new(SUMMARY_PLACES);
    s->domains = topk_new(SUMMARY_PLACES);
    s->clear_servers = topk_new(SUMMARY_PLACES);
    s->programs = topk_new(SUMMARY_PLACES);
    s->mailbox_names = topk_new(SUMMARY_PLACES);
    s->alerts = topk_new(SUMMARY_PLACES);
}

static void add_time(struct summary *s)
{
    int64_t from = (int64_t)fields_number(&s->fields, F_all_ts), to = from;
    if (fields_has(&s->fields, F_all_end_ts))
        to = (int64_t)fields_number(&s->fields, F_all_end_ts);
    if (!s->any || from < s->first_ts)
        s->first_ts = from;
    if (!s->any || to > s->last_ts)
        s->last_ts = to;
    s->any = true;
}

static void summary_record(void *state, const struct record *r, struct buf *out)
{
    struct summary *s = state;
    (void)out;
    fields_read(&s->fields, r);
    switch (record_kind(r)) {
    case KIND_session:
        add_session(s, r);
        break;
    case KIND_message:
        add_message(s, r);
        break;
    case KIND_auth:
        add_auth(s);
        break;
    case KIND_tls:
        s->handshakes++;
        s->handshakes_failed += !fields_number(&s->fields, F_tls_established);
        s->tls_octets += fields_number(&s->fields, F_tls_bytes_c2s) + fields_number(&s->fields, F_tls_bytes_s2c);
        break;
    case KIND_alert:
        if (fields_is(&s->fields, F_alert_state, "new"))
            topk_add(s->alerts, fields_text(&s->fields, F_alert_rule));
        break;
    case KIND_stats:
        add_stats(s, r);
        return;
    }
    add_time(s);
}

static void summary_finish(void *state, struct buf *out)
{
    struct summary *s = state;
    summary_write(s, out);
    summary_mailboxes_free(s->mailboxes);
    topk_free(s->servers);
    topk_free(s->clients);
    topk_free(s->senders);
    topk_free(s->domains);
    topk_free(s->clear_servers);
    topk_free(s->programs);
    topk_free(s->mailbox_names);
    topk_free(s->alerts);
    for (size_t i = 0; i < s->verb_count; i++)
        free(s->verbs[i].latency);
}

const struct format format_summary = {
    .name = "summary",
    .doc = "a report at the end, for people",
    .state_size = sizeof(struct summary),
    .colour = true,
    .open = summary_open,
    .record = summary_record,
    .finish = summary_finish,
};
