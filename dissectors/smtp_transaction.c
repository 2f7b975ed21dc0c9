/* One SMTP or LMTP transaction: its envelope with a verdict for each recipient, its content, and the message record. */
#include "base/clock.h"
#include "base/memory.h"
#include "client_line.h"
#include "mail/address.h"
#include "smtp.h"

#include <stdlib.h>

#define TRANSACTION_TEXT (8u << 20) /* a thousand recipients with 1 KiB each fit many times */

static size_t keep(struct transaction *t, struct bytes text, size_t *len)
{
    size_t at = t->text.len;
    buf_add(&t->text, text);
    *len = t->text.len - at;
    return at;
}

static struct bytes kept(const struct transaction *t, size_t at, size_t len)
{
    return bytes_part(buf_bytes(&t->text), at, len);
}

/* What stands behind the colon of "FROM:<...>", "TO:<...>". */
static struct bytes behind_colon(struct bytes arg)
{
    size_t colon = bytes_index(arg, ':');
    size_t blank = bytes_index(arg, '<');
    return colon < blank && colon < arg.len ? bytes_part(arg, colon + 1, arg.len) : arg;
}

struct transaction *transaction_new(const struct command *c, bool is_mail)
{
    struct transaction *t = memory_get(sizeof *t);
    buf_init(&t->text, TRANSACTION_TEXT);
    struct path path;
    t->first = c->first;
    t->last = c->last;
    t->headless = !is_mail;
    if (t->headless)
        return t;
    path_parse(behind_colon(command_arg(c)), &path);
    t->unsure = c->unsure;
    keep(t, path.mailbox, &t->from_len);
    t->params_at = keep(t, path.parameters, &t->params_len);
    return t;
}

size_t transaction_held(const struct transaction *t)
{
    return memory_cost(sizeof *t) + memory_cost(t->text.cap) + memory_cost(t->rcpt_cap * sizeof *t->rcpts);
}

void transaction_free(struct transaction *t)
{
    if (!t)
        return;
    buf_release(&t->text);
    free(t->rcpts);
    free(t);
}

static void write_status(char status[static 12], const struct smtp_reply *reply)
{
    struct bytes text = bytes_part(reply->lines, 0, bytes_index(reply->lines, '\n'));
    struct bytes found = smtp_status(&text);
    size_t len = found.len < 12 ? found.len : 11;
    if (len)
        memcpy(status, found.data, len);
    status[len] = '\0';
}

static void keep_text(struct transaction *t, struct recipient *r, const struct smtp_reply *reply)
{
    struct bytes text = bytes_part(reply->lines, 0, 512);
    if (bytes_index(text, '\n') == text.len)
        smtp_status(&text);
    if (reply->code)
        r->text_at = keep(t, text, &r->text_len);
}

void transaction_rcpt(struct transaction *t, const struct command *rcpt, const struct smtp_reply *reply,
                      const struct limits *limits)
{
    t->last = reply->code && reply->last.when > rcpt->last.when ? reply->last : rcpt->last;
    t->rcpt_refused += smtp_is_refusal(reply->code);
    t->rcpt_deferred += smtp_is_refusal(reply->code) && reply->code < 500;
    t->replies_lost |= !reply->code;
    if (t->rcpt_count >= limits->rcpt) {
        t->rcpt_omitted++;
        t->omitted_waiting += smtp_is_ok(reply->code);
        return;
    }
    if (t->rcpt_count == t->rcpt_cap) {
        t->rcpt_cap = t->rcpt_cap ? t->rcpt_cap * 2 : 2;
        t->rcpts = memory_resize(t->rcpts, t->rcpt_cap * sizeof *t->rcpts);
    }
    struct path path;
    path_parse(behind_colon(command_arg(rcpt)), &path);
    struct recipient *r = &t->rcpts[t->rcpt_count++];
    *r = (struct recipient){.code = reply->code, .frame = rcpt->first.frame, .unsure = rcpt->unsure};
    r->addr_at = keep(t, path.mailbox, &r->addr_len);
    r->form = path_form_name(path.form);
    write_status(r->status, reply);
    keep_text(t, r, reply);
}

