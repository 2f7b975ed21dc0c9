/* TLS under a dialogue (RFC 8446, 5246; STARTTLS: RFC 3207, 2595): without keys nothing comes out. Its records are
   walked by their headers, to count octets and to see whether the handshake came to its end.

   After STARTTLS the first octets of both directions decide what really follows: TLS, perhaps behind clear text that
   somebody put there; or clear text on both sides, where the tap is behind a device that decrypts. */
#include "session/filter.h"

enum { TYPE_CHANGE_CIPHER = 20, TYPE_APPLICATION = 23 };

#define LINE_MOST 4096 /* of clear text */

enum look { LOOK_NOTHING, LOOK_TLS, LOOK_TEXT };

struct direction {
    uint64_t clear;       /* octets before the first TLS record */
    uint64_t application; /* octets in records of application data */
    uint32_t left;        /* of the record being walked */
    uint8_t header[5], header_len;
    bool begun; /* the first TLS record was met */
    bool lost;  /* where records begin is not known any more */
    bool changed_cipher, has_application;
};

struct tls {
    struct direction side[2];
    struct mark first, last;
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

/* Walks whole and partial records by their headers. */
static void walk(struct direction *d, struct bytes octets)
{
    size_t i = 0;
    while (i < octets.len && !d->lost) {
        if (d->left) {
            size_t n = octets.len - i < d->left ? octets.len - i : d->left;
            d->left -= (uint32_t)n;
            d->application += d->header[0] == TYPE_APPLICATION ? n : 0;
            i += n;
            continue;
        }
        d->header[d->header_len++] = octets.data[i++];
        if (d->header_len < sizeof d->header)
            continue;
        d->header_len = 0;
        d->left = (uint32_t)d->header[3] << 8 | d->header[4];
        d->changed_cipher |= d->header[0] == TYPE_CHANGE_CIPHER;
        d->has_application |= d->header[0] == TYPE_APPLICATION;
        d->lost = !is_record(d->header, sizeof d->header);
    }
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

static void consume(struct session *s, struct tls *t, enum side side, struct input *below)
{
    struct direction *d = &t->side[side];
    struct chunk chunk;
    while (!d->begun)
        if (!take_clear(s, t, side, below))
            return;
    while (input_take(below, UINT64_MAX, &chunk)) {
        take_mark(t, &chunk);
        if (chunk.bytes.data)
            walk(d, chunk.bytes);
        else
            d->lost = true;
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

static void close(struct session *s, void *state)
{
    struct tls *t = state;
    const struct direction *c = &t->side[CLIENT], *v = &t->side[SERVER];
    write_clear(s, t);
    if (!t->marked || (!c->begun && !v->begun))
        return;
    struct record *r = session_record(s, KIND_tls, 1);
    record_word(r, F_tls_how, t->implicit ? "implicit" : session_is_proto(s, "pop3") ? "stls" : "starttls");
    record_boolean(r, F_tls_established,
                   (c->has_application && v->has_application) || (c->changed_cipher && v->changed_cipher));
    record_number(r, F_tls_bytes_c2s, c->application);
    record_number(r, F_tls_bytes_s2c, v->application);
    session_emit(s, r, &t->first, &t->last);
}

const struct filter tls_filter = {
    .name = "tls",
    .state_size = sizeof(struct tls),
    .pass = pass,
    .close = close,
};
