/* ClientHello and ServerHello (RFC 8446 section 4.1, 5246 section 7.4.1): what they say, and their fingerprints. */
#ifndef MAILTAP_DISSECTORS_TLS_HELLO_H
#define MAILTAP_DISSECTORS_TLS_HELLO_H

#include "base/bytes.h"
#include "record/record.h"

#define TLS_RANDOM_SIZE 32

/* Views into the message; lists without the length before them. */
struct client_hello {
    uint16_t version; /* legacy_version */
    struct bytes random, session_id, ciphers, extensions;
    struct bytes name, groups, formats, signatures, versions, protocols; /* of extensions; empty where missing */
    bool has_name, has_protocols, has_early_data;                        /* the extension is there */
};

struct server_hello {
    uint16_t version; /* the one agreed on */
    uint16_t legacy_version, cipher, group;
    struct bytes random, session_id, extensions, protocol;
    bool is_retry;         /* HelloRetryRequest */
    bool has_group;        /* TLS 1.3 */
    bool takes_psk;        /* TLS 1.3: resumed, or with a key known beforehand */
    bool takes_early;      /* TLS 1.3, of EncryptedExtensions: what the client sent first is accepted (0-RTT) */
    bool encrypt_then_mac; /* RFC 7366 */
    bool extended_master;  /* RFC 7627 */
};

/* The body of the message. False: it is none; of extensions those that are whole are taken. */
bool client_hello_read(struct client_hello *h, struct bytes body);
bool server_hello_read(struct server_hello *h, struct bytes body);

/* EncryptedExtensions (TLS 1.3): the protocol agreed on, and takes_early. */
void encrypted_extensions_read(struct server_hello *h, struct bytes body);

/* What it offers: F_tls_versions_offered, sni, alpn_offered, ja3, ja4. */
void client_hello_write(const struct client_hello *h, struct record *r);

/* F_tls_ja3s. */
void server_hello_fingerprint(const struct server_hello *h, struct record *r);

/* The fingerprints as text, appended: JA3 before it is hashed (github.com/salesforce/ja3), JA4 (FoxIO, the one of TLS
   clients). */
struct buf;
void client_hello_ja3(const struct client_hello *h, struct buf *out);
void client_hello_ja4(const struct client_hello *h, struct buf *out);

/* Cuts a number, or a run of octets that a number of `width` octets before it counts, off the front. False, and
   nothing is cut: too short. */
bool tls_take_number(struct bytes *rest, unsigned width, uint32_t *ret);
bool tls_take_vector(struct bytes *rest, unsigned width, struct bytes *ret);

#endif
