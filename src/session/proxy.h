/* Proxies that stand before the dialogue inside the TCP stream: SOCKS4, SOCKS5 and HTTP CONNECT, which the client asks,
   and HAProxy's PROXY protocol, by which one in front of the server says for whom it speaks. Inside the layer. */
#ifndef MAILTAP_SESSION_PROXY_H
#define MAILTAP_SESSION_PROXY_H

#include "session/dissector.h"

enum proxy { PROXY_SOCKS4, PROXY_SOCKS5, PROXY_HTTP, PROXY_PROTOCOL };

#define PROXY_HEAD_MOST 16384 /* octets of both sides before the dialogue; more is no head */

#define PROXY_IP_SIZE 46

struct proxy_head {
    enum proxy proxy;
    size_t len[2]; /* octets of each side (enum side) before the dialogue begins */
    uint16_t port; /* of the server that was asked for; 0: not known */
    uint16_t client_port;
    char client_ip[PROXY_IP_SIZE]; /* for whom a proxy speaks, as PROXY tells it; "": not told */
};

/* Do both sides begin with what opens a connection through a proxy, and did it succeed? More octets may settle UNSURE.
   `alone`: one side is enough where the other is empty, as nothing of it will come. */
enum probe proxy_probe(struct bytes client, struct bytes server, bool alone, struct proxy_head *ret);

/* As in records: "socks5". */
const char *proxy_name(enum proxy p);

#endif
