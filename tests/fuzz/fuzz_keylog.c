/* A key log: its octets, in pieces as long as the first one says. */
#include "session/keylog.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct keylog *k = keylog_new(64);
    size_t piece = size ? data[0] + 1u : 1;
    uint8_t random[KEYLOG_RANDOM] = {0};
    struct secret secret;
    for (size_t at = 1; at < size; at += piece)
        keylog_take(k, bytes_part(bytes_of(data, size), at, piece));
    for (unsigned label = KEYLOG_MASTER; label <= KEYLOG_SERVER_TRAFFIC; label++)
        if (keylog_find(k, (enum keylog_label)label, random, &secret) != (secret.len != 0))
            abort();
    struct keylog_counts counts = keylog_count(k);
    if (counts.secrets > size || counts.others > size || counts.omitted > size)
        abort();
    keylog_close(k);
    return 0;
}
