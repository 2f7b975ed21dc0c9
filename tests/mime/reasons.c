/* Why the walk and GMime may differ on a message. */
#include "reasons.h"

#include <stdio.h>
#include <stdlib.h>

static void copy(char *to, size_t size, struct bytes word)
{
    snprintf(to, size, "%.*s", (int)word.len, word.len ? (const char *)word.data : "");
}

void lines_read(struct lines *l, struct bytes list)
{
    l->count = 0;
    while (list.len && l->count < LINES_MOST) {
        struct bytes rest = bytes_part(list, 0, bytes_index(list, '\n'));
        list = bytes_part(list, rest.len + 1, SIZE_MAX);
        struct line *n = &l->line[l->count];
        *n = (struct line){.leaf = false};
        if (bytes_starts_nocase(rest, BYTES("noted ")))
            continue;
        copy(n->path, sizeof n->path, bytes_word(&rest));
        copy(n->mime, sizeof n->mime, bytes_word(&rest));
        rest = bytes_trim(rest);
        n->leaf = bytes_number(&rest, &n->size);
        n->bad_encoding = bytes_find_nocase(rest, BYTES("!bad_encoding")) != SIZE_MAX;
        copy(n->hash, sizeof n->hash, n->leaf ? bytes_word(&rest) : bytes_part(rest, 0, 0));
        l->count++;
    }
}

static bool line_equal(const struct line *a, const struct line *b)
{
    return !strcmp(a->path, b->path) && !strcmp(a->mime, b->mime) && a->leaf == b->leaf && a->size == b->size &&
           !strcmp(a->hash, b->hash);
}

bool lines_equal(const struct lines *a, const struct lines *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++)
        if (!line_equal(&a->line[i], &b->line[i]))
            return false;
    return a->count == b->count;
}

static struct line *find(struct lines *l, const char *path)
{
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->line[i].path, path))
            return &l->line[i];
    return NULL;
}

static bool is_inside(const char *path, const char *outer)
{
    size_t len = strlen(outer);
    return !strncmp(path, outer, len) && path[len] == '.';
}

static void drop_inside(struct lines *l, const char *outer)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++)
        if (!is_inside(l->line[i].path, outer))
            l->line[kept++] = l->line[i];
    l->count = kept;
}

static bool noted(const struct difference *d, const char *note)
{
    return bytes_find_nocase(d->noted, bytes_of_string(note)) != SIZE_MAX;
}

/* --- the classes --- */

