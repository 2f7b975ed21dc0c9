/* Secrets of TLS sessions as their owner wrote them down: the key log format (SSLKEYLOGFILE; RFC 9850). Read once, or
   read on while it grows; shared by all threads; wiped at the end. Nothing of it may reach a record. */
#ifndef MAILTAP_SESSION_KEYLOG_H
#define MAILTAP_SESSION_KEYLOG_H

#include "base/bytes.h"
#include "base/error.h"

#define KEYLOG_RANDOM 32
#define KEYLOG_SECRET 64 /* the longest */

enum keylog_label {
    KEYLOG_MASTER, /* CLIENT_RANDOM, up to TLS 1.2 */
    KEYLOG_CLIENT_EARLY,
    KEYLOG_CLIENT_HANDSHAKE,
    KEYLOG_SERVER_HANDSHAKE,
    KEYLOG_CLIENT_TRAFFIC,
    KEYLOG_SERVER_TRAFFIC
};

struct secret {
    uint8_t octets[KEYLOG_SECRET];
    uint8_t len; /* 0: none */
};

struct keylog;

/* At most that many secrets are kept. `grows`: it is looked at again when a secret is not found. Null, and err says
   why: it cannot be read. */
struct keylog *keylog_open(const char *path, uint64_t most, bool grows, struct error *err);
void keylog_close(struct keylog *k); /* null is nothing */

bool keylog_grows(const struct keylog *k);

/* The secret of the session with that random of its client. False: it is not known. The caller wipes it. May be called
   by several threads at a time. */
bool keylog_find(struct keylog *k, enum keylog_label label, const uint8_t random[static KEYLOG_RANDOM],
                 struct secret *ret);

struct keylog_counts {
    uint64_t secrets, others; /* lines that hold one; that are neither that nor a comment nor of a kind not needed */
    uint64_t omitted;         /* secrets for which there was no room */
};

struct keylog_counts keylog_count(struct keylog *k);

/* Takes lines as they stand in the file; the rest of the last may come with the next call. For keylog_open(), and
   tests. */
struct keylog *keylog_new(uint64_t most);
void keylog_take(struct keylog *k, struct bytes text);

#endif
