/* The handshake of TLS (RFC 8446, 5246) as far as it travels in clear: its messages put together from records, and what
   they say. */
#ifndef MAILTAP_DISSECTORS_TLS_HANDSHAKE_H
#define MAILTAP_DISSECTORS_TLS_HANDSHAKE_H

#include "base/buf.h"
#include "session/session.h"
#include "tls_hello.h"

struct handshake_side {
    struct buf message; /* the one under way, from its head on */
    uint32_t skip;      /* octets left of one that nobody asks for */
    bool lost;          /* where messages begin is not known */
    bool finished;      /* its Finished was read */
    bool early_ended;   /* EndOfEarlyData was (TLS 1.3) */
    unsigned updates;   /* KeyUpdate messages (TLS 1.3) */
};

/* What is kept of the two hellos. */
struct hellos {
    struct client_hello_kept {
        uint8_t random[TLS_RANDOM_SIZE], session_id[32];
        uint8_t session_id_len;
        bool known;
        bool early_data; /* what it sends first is encrypted with other keys */
    } client;
    struct server_hello_kept {
        uint8_t random[TLS_RANDOM_SIZE];
        uint16_t version, cipher;
        bool known;
        bool is_retry;
        bool encrypt_then_mac;
        bool resumed;
        bool answered_early, takes_early; /* EncryptedExtensions were read; the early data is accepted */
    } server;
};

struct handshake {
    const struct limits *limits;
    struct record *facts; /* F_tls_... */
    struct handshake_side side[2];
    struct hellos now, next; /* next: of a renegotiation under way (up to TLS 1.2), as far as it can be read */
    bool has_alert, is_fatal;
};

/* The limits (tls_handshake) are kept by reference. */
struct handshake *handshake_new(const struct limits *limits);
void handshake_free(struct handshake *h);

/* What it takes of memory. */
size_t handshake_held(const struct handshake *h);

/* Octets of that side's handshake records, in order, in clear or decrypted. `when`: capture time of the last of them.
 */
void handshake_octets(struct handshake *h, enum side side, struct bytes octets, int64_t when);

/* So many of them were lost; SIZE_MAX: nobody knows how many. */
void handshake_gap(struct handshake *h, enum side side, size_t len);

/* An alert in clear. */
void handshake_alert(struct handshake *h, enum side side, const uint8_t alert[static 2]);

/* What became of the data that the client sent with its hello (0-RTT), as F_tls_early_data has it; null: none. */
const char *handshake_early_data(const struct handshake *h);

/* The version agreed on, or 0. */
uint16_t handshake_version(const struct handshake *h);

/* Gives back the memory that is there for messages, where none is under way. */
void handshake_trim(struct handshake *h);

#endif
