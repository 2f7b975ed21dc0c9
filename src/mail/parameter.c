/* Parameters of Content-Type and Content-Disposition. RFC 2231 values go before plain ones of the same name, a value in
   one piece before one in several; of the same form the first counts. GMime, which reads them too, tells neither what
   it could not convert nor what stood there twice. */
#include "parameter.h"

#include "base/buf.h"
#include "base/memory.h"
#include "charset.h"
#include "lexical.h"
#include "utf8.h"
#include "words.h"

#include <stdlib.h>

enum { PIECES_MOST = 512, TARGETS_MOST = 5 };

/* One piece of a value: name*0, name*1*, ... */
struct piece {
    unsigned index, order;
    bool encoded;
    bool quoted;
    struct bytes text;
};

/* A parameter that is wanted, and what was found of it. */
struct target {
    const char *name;
    char **to;
    bool lower; /* its value is kept in lower case */
    bool free;  /* may hold blanks where it is not quoted: names of files */
    struct bytes plain, extended;
    bool has_plain, has_extended, plain_quoted;
    struct piece *pieces;
    size_t count;
};

struct parsing {
    struct target targets[TARGETS_MOST];
    size_t count;
    bool lossy, duplicate, cut;
};

/* NUL has no place in a string. */
static void copy(char *to, struct bytes text, bool lower)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i] ? text.data[i] : CHARSET_LOST;
        to[i] = (char)(lower ? byte_lower(c) : c);
    }
}

static char *string_of(struct bytes text, bool lower)
{
    if (!text.len)
        return NULL;
    char *s = memory_get(text.len + 1);
    copy(s, text, lower);
    return s;
}

static void add_unquoted(struct buf *out, struct bytes text, bool quoted)
{
    if (!quoted) {
        buf_add(out, text);
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\\' && i + 1 < text.len)
            i++;
        buf_add_byte(out, text.data[i]);
    }
}

static void add_percent(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        int octet = lexical_escaped(bytes_part(text, i, 3), '%');
        buf_add_byte(out, octet < 0 ? text.data[i] : (uint8_t)octet);
        i += octet < 0 ? 0 : 2;
    }
}

/* Cuts charset'language' off the front; a value without it is taken as it is. */
static struct bytes cut_charset(struct bytes *text)
{
    struct bytes charset = bytes_part(*text, 0, bytes_index(*text, '\''));
    struct bytes behind = bytes_part(*text, charset.len + 1, SIZE_MAX);
    size_t language = bytes_index(behind, '\'');
    if (charset.len == text->len || language == behind.len)
        return bytes_part(*text, 0, 0);
    *text = bytes_part(behind, language + 1, SIZE_MAX);
    return charset;
}

static int piece_order(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    return x->index != y->index ? (x->index < y->index ? -1 : 1) : x->order < y->order ? -1 : x->order > y->order;
}

/* The pieces in their order, those twice there once; returns the charset of the first. */
static struct bytes join_pieces(struct parsing *p, struct target *t, struct buf *octets, bool *ret_encoded)
{
    struct bytes charset = {NULL, 0};
    qsort(t->pieces, t->count, sizeof *t->pieces, piece_order);
    for (size_t i = 0; i < t->count; i++) {
        struct piece *s = &t->pieces[i];
        if (i && s->index == s[-1].index) {
            p->duplicate = true;
            continue;
        }
        struct bytes text = s->text;
        if (!i && s->encoded)
            charset = cut_charset(&text);
        *ret_encoded |= s->encoded;
        if (s->encoded)
            add_percent(octets, text);
        else
            add_unquoted(octets, text, s->quoted);
    }
    return charset;
}

