/* Messages of the handshake. */
#include "tls_handshake.h"

#include "base/memory.h"
#include "tls_certificate.h"
#include "tls_names.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MESSAGE_CLIENT_HELLO = 1,
    MESSAGE_SERVER_HELLO = 2,
    MESSAGE_END_OF_EARLY_DATA = 5,
    MESSAGE_ENCRYPTED_EXTENSIONS = 8,
    MESSAGE_CERTIFICATE = 11,
    MESSAGE_SERVER_KEY_EXCHANGE = 12,
    MESSAGE_CERTIFICATE_REQUEST = 13,
    MESSAGE_FINISHED = 20,
    MESSAGE_KEY_UPDATE = 24
};

#define HEAD_SIZE   4 /* type, length */
#define ALERT_FATAL 2
#define NAMED_CURVE 3 /* ECCurveType of RFC 8422 section 5.4 */

struct handshake *handshake_new(const struct limits *limits)
{
    struct handshake *h = memory_get(sizeof *h);
    h->limits = limits;
    h->facts = record_new(KIND_tls, limits);
    for (int side = 0; side < 2; side++)
        buf_init(&h->side[side].message, limits->tls_handshake);
    return h;
}

void handshake_free(struct handshake *h)
{
    if (!h)
        return;
    for (int side = 0; side < 2; side++)
        buf_release(&h->side[side].message);
    record_free(h->facts);
    free(h);
}

size_t handshake_held(const struct handshake *h)
{
    return memory_cost(sizeof *h) + record_held(h->facts) + memory_cost(h->side[CLIENT].message.cap) +
           memory_cost(h->side[SERVER].message.cap);
}

uint16_t handshake_version(const struct handshake *h)
{
    return h->now.server.known || h->now.server.is_retry ? h->now.server.version : 0;
}

const char *handshake_early_data(const struct handshake *h)
{
    const struct server_hello_kept *server = &h->now.server;
    if (!h->now.client.early_data)
        return NULL;
    if (server->is_retry || (server->known && !server->resumed))
        return "rejected";
    return server->answered_early ? server->takes_early ? "accepted" : "rejected" : "offered";
}

void handshake_trim(struct handshake *h)
{
    for (int side = 0; side < 2; side++) {
        struct buf *message = &h->side[side].message;
        if (message->len || !message->cap)
            continue;
        buf_release(message);
        buf_init(message, h->limits->tls_handshake);
    }
}

/* --- messages --- */

static void keep_client_hello(struct client_hello_kept *kept, const struct client_hello *hello)
{
    kept->known = true;
    kept->early_data = hello->has_early_data;
    memcpy(kept->random, hello->random.data, sizeof kept->random);
    if (hello->session_id.len <= sizeof kept->session_id) {
        kept->session_id_len = (uint8_t)hello->session_id.len;
        if (hello->session_id.len)
            memcpy(kept->session_id, hello->session_id.data, hello->session_id.len);
    }
}

static void keep_server_hello(struct server_hello_kept *kept, const struct server_hello *hello)
{
    kept->known = true;
    kept->version = hello->version;
    kept->cipher = hello->cipher;
    kept->encrypt_then_mac = hello->encrypt_then_mac;
    memcpy(kept->random, hello->random.data, sizeof kept->random);
}

static void read_client_hello(struct handshake *h, struct bytes body)
{
    struct client_hello hello;
    if (!client_hello_read(&hello, body))
        return;
    if (h->side[CLIENT].finished) {
        keep_client_hello(&h->next.client, &hello);
    } else if (!h->now.client.known) { /* the one after a HelloRetryRequest tells the same */
        keep_client_hello(&h->now.client, &hello);
        client_hello_write(&hello, h->facts);
    }
}

/* A server that takes up a session says so by the identifier that the client proposed (RFC 5246 section 7.4.1.3, 5077
   section 3.4), from TLS 1.3 on by an extension. */
static bool is_resumed(const struct handshake *h, const struct server_hello *hello)
{
    if (hello->version >= TLS_1_3)
        return hello->takes_psk;
    return h->now.client.session_id_len &&
           bytes_equal(hello->session_id, bytes_of(h->now.client.session_id, h->now.client.session_id_len));
}

static void write_group(struct handshake *h, uint16_t group)
{
    char room[TLS_NAME_SIZE];
    if (!record_has(h->facts, F_tls_group))
        record_word(h->facts, F_tls_group, tls_name_or_number(tls_group_name(group), group, room));
}

