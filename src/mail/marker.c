/* Words in PDF, RTF, HTML and SVG that tell what a file does when opened: each begins with an octet that is rare enough
   to be searched for, and is read up to the next that cannot belong to it. In PDF, what stands in compressed streams is
   not seen; names may have characters in hexadecimal (ISO 32000-1 section 7.3.5), which is undone. */
#include "scanner.h"

#include "base/memory.h"
#include "lexical.h"
#include "record/record.h"

#include <stdlib.h>

#define WORD_MOST 32
#define BIT(flag) ((part_flags)1 << PART_FLAG_##flag)

struct marker {
    const char *word; /* in lower case, behind the octet it begins with */
    part_flags flag;
    bool any_end; /* what is longer and begins so counts too */
};

struct language {
    uint8_t lead;
    bool is_pdf;
    struct marker markers[10];
};

static const struct language pdf = {'/',
                                    true,
                                    {{"javascript", BIT(pdf_javascript), false},
                                     {"launch", BIT(pdf_launch), false},
                                     {"openaction", BIT(pdf_open_action), false},
                                     {"embeddedfile", BIT(pdf_embedded_file), true},
                                     {"encrypt", BIT(encrypted_document), false}}};
static const struct language rtf = {'\\',
                                    false,
                                    {{"object", BIT(embedded_object), true},
                                     {"objdata", BIT(embedded_object), true},
                                     {"objocx", BIT(embedded_object), true}}};
static const struct language html = {
    '<', false, {{"script", BIT(html_script), false}, {"form", BIT(html_form), false}}};
/* Inside scripts: what stands before an opening parenthesis. */
static const struct language html_calls = {'(',
                                           false,
                                           {{"atob", BIT(html_decoder), false},
                                            {"unescape", BIT(html_decoder), false},
                                            {"fromcharcode", BIT(html_decoder), false}}};

struct scan {
    struct scanner base;
    const struct language *language;
    bool calls; /* look for html_calls as well */
    bool in_word;
    uint8_t len; /* octets of the word at hand, WORD_MOST if there are more */
    uint8_t hex; /* octets of a #xx seen */
    uint8_t before_len;
    part_flags found;
    uint8_t word[WORD_MOST];
    uint8_t before[WORD_MOST]; /* the last octets, for words that stand before their mark */
};

static bool is_word(uint8_t c)
{
    return byte_is_letter(c) || byte_is_digit(c);
}

static void compare(struct scan *s, const struct language *l, struct bytes word)
{
    for (const struct marker *m = l->markers; m->word; m++) {
        struct bytes wanted = bytes_of_string(m->word);
        if (bytes_starts_nocase(word, wanted) && (m->any_end || word.len == wanted.len))
            s->found |= m->flag;
    }
}

/* PDF: #4a is J. The octets of it are in the word as they came. */
static size_t without_hex(const uint8_t *in, size_t len, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int octet = lexical_escaped(bytes_of(in + i, len - i), '#');
        out[n++] = octet < 0 ? in[i] : (uint8_t)octet;
        i += octet < 0 ? 0 : 2;
    }
    return n;
}

static void end_word(struct scan *s)
{
    uint8_t plain[WORD_MOST];
    size_t len = s->language->is_pdf ? without_hex(s->word, s->len, plain) : s->len;
    compare(s, s->language, bytes_of(s->language->is_pdf ? plain : s->word, len));
    s->in_word = false;
    s->len = 0;
}

/* Takes the word on; the octets that are done with. */
static size_t read_word(struct scan *s, struct bytes more)
{
    size_t i = 0;
    while (i < more.len && (is_word(more.data[i]) || (s->language->is_pdf && more.data[i] == '#'))) {
        if (s->len == WORD_MOST) { /* longer than any that is known, with hexadecimal too */
            end_word(s);
            return i;
        }
        s->word[s->len++] = more.data[i++];
    }
    if (i < more.len)
        end_word(s);
    return i;
}

static void scan_lead(struct scan *s, struct bytes more)
{
    for (size_t i = 0; i < more.len;) {
        if (s->in_word) {
            i += read_word(s, bytes_part(more, i, more.len));
            continue;
        }
        i += bytes_index(bytes_part(more, i, more.len), s->language->lead);
        if (i < more.len) {
            s->in_word = true;
            i++;
        }
    }
}

/* The word that ends before place i: out of the piece and what is kept of the one before. */
static void word_before(struct scan *s, struct bytes more, size_t i)
{
    uint8_t word[WORD_MOST];
    size_t len = 0;
    while (len < WORD_MOST) {
        size_t back = len + 1;
        uint8_t c = back <= i                   ? more.data[i - back]
                    : back - i <= s->before_len ? s->before[s->before_len - (back - i)]
                                                : 0;
        if (!is_word(c))
            break;
        word[WORD_MOST - ++len] = c;
    }
    compare(s, &html_calls, bytes_of(word + WORD_MOST - len, len));
}

static void scan_calls(struct scan *s, struct bytes more)
{
    for (size_t i = 0; i < more.len; i++) {
        i += bytes_index(bytes_part(more, i, more.len), html_calls.lead);
        if (i < more.len)
            word_before(s, more, i);
    }
    s->before_len = (uint8_t)bytes_keep_last(s->before, s->before_len, WORD_MOST, more);
}

static void scan_push(struct scanner *base, struct bytes more)
{
    struct scan *s = (struct scan *)base;
    if (!more.len)
        return;
    scan_lead(s, more);
    if (s->calls)
        scan_calls(s, more);
}

static void scan_gap(struct scanner *base, uint64_t len)
{
    struct scan *s = (struct scan *)base;
    (void)len;
    s->in_word = false;
    s->len = s->before_len = 0;
}

static void scan_finish(struct scanner *base, struct finding *ret)
{
    struct scan *s = (struct scan *)base;
    if (s->in_word)
        end_word(s);
    ret->flags = s->found;
    ret->whole = true;
}

static void scan_free(struct scanner *base)
{
    free(base);
}

static size_t scan_held(const struct scanner *base)
{
    (void)base;
    return memory_cost(sizeof(struct scan));
}

struct scanner *marker_scanner_new(enum file_type type)
{
    static const struct scanner_ops ops = {scan_push, scan_gap, scan_finish, scan_free, scan_held};
    struct scan *s = memory_get(sizeof *s);
    s->base.ops = &ops;
    s->language = type == FILE_TYPE_pdf ? &pdf : type == FILE_TYPE_rtf ? &rtf : &html;
    s->calls = s->language == &html;
    return &s->base;
}
