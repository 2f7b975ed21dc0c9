/* TLS read with the keys of a key log: what comes out of its records goes on to the dialogue. What cannot be opened is
   walked over as without keys.

   A lost record takes its number along: the next one is found by its header, and its number by trial, within bounds.
   Where the numbers tell how much of the dialogue was lost, it is read on.

   New keys come with a KeyUpdate (TLS 1.3), or with a handshake inside (renegotiation, up to TLS 1.2). What a client
   sends with its hello (0-RTT, RFC 8446 section 2.3) has keys of its own, and is of the dialogue only if the server
   takes it. */
#include "base/memory.h"
#include "session/keylog.h"
#include "tls_state.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#define AHEAD_MOST  128   /* records that may be missing between two */
#define HUNT_MOST   65536 /* octets behind a loss among which the next record is looked for */
#define TRIALS_MOST 16    /* headers tried there */
#define EARLY_END   4     /* octets of EndOfEarlyData */
#define TOLERATED   64    /* records at the beginning that other keys may be for */

struct half { /* one direction */
    struct tls_opener *opener;
    struct secret traffic;    /* TLS 1.3: for what comes behind the Finished; none: the opener is for that */
    struct tls_opener *spare; /* while early data is awaited: for that; while it is read: for the handshake; TLS 1.2, in
                                 a renegotiation: for what comes behind ChangeCipherSpec */
    bool opened;              /* one record at least */
    bool tolerant;            /* records before it may be for other keys */
    bool early_awaited;       /* what the server says to the early data is not known yet */
    bool early_read;          /* the opener is for early data */
    bool early_lost;          /* it is of the dialogue, or may be, but cannot be read */
    uint64_t early_octets;    /* of that */
    uint64_t early_at;        /* where it begins */
    unsigned tolerated;
    unsigned updates; /* KeyUpdate messages that were followed */
    uint64_t next;    /* the place where the record behind the last that was read began */
    uint64_t hunted;  /* octets passed over to find a record */
    unsigned trials;
};

struct unlocked {
    struct half half[2];
};

size_t tls_unlocked_held(const struct unlocked *u)
{
    size_t held = u ? memory_cost(sizeof *u) : 0;
    for (int side = 0; u && side < 2; side++)
        held += tls_opener_held(u->half[side].opener) + tls_opener_held(u->half[side].spare);
    return held;
}

void tls_unlocked_free(struct unlocked *u)
{
    if (!u)
        return;
    for (int side = 0; side < 2; side++) {
        tls_opener_free(u->half[side].opener);
        tls_opener_free(u->half[side].spare);
    }
    explicit_bzero(u, sizeof *u);
    free(u);
}

bool tls_is_protected(const struct tls *t, enum side side, const struct input *below)
{
    const struct direction *d = &t->side[side];
    struct bytes next = input_peek(below);
    if (!d->begun || d->lost || d->blind || d->header_len || d->spoiled)
        return false;
    if (d->adrift)
        return t->keys == KEYS_THERE && next.len;
    if (!next.len)
        return false;
    if (next.data[0] == TYPE_APPLICATION)
        return true;
    return d->changed_cipher && (next.data[0] != TYPE_CHANGE_CIPHER || d->finished) && t->handshake &&
           handshake_version(t->handshake) < TLS_1_3;
}

/* --- looking for keys --- */

static enum unlock lock(struct session *s, struct tls *t, const char *why)
{
    tls_unlocked_free(t->unlocked);
    t->unlocked = NULL;
    t->keys = KEYS_NONE;
    t->early_waits = false;
    t->no_key = why;
    session_opaque(s);
    return UNLOCK_NEVER;
}

static bool find_master(struct keylog *log, const struct hellos *hellos, struct tls_opener *openers[static 2])
{
    const struct server_hello_kept *server = &hellos->server;
    struct bytes client_random = bytes_of(hellos->client.random, TLS_RANDOM_SIZE);
    struct secret master;
    if (!keylog_find(log, KEYLOG_MASTER, hellos->client.random, &master))
        return false;
    tls_openers_from_master(openers, server->version, server->cipher, bytes_of(master.octets, master.len),
                            client_random, bytes_of(server->random, TLS_RANDOM_SIZE), server->encrypt_then_mac);
    OPENSSL_cleanse(&master, sizeof master);
    return openers[CLIENT] && openers[SERVER];
}