/* Does it wait for a reply of its own? Where its reply to RCPT was not captured, it may. */
static bool is_waiting(const struct transaction *t, const struct recipient *r)
{
    return !r->final_code && (smtp_is_ok(r->code) || (!r->code && t->replies_lost));
}

/* The mailbox that a reply begins with, as LMTP servers tell their replies apart: "250 2.0.0 <bob@example.net> saved".
 */
static struct bytes named_mailbox(const struct smtp_reply *reply)
{
    struct bytes text = bytes_part(reply->lines, 0, bytes_index(reply->lines, '\n'));
    smtp_status(&text);
    text = bytes_trim(text);
    size_t end = bytes_index(text, '>');
    bool is_one = text.len && text.data[0] == '<' && end < text.len;
    return is_one ? bytes_part(text, 1, end - 1) : bytes_of("", 0);
}

/* The recipient of that mailbox that waits for its own reply; else rcpt_count. */
static size_t find_waiting(const struct transaction *t, struct bytes mailbox)
{
    for (size_t i = t->rcpt_next; i < t->rcpt_count; i++) {
        const struct recipient *r = &t->rcpts[i];
        if (is_waiting(t, r) && bytes_equal_nocase(kept(t, r->addr_at, r->addr_len), mailbox))
            return i;
    }
    return t->rcpt_count;
}

bool transaction_rcpts_lost(const struct transaction *t)
{
    return t->upload && (t->upload->envelope_lost || t->headless);
}

bool transaction_rcpt_final(struct transaction *t, const struct smtp_reply *reply, bool unsure)
{
    struct bytes mailbox = named_mailbox(reply);
    bool rcpts_lost = transaction_rcpts_lost(t);
    size_t named = mailbox.len ? find_waiting(t, mailbox) : t->rcpt_count;
    if (named == t->rcpt_count && mailbox.len && rcpts_lost) {
        if (!t->others_code || reply->code < t->others_code)
            t->others_code = reply->code;
        return true;
    }
    if (named < t->rcpt_count && t->replies_lost)
        t->rcpt_next = named; /* they come in the order of the recipients: those of the others before were lost */
    while (t->rcpt_next < t->rcpt_count && !is_waiting(t, &t->rcpts[t->rcpt_next]))
        t->rcpt_next++;
    if (t->rcpt_next == t->rcpt_count) {
        if (!t->omitted_waiting)
            return false;
        t->omitted_waiting--;
        return true;
    }
    struct recipient *r = &t->rcpts[named < t->rcpt_count ? named : t->rcpt_next];
    r->final_code = reply->code;
    r->unsure |= named == t->rcpt_count && (unsure || t->replies_lost || rcpts_lost);
    write_status(r->final_status, reply);
    keep_text(t, r, reply);
    t->last = reply->last;
    return true;
}

uint64_t transaction_waiting(const struct transaction *t)
{
    uint64_t n = t->omitted_waiting;
    for (size_t i = t->rcpt_next; i < t->rcpt_count; i++)
        n += is_waiting(t, &t->rcpts[i]);
    return n;
}

/* --- the record --- */

static const char *verdict_of(uint32_t code)
{
    if (smtp_is_ok(code))
        return "accepted";
    return !smtp_is_refusal(code) ? "unknown" : code < 500 ? "deferred" : "rejected";
}

