/* Fingerprints of a ClientHello against the published examples, and hellos that are cut or odd. */
#include "base/buf.h"
#include "base/memory.h"
#include "dissectors/tls_handshake.h"
#include "dissectors/tls_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void put_u16(struct buf *b, unsigned n)
{
    buf_add_byte(b, (uint8_t)(n >> 8));
    buf_add_byte(b, (uint8_t)n);
}

static void put_numbers(struct buf *b, const uint16_t *numbers)
{
    for (; *numbers; numbers++)
        put_u16(b, *numbers);
}

static void put_extension(struct buf *b, unsigned type, struct bytes body)
{
    put_u16(b, type);
    put_u16(b, (unsigned)body.len);
    buf_add(b, body);
}

/* An extension that is a list of numbers behind its length. */
static void put_list(struct buf *b, unsigned type, unsigned width, const uint16_t *numbers)
{
    struct buf list;
    size_t count = 0;
    while (numbers[count])
        count++;
    buf_init(&list, 4096);
    if (width == 2)
        put_u16(&list, (unsigned)count * 2);
    else
        buf_add_byte(&list, (uint8_t)(count * 2));
    put_numbers(&list, numbers);
    put_extension(b, type, buf_bytes(&list));
    buf_release(&list);
}

static void put_hello(struct buf *b, unsigned version, const uint16_t *ciphers, struct bytes extensions)
{
    size_t count = 0;
    while (ciphers[count])
        count++;
    put_u16(b, version);
    for (unsigned i = 0; i < TLS_RANDOM_SIZE; i++)
        buf_add_byte(b, (uint8_t)i);
    buf_add_byte(b, 0); /* session_id */
    put_u16(b, (unsigned)count * 2);
    put_numbers(b, ciphers);
    buf_add(b, BYTES("\x01\x00")); /* compression: none */
    put_u16(b, (unsigned)extensions.len);
    buf_add(b, extensions);
}

static void assert_text(const struct buf *b, const char *expected)
{
    struct bytes text = buf_bytes(b);
    if (!bytes_equal(text, bytes_of_string(expected)))
        fail_msg("%.*s, not %s", (int)text.len, (const char *)text.data, expected);
}

static void assert_field(const struct record *r, enum field f, const char *expected)
{
    struct bytes text = record_find(r, f);
    if (!bytes_equal(text, bytes_of_string(expected)))
        fail_msg("%.*s, not %s", (int)text.len, (const char *)text.data, expected);
}

/* The example in FoxIO's description of JA4, with GREASE put in where browsers do. */
static const uint16_t ja4_ciphers[] = {0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9,
                                       0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035, 0};
static const uint16_t ja4_signatures[] = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0};
static const uint16_t ja4_versions[] = {0x6a6a, 0x0304, 0x0303, 0};

static void put_ja4_example(struct buf *b)
{
    static const uint16_t empty[] = {0x001b, 0x0023, 0x0033, 0x4469, 0x0005, 0x0012, 0x0017, 0x002d, 0xff01, 0x0015, 0};
    static const uint16_t groups[] = {0x5a5a, 29, 23, 24, 0};
    struct buf e;
    buf_init(&e, 4096);
    put_extension(&e, 0x8a8a, (struct bytes){0});
    put_extension(&e, 0,
                  BYTES("\x00\x12\x00\x00\x0f"
                        "www.example.com"));
    for (size_t i = 0; empty[i]; i++)
        put_extension(&e, empty[i], (struct bytes){0});
    put_list(&e, 10, 2, groups);
    put_extension(&e, 11, BYTES("\x01\x00"));
    put_list(&e, 13, 2, ja4_signatures);
    put_extension(&e, 16, BYTES("\x00\x0c\x02h2\x08http/1.1"));
    put_list(&e, 43, 1, ja4_versions);
    put_hello(b, 0x0303, ja4_ciphers, buf_bytes(&e));
    buf_release(&e);
}

