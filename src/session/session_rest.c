/* Sessions at rest. Most connections wait for something most of the time, and there may be a million of them. A session
   that has been quiet for longer than others is put away: what is mostly zero is packed, what it has to tell so far is
   compressed with what others of its kind tell as a dictionary. Its next octet wakes it. What it owns beside that
   (unread octets, commands under way) stays where it is. Records do not depend on any of this. */
#include "base/memory.h"
#include "base/pack.h"
#include "session_private.h"

#include <assert.h>
#include <lz4.h>
#include <stddef.h>
#include <stdlib.h>

#define RECORD_MOST     2048 /* octets of a record that is put away; a longer one would cost too much each time */
#define TALLY_MOST      16   /* entries, the same */
#define LOOKS           8    /* sessions looked at in one go for one to be put to rest */
#define DICTIONARY_MOST 4096
#define UNCOUNTED_MOST  16 /* packets; each brings a segment at most */

struct resting {
    struct flow *flow;
    uint32_t is_resting; /* always */
    uint32_t held;       /* all in all */
    struct awake *awake; /* of its pool */
    uint32_t about_len;  /* octets of data[] that say what it is; entries come behind */
    uint32_t entries_len, packed_len;
    bool busy, quiet, deaf; /* quiet: nothing is unread; deaf: nothing more will be read */
    uint8_t fate;
    uint8_t data[];
};

_Static_assert(offsetof(struct session, is_resting) == offsetof(struct resting, is_resting), "they begin alike");

static const struct resting *resting_const(const struct session *s)
{
    const void *r = s;
    return r;
}

bool session_rests_on(const struct session *s)
{
    const struct resting *r = resting_const(s);
    return r->deaf || (r->quiet && !tcp_closed(&r->flow->tcp, CLIENT) && !tcp_closed(&r->flow->tcp, SERVER));
}

bool session_is_deaf(const struct session *s)
{
    return s->is_resting ? resting_const(s)->deaf : s->unrecognised;
}

enum fate session_fate(const struct session *s)
{
    return s->is_resting ? (enum fate)resting_const(s)->fate : session_fate_awake(s);
}

bool session_busy(const struct session *s)
{
    return s->is_resting ? resting_const(s)->busy : s->busy;
}

/* --- which of them are awake --- */

static void unlink_awake(struct awake *a, struct session *s)
{
    *(s->fresher ? &s->fresher->staler : &a->freshest) = s->staler;
    *(s->staler ? &s->staler->fresher : &a->stalest) = s->fresher;
}

static void link_awake(struct awake *a, struct session *s)
{
    s->fresher = NULL;
    s->staler = a->freshest;
    *(a->freshest ? &a->freshest->fresher : &a->stalest) = s;
    a->freshest = s;
}

static size_t inputs_held(const struct session *s)
{
    size_t held = input_held(&s->in[CLIENT]) + input_held(&s->in[SERVER]);
    for (unsigned i = 0; i < s->layer_count; i++) {
        const struct filter *f = s->layers[i].filter;
        held += memory_cost(f->state_size) + (f->held ? f->held(s->layers[i].state) : 0);
        held += input_held(&s->layers[i].below[CLIENT]) + input_held(&s->layers[i].below[SERVER]);
    }
    return held;
}

static bool is_quiet(const struct session *s)
{
    bool quiet = !s->in[CLIENT].unread && !s->in[SERVER].unread;
    for (unsigned i = 0; i < s->layer_count; i++)
        quiet = quiet && !s->layers[i].below[CLIENT].unread && !s->layers[i].below[SERVER].unread;
    return quiet;
}

static size_t count_held(struct session *s)
{
    size_t held = memory_cost(sizeof *s) + inputs_held(s) + record_held(s->facts) + dialogue_held(s);
    held += s->layers ? memory_cost(SESSION_LAYERS * sizeof *s->layers) : 0;
    held += s->notes ? memory_cost(NOTE_COUNT * sizeof *s->notes) : 0;
    held += s->names ? memory_cost(session_names_size) : 0;
    s->busy = s->dialogue.unanswered || !is_quiet(s);
    if (!s->dissector)
        return held;
    held += memory_cost(s->dissector->state_size);
    return held + (s->dissector->held ? s->dissector->held(s, &s->busy) : 0);
}

