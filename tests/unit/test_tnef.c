/* TNEF: attachments, their names from every place that has one, and what is broken. The texts are built here. */
#include "mail/tnef.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct bytes start = {(const uint8_t *)"\x78\x9f\x3e\x22\x01\x00", 6};

static void number(struct buf *b, uint64_t n, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf_add_byte(b, (uint8_t)(n >> (8 * i)));
}

static void attribute(struct buf *b, uint8_t level, uint32_t id, struct bytes data)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < data.len; i++)
        sum += data.data[i];
    buf_add_byte(b, level);
    number(b, id, 4);
    number(b, data.len, 4);
    buf_add(b, data);
    number(b, sum, 2);
}

/* Writes down the events: {name:octets} with what else there is; the name at the begin, too, where it differs. */
struct told {
    struct buf text;
    char early[600];
};

static void begin(void *arg, const struct tnef_attachment *a)
{
    struct told *t = arg;
    snprintf(t->early, sizeof(t->early), "%.*s", (int)a->name.len, a->name.len ? (const char *)a->name.data : "");
    buf_add_byte(&t->text, '{');
    buf_add_string(&t->text, t->early);
    buf_add_byte(&t->text, ':');
}

static void octets(void *arg, struct bytes more)
{
    struct told *t = arg;
    assert_true(more.len > 0);
    buf_add(&t->text, more);
}

static void end(void *arg, const struct tnef_attachment *a)
{
    struct told *t = arg;
    struct bytes name = a->name;
    if (!bytes_equal(name, bytes_of_string(t->early)))
        buf_printf(&t->text, "=%.*s", (int)name.len, (const char *)name.data);
    if (a->mime.len)
        buf_printf(&t->text, ";%.*s", (int)a->mime.len, (const char *)a->mime.data);
    buf_printf(&t->text, " %u%s%s%s}", (unsigned)a->size, a->name_is_utf8 ? " utf8" : "",
               a->is_message ? " message" : "", a->whole ? "" : " !");
    if (a->codepage)
        buf_printf(&t->text, "cp%u", a->codepage);
}

static const struct tnef_events events = {begin, octets, end};

static void check(struct buf *in, const char *expected, unsigned odd)
{
    for (size_t piece = 1; piece <= in->len + 1; piece++) {
        struct told told = {0};
        buf_init(&told.text, 65536);
        struct tnef *t = tnef_new(&events, &told);
        for (size_t at = 0; at < in->len; at += piece) {
            struct bytes part = bytes_part(buf_bytes(in), at, piece);
            uint8_t *copy = malloc(part.len);
            assert_non_null(copy);
            memcpy(copy, part.data, part.len);
            tnef_push(t, bytes_of(copy, part.len));
            free(copy);
        }
        tnef_finish(t);
        assert_true(tnef_held(t) < 8192);
        buf_add_byte(&told.text, 0);
        assert_string_equal((const char *)told.text.data, expected);
        assert_int_equal(tnef_odd(t), odd);
        tnef_free(t);
        buf_release(&told.text);
    }
    buf_release(in);
}

static struct buf begun(void)
{
    struct buf b;
    buf_init(&b, 65536);
    buf_add(&b, start);
    attribute(&b, 1, 0x00089006, BYTES("\0\0\1\0"));
    return b;
}

