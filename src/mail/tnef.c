/* TNEF (MS-OXTNEF section 2.1): a signature and a key, then attributes: level, id, length, data, checksum. Attachments
   are attributes of level 2; attAttachRendData begins one. attAttachment, the last of each, is a list of MAPI
   properties (MS-OXTNEF section 2.1.3.4), the long name among them. */
#include "tnef.h"
#include "base/buf.h"
#include "base/memory.h"
#include "utf8.h"

#include <stdlib.h>

enum {
    SIGNATURE = 0x223e9f78,
    SIGNATURE_LEN = 4,
    KEY_LEN = 2,
    HEADER_LEN = 9, /* level, id, length */
    CHECK_LEN = 2,
    LEVEL_MESSAGE = 1,
    LEVEL_ATTACHMENT = 2,
    TEXT_MOST = 1024,
    NAME_MOST = 512,
    MIME_MOST = 128,
};

/* Attributes of attachments, and the one of the message that is of use. */
enum {
    ATT_TITLE = 0x00018010,
    ATT_DATA = 0x0006800f,
    ATT_TRANSPORT_FILENAME = 0x00069001,
    ATT_REND_DATA = 0x00069002,
    ATT_ATTACHMENT = 0x00069005,
    ATT_OEM_CODEPAGE = 0x00069007,
};

/* MAPI properties (MS-OXPROPS) and their types (MS-OXCDATA section 2.11.1). */
enum {
    PID_DISPLAY_NAME = 0x3001,
    PID_ATTACH_DATA = 0x3701,
    PID_ATTACH_FILENAME = 0x3704,
    PID_ATTACH_LONG_FILENAME = 0x3707,
    PID_ATTACH_MIME_TAG = 0x370e,
    NAMED_FROM = 0x8000, /* from here on a property has a name */
    TYPE_OBJECT = 0x000d,
    TYPE_STRING8 = 0x001e,
    TYPE_UNICODE = 0x001f,
    TYPE_BINARY = 0x0102,
    TYPE_MULTIPLE = 0x1000,
    INTERFACE_LEN = 16, /* in front of an object: which interface reads it */
};

/* Which name counts: the higher. */
enum rank { RANK_NONE, RANK_DISPLAY, RANK_TRANSPORT, RANK_SHORT, RANK_TITLE, RANK_LONG };

enum state {
    START,   /* signature and key */
    HEADER,  /* of an attribute */
    DATA,    /* of it */
    CHECK,   /* its checksum */
    STOPPED, /* nothing is read any more */
};

/* Where in a list of properties. Those up to VALUE_LEN are numbers, then runs of octets. */
enum step { COUNT, TAG, GUID, KIND, NAMED_ID, NAME_LEN, VALUES, VALUE_LEN, INTERFACE, NAME, VALUE, PAD, DONE };

struct properties {
    enum step step;
    uint32_t type, id, left; /* properties that are to come */
    uint32_t values;         /* of this one */
    uint64_t run;            /* octets of this run that are to come */
    uint32_t len;            /* of this value */
    uint8_t field[16];
    size_t have;
};

struct tnef {
    const struct tnef_events *events;
    void *arg;
    enum state state;
    unsigned odd;
    uint8_t field[HEADER_LEN];
    size_t have;
    uint32_t id, left; /* of the attribute */
    uint8_t level;
    uint16_t sum;
    struct properties properties;
    struct buf text; /* of the attribute or property that is read */
    bool open, begun;
    bool taking; /* this value is the attachment itself */
    enum rank rank;
    struct buf name, mime;
    struct tnef_attachment attachment;
};

static uint32_t number(const uint8_t *at, size_t len)
{
    uint32_t n = 0;
    while (len--)
        n = n << 8 | at[len];
    return n;
}

struct tnef *tnef_new(const struct tnef_events *events, void *arg)
{
    struct tnef *t = memory_get(sizeof(*t));
    t->events = events;
    t->arg = arg;
    buf_init(&t->text, TEXT_MOST);
    buf_init(&t->name, NAME_MOST);
    buf_init(&t->mime, MIME_MOST);
    return t;
}

void tnef_free(struct tnef *t)
{
    if (!t)
        return;
    buf_release(&t->text);
    buf_release(&t->name);
    buf_release(&t->mime);
    free(t);
}

