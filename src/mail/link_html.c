/* Links in HTML, by as much of the HTML Living Standard's tokenizer (section 13.2.5) as tells tags from text as
   browsers do: a > inside a quoted value ends no tag, nothing but its own end tag ends a script. */
#include "link_html.h"

#include "base/memory.h"
#include "char_ref.h"
#include "record/record.h"

#define TAG_MOST   (16 * 1024) /* octets of a tag that are kept */
#define VALUE_MOST 4096        /* of a value in it: a link may be written in entities */
#define SHOWN_MOST 512
#define BIT(flag)  ((link_flags)1 << LINK_FLAG_##flag)

void link_html_init(struct link_html *h, struct links *links)
{
    *h = (struct link_html){.links = links};
    link_text_init(&h->text, links, true);
    buf_init(&h->tag, TAG_MOST);
    buf_init(&h->base, LINK_OCTETS);
    buf_init(&h->value, LINK_OCTETS);
    buf_init(&h->href, LINK_OCTETS);
    buf_init(&h->shown, SHOWN_MOST);
}

void link_html_release(struct link_html *h)
{
    link_text_release(&h->text);
    struct buf *const all[] = {&h->tag, &h->base, &h->value, &h->href, &h->shown};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_release(all[i]);
}

size_t link_html_held(const struct link_html *h)
{
    return memory_cost(h->tag.cap) + memory_cost(h->base.cap) + memory_cost(h->value.cap) + memory_cost(h->href.cap) +
           memory_cost(h->shown.cap);
}

/* The link whose text was read is at its end. */
static void end_anchor(struct link_html *h)
{
    if (!h->in_link)
        return;
    h->in_link = false;
    struct buf plain;
    buf_init(&plain, SHOWN_MOST);
    bool odd = false;
    char_ref_decode(buf_bytes(&h->shown), &plain, &odd);
    for (size_t i = 0; i < plain.len; i++)
        if (plain.data[i] < ' ')
            plain.data[i] = ' ';
    links_compare(h->links, buf_bytes(&plain), buf_bytes(&h->href),
                  bytes_part(buf_bytes(&h->href), h->host_at, h->host_len));
    buf_release(&plain);
    buf_reset(&h->shown);
}

static void add_text(struct link_html *h, struct bytes text)
{
    if (!text.len)
        return;
    if (!h->in_link || h->raw) {
        link_text_push(&h->text, text);
        return;
    }
    size_t room = SHOWN_MOST - h->shown.len;
    buf_add(&h->shown, text);
    if (text.len > room) { /* nobody ended it: what follows is searched again */
        end_anchor(h);
        link_text_push(&h->text, bytes_part(text, room, text.len));
    }
}

enum role { OTHER, FOLLOWED, LOADED, BASE_HREF };

/* What an attribute of that name means in that tag. */
static enum role role_of(struct bytes tag, struct bytes name)
{
    static const struct {
        const char *name;
        bool is_followed;
    } attributes[] = {
        {"href", true},       {"src", false},    {"action", true},  {"formaction", true}, {"background", false},
        {"xlink:href", true}, {"data", true},    {"poster", false}, {"cite", false},      {"longdesc", false},
        {"codebase", true},   {"lowsrc", false}, {"dynsrc", false}, {"usemap", false},    {"manifest", false},
    };
    for (size_t i = 0; name.len && i < sizeof attributes / sizeof *attributes; i++) {
        if (byte_upper(name.data[0]) != byte_upper((uint8_t)attributes[i].name[0]) ||
            !bytes_equal_nocase(name, bytes_of_string(attributes[i].name)))
            continue;
        if (attributes[i].is_followed)
            return bytes_equal_nocase(tag, BYTES("base")) ? BASE_HREF : FOLLOWED;
        bool runs = bytes_equal_nocase(tag, BYTES("iframe")) || bytes_equal_nocase(tag, BYTES("frame")) ||
                    bytes_equal_nocase(tag, BYTES("script")) || bytes_equal_nocase(tag, BYTES("embed"));
        return runs ? FOLLOWED : LOADED;
    }
    return OTHER;
}