void session_rest_begin(struct session *s)
{
    struct awake *a = session_pool_awake(s->settings->pool);
    link_awake(a, s);
    s->held = count_held(s);
    a->held += s->held;
}

void session_rest_end(struct session *s)
{
    struct awake *a = session_pool_awake(s->settings->pool);
    unlink_awake(a, s);
    a->held -= s->held;
}

/* --- putting away --- */

/* What no one will miss. */
static void trim(struct session *s)
{
    struct dialogue *d = &s->dialogue;
    for (int side = 0; side < 2; side++) {
        input_trim(&s->in[side]);
        for (unsigned i = 0; i < s->layer_count; i++)
            input_trim(&s->layers[i].below[side]);
    }
    if (!s->layer_count) {
        free(s->layers);
        s->layers = NULL;
    }
    if (!d->count) {
        free(d->order);
        d->order = NULL;
        d->cap = d->first = 0;
    }
    free(s->names); /* they are made again when they are asked for */
    s->names = NULL;
}

/* The blocks that are put away with it, where they are not too large. */
struct parts {
    bool facts, log, verbs, replies, notes;
};

static struct parts parts_of(const struct session *s)
{
    const struct dialogue *d = &s->dialogue;
    return (struct parts){.facts = record_size(s->facts) <= RECORD_MOST,
                          .log = d->log && record_size(d->log) <= RECORD_MOST,
                          .verbs = d->verbs.count && d->verbs.count <= TALLY_MOST,
                          .replies = d->replies.count && d->replies.count <= TALLY_MOST,
                          .notes = s->notes != NULL};
}

static void plain_input(struct input *in)
{
    in->limits = NULL;
    if (!in->after_gap)
        in->last_read = (struct mark){.seen = in->last_read.seen};
}

/* The session as it is put away: without what is put away with it, or found again in other ways. */
static void make_plain(struct session *p, const struct session *s, const struct parts *parts)
{
    memcpy(p, s, sizeof *p); /* padding, too */
    p->flow = NULL;
    p->fresher = p->staler = NULL;
    p->offered = NULL;
    p->layers = NULL;
    p->state = NULL;
    p->held = 0;
    p->changes = p->counted = 0;
    p->uncounted = 0;
    p->recent = p->busy = false;
    plain_input(&p->in[CLIENT]);
    plain_input(&p->in[SERVER]);
    p->facts = parts->facts ? NULL : p->facts;
    p->dialogue.log = parts->log ? NULL : p->dialogue.log;
    p->dialogue.verbs.entries = parts->verbs ? NULL : p->dialogue.verbs.entries;
    p->dialogue.replies.entries = parts->replies ? NULL : p->dialogue.replies.entries;
    p->notes = NULL;
}

static bool pack_tally(struct buf *about, const struct tally *t)
{
    return pack(about, t->entries, t->count * sizeof *t->entries);
}

static bool pack_session(const struct session *s, struct awake *a, const struct parts *parts)
{
    struct buf *about = &a->about, *entries = &a->entries;
    struct session p;
    make_plain(&p, s, parts);
    buf_reset(about);
    buf_reset(entries);
    bool ok = pack(about, parts, sizeof *parts) && pack(about, &p, sizeof p);
    ok = ok && (!s->dissector || pack(about, s->state, s->dissector->state_size));
    ok = ok && (!s->layers || pack(about, s->layers, SESSION_LAYERS * sizeof *s->layers));
    for (unsigned i = 0; ok && s->layers && i < s->layer_count; i++)
        ok = pack(about, s->layers[i].state, s->layers[i].filter->state_size);
    ok = ok && (!parts->notes || pack(about, s->notes, NOTE_COUNT * sizeof *s->notes));
    ok = ok && (!parts->verbs || pack_tally(about, &s->dialogue.verbs));
    ok = ok && (!parts->replies || pack_tally(about, &s->dialogue.replies));
    ok = ok && (!parts->facts || record_pack(s->facts, about, entries));
    return ok && (!parts->log || record_pack(s->dialogue.log, about, entries));
}

