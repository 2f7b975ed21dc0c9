/* Content-Transfer-Encodings: what each stands for, what is odd in it, and the same octets however it is cut. */
#include "mail/transfer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Decodes `in` in pieces of `piece` octets, each in memory of its own size, so that a sanitizer sees what is read or
   written beside it. */
static struct bytes pieces(struct transfer_decoder *d, struct bytes in, size_t piece)
{
    uint8_t *all = malloc(in.len + 2 * TRANSFER_ROOM);
    size_t len = 0;
    assert_non_null(all);
    for (size_t at = 0; at < in.len; at += piece) {
        struct bytes part = bytes_part(in, at, piece);
        uint8_t *from = malloc(part.len), *to = malloc(part.len + TRANSFER_ROOM);
        assert_non_null(from);
        assert_non_null(to);
        memcpy(from, part.data, part.len);
        size_t n = transfer_decode(d, bytes_of(from, part.len), to);
        assert_true(n <= part.len + TRANSFER_ROOM);
        memcpy(all + len, to, n);
        len += n;
        free(from);
        free(to);
    }
    len += transfer_finish(d, all + len);
    return bytes_of(all, len);
}

static void same(struct bytes got, struct bytes expected)
{
    assert_int_equal(got.len, expected.len);
    if (got.len)
        assert_memory_equal(got.data, expected.data, got.len);
}

static void check_bytes(enum transfer t, struct bytes in, struct bytes expected, unsigned odd)
{
    struct base64_path paths[BASE64_PATHS_MOST];
    size_t path_count = t == TRANSFER_BASE64 ? base64_paths(paths) : 1;
    for (size_t path = 0; path < path_count; path++) {
        for (size_t piece = 1; piece <= in.len + 1; piece++) {
            struct transfer_decoder d;
            transfer_init(&d, t);
            if (t == TRANSFER_BASE64)
                d.run = paths[path].run;
            struct bytes got = pieces(&d, in, piece);
            same(got, expected);
            assert_int_equal(transfer_odd(&d), odd);
            free((void *)(uintptr_t)got.data);
        }
    }
}

static void check(enum transfer t, const char *in, const char *expected, unsigned odd)
{
    check_bytes(t, bytes_of_string(in), bytes_of_string(expected), odd);
}

static enum transfer name(const char *text, bool is_known)
{
    bool known = !is_known;
    enum transfer t = transfer_of(bytes_of_string(text), &known);
    assert_int_equal(known, is_known);
    assert_int_equal(transfer_of(bytes_of_string(text), NULL), t);
    return t;
}

static void names(void **state)
{
    (void)state;
    assert_int_equal(name("7bit", true), TRANSFER_IDENTITY);
    assert_int_equal(name(" 8BIT ", true), TRANSFER_IDENTITY);
    assert_int_equal(name("binary", true), TRANSFER_IDENTITY);
    assert_int_equal(name("Base64", true), TRANSFER_BASE64);
    assert_int_equal(name("(as (RFC) 2045 \\) says) BASE64 (in fact)", true), TRANSFER_BASE64);
    assert_int_equal(name("\r\n base64;", true), TRANSFER_BASE64);
    assert_int_equal(name("\"base64\"", true), TRANSFER_BASE64);
    assert_int_equal(name("base64, 8bit", true), TRANSFER_BASE64);
    assert_int_equal(name("quoted-printable", true), TRANSFER_QUOTED_PRINTABLE);
    assert_int_equal(name("x-uuencode", true), TRANSFER_UUENCODE);
    assert_int_equal(name("uuencode", true), TRANSFER_UUENCODE);
    assert_int_equal(name("X-UUE", true), TRANSFER_UUENCODE);
    assert_int_equal(name("x-yenc", true), TRANSFER_YENC);
    assert_int_equal(name("", false), TRANSFER_IDENTITY);
    assert_int_equal(name("(base64", false), TRANSFER_IDENTITY);
    assert_int_equal(name("base64x", false), TRANSFER_IDENTITY);
    assert_int_equal(name("base-64", false), TRANSFER_IDENTITY);
    assert_int_equal(name("(\\", false), TRANSFER_IDENTITY);
}

