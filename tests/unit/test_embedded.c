/* Files inside a text: what is found, under what name, and what only looks like one. */
#include "mail/embedded.h"
#include "mail/transfer.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Writes down the events as a text: {kind name:octets}; "!" before the brace where it is not whole, "?" where odd. */
static void begin(void *arg, enum embedded_kind kind, struct bytes name)
{
    static const char *const kinds[] = {
        [EMBEDDED_UUENCODE] = "uu", [EMBEDDED_BASE64] = "base64", [EMBEDDED_YENC] = "yenc"};
    buf_printf(arg, "{%s %.*s:", kinds[kind], (int)name.len, (const char *)name.data);
}

static void octets(void *arg, struct bytes decoded)
{
    assert_true(decoded.len > 0);
    buf_add(arg, decoded);
}

static void gap(void *arg, uint64_t len)
{
    buf_printf(arg, "<%d>", (int)len);
}

static void end(void *arg, bool whole, unsigned odd)
{
    buf_printf(arg, "%s%s}", whole ? "" : "!", odd ? "?" : "");
}

static const struct embedded_events events = {begin, octets, gap, end};

/* However it is cut; a "@" in the text stands for 5 octets that are missing. */
static void check(const char *text, const char *expected)
{
    size_t len = strlen(text);
    for (size_t size = 1; size <= len + 1; size++) {
        struct buf told;
        buf_init(&told, 4096);
        struct embedded *e = embedded_new(&events, &told);
        for (size_t at = 0, n; at < len; at += n) {
            struct bytes rest = bytes_part(bytes_of_string(text), at, size);
            if (rest.data[0] == '@') {
                embedded_gap(e, 5);
                n = 1;
                continue;
            }
            n = bytes_index(rest, '@');
            uint8_t *copy = malloc(n);
            assert_non_null(copy);
            memcpy(copy, rest.data, n);
            embedded_push(e, bytes_of(copy, n));
            free(copy);
        }
        embedded_finish(e);
        assert_true(embedded_held(e) > 0);
        embedded_free(e);
        buf_add_byte(&told, 0);
        assert_string_equal((const char *)told.data, expected);
        buf_release(&told);
    }
}

static void uuencode(void **state)
{
    (void)state;
    check("begin 644 cat.txt\n#0V%T\n`\nend\n", "{uu cat.txt:Cat}");
    check("Hello\r\n\r\nbegin 0600 a cat.txt \r\n#0V%T\r\n#0V%T\r\n \r\nend\r\nBye\r\n", "{uu a cat.txt:CatCat}");
    check("begin 644 x\n#0V%T\n`\nend\nbegin 755 y\n#0V%T\nend", "{uu x:Cat}{uu y:Cat}");
    check("begin 644 x\n#0V%T\nbegin 644 y\n#0V%T\n`\nend\n", "{uu x:Cat!?}{uu y:Cat}");
    check("begin 644 x\n#0V%T\n", "{uu x:Cat!?}");
    check("begin 644 x\n#0V%T\nRegards,\nJoe\n", "{uu x:Cat!?}");
    check("begin 644 x\n#0V%T\n#0V%\x7f\n`\nend\n", "{uu x:CatCa_?}");
}

static void none(void **state)
{
    (void)state;
    check("", "");
    check("begin", "");
    check("begin 644 x", "");
    check("begin 644 x\n", "");
    check("begin 644 x\n\n#0V%T\n`\nend\n", "");
    check("begin 644 x\nwith the first chapter\n", "");
    check("begin 644 x\n`\nend\n", "");
    check("begin 644\n#0V%T\n", "");
    check("begin 689 x\n#0V%T\n", "");
    check("begin 64 x\n#0V%T\n", "");
    check("begin reading 644 x\n#0V%T\n", "");
    check(" begin 644 x\n#0V%T\nend\n", "");
    check("Begin 644 x\n#0V%T\nend\n", "");
    check("=ybegin line=128 name=x\nabc\n=yend size=3\n", "");
    check("=ybegin size=3 name=x\nabc\n=yend size=3\n", "");
    check("=ybegin line=128 size=3\nabc\n=yend size=3\n", "");
    check("=ybegins\n", "");
}

