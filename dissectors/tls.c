/* TLS under a dialogue (RFC 8446, 5246; STARTTLS: RFC 3207, 2595): without keys nothing comes out. Its records are
   walked, and what the handshake tells in clear is told.

   After STARTTLS the first octets of both directions decide what really follows: TLS, perhaps behind clear text that
   somebody put there; or clear text on both sides, where the tap is behind a device that decrypts. */
#include "base/clock.h"
#include "session/filter.h"
#include "tls_handshake.h"
#include "tls_names.h"

enum { TYPE_CHANGE_CIPHER = 20, TYPE_ALERT = 21, TYPE_HANDSHAKE = 22, TYPE_APPLICATION = 23 };

#define HEADER_SIZE   5
#define LINE_MOST     4096 /* of clear text */
#define FINISHED_SIZE 53   /* TLS 1.3: the least a Finished takes when encrypted; an alert takes 19 */
#define FLIGHTS       4

enum look { LOOK_NOTHING, LOOK_TLS, LOOK_TEXT };

struct direction {
    uint64_t clear;       /* octets before the first TLS record */
    uint64_t application; /* octets in records of application data */
    uint32_t left;        /* of the record being walked */
    uint8_t header[HEADER_SIZE], header_len;
    uint8_t alert[2], alert_len; /* of an alert in clear */
    bool begun;                  /* the first TLS record was met */
    bool lost;                   /* where records begin is not known any more */
    bool adrift;                 /* it was lost; what comes next may be a header all the same */
    bool changed_cipher, has_application;
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

struct tls {
    struct direction side[2];
    struct mark first, last;
    struct handshake *handshake;    /* null until the first record */
    struct flight flights[FLIGHTS]; /* what more there are is added to the last */
    uint8_t flight_count;
    bool decided, marked, implicit;
};

static bool is_record(const uint8_t *data, size_t len)
{
    return data[0] >= 20 && data[0] <= 23 && (len < 2 || data[1] == 3) && (len < 3 || data[2] <= 4);
}

static enum look look_at(struct session *s, enum side side, const struct input *below)
{
    struct bytes octets = input_peek(below);
    struct mark mark;
    if (octets.len)
        return is_record(octets.data, octets.len) ? LOOK_TLS : LOOK_TEXT;
    if (input_unread(below, &mark) || session_dark(s, side))
        return LOOK_TLS; /* what it was is lost: what the other side says holds */
    return LOOK_NOTHING;
}

static void keep_verb(struct session *s, struct bytes text)
{
    struct record *facts = session_facts(s);
    struct bytes word = bytes_word(&text);
    if (session_is_proto(s, "imap")) /* that was the tag */
        word = bytes_word(&text);
    size_t n = 0;
    while (n < word.len && (byte_is_letter(word.data[n]) || word.data[n] == '-'))
        n++;
    if (n == word.len && n >= 2 && n <= 24 && !record_has(facts, F_session_clear_after_tls_verb))
        record_text(facts, F_session_clear_after_tls_verb, word);
}

/* Clear text before the first record: how much of it there is here. */
static size_t clear_text(struct bytes octets)
{
    for (size_t i = 0; i < octets.len; i++)
        if (octets.data[i] >= 20 && octets.data[i] <= 23 && is_record(octets.data + i, octets.len - i))
            return i;
    return octets.len;
}

static void count_application(struct tls *t, enum side side, size_t n)
{
    struct direction *d = &t->side[side];
    d->application += n;
    if (side == SERVER)
        t->flights[t->flight_count - 1].octets += n;
}

/* Which octets of the server belong to the handshake is known when the client's Finished is: those sent before. */
static void begin_flight(struct tls *t, uint64_t seen)
{
    unsigned n = t->flight_count;
    if (!n || (t->flights[n - 1].seen != seen && n < FLIGHTS))
        t->flights[t->flight_count++] = (struct flight){.seen = seen};
    else if (t->flights[n - 1].seen < seen)
        t->flights[n - 1].seen = seen;
}

static void end_record(struct tls *t, enum side side, int64_t when)
{
    struct direction *d = &t->side[side];
    unsigned len = (unsigned)d->header[3] << 8 | d->header[4];
    d->header_len = 0;
    d->adrift = false;
    switch (d->header[0]) {
    case TYPE_CHANGE_CIPHER:
        d->changed_cipher = true;
        break;
    case TYPE_ALERT:
        if (len == sizeof d->alert && d->alert_len == len) /* an encrypted one is longer */
            handshake_alert(t->handshake, side, d->alert);
        d->alert_len = 0;
        break;
    case TYPE_HANDSHAKE:
        if (d->changed_cipher && !d->finished) {
            d->finished = true;
            d->finished_when = when;
        }
        break;
    case TYPE_APPLICATION:
        if (side == CLIENT && !d->finished13 && len >= FINISHED_SIZE && d->record.seen > d->begun_seen) {
            d->finished13 = true;
            d->finished13_when = when;
            d->finished13_at = d->record.at;
            d->handshake = d->application;
        }
        break;
    default:
        break;
    }
}

static void begin_record(struct session *s, struct tls *t, enum side side)
{
    struct direction *d = &t->side[side];
    d->left = (uint32_t)d->header[3] << 8 | d->header[4];
    if (!is_record(d->header, sizeof d->header) || (d->adrift && d->left > 16384 + 2048)) {
        d->lost = true;
        return;
    }
    if (!t->handshake)
        t->handshake = handshake_new(session_limits(s));
    if (d->adrift)
        handshake_gap(t->handshake, side, SIZE_MAX);
    if (d->header[0] != TYPE_APPLICATION)
        return;
    d->has_application = true;
    if (side == SERVER)
        begin_flight(t, d->record.seen);
}

/* Handshake records behind ChangeCipherSpec are encrypted; but behind a HelloRetryRequest, of TLS 1.3, it means
 * nothing.
 */
static bool is_in_clear(const struct tls *t, enum side side)
{
    return !t->side[side].changed_cipher || t->handshake->server.is_retry;
}

static void take_content(struct tls *t, enum side side, const struct chunk *chunk)
{
    struct direction *d = &t->side[side];
    switch (d->header[0]) {
    case TYPE_APPLICATION:
        count_application(t, side, chunk->bytes.len);
        break;
    case TYPE_HANDSHAKE:
        if (is_in_clear(t, side))
            handshake_octets(t->handshake, side, chunk->bytes, chunk->last.when);
        break;
    case TYPE_ALERT:
        for (size_t i = 0; i < chunk->bytes.len && d->alert_len < sizeof d->alert; i++)
            d->alert[d->alert_len++] = chunk->bytes.data[i];
        break;
    default:
        break;
    }
}

/* Takes octets up to the end of the header, or of the record. */
static void walk(struct session *s, struct tls *t, enum side side, const struct chunk *chunk)
{
    struct direction *d = &t->side[side];
    if (d->lost)
        return;
    if (d->header_len == HEADER_SIZE) {
        take_content(t, side, chunk);
        d->left -= (uint32_t)chunk->bytes.len;
    } else {
        if (!d->header_len)
            d->record = chunk->first;
        memcpy(d->header + d->header_len, chunk->bytes.data, chunk->bytes.len);
        d->header_len = (uint8_t)(d->header_len + chunk->bytes.len);
        if (d->header_len < HEADER_SIZE)
            return;
        begin_record(s, t, side);
    }
    if (!d->left && !d->lost)
        end_record(t, side, chunk->last.when);
}

/* Lost octets inside a record leave its end known; else the next octets may begin a record, or not. */
static void walk_gap(struct tls *t, enum side side, const struct chunk *chunk)
{
    struct direction *d = &t->side[side];
    if (d->header_len < HEADER_SIZE) {
        d->header_len = 0;
        d->adrift = true;
        return;
    }
    if (d->header[0] == TYPE_HANDSHAKE && is_in_clear(t, side))
        handshake_gap(t->handshake, side, chunk->bytes.len);
    d->left -= (uint32_t)chunk->bytes.len;
    if (!d->left)
        end_record(t, side, chunk->last.when);
}

/* What may be taken in one go: nothing beyond the end of the header, or of the record. */
static uint64_t portion(const struct direction *d)
{
    if (d->lost)
        return UINT64_MAX;
    return d->header_len < HEADER_SIZE ? (uint64_t)(HEADER_SIZE - d->header_len) : d->left;
}

static void take_mark(struct tls *t, const struct chunk *chunk)
{
    if (!t->marked || chunk->first.when < t->first.when)
        t->first = chunk->first;
    if (!t->marked || chunk->last.when > t->last.when)
        t->last = chunk->last;
    t->marked = true;
}

/* Clear text goes by whole lines, and a record is one by three octets: however the segments were cut, the same is told.
   False: more must come. */
static bool take_clear(struct session *s, struct tls *t, enum side side, struct input *below)
{
    struct direction *d = &t->side[side];
    struct chunk chunk;
    struct bytes octets = input_peek(below);
    size_t clear = clear_text(octets);
    bool record = octets.len - clear >= 3, whole = octets.len != input_end(below) - input_at(below);
    whole |= session_closed(s, side) || octets.len > LINE_MOST;
    if (!octets.len) {
        d->begun = input_take(below, UINT64_MAX, &chunk); /* a gap: the rest cannot be told from records */
        if (d->begun)
            take_mark(t, &chunk);
        d->lost = d->begun;
        return d->begun;
    }
    if (!record && !whole && bytes_index(octets, '\n') >= clear)
        return false;
    if (clear && side == CLIENT && !d->clear)
        keep_verb(s, bytes_part(octets, 0, bytes_index(bytes_part(octets, 0, clear), '\r')));
    if (clear && input_take(below, clear, &chunk))
        take_mark(t, &chunk);
    d->clear += clear;
    d->begun = clear < octets.len && (record || whole);
    return d->begun || clear;
}

/* Is what it says all told? Then it does not matter which side is read first. */
static bool is_past_handshake(const struct tls *t)
{
    const struct direction *c = &t->side[CLIENT], *v = &t->side[SERVER];
    return (c->lost || c->has_application || c->finished) && (v->lost || v->has_application || v->finished);
}

static void consume(struct session *s, struct tls *t, enum side side, struct input *below)
{
    struct direction *d = &t->side[side];
    struct chunk chunk;
    while (!d->begun)
        if (!take_clear(s, t, side, below))
            return;
    while (is_past_handshake(t) || !session_behind(s, side)) {
        if (!input_take(below, portion(d), &chunk))
            return;
        take_mark(t, &chunk);
        if (!d->begun_when) {
            d->begun_when = chunk.first.when;
            d->begun_seen = chunk.first.seen;
        }
        if (chunk.bytes.data)
            walk(s, t, side, &chunk);
        else if (!d->lost)
            walk_gap(t, side, &chunk);
    }
}

/* Did both sides go on in clear text, so that the dialogue can be read on? */
static void decide(struct session *s, struct tls *t, enum side side, const struct input *client,
                   const struct input *server)
{
    enum look c = look_at(s, CLIENT, client), v = look_at(s, SERVER, server);
    if (c == LOOK_TEXT && v == LOOK_TEXT) {
        record_flag(session_facts(s), F_session_decrypted_capture);
        session_unfilter(s);
        return;
    }
    bool known = (c == LOOK_TLS && v != LOOK_NOTHING) || v == LOOK_TLS;
    if (!known && session_patient(s, side))
        return;
    if (!known && !(session_closed(s, CLIENT) && session_closed(s, SERVER)))
        return;
    t->decided = true;
    t->implicit = session_is_implicit(s);
    session_opaque(s);
}

static void pass(struct session *s, void *state, enum side side, struct input *below, struct buf *out)
{
    struct tls *t = state;
    (void)out;
    if (!t->decided) {
        struct input *other = session_below(s, side_other(side));
        decide(s, t, side, side == CLIENT ? below : other, side == CLIENT ? other : below);
        if (!session_is_filtered(s) || !t->decided)
            return;
    }
    consume(s, t, side, below);
}

static void write_clear(struct session *s, const struct tls *t)
{
    uint64_t c = t->side[CLIENT].clear, v = t->side[SERVER].clear;
    if (c)
        record_number(session_facts(s), F_session_clear_after_tls_c2s, c);
    if (v)
        record_number(session_facts(s), F_session_clear_after_tls_s2c, v);
    if (c || v)
        session_note(s, NOTE_clear_after_tls);
    if (c && t->side[CLIENT].begun)
        session_note(s, NOTE_tls_injection);
}

static bool is_tls13(const struct tls *t)
{
    return t->handshake && handshake_version(t->handshake) >= TLS_1_3;
}

static bool is_established(const struct tls *t)
{
    const struct direction *c = &t->side[CLIENT], *v = &t->side[SERVER];
    uint16_t version = t->handshake ? handshake_version(t->handshake) : 0;
    if (version >= TLS_1_3)
        return c->finished13 && v->has_application;
    if (c->changed_cipher && v->changed_cipher)
        return true;
    if (version)
        return c->has_application || v->has_application;
    return c->has_application && (v->has_application || c->finished || c->finished13);
}

/* Octets behind the handshake. In TLS 1.3 its last part looks like all that follows: of the client it is taken to end
   with the first record that has room for a Finished, of the server it is what was sent before that was received. */
static uint64_t octets_behind(const struct tls *t, enum side side)
{
    const struct direction *c = &t->side[CLIENT];
    uint64_t octets = 0;
    if (!is_tls13(t))
        return t->side[side].application;
    if (side == CLIENT)
        return c->application - c->handshake;
    for (unsigned i = 0; i < t->flight_count; i++)
        if (c->finished13 && t->flights[i].seen > c->finished13_at)
            octets += t->flights[i].octets;
    return octets;
}

static void write_duration(const struct tls *t, struct record *r)
{
    const struct direction *c = &t->side[CLIENT], *v = &t->side[SERVER];
    int64_t end = c->finished_when > v->finished_when ? c->finished_when : v->finished_when;
    bool known = is_tls13(t) ? c->finished13 : c->finished && v->finished;
    if (is_tls13(t))
        end = c->finished13_when;
    if (known && t->handshake->client.known && end >= c->begun_when)
        record_number(r, F_tls_handshake_us, (uint64_t)((end - c->begun_when) / CLOCK_US));
}

static void write_record(struct session *s, const struct tls *t)
{
    struct record *r = session_record(s, KIND_tls, 1);
    record_word(r, F_tls_how, t->implicit ? "implicit" : session_is_proto(s, "pop3") ? "stls" : "starttls");
    record_boolean(r, F_tls_established, is_established(t));
    if (t->handshake) {
        record_join(r, t->handshake->facts);
        write_duration(t, r);
    }
    record_number(r, F_tls_bytes_c2s, octets_behind(t, CLIENT));
    record_number(r, F_tls_bytes_s2c, octets_behind(t, SERVER));
    session_emit(s, r, &t->first, &t->last);
}

static void close(struct session *s, void *state)
{
    struct tls *t = state;
    write_clear(s, t);
    if (t->marked && (t->side[CLIENT].begun || t->side[SERVER].begun))
        write_record(s, t);
}

static void release(void *state)
{
    struct tls *t = state;
    handshake_free(t->handshake);
}

static size_t held(const void *state)
{
    const struct tls *t = state;
    return t->handshake ? handshake_held(t->handshake) : 0;
}

const struct filter tls_filter = {
    .name = "tls",
    .state_size = sizeof(struct tls),
    .pass = pass,
    .close = close,
    .held = held,
    .release = release,
};