static void ja4_as_published(void **state)
{
    struct buf b, text;
    struct client_hello h;
    (void)state;
    buf_init(&b, 65536);
    buf_init(&text, 65536);
    put_ja4_example(&b);
    assert_true(client_hello_read(&h, buf_bytes(&b)));
    client_hello_ja4(&h, &text);
    assert_text(&text, "t13d1516h2_8daaf6152771_e5627efa2ab1");
    buf_release(&text);
    buf_release(&b);
}

/* What FoxIO's own program says of captures of browsers and others (python/test/testdata in github.com/FoxIO-LLC/ja4):
   the fingerprint, and the lists it is made of in the order they were sent. NAME stands for extension 0. */
enum { NAME = 0xffff, LIST_MOST = 24 };

static const struct published {
    const char *ja4;
    const char *protocol;
    uint16_t ciphers[LIST_MOST], extensions[LIST_MOST], signatures[LIST_MOST];
} published[] = {
    {"t13d1517h2_8daaf6152771_cb7bf5808d99",
     "h2",
     {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
      0x0035},
     {0xfe0d, 0x0010, 0x0017, 0x0033, 0x44cd, 0xff01, 0x000a, 0x000d, 0x0023, 0x002b, 0x000b, 0xca34, 0x002d, NAME,
      0x0005, 0x001b, 0x0012},
     {0x0904, 0x0905, 0x0906, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601}},
    {"t13d151400_8daaf6152771_de4a06bb82e3",
     NULL,
     {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
      0x0035},
     {0x0033, 0x002b, 0x001b, NAME, 0x0012, 0x002d, 0x000d, 0x000a, 0x0005, 0x0023, 0x0017, 0xff01, 0x000b, 0x0015},
     {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601}},
    {"t13d1516h1_8daaf6152771_e5627efa2ab1",
     "http/1.1",
     {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
      0x0035},
     {0x000d, 0x0033, NAME, 0xff01, 0x002b, 0x0023, 0x002d, 0x0005, 0x0012, 0x000b, 0x0017, 0x4469, 0x0010, 0x001b,
      0x000a, 0x0015},
     {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601}},
    {"t13d1715h2_5b57614c22b0_3d5424432f57",
     "h2",
     {0x1301, 0x1303, 0x1302, 0xc02b, 0xc02f, 0xcca9, 0xcca8, 0xc02c, 0xc030, 0xc00a, 0xc009, 0xc013, 0xc014, 0x009c,
      0x009d, 0x002f, 0x0035},
     {NAME, 0x0017, 0xff01, 0x000a, 0x000b, 0x0023, 0x0010, 0x0005, 0x0022, 0x0033, 0x002b, 0x000d, 0x002d, 0x001c,
      0x0015},
     {0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201}},
    {"t13d1615h2_46e7e9700bed_45f260be83e2",
     "h2",
     {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
      0x0035, 0x000a},
     {NAME, 0x0017, 0xff01, 0x000a, 0x000b, 0x0023, 0x0010, 0x0005, 0x000d, 0x0012, 0x0033, 0x002d, 0x002b, 0x001b,
      0x0015},
     {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0x0201}},
    {"t12d190800_d83cc789557e_7af1ed941c26",
     NULL,
     {0xc02c, 0xc02b, 0xc030, 0xc02f, 0xc024, 0xc023, 0xc028, 0xc027, 0xc00a, 0xc009, 0xc014, 0xc013, 0x009d, 0x009c,
      0x003d, 0x003c, 0x0035, 0x002f, 0x000a},
     {NAME, 0x0005, 0x000a, 0x000b, 0x000d, 0x0023, 0x0017, 0xff01},
     {0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0201, 0x0403, 0x0503, 0x0203, 0x0202, 0x0601, 0x0603}},
    {"t13d1516h2_8daaf6152771_9b887d9acb53",
     "h2",
     {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
      0x0035},
     {0x000d, 0x0010, NAME, 0x000b, 0x0023, 0x4469, 0xff01, 0x0033, 0x000a, 0x002d, 0x002b, 0x0005, 0x0017, 0x0012,
      0x001b, 0x0029},
     {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601}},
};

