/* The report of the summary: sections of aligned columns, the busiest first; sections without content are left out. */
#include "plain.h"
#include "summary.h"
#include "table.h"

#include "base/clock.h"

#include <stdlib.h>

#define INDENT        2
#define TOP           8
#define ALERTS        40 /* more than there are rules */
#define KEY_COLUMNS   34
#define VERB_ROWS     32
#define VERB_COLUMNS  18
#define REPLY_COLUMNS 36
#define BAR_COLUMNS   30

struct report {
    const struct summary *s;
    struct buf *out;
    const char *bold, *red, *off;
};

static void heading(struct report *r, const char *title)
{
    buf_printf(r->out, "\n%s%s%s\n", r->bold, title, r->off);
}

static void finish_table(struct report *r, struct table *t)
{
    table_write(t, r->out, INDENT, "", "");
    table_release(t);
}

static void put_share(struct buf *out, uint64_t part, uint64_t whole)
{
    if (whole)
        buf_printf(out, "%.1f %%", 100.0 * (double)part / (double)whole);
}

static void headings(struct table *t, const char *const *names)
{
    for (size_t i = 0; i < t->columns; i++)
        table_text(t, names[i]);
}

static void write_title(struct report *r)
{
    const struct summary *s = r->s;
    if (!s->any) {
        buf_printf(r->out, "%sMail traffic%s\n  no mail was seen\n", r->bold, r->off);
        return;
    }
    char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
    clock_format(s->first_ts, from);
    clock_format(s->last_ts, to);
    bool one_day = !memcmp(from, to, 10);
    buf_printf(r->out, "%sMail traffic%s\n  %.10s %.8s to %.*s%s%.8s UTC (", r->bold, r->off, from, from + 11,
               one_day ? 0 : 10, to, one_day ? "" : " ", to + 11);
    plain_add_duration(r->out, ((uint64_t)s->last_ts - (uint64_t)s->first_ts) / 1000);
    buf_add_string(r->out, ")\n");
}

static void traffic_row(struct table *t, const char *name, const struct summary_traffic *x)
{
    table_text(t, name);
    table_number(t, x->sessions);
    table_number(t, x->messages);
    table_number(t, x->accepted);
    table_number(t, x->logins);
    table_number(t, x->failed);
    plain_add_size(table_cell(t), x->bytes_c2s);
    plain_add_size(table_cell(t), x->bytes_s2c);
}

static void write_traffic(struct report *r)
{
    static const char *const names[] = {"",       "sessions",      "messages",    "accepted",
                                        "logins", "failed logins", "from client", "from server"};
    struct summary_traffic all = {0};
    struct table t;
    size_t rows = 0;
    table_init(&t, "lrrrrrrr");
    headings(&t, names);
    for (size_t i = 0; i < SUMMARY_PROTOS; i++) {
        const struct summary_traffic *x = &r->s->traffic[i];
        if (!x->sessions && !x->messages && !x->logins && !x->failed)
            continue;
        traffic_row(&t, summary_protos[i], x);
        rows++;
        all.sessions += x->sessions;
        all.messages += x->messages;
        all.accepted += x->accepted;
        all.logins += x->logins;
        all.failed += x->failed;
        all.bytes_c2s += x->bytes_c2s;
        all.bytes_s2c += x->bytes_s2c;
    }
    if (rows > 1)
        traffic_row(&t, "all", &all);
    heading(r, "By protocol");
    finish_table(r, &t);
}

static void funnel_row(struct table *t, const char *name, uint64_t n, uint64_t whole)
{
    table_text(t, name);
    table_number(t, n);
    put_share(table_cell(t), n, whole);
    struct buf *bar = table_cell(t);
    uint64_t len = whole ? (uint64_t)((double)n / (double)whole * BAR_COLUMNS + 0.5) : 0;
    for (uint64_t i = 0; i < len && i < BAR_COLUMNS; i++)
        buf_add_string(bar, "\xe2\x96\x88");
}