static void identity(void **state)
{
    (void)state;
    check(TRANSFER_IDENTITY, "", "", 0);
    check(TRANSFER_IDENTITY, "=41 \r\n\n", "=41 \r\n\n", 0);
}

static void base64_padding(void **state)
{
    (void)state;
    check(TRANSFER_BASE64, "", "", 0);
    check(TRANSFER_BASE64, "Zg==", "f", 0);
    check(TRANSFER_BASE64, "Zm8=\r\n", "fo", 0);
    check(TRANSFER_BASE64, "Zm9v\r\n", "foo", 0);
    check(TRANSFER_BASE64, "Zm9vYmFyZg=\r\n=\r\n", "foobarf", 0);
    check(TRANSFER_BASE64, "Zg", "f", TRANSFER_PADDING);
    check(TRANSFER_BASE64, "Zg=", "f", TRANSFER_PADDING);
    check(TRANSFER_BASE64, "Zm8", "fo", TRANSFER_PADDING);
    check(TRANSFER_BASE64, "Zm9vZ", "foo", TRANSFER_PADDING);
    check(TRANSFER_BASE64, "Zg===", "f", TRANSFER_PADDING);
    check(TRANSFER_BASE64, "Zm9v=", "foo", TRANSFER_PADDING);
    check(TRANSFER_BASE64, "=Zm9v", "foo", TRANSFER_PADDING);
    check(TRANSFER_BASE64, "Z=m9vZm8=", "\x9b\xdb\xd9\x9b", TRANSFER_PADDING);
    check(TRANSFER_BASE64, "Zg==Zm9v\r\nZm8=\r\nYmFy", "ffoofobar", TRANSFER_PADDING);
}

static void base64_lines(void **state)
{
    (void)state;
    const char line[] = "Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9v";
    const char octets[] = "foobarfoobarfoobarfoobarfoobarfoobarfoobarfoobarfoobarfoo";
    static const char *const ends[] = {"\n", "\r\n", "\r\r\n", "  \r\n", "\t\n", "\r\n\r\n"};
    assert_int_equal(strlen(line), 76);
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        char in[256], out[256];
        bool longer = strlen(ends[i]) > 2 && ends[i][0] == ' ';
        snprintf(in, sizeof(in), "%s%s%s%s", line, ends[i], line, ends[i]);
        snprintf(out, sizeof(out), "%s%s", octets, octets);
        check(TRANSFER_BASE64, in, out, longer || ends[i][0] == '\t' ? TRANSFER_LONG_LINE : 0);
    }
    char in[400], out[400];
    for (size_t cut = 0; cut < 76; cut++) { /* lines that are no multiple of four */
        snprintf(in, sizeof(in), "%.*s\r\n%s\r\n%s", (int)cut, line, line + cut, line);
        snprintf(out, sizeof(out), "%s%s", octets, octets);
        check(TRANSFER_BASE64, in, out, 0);
    }
    snprintf(in, sizeof(in), "%s%s\r\n%s", line, line, line);
    snprintf(out, sizeof(out), "%s%s%s", octets, octets, octets);
    check(TRANSFER_BASE64, in, out, TRANSFER_LONG_LINE);
    snprintf(in, sizeof(in), "%s%s%s", line, line, line);
    check(TRANSFER_BASE64, in, out, TRANSFER_LONG_LINE);
}

static void base64_illegal(void **state)
{
    (void)state;
    check(TRANSFER_BASE64, "Z m 9\tv", "foo", 0);
    check(TRANSFER_BASE64, "Zm*9v", "foo", TRANSFER_ILLEGAL);
    check(TRANSFER_BASE64,
          "--Zm9v!Ym\xff"
          "Fy\x80",
          "foobar", TRANSFER_ILLEGAL);
    check_bytes(TRANSFER_BASE64, BYTES("Zm9v\0YmFy"), BYTES("foobar"), TRANSFER_ILLEGAL);
}

