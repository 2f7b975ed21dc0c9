/* From the sources to the outputs. Frames are numbered here, over all sources; which file a record came from is told
   from the number of its first frame. */
#include "pipeline.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "capture/decode.h"
#include "capture/source.h"
#include "sinks.h"
#include "stats.h"

enum {
    WAIT_MS = 100,        /* for packets of several interfaces */
    BURST = 256,          /* frames from one interface before the next has its turn */
    REFRESH_MS = 250,     /* between two looks of a person */
    PROGRESS_EVERY = 8192 /* frames between two looks at the clock */
};

/* How far the wall clock may be ahead of packets that are still on their way to us. */
#define LIVE_DELAY (500 * CLOCK_MS)

struct origin { /* the frames from `first` on came from here */
    const char *name;
    uint64_t first;
};

struct pipeline {
    const struct options *options;
    const volatile sig_atomic_t *stop;
    struct error *err;
    struct decoder *decoder;
    struct engine *engine;
    struct sinks *sinks;
    struct source **live; /* the interfaces */
    struct source *file;  /* the one being read, or null */
    struct origin *origins;
    unsigned origin_count;
    uint64_t frames;
    struct stats stats;
    struct stats_counts counts;       /* sources: those that have ended */
    bool failed, unreadable, damaged; /* failed: an output; nothing more is written */
    bool progress;                    /* a line of it is to be shown */
    bool shown;                       /* and stands on the terminal */
    struct timespec looked_at;        /* when progress was shown, or a live capture's output handed on */
};

/* A progress line is wiped before anything else goes to the terminal. */
static void wipe_progress(struct pipeline *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}

static int64_t milliseconds(const struct timespec *now, const struct timespec *then)
{
    return (int64_t)(now->tv_sec - then->tv_sec) * 1000 + (now->tv_nsec - then->tv_nsec) / 1000000;
}

static void show_progress(struct pipeline *p)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (milliseconds(&now, &p->looked_at) < REFRESH_MS)
        return;
    p->looked_at = now;
    fprintf(stderr, "\r\033[K%" PRIu64 " packets, %" PRIu64 " sessions, %" PRIu64 " messages", p->frames,
            p->counts.records[KIND_session], p->counts.records[KIND_message]);
    p->shown = true;
}

/* What went wrong but does not end the run. */
static void complain(struct pipeline *p, const struct error *err)
{
    wipe_progress(p);
    fprintf(stderr, "mailtap: %s\n", err->text);
}

static bool stopped(const struct pipeline *p)
{
    return *p->stop || p->failed || !sinks_left(p->sinks) || (p->options->count && p->frames >= p->options->count);
}

/* Files: the last that begins at or before the record's first frame. */
static const char *origin_of(const struct pipeline *p, const struct record *r)
{
    struct entry e;
    uint64_t frame = 0;
    unsigned low = 0, high = p->origin_count;
    for (size_t at = 0; record_next(r, &at, &e);)
        if (e.field == F_all_frame_first) {
            frame = e.number;
            break;
        }
    if (!frame)
        return NULL;
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        *(p->origins[middle].first <= frame ? &low : &high) = middle;
    }
    return high ? p->origins[low].name : NULL;
}

static void write_record(struct pipeline *p, struct record *r)
{
    if (!p->failed && !sinks_record(p->sinks, r, p->err))
        p->failed = true;
    record_free(r);
}

/* The engine's emit. */
static void take_record(void *arg, struct record *r)
{
    struct pipeline *p = arg;
    const char *origin = origin_of(p, r);
    if (origin && p->options->file_count && !record_has(r, F_all_pcap_file))
        record_text(r, F_all_pcap_file, bytes_of_string(origin));
    else if (p->options->interface_count == 1 && !record_has(r, F_all_iface))
        record_text(r, F_all_iface, bytes_of_string(p->options->interfaces[0]));
    p->counts.records[record_kind(r)]++;
    write_record(p, r);
}

static void add_source(struct source_counts *sum, struct source *src)
{
    struct source_counts one;
    source_counts(src, &one);
    sum->received += one.received;
    sum->dropped_kernel += one.dropped_kernel;
    sum->dropped_interface += one.dropped_interface;
}

static struct stats_counts counts_now(const struct pipeline *p)
{
    struct stats_counts now = p->counts;
    if (p->file)
        add_source(&now.source, p->file);
    for (unsigned i = 0; p->live && i < p->options->interface_count; i++)
        if (p->live[i])
            add_source(&now.source, p->live[i]);
    now.decode = *decoder_counts(p->decoder);
    now.engine = *engine_counts(p->engine);
    now.records_dropped = sinks_dropped(p->sinks);
    return now;
}