static void write_funnel(struct report *r)
{
    const struct summary_funnel *f = &r->s->funnel;
    if (!f->sessions && !f->transactions)
        return;
    struct table t;
    table_init(&t, "lrrl");
    if (f->sessions) {
        funnel_row(&t, "sessions", f->sessions, f->sessions);
        funnel_row(&t, "  HELO, EHLO or LHLO", f->helo, f->sessions);
        funnel_row(&t, "  TLS", f->tls, f->sessions);
        funnel_row(&t, "  logged in", f->login, f->sessions);
        funnel_row(&t, "  MAIL", f->mail, f->sessions);
        funnel_row(&t, "  recipient accepted", f->rcpt, f->sessions);
    }
    if (f->transactions) {
        funnel_row(&t, "transactions", f->transactions, f->transactions);
        funnel_row(&t, "  recipient accepted", f->with_rcpt, f->transactions);
        funnel_row(&t, "  content sent", f->with_content, f->transactions);
        funnel_row(&t, "  accepted", f->accepted, f->transactions);
    }
    heading(r, "How far SMTP and LMTP got (what TLS hides is not counted)");
    finish_table(r, &t);
}

static void write_verdicts(struct report *r)
{
    static const char *const names[] = {"", "accepted", "deferred", "rejected", "aborted", "unknown"};
    uint64_t all = 0;
    for (size_t i = 0; i < SUMMARY_VERDICTS; i++)
        all += r->s->verdicts[i] + r->s->recipients[i];
    if (!all)
        return;
    struct table t;
    table_init(&t, "lrrrrr");
    headings(&t, names);
    table_text(&t, "transactions");
    for (size_t i = 0; i < SUMMARY_VERDICTS; i++)
        table_number(&t, r->s->verdicts[i]);
    table_text(&t, "recipients");
    for (size_t i = 0; i < SUMMARY_VERDICTS; i++)
        table_number(&t, r->s->recipients[i]);
    heading(r, "Verdicts");
    finish_table(r, &t);
}

/* "~12,034" where the count may be too high. */
static void top_cells(struct table *t, const char *indent, const struct topk_entry *entries, size_t count, size_t at)
{
    if (at >= count) {
        table_cell(t);
        table_cell(t);
        return;
    }
    struct buf *out = table_cell(t);
    buf_add_string(out, indent);
    plain_add(out, entries[at].key, KEY_COLUMNS);
    out = table_cell(t);
    if (entries[at].over)
        buf_add_byte(out, '~');
    plain_add_number(out, entries[at].count);
}

/* Two lists side by side. */
static void write_top(struct report *r, const char *const names[4], const struct topk *left, const struct topk *right)
{
    struct topk_entry a[TOP], b[TOP];
    size_t a_count = topk_top(left, a, TOP), b_count = topk_top(right, b, TOP);
    if (!a_count && !b_count)
        return;
    struct table t;
    table_init(&t, "lrllr");
    for (size_t i = 0; i < 2; i++)
        table_text(&t, names[i]);
    table_cell(&t);
    for (size_t i = 2; i < 4; i++)
        table_text(&t, names[i]);
    for (size_t i = 0; i < a_count || i < b_count; i++) {
        top_cells(&t, "  ", a, a_count, i);
        table_cell(&t);
        top_cells(&t, "  ", b, b_count, i);
    }
    buf_add_byte(r->out, '\n');
    table_write(&t, r->out, 0, r->bold, r->off);
    table_release(&t);
}

static void write_mailboxes(struct report *r)
{
    struct table t;
    table_init(&t, "lrr");
    summary_mailboxes_rows(r->s->mailboxes, &t);
    if (t.cells)
        heading(r, "Mailboxes");
    finish_table(r, &t);
}

static int by_proto_and_count(const void *a, const void *b)
{
    const struct summary_verb *x = *(const struct summary_verb *const *)a, *y = *(const struct summary_verb *const *)b;
    if (x->proto != y->proto)
        return x->proto < y->proto ? -1 : 1;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->name, y->name);
}

