#include "detection.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

#include "alert.h"
#include "base/memory.h"
#include "detection_private.h"

enum { EVIDENCE_TEXT = 240, BUCKETS_FIRST = 256 };

struct watch {
    struct detection *detection;
    const struct detector *detector;
    unsigned index;
    struct profile *newest, *oldest;
};

struct detection {
    const struct detect_settings *settings;
    const struct limits *limits;
    struct watch *watches;
    unsigned watch_count, kinds;
    struct seen seen;
    struct profile **buckets;
    size_t bucket_count, entities, memory;
    uint64_t seed, forgotten, suppressed;
    int64_t now, looked; /* the latest time seen, and when entities were last looked through for their age */
    struct profile *first_waiting, **last_waiting;
    struct record **alerts;
    bool finished;
    size_t alert_at, alert_count, alert_cap;
};

struct detection *detection_new(const struct detect_settings *settings, const struct limits *limits)
{
    struct detection *d = memory_get(sizeof *d);
    unsigned count = 0;
    while (detectors[count])
        count++;
    d->settings = settings;
    d->limits = limits;
    d->watches = memory_get((count + 1) * sizeof *d->watches);
    d->watch_count = count;
    d->now = d->looked = INT64_MIN;
    if (getrandom(&d->seed, sizeof d->seed, GRND_NONBLOCK) != (ssize_t)sizeof d->seed)
        d->seed = (uint64_t)(uintptr_t)d; /* it only keeps chains short */
    for (unsigned i = 0; i < count; i++) {
        d->watches[i] = (struct watch){.detection = d, .detector = detectors[i], .index = i};
        if (!settings->silent[i])
            d->kinds |= detectors[i]->kinds;
    }
    d->bucket_count = BUCKETS_FIRST;
    d->buckets = memory_get(d->bucket_count * sizeof(struct profile *));
    d->last_waiting = &d->first_waiting;
    seen_init(&d->seen);
    return d;
}

/* --- entities --- */

static void link_newest(struct watch *w, struct profile *e)
{
    e->newer = NULL;
    e->older = w->newest;
    if (w->newest)
        w->newest->newer = e;
    else
        w->oldest = e;
    w->newest = e;
}

static void unlink_entity(struct watch *w, struct profile *e)
{
    *(e->newer ? &e->newer->older : &w->newest) = e->older;
    *(e->older ? &e->older->newer : &w->oldest) = e->newer;
}

static void profile_free(struct profile *e)
{
    for (unsigned i = 0; i < DETECTOR_SETS; i++)
        free(e->sets[i]);
    for (struct evidence *v = e->evidence, *next; v; v = next) {
        next = v->next;
        free(v);
    }
    recent_release(&e->recent);
    free(e);
}

static void speak(struct watch *w, struct profile *e, const char *state);

static uint64_t count_of(const struct watch *w, const struct profile *e)
{
    struct finding f = {.count = e->events};
    w->detector->tell(w, e, &f);
    return f.count;
}

static bool is_worse(const struct watch *w, const struct profile *e)
{
    return e->severity > e->told_severity || e->confidence > e->told_confidence || count_of(w, e) >= 4 * e->told;
}

static void told(struct profile *e, uint64_t count)
{
    e->told = count;
    e->told_severity = e->severity;
    e->told_confidence = e->confidence;
}

/* Speaks, or is kept back: then it counts as told, until something happens that no suppression fits. */
static void speak_up(struct watch *w, struct profile *e)
{
    bool more = (!e->spoken && !e->kept) || is_worse(w, e);
    if (!e->excuses.count && (more || !e->spoken)) {
        speak(w, e, e->spoken ? "update" : "new");
    } else if (more) {
        told(e, count_of(w, e));
        e->kept++;
        w->detection->suppressed++;
    }
}

/* What wanted to speak does, in the order in which it first wanted to. */
static void hear(struct detection *d)
{
    struct profile *e = d->first_waiting, *next;
    d->first_waiting = NULL;
    d->last_waiting = &d->first_waiting;
    for (; e; e = next) {
        next = e->waiting;
        e->waiting = NULL;
        e->wants = false;
        speak_up(&d->watches[e->rule], e);
    }
}

static void forget(struct watch *w, struct profile *e)
{
    struct detection *d = w->detection;
    if (e->wants)
        hear(d);
    if (e->spoken && count_of(w, e) > e->told)
        speak(w, e, "end");
    struct profile **place = &d->buckets[e->hash & (d->bucket_count - 1)];
    while (*place != e)
        place = &(*place)->chain;
    *place = e->chain;
    unlink_entity(w, e);
    d->entities--;
    d->memory -= e->held;
    profile_free(e);
}

