/* Replays traces through the engine. */
#include "replay.h"
#include "base/memory.h"
#include "lanes.h"
#include "output/format.h"
#include <assert.h>
#include <stdlib.h>

struct sink {
    const struct format *format;
    void *state;
    struct buf *out;
    struct order last;
};

static void emit(void *arg, const struct order *where, struct record *r)
{
    struct sink *sink = arg;

    assert(!order_before(where, &sink->last));
    sink->last = *where;
    sink->format->record(sink->state, r, sink->out);
    record_free(r);
}

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
    s->mail = d->mail;
    s->limits = d->limits;
}

void replay_format(const struct replay_settings *s, const struct trace *t, const struct format *format, struct buf *out)
{
    struct sink sink = {.format = format, .out = out};
    struct engine_settings settings;
    struct lanes_clock clock = LANES_CLOCK_INIT;
    struct lanes *l;

    assert(sink.format);
    sink.state = memory_get(sink.format->state_size > 0 ? sink.format->state_size : 1);
    if (sink.format->open)
        sink.format->open(sink.state, false);
    engine_settings_init(&settings);
    settings.limits = s->limits;
    settings.mail = s->mail;
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

        if (!engine_follows(&settings, p))
            continue;
        if (lanes_clock_reach(&clock, p->when))
            lanes_tick(l, p->frame, clock.now);
        lanes_packet(l, lane_of(p), p);
    }
    lanes_finish(l, ENGINE_EOF);
    lanes_free(l);
    if (sink.format->finish)
        sink.format->finish(sink.state, out);
    free(sink.state);
}

void replay(const struct replay_settings *s, const struct trace *t, struct buf *out)
{
    replay_format(s, t, format_find("json"), out);
}