/* Is there a Content-Type without a type and a subtype? */
static bool has_bad_type(struct bytes message)
{
    static const char *const bad[] = {"Content-Type: text\r", "Content-Type: text\n", "Content-Type: /",
                                      "Content-Type: ;",      "Content-Type: \r",     "Content-Type: \n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (bytes_find_nocase(message, bytes_of_string(bad[i])) != SIZE_MAX)
            return true;
    return false;
}

/* 1.u1, 2.t1 */
static bool files_inside(struct difference *d)
{
    size_t kept = 0, count = d->ours.count;
    for (size_t i = 0; i < count; i++) {
        const char *dot = strrchr(d->ours.line[i].path, '.');
        if (!dot || (dot[1] != 'u' && dot[1] != 't'))
            d->ours.line[kept++] = d->ours.line[i];
    }
    d->ours.count = kept;
    return kept < count;
}

static bool encoded_message(struct difference *d)
{
    bool found = false;
    for (size_t i = 0; i < d->theirs.count; i++) {
        struct line *theirs = &d->theirs.line[i], *ours = find(&d->ours, theirs->path);
        bool bad = !strcmp(theirs->mime, "application/octet-stream") && has_bad_type(d->message);
        bool message = !strncmp(theirs->mime, "message/", 8);
        if (!theirs->leaf || !ours || ours->leaf || !(message ? !strcmp(ours->mime, theirs->mime) : bad))
            continue;
        drop_inside(&d->ours, theirs->path);
        *theirs = *find(&d->ours, theirs->path);
        found = true;
    }
    return found;
}

static bool no_boundary(struct difference *d)
{
    bool found = false;
    if (!noted(d, "noted mime_no_boundary"))
        return false;
    for (size_t i = 0; i < d->ours.count && i < d->theirs.count; i++) {
        struct line *ours = &d->ours.line[i], *theirs = &d->theirs.line[i];
        if (!ours->leaf || strncmp(ours->mime, "multipart/", 10) != 0 || theirs->leaf ||
            strcmp(ours->mime, theirs->mime) != 0)
            continue;
        *theirs = *ours;
        found = true;
    }
    return found;
}

static bool bad_type(struct difference *d)
{
    bool found = false;
    if (!has_bad_type(d->message))
        return false;
    for (size_t i = 0; i < d->ours.count; i++) {
        struct line *ours = &d->ours.line[i], *theirs = find(&d->theirs, ours->path);
        bool fallback = !strcmp(ours->mime, "text/plain") || !strcmp(ours->mime, "message/rfc822");
        if (!theirs || !fallback || strcmp(theirs->mime, "application/octet-stream") != 0)
            continue;
        strcpy(theirs->mime, ours->mime);
        found = true;
    }
    return found;
}

/* The octets differ, and nothing else. */
static bool octets_differ(const struct line *ours, const struct line *theirs)
{
    return theirs && ours->leaf && theirs->leaf && !strcmp(ours->mime, theirs->mime) &&
           strcmp(ours->hash, theirs->hash) != 0;
}

static void take_octets(struct line *to, const struct line *from)
{
    to->size = from->size;
    memcpy(to->hash, from->hash, sizeof to->hash);
}

static bool bad_encoding(struct difference *d)
{
    bool found = false;
    for (size_t i = 0; i < d->ours.count; i++) {
        struct line *ours = &d->ours.line[i], *theirs = find(&d->theirs, ours->path);
        if (!ours->bad_encoding || !octets_differ(ours, theirs))
            continue;
        take_octets(theirs, ours);
        found = true;
    }
    return found;
}

static bool has_blank_end(struct bytes message)
{
    static const char *const ends[] = {" \n", "\t\n", " \r\n", "\t\r\n"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (bytes_find_nocase(message, bytes_of_string(ends[i])) != SIZE_MAX)
            return true;
    return false;
}

/* GMime keeps them, and so tells more octets. */
static bool quoted_blanks(struct difference *d)
{
    bool found = false;
    if (bytes_find_nocase(d->message, BYTES("quoted-printable")) == SIZE_MAX || !has_blank_end(d->message))
        return false;
    for (size_t i = 0; i < d->ours.count; i++) {
        struct line *ours = &d->ours.line[i], *theirs = find(&d->theirs, ours->path);
        if (!octets_differ(ours, theirs) || ours->size >= theirs->size)
            continue;
        take_octets(theirs, ours);
        found = true;
    }
    return found;
}

/* An empty part within a message that has no octets. */
static bool empty_message(struct difference *d)
{
    bool found = false;
    for (size_t i = 1; i < d->ours.count; i++) {
        const struct line *inner = &d->ours.line[i], *outer = &d->ours.line[i - 1];
        if (strncmp(outer->mime, "message/", 8) != 0 || outer->leaf || !is_inside(inner->path, outer->path) ||
            !inner->leaf || inner->size || find(&d->theirs, inner->path))
            continue;
        char path[sizeof outer->path];
        memcpy(path, outer->path, sizeof path);
        drop_inside(&d->ours, path);
        found = true;
    }
    return found;
}

/* GMime takes two octets away before a delimiter where it has seen CRLF before; of base64 that is up to three. */
static bool mixed_line_ends(struct difference *d)
{
    bool found = false, bare = false;
    for (size_t at = 0; at < d->message.len && !bare; at++) {
        at += bytes_index(bytes_part(d->message, at, SIZE_MAX), '\n');
        bare = at && at < d->message.len && d->message.data[at - 1] != '\r';
    }
    if (!bare || bytes_find_nocase(d->message, BYTES("\r\n")) == SIZE_MAX)
        return false;
    for (size_t i = 0; i < d->ours.count; i++) {
        struct line *ours = &d->ours.line[i], *theirs = find(&d->theirs, ours->path);
        if (!octets_differ(ours, theirs) || ours->size <= theirs->size || ours->size > theirs->size + 3)
            continue;
        take_octets(theirs, ours);
        found = true;
    }
    return found;
}

/* GMime leaves a part out that has neither a header nor an empty line nor a body, and its successors count less. */
static bool delimiter_twice(struct difference *d)
{
    struct bytes before = {NULL, 0};
    for (size_t at = 0; at < d->message.len;) {
        struct bytes line = bytes_part(d->message, at, SIZE_MAX);
        line.len = bytes_index(line, '\n');
        at += line.len + 1;
        while (line.len &&
               (line.data[line.len - 1] == '\r' || line.data[line.len - 1] == ' ' || line.data[line.len - 1] == '\t'))
            line.len--;
        char declared[100];
        snprintf(declared, sizeof declared, "boundary=\"%.*s\"", line.len > 2 && line.len < 80 ? (int)line.len - 2 : 0,
                 (const char *)line.data + 2);
        bool twice = line.len > 2 && bytes_equal(line, before) && bytes_starts_nocase(line, BYTES("--"));
        if (twice && bytes_find_nocase(d->message, bytes_of_string(declared)) != SIZE_MAX) {
            d->ours.count = d->theirs.count = 0;
            return true;
        }
        before = line;
    }
    return false;
}

/* Two multiparts of the same boundary, perhaps one in the other. */
static bool same_boundary(struct difference *d)
{
    static const char word[] = "boundary=\"";
    const size_t len = sizeof word - 1;
    for (struct bytes rest = d->message;;) {
        size_t at = bytes_find_nocase(rest, bytes_of_string(word));
        if (at == SIZE_MAX)
            return false;
        struct bytes declared = bytes_part(rest, at, SIZE_MAX);
        declared.len = len + bytes_index(bytes_part(declared, len, SIZE_MAX), '"') + 1;
        rest = bytes_part(rest, at + len, SIZE_MAX);
        if (bytes_find_nocase(rest, declared) != SIZE_MAX)
            break;
    }
    d->ours.count = d->theirs.count = 0;
    return true;
}

static bool no_empty_line(struct difference *d)
{
    if (!noted(d, "noted mime_no_empty_line") && !noted(d, "noted header_no_colon"))
        return false;
    d->ours.count = d->theirs.count = 0;
    return true;
}

const struct reason reasons[] = {
    {"files inside a text or winmail.dat, which GMime does not look for", files_inside},
    {"an encoded message: GMime tells it as a leaf, RFC 2046 section 5.2.1 forbids it, readers open it",
     encoded_message},
    {"a multipart without a boundary: GMime tells it as empty, here it is one part", no_boundary},
    {"a Content-Type that is none: application/octet-stream to GMime, text/plain to RFC 2045 section 5.2", bad_type},
    {"characters that the transfer encoding does not have: there is no right answer", bad_encoding},
    {"blanks at the end of a line of quoted-printable: GMime keeps them, RFC 2045 section 6.7 (3) takes them away",
     quoted_blanks},
    {"a message without any octets: GMime sees no part in it, here it has an empty one as IMAP servers tell it",
     empty_message},
    {"LF before a delimiter in a message that has CRLF, too: GMime takes away one octet too many", mixed_line_ends},
    {"two delimiters one after the other: GMime leaves that part out", delimiter_twice},
    {"two multiparts of the same boundary: which of them a delimiter belongs to is anybody's guess", same_boundary},
    {"a line in a header that is no field: GMime goes on behind it, here the body begins", no_empty_line},
};

const unsigned reason_count = sizeof reasons / sizeof *reasons;
