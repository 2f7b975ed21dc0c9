/* The link finder: the same links however the octets are cut, and no trouble with octets missing. The first octet is
   the length of pieces, the second chooses text or HTML and the charset. */
#include "mail/links.h"

#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct record *find(struct bytes content, size_t piece, uint8_t how, const struct limits *limits, size_t gap)
{
    static const char *const charsets[] = {NULL, "utf-8", "utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "x"};
    struct links *links = links_new(limits);
    struct link_finder *f = link_finder_new(links, how & 1 ? LINKS_HTML : LINKS_TEXT, charsets[how >> 1 & 7]);
    for (size_t at = 0; at < content.len; at += piece) {
        struct bytes b = bytes_part(content, at, piece);
        uint8_t *copy = copy_of(b);
        link_finder_push(f, bytes_of(copy, b.len));
        free(copy);
        if (at / piece == gap)
            link_finder_gap(f, gap);
    }
    link_finder_finish(f, !(how & 0x80));
    if (link_finder_held(f) > 128 * 1024 || links_held(links) > 1024 * 1024)
        abort();
    link_finder_free(f);
    struct record *r = record_new(KIND_message, limits);
    links_write(links, r);
    links_free(links);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct limits limits;
    limits_init(&limits);
    limits.urls = 20;
    if (size < 2)
        return 0;
    struct bytes content = bytes_of(data + 2, size - 2);
    struct record *whole = find(content, content.len + 1, data[1], &limits, SIZE_MAX);
    struct record *cut = find(content, data[0] % 64 + 1u, data[1], &limits, SIZE_MAX);
    same_record(whole, cut);
    record_free(whole);
    record_free(cut);
    record_free(find(content, data[0] % 64 + 1u, data[1], &limits, data[0] >> 4));
    return 0;
}
