/* What FETCH tells of a message beside its text (RFC 9051 section 7.5.2): UID, FLAGS, INTERNALDATE, RFC822.SIZE, MODSEQ
   (RFC 7162), ENVELOPE, BODYSTRUCTURE. With a text it goes into the message's record; alone into the session's, as far
   as --limit listed. */
#include "imap.h"

#include "mail/date.h"
#include "mail/words.h"

#define VALUE_MOST   8192 /* octets of one value that are looked at */
#define ADDRESS_MOST 64   /* of one list */
#define PARTS_MOST   32

static const struct {
    const char *name;
    enum fetch_item item;
} items[] = {
    {"UID", ITEM_UID},       {"FLAGS", ITEM_FLAGS},       {"INTERNALDATE", ITEM_DATE},       {"RFC822.SIZE", ITEM_SIZE},
    {"MODSEQ", ITEM_MODSEQ}, {"ENVELOPE", ITEM_ENVELOPE}, {"BODYSTRUCTURE", ITEM_STRUCTURE}, {"BODY", ITEM_STRUCTURE}};

enum fetch_item fetch_item_of(struct bytes name)
{
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        if (bytes_equal_nocase(name, bytes_of_string(items[i].name)))
            return items[i].item;
    return ITEM_NONE;
}

void fetch_value(struct fetch *f, struct bytes piece)
{
    struct buf *value = &f->values[f->item];
    if (!value->max)
        buf_init(value, VALUE_MOST);
    buf_add(value, piece);
}

/* A literal inside an ENVELOPE goes on as a quoted string. */
void fetch_value_literal(struct fetch *f, struct bytes octets)
{
    for (size_t i = 0; i < octets.len && i < VALUE_MOST; i++) {
        if (octets.data[i] == '"' || octets.data[i] == '\\')
            fetch_value(f, BYTES("\\"));
        fetch_value(f, bytes_part(octets, i, 1));
    }
}

static bool number_of(const struct fetch *f, enum fetch_item item, uint64_t *ret)
{
    struct bytes value = bytes_trim(buf_bytes(&f->values[item]));
    if (value.len && value.data[0] == '(') /* MODSEQ (12) */
        value = bytes_part(value, 1, value.len);
    return bytes_number(&value, ret);
}

/* "17-Jul-1996 02:44:25 -0700" */
static bool date_of(const struct fetch *f, int64_t *ret)
{
    char text[40];
    struct bytes value = buf_bytes(&f->values[ITEM_DATE]);
    value = bytes_part(value, bytes_index(value, '"') + 1, sizeof text);
    value = bytes_trim(bytes_part(value, 0, bytes_index(value, '"')));
    for (size_t i = 0; i < value.len; i++)
        text[i] = (char)(i < 12 && value.data[i] == '-' ? ' ' : value.data[i]);
    return value.len && date_parse(bytes_of(text, value.len), ret);
}

static void write_flags(const struct fetch *f, struct record *r, enum field field)
{
    struct bytes value = bytes_trim(buf_bytes(&f->values[ITEM_FLAGS])), word;
    value = bytes_part(value, 1, bytes_index(value, ')') - 1);
    while ((word = bytes_word(&value)).len)
        record_text(r, field, word);
}

void fetch_write_facts(const struct fetch *f, struct record *m)
{
    uint64_t n;
    int64_t when;
    if (number_of(f, ITEM_UID, &n))
        record_number(m, F_message_imap_uid, n);
    if (f->values[ITEM_FLAGS].len)
        write_flags(f, m, F_message_flags);
    if (date_of(f, &when))
        record_time(m, F_message_internal_date, when);
    if (number_of(f, ITEM_SIZE, &n))
        record_number(m, F_message_rfc822_size, n);
}

/* --- ENVELOPE (date subject from sender reply-to to cc bcc in-reply-to message-id) --- */

/* ((name route mailbox host) ...) or NIL */
static void addresses(struct bytes *rest, struct buf *text, struct record *r, enum field f)
{
    struct buf address;
    unsigned count = 0, place = 0, depth = 1;
    enum imap_token t = imap_token(rest, text);
    if (t != TOKEN_OPEN)
        return;
    buf_init(&address, VALUE_MOST);
    while (depth && (t = imap_token(rest, text)) != TOKEN_END) {
        if (t == TOKEN_OPEN) {
            depth++;
            place = 0;
            buf_reset(&address);
            continue;
        }
        if (t == TOKEN_CLOSE) {
            if (depth-- == 2 && address.len && f != F_all_v && count++ < ADDRESS_MOST)
                record_text(r, f, buf_bytes(&address));
            continue;
        }
        place++;
        if (place == 4 && t == TOKEN_TEXT && address.len)
            buf_add_byte(&address, '@');
        if (place >= 3 && place <= 4 && t == TOKEN_TEXT)
            buf_add(&address, buf_bytes(text));
    }
    buf_release(&address);
}