static void late_begin(void **state)
{
    (void)state;
    check("begin 644 x\nbegin 644 y\n#0V%T\nend\n", "{uu y:Cat}");
    check("begin 644 x\n=ybegin line=9 size=1 name=y\nm\n=yend size=1\n", "{yenc y:C}");
}

static void base64(void **state)
{
    (void)state;
    check("begin-base64 644 cat.txt\nQ2F0\nQ2E=\n====\ntext", "{base64 cat.txt:CatCa}");
    check("begin-base64 644 cat.txt\nQ2F0\ntext, not base64\n", "{base64 cat.txt:Cat!}");
    check("begin-base64 644 cat.txt\ntext.\n", "");
}

static void yenc(void **state)
{
    (void)state;
    check("text\n=ybegin line=128 size=3 name=a cat.txt\r\nm\x8b\x9e\r\n=yend size=3 crc32=a6130548\r\ntext",
          "{yenc a cat.txt:Cat}");
    check("=ybegin part=2 line=128 size=9 name=x\n=ypart begin=7 end=9\nm\x8b\x9e\n=yend size=3 pcrc32=a6130548\n",
          "{yenc x:Cat}");
    check("=ybegin line=128 size=3 name=x\nm\x8b\x9e\n=yend size=3 crc32=a6130549\n", "{yenc x:Cat?}");
    check("=ybegin line=128 size=3 name=x\n=\xadm\n", "{yenc x:CC!?}");
    check("=ybegin line=128 size=3 name=x\nm\n=ybegin line=128 size=3 name=y\nm\x8b\x9e\n=yend size=3\n",
          "{yenc x:C!?}{yenc y:Cat}");
}

static void gaps(void **state)
{
    (void)state;
    check("be@gin 644 x\n#0V%T\nend\n", "");
    check("begin 644 x@\n#0V%T\nend\n", "");
    check("begin 644 x\n@#0V%T\nend\n", "");
    check("@\nbegin 644 x\n#0V%T\nend\n", "{uu x:Cat}");
    check("begin 644 x\n#0V%T\n#0@V%T\n#0V%T\nend\n", "{uu x:Cat<5>Cat!}");
    check("begin 644 x\n#0V%T\n@#0V%T\n#0V%T\nend\n", "{uu x:Cat<5>Cat!}");
    check("begin-base64 644 x\nQ2F0\nQ2F@0\nQ2F0\n====\n", "{base64 x:Cat<5>Cat!}");
    check("=ybegin line=128 size=3 name=x\nm@m\nm\n=yend size=3\n", "{yenc x:C<5>C!}");
    check("=ybegin line=128 size=3 name=x\nm\n@m\nm\n=yend size=3\n", "{yenc x:C<5>C!}");
}

static void long_lines(void **state)
{
    (void)state;
    char text[3000];
    static const char before[] = "begin 644 x\n", after[] = "\n#0V%T\n`\nend\n";
    struct buf told;
    buf_init(&told, sizeof(text));
    for (size_t len = 1; len < 2000; len += 37) {
        struct embedded *e = embedded_new(&events, &told);
        memset(text, 'A', len);
        embedded_push(e, bytes_of(before, sizeof(before) - 2)); /* the name goes on */
        embedded_push(e, bytes_of(text, len));
        embedded_push(e, BYTES("\n#0V%T\n"));
        embedded_push(e, bytes_of(text, len));
        embedded_push(e, BYTES("\n"));
        embedded_finish(e);
        embedded_free(e);
        if (len < 255) {
            assert_true(told.len > len && told.len < len + 70);
            assert_memory_equal(told.data + 5, text, len);
        }
        assert_true(told.len < 400);
        buf_reset(&told);
    }
    struct embedded *e = embedded_new(&events, &told);
    size_t idle = embedded_held(e);
    for (size_t i = 0; i < 1000; i++)
        embedded_push(e, BYTES("beginning of a text without end, "));
    assert_int_equal(embedded_held(e), idle);
    embedded_push(e, bytes_of(after, sizeof(after) - 1));
    embedded_finish(e);
    embedded_free(e);
    assert_int_equal(told.len, 0);
    buf_release(&told);
    embedded_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuencode), cmocka_unit_test(none), cmocka_unit_test(late_begin), cmocka_unit_test(base64),
        cmocka_unit_test(yenc),     cmocka_unit_test(gaps), cmocka_unit_test(long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