size_t tnef_held(const struct tnef *t)
{
    return memory_cost(sizeof(*t)) + memory_cost(t->text.cap) + memory_cost(t->name.cap) + memory_cost(t->mime.cap);
}

unsigned tnef_odd(const struct tnef *t)
{
    return t->odd;
}

static const struct tnef_attachment *attachment(struct tnef *t)
{
    t->attachment.name = buf_bytes(&t->name);
    t->attachment.mime = buf_bytes(&t->mime);
    return &t->attachment;
}

static void begin(struct tnef *t)
{
    if (!t->begun)
        t->events->begin(t->arg, attachment(t));
    t->begun = true;
}

static void octets(struct tnef *t, struct bytes more)
{
    begin(t);
    if (!more.len)
        return;
    t->attachment.size += more.len;
    t->events->octets(t->arg, more);
}

static void close_attachment(struct tnef *t, bool whole)
{
    if (t->open) {
        begin(t);
        t->attachment.whole = whole;
        t->events->end(t->arg, attachment(t));
    }
    t->open = t->begun = false;
}

static void open_attachment(struct tnef *t)
{
    close_attachment(t, true);
    t->open = true;
    t->rank = RANK_NONE;
    buf_reset(&t->name);
    buf_reset(&t->mime);
    t->attachment = (struct tnef_attachment){.codepage = t->attachment.codepage};
}

static void stop(struct tnef *t, unsigned odd)
{
    t->odd |= odd;
    t->state = STOPPED;
    close_attachment(t, false);
}

/* The text that was read, up to its NUL, is a name of this rank. */
static void text_is_name(struct tnef *t, enum rank rank, bool utf16)
{
    struct bytes text = buf_bytes(&t->text);
    if (rank <= t->rank)
        return;
    buf_reset(&t->name);
    if (utf16) {
        size_t len = 0;
        while (len + 1 < text.len && (text.data[len] || text.data[len + 1]))
            len += 2;
        utf8_add_utf16(&t->name, bytes_part(text, 0, len));
    } else {
        buf_add(&t->name, bytes_part(text, 0, bytes_index(text, 0)));
    }
    t->rank = t->name.len ? rank : RANK_NONE;
    t->attachment.name_is_utf8 = utf16;
}

static enum rank rank_of(uint32_t id)
{
    switch (id) {
    case PID_ATTACH_LONG_FILENAME:
        return RANK_LONG;
    case PID_ATTACH_FILENAME:
        return RANK_SHORT;
    case PID_DISPLAY_NAME:
        return RANK_DISPLAY;
    default:
        return RANK_NONE;
    }
}

/* The octets of one value of a type with a fixed length, or 0; shorter ones are padded to four. */
static uint32_t fixed_len(uint32_t type)
{
    static const uint8_t lens[] = {[0x02] = 4, [0x03] = 4, [0x04] = 4, [0x05] = 8, [0x06] = 8, [0x07] = 8,
                                   [0x0a] = 4, [0x0b] = 4, [0x14] = 8, [0x40] = 8, [0x48] = 16};
    return type < sizeof(lens) ? lens[type] : 0;
}

static bool is_text(uint32_t type)
{
    return type == TYPE_STRING8 || type == TYPE_UNICODE;
}

static bool is_variable(uint32_t type)
{
    return is_text(type) || type == TYPE_OBJECT || type == TYPE_BINARY;
}

static void next_property(struct properties *p)
{
    p->step = p->left ? TAG : DONE;
    p->left -= p->left > 0;
}

/* The tag is known, and the name if it has one: its values come. */
static bool values_begin(struct properties *p)
{
    uint32_t type = p->type & ~(uint32_t)TYPE_MULTIPLE;
    if (is_variable(type) || p->type != type) {
        p->step = VALUES;
        return is_variable(type) || fixed_len(type);
    }
    p->run = fixed_len(type);
    p->step = PAD;
    return p->run > 0;
}

static void run_begin(struct properties *p, enum step step, uint64_t len)
{
    p->step = step;
    p->run = len;
}

/* Is this the value that is the attachment itself? */
static bool is_content(const struct tnef *t)
{
    const struct properties *p = &t->properties;
    return p->id == PID_ATTACH_DATA && (p->type == TYPE_OBJECT || p->type == TYPE_BINARY) && !t->begun;
}