static void find_early(struct keylog *log, const struct handshake *h, struct half *half)
{
    struct secret early;
    half->tolerant |= h->now.client.early_data;
    half->early_awaited = h->now.client.early_data && h->now.server.resumed && !h->now.server.is_retry;
    if (!half->early_awaited || !keylog_find(log, KEYLOG_CLIENT_EARLY, h->now.client.random, &early))
        return;
    half->spare = tls_opener_from_secret(h->now.server.cipher, bytes_of(early.octets, early.len));
    OPENSSL_cleanse(&early, sizeof early);
}

/* With the traffic secret alone the handshake is not read, but what follows. */
static bool find_traffic(struct keylog *log, const struct handshake *h, enum side side, struct half *half)
{
    struct secret first;
    bool is_client = side == CLIENT;
    if (!keylog_find(log, is_client ? KEYLOG_CLIENT_TRAFFIC : KEYLOG_SERVER_TRAFFIC, h->now.client.random,
                     &half->traffic))
        return false;
    if (!keylog_find(log, is_client ? KEYLOG_CLIENT_HANDSHAKE : KEYLOG_SERVER_HANDSHAKE, h->now.client.random,
                     &first)) {
        first = half->traffic;
        half->traffic.len = 0;
        half->tolerant = true;
    }
    if (is_client)
        find_early(log, h, half);
    half->opener = tls_opener_from_secret(h->now.server.cipher, bytes_of(first.octets, first.len));
    OPENSSL_cleanse(&first, sizeof first);
    return half->opener;
}

static bool find_keys(struct keylog *log, const struct handshake *h, struct unlocked *u)
{
    struct tls_opener *openers[2] = {NULL, NULL};
    if (h->now.server.version < TLS_1_3) {
        bool found = find_master(log, &h->now, openers);
        u->half[CLIENT].opener = openers[CLIENT];
        u->half[SERVER].opener = openers[SERVER];
        return found;
    }
    return find_traffic(log, h, CLIENT, &u->half[CLIENT]) && find_traffic(log, h, SERVER, &u->half[SERVER]);
}

/* While the other side's hello is still to come, and while the key log grows, the records may wait. */
static bool may_wait(struct session *s, enum side side)
{
    return !session_overheld(s, side) && !(session_closed(s, CLIENT) && session_closed(s, SERVER));
}

enum unlock tls_unlock(struct session *s, struct tls *t, enum side side)
{
    const struct handshake *h = t->handshake;
    struct keylog *log = session_keylog(s);
    if (t->keys != KEYS_UNASKED)
        return t->keys == KEYS_THERE ? UNLOCK_DONE : UNLOCK_NEVER;
    if (side == CLIENT && h && h->now.client.early_data && !h->now.server.known && may_wait(s, CLIENT) &&
        !session_dark(s, SERVER)) {
        t->early_waits = true;
        return UNLOCK_WAIT;
    }
    if (!h || !h->now.client.known || !h->now.server.known)
        return session_behind(s, side) ? UNLOCK_WAIT : lock(s, t, "handshake_lost");
    if (!tls_can_open(h->now.server.version, h->now.server.cipher))
        return lock(s, t, "unsupported");
    struct unlocked *u = memory_get(sizeof *u);
    if (find_keys(log, h, u)) {
        t->unlocked = u;
        t->keys = KEYS_THERE;
        return UNLOCK_DONE;
    }
    tls_unlocked_free(u);
    return keylog_grows(log) && may_wait(s, side) ? UNLOCK_WAIT : lock(s, t, "no_key");
}

/* --- reading --- */

/* Nothing more of that side is read. */
static void go_blind(struct session *s, struct tls *t, enum side side)
{
    struct direction *d = &t->side[side];
    d->blind = true;
    session_note(s, NOTE_stopped_following);
    session_opaque_side(s, side);
}

/* The first record says whether these are the keys at all. */
static bool not_opened(struct session *s, struct tls *t, enum side side)
{
    const struct unlocked *u = t->unlocked;
    if (!u->half[CLIENT].opened && !u->half[SERVER].opened)
        lock(s, t, "wrong_key");
    else
        go_blind(s, t, side);
    return false;
}