static void read_server_hello(struct handshake *h, struct bytes body)
{
    struct server_hello hello;
    struct server_hello_kept *kept = &h->now.server;
    char room[TLS_NAME_SIZE];
    if (!server_hello_read(&hello, body))
        return;
    if (h->side[SERVER].finished)
        keep_server_hello(&h->next.server, &hello);
    if (kept->known)
        return;
    kept->version = hello.version;
    if (hello.is_retry) {
        if (!kept->is_retry)
            record_flag(h->facts, F_tls_retried);
        kept->is_retry = true;
        return;
    }
    keep_server_hello(kept, &hello);
    record_word(h->facts, F_tls_version, tls_name_or_number(tls_version_name(hello.version), hello.version, room));
    record_word(h->facts, F_tls_cipher, tls_name_or_number(tls_cipher_name(hello.cipher), hello.cipher, room));
    if (hello.has_group)
        write_group(h, hello.group);
    if (hello.protocol.len)
        record_text(h->facts, F_tls_alpn, hello.protocol);
    kept->resumed = is_resumed(h, &hello);
    if (h->now.client.known || hello.version >= TLS_1_3)
        record_boolean(h->facts, F_tls_resumed, kept->resumed);
    server_hello_fingerprint(&hello, h->facts);
}

static bool begins_with(const char *name, const char *start)
{
    return name && !strncmp(name, start, strlen(start));
}

static void write_dh_bits(struct handshake *h, struct bytes prime)
{
    char text[16];
    while (prime.len && !prime.data[0])
        prime = bytes_part(prime, 1, SIZE_MAX);
    if (!prime.len || record_has(h->facts, F_tls_group))
        return;
    unsigned bits = 0;
    for (uint8_t top = prime.data[0]; top; top >>= 1)
        bits++;
    snprintf(text, sizeof text, "dh%zu", (prime.len - 1) * 8 + bits);
    record_word(h->facts, F_tls_group, text);
}

/* The group of an exchange whose key dies with it (RFC 8422 section 5.4, 5246 section 7.4.3, 4279). */
static void read_key_exchange(struct handshake *h, struct bytes body)
{
    const char *cipher = h->now.server.known ? tls_cipher_name(h->now.server.cipher) : NULL;
    struct bytes hint, prime;
    uint32_t type, group;
    if (begins_with(cipher, "TLS_ECDHE_PSK") || begins_with(cipher, "TLS_DHE_PSK"))
        if (!tls_take_vector(&body, 2, &hint))
            return;
    if (begins_with(cipher, "TLS_ECDH")) {
        if (tls_take_number(&body, 1, &type) && type == NAMED_CURVE && tls_take_number(&body, 2, &group))
            write_group(h, (uint16_t)group);
    } else if (begins_with(cipher, "TLS_DH")) {
        if (tls_take_vector(&body, 2, &prime))
            write_dh_bits(h, prime);
    }
}

/* A client that is asked for a certificate and has none sends an empty list. */
static void read_certificates(struct handshake *h, enum side side, struct bytes body, int64_t when)
{
    struct bytes list, context;
    bool is_13 = handshake_version(h) >= TLS_1_3;
    if (record_has(h->facts, side == CLIENT ? F_tls_client_cert : F_tls_cert_visible) ||
        (is_13 && !tls_take_vector(&body, 1, &context)) || !tls_take_vector(&body, 3, &list))
        return;
    if (side == CLIENT) {
        tls_client_certificates_write(h->facts, list, is_13, when);
        return;
    }
    record_boolean(h->facts, F_tls_cert_visible, true);
    tls_certificates_write(h->facts, list, is_13, when, record_find(h->facts, F_tls_sni));
}

static void read_encrypted_extensions(struct handshake *h, struct bytes body)
{
    struct server_hello hello;
    encrypted_extensions_read(&hello, body);
    h->now.server.answered_early = true;
    h->now.server.takes_early = hello.takes_early;
    if (hello.protocol.len && !record_has(h->facts, F_tls_alpn))
        record_text(h->facts, F_tls_alpn, hello.protocol);
}

static bool is_wanted(enum side side, uint8_t type)
{
    if (side == CLIENT)
        return type == MESSAGE_CLIENT_HELLO || type == MESSAGE_CERTIFICATE;
    return type == MESSAGE_ENCRYPTED_EXTENSIONS || type == MESSAGE_SERVER_HELLO || type == MESSAGE_CERTIFICATE ||
           type == MESSAGE_SERVER_KEY_EXCHANGE;
}

