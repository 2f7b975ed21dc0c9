/* What the files of the TLS filter share: the state of a conversation, and the walk along its records. */
#ifndef MAILTAP_DISSECTORS_TLS_STATE_H
#define MAILTAP_DISSECTORS_TLS_STATE_H

#include "session/filter.h"
#include "tls_handshake.h"
#include "tls_names.h"
#include "tls_opener.h"

enum { TYPE_CHANGE_CIPHER = 20, TYPE_ALERT = 21, TYPE_HANDSHAKE = 22, TYPE_APPLICATION = 23 };

#define FLIGHTS 4

struct direction {
    uint64_t clear;       /* octets before the first TLS record */
    uint64_t application; /* octets in records of application data */
    uint32_t left;        /* of the record being walked */
    uint8_t header[TLS_HEADER_SIZE], header_len;
    uint8_t alert[2], alert_len; /* of an alert in clear */
    bool begun;                  /* the first TLS record was met */
    bool lost;                   /* where records begin is not known any more */
    bool adrift;                 /* it was lost; what comes next may be a header all the same */
    bool blind;                  /* it is not read with keys, or not any more */
    bool spoiled;                /* octets of the record are lost: it cannot be opened */
    bool changed_cipher, has_application;
    uint32_t renewals;  /* ChangeCipherSpec behind the Finished: up to TLS 1.2, of a renegotiation */
    bool finished;      /* the Finished was met: up to TLS 1.2 the first handshake record behind ChangeCipherSpec */
    bool finished13;    /* from TLS 1.3 on the first record of the client that has room for it */
    int64_t begun_when; /* of the first octet of TLS */
    int64_t finished_when, finished13_when; /* of their last octets */
    uint64_t finished13_at;                 /* place of the record */
    uint64_t begun_seen;                    /* what the sender of the first record had received */
    uint64_t handshake;                     /* TLS 1.3: of `application`, up to the end of the Finished */
    struct mark record;                     /* the first octet of the one being walked */
};

struct flight { /* records of application data of the server whose sender had received equally much */
    uint64_t seen, octets;
};

/* What is known of the session's keys. */
enum keys { KEYS_UNASKED, KEYS_THERE, KEYS_NONE };

struct unlocked; /* tls_keys.c: what it is read with */

struct tls {
    struct direction side[2];
    struct mark first, last;
    struct handshake *handshake;    /* null until the first record */
    struct flight flights[FLIGHTS]; /* what more there are is added to the last */
    uint8_t flight_count;
    struct unlocked *unlocked; /* where the keys are there; else null */
    const char *no_key;        /* why it is not read although there is a key log; or null */
    uint8_t keys;              /* enum keys */
    const char *how;           /* as in records */
    bool decided, marked;
    bool early_waits; /* what the client sent with its hello (0-RTT) waits for what the server says */
};

/* --- tls_record.c --- */

/* What the record is based on that the record of the handshake rests on. */
void tls_take_mark(struct tls *t, const struct chunk *chunk);

/* What may be taken in one go: nothing beyond the end of the header, or of the record. */
uint64_t tls_portion(const struct direction *d, const struct input *below);

/* Takes octets up to the end of the header, or of the record; and as many lost ones. */
void tls_walk(struct session *s, struct tls *t, enum side side, const struct chunk *chunk);
void tls_walk_gap(struct session *s, struct tls *t, enum side side, const struct chunk *chunk);

/* A record that was taken in one go, with keys: its header, and its octets. */
void tls_count_record(struct session *s, struct tls *t, enum side side, const struct chunk *record);

/* --- tls_keys.c --- */

/* Is what comes next on that side, where a record begins, encrypted? */
bool tls_is_protected(const struct tls *t, enum side side, const struct input *below);

enum unlock { UNLOCK_WAIT, UNLOCK_DONE, UNLOCK_NEVER };

/* Are the keys there? To be asked where the next record is encrypted. WAIT: they may still come. */
enum unlock tls_unlock(struct session *s, struct tls *t, enum side side);

/* Opens the next record; application data is appended. False: it is left to be walked over. */
bool tls_read_on(struct session *s, struct tls *t, enum side side, struct input *below, struct buf *out);

/* The record that was walked over could not be opened, and so many octets of it are gone. */
void tls_spoiled(struct session *s, struct tls *t, enum side side);

/* Where the last record ended that was read, while the next one is looked for; else `at`. */
uint64_t tls_settled(const struct tls *t, enum side side, uint64_t at);

size_t tls_unlocked_held(const struct unlocked *u);
void tls_unlocked_free(struct unlocked *u); /* null is nothing */

#endif