static void write_envelope(const struct fetch *f, struct record *r)
{
    struct bytes rest = buf_bytes(&f->values[ITEM_ENVELOPE]);
    struct buf text, decoded;
    int64_t when;
    buf_init(&text, VALUE_MOST);
    buf_init(&decoded, VALUE_MOST);
    if (imap_token(&rest, &text) == TOKEN_OPEN) {
        if (imap_token(&rest, &text) == TOKEN_TEXT && date_parse(buf_bytes(&text), &when))
            record_time(r, F_listed_date, when);
        if (imap_token(&rest, &text) == TOKEN_TEXT) {
            words_decode(buf_bytes(&text), &decoded);
            record_text(r, F_listed_subject, buf_bytes(&decoded));
        }
        addresses(&rest, &text, r, F_listed_from);
        addresses(&rest, &text, r, F_all_v); /* sender, reply-to: passed over */
        addresses(&rest, &text, r, F_all_v);
        addresses(&rest, &text, r, F_listed_to);
        addresses(&rest, &text, r, F_listed_cc);
        addresses(&rest, &text, r, F_all_v);
        if (imap_token(&rest, &text) == TOKEN_TEXT)
            record_text(r, F_listed_in_reply_to, buf_bytes(&text));
        if (imap_token(&rest, &text) == TOKEN_TEXT)
            record_text(r, F_listed_message_id, buf_bytes(&text));
    }
    buf_release(&text);
    buf_release(&decoded);
}

/* --- BODYSTRUCTURE: a part that is none of others begins with type and subtype, and a list or NIL behind them --- */

static void write_type(struct record *r, struct buf *type, struct bytes subtype)
{
    buf_add_byte(type, '/');
    buf_add(type, subtype);
    for (size_t i = 0; i < type->len; i++)
        type->data[i] = (uint8_t)(type->data[i] >= 'A' && type->data[i] <= 'Z' ? type->data[i] + 32 : type->data[i]);
    record_text(r, F_listed_types, buf_bytes(type));
}

static void write_structure(const struct fetch *f, struct record *r)
{
    struct bytes rest = buf_bytes(&f->values[ITEM_STRUCTURE]);
    struct buf text, type;
    unsigned parts = 0, names = 0;
    bool opened = false, name = false;
    enum imap_token t;
    buf_init(&text, VALUE_MOST);
    buf_init(&type, VALUE_MOST);
    while ((t = imap_token(&rest, &text)) != TOKEN_END) {
        if (t == TOKEN_TEXT && opened && parts < PARTS_MOST) {
            struct bytes ahead = rest;
            struct buf subtype;
            buf_reset(&type);
            buf_add(&type, buf_bytes(&text));
            buf_init(&subtype, VALUE_MOST);
            bool is_part = imap_token(&ahead, &subtype) == TOKEN_TEXT;
            t = imap_token(&ahead, &text);
            is_part = is_part && (t == TOKEN_OPEN || t == TOKEN_NIL);
            if (is_part) {
                write_type(r, &type, buf_bytes(&subtype));
                parts++;
            }
            name = !is_part && (bytes_equal_nocase(buf_bytes(&type), BYTES("NAME")) ||
                                bytes_equal_nocase(buf_bytes(&type), BYTES("FILENAME")));
            buf_release(&subtype);
            opened = false;
            continue;
        }
        if (t == TOKEN_TEXT && name && names++ < PARTS_MOST)
            record_text(r, F_listed_names, buf_bytes(&text));
        name = t == TOKEN_TEXT && !name &&
               (bytes_equal_nocase(buf_bytes(&text), BYTES("NAME")) ||
                bytes_equal_nocase(buf_bytes(&text), BYTES("FILENAME")));
        opened = t == TOKEN_OPEN;
    }
    buf_release(&text);
    buf_release(&type);
}

void fetch_ended(struct session *s, struct fetch *f)
{
    struct imap *x = session_state(s);
    struct record *r = session_facts(s);
    uint64_t n;
    int64_t when;
    bool described = f->values[ITEM_ENVELOPE].len || f->values[ITEM_STRUCTURE].len;
    if (!f->asked || (f->brought_text && !described)) /* what else there is stands in the message's record */
        return;
    bool any = false;
    for (int i = ITEM_UID + 1; i < ITEM_NONE; i++)
        any |= f->values[i].len != 0;
    if (!any) { /* its UID alone: a list of what there is */
        imap_work(x)->listed++;
        return;
    }
    if (imap_work(x)->listed++ >= session_limits(s)->listed) {
        record_cut(r, F_session_listed);
        return;
    }
    record_begin(r, F_session_listed);
    if (x->mailbox.len)
        record_text(r, F_listed_mailbox, buf_bytes(&x->mailbox));
    record_number(r, F_listed_number, f->number);
    if (number_of(f, ITEM_UID, &n))
        record_number(r, F_listed_imap_uid, n);
    if (f->values[ITEM_FLAGS].len)
        write_flags(f, r, F_listed_flags);
    if (date_of(f, &when))
        record_time(r, F_listed_internal_date, when);
    if (number_of(f, ITEM_SIZE, &n))
        record_number(r, F_listed_size, n);
    if (number_of(f, ITEM_MODSEQ, &n))
        record_number(r, F_listed_modseq, n);
    if (f->values[ITEM_ENVELOPE].len)
        write_envelope(f, r);
    if (f->values[ITEM_STRUCTURE].len)
        write_structure(f, r);
    record_end(r);
}
