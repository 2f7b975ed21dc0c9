/* Key logs: lines of every kind, in pieces, more than there is room for, and while they grow. */
#include "base/buf.h"
#include "session/keylog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define RANDOM "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define MASTER "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define SECRET "AABBCCDDEEFF00112233445566778899aabbccddeeff00112233445566778899"

static const uint8_t random_known[KEYLOG_RANDOM] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                                    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static const char text[] = "# a comment\n"
                           "CLIENT_RANDOM " RANDOM " " MASTER "\n"
                           "\n"
                           "SERVER_TRAFFIC_SECRET_0 " RANDOM " " SECRET "\r\n"
                           "EXPORTER_SECRET " RANDOM " " SECRET "\n"
                           "RSA 0011223344556677 " MASTER "\n";

static void all_there(struct keylog *k)
{
    struct secret secret;
    assert_true(keylog_find(k, KEYLOG_MASTER, random_known, &secret));
    assert_int_equal(secret.len, 48);
    assert_int_equal(secret.octets[0], 0xff);
    assert_int_equal(secret.octets[47], 0x00);
    assert_true(keylog_find(k, KEYLOG_SERVER_TRAFFIC, random_known, &secret));
    assert_int_equal(secret.len, 32);
    assert_int_equal(secret.octets[0], 0xaa);
    assert_int_equal(secret.octets[31], 0x99);
    assert_false(keylog_find(k, KEYLOG_CLIENT_TRAFFIC, random_known, &secret));
    assert_int_equal(secret.len, 0);
    assert_int_equal(keylog_count(k).secrets, 2);
    assert_int_equal(keylog_count(k).others, 0);
}

static void in_pieces(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct keylog *k = keylog_new(100);
        for (size_t at = 0; at < sizeof text - 1; at += piece)
            keylog_take(k, bytes_part(bytes_of(text, sizeof text - 1), at, piece));
        all_there(k);
        keylog_close(k);
    }
}

static void lines_that_are_none(void **state)
{
    static const char *const lines[] = {"CLIENT_RANDOM " RANDOM "\n",
                                        "CLIENT_RANDOM " RANDOM " 00\n",
                                        "CLIENT_RANDOM " RANDOM " " MASTER "0\n",
                                        "CLIENT_RANDOM " RANDOM " " MASTER " more\n",
                                        "CLIENT_RANDOM 00 " MASTER "\n",
                                        "CLIENT_RANDOM " RANDOM "00 " MASTER "\n",
                                        "CLIENT_RANDOM " RANDOM " x" SECRET "x\n",
                                        "CLIENT_RANDOM " RANDOM " " MASTER MASTER "\n",
                                        "CLIENT_RANDOMS " RANDOM " " MASTER "\n",
                                        "\x16\x03\x01\n"};
    struct keylog *k = keylog_new(100);
    struct secret secret;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        keylog_take(k, bytes_of_string(lines[i]));
        assert_int_equal(keylog_count(k).others, i + 1);
    }
    for (int i = 0; i < 1000; i++)
        keylog_take(k, BYTES("xxxxxxxxxxxxxxxx"));
    keylog_take(k, BYTES("\n"));
    assert_int_equal(keylog_count(k).secrets, 0);
    assert_false(keylog_find(k, KEYLOG_MASTER, random_known, &secret));
    keylog_take(k, bytes_of(text, sizeof text - 1));
    assert_true(keylog_find(k, KEYLOG_MASTER, random_known, &secret));
    keylog_close(k);
}

static void more_than_fit(void **state)
{
    enum { MOST = 1000, LINES = 1500 };
    struct keylog *k = keylog_new(MOST);
    struct secret secret;
    char line[256];
    uint8_t random[KEYLOG_RANDOM] = {0};
    (void)state;
    for (unsigned i = 0; i < LINES; i++) {
        snprintf(line, sizeof line, "CLIENT_RANDOM %064x " MASTER "\n", i);
        keylog_take(k, bytes_of_string(line));
    }
    assert_int_equal(keylog_count(k).secrets, MOST);
    assert_int_equal(keylog_count(k).omitted, LINES - MOST);
    for (unsigned i = 0; i < LINES; i++) {
        random[KEYLOG_RANDOM - 1] = (uint8_t)i;
        random[KEYLOG_RANDOM - 2] = (uint8_t)(i >> 8);
        assert_true(keylog_find(k, KEYLOG_MASTER, random, &secret) == (i < MOST));
    }
    keylog_close(k);
}

/* A file is read once, or on and on; a line that is not whole yet waits. */
static void files(void **state)
{
    char path[] = "/tmp/mailtap-keylog-XXXXXX";
    int fd = mkstemp(path);
    struct error err;
    struct secret secret;
    (void)state;
    assert_true(fd >= 0);
    struct keylog *grows = keylog_open(path, 100, true, &err);
    assert_non_null(grows);
    assert_true(keylog_grows(grows));
    assert_false(keylog_find(grows, KEYLOG_MASTER, random_known, &secret));
    assert_int_equal(write(fd, text, 60), 60);
    assert_false(keylog_find(grows, KEYLOG_MASTER, random_known, &secret));
    assert_int_equal(write(fd, text + 60, sizeof text - 1 - 60), (ssize_t)sizeof text - 1 - 60);
    all_there(grows);
    keylog_close(grows);

    struct keylog *whole = keylog_open(path, 100, false, &err);
    assert_non_null(whole);
    assert_false(keylog_grows(whole));
    all_there(whole);
    keylog_close(whole);
    close(fd);
    unlink(path);
    assert_null(keylog_open(path, 100, false, &err));
    assert_non_null(strstr(err.text, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_pieces), cmocka_unit_test(lines_that_are_none),
                                       cmocka_unit_test(more_than_fit), cmocka_unit_test(files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
