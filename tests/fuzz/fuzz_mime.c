/* The walk through a message: the same parts, however the octets are cut; with octets missing anywhere, no hash of what
   they were part of. The first two octets say how long the pieces are, the next two where some are missing. */
#include "parts_list.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct limits limits;
    struct mail_settings settings;
    struct parts_list whole, cut;
    if (size < 4)
        return 0;
    size_t piece = 1 + (data[0] | (size_t)data[1] << 8) % 200, gap = data[2] | (size_t)data[3] << 8;
    struct bytes message = bytes_of(data + 4, size - 4);
    limits_init(&limits);
    limits.mime_depth = 8;
    limits.mime_parts = 20;
    limits.header = 4096;
    mail_settings_init(&settings);
    settings.hash = MAIL_HASH_ALL;
    settings.md5 = true;
    struct mail *mail = mail_new(&limits, &settings);
    parts_list(mail, message, 0, 0, 0, &whole);
    parts_list(mail, message, piece, 0, 0, &cut);
    if (!bytes_equal(buf_bytes(&whole.text), buf_bytes(&cut.text)) || strcmp(whole.body, cut.body) != 0)
        abort();
    parts_list_release(&cut);
    if (gap < message.len) {
        parts_list(mail, message, piece, gap, 1 + (message.len - gap) / 3, &cut);
        if (*cut.body)
            abort();
        parts_list_release(&cut);
    }
    parts_list_release(&whole);
    mail_free(mail);
    return 0;
}
