/* The header scanner: the same fields and the same end of the header, however the octets are cut. The first two octets
   say how long the pieces are. */
#include "mail/header.h"

#include "base/buf.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hear(void *arg, struct bytes name, struct bytes value)
{
    struct buf *heard = arg;
    buf_add(heard, name);
    buf_add_byte(heard, ':');
    buf_add(heard, value);
    buf_add_byte(heard, '\n');
}

static struct record *scan(struct bytes content, size_t piece, const struct limits *limits, uint64_t *body,
                           struct buf *heard)
{
    struct header_scanner *h = header_scanner_new(limits);
    buf_init(heard, content.len * 2);
    header_scanner_listen(h, hear, heard);
    struct record *r = record_new(KIND_message, limits);
    for (size_t at = 0; at < content.len; at += piece) {
        struct bytes b = bytes_part(content, at, piece);
        uint8_t *copy = copy_of(b);
        header_scanner_push(h, bytes_of(copy, b.len));
        free(copy);
    }
    header_scanner_finish(h, r, true);
    *body = UINT64_MAX;
    if (header_scanner_body(h, body) && *body > content.len)
        abort();
    header_scanner_free(h);
    return r;
}

static void scan_with_gap(struct bytes content, size_t where, uint64_t len, const struct limits *limits)
{
    struct header_scanner *h = header_scanner_new(limits);
    struct record *r = record_new(KIND_message, limits);
    header_scanner_push(h, bytes_part(content, 0, where));
    header_scanner_gap(h, len);
    header_scanner_push(h, bytes_part(content, where, SIZE_MAX));
    header_scanner_finish(h, r, where & 1);
    record_free(r);
    header_scanner_free(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct limits limits;
    limits_init(&limits);
    limits.header = 1024;
    limits.text = 64;
    if (size < 2)
        return 0;
    struct bytes content = bytes_of(data + 2, size - 2);
    uint64_t whole_body, cut_body;
    struct buf whole_heard, cut_heard;
    struct record *whole = scan(content, content.len + 1, &limits, &whole_body, &whole_heard);
    struct record *cut = scan(content, data[0] % 16 + 1u, &limits, &cut_body, &cut_heard);
    if (whole_body != cut_body || !bytes_equal(buf_bytes(&whole_heard), buf_bytes(&cut_heard)))
        abort();
    buf_release(&whole_heard);
    buf_release(&cut_heard);
    same_record(whole, cut);
    record_free(whole);
    record_free(cut);
    scan_with_gap(content, data[1], data[0] * UINT64_C(11), &limits);
    return 0;
}
