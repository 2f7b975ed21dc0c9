/* Replays traces through the engine. */
#include "replay.h"
#include "base/memory.h"
#include "detect/detection.h"
#include "lanes.h"
#include "mail/secret_tag.h"
#include "output/format.h"
#include "secret_counts.h"
#include "session/keylog.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct sink {
    const struct format *format;
    void *state;
    struct buf *out;
    struct order last;
    struct detection *detection;   /* null: all records are written */
    struct secret_counts *secrets; /* or null */
};

static void write_alerts(struct sink *sink)
{
    struct record *r;

    while ((r = detection_next(sink->detection)) != NULL) {
        sink->format->record(sink->state, r, sink->out);
        record_free(r);
    }
}

static void emit(void *arg, const struct order *where, struct record *r)
{
    struct sink *sink = arg;

    assert(!order_before(where, &sink->last));
    sink->last = *where;
    if (sink->secrets)
        secret_counts_take(sink->secrets, r);
    if (sink->detection) {
        detection_see(sink->detection, r);
        write_alerts(sink);
    } else {
        sink->format->record(sink->state, r, sink->out);
    }
    record_free(r);
}

/* What the dialogue says of the site: mistakes in it are the test's. */
static void site_settings(struct detect_settings *s, const struct dialogue_file *d)
{
    struct error err = {{0}};

    detect_settings_init(s);
    for (size_t i = 0; d && i < d->local_nets.count; i++)
        detect_settings_nets(s, d->local_nets.list[i], &err);
    for (size_t i = 0; d && i < d->local_domains.count; i++)
        detect_settings_domains(s, d->local_domains.list[i], &err);
    for (size_t i = 0; d && i < d->mail_servers.count; i++)
        detect_settings_servers(s, d->mail_servers.list[i], &err);
    for (size_t i = 0; d && i < d->set.count; i++)
        detect_settings_set(s, d->set.list[i], &err);
    for (size_t i = 0; d && i < d->suppress.count; i++)
        detect_settings_suppress(s, d->suppress.list[i], &err);
    if (err.text[0] != 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

const struct secret_key replay_secret_key = {"a key that is known for the test"};

void replay_settings(struct replay_settings *s, const struct dialogue_file *d)
{
    *s = (struct replay_settings){0};
    limits_init(&s->limits);
    mail_settings_init(&s->mail);
    if (!d)
        return;
    s->any_port = d->any_port;
    s->hold = d->hold;
    s->interim = d->interim;
    s->overlap_last = d->overlap_last;
    s->keys = d->keys;
    s->mail = d->mail;
    s->limits = d->limits;
    s->d = d;
}

static struct keylog *own_keylog(const struct texts *lines)
{
    struct keylog *k = lines->count ? keylog_new(lines->count) : NULL;

    for (size_t i = 0; i < lines->count; i++) {
        keylog_take(k, bytes_of_string(lines->list[i]));
        keylog_take(k, BYTES("\n"));
    }
    return k;
}

void replay_format(const struct replay_settings *s, const struct trace *t, const struct format *format, struct buf *out)
{
    struct sink sink = {.format = format, .out = out};
    struct engine_settings settings;
    struct lanes_clock clock = LANES_CLOCK_INIT;
    struct lanes *l;
    struct detect_settings site;

    assert(sink.format);
    sink.state = memory_get(sink.format->state_size > 0 ? sink.format->state_size : 1);
    if (sink.format->open)
        sink.format->open(sink.state, false);
    site_settings(&site, s->d);
    if (s->alerts)
        sink.detection = detection_new(&site, &s->limits);
    if (s->alerts || s->counted)
        sink.secrets = secret_counts_new(s->limits.secrets);
    engine_settings_init(&settings);
    settings.limits = s->limits;
    settings.mail = s->mail;
    settings.mail.secret_key = &replay_secret_key;
    settings.keylog = s->keylog ? s->keylog : own_keylog(&s->keys);
    if (s->any_port)
        settings.any_port = true;
    if (s->hold > 0)
        settings.hold = s->hold;
    if (s->interim > 0)
        settings.interim = s->interim;
    settings.overlap_last = s->overlap_last;
    settings.put_away_at_once = !s->restless;
    l = lanes_new(&settings, 0, 1, emit, &sink);
    for (size_t i = 0; i < t->count; i++) {
        const struct packet *p = &t->segments[i].packet;

        if (s->before)
            s->before(s->arg, i);
        if (!engine_follows(&settings, p))
            continue;
        if (lanes_clock_reach(&clock, p->when))
            lanes_tick(l, p->frame, clock.now);
        lanes_packet(l, lane_of(p), p);
    }
    lanes_finish(l, ENGINE_EOF);
    lanes_free(l);
    if (!s->keylog)
        keylog_close(settings.keylog);
    if (sink.detection) {
        detection_finish(sink.detection);
        write_alerts(&sink);
        detection_free(sink.detection);
    }
    secret_counts_free(sink.secrets);
    detect_settings_release(&site);
    if (sink.format->finish)
        sink.format->finish(sink.state, out);
    free(sink.state);
}

void replay(const struct replay_settings *s, const struct trace *t, struct buf *out)
{
    replay_format(s, t, format_find("json"), out);
}
