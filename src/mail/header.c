/* The header section of a message, RFC 5322 section 2.2, in any pieces: one state for where in a line it stands, and
   the value of the one field that is being read. */
#include "header.h"

#include "base/buf.h"
#include "base/memory.h"
#include "entity.h"
#include "facts.h"
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

enum { NAME_MOST = 32, LINE_MOST = 998, USUAL_SIZE = 256 /* octets of most values, or less */ };
_Static_assert((int)FACT_NAME_MOST <= (int)NAME_MOST, "names are kept as far as any is known");

/* What was seen in the header that a reader may stumble over. */
enum oddity { NO_COLON = 1, EIGHT_BIT = 2, NUL_OCTET = 4, LONG_LINE = 8 };

/* Values for the listener. */
struct told {
    uint64_t kept; /* octets */
    bool cut;      /* there were more */
};

struct header_scanner {
    const struct limits *limits;
    uint64_t at;         /* octets pushed or missing so far */
    uint64_t line_start; /* where the line that is being read began */
    uint64_t body;       /* valid where body_known */
    enum state state;
    bool first_line, in_field, gap, body_known, excerpt;
    bool empty_line;  /* DONE: by an empty line */
    bool crs;         /* LINE: a CR was read */
    uint8_t name_len; /* NAME_MOST + 1 where it is longer than any that is wanted */
    char name[NAME_MOST];
    uint8_t fact;     /* the field whose value is being read, FACT_NONE where it is not wanted */
    bool told;        /* it is one for the listener */
    bool part, every; /* no field is wanted; the listener wants all */
    uint8_t odd;      /* mask of enum oddity */
    header_field *listener;
    void *listener_arg;
    struct told *telling; /* what the field that is being read counts to */
    struct told all, kinds[ENTITY_FIELDS];
    size_t value_line;          /* where in `value` its last line began */
    uint64_t kept, kept_before; /* octets of values so far, at most limits->header; without the current one's */
    struct buf value;
    struct facts *facts; /* null until there is one */
};

struct header_scanner *header_scanner_new(const struct limits *limits)
{
    struct header_scanner *h = memory_get(sizeof *h);
    h->limits = limits;
    h->first_line = true;
    h->fact = FACT_NONE;
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
    facts_free(h->facts);
    free(h);
}

size_t header_scanner_held(const struct header_scanner *h)
{
    return memory_cost(sizeof *h) + memory_cost(h->value.cap) + facts_held(h->facts);
}

static struct facts *facts(struct header_scanner *h)
{
    if (!h->facts)
        h->facts = facts_new(h->limits);
    return h->facts;
}

static void forget_field(struct header_scanner *h)
{
    h->fact = FACT_NONE;
    h->told = false;
    buf_reset(&h->value);
}