static void write_interval(struct pipeline *p, int64_t reached)
{
    struct stats_counts now = counts_now(p);
    write_record(p, stats_interval(&p->stats, reached, &now, &p->options->engine.limits));
}

static void take_frame(struct pipeline *p, struct frame *frame)
{
    struct packet packet;
    frame->number = ++p->frames;
    if (stats_packet(&p->stats, frame->when))
        write_interval(p, frame->when);
    if (decode(p->decoder, frame, &packet))
        engine_packet(p->engine, &packet);
    if (p->progress && p->frames % PROGRESS_EVERY == 0)
        show_progress(p);
}

/* Several files are given as -r a -r b; a shell pattern leaves the others among the filter's words. */
static void explain_filter(const struct options *o, struct error *err)
{
    struct bytes rest = bytes_of_string(o->filter), word = bytes_word(&rest);
    char name[256];
    struct stat st;
    size_t len = strlen(err->text);
    if (!o->file_count || word.len >= sizeof name)
        return;
    memcpy(name, word.data, word.len);
    name[word.len] = 0;
    if (!stat(name, &st) && S_ISREG(st.st_mode))
        snprintf(err->text + len, sizeof err->text - len, "; to read several files give -r before each");
}

/* True: go on with the next file. */
static bool read_file(struct pipeline *p, const char *name)
{
    struct error err;
    struct frame frame;
    enum source_status status = SOURCE_IDLE;
    struct source *src = source_open_file(name, &err);
    if (!src) {
        complain(p, &err);
        p->unreadable = true;
        p->counts.inputs_unreadable++;
        return true;
    }
    if (p->options->filter && !source_filter(src, p->options->filter, p->err)) {
        explain_filter(p->options, p->err);
        source_free(src);
        return false;
    }
    p->file = src;
    p->origins[p->origin_count++] = (struct origin){name, p->frames + 1};
    do {
        status = source_next(src, &frame, &err);
        if (status == SOURCE_FRAME)
            take_frame(p, &frame);
    } while (!stopped(p) && (status == SOURCE_FRAME || status == SOURCE_IDLE));
    if (status == SOURCE_BROKEN) {
        complain(p, &err);
        p->damaged = true;
        p->counts.inputs_damaged++;
    }
    if (p->options->verbose) {
        wipe_progress(p);
        fprintf(stderr, "%s: %" PRIu64 " packets\n", name, p->frames + 1 - p->origins[p->origin_count - 1].first);
    }
    add_source(&p->counts.source, src);
    p->file = NULL;
    source_free(src);
    return true;
}

static bool open_interfaces(struct pipeline *p)
{
    const struct options *o = p->options;
    struct live_settings settings = {.snaplen = o->snaplen, .promiscuous = o->promiscuous};
    p->live = memory_get(o->interface_count * sizeof *p->live);
    for (unsigned i = 0; i < o->interface_count; i++) {
        p->live[i] = source_open_live(o->interfaces[i], &settings, p->err);
        if (!p->live[i])
            return false;
        if (o->filter && !source_filter(p->live[i], o->filter, p->err))
            return false;
    }
    if (!o->quiet)
        for (unsigned i = 0; i < o->interface_count; i++)
            fprintf(stderr, "mailtap: listening on %s\n", o->interfaces[i]);
    return true;
}

/* A live capture: time passes without packets too, and what is written should be seen. */
static void refresh(struct pipeline *p)
{
    struct timespec wall;
    int64_t now;
    clock_gettime(CLOCK_REALTIME, &wall);
    now = (int64_t)wall.tv_sec * CLOCK_S + wall.tv_nsec - LIVE_DELAY;
    if (p->stats.any && now > p->stats.latest) {
        if (stats_tick(&p->stats, now))
            write_interval(p, now);
        engine_tick(p->engine, now);
    }
    if (!p->failed && !sinks_flush(p->sinks, p->err))
        p->failed = true;
}

/* Up to BURST frames of one interface. False: it is gone. */
static bool drain(struct pipeline *p, unsigned i, bool *any)
{
    struct error err;
    for (unsigned n = 0; n < BURST && !stopped(p); n++) {
        struct frame frame;
        switch (source_next(p->live[i], &frame, &err)) {
        case SOURCE_FRAME:
            frame.iface = i;
            take_frame(p, &frame);
            *any = true;
            continue;
        case SOURCE_IDLE:
            return true;
        case SOURCE_BROKEN:
            complain(p, &err);
            p->damaged = true;
            p->counts.inputs_damaged++;
            return false;
        case SOURCE_END:
            return false;
        }
    }
    return true;
}