/* Every octet in every place of a text long enough for each vector: as the plain path decodes it, octet by octet. */
static void base64_every_octet(void **state)
{
    (void)state;
    struct base64_path paths[BASE64_PATHS_MOST];
    size_t path_count = base64_paths(paths);
    uint8_t text[72], expected[72 + TRANSFER_ROOM], got[72 + TRANSFER_ROOM];
    assert_ptr_equal(paths[path_count - 1].run, base64_run_plain);
    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 0; at < sizeof(text); at++) {
            struct transfer_decoder slow;
            size_t len = 0;
            for (size_t i = 0; i < sizeof(text); i++)
                text[i] = (uint8_t) "+/09AZaz5Kq"[(i * 7 + at) % 11];
            text[at] = (uint8_t)c;
            transfer_init(&slow, TRANSFER_BASE64);
            slow.run = base64_run_plain;
            for (size_t i = 0; i < sizeof(text); i++)
                len += transfer_decode(&slow, bytes_of(text + i, 1), expected + len);
            len += transfer_finish(&slow, expected + len);
            for (size_t path = 0; path < path_count; path++) {
                struct transfer_decoder d;
                transfer_init(&d, TRANSFER_BASE64);
                d.run = paths[path].run;
                size_t n = transfer_decode(&d, bytes_of(text, sizeof(text)), got);
                n += transfer_finish(&d, got + n);
                same(bytes_of(got, n), bytes_of(expected, len));
                assert_int_equal(transfer_odd(&d), transfer_odd(&slow));
            }
        }
    }
}

static void quoted(void **state)
{
    (void)state;
    const enum transfer t = TRANSFER_QUOTED_PRINTABLE;
    check(t, "", "", 0);
    check(t, "plain\r\ntext\n", "plain\r\ntext\n", 0);
    check(t, "=41=6a=6A", "Ajj", 0);
    check(t, "a=\r\nb=\nc", "abc", 0);
    check(t, "a= \t \r\nb=  \nc", "abc", 0);
    check(t, "a=\r\r\nb\r\r\nc", "ab\r\r\nc", 0);
    check(t, "trailing \t \r\nblanks \nat the end  ", "trailing\r\nblanks\nat the end", 0);
    check(t, "kept=20\r\nblank=09=\r\n", "kept \r\nblank\t", 0);
    check(t, "inner  blanks\tstay", "inner  blanks\tstay", 0);
    check(t, "a\rb \rc", "a\rb \rc", 0);
    check(t, "a=", "a", 0);
    check(t, "a= ", "a", 0);
    check(t, "a=\r\n", "a", 0);
    check(t, "\r\n=\r\n\r\n", "\r\n\r\n", 0);
    check_bytes(t, BYTES("nul\0=00"), BYTES("nul\0\0"), 0);
    check(t, "8-bit \xc3\xa4", "8-bit \xc3\xa4", 0);
}

static void quoted_illegal(void **state)
{
    (void)state;
    const enum transfer t = TRANSFER_QUOTED_PRINTABLE;
    check(t, "a=b", "a=b", TRANSFER_ILLEGAL);
    check(t, "1+1=2, =zz", "1+1=2, =zz", TRANSFER_ILLEGAL);
    check(t, "==41", "=A", TRANSFER_ILLEGAL);
    check(t, "=4=41", "=4A", TRANSFER_ILLEGAL);
    check(t, "=4\r\nb", "=4\r\nb", TRANSFER_ILLEGAL);
    check(t, "=4 \nb", "=4\nb", TRANSFER_ILLEGAL);
    check(t, "= x", "= x", TRANSFER_ILLEGAL);
    check(t, "= =41", "= A", TRANSFER_ILLEGAL);
    check(t, "=\rx", "=\rx", TRANSFER_ILLEGAL);
    check(t, "=\r \nx", "=\r\nx", TRANSFER_ILLEGAL);
    check(t, "=4", "=4", TRANSFER_ILLEGAL);
}