/* Forgets those of all rules to which nothing happened within the rule's window. Once per second is enough. */
static void expire(struct detection *d)
{
    if (d->looked != INT64_MIN && d->now - d->looked < CLOCK_S)
        return;
    d->looked = d->now;
    for (unsigned i = 0; i < d->watch_count; i++) {
        struct watch *w = &d->watches[i];
        while (w->oldest && d->now - w->oldest->touched > w->detector->window)
            forget(w, w->oldest);
    }
}

/* Makes room: the profile that was made or had longest ago goes, of whatever rule; never one that a rule was given with
   this record, since it may be at work on it. */
static void make_room(struct detection *d)
{
    while (d->memory + d->bucket_count * sizeof(struct profile *) > d->limits->detect) {
        struct watch *most = NULL;
        for (unsigned i = 0; i < d->watch_count; i++) {
            struct watch *w = &d->watches[i];
            if (w->oldest && w->oldest->turn != d->seen.turn && (!most || w->oldest->touched < most->oldest->touched))
                most = w;
        }
        if (!most)
            return;
        d->forgotten++;
        forget(most, most->oldest);
    }
}

static void hold(struct watch *w, struct profile *e, size_t octets)
{
    e->held += (uint32_t)octets;
    w->detection->memory += octets;
    make_room(w->detection);
}

static void more_buckets(struct detection *d)
{
    size_t count = d->bucket_count * 2;
    struct profile **buckets = memory_get(count * sizeof(struct profile *));
    for (size_t i = 0; i < d->bucket_count; i++)
        for (struct profile *e = d->buckets[i], *next; e; e = next) {
            next = e->chain;
            e->chain = buckets[e->hash & (count - 1)];
            buckets[e->hash & (count - 1)] = e;
        }
    free(d->buckets);
    d->buckets = buckets;
    d->bucket_count = count;
}

static struct bytes key_name(const struct key *key)
{
    return bytes_part(key->name, 0, NAME_MOST);
}

static uint64_t key_hash(const struct watch *w, const struct key *key)
{
    uint8_t text[2 * sizeof(struct host) + NAME_MOST + 3];
    size_t len = 0;
    struct bytes name = key_name(key);
    text[len++] = (uint8_t)w->index;
    text[len++] = (uint8_t)((key->client ? 1 : 0) | (key->server ? 2 : 0));
    if (key->client)
        memcpy(text + len, key->client, sizeof *key->client);
    len += key->client ? sizeof *key->client : 0;
    if (key->server)
        memcpy(text + len, key->server, sizeof *key->server);
    len += key->server ? sizeof *key->server : 0;
    if (name.len)
        memcpy(text + len, name.data, name.len);
    return XXH3_64bits_withSeed(text, len + name.len, w->detection->seed);
}

static bool matches(const struct watch *w, const struct profile *e, const struct key *key, uint64_t hash)
{
    return e->hash == hash && e->rule == w->index && e->has_client == (key->client != NULL) &&
           e->has_server == (key->server != NULL) && (!key->client || host_equal(&e->client, key->client)) &&
           (!key->server || host_equal(&e->server, key->server)) && bytes_equal(profile_name(e), key_name(key));
}

static struct profile *find(struct watch *w, const struct key *key, uint64_t hash)
{
    struct detection *d = w->detection;
    struct profile *e = d->buckets[hash & (d->bucket_count - 1)];
    while (e && !matches(w, e, key, hash))
        e = e->chain;
    if (e && d->now - e->touched > w->detector->window) {
        forget(w, e);
        return NULL;
    }
    if (e)
        e->turn = d->seen.turn;
    return e;
}

struct profile *profile_find(struct watch *w, const struct key *key)
{
    return find(w, key, key_hash(w, key));
}

struct profile *profile_get(struct watch *w, const struct key *key, const struct seen *s)
{
    struct detection *d = w->detection;
    uint64_t hash = key_hash(w, key);
    struct profile *e = find(w, key, hash);
    if (e) {
        unlink_entity(w, e);
        link_newest(w, e);
        e->touched = d->now;
        e->port_differs |= e->server_port != s->server_port;
        return e;
    }
    struct bytes name = key_name(key), sensor = bytes_part(s->sensor, 0, SENSOR_MOST);
    size_t size = sizeof *e + w->detector->data_size + name.len + sensor.len;
    e = memory_get(size);
    e->hash = hash;
    e->rule = (uint8_t)w->index;
    e->touched = d->now;
    e->turn = d->seen.turn;
    e->has_client = key->client != NULL;
    e->has_server = key->server != NULL;
    if (key->client)
        e->client = *key->client;
    if (key->server)
        e->server = *key->server;
    e->name_at = (uint16_t)w->detector->data_size;
    e->name_len = (uint16_t)name.len;
    e->sensor_len = (uint8_t)sensor.len;
    if (name.len)
        memcpy(e->data + e->name_at, name.data, name.len);
    if (sensor.len)
        memcpy(e->data + e->name_at + name.len, sensor.data, sensor.len);
    e->server_port = (uint16_t)s->server_port;
    bytes_to_string(e->proto, sizeof e->proto, s->proto);
    hold(w, e, memory_cost(size));
    if (d->entities >= d->bucket_count)
        more_buckets(d);
    e->chain = d->buckets[hash & (d->bucket_count - 1)];
    d->buckets[hash & (d->bucket_count - 1)] = e;
    d->entities++;
    link_newest(w, e);
    return e;
}