static void watch(struct pipeline *p)
{
    unsigned count = p->options->interface_count, left = count;
    struct pollfd *polled = memory_get(count * sizeof *polled);
    for (unsigned i = 0; i < count; i++)
        polled[i] = (struct pollfd){.fd = source_descriptor(p->live[i]), .events = POLLIN};
    while (left && !stopped(p)) {
        bool any = false;
        struct timespec now;
        poll(polled, count, WAIT_MS); /* a signal ends it early, stopped() then says so */
        for (unsigned i = 0; i < count && !stopped(p); i++) {
            if (polled[i].fd < 0 || !polled[i].revents || drain(p, i, &any))
                continue;
            polled[i].fd = -1; /* poll leaves it alone */
            left--;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (any && milliseconds(&now, &p->looked_at) < REFRESH_MS)
            continue;
        p->looked_at = now;
        refresh(p);
    }
    free(polled);
}

static void print_counts(const struct stats_counts *counts, uint64_t frames)
{
    fprintf(stderr,
            "%" PRIu64 " packets captured\n%" PRIu64 " packets received by filter\n%" PRIu64
            " packets dropped by kernel\n",
            frames, counts->source.received + counts->source.dropped_kernel, counts->source.dropped_kernel);
    if (counts->source.dropped_interface)
        fprintf(stderr, "%" PRIu64 " packets dropped by interface\n", counts->source.dropped_interface);
}

static void print_skipped(const struct decode_counts *c)
{
#define DECODE_COUNT(name, doc)                                                                                        \
    if (c->name)                                                                                                       \
        fprintf(stderr, "%" PRIu64 " %s\n", c->name, doc);
#include "capture/decode_counts.def"
#undef DECODE_COUNT
}

static void finish(struct pipeline *p)
{
    struct stats_counts now;
    engine_finish(p->engine, *p->stop ? ENGINE_SHUTDOWN : ENGINE_EOF);
    now = counts_now(p);
    write_record(p, stats_final(&p->stats, &now, &p->options->engine.limits));
    wipe_progress(p);
    if (p->options->verbose)
        print_skipped(&now.decode);
    if (p->live && !p->options->quiet)
        print_counts(&now, p->frames);
}

static enum exit_code run(struct pipeline *p)
{
    const struct options *o = p->options;
    uint64_t dropped = 0;
    bool well = true;
    if (o->interface_count) {
        if (!open_interfaces(p))
            return EXIT_UNREADABLE;
        watch(p);
    }
    for (unsigned i = 0; i < o->file_count && well && !stopped(p); i++)
        well = read_file(p, o->files[i]);
    if (!well)
        return EXIT_USAGE;
    if (p->unreadable && !p->origin_count)
        return EXIT_UNREADABLE;
    finish(p);
    well = sinks_close(p->sinks, &dropped, p->failed ? NULL : p->err);
    p->sinks = NULL;
    if (p->unreadable)
        return EXIT_UNREADABLE;
    return p->damaged || p->failed || !well || dropped ? EXIT_DAMAGED : EXIT_DONE;
}

/* On a terminal, unless lines of output would run into it. */
static bool wants_progress(const struct options *o)
{
    if (o->interface_count || o->progress == WHEN_NEVER)
        return false;
    if (o->progress == WHEN_ALWAYS)
        return true;
    for (unsigned i = 0; i < o->output_count; i++)
        if (!strcmp(o->outputs[i].target, "-") && strcmp(o->outputs[i].format->name, "summary") != 0 &&
            isatty(STDOUT_FILENO))
            return false;
    return isatty(STDERR_FILENO);
}

enum exit_code pipeline_run(const struct options *o, const volatile sig_atomic_t *stop, struct error *err)
{
    struct pipeline p = {.options = o, .stop = stop, .err = err, .progress = wants_progress(o)};
    struct engine_settings settings = o->engine;
    enum exit_code code = EXIT_USAGE;
    err->text[0] = 0;
    p.stats = (struct stats){.interval = o->stats, .sensor = o->engine.sensor, .live = o->interface_count > 0};
    p.sinks = sinks_open(o, err);
    if (!p.sinks)
        return code;
    settings.emit = take_record;
    settings.arg = &p;
    p.decoder = decoder_new(&o->engine.limits);
    p.engine = engine_new(&settings);
    p.origins = memory_get((o->file_count + 1) * sizeof *p.origins);
    code = run(&p);
    if (p.sinks)
        sinks_abandon(p.sinks);
    for (unsigned i = 0; p.live && i < o->interface_count; i++)
        source_free(p.live[i]);
    free(p.live);
    free(p.origins);
    engine_free(p.engine);
    decoder_free(p.decoder);
    return code;
}