static void take(struct session *s, struct tls *t, enum side side, struct input *below, size_t len)
{
    struct chunk chunk;
    if (!input_take(below, len, &chunk))
        return;
    tls_take_mark(t, &chunk);
    tls_count_record(s, t, side, &chunk);
}

static void use_spare(struct half *half)
{
    tls_opener_free(half->opener);
    half->opener = half->spare;
    half->spare = NULL;
}

/* What changes the keys: EndOfEarlyData, the Finished, KeyUpdate; false: what cannot be followed. */
static bool change_keys(struct tls *t, enum side side)
{
    struct half *half = &t->unlocked->half[side];
    const struct handshake *h = t->handshake;
    const struct handshake_side *m = &h->side[side];
    if (m->skip || m->message.len)
        return true; /* in the middle of a message */
    if (h->now.server.version < TLS_1_3)
        return true; /* ChangeCipherSpec does */
    if (m->early_ended && half->early_read) {
        half->early_read = false;
        use_spare(half);
    }
    if (m->finished && half->traffic.len) {
        tls_opener_free(half->opener);
        half->opener = tls_opener_from_secret(h->now.server.cipher, bytes_of(half->traffic.octets, half->traffic.len));
        OPENSSL_cleanse(&half->traffic, sizeof half->traffic);
    }
    for (; half->opener && half->updates < m->updates; half->updates++)
        if (!tls_opener_update(half->opener))
            return false;
    return half->opener;
}

/* What came out of a record that is not of the dialogue. */
static void read_other(struct session *s, struct tls *t, enum side side, uint8_t type, struct bytes text, int64_t when)
{
    bool ok = true;
    if (type == TYPE_HANDSHAKE) {
        handshake_octets(t->handshake, side, text, when);
        ok = change_keys(t, side);
    } else if (type == TYPE_CHANGE_CIPHER && t->unlocked->half[side].spare) {
        use_spare(&t->unlocked->half[side]);
    } else if (type == TYPE_ALERT && text.len == 2) {
        if (text.data[1]) /* close_notify is how each should end */
            handshake_alert(t->handshake, side, text.data);
    } else {
        ok = false;
    }
    if (!ok)
        go_blind(s, t, side);
}

/* The record that is whole here. */
static bool open_record(struct session *s, struct tls *t, enum side side, struct input *below, struct buf *out,
                        struct bytes record, uint64_t ahead)
{
    struct half *half = &t->unlocked->half[side];
    struct bytes content = bytes_part(record, TLS_HEADER_SIZE, SIZE_MAX);
    uint8_t *to = buf_room(out, content.len + 1), type;
    struct mark first;
    size_t len;
    if (!to || !input_unread(below, &first) || !tls_open(half->opener, record.data, content, ahead, to, &len, &type))
        return false;
    if (half->early_octets > EARLY_END) {
        t->no_key = "no_key";
        session_skip(s, side, half->early_at, half->early_octets - EARLY_END);
    }
    half->early_octets = 0;
    half->opened = true;
    half->hunted = half->trials = 0;
    half->next = first.at + record.len;
    session_decrypted(s);
    take(s, t, side, below, record.len);
    if (type == TYPE_APPLICATION)
        out->len += len;
    else
        read_other(s, t, side, type, bytes_of(to, len), first.when);
    return true;
}

static bool is_header(const uint8_t *data, size_t len)
{
    size_t content = len < TLS_HEADER_SIZE ? 1 : (size_t)data[3] << 8 | data[4];
    return tls_may_begin(bytes_of(data, len)) && content && content <= TLS_RECORD_MOST;
}

static size_t length_of(const uint8_t *header)
{
    return TLS_HEADER_SIZE + ((size_t)header[3] << 8 | header[4]);
}

static void pass_over(struct tls *t, enum side side, struct input *below, size_t len)
{
    struct half *half = &t->unlocked->half[side];
    struct chunk chunk;
    half->hunted += len;
    for (; len && input_take(below, len, &chunk); len -= chunk.bytes.len)
        tls_take_mark(t, &chunk);
}

/* The record is so many behind the last that was read. Keys for what comes behind the Finished may be due by now. */
static bool try_numbers(struct session *s, struct tls *t, enum side side, struct input *below, struct buf *out,
                        struct bytes record, uint64_t *ahead)
{
    for (*ahead = 0; *ahead <= AHEAD_MOST; ++*ahead)
        if (open_record(s, t, side, below, out, record, *ahead))
            return true;
    return false;
}