void *profile_data(struct profile *e)
{
    return e->data;
}

const void *profile_data_of(const struct profile *e)
{
    return e->data;
}

void profile_happened(struct watch *w, struct profile *e, int64_t when, uint64_t what)
{
    hold(w, e, recent_add(&e->recent, when, what));
}

struct recent *profile_recent(struct profile *e)
{
    return &e->recent;
}

uint64_t profile_distinct(const struct profile *e, unsigned set)
{
    return distinct_count(e->sets[set]);
}

bool profile_add(struct watch *w, struct profile *e, unsigned set, uint64_t hash)
{
    size_t grown = 0;
    bool fresh = distinct_add(&e->sets[set], hash, &grown);
    hold(w, e, grown);
    return fresh;
}

const struct host *profile_client(const struct profile *e)
{
    return e->has_client ? &e->client : NULL;
}

const struct host *profile_server(const struct profile *e)
{
    return e->has_server ? &e->server : NULL;
}

struct bytes profile_name(const struct profile *e)
{
    return bytes_of(e->data + e->name_at, e->name_len);
}

int64_t profile_age(const struct profile *e)
{
    return e->last - e->first;
}

uint64_t profile_events(const struct profile *e)
{
    return e->events;
}

void profile_event(struct watch *w, struct profile *e, const struct seen *s, int64_t when)
{
    const struct detect_settings *settings = w->detection->settings;
    if (settings->suppression_count) {
        const struct host *server = e->has_server ? &e->server : &s->server;
        bool known = e->has_server || seen_has(s, F_all_server_ip);
        struct happening h = {.rule = w->index, .server = known ? server : NULL, .when = when};
        h.client = seen_has(s, F_all_client_ip) ? &s->client : NULL;
        h.user = s->kind == KIND_auth ? seen_text(s, F_auth_user) : h.user;
        excuses_event(&e->excuses, settings->suppressions, settings->suppression_count, !e->events, &h);
    }
    if (!e->begun || when < e->first)
        e->first = when;
    if (!e->events || when > e->last)
        e->last = when;
    e->begun = true;
    e->events++;
    e->quality |= (uint8_t)s->quality;
}

static void append_evidence(struct watch *w, struct profile *e, struct evidence *v)
{
    struct evidence **place = &e->evidence;
    while (*place)
        place = &(*place)->next;
    *place = v;
    v->next = NULL;
    e->evidence_count++;
    hold(w, e, memory_cost(sizeof *v + v->len));
}

static void add_evidence(struct watch *w, struct profile *e, const struct seen *s, int64_t when, uint64_t frame,
                         struct bytes text)
{
    struct bytes cut = bytes_part(text, 0, EVIDENCE_TEXT);
    while (cut.len < text.len && cut.len && (text.data[cut.len] & 0xc0) == 0x80)
        cut.len--; /* not within a character */
    struct evidence *v = memory_get(sizeof *v + cut.len);
    v->when = when;
    v->frame = frame;
    v->uid_len = (uint8_t)(s->uid.len < sizeof v->uid ? s->uid.len : sizeof v->uid);
    if (v->uid_len)
        memcpy(v->uid, s->uid.data, v->uid_len);
    v->len = (uint16_t)cut.len;
    for (size_t i = 0; i < cut.len; i++)
        v->text[i] = (char)(cut.data[i] == '\n' || cut.data[i] == '\r' || !cut.data[i] ? ' ' : cut.data[i]);
    append_evidence(w, e, v);
}

void profile_evidence(struct watch *w, struct profile *e, const struct seen *s, int64_t when, uint64_t frame,
                      const char *format, ...)
{
    char text[1024];
    va_list args;
    if (e->evidence_count == EVIDENCE_MOST)
        return;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_evidence(w, e, s, when, frame,
                 bytes_of(text, len < 0                     ? 0
                                : (size_t)len < sizeof text ? (size_t)len
                                                            : sizeof text - 1));
}

void profile_drop_evidence(struct watch *w, struct profile *e)
{
    for (struct evidence *v = e->evidence, *next; v; v = next) {
        uint32_t held = (uint32_t)memory_cost(sizeof *v + v->len);
        next = v->next;
        e->held -= held;
        w->detection->memory -= held;
        free(v);
    }
    e->evidence = NULL;
    e->evidence_count = 0;
}