static void write_rcpts(const struct transaction *t, struct record *m, const struct message_facts *facts)
{
    for (size_t i = 0; i < t->rcpt_count; i++) {
        const struct recipient *r = &t->rcpts[i];
        bool unheard = facts->lmtp && t->upload && is_waiting(t, r); /* of its own reply */
        record_begin(m, F_message_rcpt);
        record_text(m, F_rcpt_addr, kept(t, r->addr_at, r->addr_len));
        if (r->form)
            record_word(m, F_rcpt_form, r->form);
        record_word(m, F_rcpt_verdict, verdict_of(unheard ? 0 : r->final_code ? r->final_code : r->code));
        if (smtp_code_is_known(r->code))
            record_number(m, F_rcpt_code, r->code);
        if (*r->status)
            record_text(m, F_rcpt_status, bytes_of_string(r->status));
        if (smtp_code_is_known(r->final_code))
            record_number(m, F_rcpt_final_code, r->final_code);
        if (*r->final_status)
            record_text(m, F_rcpt_final_status, bytes_of_string(r->final_status));
        uint32_t last = r->final_code ? r->final_code : r->code;
        const char *reason = smtp_reason(last, bytes_of_string(r->final_code ? r->final_status : r->status));
        if (reason)
            record_word(m, F_rcpt_reason, reason);
        if (r->text_len)
            record_text(m, F_rcpt_text, untold_part(kept(t, r->text_at, r->text_len)));
        record_number(m, F_rcpt_frame, r->frame);
        if (r->unsure || (unheard && t->replies_lost))
            record_flag(m, F_rcpt_unsure);
        record_end(m);
    }
    record_nonzero(m, F_message_rcpt_omitted, t->rcpt_omitted);
}

bool transaction_declared_size(const struct transaction *t, uint64_t *size)
{
    struct bytes rest = kept(t, t->params_at, t->params_len), word;
    while ((word = bytes_word(&rest)).len) {
        struct bytes number = bytes_part(word, 5, word.len);
        if (bytes_starts_nocase(word, BYTES("SIZE=")) && bytes_number(&number, size))
            return true;
    }
    return false;
}

static void write_params(const struct transaction *t, struct record *m)
{
    struct bytes rest = kept(t, t->params_at, t->params_len), word;
    uint64_t size;
    while ((word = bytes_word(&rest)).len)
        record_text(m, F_message_params, word);
    if (transaction_declared_size(t, &size))
        record_number(m, F_message_declared_size, size);
}

/* "000000006B0357E8.00000116": the time, in 16 digits, the number of the process, perhaps more. */
static bool is_courier_id(struct bytes text)
{
    static const char digits[] = "0123456789ABCDEF.";
    size_t n = 0;
    while (n < text.len && memchr(digits, text.data[n], sizeof digits - 1))
        n++;
    return n == text.len && n > 17 && bytes_index(text, '.') == 16;
}

/* The name under which the server queued it, where its reply says so in one of the usual ways. */
static struct bytes queue_id(struct bytes text)
{
    static const char *const before[] = {"queued as ", "queued (", " id=", "mail accepted for delivery as ", " qp "};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        size_t at = bytes_find_nocase(text, bytes_of_string(before[i]));
        if (at == SIZE_MAX)
            continue;
        struct bytes rest = bytes_part(text, at + strlen(before[i]), text.len);
        struct bytes id = bytes_word(&rest);
        while (id.len && (id.data[id.len - 1] == '.' || id.data[id.len - 1] == ')'))
            id.len--;
        return id;
    }
    struct bytes rest = text;
    smtp_status(&rest);
    struct bytes first = bytes_word(&rest); /* sendmail: "2.0.0 t9BCDeF Message accepted for delivery" */
    if (bytes_starts_nocase(bytes_trim(rest), BYTES("Message accepted for delivery")))
        return first;
    if (bytes_equal(first, BYTES("Ok.")) && is_courier_id(bytes_trim(rest)))
        return bytes_trim(rest);
    return bytes_of("", 0);
}

static void write_reply(const struct transaction *t, struct record *m, const struct smtp_reply *reply)
{
    struct bytes text = bytes_part(reply->lines, 0, bytes_index(reply->lines, '\n'));
    if (smtp_code_is_known(reply->code))
        record_number(m, F_message_code, reply->code);
    struct bytes id = queue_id(text), rest = text;
    if (id.len && reply->cut && text.len == reply->lines.len && id.data + id.len == text.data + text.len)
        id.len = 0; /* half of one is another one */
    struct bytes status = smtp_status(&rest);
    if (status.len)
        record_text(m, F_message_status, status);
    const char *reason = smtp_reason(reply->code, status);
    if (reason)
        record_word(m, F_message_reason, reason);
    record_text(m, F_message_reply, untold_part(reply->lines));
    if (id.len)
        record_text(m, F_message_queue_id, id);
    if (t->upload && reply->first.when >= t->upload->last.when)
        record_number(m, F_message_latency_us, (uint64_t)((reply->first.when - t->upload->last.when) / CLOCK_US));
}

