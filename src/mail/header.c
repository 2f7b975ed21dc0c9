/* The header section of a message, RFC 5322 section 2.2, in any pieces: one state for where in a line it stands, and
   the value of the one field that is being read. */
#include "header.h"

#include "address.h"
#include "base/buf.h"
#include "base/memory.h"
#include "date.h"
#include "record/record.h"

#include <stdlib.h>

enum state {
    LINE,       /* at a line's beginning, or behind CRs there */
    NAME,       /* in a field's name */
    NAME_BLANK, /* in the blanks behind it, RFC 5322 section 4.5 */
    VALUE,      /* in a value that is wanted */
    SKIP,       /* in one that is not, or in a line that was cut */
    DONE,
};

enum value_kind { ONE_TEXT, ONE_DATE, ONE_ID, ADDRESSES, IDS };

#define NAMED(name) name, sizeof(name) - 1

static const struct wanted {
    const char *name;
    uint8_t name_len;
    enum field field;
    enum value_kind kind;
} wanted_fields[] = {
    {NAMED("From"), F_message_from, ADDRESSES},
    {NAMED("Sender"), F_message_sender, ONE_TEXT},
    {NAMED("To"), F_message_to, ADDRESSES},
    {NAMED("Cc"), F_message_cc, ADDRESSES},
    {NAMED("Bcc"), F_message_bcc, ADDRESSES},
    {NAMED("Reply-To"), F_message_reply_to, ADDRESSES},
    {NAMED("Subject"), F_message_subject, ONE_TEXT},
    {NAMED("Date"), F_message_date, ONE_DATE},
    {NAMED("Message-ID"), F_message_message_id, ONE_ID},
    {NAMED("In-Reply-To"), F_message_in_reply_to, ONE_TEXT},
    {NAMED("References"), F_message_references, IDS},
    {NAMED("User-Agent"), F_message_user_agent, ONE_TEXT},
    {NAMED("X-Mailer"), F_message_user_agent, ONE_TEXT},
    {NAMED("X-Originating-IP"), F_message_x_originating_ip, ONE_TEXT},
    {NAMED("List-ID"), F_message_list_id, ONE_TEXT},
    {NAMED("List-Unsubscribe"), F_message_list_unsubscribe, ONE_TEXT},
    {NAMED("Auto-Submitted"), F_message_auto_submitted, ONE_TEXT},
    {NAMED("Authentication-Results"), F_message_auth_results, ONE_TEXT},
};

enum { WANTED_COUNT = sizeof wanted_fields / sizeof *wanted_fields, NAME_MOST = 32 };

struct header_scanner {
    const struct limits *limits;
    uint64_t at;         /* octets pushed or missing so far */
    uint64_t line_start; /* where the line that is being read began */
    uint64_t body;       /* valid where body_known */
    enum state state;
    bool first_line, in_field, gap, body_known;
    bool crs;         /* LINE: a CR was read */
    uint8_t name_len; /* NAME_MOST + 1 where it is longer than any that is wanted */
    char name[NAME_MOST];
    const struct wanted *current; /* the field whose value is being read, null where it is not wanted */
    bool told;                    /* it is one for the listener */
    bool part, every;             /* no field is wanted; the listener wants all */
    header_field *listener;
    void *listener_arg;
    uint64_t kept_told;         /* octets of values for the listener so far, at most limits->header */
    uint32_t seen;              /* bit i: wanted_fields[i] has been written and may not be again */
    size_t value_line;          /* where in `value` its last line began */
    uint64_t kept, kept_before; /* octets of values so far, at most limits->header; without the current one's */
    struct buf value;
    struct record *fields; /* null until there is one */
};

struct header_scanner *header_scanner_new(const struct limits *limits)
{
    struct header_scanner *h = memory_get(sizeof *h);
    h->limits = limits;
    h->first_line = true;
    buf_init(&h->value, (size_t)limits->header);
    return h;
}

struct header_scanner *header_scanner_part_new(const struct limits *limits)
{
    struct header_scanner *h = header_scanner_new(limits);
    h->part = true;
    return h;
}

void header_scanner_listen(struct header_scanner *h, header_field *listener, void *arg)
{
    h->listener = listener;
    h->listener_arg = arg;
}

void header_scanner_listen_to_all(struct header_scanner *h, header_field *listener, void *arg)
{
    header_scanner_listen(h, listener, arg);
    h->every = true;
}

