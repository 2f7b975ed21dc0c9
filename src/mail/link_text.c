/* Links in text. What may begin one is searched by its rarest octets, the colon and the dot; only links themselves are
   read octet by octet. */
#include "link_text.h"

#include "char_ref.h"
#include "record/record.h"

#define FORM_MOST (3 * LINK_OCTETS) /* percent forms are three octets */
#define BIT(flag) ((link_flags)1 << LINK_FLAG_##flag)

void link_text_init(struct link_text *t, struct links *links, bool is_markup)
{
    *t = (struct link_text){.links = links, .is_markup = is_markup};
    buf_init(&t->link, LINK_OCTETS);
    buf_init(&t->plain, LINK_OCTETS);
    buf_init(&t->url.text, FORM_MOST);
}

void link_text_release(struct link_text *t)
{
    buf_release(&t->link);
    buf_release(&t->plain);
    buf_release(&t->url.text);
}

/* Octets that end a link in text. */
static bool is_end(const struct link_text *t, uint8_t c)
{
    static const bool ends[256] = {['"'] = true, ['<'] = true, ['>'] = true, ['`'] = true,  ['{'] = true,
                                   ['}'] = true, ['|'] = true, ['^'] = true, ['\\'] = true, [0x7f] = true};
    return c <= ' ' || ends[c] || (c == '\'' && t->is_code);
}

/* Up to the first character beyond ASCII that is a blank, a quotation mark or a bracket. */
static struct bytes cut_at_punctuation(struct bytes b)
{
    for (size_t i = 0; i + 1 < b.len; i++) {
        uint8_t c = b.data[i], d = b.data[i + 1], e = i + 2 < b.len ? b.data[i + 2] : 0;
        bool is_latin = c == 0xc2 && (d == 0xa0 || d == 0xab || d == 0xbb);
        bool is_general = c == 0xe2 && d == 0x80 && ((e >= 0x80 && e <= 0x8b) || (e >= 0x98 && e <= 0x9f) || e >= 0xa8);
        bool is_cjk = c == 0xe3 && d == 0x80 && e >= 0x80 && e <= 0x91;
        bool is_wide = c == 0xef && d == 0xbc && (e == 0x88 || e == 0x89 || e == 0x8c || e == 0x9b);
        if (is_latin || is_general || is_cjk || is_wide)
            return bytes_part(b, 0, i);
    }
    return b;
}

/* A closing bracket belongs to the link only if it was opened there. */
static bool is_unbalanced(struct bytes b, uint8_t open, uint8_t close)
{
    size_t opened = 0, closed = 0;
    for (size_t i = 0; i < b.len; i++) {
        opened += b.data[i] == open;
        closed += b.data[i] == close;
    }
    return closed > opened;
}

/* Without what belongs to the sentence around it. Brackets are counted for a few of them, not for thousands. */
static struct bytes without_punctuation(struct bytes b)
{
    for (unsigned brackets = 0; b.len;) {
        uint8_t c = b.data[b.len - 1];
        if (c == ')' || c == ']') {
            if (brackets++ < 16 && !is_unbalanced(b, c == ')' ? '(' : '[', c))
                break;
        } else if (!memchr(".,;:!?'*", c, 8)) {
            break;
        }
        b.len--;
    }
    return b;
}

static void end_link(struct link_text *t)
{
    t->in_link = false;
    bool odd = false;
    struct bytes link = buf_bytes(&t->link), written = link;
    if (t->is_markup && bytes_index(link, '&') < link.len) {
        buf_reset(&t->plain);
        char_ref_decode(link, &t->plain, &odd);
        link = buf_bytes(&t->plain);
        size_t end = 0;
        while (end < link.len && !is_end(t, link.data[end]))
            end++;
        link = bytes_part(link, 0, end);
    }
    link = t->cut ? link : without_punctuation(cut_at_punctuation(link));
    t->url.flags = (t->cut ? BIT(cut) : 0) | (odd ? BIT(entities) : 0);
    /* "www." alone, and what has no dot behind it, is no name */
    bool is_name = bytes_starts_nocase(link, BYTES("www."));
    if (!is_name || bytes_index(bytes_part(link, 4, link.len), '.') + 4 < link.len)
        links_add(t->links, &t->url, link, odd ? written : link, bytes_part(link, 0, 0), true);
    t->cut = false;
    buf_reset(&t->link);
}

/* Takes the link at hand on; how many octets are done with. */
static size_t read_link(struct link_text *t, struct bytes text)
{
    size_t end = 0;
    while (end < text.len && !is_end(t, text.data[end]))
        end++;
    t->cut |= !buf_add(&t->link, bytes_part(text, 0, end));
    if (end < text.len)
        end_link(t);
    return end;
}

/* A search for starts of links in one run of octets; what was found by it and not yet used is not searched again. */
struct hunt {
    struct bytes text;
    uint8_t before; /* the octet before it, 0 where there is none */
    size_t colon, dot;
};