static void quoted_lines(void **state)
{
    (void)state;
    char in[400], out[400];
    snprintf(in, sizeof(in), "%076d\r\n%075d=\r\n%074d =\n", 1, 2, 3);
    snprintf(out, sizeof(out), "%076d\r\n%075d%074d ", 1, 2, 3);
    check(TRANSFER_QUOTED_PRINTABLE, in, out, 0);
    snprintf(in, sizeof(in), "%077d\r\n", 1);
    check(TRANSFER_QUOTED_PRINTABLE, in, in, TRANSFER_LONG_LINE);
    snprintf(in, sizeof(in), "%074d=41", 1);
    snprintf(out, sizeof(out), "%074dA", 1);
    check(TRANSFER_QUOTED_PRINTABLE, in, out, TRANSFER_LONG_LINE);
    snprintf(in, sizeof(in), "%075d\rx\r\n", 1); /* a carriage return that ends no line is a character */
    check(TRANSFER_QUOTED_PRINTABLE, in, in, TRANSFER_LONG_LINE);
    snprintf(in, sizeof(in), "a%*s\r\nb%*sc", TRANSFER_HELD_MOST - 1, "", 60, "");
    snprintf(out, sizeof(out), "a\r\nb%*sc", 60, "");
    check(TRANSFER_QUOTED_PRINTABLE, in, out, 0);
    snprintf(in, sizeof(in), "a%*s\r\n", TRANSFER_HELD_MOST, ""); /* more blanks than are held */
    snprintf(out, sizeof(out), "a%*s\r\n", TRANSFER_HELD_MOST, "");
    check(TRANSFER_QUOTED_PRINTABLE, in, out, 0);
}

static void uuencode(void **state)
{
    (void)state;
    const enum transfer t = TRANSFER_UUENCODE;
    check(t, "begin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\n", "Cat", 0);
    check(t, "text\n\nbegin 644 x y\n#0V%T\n#0V%T\n \nend\nmore text\n", "CatCat", 0);
    check(t, "begin 644 x\n$0V%T0V\n`\nend\n", "CatC", 0);   /* the last group in two characters */
    check(t, "begin 644 x\n$0V%T0V$$\n`\nend\n", "CatC", 0); /* in four */
    check(t, "begin 644 x\n#0V%TZ\n`\nend\n", "Cat", 0);     /* a character that checks the line */
    check(t, "begin 644 x\n#0V%TZZZ\n`\nend\n", "Cat", TRANSFER_BAD_CHECK);
    check_bytes(t, BYTES("begin 644 x\n&0V%T\n`\nend\n"), BYTES("Cat\0\0"), TRANSFER_BAD_CHECK);
    check(t, "begin 644 x\n#0V%T\n", "Cat", TRANSFER_BAD_CHECK);
    check(t, "#0V%T\n`\nend\n", "", TRANSFER_BAD_CHECK);
    check(t, "", "", TRANSFER_BAD_CHECK);
    check(t, "begin 644 x\n#0V%\x7f\n`\nend\n", "Ca_", TRANSFER_ILLEGAL);
    check(t, "begin 644 x\nend\nbegin 644 y\n#0V%T\nend\n", "Cat", 0);
    check(t, "begin 644 x\n~~~\n#0V%T\nend\n", "Cat", TRANSFER_ILLEGAL);
    check_bytes(t, BYTES("begin 644 x\n&0V%T`\nend\n"), BYTES("Cat\0\0\0"), TRANSFER_BAD_CHECK);
}

