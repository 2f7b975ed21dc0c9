/* The look at a part: the same result however the octets are cut, and with octets missing. The first octet is the
   length of pieces, the second the place of the gap, then come the declared type and the name, each ended by NUL. */
#include "look_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *text(struct bytes *rest)
{
    size_t len = bytes_index(*rest, 0);
    const char *ret = len < rest->len && len ? (const char *)rest->data : NULL;
    *rest = bytes_part(*rest, len < rest->len ? len + 1 : 0, rest->len);
    return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct bytes rest = bytes_of(data + 2, size - 2);
    const char *mime = text(&rest), *name = text(&rest);
    look_twice(rest, data[0], data[1], mime, name);
    return 0;
}