/* The field that was being read is whole. */
static void end_field(struct header_scanner *h)
{
    if (h->told)
        h->listener(h->listener_arg, bytes_of(h->name, h->name_len), bytes_trim(buf_bytes(&h->value)));
    else if (h->fact != FACT_NONE)
        facts_add(h->facts, h->fact, buf_bytes(&h->value));
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

/* The line that is being read is no field. */
static void end_header_early(struct header_scanner *h)
{
    if (!h->gap)
        h->odd |= NO_COLON;
    end_header(h, h->line_start);
}

/* What the field with the name that was read counts to: where the listener does not want all, each kind for itself, so
   that none can take another's room. Null: it is none for the listener. */
static struct told *told_of(struct header_scanner *h)
{
    if (!h->listener || h->name_len > NAME_MOST)
        return NULL;
    if (h->every)
        return &h->all;
    enum entity_field kind = entity_field(bytes_of(h->name, h->name_len));
    return kind == ENTITY_FIELDS ? NULL : &h->kinds[kind];
}

static enum state in_value(const struct header_scanner *h)
{
    return h->fact != FACT_NONE || h->told ? VALUE : SKIP;
}

static void begin_value(struct header_scanner *h)
{
    h->in_field = true;
    h->value_line = 0;
    h->kept_before = h->kept;
    h->telling = told_of(h);
    h->told = h->telling != NULL;
    h->fact = FACT_NONE;
    unsigned fact = h->part || h->told || h->name_len > NAME_MOST ? FACT_NONE : fact_of(bytes_of(h->name, h->name_len));
    if (fact != FACT_NONE && facts_begin(facts(h), fact))
        h->fact = (uint8_t)fact;
    h->state = in_value(h);
    if (h->state == VALUE)
        buf_room(&h->value, USUAL_SIZE);
}

/* The first octet of a line; false where it has to be looked at again, as part of a name. */
static bool read_line_start(struct header_scanner *h, uint8_t c)
{
    if (c == '\n') {
        end_field(h);
        end_header(h, h->at + 1);
        h->empty_line = true;
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
        end_header_early(h);
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
        end_header_early(h);
    }
}

/* Keeps a piece of the value, or gives the field up. */
static void keep_value(struct header_scanner *h, struct bytes piece)
{
    if (h->told) {
        size_t room = (size_t)((h->every ? h->limits->header : h->limits->header / ENTITY_FIELDS) - h->telling->kept);
        h->telling->cut |= piece.len > room;
        piece = bytes_part(piece, 0, room);
        h->telling->kept += piece.len;
        buf_add(&h->value, piece);
        return;
    }
    /* The trace, of which anybody may add as much as he likes, has no more than half. */
    uint64_t most = fact_is_trace(h->fact) ? h->limits->header / 2 : h->limits->header;
    if (h->kept <= most && piece.len <= most - h->kept) {
        h->kept += piece.len;
        buf_add(&h->value, piece);
        return;
    }
    facts_cut(h->facts, h->fact);
    h->kept = h->kept_before; /* all of it, so that it does not matter how it was cut */
    forget_field(h);
    h->state = SKIP;
}

/* Looks for octets that are no ASCII, and for NUL. */
static void look_at(struct header_scanner *h, struct bytes piece)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    uint64_t high = 0, zero = 0;
    size_t i = 0;
    for (; i + 8 <= piece.len; i += 8) {
        uint64_t eight;
        memcpy(&eight, piece.data + i, sizeof eight);
        high |= eight;
        zero |= (eight - ones) & ~eight;
    }
    for (; i < piece.len; i++) {
        high |= piece.data[i];
        zero |= piece.data[i] ? 0 : highs;
    }
    h->odd |= (uint8_t)((high & highs ? EIGHT_BIT : 0) | (zero & highs ? NUL_OCTET : 0));
}

/* As much of a value as there is up to the line's end; returns how much. */
static size_t read_value(struct header_scanner *h, struct bytes more)
{
    size_t end = bytes_index(more, '\n');
    if (!h->part && !h->gap) /* behind a gap it may be the body */
        look_at(h, bytes_part(more, 0, end));
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
    size_t n = 0, before = h->name_len;
    while (n < more.len && more.data[n] > ' ' && more.data[n] < 0x7f && more.data[n] != ':')
        n++;
    if (before < NAME_MOST)
        memcpy(h->name + before, more.data, n < NAME_MOST - before ? n : NAME_MOST - before);
    h->name_len = (uint8_t)(before + n <= NAME_MOST ? before + n : NAME_MOST + 1);
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
        n = read_name_on(h, more);
        if (n == more.len)
            return n;
        read_name(h, more.data[n]);
        return n + 1;
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
            if (h->at - h->line_start > LINE_MOST + 2 && !h->gap)
                h->odd |= LONG_LINE;
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
    if (h->facts)
        facts_gap(h->facts);
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

bool header_scanner_told_all(const struct header_scanner *h)
{
    bool cut = h->all.cut;
    for (unsigned i = 0; i < ENTITY_FIELDS; i++)
        cut |= h->kinds[i].cut;
    return !cut;
}

bool header_scanner_empty_line(const struct header_scanner *h)
{
    return h->empty_line;
}

uint64_t header_scanner_end(const struct header_scanner *h)
{
    return h->body;
}

static void write_oddities(const struct header_scanner *h, struct record *message)
{
    static const struct {
        enum oddity odd;
        enum note note;
    } notes[] = {{NO_COLON, NOTE_header_no_colon},
                 {EIGHT_BIT, NOTE_header_8bit},
                 {NUL_OCTET, NOTE_header_nul},
                 {LONG_LINE, NOTE_header_long_line}};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (h->odd & notes[i].odd)
            record_word(message, F_message_noted, note_infos[notes[i].note].name);
}

void header_scanner_excerpt(struct header_scanner *h)
{
    h->excerpt = true;
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
    if (h->part || (!h->facts && !complete))
        return;
    facts_write(facts(h), message, complete && !h->gap && !h->excerpt);
    write_oddities(h, message);
}