static void read_message(struct handshake *h, enum side side, struct bytes message, int64_t when)
{
    struct bytes body = bytes_part(message, HEAD_SIZE, SIZE_MAX);
    switch (message.data[0]) {
    case MESSAGE_CLIENT_HELLO:
        read_client_hello(h, body);
        break;
    case MESSAGE_SERVER_HELLO:
        read_server_hello(h, body);
        break;
    case MESSAGE_CERTIFICATE:
        read_certificates(h, side, body, when);
        break;
    case MESSAGE_SERVER_KEY_EXCHANGE:
        read_key_exchange(h, body);
        break;
    case MESSAGE_ENCRYPTED_EXTENSIONS:
        read_encrypted_extensions(h, body);
        break;
    default:
        break;
    }
}

/* What its being there says. */
static void meet(struct handshake *h, enum side side, uint8_t type)
{
    struct handshake_side *m = &h->side[side];
    m->finished |= type == MESSAGE_FINISHED;
    m->early_ended |= side == CLIENT && type == MESSAGE_END_OF_EARLY_DATA;
    m->updates += type == MESSAGE_KEY_UPDATE;
    if (side == SERVER && type == MESSAGE_CERTIFICATE_REQUEST && !record_has(h->facts, F_tls_client_cert_asked))
        record_flag(h->facts, F_tls_client_cert_asked);
}

static size_t length_of(const struct buf *message)
{
    const uint8_t *at = message->data + 1;
    return HEAD_SIZE + ((size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2]);
}

/* What a message too long to be held would have told. */
static void leave_out(struct handshake *h, enum side side, uint8_t type)
{
    if (type == MESSAGE_CERTIFICATE)
        record_cut(h->facts, side == CLIENT ? F_tls_client_cert : F_tls_cert);
    else if (type == MESSAGE_CLIENT_HELLO)
        record_cut(h->facts, F_tls_versions_offered);
    else if (type == MESSAGE_SERVER_HELLO)
        record_cut(h->facts, F_tls_version);
}

static void pass_over(struct handshake_side *m, size_t here)
{
    m->skip = (uint32_t)(length_of(&m->message) - here);
    buf_reset(&m->message);
}

void handshake_octets(struct handshake *h, enum side side, struct bytes octets, int64_t when)
{
    struct handshake_side *m = &h->side[side];
    while (octets.len && !m->lost) {
        size_t missing = m->skip                      ? m->skip
                         : m->message.len < HEAD_SIZE ? HEAD_SIZE - m->message.len
                                                      : length_of(&m->message) - m->message.len;
        struct bytes part = bytes_part(octets, 0, missing);
        octets = bytes_part(octets, part.len, SIZE_MAX);
        if (m->skip) {
            m->skip -= (uint32_t)part.len;
            continue;
        }
        buf_add(&m->message, part);
        if (m->message.len < HEAD_SIZE)
            continue;
        size_t len = length_of(&m->message);
        if (m->message.len == HEAD_SIZE)
            meet(h, side, m->message.data[0]);
        if (m->message.len == HEAD_SIZE && (!is_wanted(side, m->message.data[0]) || len > m->message.max)) {
            if (is_wanted(side, m->message.data[0]))
                leave_out(h, side, m->message.data[0]);
            pass_over(m, HEAD_SIZE);
        } else if (m->message.len == len) {
            read_message(h, side, buf_bytes(&m->message), when);
            buf_reset(&m->message);
        }
    }
}

void handshake_gap(struct handshake *h, enum side side, size_t len)
{
    struct handshake_side *m = &h->side[side];
    if (m->lost)
        return;
    if (!m->skip && m->message.len >= HEAD_SIZE)
        pass_over(m, m->message.len);
    m->lost = !m->skip || len > m->skip;
    m->skip = m->lost ? 0 : m->skip - (uint32_t)len;
}

void handshake_alert(struct handshake *h, enum side side, const uint8_t alert[static 2])
{
    char room[TLS_NAME_SIZE];
    bool is_fatal = alert[0] == ALERT_FATAL;
    if (h->has_alert && (h->is_fatal || !is_fatal))
        return;
    if (h->has_alert) {
        record_drop(h->facts, F_tls_alert);
        record_drop(h->facts, F_tls_alert_from);
    }
    h->has_alert = true;
    h->is_fatal = is_fatal;
    record_word(h->facts, F_tls_alert, tls_name_or_number(tls_alert_name(alert[1]), alert[1], room));
    record_word(h->facts, F_tls_alert_from, side == CLIENT ? "client" : "server");
}