static bool try_next_keys(struct session *s, struct tls *t, enum side side, struct input *below, struct buf *out,
                          struct bytes record, uint64_t *ahead)
{
    struct half *half = &t->unlocked->half[side];
    struct tls_opener *before = half->opener;
    struct secret traffic = half->traffic;
    if (!traffic.len)
        return false;
    half->traffic.len = 0;
    half->opener = tls_opener_from_secret(t->handshake->now.server.cipher, bytes_of(traffic.octets, traffic.len));
    if (half->opener && try_numbers(s, t, side, below, out, record, ahead)) {
        tls_opener_free(before);
        OPENSSL_cleanse(&traffic, sizeof traffic);
        OPENSSL_cleanse(&half->traffic, sizeof half->traffic);
        return true;
    }
    tls_opener_free(half->opener);
    half->opener = before;
    half->traffic = traffic;
    OPENSSL_cleanse(&traffic, sizeof traffic);
    return false;
}

/* A record was opened behind a loss: how much of the dialogue is lost there? False: that cannot be told. */
static bool tell_lost(struct session *s, struct tls *t, enum side side, uint64_t from, uint64_t octets,
                      uint64_t records, bool new_keys)
{
    size_t overhead = tls_opener_overhead(t->unlocked->half[side].opener) + TLS_HEADER_SIZE;
    if (new_keys) /* what was lost before these keys is of no dialogue */
        return !records;
    if (octets < records * overhead || (octets && !records))
        return false;
    session_skip(s, side, from, octets - records * overhead);
    return true;
}

/* Behind a loss: finds the next record. What stands before it is passed over first, so that the record is the first
   when it is opened. */
static bool hunt(struct session *s, struct tls *t, enum side side, struct input *below, struct buf *out)
{
    struct half *half = &t->unlocked->half[side];
    struct bytes octets = input_peek(below);
    uint64_t from = half->next, ahead = 0;
    size_t at = 0;
    if (half->hunted > HUNT_MOST || half->trials > TRIALS_MOST || !tls_opener_overhead(half->opener) || !from) {
        go_blind(s, t, side);
        return false;
    }
    while (at < octets.len && !is_header(octets.data + at, octets.len - at))
        at++;
    bool is_whole = octets.len - at >= TLS_HEADER_SIZE && octets.len - at >= length_of(octets.data + at);
    if (!at && !is_whole && !input_gap_ahead(below) && !session_closed(s, side))
        return true; /* more must come */
    if (at || !is_whole) {
        pass_over(t, side, below, at ? at : 1);
        return true;
    }
    half->trials++;
    struct bytes record = bytes_part(octets, 0, length_of(octets.data));
    uint64_t lost = input_at(below) - from;
    bool found = try_numbers(s, t, side, below, out, record, &ahead);
    bool new_keys = !found && try_next_keys(s, t, side, below, out, record, &ahead);
    if (!found && !new_keys) {
        pass_over(t, side, below, 1);
    } else if (!tell_lost(s, t, side, from, lost, ahead, new_keys)) {
        out->len = 0;
        go_blind(s, t, side);
    }
    return true;
}

/* Early data waits until the server's EncryptedExtensions say what becomes of it. False: wait. */
static bool settle_early(struct session *s, struct tls *t)
{
    struct half *half = &t->unlocked->half[CLIENT];
    const struct server_hello_kept *server = &t->handshake->now.server;
    const struct direction *v = &t->side[SERVER];
    t->early_waits = half->early_awaited && !server->answered_early && !v->lost && !v->blind && !v->adrift &&
                     !session_closed(s, SERVER) && !session_overheld(s, CLIENT);
    if (!half->early_awaited || t->early_waits)
        return !t->early_waits;
    half->early_awaited = false;
    half->early_read = half->spare && server->takes_early;
    half->early_lost = !half->spare && (server->takes_early || !server->answered_early);
    if (half->early_read) {
        struct tls_opener *early = half->spare;
        half->spare = half->opener;
        half->opener = early;
    } else {
        tls_opener_free(half->spare);
        half->spare = NULL;
    }
    return true;
}

