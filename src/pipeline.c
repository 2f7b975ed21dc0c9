/* From the sources to the workers: frames are numbered here, over all sources, decoded, and those of connections that
   are followed are handed on. */
#include "pipeline.h"

#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "capture/decode.h"
#include "capture/source.h"
#include "mail/extract.h"
#include "mail/secret_tag.h"
#include "recorder.h"
#include "session/keylog.h"
#include "workers.h"

enum {
    WAIT_MS = 100,             /* for packets of several interfaces */
    BURST = 256,               /* frames from one interface before the next has its turn */
    REFRESH_MS = 250,          /* between two looks of a person */
    PROGRESS_EVERY = 8192,     /* frames between two looks at the clock */
    SMALL_CAPTURES = 16 << 20, /* octets of files for which threads do not pay */
};

/* How far the wall clock may be ahead of packets that are still on their way to us. */
#define LIVE_DELAY (500 * CLOCK_MS)

struct pipeline {
    const struct options *options;
    const atomic_int *stop;
    struct error *err;
    struct terminal terminal;
    struct decoder *decoder;
    struct extraction *extraction; /* or null */
    struct keylog *keylog;         /* or null */
    struct secret_key secret_key;  /* forgotten when the run is over */
    struct keeper *keeper;         /* the decoder's, for -w; or null */
    struct recorder *recorder;
    struct workers *workers;
    struct lanes_clock clock;
    struct source **live; /* the interfaces */
    struct source *file;  /* the one being read, or null */
    uint64_t frames;
    unsigned files; /* that could be opened */
    struct stats_clock stats;
    struct stats_counts counts; /* sources: those that have ended */
    bool unreadable, damaged;
    bool direct;               /* no threads: progress is shown from here */
    struct timespec looked_at; /* when a live capture's output was handed on */
};

static int64_t milliseconds(const struct timespec *now, const struct timespec *then)
{
    return (int64_t)(now->tv_sec - then->tv_sec) * 1000 + (now->tv_nsec - then->tv_nsec) / 1000000;
}

static bool stopped(const struct pipeline *p)
{
    return atomic_load_explicit(p->stop, memory_order_relaxed) || recorder_over(p->recorder) ||
           (p->options->count && p->frames >= p->options->count);
}

static void add_source(struct source_counts *sum, struct source *src)
{
    struct source_counts one;
    source_counts(src, &one);
    sum->received += one.received;
    sum->dropped_kernel += one.dropped_kernel;
    sum->dropped_interface += one.dropped_interface;
}

/* What is known here: the lanes and the outputs have counts of their own. */
static struct stats_counts counts_now(const struct pipeline *p)
{
    struct stats_counts now = p->counts;
    if (p->file)
        add_source(&now.source, p->file);
    for (unsigned i = 0; p->live && i < p->options->interface_count; i++)
        if (p->live[i])
            add_source(&now.source, p->live[i]);
    now.decode = *decoder_counts(p->decoder);
    now.packets_unwritten = p->keeper ? p->keeper->dropped : 0;
    return now;
}

static __attribute__((noinline)) void cut_interval(struct pipeline *p, uint64_t number, int64_t reached)
{
    struct stats_counts now = counts_now(p);
    struct stats_span span = stats_clock_cut(&p->stats, reached);
    workers_cut(p->workers, number, &span, &now);
}

static __attribute__((noinline)) void show_progress(const struct pipeline *p)
{
    if (p->direct)
        recorder_progress(p->recorder, p->frames);
}

static __attribute__((noinline)) void take_mail(struct pipeline *p, const struct frame *frame)
{
    struct packet packet;
    if (!decode(p->decoder, frame, &packet))
        return;
    if (lanes_clock_reach(&p->clock, packet.when))
        workers_tick(p->workers, packet.frame, p->clock.now);
    struct kept *frames = p->keeper ? keeper_take(p->keeper) : NULL;
    workers_packet(p->workers, &packet, frames, frames ? keeper_settled(p->keeper) : 0);
}