/* Entities undone, cut where it is too long: into h->value. */
static struct bytes decode_value(struct link_html *h, struct bytes value, link_flags *flags)
{
    bool odd = false;
    buf_reset(&h->value);
    char_ref_decode(value, &h->value, &odd);
    *flags = (odd ? BIT(entities) : 0) | (h->value.cut ? BIT(cut) : 0);
    return buf_bytes(&h->value);
}

static enum url_kind add_link(struct link_html *h, struct bytes value, bool is_followed)
{
    link_flags flags;
    struct bytes link = decode_value(h, value, &flags);
    h->text.url.flags = flags;
    return links_add(h->links, &h->text.url, link, value, buf_bytes(&h->base), is_followed);
}

/* "5; url=http://..." */
static void add_refresh(struct link_html *h, struct bytes content)
{
    size_t at = bytes_find_nocase(content, BYTES("url"));
    if (at == SIZE_MAX)
        return;
    struct bytes rest = bytes_trim(bytes_part(content, at + 3, content.len));
    if (!rest.len || rest.data[0] != '=')
        return;
    rest = bytes_trim(bytes_part(rest, 1, rest.len));
    uint8_t quote = rest.len ? rest.data[0] : 0;
    if (quote == '\'' || quote == '"') {
        rest = bytes_part(rest, 1, rest.len);
        rest = bytes_part(rest, 0, bytes_index(rest, quote));
    }
    add_link(h, rest, true);
}

/* The next attribute off the front; false where there is none. */
static bool next_attribute(struct bytes *rest, struct bytes *name, struct bytes *value)
{
    struct bytes b = *rest;
    size_t i = 0;
    while (i < b.len && (b.data[i] <= ' ' || b.data[i] == '/'))
        i++;
    size_t from = i;
    while (i < b.len && b.data[i] > ' ' && b.data[i] != '/' && (b.data[i] != '=' || i == from))
        i++;
    *name = bytes_part(b, from, i - from);
    size_t behind = i;
    while (i < b.len && b.data[i] <= ' ')
        i++;
    if (i == b.len || b.data[i] != '=') {
        *value = bytes_part(b, b.len, 0);
        *rest = bytes_part(b, behind, b.len);
        return name->len != 0;
    }
    i++;
    while (i < b.len && b.data[i] <= ' ')
        i++;
    uint8_t quote = i < b.len && (b.data[i] == '"' || b.data[i] == '\'') ? b.data[i] : 0;
    if (quote) {
        struct bytes inside = bytes_part(b, i + 1, b.len);
        size_t len = bytes_index(inside, quote);
        *value = bytes_part(inside, 0, len);
        *rest = bytes_part(inside, len + 1, inside.len);
        return true;
    }
    from = i;
    while (i < b.len && b.data[i] > ' ')
        i++;
    *value = bytes_part(b, from, i - from);
    *rest = bytes_part(b, i, b.len);
    return true;
}

static void begin_anchor(struct link_html *h)
{
    struct bytes text = buf_bytes(&h->text.url.text), host = h->text.url.host;
    h->host_at = (size_t)(host.data - text.data);
    h->host_len = host.len;
    buf_reset(&h->href);
    h->in_link = buf_add(&h->href, text);
    buf_reset(&h->shown);
}

static void read_attributes(struct link_html *h, struct bytes tag, struct bytes rest)
{
    struct bytes name, value, content = {NULL, 0};
    bool is_anchor = bytes_equal_nocase(tag, BYTES("a"));
    bool is_meta = bytes_equal_nocase(tag, BYTES("meta")), is_refresh = false;
    while (next_attribute(&rest, &name, &value)) {
        if (!value.len)
            continue;
        is_refresh |= is_meta && bytes_equal_nocase(name, BYTES("http-equiv")) &&
                      bytes_equal_nocase(bytes_trim(value), BYTES("refresh"));
        if (is_meta && bytes_equal_nocase(name, BYTES("content")))
            content = value;
        enum role role = role_of(tag, name);
        if (role == OTHER || is_meta)
            continue;
        enum url_kind kind = add_link(h, value, role == FOLLOWED);
        if (role == BASE_HREF && kind == URL_LINK && !h->base.len)
            buf_add(&h->base, buf_bytes(&h->text.url.text));
        if (is_anchor && kind == URL_LINK && !h->in_link && bytes_equal_nocase(name, BYTES("href")))
            begin_anchor(h);
    }
    if (is_refresh)
        add_refresh(h, content);
}