static void value_end(struct tnef *t)
{
    struct properties *p = &t->properties;
    bool utf16 = p->type == TYPE_UNICODE;
    if (is_text(p->type) && p->id == PID_ATTACH_MIME_TAG && !t->mime.len) {
        struct bytes text = buf_bytes(&t->text);
        for (size_t i = 0; i < text.len && text.data[i]; i += utf16 ? 2 : 1)
            buf_add_byte(&t->mime, text.data[i]);
    } else if (is_text(p->type)) {
        text_is_name(t, rank_of(p->id), utf16);
    }
    p->values--;
    run_begin(p, PAD, -p->len & 3);
}

/* The interface tells an embedded message (IID_IMessage) from other objects. */
static void interface(struct tnef *t)
{
    static const uint8_t message[INTERFACE_LEN] = {0x07, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46};
    t->attachment.is_message = memcmp(t->properties.field, message, INTERFACE_LEN) == 0;
}

/* A number is read; false where the list is broken. */
static bool field_end(struct tnef *t)
{
    struct properties *p = &t->properties;
    uint32_t n = number(p->field, 4);
    switch (p->step) {
    case COUNT:
        p->left = n;
        next_property(p);
        return true;
    case TAG:
        p->type = n & 0xffff;
        p->id = n >> 16;
        p->values = 0;
        if (p->id < NAMED_FROM)
            return values_begin(p);
        p->step = GUID;
        return true;
    case GUID:
        p->step = KIND;
        return true;
    case KIND:
        p->step = n == 1 ? NAME_LEN : NAMED_ID;
        return n <= 1;
    case NAMED_ID:
        return values_begin(p);
    case NAME_LEN:
        run_begin(p, NAME, ((uint64_t)n + 3) & ~UINT64_C(3));
        return true;
    case VALUES:
        p->values = n;
        if (!is_variable(p->type & ~(uint32_t)TYPE_MULTIPLE)) {
            run_begin(p, PAD, (uint64_t)n * fixed_len(p->type & ~(uint32_t)TYPE_MULTIPLE));
            p->values = 0;
        } else if (n) {
            p->step = VALUE_LEN;
        } else {
            next_property(p);
        }
        return true;
    case VALUE_LEN:
        p->len = n;
        buf_reset(&t->text);
        run_begin(p, VALUE, n);
        t->taking = is_content(t);
        if (t->taking && p->type == TYPE_OBJECT && n >= INTERFACE_LEN)
            run_begin(p, INTERFACE, n - INTERFACE_LEN);
        return true;
    case INTERFACE:
        interface(t);
        p->step = VALUE;
        return true;
    case NAME:
    case VALUE:
    case PAD:
    case DONE:
        break;
    }
    return false;
}

/* A run of octets is at its end. */
static bool run_end(struct tnef *t)
{
    struct properties *p = &t->properties;
    if (p->step == NAME)
        return values_begin(p);
    if (p->step == VALUE)
        value_end(t);
    else if (p->values)
        p->step = VALUE_LEN;
    else
        next_property(p);
    return true;
}

/* One step further in the list; the octets that it took go off `more`. */
static bool property_step(struct tnef *t, struct bytes *more)
{
    struct properties *p = &t->properties;
    if (p->step <= INTERFACE) {
        size_t need = p->step == GUID || p->step == INTERFACE ? 16 : 4;
        size_t n = more->len < need - p->have ? more->len : need - p->have;
        memcpy(p->field + p->have, more->data, n);
        p->have += n;
        *more = bytes_part(*more, n, SIZE_MAX);
        if (p->have < need)
            return true;
        p->have = 0;
        return field_end(t);
    }
    struct bytes run = bytes_part(*more, 0, p->run < more->len ? (size_t)p->run : more->len);
    *more = bytes_part(*more, run.len, SIZE_MAX);
    p->run -= run.len;
    if (p->step == VALUE && is_text(p->type))
        buf_add(&t->text, run);
    else if (p->step == VALUE && t->taking)
        octets(t, run);
    return p->run || run_end(t);
}