static int by_reply_count(const void *a, const void *b)
{
    const struct summary_reply *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* "250 12,034  550 340 ..." within REPLY_COLUMNS. */
static void put_replies(struct buf *out, const struct summary_verb *v)
{
    struct summary_reply replies[SUMMARY_REPLIES];
    memcpy(replies, v->replies, sizeof replies);
    qsort(replies, SUMMARY_REPLIES, sizeof *replies, by_reply_count);
    size_t start = out->len;
    for (size_t i = 0; i < SUMMARY_REPLIES && replies[i].count; i++) {
        size_t before = out->len;
        if (i)
            buf_add_string(out, "  ");
        plain_add(out, bytes_of_string(replies[i].name), REPLY_COLUMNS / 2);
        buf_add_byte(out, ' ');
        plain_add_number(out, replies[i].count);
        if (i && plain_width(bytes_part(buf_bytes(out), start, out->len)) > REPLY_COLUMNS - 4) {
            out->len = before;
            buf_add_string(out, " ...");
            return;
        }
    }
    if (v->other_replies)
        buf_add_string(out, " ...");
}

static void write_commands(struct report *r)
{
    static const char *const names[] = {"", "command", "count", "p50", "p90", "max", "replies"};
    const struct summary *s = r->s;
    if (!s->verb_count)
        return;
    const struct summary_verb *order[SUMMARY_VERBS];
    for (size_t i = 0; i < s->verb_count; i++)
        order[i] = &s->verbs[i];
    qsort(order, s->verb_count, sizeof(const struct summary_verb *), by_proto_and_count);
    struct table t;
    table_init(&t, "llrrrrl");
    headings(&t, names);
    uint64_t left_out = s->verbs_left_out;
    for (size_t i = 0; i < s->verb_count; i++) {
        const struct summary_verb *v = order[i];
        if (i >= VERB_ROWS) {
            left_out += v->count;
            continue;
        }
        table_text(&t, summary_protos[v->proto]);
        plain_add(table_cell(&t), bytes_of_string(v->name), VERB_COLUMNS);
        table_number(&t, v->count);
        static const unsigned percents[] = {50, 90, 100};
        for (size_t p = 0; p < 3; p++) {
            struct buf *cell = table_cell(&t);
            if (v->latency)
                plain_add_duration(cell, percents[p] == 100 ? v->latency->max
                                                            : histogram_percentile(v->latency, percents[p]));
        }
        put_replies(table_cell(&t), v);
    }
    heading(r, "Commands: time to the reply, and replies");
    finish_table(r, &t);
    if (!left_out)
        return;
    buf_add_string(r->out, "  and ");
    plain_add_number(r->out, left_out);
    buf_add_string(r->out, " others\n");
}

static void write_logins(struct report *r)
{
    static const char *const names[] = {"mechanism", "success", "failure", "aborted", "unknown", "secret in clear"};
    const struct summary *s = r->s;
    if (!s->mech_count)
        return;
    struct table t;
    uint64_t clear = 0;
    table_init(&t, "lrrrrr");
    headings(&t, names);
    for (size_t i = 0; i < s->mech_count; i++) {
        plain_add(table_cell(&t), bytes_of_string(s->mechs[i].name), VERB_COLUMNS);
        for (size_t j = 0; j < SUMMARY_RESULTS; j++)
            table_number(&t, s->mechs[i].results[j]);
        table_number(&t, s->mechs[i].clear);
        clear += s->mechs[i].clear;
    }
    heading(r, "Logins");
    finish_table(r, &t);
    if (!clear)
        return;
    struct topk_entry top[TOP];
    size_t count = topk_top(s->clear_servers, top, TOP);
    buf_printf(r->out, "\n%sSecrets exposed in clear text: ", r->red);
    plain_add_number(r->out, clear);
    buf_printf(r->out, "%s\n", r->off);
    table_init(&t, "lr");
    for (size_t i = 0; i < count; i++)
        top_cells(&t, "", top, count, i);
    finish_table(r, &t);
}

static void write_oddities(struct report *r)
{
    struct table t;
    table_init(&t, "rll");
    for (size_t i = 0; i < NOTE_COUNT; i++) {
        if (!r->s->notes[i])
            continue;
        table_number(&t, r->s->notes[i]);
        table_text(&t, note_infos[i].name);
        plain_add(table_cell(&t), bytes_of_string(note_infos[i].doc), 66);
    }
    if (t.cells)
        heading(r, "Oddities");
    finish_table(r, &t);
}

static void unseen_row(struct table *t, const char *what, uint64_t n, uint64_t whole)
{
    if (!n)
        return;
    table_text(t, what);
    table_number(t, n);
    put_share(table_cell(t), n, whole);
}

static void unseen_octets(struct table *t, const char *what, uint64_t n, uint64_t whole)
{
    if (!n)
        return;
    table_text(t, what);
    plain_add_size(table_cell(t), n);
    put_share(table_cell(t), n, whole);
}

static void write_unseen(struct report *r)
{
    static const char *const qualities[] = {
        "sessions with octets missing",        "sessions of which one side was captured",
        "sessions whose beginning is missing", "sessions given up for lack of room",
        "sessions with contradicting octets",  "sessions paired without acknowledgements",
    };
    const struct summary *s = r->s;
    uint64_t sessions = 0, octets = 0;
    for (size_t i = 0; i < SUMMARY_VISIBILITIES; i++) {
        sessions += s->visibility[i];
        octets += s->visibility_octets[i];
    }
    struct table t;
    table_init(&t, "lrr");
    unseen_row(&t, "sessions encrypted", s->visibility[SUMMARY_ENCRYPTED], sessions);
    unseen_octets(&t, "  octets in them", s->visibility_octets[SUMMARY_ENCRYPTED], octets);
    unseen_octets(&t, "octets inside TLS, in all", s->tls_octets, octets);
    unseen_row(&t, "TLS handshakes that failed", s->handshakes_failed, s->handshakes);
    unseen_row(&t, "sessions seen in part", s->visibility[SUMMARY_PARTIAL], sessions);
    unseen_row(&t, "sessions that speak no mail protocol", s->visibility[SUMMARY_UNRECOGNISED], sessions);
    for (size_t i = 0; i < SUMMARY_QUALITIES; i++)
        unseen_row(&t, qualities[i], s->quality[i], sessions);
    unseen_octets(&t, "octets not captured", s->missed_octets, s->missed_octets + octets);
    unseen_octets(&t, "octets acknowledged, never captured", s->acked_unseen_octets, 0);
    unseen_row(&t, "messages cut short", s->messages_cut, 0);
    heading(r, "What could not be seen");
    if (!t.cells)
        buf_add_string(r->out, "  nothing is known to be missing\n");
    finish_table(r, &t);
}

/* Which rules spoke, and of how many. */
static void write_alerts(struct report *r)
{
    struct topk_entry top[ALERTS];
    size_t count = topk_top(r->s->alerts, top, ALERTS);
    struct table t;
    if (!count && !r->s->suppressed)
        return;
    table_init(&t, "lr");
    for (size_t i = 0; i < count; i++) {
        plain_add(table_cell(&t), top[i].key, SUMMARY_WORD_SIZE);
        table_number(&t, top[i].count);
    }
    if (r->s->suppressed) {
        table_text(&t, "(suppressed)");
        table_number(&t, r->s->suppressed);
    }
    heading(r, "Alerts (mailtap --explain RULE)");
    finish_table(r, &t);
}

/* Every counter of the final stats record that is not 0: packets, connections, errors. */
static void write_counters(struct report *r)
{
    struct table t;
    table_init(&t, "llr");
    for (size_t i = 0; i < r->s->counter_count; i++) {
        const struct summary_counter *c = &r->s->counters[i];
        if (!c->value)
            continue;
        table_text(&t, field_infos[c->list].name);
        plain_add(table_cell(&t), bytes_of_string(c->name), SUMMARY_WORD_SIZE);
        table_number(&t, c->value);
    }
    if (t.cells)
        heading(r, "Packets and connections");
    finish_table(r, &t);
}

void summary_write(const struct summary *s, struct buf *out)
{
    static const char *const ends[] = {"Servers", "sessions", "Clients", "sessions"};
    static const char *const programs[] = {"IMAP clients, by ID", "sessions", "Mailboxes", "times opened"};
    static const char *const people[] = {"Senders", "messages", "Recipient domains", "recipients"};
    struct report r = {.s = s, .out = out, .bold = "", .red = "", .off = ""};
    if (s->colour) {
        r.bold = "\033[1m";
        r.red = "\033[1;31m";
        r.off = "\033[0m";
    }
    write_title(&r);
    if (s->any) {
        write_traffic(&r);
        write_funnel(&r);
        write_verdicts(&r);
        write_top(&r, ends, s->servers, s->clients);
        write_top(&r, people, s->senders, s->domains);
        write_mailboxes(&r);
        write_top(&r, programs, s->programs, s->mailbox_names);
        write_commands(&r);
        write_logins(&r);
        write_oddities(&r);
        write_alerts(&r);
        write_unseen(&r);
    }
    write_counters(&r);
}