/* A tag is whole: what stands between < and >. */
static void end_tag(struct link_html *h, struct bytes tag)
{
    bool is_end = tag.len && tag.data[0] == '/';
    tag = bytes_part(tag, is_end, tag.len);
    size_t len = 0;
    while (len < tag.len && tag.data[len] > ' ' && tag.data[len] != '/')
        len++;
    struct bytes name = bytes_part(tag, 0, len);
    bool is_anchor = bytes_equal_nocase(name, BYTES("a"));
    if (h->raw) {
        h->raw = NULL;
        h->text.is_code = false;
        link_text_break(&h->text);
        return;
    }
    link_text_break(&h->text);
    if (is_anchor)
        end_anchor(h);
    if (is_end)
        return;
    struct bytes rest = bytes_part(tag, len, tag.len);
    if (bytes_index(rest, '=') < rest.len)
        read_attributes(h, name, rest);
    h->raw = bytes_equal_nocase(name, BYTES("script"))  ? "/script"
             : bytes_equal_nocase(name, BYTES("style")) ? "/style"
                                                        : NULL;
    h->text.is_code = h->raw != NULL;
}

/* Is what stands behind a < no tag after all? Known with the first octet, in scripts with as many as their end tag has.
 */
static bool is_no_tag(const struct link_html *h, struct bytes tag)
{
    if (h->raw) {
        struct bytes wanted = bytes_of_string(h->raw);
        struct bytes here = bytes_part(tag, 0, wanted.len);
        uint8_t behind = tag.len > wanted.len ? tag.data[wanted.len] : '>';
        return !bytes_starts_nocase(wanted, here) || (behind > ' ' && behind != '>' && behind != '/');
    }
    uint8_t c = tag.data[0];
    return !byte_is_letter(c) && c != '/' && c != '!' && c != '?';
}

static void begin_tag(struct link_html *h)
{
    h->state = LINK_HTML_TAG;
    buf_reset(&h->tag);
    h->quote = 0;
    h->after_equals = false;
}

/* A < that was none: text, with what stands behind it. */
static void undo_tag(struct link_html *h)
{
    h->state = LINK_HTML_TEXT;
    add_text(h, BYTES("<"));
    add_text(h, buf_bytes(&h->tag));
}

/* How much is kept of the value that begins: of those that are no links nothing, so that they cannot push links out. */
static size_t value_most(struct bytes tag)
{
    size_t len = 0;
    while (len < tag.len && tag.data[len] > ' ' && tag.data[len] != '/')
        len++;
    size_t end = tag.len;
    while (end && (tag.data[end - 1] <= ' ' || tag.data[end - 1] == '='))
        end--;
    size_t start = end;
    while (start && tag.data[start - 1] > ' ' && tag.data[start - 1] != '/' && tag.data[start - 1] != '"' &&
           tag.data[start - 1] != '\'')
        start--;
    struct bytes name = bytes_part(tag, start, end - start);
    bool is_wanted = role_of(bytes_part(tag, 0, len), name) != OTHER || bytes_equal_nocase(name, BYTES("content")) ||
                     bytes_equal_nocase(name, BYTES("http-equiv"));
    return is_wanted ? VALUE_MOST : 0;
}

