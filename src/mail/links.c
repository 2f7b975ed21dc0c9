/* The links of a message: a table of their normal forms, each with the form it was written in where that differs. */
#include "links.h"

#include "base/buf.h"
#include "base/memory.h"
#include "link_set.h"
#include "record/record.h"

#include <stdlib.h>
#include <xxhash.h>

#define OCTETS_MOST     (256 * 1024) /* of all links that are kept */
#define MISMATCHES_MOST 64
#define MISMATCH_OCTETS (32 * 1024)
#define FIRST_SLOTS     64u
#define ODD_OCTETS      256 /* of a link without a normal form; code can be long */
#define BIT(flag)       ((link_flags)1 << LINK_FLAG_##flag)

/* With these the normal form is not what was written. */
#define CHANGES                                                                                                        \
    (BIT(entities) | BIT(percent) | BIT(idn) | BIT(ip_odd) | BIT(backslash) | BIT(control) | BIT(encoded_octets) |     \
     BIT(base) | BIT(bad_host))

/* Before the octets of an entry: the normal form, then what was written. */
struct head {
    link_flags flags;
    uint16_t url_len, raw_len;
};

struct links {
    const struct limits *limits;
    struct buf entries, mismatches;
    uint32_t *slots; /* place of an entry in entries, plus one; half of them are empty */
    uint32_t slot_count, count;
    uint32_t mismatch_count;
    uint64_t omitted;
};

struct links *links_new(const struct limits *limits)
{
    struct links *l = memory_get(sizeof *l);
    l->limits = limits;
    buf_init(&l->entries, OCTETS_MOST);
    buf_init(&l->mismatches, MISMATCH_OCTETS);
    return l;
}

void links_free(struct links *l)
{
    if (!l)
        return;
    buf_release(&l->entries);
    buf_release(&l->mismatches);
    free(l->slots);
    free(l);
}

size_t links_held(const struct links *l)
{
    if (!l)
        return 0;
    return memory_cost(sizeof *l) + memory_cost(l->entries.cap) + memory_cost(l->mismatches.cap) +
           memory_cost(l->slot_count * sizeof *l->slots);
}

static struct head head_at(const struct links *l, size_t at)
{
    struct head h;
    memcpy(&h, l->entries.data + at, sizeof h);
    return h;
}

static struct bytes url_at(const struct links *l, size_t at)
{
    return bytes_part(buf_bytes(&l->entries), at + sizeof(struct head), head_at(l, at).url_len);
}

static struct bytes raw_at(const struct links *l, size_t at)
{
    struct head h = head_at(l, at);
    return bytes_part(buf_bytes(&l->entries), at + sizeof h + h.url_len, h.raw_len);
}

/* What tells entries apart: the normal form, or where there is none what was written. */
static struct bytes key_at(const struct links *l, size_t at)
{
    struct bytes url = url_at(l, at);
    return url.len ? url : raw_at(l, at);
}

/* The slot that has the key, or the empty one where it goes. */
static uint32_t *slot_of(const struct links *l, struct bytes key)
{
    uint32_t mask = l->slot_count - 1, i = (uint32_t)XXH3_64bits(key.data, key.len) & mask;
    while (l->slots[i] && !bytes_equal(key_at(l, l->slots[i] - 1), key))
        i = (i + 1) & mask;
    return &l->slots[i];
}

static void grow(struct links *l)
{
    uint32_t old = l->slot_count;
    if (l->count * 2 < old)
        return;
    free(l->slots);
    l->slot_count = old ? old * 2 : FIRST_SLOTS;
    l->slots = memory_get(l->slot_count * sizeof *l->slots);
    for (size_t at = 0; at < l->entries.len;) {
        struct head h = head_at(l, at);
        *slot_of(l, key_at(l, at)) = (uint32_t)at + 1;
        at += sizeof h + h.url_len + h.raw_len;
    }
}

static void keep(struct links *l, struct bytes url, struct bytes raw, link_flags flags)
{
    grow(l);
    uint32_t *slot = slot_of(l, url.len ? url : raw);
    if (*slot) {
        struct head h = head_at(l, *slot - 1);
        h.flags |= flags & ~CHANGES; /* of two forms that differ the first is told */
        memcpy(l->entries.data + *slot - 1, &h, sizeof h);
        return;
    }
    struct head h = {flags, (uint16_t)url.len, (uint16_t)raw.len};
    if (l->count >= l->limits->urls || l->count >= l->limits->list ||
        l->entries.len + sizeof h + url.len + raw.len > l->entries.max) {
        l->omitted++;
        return;
    }
    *slot = (uint32_t)l->entries.len + 1;
    l->count++;
    buf_add(&l->entries, bytes_of(&h, sizeof h));
    buf_add(&l->entries, url);
    buf_add(&l->entries, raw);
}