static const char *verdict(const struct transaction *t, const struct smtp_reply *reply,
                           const struct message_facts *facts)
{
    if (reply->code)
        return verdict_of(reply->code);
    uint32_t best = t->others_code;
    for (size_t i = 0; i < t->rcpt_count; i++) /* LMTP: the best that a recipient got */
        if (t->rcpts[i].final_code && (!best || t->rcpts[i].final_code < best))
            best = t->rcpts[i].final_code;
    if (best)
        return verdict_of(best);
    bool given_up = facts->server_closed || (strcmp(facts->ended_by, "close") != 0 && !facts->lost);
    bool nobody = t->rcpt_refused && t->rcpt_refused == t->rcpt_count + t->rcpt_omitted;
    if (t->content_refusal == 503 && t->upload && t->upload->doubtful)
        return "unknown";   /* a chunk behind the last one, which was lost */
    if (t->content_refusal) /* where it was refused for want of recipients, as these were */
        return nobody && t->rcpt_deferred ? "deferred" : verdict_of(t->content_refusal);
    if (t->upload)
        return t->upload->ended || !(given_up || t->upload->left) ? "unknown" : "aborted";
    if (nobody)
        return t->rcpt_deferred ? "deferred" : "rejected";
    return strcmp(facts->ended_by, "close") != 0 || facts->server_closed ? "aborted" : "unknown";
}

static void write_session_facts(struct record *m, const struct message_facts *facts)
{
    record_word(m, F_message_ended_by, facts->ended_by);
    if (facts->helo.len)
        record_text(m, F_message_helo, facts->helo);
    if (facts->server_name.len)
        record_text(m, F_message_server_name, facts->server_name);
    record_word(m, F_message_auth, facts->logged_in ? "user" : facts->login_unknown ? "unknown" : "none");
    if (facts->logged_in && facts->user.len)
        record_text(m, F_message_user, facts->user);
}

bool transaction_is_whole(const struct transaction *t)
{
    const struct upload *u = t->upload;
    uint64_t declared;
    if (!u || !u->ended || u->undecided || !content_is_whole(u->content))
        return false;
    if (u->doubtful || (u->bdat && t->headless))
        return transaction_declared_size(t, &declared) && declared == content_size(u->content);
    return true;
}

static void write_content(const struct transaction *t, struct record *m)
{
    struct upload *u = t->upload;
    record_word(m, F_message_via, !u ? "none" : u->bdat ? "BDAT" : "DATA");
    if (!u)
        return;
    content_finish(u->content, m, transaction_is_whole(t));
    if (u->eod)
        record_word(m, F_message_eod, u->eod);
    if (u->odd)
        record_join(m, u->odd);
}

void transaction_write(struct session *s, struct transaction *t, const struct smtp_reply *reply,
                       const struct message_facts *facts)
{
    struct record *m = session_record(s, KIND_message, facts->index);
    record_number(m, F_message_index, facts->index);
    record_boolean(m, F_message_encrypted, session_encrypted(s));
    if (!t->headless)
        record_text(m, F_message_mail_from, kept(t, 0, t->from_len));
    write_params(t, m);
    write_rcpts(t, m, facts);
    if (reply->code)
        write_reply(t, m, reply);
    record_word(m, F_message_verdict, verdict(t, reply, facts));
    write_content(t, m);
    write_session_facts(m, facts);
    if (t->smuggled)
        record_flag(m, F_message_smuggled);
    if (t->unsure || (t->upload && t->upload->undecided))
        record_flag(m, F_message_unsure);
    struct mark last = t->last;
    if (t->upload && t->upload->last.at > 0 && t->upload->last.when > last.when)
        last = t->upload->last;
    if (reply->code && reply->last.when > last.when)
        last = reply->last;
    session_emit(s, m, &t->first, &last);
}
