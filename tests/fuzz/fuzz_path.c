/* What stands in one short text: a path, an address list, a date, a mailbox name. Every view must lie in the text. */
#include "base/clock.h"
#include "mail/address.h"
#include "mail/date.h"
#include "mail/mutf7.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct bytes part, struct bytes whole)
{
    if (part.len && (part.data < whole.data || part.data + part.len > whole.data + whole.len))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size), rest = text, item;
    struct path path;
    path_parse(text, &path);
    inside(path.mailbox, text);
    inside(path.parameters, text);
    if (path.mailbox.len + path.parameters.len > text.len)
        abort();
    if ((path.form == PATH_PLAIN) != !path_form_name(path.form))
        abort();

    while (address_next(&rest, &item)) {
        inside(item, text);
        if (!item.len)
            abort();
    }

    int64_t ns;
    if (date_parse(text, &ns) && (ns < INT64_C(-2208988800) * CLOCK_S - 360000 * CLOCK_S || ns > INT64_MAX - CLOCK_S))
        abort();

    struct buf out;
    buf_init(&out, 2 * size + 1); /* three octets of UTF-8 for 16 bits in 8/3 characters */
    bool valid = mutf7_decode(text, &out);
    if (out.cut || (!valid && !bytes_equal(buf_bytes(&out), text)))
        abort();
    buf_release(&out);
    return 0;
}
