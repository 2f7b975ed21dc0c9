/* TLS under a dialogue (RFC 8446, 5246; STARTTLS: RFC 3207, 2595): without keys nothing comes out. Its records are
   walked, and what the handshake tells in clear is told.

   After STARTTLS the first octets of both directions decide what really follows: TLS, perhaps behind clear text that
   somebody put there; or clear text on both sides, where the tap is behind a device that decrypts. */
#include "base/clock.h"
#include "tls_state.h"

#define LINE_MOST 4096 /* of clear text */

enum look { LOOK_NOTHING, LOOK_TLS, LOOK_TEXT };

static enum look look_at(struct session *s, enum side side, const struct input *below)
{
    struct bytes octets = input_peek(below);
    struct mark mark;
    if (octets.len)
        return tls_may_begin(octets) ? LOOK_TLS : LOOK_TEXT;
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
        if (tls_may_begin(bytes_part(octets, i, octets.len)))
            return i;
    return octets.len;
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
            tls_take_mark(t, &chunk);
        d->lost = d->begun;
        return d->begun;
    }
    if (!record && !whole && bytes_index(octets, '\n') >= clear)
        return false;
    if (clear && side == CLIENT && !d->clear)
        keep_verb(s, bytes_part(octets, 0, bytes_index(bytes_part(octets, 0, clear), '\r')));
    if (clear && input_take(below, clear, &chunk))
        tls_take_mark(t, &chunk);
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

static void consume(struct session *s, struct tls *t, enum side side, struct input *below, struct buf *out)
{
    struct direction *d = &t->side[side];
    struct chunk chunk;
    uint64_t from = input_at(below);
    while (!d->begun)
        if (!take_clear(s, t, side, below))
            return;
    while (is_past_handshake(t) || (side == SERVER && t->early_waits) || !session_behind(s, side)) {
        if (t->keys != KEYS_NONE && tls_is_protected(t, side, below)) {
            if (input_at(below) != from)
                return; /* what comes out has the mark of what is first when we are called */
            enum unlock unlock = tls_unlock(s, t, side);
            if (unlock == UNLOCK_WAIT || (unlock == UNLOCK_DONE && tls_read_on(s, t, side, below, out)))
                return;
        }
        if (!input_take(below, tls_portion(d, below), &chunk))
            return;
        tls_take_mark(t, &chunk);
        if (!d->begun_when) {
            d->begun_when = chunk.first.when;
            d->begun_seen = chunk.first.seen;
        }
        if (chunk.bytes.data)
            tls_walk(s, t, side, &chunk);
        else if (!d->lost)
            tls_walk_gap(s, t, side, &chunk);
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
    if (session_keylog(s))
        return;
    t->keys = KEYS_NONE;
    session_opaque(s);
}

static void pass(struct session *s, void *state, enum side side, struct input *below, struct buf *out)
{
    struct tls *t = state;
    if (!t->decided) {
        struct input *other = session_below(s, side_other(side));
        decide(s, t, side, side == CLIENT ? below : other, side == CLIENT ? other : below);
        if (!session_is_filtered(s) || !t->decided)
            return;
    }
    consume(s, t, side, below, out);
    if (t->handshake && is_past_handshake(t))
        handshake_trim(t->handshake);
}

static void write_clear(struct session *s, const struct tls *t)
{
    uint64_t c = t->side[CLIENT].clear, v = t->side[SERVER].clear;
    record_nonzero(session_facts(s), F_session_clear_after_tls_c2s, c);
    record_nonzero(session_facts(s), F_session_clear_after_tls_s2c, v);
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
    if (known && t->handshake->now.client.known && end >= c->begun_when)
        record_number(r, F_tls_handshake_us, (uint64_t)((end - c->begun_when) / CLOCK_US));
}

/* Facts of the whole conversation, not of one message. */
static void write_course(const struct tls *t, struct record *r)
{
    const struct direction *c = &t->side[CLIENT], *v = &t->side[SERVER];
    uint32_t renewals = c->renewals > v->renewals ? c->renewals : v->renewals;
    const char *early = handshake_early_data(t->handshake);
    write_duration(t, r);
    if (renewals && !is_tls13(t))
        record_number(r, F_tls_renegotiated, renewals);
    if (early)
        record_word(r, F_tls_early_data, early);
    if (is_tls13(t) && !t->handshake->now.server.resumed && !record_has(r, F_tls_cert_visible))
        record_boolean(r, F_tls_cert_visible, false);
}

static void write_record(struct session *s, const struct tls *t)
{
    struct record *r = session_record(s, KIND_tls, 1);
    record_word(r, F_tls_how, t->how);
    record_boolean(r, F_tls_established, is_established(t));
    if (t->handshake) {
        record_join(r, t->handshake->facts);
        write_course(t, r);
    }
    if (t->no_key)
        record_word(r, F_tls_keylog, t->no_key);
    record_number(r, F_tls_bytes_c2s, octets_behind(t, CLIENT));
    record_number(r, F_tls_bytes_s2c, octets_behind(t, SERVER));
    session_emit(s, r, &t->first, &t->last);
}

static void close(struct session *s, void *state)
{
    struct tls *t = state;
    if (t->decided && t->keys == KEYS_UNASKED)
        session_opaque(s); /* nothing came that keys were needed for */
    write_clear(s, t);
    if (t->marked && (t->side[CLIENT].begun || t->side[SERVER].begun))
        write_record(s, t);
}

static uint64_t settled(const void *state, enum side side, uint64_t at)
{
    return tls_settled(state, side, at);
}

static void release(void *state)
{
    struct tls *t = state;
    handshake_free(t->handshake);
    tls_unlocked_free(t->unlocked);
}

static size_t held(const void *state)
{
    const struct tls *t = state;
    return (t->handshake ? handshake_held(t->handshake) : 0) + tls_unlocked_held(t->unlocked);
}

static const struct filter tls_filter = {
    .name = "tls",
    .state_size = sizeof(struct tls),
    .in_place = true,
    .pass = pass,
    .close = close,
    .settled = settled,
    .held = held,
    .release = release,
};

void tls_begin(struct session *s, const char *how)
{
    struct tls *t = session_filter(s, &tls_filter);
    if (t)
        t->how = how;
}