enum url_kind links_add(struct links *l, struct url *u, struct bytes raw, struct bytes written, struct bytes base,
                        bool is_followed)
{
    enum url_kind kind = url_normalise(u, raw);
    if (kind == URL_RELATIVE) {
        struct buf whole;
        buf_init(&whole, raw.len + base.len + 8);
        bool is_host = bytes_starts_nocase(raw, BYTES("//")) || bytes_starts_nocase(raw, BYTES("/\\"));
        raw = bytes_trim(raw);
        if (bytes_starts_nocase(raw, BYTES("www."))) {
            buf_add_string(&whole, "http://");
            buf_add(&whole, raw);
        } else if (base.len) {
            u->flags |= BIT(base);
            url_resolve(base, raw, &whole);
        } else if (is_host) {
            buf_add_string(&whole, "https:");
            buf_add(&whole, raw);
        }
        if (whole.len)
            kind = url_normalise(u, buf_bytes(&whole));
        buf_release(&whole);
    }
    if (kind == URL_LINK) {
        u->flags |= u->text.cut ? BIT(cut) : 0;
        bool is_other = u->flags & CHANGES && !bytes_equal(written, buf_bytes(&u->text));
        keep(l, buf_bytes(&u->text), bytes_part(written, 0, is_other ? LINK_OCTETS : 0), u->flags);
    } else if (kind == URL_ODD && (is_followed || !(u->flags & BIT(data)))) {
        u->flags |= written.len > ODD_OCTETS ? BIT(cut) : 0;
        keep(l, bytes_part(raw, 0, 0), bytes_part(written, 0, ODD_OCTETS), u->flags);
    }
    return kind;
}

/* What of a shown text is a URL or the name of a host; empty where nothing is. */
static struct bytes host_shown(struct bytes shown)
{
    static const char *const starts[] = {"https://", "http://", "ftp://", "www."};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t at = bytes_find_nocase(shown, bytes_of_string(starts[i]));
        if (at == SIZE_MAX)
            continue;
        struct bytes rest = bytes_part(shown, at, shown.len);
        rest = bytes_word(&rest);
        while (rest.len && memchr(".,;:!?'\")]>", rest.data[rest.len - 1], 11))
            rest.len--;
        return rest;
    }
    size_t end = 0;
    while (end < shown.len && (byte_is_letter(shown.data[end]) || byte_is_digit(shown.data[end]) ||
                               shown.data[end] == '.' || shown.data[end] == '-' || shown.data[end] >= 0x80))
        end++;
    bool is_alone = end == shown.len || shown.data[end] == '/' || shown.data[end] == ':' || shown.data[end] == '?';
    if (!is_alone || memchr(shown.data + end, ' ', shown.len - end) || !url_is_domain(bytes_part(shown, 0, end)))
        return bytes_part(shown, shown.len, 0);
    return shown;
}

void links_compare(struct links *l, struct bytes shown, struct bytes href, struct bytes host)
{
    shown = bytes_trim(shown);
    struct bytes named = shown.len ? host_shown(shown) : shown;
    size_t room = 2 * sizeof(uint16_t) + shown.len + href.len;
    if (!named.len || l->mismatch_count >= MISMATCHES_MOST || l->mismatches.len + room > l->mismatches.max)
        return;
    struct url u = {.flags = 0};
    struct buf whole;
    buf_init(&u.text, 3 * LINK_OCTETS);
    buf_init(&whole, LINK_OCTETS);
    if (bytes_find_nocase(named, BYTES("://")) == SIZE_MAX)
        buf_add_string(&whole, "http://");
    buf_add(&whole, named);
    if (url_normalise(&u, buf_bytes(&whole)) == URL_LINK && !url_same_site(u.host, host)) {
        uint16_t lens[2] = {(uint16_t)shown.len, (uint16_t)href.len};
        l->mismatch_count++;
        buf_add(&l->mismatches, bytes_of(lens, sizeof lens));
        buf_add(&l->mismatches, shown);
        buf_add(&l->mismatches, href);
    }
    buf_release(&u.text);
    buf_release(&whole);
}

void links_write(const struct links *l, struct record *message)
{
    for (int odd = 0; odd < 2; odd++) {
        for (size_t at = 0; at < l->entries.len;) {
            struct head h = head_at(l, at);
            if (!odd && h.url_len)
                record_text(message, F_message_urls, url_at(l, at));
            if (odd && h.flags) {
                record_begin(message, F_message_odd_urls);
                if (h.url_len)
                    record_text(message, F_odd_url_url, url_at(l, at));
                if (h.raw_len)
                    record_text(message, F_odd_url_raw, raw_at(l, at));
                for (unsigned i = 0; i < LINK_FLAG_COUNT; i++)
                    if (h.flags >> i & 1)
                        record_word(message, F_odd_url_flags, link_flag_infos[i].name);
                record_end(message);
            }
            at += sizeof h + h.url_len + h.raw_len;
        }
        if (!odd && l->omitted)
            record_number(message, F_message_urls_omitted, l->omitted);
    }
    for (struct bytes rest = buf_bytes(&l->mismatches); rest.len;) {
        uint16_t lens[2];
        memcpy(lens, rest.data, sizeof lens);
        record_begin(message, F_message_link_mismatch);
        record_text(message, F_link_mismatch_text, bytes_part(rest, sizeof lens, lens[0]));
        record_text(message, F_link_mismatch_href, bytes_part(rest, sizeof lens + lens[0], lens[1]));
        record_end(message);
        rest = bytes_part(rest, sizeof lens + lens[0] + lens[1], rest.len);
    }
}
