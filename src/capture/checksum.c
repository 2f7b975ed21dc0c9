/* Four octets at a time, carries kept in the upper half (RFC 1071, 2 C), which compilers turn into vectors. */
#include "checksum.h"

uint64_t checksum_add(uint64_t sum, struct bytes b)
{
    size_t i = 0;
    for (; i + 4 <= b.len; i += 4) {
        uint32_t four;
        memcpy(&four, b.data + i, 4);
        sum += four;
    }
    uint8_t rest[4] = {0};
    if (i < b.len)
        memcpy(rest, b.data + i, b.len - i);
    uint32_t last;
    memcpy(&last, rest, 4);
    return sum + last;
}

bool checksum_is_right(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}
