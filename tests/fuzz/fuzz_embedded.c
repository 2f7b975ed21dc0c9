/* Files inside a text: the same blocks however it is cut. The first octet says how long the pieces are, the second
   where octets are missing. */
#include "mail/embedded.h"

#include "base/buf.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    struct buf text;
    bool inside;
};

static void expect(struct told *t, bool inside)
{
    if (t->inside != inside)
        abort();
}

static void begin(void *arg, enum embedded_kind kind, struct bytes name)
{
    struct told *t = arg;
    expect(t, false);
    t->inside = true;
    if (name.len > 255)
        abort();
    buf_printf(&t->text, "{%u ", (unsigned)kind);
    buf_add(&t->text, name);
}

static void octets(void *arg, struct bytes decoded)
{
    struct told *t = arg;
    expect(t, true);
    buf_add(&t->text, decoded);
}

static void gap(void *arg, uint64_t len)
{
    struct told *t = arg;
    expect(t, true);
    buf_printf(&t->text, "<%u>", (unsigned)len);
}

static void end(void *arg, bool whole, unsigned odd)
{
    struct told *t = arg;
    expect(t, true);
    t->inside = false;
    buf_printf(&t->text, "%u %u}", whole, odd);
}

static void find(struct told *t, struct bytes in, size_t piece, size_t missing)
{
    static const struct embedded_events events = {begin, octets, gap, end};
    struct embedded *e = embedded_new(&events, t);
    *t = (struct told){0};
    buf_init(&t->text, SIZE_MAX);
    for (size_t at = 0, n; at < in.len; at += n) {
        n = piece < in.len - at ? piece : in.len - at;
        if (at < missing && missing - at < n)
            n = missing - at;
        if (at == missing)
            embedded_gap(e, 3);
        uint8_t *copy = copy_of(bytes_part(in, at, n));
        embedded_push(e, bytes_of(copy, n));
        free(copy);
    }
    embedded_finish(e);
    expect(t, false);
    if (embedded_held(e) > 4096)
        abort();
    embedded_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct bytes in = bytes_of(data + 2, size - 2);
    size_t missing = data[1] & 0x80 ? data[1] * 2u : SIZE_MAX;
    struct told whole, cut;
    find(&whole, in, in.len + 1, missing);
    find(&cut, in, data[0] + 1u, missing);
    if (!bytes_equal(buf_bytes(&whole.text), buf_bytes(&cut.text)))
        abort();
    buf_release(&whole.text);
    buf_release(&cut.text);
    return 0;
}