static void yenc(void **state)
{
    (void)state;
    const enum transfer t = TRANSFER_YENC;
    /* "Cat" plus 42 is 6d 8b 9e; the CRCs are from another tool */
    check(t, "=ybegin line=128 size=3 name=a cat.txt\r\nm\x8b\x9e\r\n=yend size=3 crc32=a6130548\r\n", "Cat", 0);
    check(t, "text\n=text\n=ybegin line=128 size=3 name=x\nm\n\x8b\x9e\n=yend size=3 crc32=A6130548", "Cat", 0);
    check(t, "=ybegin size=3 name=size=4\nm\x8b\x9e\n=yend size=3\ntext\n", "Cat", 0);
    check(t, "=ybegin size=3 name=x\nm\x8b\x9e\n=yend size=4\n", "Cat", TRANSFER_BAD_CHECK);
    check(t, "=ybegin size=4 name=x\nm\x8b\x9e\n=yend size=3\n", "Cat", TRANSFER_BAD_CHECK);
    check(t, "=ybegin size=3 name=x\nm\x8b\x9e\n=yend size=3 crc32=a6130549\n", "Cat", TRANSFER_BAD_CHECK);
    check(t, "=ybegin size=3 name=x\nm\x8b\x9e\n=yend size=3 crc32=\n", "Cat", TRANSFER_BAD_CHECK);
    check(t, "=ybegin size=3 name=x\nm\x8b\x9e\n", "Cat", TRANSFER_BAD_CHECK);
    check(t, "m\x8b\x9e\n=yend size=3\n", "", TRANSFER_BAD_CHECK);
    /* the second of two parts: crc32 is of the whole file, pcrc32 of this part */
    check(
        t,
        "=ybegin part=2 size=9 name=x\n=ypart begin=7 end=9\nm\x8b\x9e\n=yend size=3 part=2 pcrc32=a6130548 crc32=12\n",
        "Cat", 0);
    check(t, "=ybegin part=2 size=9 name=x\n=ypart begin=7 end=8\nm\x8b\x9e\n=yend size=3 part=2 pcrc32=a6130548\n",
          "Cat", TRANSFER_BAD_CHECK);
    /* escaped: NUL, LF, CR, "=", also at a line's begin */
    check_bytes(t, BYTES("=ybegin size=5 name=x\n=@=J=M=}\n=@\n=yend size=5\n"), BYTES("\xd6\xe0\xe3\x13\xd6"), 0);
    check(t, "=ybegin size=2 name=x\nm=\r\nm\n=yend size=2\n", "CC", TRANSFER_ILLEGAL);
}

static void gaps(void **state)
{
    (void)state;
    static const struct {
        enum transfer transfer;
        const char *before, *after, *expected;
    } cases[] = {
        {TRANSFER_IDENTITY, "ab", "cd\nef", "abcd\nef"},
        {TRANSFER_BASE64, "Zm9vYm", "Fy\r\nZm9v\r\n", "foofoo"},
        {TRANSFER_BASE64, "Zm9v", "Zm9v", "foo"},
        {TRANSFER_QUOTED_PRINTABLE, "ab =4", "1cd\nef", "ab ef"},
        {TRANSFER_UUENCODE, "begin 644 x\n#0V", "T\n#0V%T\n`\nend\n", "Cat"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct transfer_decoder d;
        uint8_t out[256];
        transfer_init(&d, cases[i].transfer);
        size_t n = transfer_decode(&d, bytes_of_string(cases[i].before), out);
        transfer_gap(&d, 1000);
        transfer_gap(&d, 0);
        n += transfer_decode(&d, bytes_of_string(cases[i].after), out + n);
        n += transfer_finish(&d, out + n);
        same(bytes_of(out, n), bytes_of_string(cases[i].expected));
        assert_int_equal(transfer_odd(&d), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),        cmocka_unit_test(identity),       cmocka_unit_test(base64_padding),
        cmocka_unit_test(base64_lines), cmocka_unit_test(base64_illegal), cmocka_unit_test(base64_every_octet),
        cmocka_unit_test(quoted),       cmocka_unit_test(quoted_illegal), cmocka_unit_test(quoted_lines),
        cmocka_unit_test(uuencode),     cmocka_unit_test(yenc),           cmocka_unit_test(gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
