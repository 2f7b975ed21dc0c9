/* SOCKS4 and 4A (openssh.com/txt/socks4.protocol, socks4a.protocol), SOCKS5 (RFC 1928) with passwords (RFC 1929), HTTP
   CONNECT (RFC 9110, 9.3.6), the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt). Of these
   heads only whom the last speaks for is kept: they may hold passwords. */
#include "proxy.h"

#include "session/session.h"

#include <arpa/inet.h>

enum { SOCKS_IPV4 = 1, SOCKS_NAME = 3, SOCKS_IPV6 = 4 };

/* Reading one side: where it is, and what it has come to. Once it is not MATCH it stays so. */
struct cursor {
    struct bytes rest;
    size_t read;
    enum probe state; /* NO: not this; UNSURE: more is needed */
};

static struct cursor cursor_of(struct bytes b)
{
    return (struct cursor){b, 0, PROBE_MATCH};
}

static void advance(struct cursor *c, size_t n)
{
    c->read += n;
    c->rest = bytes_part(c->rest, n, c->rest.len);
}

/* The next n octets, or null. */
static const uint8_t *take(struct cursor *c, size_t n)
{
    const uint8_t *p = c->rest.data;
    if (c->state != PROBE_MATCH)
        return NULL;
    if (c->rest.len < n) {
        c->state = PROBE_UNSURE;
        return NULL;
    }
    advance(c, n);
    return p;
}

