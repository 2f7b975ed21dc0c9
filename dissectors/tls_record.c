/* The walk along the records of TLS (RFC 8446 section 5.1, 5246 section 6.2.1): what is handshake, alert or data, where
   each begins and ends, also behind losses. */
#include "tls_state.h"

#define HEADER_SIZE   TLS_HEADER_SIZE
#define FINISHED_SIZE 53 /* TLS 1.3: the least a Finished takes when encrypted; an alert takes 19 */

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

static void end_record(struct session *s, struct tls *t, enum side side, int64_t when)
{
    struct direction *d = &t->side[side];
    unsigned len = (unsigned)d->header[3] << 8 | d->header[4];
    d->header_len = 0;
    d->adrift = false;
    if (d->spoiled)
        tls_spoiled(s, t, side);
    switch (d->header[0]) {
    case TYPE_CHANGE_CIPHER:
        d->renewals += d->finished;
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
    if (!tls_may_begin(bytes_of(d->header, sizeof d->header)) || (d->adrift && d->left > 16384 + 2048)) {
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
    return !t->side[side].changed_cipher || t->handshake->now.server.is_retry;
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

void tls_walk(struct session *s, struct tls *t, enum side side, const struct chunk *chunk)
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
        end_record(s, t, side, chunk->last.when);
}

/* Lost octets inside a record leave its end known; else the next octets may begin a record, or not. */
void tls_walk_gap(struct session *s, struct tls *t, enum side side, const struct chunk *chunk)
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
        end_record(s, t, side, chunk->last.when);
}

uint64_t tls_portion(const struct direction *d, const struct input *below)
{
    bool is_gap = !input_peek(below).len;
    if (d->lost || (is_gap && d->header_len < HEADER_SIZE))
        return UINT64_MAX;
    return d->header_len < HEADER_SIZE ? (uint64_t)(HEADER_SIZE - d->header_len) : d->left;
}

void tls_take_mark(struct tls *t, const struct chunk *chunk)
{
    if (!t->marked || chunk->first.when < t->first.when)
        t->first = chunk->first;
    if (!t->marked || chunk->last.when > t->last.when)
        t->last = chunk->last;
    t->marked = true;
}

void tls_count_record(struct session *s, struct tls *t, enum side side, const struct chunk *record)
{
    struct direction *d = &t->side[side];
    memcpy(d->header, record->bytes.data, HEADER_SIZE);
    d->record = record->first;
    begin_record(s, t, side);
    if (d->header[0] == TYPE_APPLICATION)
        count_application(t, side, record->bytes.len - HEADER_SIZE);
    d->left = 0;
    end_record(s, t, side, record->last.when);
}
