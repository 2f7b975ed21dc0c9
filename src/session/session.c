/* A conversation: offering both directions to its dissector until nothing moves, waiting and giving up. */
#include "session_private.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

struct session *session_new(const struct session_settings *settings, struct flow *flow)
{
    struct session *s = memory_get(sizeof *s);
    s->settings = settings;
    s->flow = flow;
    s->facts = record_new(KIND_session, settings->limits);
    input_init(&s->in[CLIENT], settings->limits);
    input_init(&s->in[SERVER], settings->limits);
    session_rest_begin(s);
    return s;
}

static void free_filter(struct layer *l)
{
    if (l->filter->release)
        l->filter->release(l->state);
    explicit_bzero(l->state, l->filter->state_size);
    free(l->state);
}

void session_free(struct session *s)
{
    s = session_awake(s);
    session_rest_end(s);
    for (unsigned i = 0; i < s->layer_count; i++) {
        free_filter(&s->layers[i]);
        input_release(&s->layers[i].below[CLIENT]);
        input_release(&s->layers[i].below[SERVER]);
    }
    input_release(&s->in[CLIENT]);
    input_release(&s->in[SERVER]);
    dialogue_release(s);
    record_free(s->facts);
    free(s->state);
    free(s->layers);
    free(s->names);
    free(s->notes);
    free(s);
}

/* --- what dissectors call --- */

void *session_state(struct session *s)
{
    return s->state;
}

struct mail *session_mail(const struct session *s)
{
    return s->settings->mail;
}

const struct limits *session_limits(const struct session *s)
{
    return s->settings->limits;
}

struct keylog *session_keylog(const struct session *s)
{
    return s->settings->keylog;
}

struct record *session_facts(struct session *s)
{
    return s->facts;
}

void session_speaks_for(struct session *s, const char *client_ip, uint16_t client_port)
{
    record_drop(s->facts, F_all_proxied_client_ip);
    record_drop(s->facts, F_all_proxied_client_port);
    s->is_proxied = *client_ip != '\0';
    if (!s->is_proxied)
        return;
    record_word(s->facts, F_all_proxied_client_ip, client_ip);
    record_nonzero(s->facts, F_all_proxied_client_port, client_port);
}

void session_note(struct session *s, enum note n)
{
    if (!s->notes)
        s->notes = memory_get(NOTE_COUNT * sizeof *s->notes);
    s->notes[n]++;
}

void session_note_odd(struct session *s, unsigned odd)
{
    if (odd & 1u << ODD_BARE_LF)
        session_note(s, NOTE_bare_lf);
    if (odd & 1u << ODD_BARE_CR)
        session_note(s, NOTE_bare_cr);
    if (odd & 1u << ODD_NUL)
        session_note(s, NOTE_nul_octet);
}

void session_named(struct session *s, unsigned n)
{
    s->name = n;
}

/* Does it begin where its capture begins? Not if what was captured of it begins nowhere that is known. */
static bool is_whole_from_start(const struct tcp_side *h)
{
    return !(h->midway && h->octets) && (h->start || !h->packets);
}

bool session_from_start(const struct session *s)
{
    struct tcp_side c = tcp_side(&s->flow->tcp, CLIENT), v = tcp_side(&s->flow->tcp, SERVER);
    return (c.syn || v.syn) && is_whole_from_start(&c) && is_whole_from_start(&v);
}

bool session_closed(const struct session *s, enum side side)
{
    return s->ending || tcp_closed(&s->flow->tcp, (int)side);
}

bool session_seen_to_end(const struct session *s, enum side side)
{
    const struct tcp *t = &s->flow->tcp;
    return (tcp_closed(t, (int)side) || tcp_was_reset(t)) && !tcp_side(t, (int)side).missed &&
           !tcp_acked_unseen(t, (int)side);
}

struct input *session_input(struct session *s, enum side side)
{
    return &s->in[side];
}