static void take_frame(struct pipeline *p, struct frame *frame)
{
    frame->number = ++p->frames;
    if (stats_clock_packet(&p->stats, frame->when))
        cut_interval(p, frame->number, frame->when);
    if (!decoder_skips(p->decoder, frame))
        take_mail(p, frame);
    if (p->frames % PROGRESS_EVERY == 0)
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

struct reading { /* of one file */
    struct pipeline *pipeline;
    struct source *source;
    enum source_status status;
    struct error err;
};

/* All frames that can be had now. False: no more will come, or are wanted. */
static bool take_frames(void *arg)
{
    struct reading *r = arg;
    struct frame frame;
    do {
        r->status = source_next(r->source, &frame, &r->err);
        if (r->status == SOURCE_FRAME)
            take_frame(r->pipeline, &frame);
    } while (r->status == SOURCE_FRAME && !stopped(r->pipeline));
    return r->status == SOURCE_IDLE && !stopped(r->pipeline);
}

/* True: go on with the next file. */
static bool read_file(struct pipeline *p, const char *name)
{
    struct error err;
    struct source *src = source_open_file(name, &err);
    if (!src) {
        terminal_say(&p->terminal, "mailtap: %s", err.text);
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
    uint64_t before = p->frames;
    recorder_origin(p->recorder, name, before + 1);
    p->files++;
    struct reading reading = {.pipeline = p, .source = src};
    if (!workers_read(p->workers, src, take_frames, &reading))
        while (take_frames(&reading))
            continue;
    if (reading.status == SOURCE_BROKEN) {
        terminal_say(&p->terminal, "mailtap: %s", reading.err.text);
        p->damaged = true;
        p->counts.inputs_damaged++;
    }
    if (p->options->verbose)
        terminal_say(&p->terminal, "%s: %" PRIu64 " packets", name, p->frames - before);
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
        if (stats_clock_tick(&p->stats, now))
            cut_interval(p, p->frames + 1, now);
        if (lanes_clock_reach(&p->clock, now))
            workers_tick(p->workers, p->frames + 1, p->clock.now);
    }
    workers_flush(p->workers, p->frames + 1);
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
            terminal_say(&p->terminal, "mailtap: %s", err.text);
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

/* False: something that should have been written was not. */
static bool finish(struct pipeline *p)
{
    struct engine_counts engine = {0};
    struct stats_span span = stats_clock_all(&p->stats);
    workers_finish(p->workers, *p->stop ? ENGINE_SHUTDOWN : ENGINE_EOF, &engine);
    p->workers = NULL;
    struct stats_counts now = counts_now(p);
    now.engine = engine;
    bool well = recorder_close(p->recorder, &span, &now, p->err);
    p->recorder = NULL;
    terminal_release(&p->terminal);
    if (p->options->verbose)
        print_skipped(&now.decode);
    if (p->live && !p->options->quiet)
        print_counts(&now, p->frames);
    return well;
}

static enum exit_code run(struct pipeline *p)
{
    const struct options *o = p->options;
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
    if (p->unreadable && !p->files)
        return EXIT_UNREADABLE;
    well = finish(p);
    if (p->unreadable)
        return EXIT_UNREADABLE;
    return p->damaged || !well ? EXIT_DAMAGED : EXIT_DONE;
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

/* All of them plain files, and together not worth a thread? */
static bool are_small(const struct options *o)
{
    int64_t size = 0;
    for (unsigned i = 0; i < o->file_count; i++) {
        struct stat st;
        if (stat(o->files[i], &st) || !S_ISREG(st.st_mode))
            return false;
        size += st.st_size;
    }
    return o->file_count && size < SMALL_CAPTURES;
}

/* As many as there are processors for us, where not told otherwise. */
static unsigned jobs(const struct options *o)
{
    cpu_set_t set;
    if (o->jobs)
        return o->jobs;
    if (are_small(o) || sched_getaffinity(0, sizeof set, &set))
        return 1;
    unsigned count = (unsigned)CPU_COUNT(&set);
    return count < LANES ? count : LANES;
}

static void pipeline_release(struct pipeline *p)
{
    struct engine_counts none = {0};
    if (p->workers)
        workers_finish(p->workers, ENGINE_SHUTDOWN, &none);
    if (p->recorder) {
        recorder_abandon(p->recorder);
        terminal_release(&p->terminal);
    }
    for (unsigned i = 0; p->live && i < p->options->interface_count; i++)
        source_free(p->live[i]);
    free(p->live);
    decoder_free(p->decoder);
    extraction_close(p->extraction);
    keylog_close(p->keylog);
    secret_key_wipe(&p->secret_key);
}

/* False: it cannot be read, or there is nothing in it that a key log has. */
static bool open_keylog(struct pipeline *p, struct error *err)
{
    const struct options *o = p->options;
    bool grows = o->interface_count != 0;
    if (!o->keylog)
        return true;
    p->keylog = keylog_open(o->keylog, o->engine.limits.keylog, grows, err);
    if (!p->keylog)
        return false;
    struct keylog_counts counts = keylog_count(p->keylog);
    if (!counts.secrets && counts.others) {
        keylog_close(p->keylog);
        p->keylog = NULL;
        return error_set(err, "'%.256s' is no key log: none of its lines is a secret of TLS", o->keylog);
    }
    return true;
}

enum exit_code pipeline_run(const struct options *o, const atomic_int *stop, struct error *err)
{
    struct pipeline p = {.options = o, .stop = stop, .err = err, .clock = LANES_CLOCK_INIT};
    unsigned count = jobs(o);
    enum exit_code code = EXIT_USAGE;
    err->text[0] = 0;
    p.stats.interval = o->stats;
    p.direct = count == 1;
    terminal_init(&p.terminal, wants_progress(o));
    struct engine_settings engine = o->engine;
    if (!open_keylog(&p, err) ||
        (o->extract && !(p.extraction = extraction_open(o->extract, &o->engine.limits, err))) ||
        !(p.recorder = recorder_new(o, p.extraction, &p.terminal, err))) {
        pipeline_release(&p);
        return code;
    }
    engine.keylog = p.keylog;
    engine.memory -= o->engine.limits.detect; /* half at most, see options.c */
    engine.mail.extraction = p.extraction;
    p.decoder = decoder_new(&o->engine.limits);
    if (!o->engine.any_port)
        decoder_follow(p.decoder, o->engine.ports);
    if (o->checksums)
        decoder_verify(p.decoder);
    if (o->write)
        p.keeper = decoder_keep(p.decoder, o->engine.limits.write);
    if (secret_key_draw(&p.secret_key))
        engine.mail.secret_key = &p.secret_key;
    p.workers = workers_new(&engine, count, p.recorder, err);
    if (p.workers)
        code = run(&p);
    pipeline_release(&p);
    return code;
}
