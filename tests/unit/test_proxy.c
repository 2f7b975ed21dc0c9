/* What opens a connection through a proxy: told from what is not, whole and cut at every place. */
#include "session/proxy.h"
#include "session/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* BYTES() where a constant is needed. */
#define OCTETS(text)                                                                                                   \
    {                                                                                                                  \
        (const uint8_t *)(text), sizeof(text) - 1                                                                      \
    }

#define REQUEST  "CONNECT mx.example.net:587 HTTP/1.1\r\nHost: mx.example.net\r\n\r\n"
#define REFUSED  "HTTP/1.1 407 Authenticate\r\ncontent-length: 4\r\n\r\n\r\n\r\n"
#define ACCEPTED "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n"

static const struct {
    struct bytes client, server;
    enum proxy proxy;
    uint16_t port;
} matches[] = {
    {OCTETS("\5\1\0\5\1\0\1\300\0\2\31\0\31"), OCTETS("\5\0\5\0\0\1\300\0\2\1\303\120"), PROXY_SOCKS5, 25},
    {OCTETS("\5\3\0\1\2\5\1\0\3\2mx\0\31"), OCTETS("\5\0\5\0\0\3\1x\0\0"), PROXY_SOCKS5, 25},
    {OCTETS("\5\1\2\1\4user\4pass\5\1\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\31\2\113"),
     OCTETS("\5\2\1\0\5\0\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1\0\0"), PROXY_SOCKS5, 587},
    {OCTETS("\4\1\0\31\300\0\2\31\0"), OCTETS("\0\132\0\0\0\0\0\0"), PROXY_SOCKS4, 25},
    {OCTETS("\4\1\0\31\0\0\0\1user\0mx.example.net\0"), OCTETS("\0\132\0\31\300\0\2\31"), PROXY_SOCKS4, 25},
    {OCTETS(REQUEST), OCTETS(ACCEPTED), PROXY_HTTP, 587},
    {OCTETS(REQUEST REQUEST REQUEST), OCTETS(REFUSED REFUSED ACCEPTED), PROXY_HTTP, 587},
    {OCTETS(REQUEST), OCTETS("HTTP/1.1 100 Continue\r\n\r\n" ACCEPTED), PROXY_HTTP, 587},
    {OCTETS("CONNECT [2001:db8::19]:25 HTTP/1.0\n\n"), OCTETS("HTTP/1.0 204 \n\n"), PROXY_HTTP, 25},
    {OCTETS("CONNECT mx HTTP/1.0\r\n\r\n"), OCTETS(ACCEPTED), PROXY_HTTP, 0},
    {OCTETS("CONNECT mx:99999 HTTP/1.0\r\n\r\n"), OCTETS(ACCEPTED), PROXY_HTTP, 0},
};

/* Asks about copies of just that size, so that a read beyond them is found. */
static enum probe ask(struct bytes client, struct bytes server, bool alone, struct proxy_head *head)
{
    uint8_t *c = malloc(client.len + 1), *s = malloc(server.len + 1);
    memcpy(c + 1, client.data, client.len);
    memcpy(s + 1, server.data, server.len);
    enum probe verdict = proxy_probe(bytes_of(c + 1, client.len), bytes_of(s + 1, server.len), alone, head);
    free(c);
    free(s);
    return verdict;
}

static void all_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof matches / sizeof *matches; i++) {
        struct bytes client = matches[i].client, server = matches[i].server;
        struct proxy_head head;
        for (size_t n = 0; n <= client.len; n++) {
            for (size_t m = 0; m <= server.len; m++) {
                enum probe want = n == client.len && m == server.len ? PROBE_MATCH : PROBE_UNSURE;
                if (ask(bytes_part(client, 0, n), bytes_part(server, 0, m), false, &head) != want)
                    fail_msg("case %zu, %zu of %zu and %zu of %zu octets", i, n, client.len, m, server.len);
            }
        }
        assert_int_equal(head.proxy, matches[i].proxy);
        assert_int_equal(head.port, matches[i].port);
        assert_int_equal(head.len[CLIENT], client.len);
        assert_int_equal(head.len[SERVER], server.len);
    }
}

