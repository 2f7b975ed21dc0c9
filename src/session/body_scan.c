#include "body_scan.h"

#include "input.h"

#include <string.h>

#define IN_A_ROW 4 /* blocks between two looks at what was found */

#define BLOCK      16
#define SCAN(name) name##_16
#define TARGET
#include "body_scan_blocks.h"
#undef BLOCK
#undef SCAN
#undef TARGET

#ifdef __x86_64__
#define BLOCK      32
#define SCAN(name) name##_32
#define TARGET     __attribute__((target("avx2")))
#include "body_scan_blocks.h"
#undef BLOCK
#undef SCAN
#undef TARGET
#endif

static size_t scan_blocks(const uint8_t *data, size_t from, size_t len, unsigned *odd)
{
#ifdef __x86_64__
    if (len - from >= 128 && __builtin_cpu_supports("avx2"))
        from = scan_32(data, from, len, odd);
#endif
    return scan_16(data, from, len, odd);
}

size_t body_scan(const uint8_t *data, size_t from, size_t len, unsigned *odd)
{
    for (size_t i = scan_blocks(data, from, len, odd); i < len; i++) {
        uint8_t c = data[i], before = data[i - 1];
        if (c == '.' && (before == '\n' || before == '\r' || before == 0))
            return i;
        if (c == '\n' && before != '\r')
            *odd |= 1u << ODD_BARE_LF;
        if (c != '\n' && before == '\r')
            *odd |= 1u << ODD_BARE_CR;
        if (c == 0)
            *odd |= 1u << ODD_NUL;
    }
    return len;
}