/* Inside a tag outside of quotes: one octet on. */
static void read_tag_octet(struct link_html *h, uint8_t c)
{
    bool is_whole_end = h->raw && h->tag.len == strlen(h->raw);
    if (c == '>' && (!h->raw || is_whole_end || h->tag.len > strlen(h->raw))) {
        h->state = LINK_HTML_TEXT;
        end_tag(h, buf_bytes(&h->tag));
        return;
    }
    if (c == '<' && h->tag.len <= (h->raw ? strlen(h->raw) : 0)) { /* "<</script>", "<<a>" */
        undo_tag(h);
        begin_tag(h);
        return;
    }
    bool is_quote = (c == '"' || c == '\'') && h->after_equals;
    h->quote = is_quote ? c : 0;
    if (is_quote)
        h->value_room = value_most(buf_bytes(&h->tag));
    h->after_equals = c == '=' || (h->after_equals && c <= ' ');
    size_t before = h->tag.len;
    buf_add_byte(&h->tag, c);
    struct bytes tag = buf_bytes(&h->tag);
    if (before < 16 && is_no_tag(h, tag)) {
        undo_tag(h);
    } else if (before == 3 && !h->raw && tag.data[0] == '!' && tag.data[1] == '-' && tag.data[2] == '-' && c != '[') {
        h->state =
            LINK_HTML_COMMENT; /* <!--[if mso]> is a tag to some readers, what stands behind it is shown by them */
        h->last[0] = '-';
        h->last[1] = c == '-' ? '-' : 0;
    }
}

/* How many octets stand before the next that means something, in a tag that is known to be one. */
static size_t plain_octets(const struct link_html *h, struct bytes html)
{
    size_t n = 0;
    if (!h->raw && !h->after_equals && h->tag.len > 3)
        while (n < html.len && html.data[n] != '>' && html.data[n] != '=')
            n++;
    return n;
}

/* How many octets are done with. */
static size_t read_tag(struct link_html *h, struct bytes html)
{
    size_t i = 0;
    while (i < html.len && h->state == LINK_HTML_TAG) {
        if (h->quote) {
            size_t len = bytes_index(bytes_part(html, i, html.len), h->quote);
            size_t kept = len < h->value_room ? len : h->value_room;
            buf_add(&h->tag, bytes_part(html, i, kept));
            h->value_room -= kept;
            i += len;
            if (i == html.len)
                break;
            buf_add_byte(&h->tag, h->quote);
            h->quote = 0;
            h->after_equals = false;
            i++;
        } else {
            size_t plain = plain_octets(h, bytes_part(html, i, html.len));
            if (plain)
                buf_add(&h->tag, bytes_part(html, i, plain));
            i += plain;
            if (i < html.len)
                read_tag_octet(h, html.data[i++]);
        }
    }
    return i;
}

static size_t read_comment(struct link_html *h, struct bytes html)
{
    for (size_t i = 0; i < html.len; i++) {
        i += bytes_index(bytes_part(html, i, html.len), '>');
        uint8_t one = i > 0 ? html.data[i - 1] : h->last[1];
        uint8_t two = i > 1 ? html.data[i - 2] : i ? h->last[1] : h->last[0];
        if (i < html.len && one == '-' && two == '-') {
            h->state = LINK_HTML_TEXT;
            return i + 1;
        }
    }
    h->last[0] = html.len > 1 ? html.data[html.len - 2] : h->last[1];
    h->last[1] = html.data[html.len - 1];
    return html.len;
}

void link_html_push(struct link_html *h, struct bytes html)
{
    for (size_t at = 0; at < html.len;) {
        struct bytes rest = bytes_part(html, at, html.len);
        switch (h->state) {
        case LINK_HTML_TEXT: {
            size_t len = bytes_index(rest, '<');
            add_text(h, bytes_part(rest, 0, len));
            at += len + 1;
            if (len < rest.len)
                begin_tag(h);
            break;
        }
        case LINK_HTML_TAG:
            at += read_tag(h, rest);
            break;
        case LINK_HTML_COMMENT:
            at += read_comment(h, rest);
            break;
        }
    }
}

void link_html_gap(struct link_html *h)
{
    link_text_drop(&h->text);
    h->state = LINK_HTML_TEXT;
    h->raw = NULL;
    h->text.is_code = h->in_link = false;
    buf_reset(&h->shown);
}

void link_html_finish(struct link_html *h, bool complete)
{
    if (complete) {
        link_text_break(&h->text);
        end_anchor(h);
    } else {
        link_html_gap(h);
    }
}