/* What follows is not the proxy's, whatever it looks like. */
static void ends_where_it_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof matches / sizeof *matches; i++) {
        uint8_t client[512], server[512];
        size_t n = matches[i].client.len, m = matches[i].server.len;
        struct proxy_head head;
        memcpy(client, matches[i].client.data, n);
        memcpy(server, matches[i].server.data, m);
        memcpy(client + n, "\5\1\0HTTP", 7);
        memcpy(server + m, "\5\0\5HTTP", 7);
        assert_int_equal(ask(bytes_of(client, n + 7), bytes_of(server, m + 7), false, &head), PROBE_MATCH);
        assert_int_equal(head.len[CLIENT], n);
        assert_int_equal(head.len[SERVER], m);
    }
}

static void one_side(void **state)
{
    (void)state;
    struct bytes none = BYTES("");
    struct proxy_head head;
    for (size_t i = 0; i < sizeof matches / sizeof *matches; i++) {
        if (matches[i].client.len > 2 * sizeof REQUEST) /* who was refused says so on the other side only */
            continue;
        assert_int_equal(ask(matches[i].client, none, true, &head), PROBE_MATCH);
        assert_int_equal(head.len[CLIENT], matches[i].client.len);
        assert_int_equal(head.len[SERVER], 0);
        assert_int_equal(ask(matches[i].client, none, false, &head), PROBE_UNSURE);
        assert_int_equal(ask(none, matches[i].server, true, &head), PROBE_MATCH);
        assert_int_equal(head.len[CLIENT], 0);
        assert_int_equal(head.len[SERVER], matches[i].server.len);
        assert_int_equal(ask(none, matches[i].server, false, &head), PROBE_UNSURE);
    }
    assert_int_equal(ask(none, BYTES(REFUSED), true, &head), PROBE_UNSURE);
    assert_int_equal(ask(BYTES("CONNECT mx"), none, true, &head), PROBE_UNSURE);
    assert_int_equal(ask(none, none, true, &head), PROBE_NO);
}

static const struct {
    struct bytes client;
    uint16_t port;
    const char *ip;
    uint16_t client_port;
} announced[] = {
    {OCTETS("PROXY TCP4 203.0.113.9 198.51.100.25 40000 25\r\n"), 25, "203.0.113.9", 40000},
    {OCTETS("PROXY TCP6 2001:DB8:0::9 2001:db8::25 40000 587\r\n"), 587, "2001:db8::9", 40000},
    {OCTETS("PROXY TCP6 203.0.113.9 2001:db8::25 40000 587\r\n"), 587, "", 0},
    {OCTETS("PROXY TCP4 203.0.113.9 198.51.100.25 400000 25\r\n"), 25, "", 0},
    {OCTETS("PROXY TCP4 203.0.113.9.203.0.113.9.203.0.113.9.203.0.113.9 198.51.100.25 1 25\r\n"), 25, "", 0},
    {OCTETS("PROXY UNKNOWN\r\n"), 0, "", 0},
    {OCTETS("\r\n\r\n\0\r\nQUIT\n\41\21\0\14\313\0\161\11\306\63\144\31\234\100\0\31"), 25, "203.0.113.9", 40000},
    {OCTETS("\r\n\r\n\0\r\nQUIT\n\41\21\0\17\313\0\161\11\306\63\144\31\234\100\2\113\4\0\0"), 587, "203.0.113.9",
     40000},
    {OCTETS("\r\n\r\n\0\r\nQUIT\n\40\0\0\0"), 0, "", 0},
};

/* The PROXY protocol: the server has no part in it, whatever it says. */
static void announcements(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof announced / sizeof *announced; i++) {
        struct bytes client = announced[i].client;
        struct proxy_head head;
        for (size_t n = 1; n < client.len; n++) {
            assert_int_equal(ask(bytes_part(client, 0, n), BYTES(""), false, &head), PROBE_UNSURE);
            assert_int_equal(ask(bytes_part(client, 0, n), BYTES("220 mx\r\n"), false, &head), PROBE_UNSURE);
        }
        assert_int_equal(ask(client, BYTES("220 mx\r\n"), false, &head), PROBE_MATCH);
        assert_int_equal(head.proxy, PROXY_PROTOCOL);
        assert_int_equal(head.port, announced[i].port);
        assert_string_equal(head.client_ip, announced[i].ip);
        assert_int_equal(head.client_port, announced[i].client_port);
        assert_int_equal(head.len[CLIENT], client.len);
        assert_int_equal(head.len[SERVER], 0);
    }
}