uint64_t session_start(const struct session *s, enum side side)
{
    return session_from_start(s) ? tcp_start(&s->flow->tcp, (int)side) + s->heads[side] : 0;
}

bool session_saw_syn(const struct session *s, enum side side)
{
    return tcp_side(&s->flow->tcp, (int)side).syn;
}

void session_early(struct session *s, const struct mark *first, const struct mark *last)
{
    if (!s->early_end)
        s->early_seen = first->seen;
    if (first->seen == s->early_seen && last->at >= s->early_end)
        s->early_end = last->at + 1;
}

void session_greeted(struct session *s, const struct mark *last)
{
    s->greeting_last = last->at;
}

uint64_t session_early_octets(const struct session *s)
{
    uint64_t start = session_start(s, SERVER), whole = s->greeting_last ? s->greeting_last : start;
    if (!start || !s->early_end || s->early_seen > whole || !session_acks_usable(s, CLIENT) || session_dark(s, SERVER))
        return 0;
    return s->early_end - session_start(s, CLIENT);
}

bool session_dark(const struct session *s, enum side side)
{
    return s->opaque[side] || tcp_dark(&s->flow->tcp, (int)side);
}

static struct input *lowest_input(struct session *s, enum side side)
{
    return s->layer_count ? &s->layers[0].below[side] : &s->in[side];
}

bool session_had_more(struct session *s, const struct mark *of)
{
    uint64_t start = session_start(s, CLIENT), end = input_end(lowest_input(s, CLIENT));
    return of->seen > (end > start ? end : start) + tcp_closed(&s->flow->tcp, CLIENT);
}

bool session_acks_usable(const struct session *s, enum side side)
{
    return !tcp_acks_unusable(&s->flow->tcp, (int)side);
}

bool session_encrypted(const struct session *s)
{
    return s->encrypted;
}

uint16_t session_port(const struct session *s, enum side side)
{
    return side == CLIENT ? flow_port(s->flow, CLIENT) : session_service(s);
}

uint16_t session_service(const struct session *s)
{
    return s->port ? s->port : flow_port(s->flow, SERVER);
}

/* Leaving octets unread is worth while
   (1) while the other direction has unread octets that the sender of these had received: they are certain to come, or
       to be declared lost; or
   (2) for the client, who may wait for an answer, while the other direction is open and the octets held here do not
       show that the answer was received: they show it when one of them had seen something beyond what the last octet
       read on this side had seen, and all of that was read or lost. Of a server's side of which nothing was lost they
       cannot show it: a client that does not wait sends on, and the answer is still to come.
   It is never worth while when the other direction is closed or dark, when more than --hold octets wait here, or at the
   end. While it is open whether acknowledgments mean anything (tcp_acks_unknown), the server's lines wait for that. */
bool session_overheld(const struct session *s, enum side side)
{
    return s->offered[side].unread > s->settings->hold;
}

/* To a filter that lets nothing out, what stands below it is not dark. */
static bool is_dark(const struct session *s, enum side side)
{
    return s->offered == s->in ? session_dark(s, side) : tcp_dark(&s->flow->tcp, (int)side);
}

bool session_ending(const struct session *s)
{
    return s->ending;
}

bool session_behind(struct session *s, enum side side)
{
    const struct input *in = &s->offered[side], *other = &s->offered[side_other(side)];
    struct mark first;
    if (s->ending || session_overheld(s, side) || !input_unread(in, &first))
        return false;
    if (is_dark(s, side_other(side)) || (other->closed && !other->unread))
        return false;
    uint64_t there = other->unread || other->end ? input_at(other) : 0;
    return first.seen > there && (there || tcp_start(&s->flow->tcp, (int)side_other(side)) != first.seen);
}

bool session_expects(struct session *s)
{
    const struct input *server = &s->offered[SERVER];
    struct mark first;
    if (s->ending || session_overheld(s, CLIENT) || !input_unread(&s->offered[CLIENT], &first))
        return false;
    return !is_dark(s, SERVER) && (!server->closed || server->unread);
}

