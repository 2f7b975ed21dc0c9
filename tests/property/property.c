/* Properties: a conversation gives the same records however its packets are cut, repeated and ordered within what TCP
   and the design allow, and with --drop, it invents nothing and admits the loss when packets are removed.

   property [--drop] [--seed N] [--runs N] [--write OUT.pcap] FILE...
   Files are dialogues (.txt) or captures. Run r of a file uses seed N + r, so that `--seed S --runs 1` repeats one.
   Exit code 1 where a property is broken; the smallest number of changes that breaks it is looked for. */
#include "base/memory.h"
#include "checks.h"
#include "diff.h"
#include "mutate.h"
#include "replay.h"
#include <errno.h>
#include <stdlib.h>

struct options {
    bool drop;
    uint64_t seed, runs;
    const char *write;
};

struct subject { /* one file */
    const char *path;
    struct trace trace;
    struct replay_settings settings;
    struct buf ndjson, form; /* of the trace as it is */
    bool several, order, lookalikes;
};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool load(struct subject *s, const char *path, struct error *err)
{
    struct dialogue_file d;
    size_t len;
    char *text;
    bool ok;

    *s = (struct subject){.path = path};
    buf_init(&s->ndjson, SIZE_MAX);
    buf_init(&s->form, SIZE_MAX);
    replay_settings(&s->settings, NULL);
    if (!ends_with(path, ".txt")) {
        /* A damaged file is as good up to the damage. */
        ok = trace_load(&s->trace, path, err) || s->trace.count > 0;
        return ok;
    }
    text = dialogue_file_load(path, &len, err);
    if (!text)
        return false;
    ok = dialogue_file_parse(&d, path, bytes_of(text, len), err);
    if (ok) {
        dialogue_file_packets(&d, &s->trace);
        replay_settings(&s->settings, &d);
        s->settings.d = NULL;       /* it does not live that long */
        d.keys = (struct texts){0}; /* they do */
        s->settings.mail.hash = MAIL_HASH_ALL;
        s->lookalikes = d.lookalikes;
    }
    dialogue_file_release(&d);
    free(text);
    return ok;
}

static void subject_release(struct subject *s)
{
    trace_release(&s->trace);
    texts_release(&s->settings.keys);
    buf_release(&s->ndjson);
    buf_release(&s->form);
}

/* One changed trace, what was taken from it, and the records it gives. */
struct outcome {
    struct trace trace, gone;
    struct buf ndjson, form;
    struct error err;
};

static void outcome_release(struct outcome *o)
{
    trace_release(&o->trace);
    trace_release(&o->gone);
    buf_release(&o->ndjson);
    buf_release(&o->form);
}

static bool holds(const struct subject *s, const struct options *opt, uint64_t seed, unsigned most, struct outcome *o)
{
    struct random r = random_seeded(seed);

    *o = (struct outcome){.err = {{0}}};
    buf_init(&o->ndjson, SIZE_MAX);
    buf_init(&o->form, SIZE_MAX);
    trace_copy(&o->trace, &s->trace);
    if (opt->drop)
        mutate_drop(&o->trace, &r, &o->gone);
    else
        mutate(&o->trace, &r, s->order, most);
    replay(&s->settings, &o->trace, &o->ndjson);
    if (!checks_form(buf_bytes(&o->ndjson), s->several, &o->form, &o->err))
        return false;
    if (opt->drop)
        return checks_drop(buf_bytes(&s->ndjson), s->lookalikes, buf_bytes(&o->ndjson), &o->trace, &o->gone, &o->err);
    return bytes_equal(buf_bytes(&s->form), buf_bytes(&o->form)) || error_set(&o->err, "other records");
}

static void report(const struct subject *s, const struct options *opt, uint64_t seed, const struct outcome *o)
{
    struct error err;

    printf("not ok %s: %s\n  again: property %s--seed %llu --runs 1 %s\n", s->path, o->err.text,
           opt->drop ? "--drop " : "", (unsigned long long)seed, s->path);
    puts("packets:");
    trace_print(&o->trace, stdout);
    if (opt->drop) {
        puts("removed:");
        trace_print(&o->gone, stdout);
    }
    puts("records:");
    diff_print(buf_bytes(&s->form), buf_bytes(&o->form));
    if (opt->write && !trace_save(&o->trace, opt->write, &err))
        printf("%s\n", err.text);
}

/* The seed breaks the property: with how few of its changes? */
static void report_least(const struct subject *s, const struct options *opt, uint64_t seed)
{
    struct outcome o;
    unsigned most = opt->drop ? 100 : 0;

    while (holds(s, opt, seed, most, &o) && most < 100) {
        outcome_release(&o);
        most++;
    }
    report(s, opt, seed, &o);
    outcome_release(&o);
}

static bool run(const char *path, const struct options *opt)
{
    struct subject s;
    struct error err = {{0}};
    bool ok = load(&s, path, &err);

    if (!ok) {
        printf("not ok %s\n", err.text);
        subject_release(&s);
        return false;
    }
    s.several = checks_several(&s.trace);
    s.settings.restless = true;
    replay(&s.settings, &s.trace, &s.ndjson);
    s.settings.restless = false;
    s.order = !checks_acks_unusable(buf_bytes(&s.ndjson));
    /* Beyond --hold nobody waits for what was captured late: the dialogue sets it to see just that. */
    s.order = s.order && s.settings.hold == 0;
    /* Which connection has been idle longest, and must go, is a matter of the order of capture. */
    s.order = s.order && bytes_find_nocase(buf_bytes(&s.ndjson), BYTES("\"close\":\"evicted\"")) == SIZE_MAX;
    s.lookalikes |= bytes_find_nocase(buf_bytes(&s.ndjson), BYTES("\"smuggling_suspect\"")) != SIZE_MAX;
    if (!checks_form(buf_bytes(&s.ndjson), s.several, &s.form, &err)) {
        printf("not ok %s: %s\n", path, err.text);
        ok = false;
    }
    for (uint64_t n = 0; ok && n < opt->runs; n++) {
        struct outcome o;

        ok = holds(&s, opt, opt->seed + n, UINT32_MAX, &o);
        outcome_release(&o);
        if (!ok)
            report_least(&s, opt, opt->seed + n);
    }
    if (ok)
        printf("ok %s: %llu runs from seed %llu\n", path, (unsigned long long)opt->runs, (unsigned long long)opt->seed);
    subject_release(&s);
    return ok;
}

static bool read_number(const char *text, uint64_t *ret)
{
    struct bytes b = bytes_of_string(text ? text : "");

    return bytes_number(&b, ret) && b.len == 0;
}

int main(int argc, char **argv)
{
    struct options opt = {.seed = 1, .runs = 100};
    bool ok = true;
    int i = 1;

    for (; ok && i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--drop") == 0)
            opt.drop = true;
        else if (strcmp(argv[i], "--seed") == 0)
            ok = read_number(argv[++i], &opt.seed);
        else if (strcmp(argv[i], "--runs") == 0)
            ok = read_number(argv[++i], &opt.runs);
        else if (strcmp(argv[i], "--write") == 0)
            ok = (opt.write = argv[++i]) != NULL;
        else
            ok = false;
    }
    if (!ok || i >= argc) {
        fputs("usage: property [--drop] [--seed N] [--runs N] [--write OUT.pcap] FILE...\n", stderr);
        return 2;
    }
    for (; i < argc; i++)
        ok = run(argv[i], &opt) && ok;
    return ok ? 0 : 1;
}
