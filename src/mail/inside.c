/* Files inside a leaf. Each is a leaf in turn, in a list of its own that waits until the leaf around it is listed. */
#include "inside.h"

#include "base/buf.h"
#include "base/memory.h"
#include "charset.h"
#include "embedded.h"
#include "part.h"
#include "tnef.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    DEPTH_MOST = 4,  /* winmail.dat in winmail.dat; each takes some stack */
    NAME_MOST = 512, /* octets of a name in UTF-8 */
    PATH_MORE = 14,  /* ".t" and a number */
};

static const char unknown_type[] = "application/octet-stream";

struct inside {
    struct tree *outer, own;
    struct embedded *text;
    struct tnef *tnef;
    struct part *part;   /* that is being read; null beyond the limit, too */
    const char *path;    /* the leaf's */
    const char *charset; /* of the text, or null */
    uint32_t number;
    bool missing; /* octets of that file */
};

/* But for the list all is one tree's, the outermost: what is counted, links and reports. */
static void share(struct tree *to, const struct tree *from)
{
    to->listed = from->listed;
    to->omitted = from->omitted;
    to->links = from->links;
    to->report = from->report;
}

static void begin(struct inside *i, struct entity *e, char kind)
{
    size_t size = strlen(i->path) + PATH_MORE;
    char *path = memory_get(size);
    snprintf(path, size, "%s.%c%u", i->path, kind, ++i->number);
    share(&i->own, i->outer);
    i->part = part_new(&i->own, e, path, unknown_type, NULL);
    i->missing = false;
    share(i->outer, &i->own);
}

static void push(void *arg, struct bytes octets)
{
    struct inside *i = arg;
    if (i->part)
        part_push(i->part, octets);
    share(i->outer, &i->own);
}

static void end(struct inside *i, bool whole)
{
    char hex[65];
    if (i->part)
        part_end(i->part, !whole, hex);
    i->part = NULL;
    share(i->outer, &i->own);
}

/* Null where there is none. */
static char *name_of(struct bytes raw, struct bytes charset)
{
    struct buf name;
    buf_init(&name, NAME_MOST);
    charset_to_utf8(charset, raw, &name);
    char *text = name.len ? charset_string(buf_bytes(&name)) : NULL;
    buf_release(&name);
    return text;
}

/* --- in a text --- */

static void text_begin(void *arg, enum embedded_kind kind, struct bytes name)
{
    static const char *const encodings[] = {
        [EMBEDDED_UUENCODE] = "x-uuencode", [EMBEDDED_BASE64] = "base64", [EMBEDDED_YENC] = "x-yenc"};
    struct inside *i = arg;
    struct entity e = {.has_disposition = true, .encoding = memory_string(encodings[kind])};
    e.disposition.filename = name_of(name, bytes_of_string(i->charset ? i->charset : ""));
    begin(i, &e, 'u');
}

static void text_gap(void *arg, uint64_t len)
{
    struct inside *i = arg;
    i->missing = true;
    if (i->part)
        part_gap(i->part, len, false);
}

static void text_end(void *arg, bool whole, unsigned odd)
{
    struct inside *i = arg;
    if (i->part && odd & (TRANSFER_ILLEGAL | TRANSFER_PADDING | TRANSFER_BAD_CHECK))
        part_bad_encoding(i->part);
    end(i, whole || i->missing);
}

static const struct embedded_events text_events = {text_begin, push, text_gap, text_end};

/* --- in winmail.dat --- */

/* What is known now of a part's name and type. */
static void describe(struct entity *e, const struct tnef_attachment *a)
{
    char codepage[24] = ""; /* not told, or UTF-8 */
    if (!a->name_is_utf8 && a->codepage)
        snprintf(codepage, sizeof(codepage), "windows-%u", (unsigned)a->codepage);
    e->has_disposition = true;
    free(e->disposition.filename);
    e->disposition.filename = name_of(a->name, bytes_of_string(codepage));
    if (!e->has_type && a->is_message)
        entity_take(e, BYTES("Content-Type"), BYTES("application/ms-tnef"));
    else if (!e->has_type && a->mime.len)
        entity_take(e, BYTES("Content-Type"), a->mime);
}

static void tnef_begin(void *arg, const struct tnef_attachment *so_far)
{
    struct entity e = {.has_type = false};
    describe(&e, so_far);
    begin(arg, &e, 't');
}

static void tnef_end(void *arg, const struct tnef_attachment *a)
{
    struct inside *i = arg;
    if (i->part)
        describe(part_entity(i->part), a);
    end(i, a->whole);
}

static const struct tnef_events attachment_events = {tnef_begin, push, tnef_end};

/* --- either --- */

static bool is_winmail(const struct entity *e, const char *fallback)
{
    const char *name = entity_name(e);
    return entity_is(e, fallback, "application", "ms-tnef") || entity_is(e, fallback, "application", "vnd.ms-tnef") ||
           (name && bytes_equal_nocase(bytes_of_string(name), BYTES("winmail.dat")));
}

struct inside *inside_new(struct tree *outer, const struct entity *e, const char *path, const char *fallback)
{
    /* where a text has no encoding of its own gateways put them */
    bool text = e->transfer == TRANSFER_IDENTITY && entity_is(e, fallback, "text", "plain");
    bool winmail = is_winmail(e, fallback);
    if (outer->inside >= DEPTH_MOST || (!winmail && !text))
        return NULL;
    struct inside *i = memory_get(sizeof(*i));
    i->outer = outer;
    i->own = (struct tree){.mail = outer->mail, .inside = outer->inside + 1};
    i->path = path;
    if (winmail) {
        i->tnef = tnef_new(&attachment_events, i);
    } else {
        i->text = embedded_new(&text_events, i);
        i->charset = e->type.charset;
    }
    return i;
}

void inside_free(struct inside *i)
{
    if (!i)
        return;
    embedded_free(i->text);
    tnef_free(i->tnef);
    part_free(i->part);
    i->own.links = NULL;
    i->own.report = NULL;
    tree_release(&i->own);
    free(i);
}

size_t inside_held(const struct inside *i)
{
    if (!i)
        return 0;
    struct tree list = i->own;
    list.links = NULL;
    list.report = NULL;
    size_t reader = i->text ? embedded_held(i->text) : tnef_held(i->tnef);
    return memory_cost(sizeof(*i)) + reader + part_held(i->part) + tree_held(&list);
}

void inside_push(struct inside *i, struct bytes decoded)
{
    if (i->text)
        embedded_push(i->text, decoded);
    else
        tnef_push(i->tnef, decoded);
}

void inside_gap(struct inside *i, uint64_t len)
{
    if (i->text)
        embedded_gap(i->text, len ? len : 1);
    else
        tnef_gap(i->tnef);
}

bool inside_finish(struct inside *i)
{
    if (i->text)
        embedded_finish(i->text);
    else
        tnef_finish(i->tnef);
    return i->tnef && tnef_odd(i->tnef);
}

void inside_write(struct inside *i)
{
    tree_join(i->outer, &i->own);
}
