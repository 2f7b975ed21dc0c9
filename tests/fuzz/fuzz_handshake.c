/* A TLS handshake: pieces, each behind one octet that says what it is (bit 0: of the server; 2: an alert; 4: lost) and
   two of length, low first. */
#include "base/memory.h"
#include "dissectors/tls_handshake.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECE_SERVER = 1, PIECE_ALERT = 2, PIECE_LOST = 4 };

static void piece(struct handshake *h, unsigned what, struct bytes octets)
{
    enum side side = (what & PIECE_SERVER) ? SERVER : CLIENT;
    uint8_t *copy = memory_get(octets.len ? octets.len : 1);
    if (octets.len)
        memcpy(copy, octets.data, octets.len);
    if (what & PIECE_LOST)
        handshake_gap(h, side, octets.len);
    else if (!(what & PIECE_ALERT))
        handshake_octets(h, side, bytes_of(copy, octets.len), INT64_C(1767225600000000000));
    else if (octets.len == 2)
        handshake_alert(h, side, copy);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct limits limits;
    struct handshake *h;
    limits_init(&limits);
    h = handshake_new(&limits);
    for (size_t at = 0; size - at >= 3;) {
        size_t len = data[at + 1] | (size_t)data[at + 2] << 8, left = size - at - 3;
        len = len < left ? len : left;
        piece(h, data[at], bytes_of(data + at + 3, len));
        at += 3 + len;
    }
    if (handshake_held(h) > limits.tls_handshake * 8)
        abort();
    handshake_free(h);
    return 0;
}