bool session_patient(struct session *s, enum side side)
{
    struct input *in = &s->offered[side], *other = &s->offered[side_other(side)];
    struct mark first;
    uint64_t knows;
    if (s->ending || session_overheld(s, side) || !input_unread(in, &first))
        return false;
    if (is_dark(s, side_other(side)))
        return false;
    if (session_behind(s, side))
        return true;
    if (side == SERVER)
        return tcp_acks_unknown(&s->flow->tcp, SERVER);
    if (!session_expects(s))
        return false;
    if (session_from_start(s) && !tcp_side(&s->flow->tcp, SERVER).missed)
        return true;
    uint64_t there = other->unread || other->end ? input_at(other) : 0;
    return !(input_knows_more(in, &knows) && there >= knows);
}

/* --- filters --- */

bool session_is_filtered(const struct session *s)
{
    return s->layer_count != 0;
}

void *session_filter(struct session *s, const struct filter *f)
{
    if (s->layer_count == SESSION_LAYERS) {
        session_note(s, NOTE_stopped_following);
        session_opaque(s);
        return NULL;
    }
    if (!s->layers)
        s->layers = memory_get(SESSION_LAYERS * sizeof *s->layers);
    struct layer *l = &s->layers[s->layer_count++];
    *l = (struct layer){.filter = f, .state = memory_get(f->state_size)};
    for (int side = 0; side < 2; side++) {
        l->below[side] = s->in[side];
        input_init(&s->in[side], s->settings->limits);
        s->in[side].end = input_at(&l->below[side]);
        s->in[side].last_read = l->below[side].last_read;
        s->in[side].acks_unusable = l->below[side].acks_unusable;
    }
    s->changes++;
    return l->state;
}

struct input *session_below(struct session *s, enum side side)
{
    return &s->offered[side];
}

bool session_is_implicit(const struct session *s)
{
    return s->implicit_tls;
}

bool session_is_proto(const struct session *s, const char *name)
{
    unsigned n;
    bool tls;
    return (s->dissector || dissector_of_port(session_service(s), &n, &tls)) && !strcmp(session_proto(s), name);
}

void session_unfilter(struct session *s)
{
    struct layer *l = &s->layers[s->layer_count - 1];
    for (int side = 0; side < 2; side++) {
        input_release(&s->in[side]);
        s->in[side] = l->below[side];
    }
    s->layer_count--; /* its state is freed when its pass() returns */
    s->changes++;
}

void session_decrypted(struct session *s)
{
    s->encrypted = s->decrypted = true;
}

void session_opaque(struct session *s)
{
    session_opaque_side(s, CLIENT);
    session_opaque_side(s, SERVER);
}

void session_opaque_side(struct session *s, enum side side)
{
    s->opaque[side] = true;
    s->changes++;
}

/* --- offering --- */

static struct input *input_above(struct session *s, unsigned i, enum side side)
{
    return i + 1 < s->layer_count ? &s->layers[i + 1].below[side] : &s->in[side];
}

static void close_inputs(struct session *s)
{
    for (int side = 0; side < 2; side++) {
        struct input *lowest = s->layer_count ? &s->layers[0].below[side] : &s->in[side];
        bool done = session_closed(s, (enum side)side);
        lowest->closed = done;
        for (unsigned i = 0; i < s->layer_count; i++) {
            done = done && !s->layers[i].below[side].unread;
            input_above(s, i, (enum side)side)->closed = done;
        }
    }
}

void session_skip(struct session *s, enum side side, uint64_t at, uint64_t len)
{
    unsigned i = 0;
    struct mark first;
    while (i < s->layer_count && s->layers[i].below != s->offered)
        i++;
    if (i == s->layer_count)
        return;
    struct input *below = &s->layers[i].below[side], *above = input_above(s, i, side);
    if (!input_unread(below, &first))
        first = below->last_read;
    struct origin origin = {at, first.seen, first.seen, first.when, first.frame};
    input_feed_gap(above, len, &origin);
    s->skipped = true;
    s->changes++;
}