static void properties_push(struct tnef *t, struct bytes more)
{
    while (more.len && t->properties.step != DONE) {
        if (!property_step(t, &more)) {
            t->odd |= TNEF_BROKEN; /* the attributes behind it are found all the same */
            t->properties.step = DONE;
        }
    }
}

static void attribute_begin(struct tnef *t)
{
    buf_reset(&t->text);
    t->properties = (struct properties){.step = COUNT};
    if (t->level != LEVEL_ATTACHMENT)
        return;
    if (t->id == ATT_REND_DATA || !t->open || (t->id == ATT_DATA && t->begun))
        open_attachment(t);
}

static void attribute_data(struct tnef *t, struct bytes more)
{
    if (t->level != LEVEL_ATTACHMENT) {
        if (t->id == ATT_OEM_CODEPAGE)
            buf_add(&t->text, more);
    } else if (t->id == ATT_DATA) {
        octets(t, more);
    } else if (t->id == ATT_TITLE || t->id == ATT_TRANSPORT_FILENAME) {
        buf_add(&t->text, more);
    } else if (t->id == ATT_ATTACHMENT) {
        properties_push(t, more);
    }
}

static void attribute_end(struct tnef *t)
{
    if (t->level == LEVEL_ATTACHMENT && t->id == ATT_TITLE)
        text_is_name(t, RANK_TITLE, false);
    else if (t->level == LEVEL_ATTACHMENT && t->id == ATT_TRANSPORT_FILENAME)
        text_is_name(t, RANK_TRANSPORT, false);
    else if (t->level == LEVEL_MESSAGE && t->id == ATT_OEM_CODEPAGE && t->text.len >= 4)
        t->attachment.codepage = number(t->text.data, 4);
}

/* Gathers `need` octets; false where there are not that many yet. */
static bool field(struct tnef *t, size_t need, struct bytes *more)
{
    size_t n = more->len < need - t->have ? more->len : need - t->have;
    memcpy(t->field + t->have, more->data, n);
    t->have += n;
    *more = bytes_part(*more, n, SIZE_MAX);
    if (t->have < need)
        return false;
    t->have = 0;
    return true;
}

static void header(struct tnef *t)
{
    t->level = t->field[0];
    t->id = number(t->field + 1, 4);
    t->left = number(t->field + 5, 4);
    t->sum = 0;
    if (t->level != LEVEL_MESSAGE && t->level != LEVEL_ATTACHMENT) {
        stop(t, TNEF_BROKEN);
        return;
    }
    attribute_begin(t);
    t->state = DATA;
}

static void data(struct tnef *t, struct bytes *more)
{
    struct bytes run = bytes_part(*more, 0, t->left);
    uint32_t sum = t->sum;
    for (size_t i = 0; i < run.len; i++)
        sum += run.data[i];
    t->sum = (uint16_t)sum;
    t->left -= (uint32_t)run.len;
    *more = bytes_part(*more, run.len, SIZE_MAX);
    attribute_data(t, run);
    if (!t->left) {
        attribute_end(t);
        t->state = CHECK;
    }
}

void tnef_push(struct tnef *t, struct bytes more)
{
    while (more.len) {
        switch (t->state) {
        case START:
            if (field(t, SIGNATURE_LEN + KEY_LEN, &more)) {
                t->state = HEADER;
                if (number(t->field, SIGNATURE_LEN) != SIGNATURE)
                    stop(t, TNEF_FOREIGN);
            }
            break;
        case HEADER:
            if (field(t, HEADER_LEN, &more))
                header(t);
            break;
        case DATA:
            data(t, &more);
            break;
        case CHECK:
            if (field(t, CHECK_LEN, &more)) {
                t->state = HEADER;
                if (number(t->field, CHECK_LEN) != t->sum)
                    t->odd |= TNEF_CHECKSUM;
            }
            break;
        case STOPPED:
            return;
        }
    }
}

void tnef_gap(struct tnef *t)
{
    if (t->state != STOPPED)
        stop(t, TNEF_CUT);
}

void tnef_finish(struct tnef *t)
{
    bool between = t->state == HEADER && !t->have;
    if (t->state == START)
        stop(t, TNEF_FOREIGN);
    else if (between)
        close_attachment(t, true);
    else if (t->state != STOPPED)
        stop(t, TNEF_CUT);
}
