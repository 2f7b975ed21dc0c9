/* Replays traces through the engine. */
#include "replay.h"
#include "base/memory.h"
#include "engine.h"
#include "output/format.h"
#include <assert.h>
#include <stdlib.h>

struct sink {
    const struct format *format;
    void *state;
    struct buf *out;
};

static void emit(void *arg, struct record *r)
{
    struct sink *sink = arg;

    sink->format->record(sink->state, r, sink->out);
    record_free(r);
}

void replay_settings(struct replay_settings *s, const struct dialogue_file *d)
{
    *s = (struct replay_settings){0};
    limits_init(&s->limits);
    if (!d)
        return;
    s->any_port = d->any_port;
    s->hold = d->hold;
    s->interim = d->interim;
    s->limits = d->limits;
}

void replay_format(const struct replay_settings *s, const struct trace *t, const struct format *format, struct buf *out)
{
    struct sink sink = {.format = format, .out = out};
    struct engine_settings settings;
    struct engine *e;

    assert(sink.format);
    sink.state = memory_get(sink.format->state_size > 0 ? sink.format->state_size : 1);
    if (sink.format->open)
        sink.format->open(sink.state, false);
    engine_settings_init(&settings);
    settings.limits = s->limits;
    if (s->any_port)
        settings.any_port = true;
    if (s->hold > 0)
        settings.hold = s->hold;
    if (s->interim > 0)
        settings.interim = s->interim;
    settings.emit = emit;
    settings.arg = &sink;
    e = engine_new(&settings);
    for (size_t i = 0; i < t->count; i++)
        engine_packet(e, &t->segments[i].packet);
    engine_finish(e, ENGINE_EOF);
    engine_free(e);
    if (sink.format->finish)
        sink.format->finish(sink.state, out);
    free(sink.state);
}

void replay(const struct replay_settings *s, const struct trace *t, struct buf *out)
{
    replay_format(s, t, format_find("json"), out);
}