void profile_copy_evidence(struct watch *w, struct profile *to, const struct profile *from)
{
    for (const struct evidence *old = from->evidence; old && to->evidence_count < EVIDENCE_MOST; old = old->next) {
        struct evidence *v = memory_get(sizeof *v + old->len);
        memcpy(v, old, sizeof *v + old->len);
        append_evidence(w, to, v);
    }
    if (from->begun && (!to->begun || from->first < to->first))
        to->first = from->first;
    to->begun |= from->begun;
}

void profile_command(struct watch *w, struct profile *e, const struct seen *s, const struct seen_command *c)
{
    char code[24] = "";
    if (c->code)
        snprintf(code, sizeof code, "%" PRIu64, c->code);
    profile_evidence(w, e, s, c->when, c->frame, "%.*s%s%.*s -> %s%.*s%s%.*s%s", SHOWN(c->verb), c->arg.len ? " " : "",
                     SHOWN(c->arg), code, SHOWN(c->result), c->status.len ? " " : "", SHOWN(c->status),
                     c->code || c->result.len ? "" : "no reply");
}

bool profile_has_spoken(const struct profile *e)
{
    return e->spoken || e->wants || e->kept;
}

uint64_t watch_threshold(const struct watch *w, unsigned index)
{
    return w->detection->settings->thresholds[w->index * DETECTOR_THRESHOLDS + index];
}

const struct detect_settings *watch_settings(const struct watch *w)
{
    return w->detection->settings;
}

/* --- alerts --- */

static void queue(struct detection *d, struct record *r)
{
    if (d->alert_count == d->alert_cap) {
        d->alert_cap = d->alert_cap ? d->alert_cap * 2 : 16;
        d->alerts = memory_resize(d->alerts, d->alert_cap * sizeof(struct record *));
    }
    d->alerts[d->alert_count++] = r;
}

static void speak(struct watch *w, struct profile *e, const char *state)
{
    struct record *r = record_new(KIND_alert, w->detection->limits);
    if (!e->spoken)
        e->named = e->first;
    told(e, alert_write(r, w, w->detector, e, state));
    e->written++;
    e->spoken = true;
    queue(w->detection, r);
}

void profile_alert(struct watch *w, struct profile *e, enum severity severity, enum confidence confidence)
{
    struct detection *d = w->detection;
    if (severity > e->severity)
        e->severity = (uint8_t)severity;
    if (confidence > e->confidence)
        e->confidence = (uint8_t)confidence;
    if (e->wants)
        return;
    e->wants = true;
    *d->last_waiting = e;
    d->last_waiting = &e->waiting;
}

void finding_detail(struct finding *f, const char *key, uint64_t number)
{
    if (!number || f->detail_count == DETAILS_MOST)
        return;
    f->details[f->detail_count].key = key;
    f->details[f->detail_count++].number = number;
}

/* --- records --- */

void detection_see(struct detection *d, const struct record *r)
{
    if (!(d->kinds >> record_kind(r) & 1))
        return;
    struct seen *s = &d->seen;
    seen_read(s, r);
    if (s->end > d->now)
        d->now = s->end;
    expire(d);
    for (unsigned i = 0; i < d->watch_count; i++) {
        struct watch *w = &d->watches[i];
        if (!d->settings->silent[i] && w->detector->kinds >> s->kind & 1)
            w->detector->see(w, s);
    }
    hear(d);
}

void detection_finish(struct detection *d)
{
    d->finished = true;
}

/* False: there is none left. */
static bool forget_one(struct detection *d)
{
    for (unsigned i = 0; i < d->watch_count; i++)
        if (d->watches[i].oldest) {
            forget(&d->watches[i], d->watches[i].oldest);
            return true;
        }
    return false;
}

/* What is said at the end, of each entity, is made one by one: all of it at once would be many times the limit. */
struct record *detection_next(struct detection *d)
{
    if (d->alert_at == d->alert_count) {
        d->alert_at = d->alert_count = 0;
        while (d->finished && !d->alert_count && forget_one(d))
            continue;
    }
    return d->alert_at < d->alert_count ? d->alerts[d->alert_at++] : NULL;
}

void detection_counts(const struct detection *d, struct detection_counts *ret)
{
    *ret = (struct detection_counts){
        .entities = d->entities, .memory = d->memory, .forgotten = d->forgotten, .suppressed = d->suppressed};
}

void detection_free(struct detection *d)
{
    if (!d)
        return;
    for (unsigned i = 0; i < d->watch_count; i++)
        for (struct profile *e = d->watches[i].oldest, *newer; e; e = newer) {
            newer = e->newer;
            profile_free(e);
        }
    while (d->alert_at < d->alert_count)
        record_free(d->alerts[d->alert_at++]);
    free(d->alerts);
    free(d->watches);
    free(d->buckets);
    seen_release(&d->seen);
    free(d);
}
