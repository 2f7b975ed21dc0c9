/* Transfer encodings: the same octets and the same noted facts, however the text is cut and whichever path the base64
   decoder takes. The first octet is the encoding and says whether something is missing, the second how long the pieces
   are. */
#include "mail/transfer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct decoded {
    uint8_t *octets;
    size_t len;
    unsigned odd;
};

static uint8_t *copy_of(struct bytes b, size_t room)
{
    uint8_t *copy = malloc(b.len + room);
    if (!copy)
        abort();
    if (b.data)
        memcpy(copy, b.data, b.len);
    return copy;
}

static struct decoded decode(enum transfer t, base64_run *run, struct bytes in, size_t piece, size_t gap)
{
    struct decoded r = {copy_of((struct bytes){NULL, 0}, in.len + 2 * TRANSFER_ROOM), 0, 0};
    struct transfer_decoder d;
    transfer_init(&d, t);
    if (run)
        d.run = run;
    for (size_t at = 0, n; at < in.len; at += n) {
        n = piece < in.len - at ? piece : in.len - at;
        if (at < gap && gap - at < n)
            n = gap - at;
        if (at == gap)
            transfer_gap(&d, 7);
        uint8_t *from = copy_of(bytes_part(in, at, n), 0);
        uint8_t *to = copy_of((struct bytes){NULL, n}, TRANSFER_ROOM);
        size_t written = transfer_decode(&d, bytes_of(from, n), to);
        if (written > n + TRANSFER_ROOM)
            abort();
        memcpy(r.octets + r.len, to, written);
        r.len += written;
        free(from);
        free(to);
    }
    r.len += transfer_finish(&d, r.octets + r.len);
    if (r.len > in.len + TRANSFER_ROOM)
        abort();
    r.odd = transfer_odd(&d);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    enum transfer t = data[0] % (TRANSFER_YENC + 1u);
    struct bytes in = bytes_of(data + 2, size - 2);
    size_t gap = data[0] & 0x80 ? data[1] * 3u : SIZE_MAX;
    struct base64_path paths[BASE64_PATHS_MOST];
    size_t path_count = base64_paths(paths);
    transfer_of(in, NULL);
    struct decoded whole = decode(t, base64_run_plain, in, in.len + 1, gap);
    for (size_t i = 0; i < path_count; i++) {
        for (size_t cut = 0; cut < 2; cut++) {
            struct decoded other = decode(t, paths[i].run, in, cut ? data[1] % 90 + 1u : in.len + 1, gap);
            if (other.len != whole.len || other.odd != whole.odd || memcmp(other.octets, whole.octets, whole.len) != 0)
                abort();
            free(other.octets);
        }
    }
    free(whole.octets);
    return 0;
}
