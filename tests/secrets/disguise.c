#include "disguise.h"
#include "base/buf.h"
#include "base/memory.h"
#include <assert.h>
#include <ctype.h>
#include <openssl/evp.h>
#include <stdlib.h>

static bool holds_base64(struct bytes text, struct bytes part)
{
    uint8_t *plain = memory_get(part.len + 3), *encoded = memory_get((part.len + 3) / 3 * 4 + 5);
    bool found = false;

    for (size_t before = 0; before < 3 && !found; before++) {
        static const size_t from[] = {0, 2, 3}; /* characters that depend on what stands before */
        size_t to = (before + part.len) * 8 / 6;

        memset(plain, 0, before);
        memcpy(plain + before, part.data, part.len);
        EVP_EncodeBlock(encoded, plain, (int)(before + part.len));
        /* In either case, too: a verb's case is not kept. */
        found = bytes_find_nocase(text, bytes_of(encoded + from[before], to - from[before])) != SIZE_MAX;
    }
    free(plain);
    free(encoded);
    return found;
}

static bool holds_hex(struct bytes text, struct bytes part)
{
    struct buf hex;
    bool found;

    buf_init(&hex, SIZE_MAX);
    for (size_t i = 0; i < part.len; i++)
        buf_printf(&hex, "%02x", part.data[i]);
    found = bytes_find_nocase(text, buf_bytes(&hex)) != SIZE_MAX;
    buf_release(&hex);
    return found;
}

bool disguise_found(struct bytes text, struct bytes secret, const char **form)
{
    const struct bytes parts[] = {secret, bytes_part(secret, 0, secret.len / 2),
                                  bytes_part(secret, secret.len / 2, SIZE_MAX)};

    assert(secret.len >= 12);
    for (size_t i = 0; i < 3; i++) {
        *form = NULL;
        if (bytes_find_nocase(text, parts[i]) != SIZE_MAX)
            *form = i == 0 ? "in clear" : i == 1 ? "its first half in clear" : "its second half in clear";
        else if (holds_base64(text, parts[i]))
            *form = i == 0 ? "in base64" : i == 1 ? "its first half in base64" : "its second half in base64";
        else if (holds_hex(text, parts[i]))
            *form = i == 0   ? "in hexadecimal"
                    : i == 1 ? "its first half in hexadecimal"
                             : "its second half in hexadecimal";
        if (*form)
            return true;
    }
    return false;
}
