/* Zip archives: as fuzz_look, but whatever comes begins with a local header. The first octet is the length of pieces,
   the second the place of the gap. */
#include "look_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 6)
        return 0;
    uint8_t *content = malloc(size - 2);
    if (!content)
        abort();
    memcpy(content, data + 2, size - 2);
    memcpy(content, "PK\3\4", 4);
    look_twice(bytes_of(content, size - 2), data[0], data[1], "application/zip", "a.zip");
    free(content);
    return 0;
}