static const struct {
    struct bytes client, server;
} others[] = {
    {OCTETS("PROXY TCP4 a b 1 x\r\n"), OCTETS("")},
    {OCTETS("PROXY me\r\n"), OCTETS("")},
    {OCTETS("\r\n\r\nEHLO"), OCTETS("")},
    {OCTETS("\r\n\r\n\0\r\nQUIT\n\42\21\0\14"), OCTETS("")},
    {OCTETS("EHLO client.example\r\n"), OCTETS("")},
    {OCTETS(""), OCTETS("220 mx.example.net\r\n")},
    {OCTETS(REQUEST), OCTETS("220 mx.example.net\r\n")},
    {OCTETS("\26\3\1"), OCTETS("")},
    {OCTETS("\5\1\0\5\2\0\1"), OCTETS("\5\0")},                   /* to listen */
    {OCTETS("\5\1\0\5\1\0\1\300\0\2\31\0\31"), OCTETS("\5\377")}, /* no method will do */
    {OCTETS("\5\1\1"), OCTETS("\5\1")},                           /* GSSAPI */
    {OCTETS("\5\1\0\5\1\0\1\300\0\2\31\0\31"), OCTETS("\5\0\5\5\0\1\0\0\0\0\0\0")},
    {OCTETS("\5\1\0\5\1\0\2\300\0\2\31\0\31"), OCTETS("\5\0")},
    {OCTETS("\5\1\2\1\4user\4pass"), OCTETS("\5\2\1\1")},
    {OCTETS("\4\1\0\31\300\0\2\31\0"), OCTETS("\0\133\0\0\0\0\0\0")},
    {OCTETS("\4\2\0\31\300\0\2\31\0"), OCTETS("")},
    {OCTETS("CONNECT mx HTTP/2\r\n"), OCTETS("")},
    {OCTETS("CONNECT\r\n"), OCTETS("")},
    {OCTETS("GET / HTTP/1.1\r\n"), OCTETS("")},
    {OCTETS(REQUEST), OCTETS("HTTP/1.1 2000 OK\r\n")},
    {OCTETS(REQUEST), OCTETS("HTTP/1.1 OK\r\n")},
    {OCTETS(REQUEST), OCTETS("HTTP/1.1 403 no\r\n\r\n")}, /* its end is the connection's */
    {OCTETS(REQUEST), OCTETS("HTTP/1.1 403 no\r\nContent-Length: 99999999999999999999\r\n\r\n")},
};

static void all_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct proxy_head head;
        if (ask(others[i].client, others[i].server, false, &head) != PROBE_NO)
            fail_msg("case %zu", i);
    }
}

/* Heads do not go on for ever. */
static void bounded(void **state)
{
    (void)state;
    static uint8_t client[PROXY_HEAD_MOST + 1];
    struct proxy_head head;
    memset(client, 'x', sizeof client);
    memcpy(client, "CONNECT ", 8);
    assert_int_equal(ask(bytes_of(client, sizeof client - 1), BYTES(""), false, &head), PROBE_UNSURE);
    assert_int_equal(ask(bytes_of(client, sizeof client), BYTES(""), false, &head), PROBE_NO);
    memcpy(client, "\4\1\0\31\300\0\2\31", 8);
    assert_int_equal(ask(bytes_of(client, 263), BYTES(""), false, &head), PROBE_UNSURE);
    assert_int_equal(ask(bytes_of(client, 264), BYTES(""), false, &head), PROBE_NO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_matches),   cmocka_unit_test(ends_where_it_ends), cmocka_unit_test(one_side),
        cmocka_unit_test(announcements), cmocka_unit_test(all_others),         cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