/* What was found of a parameter becomes its string. */
static void finish_target(struct parsing *p, struct target *t, struct buf *octets, struct buf *text)
{
    struct bytes charset = {NULL, 0};
    bool encoded = false, lossy = false;
    if (!t->has_plain && !t->has_extended && !t->count)
        return;
    buf_reset(octets);
    if (t->has_extended) {
        struct bytes rest = t->extended;
        charset = cut_charset(&rest);
        add_percent(octets, rest);
        encoded = true;
    } else if (t->count) {
        charset = join_pieces(p, t, octets, &encoded);
    } else {
        add_unquoted(octets, t->plain, t->plain_quoted);
    }
    struct bytes value = buf_bytes(octets); /* a boundary is its octets, whatever they look like */
    if (t->free) {
        buf_reset(text);
        lossy = (encoded ? charset_to_utf8(charset, value, text) : words_decode(value, text)) || text->cut;
        value = buf_bytes(text);
    }
    if (t->free || t->lower) /* a boundary may begin with blanks */
        value = bytes_trim(value);
    p->cut |= octets->cut || (t->free && text->cut) || value.len > PARAMETER_MOST;
    p->lossy |= lossy || octets->cut || value.len > PARAMETER_MOST || bytes_index(value, '\0') < value.len;
    *t->to = string_of(bytes_part(value, 0, PARAMETER_MOST), t->lower);
    free(t->pieces);
    t->pieces = NULL;
}

/* "name", "name*", "name*3", "name*3*": what is behind the name. False where the asterisk is none of these. */
static bool read_suffix(struct bytes suffix, bool *ret_piece, unsigned *ret_index, bool *ret_encoded)
{
    uint64_t index = 0;
    struct bytes rest = bytes_part(suffix, 1, SIZE_MAX);
    *ret_piece = bytes_number(&rest, &index);
    *ret_index = (unsigned)index;
    *ret_encoded = !*ret_piece;
    if (*ret_piece && rest.len && rest.data[0] == '*') {
        *ret_encoded = true;
        rest = bytes_part(rest, 1, SIZE_MAX);
    }
    return !rest.len && index < PIECES_MOST * 2;
}

static void add_piece(struct parsing *p, struct target *t, struct piece piece)
{
    if (t->count == PIECES_MOST) {
        p->lossy = p->cut = true;
        return;
    }
    if (!(t->count & (t->count - 1))) /* room for a power of two */
        t->pieces = memory_resize(t->pieces, (t->count ? t->count * 2 : 1) * sizeof piece);
    piece.order = (unsigned)t->count;
    t->pieces[t->count++] = piece;
}

static void found(struct parsing *p, struct bytes name, struct bytes value, bool quoted)
{
    size_t star = bytes_index(name, '*');
    struct bytes base = bytes_part(name, 0, star), suffix = bytes_part(name, star, SIZE_MAX);
    for (size_t i = 0; i < p->count; i++) {
        struct target *t = &p->targets[i];
        if (!bytes_equal_nocase(base, bytes_of_string(t->name)))
            continue;
        bool piece, encoded;
        unsigned index;
        if (!suffix.len) {
            p->duplicate |= t->has_plain && !bytes_equal(t->plain, value);
            if (!t->has_plain) {
                t->plain = value;
                t->plain_quoted = quoted;
            }
            t->has_plain = true;
        } else if (!read_suffix(suffix, &piece, &index, &encoded)) {
            p->lossy = true;
        } else if (piece) {
            add_piece(p, t, (struct piece){.index = index, .encoded = encoded, .quoted = quoted, .text = value});
        } else {
            p->duplicate |= t->has_extended && !bytes_equal(t->extended, value);
            if (!t->has_extended)
                t->extended = value;
            t->has_extended = true;
        }
    }
}

static bool is_free(const struct parsing *p, struct bytes name)
{
    struct bytes base = bytes_part(name, 0, bytes_index(name, '*'));
    for (size_t i = 0; i < p->count; i++)
        if (p->targets[i].free && bytes_equal_nocase(base, bytes_of_string(p->targets[i].name)))
            return true;
    return false;
}

static struct bytes cut_value(struct bytes *rest, bool is_name)
{
    if (!is_name)
        return lexical_token(rest, ";");
    size_t n = bytes_index(*rest, ';');
    struct bytes value = bytes_trim(bytes_part(*rest, 0, n));
    *rest = bytes_part(*rest, n, SIZE_MAX);
    return value;
}

