/* A whole capture file, of any format and compression, and a filter over its frames. */
#include "capture/file.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t read_all(const uint8_t *data, size_t size, const char *expression)
{
    int fd = memfd_create("capture", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    struct error err = {""};
    struct source *src = source_open_fd(fd, "fuzz", &err);
    if (!src) {
        if (!*err.text)
            abort();
        return 0;
    }
    uint64_t octets = 0, frames = 0;
    if (!expression || source_filter(src, expression, &err)) {
        struct frame frame;
        enum source_status status;
        while ((status = source_next(src, &frame, &err)) == SOURCE_FRAME) {
            for (size_t i = 0; i < frame.data.len; i++)
                octets += frame.data.data[i];
            if (frame.wire < frame.data.len || frame.when < 0 || frame.when > WHEN_MAX)
                abort();
            if (++frames == 100000) /* a small compressed file can hold very many */
                break;
        }
        if (status == SOURCE_BROKEN && !*err.text)
            abort();
    }
    source_free(src);
    return octets;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    volatile uint64_t octets = read_all(data, size, NULL);
    octets += read_all(data, size, "tcp port 25 or vlan");
    (void)octets;
    return 0;
}