void header_scanner_free(struct header_scanner *h)
{
    if (!h)
        return;
    buf_release(&h->value);
    record_free(h->fields);
    free(h);
}

size_t header_scanner_held(const struct header_scanner *h)
{
    return memory_cost(sizeof *h) + memory_cost(h->value.cap) + (h->fields ? record_held(h->fields) : 0);
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

static void write_value(struct record *r, const struct wanted *w, struct bytes value)
{
    struct bytes item;
    int64_t when;
    value = bytes_trim(value);
    switch (w->kind) {
    case ONE_TEXT:
        record_text(r, w->field, value);
        break;
    case ONE_DATE:
        record_text(r, F_message_date_raw, value);
        if (date_parse(value, &when))
            record_time(r, w->field, when);
        break;
    case ONE_ID:
        write_id(r, w->field, value);
        break;
    case ADDRESSES:
        while (address_next(&value, &item))
            record_text(r, w->field, item);
        break;
    case IDS:
        while ((item = next_id(&value)).len)
            record_text(r, w->field, item);
        break;
    }
}

/* May the field be written once only, and has it been? Two names may lead to one field. */
static bool written(struct header_scanner *h, const struct wanted *w)
{
    if (w->kind == ADDRESSES || w->kind == IDS)
        return false;
    unsigned first = 0;
    while (wanted_fields[first].field != w->field)
        first++;
    if (h->seen & 1u << first)
        return true;
    h->seen |= 1u << first;
    return false;
}

static struct record *fields(struct header_scanner *h)
{
    if (!h->fields)
        h->fields = record_new(KIND_message, h->limits);
    return h->fields;
}

static void forget_field(struct header_scanner *h)
{
    h->current = NULL;
    h->told = false;
    buf_reset(&h->value);
}

/* The field that was being read is whole. */
static void end_field(struct header_scanner *h)
{
    if (h->told)
        h->listener(h->listener_arg, bytes_of(h->name, h->name_len), bytes_trim(buf_bytes(&h->value)));
    else if (h->current && !written(h, h->current))
        write_value(fields(h), h->current, buf_bytes(&h->value));
    forget_field(h);
}

static void end_header(struct header_scanner *h, uint64_t body)
{
    h->body = body;
    h->body_known = !h->gap;
    h->state = DONE;
    forget_field(h);
    buf_release(&h->value);
}

/* Is the field with the name that was read one for the listener? */
static bool is_told(const struct header_scanner *h)
{
    return h->listener && h->name_len <= NAME_MOST &&
           (h->every || bytes_starts_nocase(bytes_of(h->name, h->name_len), BYTES("Content-")));
}

static enum state in_value(const struct header_scanner *h)
{
    return h->current || h->told ? VALUE : SKIP;
}

static void begin_value(struct header_scanner *h)
{
    h->in_field = true;
    h->value_line = 0;
    h->kept_before = h->kept;
    h->current = NULL;
    h->told = is_told(h);
    for (unsigned i = 0; i < WANTED_COUNT && !h->part && !h->told; i++)
        if (h->name_len == wanted_fields[i].name_len &&
            bytes_equal_nocase(bytes_of(h->name, h->name_len), bytes_of(wanted_fields[i].name, h->name_len)))
            h->current = &wanted_fields[i];
    h->state = in_value(h);
}

/* The first octet of a line; false where it has to be looked at again, as part of a name. */
static bool read_line_start(struct header_scanner *h, uint8_t c)
{
    if (c == '\n') {
        end_field(h);
        end_header(h, h->at + 1);
        return true;
    }
    if (c == '\r') {
        h->crs = true;
        return true;
    }
    if (!h->crs && (c == ' ' || c == '\t') && h->in_field) {
        h->value_line = h->value.len;
        h->state = in_value(h);
        return false;
    }
    end_field(h);
    if (h->crs) {
        end_header(h, h->line_start);
        return true;
    }
    h->name_len = 0;
    h->state = NAME;
    return false;
}

/* mbox files, and messages taken from them, begin with a line that is no field (RFC 4155). */
static bool is_mbox_line(const struct header_scanner *h)
{
    struct bytes name = bytes_of(h->name, h->name_len <= NAME_MOST ? h->name_len : 0);
    return h->first_line && (bytes_equal(name, BYTES("From")) || bytes_equal(name, BYTES(">From")));
}

static void read_name(struct header_scanner *h, uint8_t c)
{
    bool blank = c == ' ' || c == '\t';
    if (c == ':' && h->name_len) {
        begin_value(h);
    } else if (blank && h->name_len) {
        h->state = NAME_BLANK;
    } else if (h->state == NAME && c > ' ' && c < 0x7f && c != ':') {
        if (h->name_len < NAME_MOST)
            h->name[h->name_len] = (char)c;
        if (h->name_len <= NAME_MOST)
            h->name_len++;
    } else if (h->state == NAME_BLANK && is_mbox_line(h)) {
        h->state = SKIP;
        if (c == '\n') /* "From " and nothing else: its line end has just been read */
            h->state = LINE;
    } else {
        end_header(h, h->line_start);
    }
}

/* Keeps a piece of the value, or gives the field up. */
static void keep_value(struct header_scanner *h, struct bytes piece)
{
    if (h->told) {
        piece = bytes_part(piece, 0, (size_t)(h->limits->header - h->kept_told));
        h->kept_told += piece.len;
        buf_add(&h->value, piece);
        return;
    }
    if (piece.len <= h->limits->header - h->kept) {
        h->kept += piece.len;
        buf_add(&h->value, piece);
        return;
    }
    record_cut(fields(h), h->current->kind == ONE_DATE ? F_message_date_raw : h->current->field);
    h->kept = h->kept_before; /* all of it, so that it does not matter how it was cut */
    forget_field(h);
    h->state = SKIP;
}

/* As much of a value as there is up to the line's end; returns how much. */
static size_t read_value(struct header_scanner *h, struct bytes more)
{
    size_t end = bytes_index(more, '\n');
    if (h->state == VALUE)
        keep_value(h, bytes_part(more, 0, end));
    if (end == more.len)
        return end;
    while (h->state == VALUE && h->value.len > h->value_line && h->value.data[h->value.len - 1] == '\r')
        h->value.len--;
    h->state = LINE;
    return end + 1;
}

/* The octets at the front that are nothing but a name go on with it. Returns how many. */
static size_t read_name_on(struct header_scanner *h, struct bytes more)
{
    size_t n = 0;
    while (n < more.len && more.data[n] > ' ' && more.data[n] < 0x7f && more.data[n] != ':')
        n++;
    for (size_t i = 0; i < n && h->name_len <= NAME_MOST; i++, h->name_len++)
        if (h->name_len < NAME_MOST)
            h->name[h->name_len] = (char)more.data[i];
    return n;
}

/* Takes some octets and says how many. */
static size_t step(struct header_scanner *h, struct bytes more)
{
    size_t n;
    switch (h->state) {
    case LINE:
        return read_line_start(h, more.data[0]) ? 1 : 0;
    case NAME:
        if ((n = read_name_on(h, more)) != 0)
            return n;
        read_name(h, more.data[0]);
        return 1;
    case NAME_BLANK:
        read_name(h, more.data[0]);
        return 1;
    case VALUE:
    case SKIP:
        return read_value(h, more);
    case DONE:
        break;
    }
    return more.len;
}

void header_scanner_push(struct header_scanner *h, struct bytes more)
{
    while (more.len && h->state != DONE) {
        enum state before = h->state;
        size_t n = step(h, more);
        h->at += n;
        more = bytes_part(more, n, SIZE_MAX);
        if (h->state == LINE && before != LINE) {
            h->line_start = h->at;
            h->first_line = h->crs = false;
        }
    }
}

void header_scanner_gap(struct header_scanner *h, uint64_t len)
{
    if (h->state == DONE || !len)
        return;
    h->gap = true;
    h->at += len;
    forget_field(h);
    h->first_line = false;
    h->in_field = true; /* what follows may continue the field that was cut */
    h->state = SKIP;
}

bool header_scanner_done(const struct header_scanner *h)
{
    return h->state == DONE;
}

bool header_scanner_body(const struct header_scanner *h, uint64_t *ret)
{
    if (h->body_known)
        *ret = h->body;
    return h->body_known;
}

uint64_t header_scanner_end(const struct header_scanner *h)
{
    return h->body;
}

void header_scanner_finish(struct header_scanner *h, struct record *message, bool complete)
{
    if (h->state != DONE) {
        while (h->value.len > h->value_line && h->value.data[h->value.len - 1] == '\r')
            h->value.len--;
        if (complete)
            end_field(h);
        h->body = h->at;
        h->state = DONE;
    }
    if (h->fields)
        record_join(message, h->fields);
}
