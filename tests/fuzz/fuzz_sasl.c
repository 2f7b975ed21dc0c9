/* SASL exchanges: lines of input, the first the mechanism, then answers ("C") and challenges ("S"), in base64 as sent
   or
   ("c", "s") raw, to be encoded here. What was sent as PLAIN's and LOGIN's secret must not come out. */
#include "mail/sasl.h"

#include "record/record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes encode(struct bytes m)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *text = malloc((m.len + 2) / 3 * 4 + 1);
    size_t to = 0;
    if (!text)
        abort();
    for (size_t i = 0; i < m.len; i += 3) {
        uint32_t bits = (uint32_t)m.data[i] << 16;
        bits |= i + 1 < m.len ? (uint32_t)m.data[i + 1] << 8 : 0;
        bits |= i + 2 < m.len ? m.data[i + 2] : 0;
        for (unsigned k = 0; k < 4 && (k < 2 || i + k - 1 < m.len); k++)
            text[to++] = (uint8_t)alphabet[bits >> (18 - 6 * k) & 63];
    }
    return bytes_of(text, to);
}

static void line(struct sasl *x, struct bytes text)
{
    if (!text.len)
        return;
    uint8_t how = text.data[0];
    struct bytes rest = bytes_part(text, 1, SIZE_MAX);
    uint8_t *copy = NULL;
    if (how == 'c' || how == 's') {
        struct bytes encoded = encode(rest);
        copy = malloc(encoded.len + 1);
        if (!copy)
            abort();
        memcpy(copy, encoded.data, encoded.len);
        free((void *)(uintptr_t)encoded.data);
        rest = bytes_of(copy, encoded.len);
    }
    if (how == 'S' || how == 's')
        sasl_server(x, rest);
    else
        sasl_client(x, rest);
    /* Unless it is too short to be remembered, what the client sent is recognised. */
    rest = bytes_trim(rest);
    if (how != 'S' && how != 's' && rest.len >= ECHO_LEAST && !echo_found(&x->echo, rest))
        abort();
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct limits limits;
    limits_init(&limits);
    struct bytes rest = bytes_of(data, size);
    struct sasl x = {0};
    size_t end = bytes_index(rest, '\n');
    sasl_begin(&x, bytes_part(rest, 0, end));
    while (end < rest.len) {
        rest = bytes_part(rest, end + 1, SIZE_MAX);
        end = bytes_index(rest, '\n');
        line(&x, bytes_part(rest, 0, end));
    }
    struct record *r = record_new(KIND_auth, &limits);
    sasl_write(&x, r);
    if (!record_has(r, F_auth_mech))
        abort();
    record_free(r);
    sasl_release(&x);
    return 0;
}
