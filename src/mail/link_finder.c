/* The finder of one part: charsets of more than one octet to UTF-8, then text or HTML. */
#include "link_html.h"
#include "link_text.h"

#include "base/memory.h"
#include "utf8.h"

#include <stdlib.h>

#define BLOCK 1024 /* units converted at a time */

enum coding { OCTETS, UTF_16_BE, UTF_16_LE, UTF_32_BE, UTF_32_LE };

struct link_finder {
    enum links_form form;
    enum coding coding;
    bool may_have_mark; /* nothing was read: a byte order mark says which coding it is */
    uint8_t have;
    uint8_t unit[4]; /* octets that make no whole unit yet */
    uint32_t high;   /* first half of a surrogate pair */
    struct link_text text;
    struct link_html html;
};

static enum coding coding_of(const char *charset)
{
    static const struct {
        const char *name;
        enum coding coding;
    } known[] = {{"utf-16", UTF_16_BE},   {"utf-16be", UTF_16_BE}, {"utf-16le", UTF_16_LE},
                 {"unicode", UTF_16_LE},  {"ucs-2", UTF_16_BE},    {"utf-32", UTF_32_BE},
                 {"utf-32be", UTF_32_BE}, {"utf-32le", UTF_32_LE}, {"iso-10646-ucs-2", UTF_16_BE}};
    for (size_t i = 0; charset && i < sizeof known / sizeof *known; i++)
        if (bytes_equal_nocase(bytes_of_string(charset), bytes_of_string(known[i].name)))
            return known[i].coding;
    return OCTETS;
}

struct link_finder *link_finder_new(struct links *links, enum links_form form, const char *charset)
{
    struct link_finder *f = memory_get(sizeof *f);
    f->form = form;
    f->coding = coding_of(charset);
    f->may_have_mark = true;
    if (form == LINKS_HTML)
        link_html_init(&f->html, links);
    else
        link_text_init(&f->text, links, false);
    return f;
}

void link_finder_free(struct link_finder *f)
{
    if (!f)
        return;
    link_html_release(&f->html);
    link_text_release(&f->text);
    free(f);
}

size_t link_finder_held(const struct link_finder *f)
{
    if (!f)
        return 0;
    const struct link_text *t = f->form == LINKS_HTML ? &f->html.text : &f->text;
    return memory_cost(sizeof *f) + link_html_held(&f->html) + memory_cost(t->link.cap) + memory_cost(t->plain.cap) +
           memory_cost(t->url.text.cap);
}

static void push(struct link_finder *f, struct bytes text)
{
    if (f->form == LINKS_HTML)
        link_html_push(&f->html, text);
    else
        link_text_push(&f->text, text);
}

static uint32_t read_unit(const uint8_t *at, enum coding c)
{
    switch (c) {
    case OCTETS:
        return at[0];
    case UTF_16_BE:
        return (uint32_t)at[0] << 8 | at[1];
    case UTF_16_LE:
        return (uint32_t)at[1] << 8 | at[0];
    case UTF_32_BE:
        return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    case UTF_32_LE:
        return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
    }
    return 0;
}

static void add_unit(struct link_finder *f, struct buf *out, uint32_t unit)
{
    if (utf8_is_high(unit)) {
        f->high = unit;
        return;
    }
    bool is_pair = f->high && utf8_is_low(unit);
    if (unit != 0xfeff)
        utf8_add(out, is_pair ? utf8_surrogates(f->high, unit) : unit);
    f->high = 0;
}

/* The first two octets: a byte order mark counts more than what was declared. */
static void read_mark(struct link_finder *f)
{
    f->may_have_mark = false;
    bool is_wide = f->coding == UTF_32_BE || f->coding == UTF_32_LE;
    if (f->unit[0] == 0xff && f->unit[1] == 0xfe)
        f->coding = is_wide ? UTF_32_LE : UTF_16_LE;
    else if (f->unit[0] == 0xfe && f->unit[1] == 0xff)
        f->coding = UTF_16_BE;
}

static void convert(struct link_finder *f, struct bytes in)
{
    size_t width = f->coding <= UTF_16_LE ? 2 : 4;
    struct buf out;
    buf_init(&out, 4 * BLOCK + 8);
    while (in.len) {
        for (unsigned n = 0; n < BLOCK && in.len; n++) {
            while (f->have < width && in.len) {
                f->unit[f->have++] = in.data[0];
                in = bytes_part(in, 1, in.len);
            }
            if (f->have < width)
                break;
            f->have = 0;
            add_unit(f, &out, read_unit(f->unit, f->coding));
        }
        push(f, buf_bytes(&out));
        buf_reset(&out);
    }
    buf_release(&out);
}

void link_finder_push(struct link_finder *f, struct bytes decoded)
{
    while (f->may_have_mark && decoded.len) {
        f->unit[f->have++] = decoded.data[0];
        decoded = bytes_part(decoded, 1, decoded.len);
        if (f->have < 2)
            continue;
        read_mark(f);
        if (f->coding == OCTETS) {
            push(f, bytes_of(f->unit, f->have));
            f->have = 0;
        } else if (f->coding <= UTF_16_LE) {
            uint8_t first[2] = {f->unit[0], f->unit[1]};
            f->have = 0;
            convert(f, bytes_of(first, sizeof first));
        }
    }
    if (f->coding == OCTETS)
        push(f, decoded);
    else
        convert(f, decoded);
}

void link_finder_gap(struct link_finder *f, uint64_t len)
{
    /* Units go on where they would have. */
    unsigned width = f->coding == OCTETS ? 1 : f->coding <= UTF_16_LE ? 2 : 4;
    f->may_have_mark = false;
    f->have = (uint8_t)((f->have + len) % width);
    f->high = 0;
    if (f->form == LINKS_HTML)
        link_html_gap(&f->html);
    else
        link_text_drop(&f->text);
}

void link_finder_finish(struct link_finder *f, bool complete)
{
    if (f->may_have_mark && f->have)
        push(f, bytes_of(f->unit, f->have));
    if (f->form == LINKS_HTML)
        link_html_finish(&f->html, complete);
    else if (complete)
        link_text_break(&f->text);
    else
        link_text_drop(&f->text);
}