/* All that is behind the first word: attributes with values, between semicolons or only blanks. */
static void read_parameters(struct parsing *p, struct bytes rest)
{
    while ((rest = lexical_skip(rest)).len) {
        if (rest.data[0] == ';' || rest.data[0] == '=' || rest.data[0] == '"') {
            rest = bytes_part(rest, 1, SIZE_MAX);
            continue;
        }
        struct bytes name = lexical_token(&rest, ";=\"(");
        struct bytes behind = lexical_skip(rest);
        if (!behind.len || behind.data[0] != '=') {
            rest = behind;
            continue;
        }
        rest = lexical_skip(bytes_part(behind, 1, SIZE_MAX));
        bool quoted = rest.len && rest.data[0] == '"';
        struct bytes value = quoted ? lexical_quoted(&rest) : cut_value(&rest, is_free(p, name));
        found(p, name, value, quoted);
    }
    struct buf octets, text;
    buf_init(&octets, (size_t)PARAMETER_MOST * 4);
    buf_init(&text, PARAMETER_MOST);
    for (size_t i = 0; i < p->count; i++)
        finish_target(p, &p->targets[i], &octets, &text);
    buf_release(&octets);
    buf_release(&text);
}

/* The word in front of the parameters; empty where that is one already. */
static struct bytes cut_first(struct bytes *rest, const char *ends)
{
    *rest = lexical_skip(*rest);
    struct bytes behind = *rest, word = lexical_token(&behind, ends), next = lexical_skip(behind);
    if (next.len && next.data[0] == '=')
        return bytes_part(word, 0, 0);
    *rest = behind;
    return bytes_part(word, 0, PARAMETER_MOST);
}

static char *mime_of(struct bytes type, struct bytes subtype)
{
    if (!type.len || (!subtype.len && !bytes_equal_nocase(type, BYTES("multipart"))))
        return NULL; /* "multipart/" is one, as mail readers take it */
    char *mime = memory_get(type.len + subtype.len + 2);
    copy(mime, type, true);
    mime[type.len] = '/';
    copy(mime + type.len + 1, subtype, true);
    return mime;
}

void media_type_parse(struct media_type *m, struct bytes value)
{
    *m = (struct media_type){.lossy = false};
    struct parsing p = {.targets = {{.name = "boundary", .to = &m->boundary},
                                    {.name = "charset", .to = &m->charset, .lower = true},
                                    {.name = "name", .to = &m->name, .free = true},
                                    {.name = "report-type", .to = &m->report_type, .lower = true},
                                    {.name = "protocol", .to = &m->protocol, .lower = true}},
                        .count = 5};
    struct bytes rest = value, type = cut_first(&rest, "/;=\"("), behind = lexical_skip(rest);
    if (type.len && behind.len && behind.data[0] == '/') {
        rest = lexical_skip(bytes_part(behind, 1, SIZE_MAX));
        m->mime = mime_of(type, bytes_part(lexical_token(&rest, ";=\"("), 0, PARAMETER_MOST));
    }
    read_parameters(&p, rest);
    m->lossy = p.lossy;
    m->cut = p.cut;
    m->duplicate = p.duplicate;
}

void media_type_release(struct media_type *m)
{
    free(m->mime);
    free(m->boundary);
    free(m->charset);
    free(m->name);
    free(m->report_type);
    free(m->protocol);
    *m = (struct media_type){.lossy = false};
}

void disposition_parse(struct disposition *d, struct bytes value)
{
    *d = (struct disposition){.lossy = false};
    struct parsing p = {.targets = {{.name = "filename", .to = &d->filename, .free = true}}, .count = 1};
    struct bytes rest = value;
    d->word = string_of(cut_first(&rest, ";=\"("), true);
    read_parameters(&p, rest);
    d->lossy = p.lossy;
    d->cut = p.cut;
    d->duplicate = p.duplicate;
}

void disposition_release(struct disposition *d)
{
    free(d->word);
    free(d->filename);
    *d = (struct disposition){.lossy = false};
}
