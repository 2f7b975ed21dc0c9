/* TNEF: the same attachments however it is cut, in fixed memory. The first octet says how long the pieces are. */
#include "mail/tnef.h"

#include "base/buf.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    struct buf text;
    uint64_t octets;
    bool inside;
};

static void tell(struct told *t, const struct tnef_attachment *a)
{
    buf_add(&t->text, a->name);
    buf_add(&t->text, a->mime);
    buf_printf(&t->text, " %u %u %u %u %u|", a->name_is_utf8, a->codepage, (unsigned)a->size, a->is_message, a->whole);
}

static void begin(void *arg, const struct tnef_attachment *a)
{
    struct told *t = arg;
    if (t->inside)
        abort();
    t->inside = true;
    t->octets = 0;
    tell(t, a);
}

static void octets(void *arg, struct bytes more)
{
    struct told *t = arg;
    if (!t->inside || !more.len)
        abort();
    t->octets += more.len;
    buf_add(&t->text, more);
}

static void end(void *arg, const struct tnef_attachment *a)
{
    struct told *t = arg;
    if (!t->inside || a->size != t->octets)
        abort();
    t->inside = false;
    tell(t, a);
}

static unsigned read_all(struct told *told, struct bytes in, size_t piece)
{
    static const struct tnef_events events = {begin, octets, end};
    struct tnef *t = tnef_new(&events, told);
    *told = (struct told){0};
    buf_init(&told->text, SIZE_MAX);
    for (size_t at = 0; at < in.len; at += piece) {
        struct bytes part = bytes_part(in, at, piece);
        uint8_t *copy = copy_of(part);
        tnef_push(t, bytes_of(copy, part.len));
        free(copy);
    }
    tnef_finish(t);
    unsigned odd = tnef_odd(t);
    if (told->inside || tnef_held(t) > 8192)
        abort();
    tnef_free(t);
    return odd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct bytes in = bytes_of(data + 1, size - 1);
    struct told whole, cut;
    unsigned odd = read_all(&whole, in, in.len + 1);
    if (odd != read_all(&cut, in, data[0] + 1u) || !bytes_equal(buf_bytes(&whole.text), buf_bytes(&cut.text)))
        abort();
    buf_release(&whole.text);
    buf_release(&cut.text);
    return 0;
}