static void put_published_extension(struct buf *b, const struct published *p, uint16_t type)
{
    static const uint16_t versions[] = {0x3a3a, 0x0304, 0x0303, 0};
    struct buf list;
    if (type == NAME) {
        put_extension(b, 0, BYTES("\x00\x04\x00\x00\x01x"));
    } else if (type == 13) {
        put_list(b, type, 2, p->signatures);
    } else if (type == 43) {
        put_list(b, type, 1, versions);
    } else if (type == 16) {
        size_t len = strlen(p->protocol);
        buf_init(&list, 4096);
        put_u16(&list, (unsigned)len + 1);
        buf_add_byte(&list, (uint8_t)len);
        buf_add_string(&list, p->protocol);
        put_extension(b, type, buf_bytes(&list));
        buf_release(&list);
    } else {
        put_extension(b, type, (struct bytes){0});
    }
}

static void ja4_of_captures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        const struct published *p = &published[i];
        struct buf b, e, text;
        struct client_hello h;
        buf_init(&b, 65536);
        buf_init(&e, 65536);
        buf_init(&text, 65536);
        for (size_t n = 0; p->extensions[n]; n++)
            put_published_extension(&e, p, p->extensions[n]);
        put_hello(&b, 0x0303, p->ciphers, buf_bytes(&e));
        assert_true(client_hello_read(&h, buf_bytes(&b)));
        client_hello_ja4(&h, &text);
        assert_text(&text, p->ja4);
        buf_release(&text);
        buf_release(&e);
        buf_release(&b);
    }
}

/* The two examples in the description of JA3. */
static void ja3_as_published(void **state)
{
    static const uint16_t ciphers[] = {47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4, 0};
    static const uint16_t bare[] = {4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99, 0};
    static const uint16_t groups[] = {23, 24, 25, 0};
    struct buf b, e, text;
    struct client_hello h;
    struct limits limits;
    (void)state;
    limits_init(&limits);
    buf_init(&b, 65536);
    buf_init(&e, 65536);
    buf_init(&text, 65536);
    put_extension(&e, 0, BYTES("\x00\x04\x00\x00\x01x"));
    put_list(&e, 10, 2, groups);
    put_extension(&e, 11, BYTES("\x01\x00"));
    put_hello(&b, 769, ciphers, buf_bytes(&e));
    assert_true(client_hello_read(&h, buf_bytes(&b)));
    client_hello_ja3(&h, &text);
    assert_text(&text, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
    struct record *r = record_new(KIND_tls, &limits);
    client_hello_write(&h, r);
    assert_field(r, F_tls_ja3, "ada70206e40642a3e4461f35503241d5");
    assert_field(r, F_tls_versions_offered, "TLSv1.0");
    assert_field(r, F_tls_sni, "x");
    record_free(r);

    buf_reset(&b);
    put_hello(&b, 769, bare, (struct bytes){0});
    assert_true(client_hello_read(&h, buf_bytes(&b)));
    r = record_new(KIND_tls, &limits);
    client_hello_write(&h, r);
    assert_field(r, F_tls_ja3, "de350869b8c85de67a350c8d186f11e6");
    assert_false(record_has(r, F_tls_sni));
    record_free(r);
    buf_release(&text);
    buf_release(&e);
    buf_release(&b);
}

/* The first protocol that is no plain text is told in hex; without ciphers and extensions the hashes are zeros. */
static void ja4_of_odd_hellos(void **state)
{
    static const uint16_t none[] = {0}, grease[] = {0xbaba, 0};
    struct buf b, e, text;
    struct client_hello h;
    (void)state;
    buf_init(&b, 65536);
    buf_init(&e, 65536);
    buf_init(&text, 65536);
    put_extension(&e, 16, BYTES("\x00\x04\x03\xab-\xcd"));
    put_hello(&b, 0x0303, grease, buf_bytes(&e));
    assert_true(client_hello_read(&h, buf_bytes(&b)));
    client_hello_ja4(&h, &text);
    assert_text(&text, "t12i0001ad_000000000000_000000000000");
    buf_reset(&b);
    buf_reset(&text);
    put_hello(&b, 0x0300, none, (struct bytes){0});
    assert_true(client_hello_read(&h, buf_bytes(&b)));
    client_hello_ja4(&h, &text);
    assert_text(&text, "ts3i000000_000000000000_000000000000");
    buf_release(&text);
    buf_release(&e);
    buf_release(&b);
}

/* A hello cut anywhere is none, or one with the extensions that are whole. */
static void cut_hellos(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 65536);
    put_ja4_example(&b);
    for (size_t len = 0; len <= b.len; len++) {
        struct client_hello h;
        struct buf text;
        uint8_t *copy = memory_get(len ? len : 1);
        memcpy(copy, b.data, len);
        buf_init(&text, 65536);
        bool is_one = client_hello_read(&h, bytes_of(copy, len));
        assert_true(is_one == (len >= 2 + TLS_RANDOM_SIZE + 1 + 2 + 32 + 2));
        if (is_one) {
            client_hello_ja3(&h, &text);
            client_hello_ja4(&h, &text);
        }
        if (len == b.len)
            assert_string_equal(is_one ? "whole" : "none", "whole");
        buf_release(&text);
        free(copy);
    }
    buf_release(&b);
}