static void plain(void **state)
{
    (void)state;
    struct buf b = begun();
    attribute(&b, 1, 0x00069007, BYTES("\xe4\x04\0\0\0\0\0\0"));
    attribute(&b, 2, 0x00069002, BYTES("\1\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    attribute(&b, 2, 0x00018010, BYTES("a.txt\0"));
    attribute(&b, 2, 0x0006800f, BYTES("content"));
    attribute(&b, 2, 0x00069002, BYTES(""));
    attribute(&b, 2, 0x0006800f, BYTES("late"));
    attribute(&b, 2, 0x00069001, BYTES("B~1.TXT"));
    attribute(&b, 2, 0x00018010, BYTES("b.txt"));
    check(&b, "{a.txt:content 7}cp1252{:late=b.txt 4}cp1252", 0);
}

static void none(void **state)
{
    (void)state;
    struct buf b = begun();
    check(&b, "", 0);
    buf_init(&b, 100);
    check(&b, "", TNEF_FOREIGN);
    buf_add_string(&b, "PK\3\4 is not it");
    check(&b, "", TNEF_FOREIGN);
    buf_add(&b, bytes_part(start, 0, 5));
    check(&b, "", TNEF_FOREIGN);
    b = begun();
    attribute(&b, 2, 0x00069002, BYTES(""));
    check(&b, "{: 0}", 0);
}

/* Properties. */
static void tag(struct buf *b, uint32_t type, uint32_t id)
{
    number(b, type, 2);
    number(b, id, 2);
}

static void variable(struct buf *b, uint32_t type, uint32_t id, struct bytes value)
{
    tag(b, type, id);
    number(b, 1, 4);
    number(b, value.len, 4);
    buf_add(b, value);
    while (value.len++ & 3)
        buf_add_byte(b, 0);
}

static void mapi(void **state)
{
    (void)state;
    struct buf b = begun(), p;
    buf_init(&p, 4096);
    number(&p, 11, 4);
    tag(&p, 0x0003, 0x3705); /* long */
    number(&p, 1, 4);
    tag(&p, 0x000b, 0x7ffe); /* boolean, padded */
    number(&p, 1, 4);
    tag(&p, 0x0040, 0x3007); /* time */
    number(&p, 1, 8);
    variable(&p, 0x001e, 0x3001, BYTES("display\0"));
    variable(&p, 0x001f, 0x3707, BYTES("l\0\xf6\0n\0g\0.\0t\0x\0t\0\0\0"));
    variable(&p, 0x001e, 0x370e, BYTES("text/plain\0"));
    tag(&p, 0x001e, 0x8001); /* named by a number */
    buf_add(&p, BYTES("0123456789abcdef\0\0\0\0\7\0\0\0\1\0\0\0\3\0\0\0xyz\0"));
    tag(&p, 0x0003, 0x8002); /* named by a text */
    buf_add(&p, BYTES("0123456789abcdef\1\0\0\0\6\0\0\0a\0b\0c\0\0\0\7\0\0\0"));
    tag(&p, 0x1003, 0x0e99); /* three longs */
    buf_add(&p, BYTES("\3\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0"));
    tag(&p, 0x101e, 0x0e98); /* two texts */
    buf_add(&p, BYTES("\2\0\0\0\1\0\0\0x\0\0\0\5\0\0\0abcd\0\0\0\0"));
    variable(&p, 0x001e, 0x3704, BYTES("LNG~1.TXT\0"));
    attribute(&b, 2, 0x00069002, BYTES(""));
    attribute(&b, 2, 0x00018010, BYTES("title\0"));
    attribute(&b, 2, 0x0006800f, BYTES("x"));
    attribute(&b, 2, 0x00069005, buf_bytes(&p));
    check(&b, "{title:x=l\xc3\xb6ng.txt;text/plain 1 utf8}", 0);
    buf_release(&p);
}

static void embedded_message(void **state)
{
    (void)state;
    struct buf b = begun(), p;
    buf_init(&p, 4096);
    number(&p, 3, 4);
    variable(&p, 0x001e, 0x3707, BYTES("inner.msg\0"));
    variable(&p, 0x000d, 0x3701,
             BYTES("\x07\x03\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"
                   "nested"));
    variable(&p, 0x0102, 0x3701, BYTES("a second one"));
    attribute(&b, 2, 0x00069002, BYTES(""));
    attribute(&b, 2, 0x00069005, buf_bytes(&p));
    check(&b, "{inner.msg:nested 6 message}", 0);

    b = begun(); /* where there is attAttachData, it is the attachment */
    attribute(&b, 2, 0x0006800f, BYTES("data"));
    attribute(&b, 2, 0x00069005, buf_bytes(&p));
    check(&b, "{:data=inner.msg 4}", 0);
    buf_release(&p);
}

static void broken(void **state)
{
    (void)state;
    struct buf b = begun();
    attribute(&b, 2, 0x00069002, BYTES(""));
    attribute(&b, 2, 0x0006800f, BYTES("content"));
    b.data[b.len - 1] ^= 1;
    check(&b, "{:content 7}", TNEF_CHECKSUM);

    b = begun();
    attribute(&b, 2, 0x00069002, BYTES(""));
    attribute(&b, 2, 0x0006800f, BYTES("content"));
    b.len -= 5;
    check(&b, "{:cont 4 !}", TNEF_CUT);

    b = begun();
    attribute(&b, 2, 0x0006800f, BYTES("content"));
    attribute(&b, 7, 0x0006800f, BYTES("content"));
    check(&b, "{:content 7 !}", TNEF_BROKEN);

    b = begun(); /* a property of an unknown type, and attributes behind it */
    attribute(&b, 2, 0x00069005, BYTES("\2\0\0\0\1\0\1\x37zzzz"));
    attribute(&b, 2, 0x0006800f, BYTES("content"));
    attribute(&b, 2, 0x0006800f, BYTES("second"));
    check(&b, "{:content 7}{:second 6}", TNEF_BROKEN);

    b = begun(); /* values without end */
    attribute(&b, 2, 0x00069005,
              BYTES("\xff\xff\xff\xff\x1e\x10\x07\x37\xff\xff\xff\xff\xff\xff\xff\xff"
                    "abc\0def"));
    attribute(&b, 2, 0x00069005,
              BYTES("\xff\xff\xff\xff\x48\x10\x07\x37\xff\xff\xff\xff\xff\xff\xff\xff"
                    "abc"));
    attribute(&b, 2, 0x00069005,
              BYTES("\1\0\0\0\x1e\0\1\x80"
                    "0123456789abcdef\1\0\0\0\xff\xff\xff\xff"
                    "abc"));
    check(&b, "{: 0}", 0);
}

static void gap(void **state)
{
    (void)state;
    struct told told = {0};
    struct buf b = begun();
    buf_init(&told.text, 1000);
    attribute(&b, 2, 0x0006800f, BYTES("content"));
    struct tnef *t = tnef_new(&events, &told);
    tnef_push(t, bytes_part(buf_bytes(&b), 0, b.len - 5));
    tnef_gap(t);
    tnef_gap(t);
    tnef_push(t, bytes_part(buf_bytes(&b), b.len - 5, 5));
    tnef_finish(t);
    buf_add_byte(&told.text, 0);
    assert_string_equal((const char *)told.text.data, "{:cont 4 !}");
    assert_int_equal(tnef_odd(t), TNEF_CUT);
    tnef_free(t);
    tnef_free(NULL);
    buf_release(&b);
    buf_release(&told.text);
}

static void long_names(void **state)
{
    (void)state;
    char name[5000];
    struct told told = {0};
    struct buf b;
    memset(name, 'n', sizeof(name));
    buf_init(&b, 65536);
    buf_init(&told.text, 65536);
    buf_add(&b, start);
    attribute(&b, 2, 0x00018010, bytes_of(name, sizeof(name)));
    struct tnef *t = tnef_new(&events, &told);
    tnef_push(t, buf_bytes(&b));
    tnef_finish(t);
    assert_true(tnef_held(t) < 8192);
    assert_int_equal(strlen(told.early), 512);
    tnef_free(t);
    buf_release(&b);
    buf_release(&told.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),      cmocka_unit_test(none),
        cmocka_unit_test(mapi),       cmocka_unit_test(embedded_message),
        cmocka_unit_test(broken),     cmocka_unit_test(gap),
        cmocka_unit_test(long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
