/* What is packed comes back, whatever it is. */
#include "base/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void check(const void *block, size_t size)
{
    struct buf out;
    uint8_t *back = malloc(size + 1);
    assert_non_null(back);
    memset(back, 0xa5, size + 1);
    buf_init(&out, 1 << 20);
    assert_true(pack(&out, block, size));
    buf_add_byte(&out, 'x');
    struct bytes in = buf_bytes(&out);
    unpack(&in, back, size);
    assert_memory_equal(back, block, size);
    assert_int_equal(back[size], 0xa5);
    assert_int_equal(in.len, 1);
    buf_release(&out);
    free(back);
}

static void all_sizes(void **state)
{
    uint8_t block[3000];
    unsigned seed = 7;
    (void)state;
    for (size_t size = 1; size < sizeof block; size = size < 40 ? size + 1 : size + 61)
        for (unsigned rare = 1; rare < 3000; rare *= 5) {
            for (size_t i = 0; i < size; i++) {
                seed = seed * 1103515245u + 12345u;
                block[i] = (seed >> 8) % rare ? 0 : (uint8_t)(seed >> 20);
            }
            check(block, size);
        }
}

static void long_runs(void **state)
{
    static uint8_t block[8 * 700];
    (void)state;
    for (size_t at = 0; at < sizeof block; at += 8 * 43 + 3) {
        block[at] = 1;
        check(block, sizeof block);
    }
}

static void small_and_no_room(void **state)
{
    uint64_t words[100] = {[5] = 3, [70] = 0x1234};
    struct buf out;
    (void)state;
    buf_init(&out, 1 << 20);
    assert_true(pack(&out, words, sizeof words));
    assert_int_equal(out.len, 1 + 2 + 1 + 3 + 1);
    buf_release(&out);
    buf_init(&out, 108);
    assert_false(pack(&out, words, sizeof words));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sizes),
        cmocka_unit_test(long_runs),
        cmocka_unit_test(small_and_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