static size_t next(struct bytes b, size_t from, uint8_t c)
{
    return from > b.len ? b.len : from + bytes_index(bytes_part(b, from, b.len), c);
}

static struct hunt hunt_begin(struct bytes text, uint8_t before)
{
    return (struct hunt){text, before, next(text, 0, ':'), next(text, 0, '.')};
}

/* From here on. */
static void hunt_from(struct hunt *h, size_t at)
{
    if (h->colon < at)
        h->colon = next(h->text, at, ':');
    if (h->dot < at)
        h->dot = next(h->text, at, '.');
}

/* Where `what` begins if it ends at that place and nothing before makes it part of a longer word; SIZE_MAX if not. */
static size_t word_before(const struct hunt *h, size_t end, const char *what, const char *no_octets)
{
    struct bytes word = bytes_of_string(what);
    if (end < word.len || !bytes_equal_nocase(bytes_part(h->text, end - word.len, word.len), word))
        return SIZE_MAX;
    size_t start = end - word.len;
    uint8_t c = start ? h->text.data[start - 1] : h->before;
    return byte_is_letter(c) || byte_is_digit(c) || (c && strchr(no_octets, c)) ? SIZE_MAX : start;
}

static size_t start_at_colon(const struct hunt *h, size_t colon)
{
    if (colon + 2 >= h->text.len || h->text.data[colon + 1] != '/' || h->text.data[colon + 2] != '/')
        return SIZE_MAX;
    size_t start = word_before(h, colon, "https", "");
    if (start == SIZE_MAX)
        start = word_before(h, colon, "http", "");
    return start == SIZE_MAX ? word_before(h, colon, "ftp", "") : start;
}

/* Where the next link begins whose start is there whole and ends behind `behind`; SIZE_MAX if none does. */
static size_t hunt_next(struct hunt *h, size_t behind)
{
    while (h->colon < h->text.len || h->dot < h->text.len) {
        size_t start = SIZE_MAX;
        if (h->colon < h->dot) {
            if (h->colon + 3 > behind)
                start = start_at_colon(h, h->colon);
            if (start == SIZE_MAX)
                h->colon = next(h->text, h->colon + 1, ':');
        } else {
            if (h->dot + 1 > behind)
                start = word_before(h, h->dot, "www", ".-@");
            if (start == SIZE_MAX)
                h->dot = next(h->text, h->dot + 1, '.');
        }
        if (start != SIZE_MAX)
            return start;
    }
    return SIZE_MAX;
}

static void keep_edge(struct link_text *t, struct bytes text)
{
    if (text.len >= LINK_TEXT_EDGE) {
        memcpy(t->edge, text.data + text.len - LINK_TEXT_EDGE, LINK_TEXT_EDGE);
        t->edge_len = LINK_TEXT_EDGE;
        return;
    }
    size_t keep = LINK_TEXT_EDGE - text.len;
    keep = keep < t->edge_len ? keep : t->edge_len;
    memmove(t->edge, t->edge + t->edge_len - keep, keep);
    if (text.len)
        memcpy(t->edge + keep, text.data, text.len);
    t->edge_len = (uint8_t)(keep + text.len);
}

/* A link that begins in the octets of the piece before. */
static void find_at_edge(struct link_text *t, struct bytes text)
{
    uint8_t both[2 * LINK_TEXT_EDGE];
    struct bytes front = bytes_part(text, 0, LINK_TEXT_EDGE);
    memcpy(both, t->edge, t->edge_len);
    memcpy(both + t->edge_len, front.data, front.len);
    struct hunt h = hunt_begin(bytes_of(both, t->edge_len + front.len), 0);
    size_t start = hunt_next(&h, t->edge_len);
    if (start >= t->edge_len)
        return;
    t->in_link = true;
    buf_add(&t->link, bytes_of(both + start, t->edge_len - start));
}

void link_text_push(struct link_text *t, struct bytes text)
{
    if (!text.len)
        return;
    if (!t->in_link && t->edge_len)
        find_at_edge(t, text);
    struct hunt h = hunt_begin(text, t->in_link || !t->edge_len ? 0 : t->edge[t->edge_len - 1]);
    for (size_t at = 0;;) {
        if (t->in_link) {
            at += read_link(t, bytes_part(text, at, text.len));
            t->edge_len = 0;
            if (t->in_link)
                return;
            hunt_from(&h, at);
        }
        size_t start = hunt_next(&h, 0);
        if (start == SIZE_MAX) {
            keep_edge(t, bytes_part(text, at, text.len));
            return;
        }
        at = start;
        t->in_link = true;
    }
}

void link_text_break(struct link_text *t)
{
    if (t->in_link)
        end_link(t);
    t->edge_len = 0;
}

void link_text_drop(struct link_text *t)
{
    t->in_link = t->cut = false;
    t->edge_len = 0;
    buf_reset(&t->link);
}
