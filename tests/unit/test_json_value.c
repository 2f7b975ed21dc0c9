/* Strings and numbers of JSON, against the plain way to write them. The octets stand where the sanitizer sees a step
   too far on either side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "output/json_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LENGTH_MOST = 70, ALIGNMENTS = 16 };

static size_t expected(char *to, struct bytes text, bool *mended)
{
    size_t n = 0;
    to[n++] = '"';
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '"' || c == '\\') {
            n += (size_t)sprintf(to + n, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            n += (size_t)sprintf(to + n, "\\u%04X", (unsigned)c);
        } else if (c < 0x80) {
            to[n++] = (char)c;
        } else if (c == 0xc3 && i + 1 < text.len && (text.data[i + 1] & 0xc0) == 0x80) {
            to[n++] = (char)c;
            to[n++] = (char)text.data[++i];
        } else {
            n += (size_t)sprintf(to + n, "\xef\xbf\xbd");
            *mended = true;
        }
    }
    to[n++] = '"';
    return n;
}

/* `align` octets in front; room for exactly the most that may be needed, at another alignment. */
static void check(struct bytes text, size_t align)
{
    char wanted[JSON_ESCAPE_MOST * LENGTH_MOST + 8];
    size_t room = JSON_ESCAPE_MOST * text.len + 2;
    uint8_t *from = malloc(align + text.len);
    char *to = malloc(align + room);
    bool wanted_mended = false, mended = false;
    assert_true(to && (from || !(align + text.len)));
    if (text.len)
        memcpy(from + align, text.data, text.len);
    size_t wanted_len = expected(wanted, text, &wanted_mended);
    char *end = json_write_string(to + align, bytes_of(from + align, text.len), &mended);
    assert_int_equal(end - (to + align), wanted_len);
    assert_memory_equal(to + align, wanted, wanted_len);
    assert_int_equal(mended, wanted_mended);
    free(from);
    free(to);
}

static void strings(void **state)
{
    static const char odd[] = {'"', '\\', 0, 0x1f, 0x20, 0x7e, 0x7f, '!', '#', '[', ']', (char)0x80, (char)0xff};
    uint8_t text[LENGTH_MOST + 1];
    (void)state;
    for (size_t len = 0; len <= LENGTH_MOST; len++)
        for (size_t align = 0; align < ALIGNMENTS; align++) {
            for (size_t i = 0; i < len; i++)
                text[i] = (uint8_t)('a' + i % 26);
            check(bytes_of(text, len), align);
            for (size_t i = 0; i < len; i += align % 3 + 1) {
                text[i] = (uint8_t)odd[(i + len + align) % sizeof odd];
                check(bytes_of(text, len), align); /* one more each time */
            }
        }
}

/* Each octet, alone at each place of each length. */
static void one_odd(void **state)
{
    uint8_t text[LENGTH_MOST];
    (void)state;
    for (unsigned c = 0; c < 256; c++)
        for (size_t len = 1; len <= 34; len++)
            for (size_t i = 0; i < len; i++) {
                memset(text, 'x', len);
                text[i] = (uint8_t)c;
                check(bytes_of(text, len), 0);
            }
}

static void utf8(void **state)
{
    uint8_t text[LENGTH_MOST];
    (void)state;
    for (size_t len = 2; len <= LENGTH_MOST; len++)
        for (size_t i = 0; i + 1 < len; i++) {
            memset(text, 'x', len);
            memcpy(text + i, "\xc3\xa9", 2);
            check(bytes_of(text, len), i % ALIGNMENTS);
            check(bytes_of(text, i + 1), i % ALIGNMENTS); /* cut within it */
        }
}

static void check_number(uint64_t n)
{
    char wanted[24], *to = malloc(JSON_NUMBER_MOST);
    assert_non_null(to);
    int len = snprintf(wanted, sizeof wanted, "%" PRIu64, n);
    assert_int_equal(json_write_number(to, n) - to, len);
    assert_memory_equal(to, wanted, (size_t)len);
    free(to);
}

static void numbers(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 100100; n++)
        check_number(n);
    for (uint64_t power = 10; power <= UINT64_MAX / 10; power *= 10)
        for (int64_t d = -2; d <= 2; d++) {
            check_number(power + (uint64_t)d);
            check_number(power * 9 + (uint64_t)d);
        }
    for (unsigned bit = 0; bit < 64; bit++) {
        check_number(UINT64_C(1) << bit);
        check_number((UINT64_C(1) << bit) - 1);
    }
    check_number(UINT64_C(10000000000000000000));
    check_number(UINT64_MAX);
}

static void digits(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 1000000; n += n < 2000 || n > 998000 ? 1 : 97) {
        char text[7] = "......", wanted[16];
        snprintf(wanted, sizeof wanted, "%06u", n);
        json_write_digits(text, 6, n);
        assert_string_equal(text, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings), cmocka_unit_test(one_odd), cmocka_unit_test(utf8),
        cmocka_unit_test(numbers), cmocka_unit_test(digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