/* What the first session had to tell is much of what the others have. */
static void learn(struct awake *a)
{
    struct bytes sample = bytes_part(buf_bytes(&a->entries), 0, DICTIONARY_MOST);
    if (a->dictionary || !sample.len)
        return;
    a->dictionary = memory_resize(NULL, sample.len);
    memcpy(a->dictionary, sample.data, sample.len);
    a->dictionary_len = sample.len;
}

/* Compresses the entries; where that makes them no fewer octets they are taken as they are. */
static struct bytes compress(struct awake *a, uint8_t to[static ENTRIES_MOST])
{
    struct bytes entries = buf_bytes(&a->entries);
    if (entries.len < 2)
        return entries;
    if (!a->stream)
        a->stream = LZ4_initStream(memory_get(sizeof(LZ4_stream_t)), sizeof(LZ4_stream_t));
    LZ4_stream_t *stream = a->stream;
    LZ4_loadDict(stream, (const char *)a->dictionary, (int)a->dictionary_len);
    int n = LZ4_compress_fast_continue(stream, (const char *)entries.data, (char *)to, (int)entries.len,
                                       (int)entries.len - 1, 1);
    return n > 0 ? bytes_of(to, (size_t)n) : entries;
}

static void free_parts(struct session *s, const struct parts *parts)
{
    struct dialogue *d = &s->dialogue;
    for (unsigned i = 0; i < s->layer_count; i++) {
        explicit_bzero(s->layers[i].state, s->layers[i].filter->state_size);
        free(s->layers[i].state);
    }
    free(s->layers);
    free(s->state);
    free(s->notes);
    if (parts->facts)
        record_free(s->facts);
    if (parts->log)
        record_free(d->log);
    if (parts->verbs)
        free(d->verbs.entries);
    if (parts->replies)
        free(d->replies.entries);
    free(s);
}

/* What stays where it is. */
static size_t count_outside(struct session *s, const struct parts *parts)
{
    const struct dialogue *d = &s->dialogue;
    bool busy = false;
    size_t held = inputs_held(s) + dialogue_held(s) + (parts->facts ? 0 : record_held(s->facts));
    for (unsigned i = 0; i < s->layer_count; i++)
        held -= memory_cost(s->layers[i].filter->state_size);
    held -= parts->log ? record_held(d->log) : 0;
    held -= parts->verbs ? memory_cost(tally_cap(&d->verbs) * sizeof *d->verbs.entries) : 0;
    held -= parts->replies ? memory_cost(tally_cap(&d->replies) * sizeof *d->replies.entries) : 0;
    return held + (s->dissector && s->dissector->held ? s->dissector->held(s, &busy) : 0);
}

/* False: it stays as it is. */
static bool put_to_rest(struct awake *a, struct session *s)
{
    trim(s);
    struct parts parts = parts_of(s);
    if (!pack_session(s, a, &parts)) {
        s->recent = true; /* too much for that; it is not looked at again so soon */
        return false;
    }
    uint8_t room[ENTRIES_MOST];
    learn(a);
    struct bytes packed = compress(a, room);
    size_t size = sizeof(struct resting) + a->about.len + packed.len;
    struct resting *r = memory_resize(NULL, size);
    *r = (struct resting){.flow = s->flow,
                          .is_resting = 1,
                          .awake = a,
                          .about_len = (uint32_t)a->about.len,
                          .entries_len = (uint32_t)a->entries.len,
                          .packed_len = (uint32_t)packed.len,
                          .busy = s->busy,
                          .quiet = is_quiet(s),
                          .deaf = s->unrecognised,
                          .fate = (uint8_t)session_fate_awake(s)};
    memcpy(r->data, a->about.data, a->about.len);
    if (packed.len)
        memcpy(r->data + a->about.len, packed.data, packed.len);
    r->held = (uint32_t)(memory_cost(size) + count_outside(s, &parts));
    unlink_awake(a, s);
    a->held -= s->held;
    a->resting += r->held;
    s->flow->session = r;
    free_parts(s, &parts);
    return true;
}