static void names(void **state)
{
    char room[TLS_NAME_SIZE];
    (void)state;
    assert_string_equal(tls_cipher_name(0x1301), "TLS_AES_128_GCM_SHA256");
    assert_string_equal(tls_cipher_name(0), "TLS_NULL_WITH_NULL_NULL");
    assert_string_equal(tls_cipher_name(0xc030), "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    assert_null(tls_cipher_name(0x7777));
    assert_string_equal(tls_group_name(4588), "X25519MLKEM768");
    assert_string_equal(tls_alert_name(48), "unknown_ca");
    assert_string_equal(tls_version_name(0x0304), "TLSv1.3");
    assert_string_equal(tls_name_or_number(NULL, 0x0a, room), "0x000a");
    assert_true(tls_is_grease(0x0a0a) && tls_is_grease(0xfafa));
    assert_false(tls_is_grease(0x0a1a) || tls_is_grease(0x1301));
}

/* Messages in pieces of every size, and with a piece lost: a message that is not whole is passed over, the next read.
 */
static void messages_in_pieces(void **state)
{
    struct buf b, message;
    struct limits limits;
    (void)state;
    limits_init(&limits);
    buf_init(&b, 65536);
    buf_init(&message, 65536);
    put_ja4_example(&b);
    buf_add(&message, BYTES("\x0e\x00\x00\x00\x0f\x00\x00\x02xy")); /* nobody asks for these */
    buf_add_byte(&message, 1);
    buf_add_byte(&message, 0);
    put_u16(&message, (unsigned)b.len);
    buf_add(&message, buf_bytes(&b));
    for (size_t piece = 1; piece <= message.len; piece++) {
        struct handshake *h = handshake_new(&limits);
        for (size_t at = 0; at < message.len; at += piece)
            handshake_octets(h, CLIENT, bytes_part(buf_bytes(&message), at, piece), 0);
        assert_true(h->now.client.known);
        assert_field(h->facts, F_tls_ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1");
        handshake_free(h);
    }
    struct handshake *h = handshake_new(&limits);
    handshake_octets(h, CLIENT, bytes_part(buf_bytes(&message), 0, 10 + 4 + 20), 0);
    handshake_gap(h, CLIENT, b.len - 20);
    assert_false(h->now.client.known);
    handshake_octets(h, CLIENT, bytes_part(buf_bytes(&message), 10, SIZE_MAX), 0);
    assert_true(h->now.client.known);
    handshake_free(h);
    limits.tls_handshake = 64;
    h = handshake_new(&limits);
    handshake_octets(h, CLIENT, buf_bytes(&message), 0);
    assert_false(h->now.client.known);
    handshake_octets(h, CLIENT, buf_bytes(&message), 0);
    assert_false(h->side[CLIENT].lost);
    handshake_free(h);
    buf_release(&message);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ja4_as_published),   cmocka_unit_test(ja4_of_captures), cmocka_unit_test(ja3_as_published),
        cmocka_unit_test(ja4_of_odd_hellos),  cmocka_unit_test(cut_hellos),      cmocka_unit_test(names),
        cmocka_unit_test(messages_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
