/* Encoded words: what is decoded is the same whatever room there is, as far as that goes; what it calls not lossy is
   UTF-8; addresses keep what is no name. */
#include "mail/address.h"
#include "mail/utf8.h"
#include "mail/words.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes value = bytes_of(data, size), rest = value, item;
    struct buf whole, part;
    buf_init(&whole, size * 8 + 64);
    buf_init(&part, size ? data[0] : 0);
    bool lossy = words_decode(value, &whole);
    demand(!whole.cut);
    demand(lossy || utf8_valid(buf_bytes(&whole)) == whole.len);
    if (!words_may_be(value))
        demand(bytes_equal(value, buf_bytes(&whole)));
    words_decode(value, &part);
    demand(part.len <= whole.len && (!part.len || memcmp(part.data, whole.data, part.len) == 0));
    while (address_next(&rest, &item)) {
        demand(item.len && item.len <= size);
        buf_reset(&whole);
        address_text(item, &whole);
        demand(words_may_be(item) || bytes_equal(item, buf_bytes(&whole)));
    }
    buf_release(&whole);
    buf_release(&part);
    return 0;
}
