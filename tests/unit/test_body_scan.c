/* body_scan against the octet by octet definition of what it finds. */
#include "session/body_scan.h"
#include "session/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t expected(const uint8_t *data, size_t from, size_t len, unsigned *odd)
{
    size_t i = from;
    for (; i < len; i++) {
        if (data[i] == '.' && strchr("\n\r", data[i - 1]))
            break;
        *odd |= data[i] == '\n' && data[i - 1] != '\r' ? 1u << ODD_BARE_LF : 0;
        *odd |= data[i] != '\n' && data[i - 1] == '\r' ? 1u << ODD_BARE_CR : 0;
        *odd |= data[i] == 0 ? 1u << ODD_NUL : 0;
    }
    return i;
}

static void check(const uint8_t *data, size_t from, size_t len)
{
    /* What is behind the end must not be looked at: the sanitizer says so if it is. */
    uint8_t *copy = malloc(len);
    unsigned odd = 0, wanted = 0;
    assert_non_null(copy);
    memcpy(copy, data, len);
    size_t at = expected(copy, from, len, &wanted);
    assert_int_equal(body_scan(copy, from, len, &odd), at);
    assert_int_equal(odd, wanted);
    free(copy);
}

/* One remarkable pair at each place of texts of each length around the sizes of blocks. */
static void every_place(void **state)
{
    static const char *const pairs[] = {"\n.", "\r.", "\r\n", "x\n", "\rx", "\0x", "\0.", "x.", "\r\r", "\n\n"};
    uint8_t text[400];
    (void)state;
    for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++)
        for (size_t len = 1; len < sizeof text; len = len < 70 ? len + 1 : len + 37)
            for (size_t at = 0; at + 2 <= len; at++) {
                memset(text, 'x', len);
                memcpy(text + at, pairs[p], 2);
                check(text, 1, len);
                check(text, len > 7 ? 7 : 1, len);
            }
}

/* Texts of nothing but remarkable octets, and rare ones among plain text. */
static void any_mixture(void **state)
{
    uint8_t text[600];
    unsigned seed = 1;
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = 1 + round % sizeof text;
        for (size_t i = 0; i < len; i++) {
            seed = seed * 1103515245u + 12345u;
            unsigned rare = round % 3 ? 64 : 5;
            text[i] = (uint8_t)("\r\n.\0x"[(seed >> 16) % rare < 4 ? (seed >> 16) % rare : 4]);
        }
        check(text, 1, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place),
        cmocka_unit_test(any_mixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