/* A renegotiation: before its ChangeCipherSpec is read, both hellos have to be, and what it brings. False: wait. */
static bool settle_renewal(struct session *s, struct tls *t, enum side side, uint8_t type)
{
    struct unlocked *u = t->unlocked;
    struct hellos *next = &t->handshake->next;
    struct tls_opener *openers[2] = {NULL, NULL};
    if (handshake_version(t->handshake) >= TLS_1_3 || !t->side[side].finished ||
        (type != TYPE_HANDSHAKE && type != TYPE_CHANGE_CIPHER))
        return true;
    if (session_behind(s, side))
        return false;
    if (type != TYPE_CHANGE_CIPHER || u->half[side].spare || !next->client.known || !next->server.known ||
        !tls_can_open(next->server.version, next->server.cipher) || next->server.version >= TLS_1_3)
        return true;
    if (!find_master(session_keylog(s), next, openers) && keylog_grows(session_keylog(s)) && may_wait(s, side)) {
        tls_opener_free(openers[CLIENT]);
        tls_opener_free(openers[SERVER]);
        return false;
    }
    if (!openers[CLIENT] || !openers[SERVER])
        t->no_key = "no_key";
    for (int i = 0; i < 2; i++) {
        tls_opener_free(u->half[i].spare);
        u->half[i].spare = openers[i];
    }
    *next = (struct hellos){0};
    return true;
}

/* It is not for these keys, but for others that came before them; it is passed over. */
static bool tolerate(struct session *s, struct tls *t, enum side side, struct input *below, size_t len)
{
    struct half *half = &t->unlocked->half[side];
    size_t overhead = tls_opener_overhead(half->opener) + TLS_HEADER_SIZE;
    if (half->opened || !half->tolerant || half->tolerated++ == TOLERATED)
        return not_opened(s, t, side);
    if (!half->early_octets)
        half->early_at = input_at(below);
    half->early_octets += half->early_lost && len > overhead ? len - overhead : 0;
    take(s, t, side, below, len);
    return true;
}

bool tls_read_on(struct session *s, struct tls *t, enum side side, struct input *below, struct buf *out)
{
    struct direction *d = &t->side[side];
    struct half *half = &t->unlocked->half[side];
    struct bytes octets = input_peek(below);
    if (side == CLIENT && !settle_early(s, t))
        return true;
    if (d->adrift)
        return hunt(s, t, side, below, out);
    bool is_whole = octets.len >= TLS_HEADER_SIZE && octets.len >= length_of(octets.data);
    if (!is_whole && !input_gap_ahead(below) && !session_closed(s, side))
        return true; /* more must come */
    if (octets.len >= TLS_HEADER_SIZE && !is_header(octets.data, octets.len)) {
        go_blind(s, t, side);
        return false;
    }
    if (!is_whole) {
        d->spoiled = octets.len >= TLS_HEADER_SIZE;
        return false;
    }
    struct bytes record = bytes_part(octets, 0, length_of(octets.data));
    if (!settle_renewal(s, t, side, octets.data[0]) || open_record(s, t, side, below, out, record, 0))
        return true;
    if (half->early_read && !half->opened) { /* the key of that alone is wrong */
        half->early_read = false;
        half->early_lost = true;
        use_spare(half);
    }
    return tolerate(s, t, side, below, record.len);
}

void tls_spoiled(struct session *s, struct tls *t, enum side side)
{
    struct direction *d = &t->side[side];
    struct half *half = &t->unlocked->half[side];
    size_t len = length_of(d->header), overhead = tls_opener_overhead(half->opener) + TLS_HEADER_SIZE;
    d->spoiled = false;
    if (!half->opened || overhead == TLS_HEADER_SIZE || len < overhead || d->header[0] != TYPE_APPLICATION ||
        half->traffic.len) {
        go_blind(s, t, side);
        return;
    }
    tls_opener_skip(half->opener);
    half->next = d->record.at + len;
    session_skip(s, side, d->record.at, len - overhead);
}

uint64_t tls_settled(const struct tls *t, enum side side, uint64_t at)
{
    const struct direction *d = &t->side[side];
    uint64_t next = t->unlocked ? t->unlocked->half[side].next : 0;
    return next && d->adrift && !d->blind && next < at ? next : at;
}
