/* The facts of a message's header: a table of fields, and what is made of each kind of value. */
#include "facts.h"

#include "address.h"
#include "authentication.h"
#include "base/buf.h"
#include "base/memory.h"
#include "date.h"
#include "received.h"
#include "record/record.h"
#include "words.h"

#include <stdlib.h>

enum value_kind {
    AS_SENT,
    WORDED, /* may hold encoded words */
    ONE_DATE,
    ONE_ID,
    ONE_ADDRESS,
    ADDRESSES,
    IDS,
    REVERSE_PATH,
    HOP,
    RESULTS,
    SIGNATURE,
    SEAL,
};

#define NAMED(name) name, sizeof(name) - 1

static const struct fact {
    const char *name;
    uint8_t name_len;
    bool single; /* twice is against RFC 5322 section 3.6 */
    enum field field;
    enum value_kind kind;
} known[] = {
    {NAMED("From"), true, F_message_from, ADDRESSES}, /* the first one: see facts_write() */
    {NAMED("Sender"), true, F_message_sender, ONE_ADDRESS},
    {NAMED("To"), true, F_message_to, ADDRESSES},
    {NAMED("Cc"), true, F_message_cc, ADDRESSES},
    {NAMED("Bcc"), true, F_message_bcc, ADDRESSES},
    {NAMED("Reply-To"), true, F_message_reply_to, ADDRESSES},
    {NAMED("Subject"), true, F_message_subject, WORDED},
    {NAMED("Date"), true, F_message_date, ONE_DATE},
    {NAMED("Message-ID"), true, F_message_message_id, ONE_ID},
    {NAMED("In-Reply-To"), true, F_message_in_reply_to, AS_SENT},
    {NAMED("References"), true, F_message_references, IDS},
    {NAMED("Return-Path"), false, F_message_return_path, REVERSE_PATH},
    {NAMED("Received"), false, F_message_received, HOP},
    {NAMED("User-Agent"), false, F_message_user_agent, WORDED},
    {NAMED("X-Mailer"), false, F_message_user_agent, WORDED},
    {NAMED("X-Originating-IP"), false, F_message_x_originating_ip, AS_SENT},
    {NAMED("List-ID"), false, F_message_list_id, WORDED},
    {NAMED("List-Post"), false, F_message_list_post, AS_SENT},
    {NAMED("List-Unsubscribe"), false, F_message_list_unsubscribe, AS_SENT},
    {NAMED("List-Unsubscribe-Post"), false, F_message_list_unsubscribe_post, AS_SENT},
    {NAMED("Auto-Submitted"), false, F_message_auto_submitted, AS_SENT},
    {NAMED("Precedence"), false, F_message_precedence, AS_SENT},
    {NAMED("Importance"), false, F_message_importance, AS_SENT},
    {NAMED("X-Priority"), false, F_message_priority, AS_SENT},
    {NAMED("Authentication-Results"), false, F_message_auth_results, RESULTS},
    {NAMED("DKIM-Signature"), false, F_message_dkim, SIGNATURE},
    {NAMED("ARC-Seal"), false, F_message_arc, SEAL},
};

enum { FROM, KNOWN = sizeof known / sizeof *known };
enum { USUAL_SIZE = 768 }; /* octets of the facts of most messages */

struct facts {
    const struct limits *limits;
    struct record *record;
    uint32_t count[KNOWN];
    struct buf text;
    struct received hop;              /* the last one read, not written yet: how long it took, the next one tells */
    struct buf hop_value, next_value; /* what it looks into, and what the next one will */
    bool has_hop, clock_odd;
    bool hop_adrift; /* another hop may be missing between this one and the next */
    bool gap;        /* what comes may be the body of the message: no field is taken for a second one */
    struct arc arc;
};