static uint16_t port_at(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static uint8_t take_octet(struct cursor *c)
{
    const uint8_t *p = take(c, 1);
    return p ? *p : 0;
}

static void expect(struct cursor *c, uint8_t octet)
{
    if (take_octet(c) != octet && c->state == PROBE_MATCH)
        c->state = PROBE_NO;
}

static bool next_is(const struct cursor *c, uint8_t octet)
{
    return c->rest.len && c->rest.data[0] == octet;
}

/* Address and port, as in a request and a reply (RFC 1928, 5). */
static uint16_t socks5_address(struct cursor *c)
{
    uint8_t type = take_octet(c);
    if (type == SOCKS_NAME)
        take(c, take_octet(c));
    else if (type == SOCKS_IPV4 || type == SOCKS_IPV6)
        take(c, type == SOCKS_IPV4 ? 4 : 16);
    else if (c->state == PROBE_MATCH)
        c->state = PROBE_NO;
    const uint8_t *p = take(c, 2);
    return p ? port_at(p) : 0;
}

/* Methods offered; name and password where they were chosen; the request to connect. */
static uint16_t socks5_client(struct cursor *c)
{
    enum { VERSION = 5, PASSWORD_VERSION = 1, CONNECT = 1 };
    expect(c, VERSION);
    take(c, take_octet(c));
    if (c->state == PROBE_MATCH && next_is(c, PASSWORD_VERSION)) {
        take(c, 1);
        take(c, take_octet(c));
        take(c, take_octet(c));
    }
    expect(c, VERSION);
    expect(c, CONNECT);
    expect(c, 0);
    return socks5_address(c);
}

static void socks5_server(struct cursor *c)
{
    enum { VERSION = 5, NO_AUTHENTICATION = 0, PASSWORD = 2, PASSWORD_VERSION = 1, SUCCEEDED = 0 };
    expect(c, VERSION);
    uint8_t method = take_octet(c);
    if (method == PASSWORD) {
        expect(c, PASSWORD_VERSION);
        expect(c, SUCCEEDED);
    } else if (method != NO_AUTHENTICATION) {
        c->state = PROBE_NO; /* a method that may encrypt what follows, or none */
    }
    expect(c, VERSION);
    expect(c, SUCCEEDED);
    expect(c, 0);
    socks5_address(c);
}

static void socks4_text(struct cursor *c)
{
    enum { MOST = 255 };
    size_t n = bytes_index(bytes_part(c->rest, 0, MOST + 1), 0);
    if (c->state != PROBE_MATCH)
        return;
    if (n > MOST)
        c->state = PROBE_NO;
    else if (n == c->rest.len)
        c->state = PROBE_UNSURE;
    else
        advance(c, n + 1);
}

static uint16_t socks4_client(struct cursor *c)
{
    enum { VERSION = 4, CONNECT = 1 };
    expect(c, VERSION);
    expect(c, CONNECT);
    const uint8_t *p = take(c, 6);
    socks4_text(c);
    if (p && !p[2] && !p[3] && !p[4] && p[5]) /* 4A: the name follows */
        socks4_text(c);
    return p ? port_at(p) : 0;
}

static void socks4_server(struct cursor *c)
{
    enum { GRANTED = 0x5a };
    expect(c, 0);
    expect(c, GRANTED);
    take(c, 6);
}

/* The next line without its end; empty at an empty line, and when there is none. */
static struct bytes take_line(struct cursor *c)
{
    size_t n = bytes_index(c->rest, '\n');
    if (c->state == PROBE_MATCH && n == c->rest.len)
        c->state = PROBE_UNSURE;
    if (c->state != PROBE_MATCH)
        return bytes_of(NULL, 0);
    struct bytes line = bytes_part(c->rest, 0, n && c->rest.data[n - 1] == '\r' ? n - 1 : n);
    advance(c, n + 1);
    return line;
}

static bool could_start(struct bytes b, struct bytes start)
{
    size_t n = b.len < start.len ? b.len : start.len;
    return bytes_equal(bytes_part(b, 0, n), bytes_part(start, 0, n));
}

/* "CONNECT mx.example.net:25 HTTP/1.1" and fields. */
static uint16_t http_request(struct cursor *c)
{
    if (!could_start(c->rest, BYTES("CONNECT "))) {
        c->state = PROBE_NO;
        return 0;
    }
    struct bytes line = take_line(c), target;
    uint64_t port = 0;
    bytes_word(&line);
    target = bytes_word(&line);
    for (size_t i = target.len; i-- > 0 && !port;) {
        struct bytes number = bytes_part(target, i + 1, target.len);
        if (target.data[i] == ':' && !(bytes_number(&number, &port) && port <= UINT16_MAX))
            port = 0;
    }
    if (c->state == PROBE_MATCH && !bytes_starts_nocase(bytes_word(&line), BYTES("HTTP/1.")))
        c->state = PROBE_NO;
    while (take_line(c).len)
        ;
    return (uint16_t)port;
}

/* The answer's code; 0: there is none yet, or it is not of a kind that says where it ends. */
static unsigned http_response(struct cursor *c)
{
    if (!could_start(c->rest, BYTES("HTTP/1."))) {
        c->state = PROBE_NO;
        return 0;
    }
    struct bytes line = take_line(c);
    uint64_t code = 0, len = 0;
    bool has_len = false;
    bytes_word(&line);
    struct bytes number = bytes_word(&line);
    if (c->state == PROBE_MATCH && (!bytes_number(&number, &code) || number.len || code < 100 || code > 599))
        c->state = PROBE_NO;
    while ((line = take_line(c)).len) {
        struct bytes name = BYTES("Content-Length:");
        if (bytes_starts_nocase(line, name)) {
            line = bytes_trim(bytes_part(line, name.len, line.len));
            has_len = bytes_number(&line, &len) && len <= PROXY_HEAD_MOST;
        }
    }
    if (code / 100 > 2) {
        if (c->state == PROBE_MATCH && !has_len)
            c->state = PROBE_NO;
        take(c, (size_t)(has_len ? len : 0));
    }
    return c->state == PROBE_MATCH ? (unsigned)code : 0;
}

/* Requests that were refused, as for want of a password, and then the one that was not. */
static uint16_t http(struct cursor *client, struct cursor *server)
{
    for (;;) {
        unsigned code = 0;
        uint16_t port = http_request(client);
        do
            code = http_response(server);
        while (code / 100 == 1);
        if (code / 100 == 2 || server->state != PROBE_MATCH)
            return port;
        if (client->state != PROBE_MATCH) { /* refused, and what came next is not known */
            server->state = PROBE_UNSURE;
            return port;
        }
    }
}

static bool read_port(struct bytes text, uint16_t *ret)
{
    uint64_t port;
    if (!bytes_number(&text, &port) || text.len || port > UINT16_MAX)
        return false;
    *ret = (uint16_t)port;
    return true;
}

static bool read_address(struct bytes text, int family, uint8_t octets[static 16])
{
    char copy[PROXY_IP_SIZE] = "";
    if (!text.len || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.len);
    return inet_pton(family, copy, octets) == 1;
}

/* Version 1: "PROXY TCP4 192.0.2.1 198.51.100.25 40001 25". */
static void proxy_line(struct cursor *c, struct proxy_head *head)
{
    struct bytes line = take_line(c), family;
    uint8_t octets[16];
    bytes_word(&line);
    family = bytes_word(&line);
    bool is_ipv4 = bytes_equal(family, BYTES("TCP4")), known = is_ipv4 || bytes_equal(family, BYTES("TCP6"));
    struct bytes client = bytes_word(&line);
    bytes_word(&line);
    struct bytes client_port = bytes_word(&line);
    if (known && !read_port(bytes_word(&line), &head->port))
        c->state = PROBE_NO;
    if (c->state == PROBE_MATCH && !known && !bytes_equal(family, BYTES("UNKNOWN")))
        c->state = PROBE_NO;
    if (known && read_address(client, is_ipv4 ? AF_INET : AF_INET6, octets) &&
        read_port(client_port, &head->client_port))
        inet_ntop(is_ipv4 ? AF_INET : AF_INET6, octets, head->client_ip, PROXY_IP_SIZE);
}

/* Version 2: a signature that is no line of any protocol, version and command, family, length, addresses and more. */
static void proxy_header(struct cursor *c, struct proxy_head *head)
{
    enum { SIGNATURE = 12, LOCAL = 0x20, PROXIED = 0x21, TCP4 = 0x11, TCP4_LEN = 12, TCP6 = 0x21, TCP6_LEN = 36 };
    take(c, SIGNATURE);
    uint8_t command = take_octet(c), family = take_octet(c);
    const uint8_t *p = take(c, 2);
    size_t len = p ? port_at(p) : 0, addresses = family == TCP4 ? TCP4_LEN : family == TCP6 ? TCP6_LEN : 0;
    if (p && command != LOCAL && command != PROXIED)
        c->state = PROBE_NO;
    p = take(c, len);
    if (!p || command != PROXIED || !addresses || len < addresses)
        return;
    head->port = port_at(p + addresses - 2);
    head->client_port = port_at(p + addresses - 4);
    inet_ntop(family == TCP4 ? AF_INET : AF_INET6, p, head->client_ip, PROXY_IP_SIZE);
}

/* It is the first that is said on a connection: where the server speaks and the client does not, there is none. */
static void proxy_protocol(struct cursor *c, struct proxy_head *head)
{
    static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n";
    if (c->rest.len && could_start(c->rest, BYTES("PROXY ")))
        proxy_line(c, head);
    else if (c->rest.len && could_start(c->rest, bytes_of(signature, sizeof signature - 1)))
        proxy_header(c, head);
    else
        c->state = PROBE_NO;
}

static enum probe verdict(const struct cursor *client, const struct cursor *server, bool alone)
{
    bool no_client = alone && !client->read && !client->rest.len,
         no_server = alone && !server->read && !server->rest.len;
    if (client->state == PROBE_NO || server->state == PROBE_NO)
        return PROBE_NO;
    if ((client->state == PROBE_MATCH || no_client) && (server->state == PROBE_MATCH || no_server))
        return no_client && no_server ? PROBE_NO : PROBE_MATCH;
    return PROBE_UNSURE;
}

enum probe proxy_probe(struct bytes client, struct bytes server, bool alone, struct proxy_head *ret)
{
    enum probe best = PROBE_NO;
    if (client.len + server.len > PROXY_HEAD_MOST)
        return PROBE_NO;
    for (unsigned p = PROXY_SOCKS4; p <= PROXY_PROTOCOL && best == PROBE_NO; p++) {
        struct cursor c = cursor_of(client), s = cursor_of(server);
        *ret = (struct proxy_head){.proxy = (enum proxy)p};
        switch ((enum proxy)p) {
        case PROXY_SOCKS4:
            ret->port = socks4_client(&c);
            socks4_server(&s);
            break;
        case PROXY_SOCKS5:
            ret->port = socks5_client(&c);
            socks5_server(&s);
            break;
        case PROXY_HTTP:
            ret->port = http(&c, &s);
            break;
        case PROXY_PROTOCOL: /* the server has no part in it */
            proxy_protocol(&c, ret);
            break;
        }
        best = verdict(&c, &s, alone);
        ret->len[CLIENT] = c.read;
        ret->len[SERVER] = s.read;
    }
    return best;
}

const char *proxy_name(enum proxy p)
{
    switch (p) {
    case PROXY_SOCKS4:
        return "socks4";
    case PROXY_SOCKS5:
        return "socks5";
    case PROXY_HTTP:
        return "http_connect";
    case PROXY_PROTOCOL:
        return "proxy_protocol";
    }
    return "";
}
