/* The end of the line for fuzzed packets (see drain.h). */
#include "drain.h"
#include "base/memory.h"
#include "output/format.h"
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#define FORMATS_MOST 16

struct drain {
    struct lanes *lanes;
    struct lanes_clock clock;
    uint64_t frame;
    struct engine_settings settings;
    void *states[FORMATS_MOST];
    struct buf out;
};

/* Each line is one JSON object in valid UTF-8. */
static void check_json(struct bytes text)
{
    while (text.len > 0) {
        size_t len = bytes_index(text, '\n');
        struct json_tokener *tokener = json_tokener_new();
        struct json_object *o;

        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        o = json_tokener_parse_ex(tokener, (const char *)text.data, (int)len);
        if (!o || json_tokener_get_parse_end(tokener) != len || len == text.len ||
            !json_object_is_type(o, json_type_object)) {
            fprintf(stderr, "no JSON: %.*s\n", (int)len, (const char *)text.data);
            abort();
        }
        json_object_put(o);
        json_tokener_free(tokener);
        text = bytes_part(text, len + 1, SIZE_MAX);
    }
}

static void emit(void *arg, const struct order *where, struct record *r)
{
    struct drain *d = arg;

    (void)where;
    for (size_t i = 0; formats[i] && i < FORMATS_MOST; i++) {
        buf_reset(&d->out);
        formats[i]->record(d->states[i], r, &d->out);
        if (strcmp(formats[i]->name, "json") == 0)
            check_json(buf_bytes(&d->out));
    }
    record_free(r);
}

static void tighten(struct engine_settings *s)
{
    for (unsigned i = 0; i < limit_count; i++)
        *limits_at(&s->limits, i) = limit_infos[i].least;
    s->limits.flows = 100;
    s->limits.list = 4;
    s->limits.rcpt = 3;
    s->limits.pending = 4;
    s->hold = 512;
}

struct drain *drain_new(bool tight, struct keylog *keylog)
{
    struct drain *d = memory_get(sizeof(*d));

    buf_init(&d->out, SIZE_MAX);
    for (size_t i = 0; formats[i] && i < FORMATS_MOST; i++) {
        d->states[i] = memory_get(formats[i]->state_size > 0 ? formats[i]->state_size : 1);
        if (formats[i]->open)
            formats[i]->open(d->states[i], i % 2 == 0);
    }
    engine_settings_init(&d->settings);
    d->settings.keylog = keylog;
    if (tight)
        tighten(&d->settings);
    d->clock = LANES_CLOCK_INIT;
    d->lanes = lanes_new(&d->settings, 0, 1, emit, d);
    return d;
}

void drain_packet(struct drain *d, const struct packet *p)
{
    struct packet copy = *p;
    uint8_t *octets = memory_get(p->payload.len > 0 ? p->payload.len : 1);

    if (p->payload.len > 0)
        memcpy(octets, p->payload.data, p->payload.len);
    copy.payload.data = octets;
    d->frame = p->frame;
    if (engine_follows(&d->settings, p)) {
        drain_tick(d, p->when);
        lanes_packet(d->lanes, lane_of(p), &copy);
    }
    free(octets);
}

void drain_tick(struct drain *d, int64_t now)
{
    if (lanes_clock_reach(&d->clock, now))
        lanes_tick(d->lanes, d->frame, d->clock.now);
}

void drain_free(struct drain *d)
{
    lanes_finish(d->lanes, ENGINE_EOF);
    lanes_free(d->lanes);
    for (size_t i = 0; formats[i] && i < FORMATS_MOST; i++) {
        buf_reset(&d->out);
        if (formats[i]->finish)
            formats[i]->finish(d->states[i], &d->out);
        free(d->states[i]);
    }
    buf_release(&d->out);
    free(d);
}