/* Puts to rest what was looked at before and did nothing since, but for the one that is in use. */
static void put_others_to_rest(struct awake *a, const struct session *used)
{
    for (unsigned looks = 0; looks < LOOKS && a->held > a->most && a->stalest != used; looks++) {
        struct session *s = a->stalest;
        if (!s->recent && put_to_rest(a, s))
            continue;
        s->recent = false;
        unlink_awake(a, s);
        link_awake(a, s);
    }
}

/* A body that streams by changes little: what is held is not counted anew with each of its packets. */
static bool is_as_counted(struct session *s)
{
    if (s->changes != s->counted || !is_quiet(s) || ++s->uncounted == UNCOUNTED_MOST) {
        s->counted = s->changes;
        s->uncounted = 0;
        return false;
    }
    return true;
}

void session_rest_settle(struct session *s)
{
    struct awake *a = session_pool_awake(s->settings->pool);
    s->recent = true;
    if (!is_as_counted(s)) {
        size_t held = count_held(s);
        a->held += held - s->held;
        s->held = held;
    }
    if (a->held <= a->most)
        return;
    if (a->stalest == s && a->freshest != s) {
        unlink_awake(a, s);
        link_awake(a, s);
    }
    if (a->most)
        put_others_to_rest(a, s);
    else
        put_to_rest(a, s);
}

/* --- waking --- */

static void *unpack_block(struct bytes *about, size_t size)
{
    void *block = memory_get(size);
    unpack(about, block, size);
    return block;
}

static struct session *unpack_session(struct bytes about, struct bytes entries)
{
    struct parts parts;
    struct session *s = memory_get(sizeof *s);
    unpack(&about, &parts, sizeof parts);
    unpack(&about, s, sizeof *s);
    const struct limits *limits = s->settings->limits;
    struct dialogue *d = &s->dialogue;
    s->in[CLIENT].limits = s->in[SERVER].limits = limits;
    if (s->dissector)
        s->state = unpack_block(&about, s->dissector->state_size);
    if (s->layer_count)
        s->layers = unpack_block(&about, SESSION_LAYERS * sizeof *s->layers);
    for (unsigned i = 0; i < s->layer_count; i++)
        s->layers[i].state = unpack_block(&about, s->layers[i].filter->state_size);
    if (parts.notes)
        s->notes = unpack_block(&about, NOTE_COUNT * sizeof *s->notes);
    if (parts.verbs) {
        d->verbs.entries = memory_get(tally_cap(&d->verbs) * sizeof *d->verbs.entries);
        unpack(&about, d->verbs.entries, d->verbs.count * sizeof *d->verbs.entries);
    }
    if (parts.replies) {
        d->replies.entries = memory_get(tally_cap(&d->replies) * sizeof *d->replies.entries);
        unpack(&about, d->replies.entries, d->replies.count * sizeof *d->replies.entries);
    }
    if (parts.facts)
        s->facts = record_unpack(&about, &entries, limits);
    if (parts.log)
        d->log = record_unpack(&about, &entries, limits);
    return s;
}

struct session *session_awake(struct session *s)
{
    if (!s->is_resting)
        return s;
    struct flow *flow = s->flow;
    struct resting *r = flow->session;
    assert((void *)r == (void *)s);
    uint8_t entries[ENTRIES_MOST];
    const uint8_t *packed = r->data + r->about_len;
    struct bytes about = bytes_of(r->data, r->about_len);
    struct awake *a = r->awake;
    if (r->packed_len < r->entries_len) {
        int n = LZ4_decompress_safe_usingDict((const char *)packed, (char *)entries, (int)r->packed_len,
                                              (int)sizeof entries, (const char *)a->dictionary, (int)a->dictionary_len);
        assert(n == (int)r->entries_len);
        (void)n;
        packed = entries;
    }
    struct session *awake = unpack_session(about, bytes_of(packed, r->entries_len));
    awake->flow = flow;
    a->resting -= r->held;
    size_t size = sizeof *r + r->about_len + r->packed_len;
    explicit_bzero(r, size);
    free(r);
    flow->session = awake;
    session_rest_begin(awake);
    return awake;
}