struct facts *facts_new(const struct limits *limits)
{
    struct facts *f = memory_get(sizeof *f);
    f->limits = limits;
    f->record = record_new(KIND_message, limits);
    record_reserve(f->record, USUAL_SIZE);
    buf_init(&f->text, (size_t)limits->text + 8); /* one that is cut there is seen to be longer */
    buf_init(&f->hop_value, (size_t)limits->header);
    buf_init(&f->next_value, (size_t)limits->header);
    return f;
}

void facts_free(struct facts *f)
{
    if (!f)
        return;
    buf_release(&f->text);
    buf_release(&f->hop_value);
    buf_release(&f->next_value);
    record_free(f->record);
    free(f);
}

size_t facts_held(const struct facts *f)
{
    return !f ? 0
              : memory_cost(sizeof *f) + memory_cost(f->text.cap) + memory_cost(f->hop_value.cap) +
                    memory_cost(f->next_value.cap) + record_held(f->record);
}

unsigned fact_of(struct bytes name)
{
    for (unsigned i = 0; i < KNOWN; i++)
        if (name.len == known[i].name_len && byte_upper(name.data[0]) == (uint8_t)known[i].name[0] &&
            bytes_equal_nocase(name, bytes_of(known[i].name, known[i].name_len)))
            return i;
    return FACT_NONE;
}

bool fact_is_trace(unsigned fact)
{
    return known[fact].kind >= HOP;
}

static bool goes_on(enum value_kind kind)
{
    return kind == ADDRESSES || kind == IDS || kind >= HOP;
}

/* Has a field been there that tells the same key? */
static bool told(const struct facts *f, unsigned fact)
{
    if (f->count[fact])
        return true;
    for (unsigned i = 0; known[fact].field == F_message_user_agent && i < KNOWN; i++)
        if (f->count[i] && known[i].field == F_message_user_agent)
            return true;
    return false;
}

bool facts_begin(struct facts *f, unsigned fact)
{
    bool wanted = goes_on(known[fact].kind) || !told(f, fact);
    if (fact_is_trace(fact) && f->count[fact] >= f->limits->list && known[fact].kind != SEAL) {
        facts_cut(f, fact);
        wanted = false;
    }
    if (f->count[fact] < UINT32_MAX && !(f->gap && known[fact].single && f->count[fact]))
        f->count[fact]++;
    return wanted;
}

void facts_cut(struct facts *f, unsigned fact)
{
    enum field field = known[fact].field;
    record_cut(f->record, field == F_message_date ? F_message_date_raw : field);
}

void facts_gap(struct facts *f)
{
    f->gap = true;
    f->hop_adrift = true;
}

/* Cuts the next message identifier, or what stands in its place, off the front. */
static struct bytes next_id(struct bytes *rest)
{
    *rest = bytes_trim(*rest);
    size_t n = 0;
    if (rest->len && rest->data[0] == '<') {
        n = bytes_index(*rest, '>');
        n += n < rest->len;
    } else {
        while (n < rest->len && rest->data[n] != ' ' && rest->data[n] != '\t' && rest->data[n] != '<')
            n++;
    }
    struct bytes id = bytes_part(*rest, 0, n);
    *rest = bytes_part(*rest, n, SIZE_MAX);
    return id;
}

static void write_id(struct record *r, enum field field, struct bytes value)
{
    size_t open = bytes_index(value, '<');
    struct bytes inside = bytes_part(value, open, SIZE_MAX);
    size_t close = bytes_index(inside, '>');
    if (close < inside.len)
        value = bytes_part(inside, 0, close + 1);
    if (value.len)
        record_text(r, field, value);
}

static void write_worded(struct facts *f, enum field field, struct bytes value)
{
    if (!words_may_be(value)) {
        record_text(f->record, field, value);
        return;
    }
    buf_reset(&f->text);
    words_decode(value, &f->text);
    record_text(f->record, field, buf_bytes(&f->text));
}

static void write_address(struct facts *f, enum field field, struct bytes address)
{
    if (!words_may_be(address)) {
        record_text(f->record, field, address);
        return;
    }
    buf_reset(&f->text);
    address_text(address, &f->text);
    record_text(f->record, field, buf_bytes(&f->text));
}