/* Lets one layer take what it can; what comes out goes to the layer above, unless enough waits there. True: something
   moved. */
static bool pass_layer(struct session *s, unsigned i, enum side side)
{
    struct layer *l = &s->layers[i];
    struct input *below = &l->below[side], *above = input_above(s, i, side);
    if ((!below->unread && !below->closed) || above->unread > s->settings->hold)
        return false;
    uint64_t unread = below->unread;
    uint32_t changes = s->changes;
    struct mark first = {0};
    struct buf out;
    buf_init(&out, FILTER_ROUND + FILTER_MORE);
    bool any = input_unread(below, &first);
    s->offered = l->below;
    l->filter->pass(s, l->state, side, below, &out);
    if (i >= s->layer_count)
        free_filter(l);
    bool moved = s->changes != changes || out.len || (any && (i >= s->layer_count || below->unread != unread));
    if (i < s->layer_count) {
        struct origin origin = {first.at, first.seen, first.seen, first.when, first.frame};
        if (l->filter->in_place)
            origin.at = input_at(below) - out.len;
        input_feed(above, buf_bytes(&out), &origin, !l->filter->in_place);
        input_keep(above);
        above->end = input_at(below); /* places are those below the filter */
        if (l->filter->settled)
            above->end = l->filter->settled(l->state, side, above->end);
    }
    buf_release(&out);
    return moved;
}

static void tell_gap(struct session *s, enum side side)
{
    uint64_t len;
    struct mark where;
    if (!input_pop_gap(&s->in[side], &len, &where))
        return;
    dialogue_lost(s, side, &where, len);
    if (s->dissector->lost)
        s->dissector->lost(s, side, len, &where);
}

/* True: the side moved: something was read, or the dissector changed its mind. */
static bool offer_side(struct session *s, enum side side)
{
    struct input *in = &s->in[side];
    if (!in->unread && !in->closed)
        return false;
    uint8_t before[DISSECTOR_STATE_MAX];
    uint64_t unread = in->unread;
    uint32_t changes = s->changes;
    memcpy(before, s->state, s->dissector->state_size);
    s->offered = s->in;
    in->wants_line = false;
    s->dissector->read(s, side, in);
    for (; in->overlong; in->overlong--)
        session_note(s, NOTE_line_too_long);
    if (in->wants_line) {
        tell_gap(s, side);
        return true;
    }
    return s->changes != changes || in->unread != unread || memcmp(before, s->state, s->dissector->state_size) != 0;
}

/* Whoever lets more than that pile up although told not to be patient would hold it for ever: read on without him. */
static void shed(struct session *s, struct input *in)
{
    struct bytes data;
    struct piece piece;
    if (in->unread <= 2 * s->settings->hold + 2 * s->settings->limits->line)
        return;
    session_note(s, NOTE_stopped_following);
    while (input_shift(in, &data, &piece))
        ;
}

static void trust_acks(struct session *s)
{
    for (int side = 0; side < 2; side++) {
        bool unusable = tcp_acks_unusable(&s->flow->tcp, side);
        input_trust_acks(&s->in[side], unusable);
        for (unsigned i = 0; i < s->layer_count; i++)
            input_trust_acks(&s->layers[i].below[side], unusable);
    }
}

/* Is there nothing unread, nor an end to tell? Then an offer would move nothing. */
static bool is_idle(const struct session *s)
{
    if (s->in[CLIENT].unread || s->in[SERVER].unread || session_closed(s, CLIENT) || session_closed(s, SERVER))
        return false;
    for (unsigned i = 0; i < s->layer_count; i++)
        if (s->layers[i].below[CLIENT].unread || s->layers[i].below[SERVER].unread)
            return false;
    return true;
}

