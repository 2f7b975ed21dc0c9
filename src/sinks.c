/* Formats and places of one run. */
#include "sinks.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "output/transport.h"

/* A record is bounded by the limits; this is far above any, and far below what would hurt. */
enum { TEXT_MAX = 64 << 20 };

struct place {
    const struct transport *transport;
    const char *target;
    void *state;
    bool open, gone; /* gone: the reader closed its end */
};

struct sink {
    const struct format *format;
    void *state;
    struct place *place;
};

struct sinks {
    struct sink *list;
    struct place *places; /* as many as sinks at most; never moves */
    unsigned count, place_count;
    struct buf text;
    uint64_t dropped;
};

static bool wants_colour(const struct options *o, const char *target)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    switch (o->colour) {
    case WHEN_ALWAYS:
        return true;
    case WHEN_NEVER:
        return false;
    case WHEN_AUTO:
        break;
    }
    return !strcmp(target, "-") && isatty(STDOUT_FILENO) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

static struct place *place_open(struct sinks *s, const char *target, struct error *err)
{
    struct place *p = &s->places[s->place_count];
    for (unsigned i = 0; i < s->place_count; i++)
        if (!strcmp(s->places[i].target, target))
            return &s->places[i];
    *p = (struct place){.transport = transport_find(target), .target = target};
    if (!p->transport) {
        error_set(err, "output target '%s' is of no kind known here; give a path, or - for standard output", target);
        return NULL;
    }
    p->state = memory_get(p->transport->state_size);
    s->place_count++;
    p->open = p->transport->open(p->state, target, err);
    return p->open ? p : NULL;
}

static void sinks_free(struct sinks *s)
{
    for (unsigned i = 0; i < s->count; i++)
        free(s->list[i].state);
    for (unsigned i = 0; i < s->place_count; i++)
        free(s->places[i].state);
    free(s->list);
    free(s->places);
    buf_release(&s->text);
    free(s);
}

struct sinks *sinks_open(const struct options *o, struct error *err)
{
    struct sinks *s = memory_get(sizeof *s);
    s->list = memory_get(o->output_count * sizeof *s->list);
    s->places = memory_get(o->output_count * sizeof *s->places);
    buf_init(&s->text, TEXT_MAX);
    for (unsigned i = 0; i < o->output_count; i++) {
        const struct output_choice *choice = &o->outputs[i];
        struct sink *sink = &s->list[i];
        sink->place = place_open(s, choice->target, err);
        if (!sink->place) {
            sinks_abandon(s);
            return NULL;
        }
        sink->format = choice->format;
        sink->state = memory_get(choice->format->state_size);
        s->count++;
        choice->format->open(sink->state, choice->format->colour && wants_colour(o, choice->target));
    }
    return s;
}

/* After a call of a transport that failed: is it only that nobody reads any more? */
static bool settle(struct sinks *s, struct place *p, bool sent)
{
    if (sent)
        return true;
    if (errno == EPIPE) {
        p->gone = true;
        return true;
    }
    s->dropped++;
    p->open = false;
    return false;
}

static bool sink_send(struct sinks *s, struct sink *sink, struct error *err)
{
    struct place *p = sink->place;
    if (s->text.cut) { /* half a record is worse than none */
        s->dropped++;
        return true;
    }
    if (!s->text.len || !p->open || p->gone)
        return true;
    errno = 0;
    return settle(s, p, p->transport->send(p->state, buf_bytes(&s->text), err));
}

bool sinks_record(struct sinks *s, const struct record *r, struct error *err)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct sink *sink = &s->list[i];
        buf_reset(&s->text);
        sink->format->record(sink->state, r, &s->text);
        if (!sink_send(s, sink, err))
            return false;
    }
    return true;
}

bool sinks_flush(struct sinks *s, struct error *err)
{
    for (unsigned i = 0; i < s->place_count; i++) {
        struct place *p = &s->places[i];
        if (!p->open || p->gone || !p->transport->flush)
            continue;
        errno = 0;
        if (!settle(s, p, p->transport->flush(p->state, err)))
            return false;
    }
    return true;
}

bool sinks_left(const struct sinks *s)
{
    for (unsigned i = 0; i < s->place_count; i++)
        if (!s->places[i].gone)
            return true;
    return false;
}

uint64_t sinks_dropped(const struct sinks *s)
{
    return s->dropped;
}

/* Every place is closed whatever happens to the others; the first error is the one told. */
bool sinks_close(struct sinks *s, uint64_t *dropped, struct error *err)
{
    struct error other, *say = err;
    bool well = true;
    for (unsigned i = 0; i < s->count; i++) {
        buf_reset(&s->text);
        s->list[i].format->finish(s->list[i].state, &s->text);
        if (!sink_send(s, &s->list[i], say)) {
            well = false;
            say = &other;
        }
    }
    for (unsigned i = 0; i < s->place_count; i++) {
        struct place *p = &s->places[i];
        errno = 0;
        if (p->open && !settle(s, p, p->transport->close(p->state, say)) && !p->gone) {
            well = false;
            say = &other;
        }
    }
    if (dropped)
        *dropped = s->dropped;
    sinks_free(s);
    return well;
}

void sinks_abandon(struct sinks *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        buf_reset(&s->text);
        s->list[i].format->finish(s->list[i].state, &s->text); /* frees what it owns */
    }
    for (unsigned i = 0; i < s->place_count; i++)
        if (s->places[i].open)
            s->places[i].transport->close(s->places[i].state, NULL);
    sinks_free(s);
}