static void write_text(struct record *r, enum field field, struct bytes text)
{
    if (text.len)
        record_text(r, field, text);
}

/* The hop that waits, which `before` came before. */
static void write_hop(struct facts *f, const struct received *before)
{
    const struct received *hop = &f->hop;
    struct record *r = f->record;
    if (!f->has_hop)
        return;
    record_begin(r, F_message_received);
    write_text(r, F_received_from, hop->from);
    if (hop->ip[0])
        record_text(r, F_received_ip, bytes_of_string(hop->ip));
    write_text(r, F_received_by, hop->by);
    write_text(r, F_received_with, hop->with);
    if (hop->dated)
        record_time(r, F_received_ts, hop->when);
    if (hop->dated && before && before->dated && !f->hop_adrift) {
        if (hop->when >= before->when)
            record_number(r, F_received_delay_us, ((uint64_t)hop->when - (uint64_t)before->when) / 1000);
        else
            f->clock_odd = true;
    }
    record_end(r);
    f->has_hop = f->hop_adrift = false;
}

static void add_hop(struct facts *f, struct bytes value)
{
    struct received hop;
    buf_reset(&f->next_value);
    buf_add(&f->next_value, value);
    received_parse(buf_bytes(&f->next_value), &hop);
    write_hop(f, &hop);
    struct buf free_again = f->hop_value;
    f->hop_value = f->next_value;
    f->next_value = free_again;
    f->hop = hop;
    f->has_hop = true;
}

void facts_add(struct facts *f, unsigned fact, struct bytes value)
{
    enum field field = known[fact].field;
    struct record *r = f->record;
    struct bytes item;
    struct path path;
    int64_t when;
    value = bytes_trim(value);
    switch (known[fact].kind) {
    case AS_SENT:
        record_text(r, field, value);
        break;
    case WORDED:
        write_worded(f, field, value);
        break;
    case ONE_DATE:
        record_text(r, F_message_date_raw, value);
        if (date_parse(value, &when))
            record_time(r, field, when);
        break;
    case ONE_ID:
        write_id(r, field, value);
        break;
    case ONE_ADDRESS:
        write_address(f, field, value);
        break;
    case ADDRESSES:
        while (address_next(&value, &item))
            write_address(f, field, item);
        break;
    case IDS:
        while ((item = next_id(&value)).len)
            record_text(r, field, item);
        break;
    case REVERSE_PATH:
        path_parse(value, &path);
        record_text(r, field, path.mailbox);
        break;
    case HOP:
        add_hop(f, value);
        break;
    case RESULTS:
        if (f->count[fact] == 1)
            record_text(r, field, value);
        authentication_results(value, r);
        break;
    case SIGNATURE:
        dkim_signature(value, r);
        break;
    case SEAL:
        arc_seal(&f->arc, value);
        break;
    }
}

static void note(struct record *r, enum note n)
{
    record_word(r, F_message_noted, note_infos[n].name);
}

void facts_write(struct facts *f, struct record *message, bool whole)
{
    struct record *r = f->record;
    write_hop(f, NULL);
    if (f->arc.seals) {
        record_begin(r, F_message_arc);
        record_number(r, F_arc_seals, f->arc.seals);
        if (f->arc.cv[0])
            record_text(r, F_arc_cv, bytes_of_string(f->arc.cv));
        record_end(r);
    }
    for (unsigned i = 0; i < KNOWN; i++)
        if (known[i].single && f->count[i] > 1)
            record_text(r, F_message_header_duplicates, bytes_of(known[i].name, known[i].name_len));
    if (whole && !f->count[FROM])
        note(r, NOTE_header_no_from);
    if (f->count[FROM] > 1)
        note(r, NOTE_header_two_from);
    if (f->clock_odd)
        note(r, NOTE_received_clock);
    record_join(message, r);
}