/* Offers what is unread, both sides in turn, until nothing moves. */
static void offer(struct session *s)
{
    bool moved;
    if (is_idle(s))
        return;
    trust_acks(s);
    bool over = s->ending || (session_closed(s, CLIENT) && session_closed(s, SERVER));
    if (!s->dissector && !s->unrecognised && !s->layer_count)
        session_choose(s, over);
    if (!s->dissector && !s->layer_count)
        return;
    do {
        moved = false;
        close_inputs(s);
        for (unsigned i = 0; i < s->layer_count; i++) {
            moved |= pass_layer(s, i, CLIENT);
            if (i < s->layer_count)
                moved |= pass_layer(s, i, SERVER);
        }
        close_inputs(s);
        if (!s->dissector && !s->unrecognised && (!moved || !over))
            session_choose_inside(s, over);
        if (!s->dissector && (s->unrecognised || !moved))
            return;
        if (!s->dissector)
            continue;
        moved |= offer_side(s, CLIENT);
        moved |= offer_side(s, SERVER);
    } while (moved && !is_idle(s));
    for (int side = 0; side < 2; side++) {
        shed(s, &s->in[side]);
        for (unsigned i = 0; i < s->layer_count; i++)
            shed(s, &s->layers[i].below[side]);
    }
}

void session_offer(struct session *s)
{
    if (s->is_resting ? session_rests_on(s) : is_idle(s))
        return;
    s = session_awake(s);
    offer(s);
    session_rest_settle(s);
}

/* --- feeding --- */

static struct origin origin_of(const struct octets *where)
{
    return (struct origin){where->at, where->acked, where->captured, where->when, where->frame};
}

/* Where the beginning was not captured, the first octets stand behind a loss like any other. */
static void join_midway(struct session *s, enum side side, const struct origin *origin)
{
    struct mark where = {.at = origin->at};
    if (s->joined[side])
        return;
    s->joined[side] = true;
    struct tcp_side seen = tcp_side(&s->flow->tcp, (int)side);
    if (is_whole_from_start(&seen))
        return;
    s->in[side].broken = true;
    dialogue_lost(s, side, &where, 0);
}

void session_data(struct session *s, enum side side, struct bytes data, const struct octets *where)
{
    if (session_is_deaf(s))
        return;
    s = session_awake(s);
    if (s->unrecognised)
        return;
    struct origin origin = origin_of(where);
    join_midway(s, side, &origin);
    input_feed(lowest_input(s, side), data, &origin, false);
    offer(s);
    for (unsigned i = 0; i < s->layer_count; i++)
        input_keep(&s->layers[i].below[side]);
    input_keep(&s->in[side]);
    if (s->unrecognised)
        for (int i = 0; i < 2; i++)
            input_release(&s->in[i]);
    session_rest_settle(s);
}

void session_gap(struct session *s, enum side side, uint64_t len, const struct octets *where)
{
    if (session_is_deaf(s))
        return;
    s = session_awake(s);
    if (s->unrecognised)
        return;
    struct origin origin = origin_of(where);
    input_feed_gap(lowest_input(s, side), len, &origin);
    session_rest_settle(s);
}

enum fate session_fate_awake(const struct session *s)
{
    if (s->dissector)
        return FATE_MAIL;
    return !s->unrecognised ? FATE_OPEN : s->gone ? FATE_OTHER : FATE_MAIL;
}

bool session_end(struct session *s, enum close how, enum fate *fate)
{
    s = session_awake(s);
    s->ending = true;
    offer(s);
    if (s->dissector) {
        s->offered = s->in;
        if (s->dissector->close)
            s->dissector->close(s);
        for (unsigned i = s->layer_count; i-- > 0;)
            if (s->layers[i].filter->close)
                s->layers[i].filter->close(s, s->layers[i].state);
        dialogue_flush(s);
    }
    if (!s->gone)
        session_emit_own(s, true, how);
    bool recognised = !s->unrecognised;
    *fate = session_fate_awake(s);
    session_free(s);
    return recognised;
}
