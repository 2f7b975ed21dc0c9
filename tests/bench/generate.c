/* Writes captures of mail traffic that nobody ever sent, for benchmarks: the same seed, the same octets. */
#include "base/memory.h"
#include "conversation.h"
#include "flood.h"
#include "mail.h"
#include "truth.h"
#include "week.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define START          (INT64_C(1767225600) * 1000000) /* 2026-01-01T00:00:00Z, microseconds */
#define OVERHEAD       (16 + 14 + 20 + 32)             /* of a packet in the file */
#define DIALOGUE       18                              /* packets of a session that carry no content */
#define FLOOD_SESSIONS 200                             /* real ones beside a flood, where nobody says how many */
#define ONE_OCTET_TEXT 60000                           /* octets of a message in the one-octet flood */
#define CONCURRENT_MAX 1000000

struct options {
    const char *output, *truth;
    uint64_t seed, size, sessions, flood_count;
    enum flood_kind flood;
    enum kind kind;
    double background, ipv6;
    size_t concurrent;
    uint16_t vlan;
    bool pcapng, week;
    struct impairments how;
};

struct slot { /* one conversation after the other; or the flood */
    int64_t when;
    struct conversation conversation;
    bool busy, flood;
};

struct generator {
    struct options o;
    struct writer writer;
    struct frames *frames;
    struct truth truth;
    struct flood flood;
    struct random random;
    struct slot *slots;
    struct slot **heap; /* the next one first */
    size_t slot_count, heap_count;
    uint64_t planned_mail, planned_other; /* octets in the file */
    uint64_t mails, others, flooding;
    int64_t pause; /* microseconds between two conversations of a slot, on average */
};

static const char HELP[] =
    "usage: generate [options] FILE\n"
    "  --seed NUMBER            the same seed, the same file (1)\n"
    "  --size OCTETS            about so large; k, M, G are understood\n"
    "  --sessions NUMBER        or so many mail sessions\n"
    "  --kind KIND              long, short or mixed (mixed); week: seven days of a site, --sessions of them, with\n"
    "                           attacks planted where --truth says what to tell\n"
    "  --background PERCENT     so much of the octets is no mail\n"
    "  --concurrent NUMBER      conversations at one time (64)\n"
    "  --mss OCTETS             payload of a segment at most (1448)\n"
    "  --tiny                   segments of 1 to 64 octets\n"
    "  --reorder PERCENT        of segments come later than those behind them\n"
    "  --duplicate PERCENT      come twice\n"
    "  --overlap PERCENT        begin within the one before, with the same content\n"
    "  --loss PERCENT           of packets are not in the file\n"
    "  --ipv6 PERCENT           of connections\n"
    "  --vlan NUMBER            tag of every packet\n"
    "  --pcapng                 instead of pcap\n"
    "  --truth FILE             what is in it, as JSON; check_facts.py compares\n"
    "  --flood KIND:NUMBER      syn, idle-handshake, idle-command, literal: so many connections; endless-line: "
    "octets;\n"
    "                           one-octet: segments; recipients; fragments; logins, vrfy: attackers. Real sessions\n"
    "                           go on beside it\n";

static uint64_t number(const char *text)
{
    char *end;
    double v = strtod(text, &end);

    if (*end == 'k' || *end == 'M' || *end == 'G') {
        v *= *end == 'k' ? 1e3 : *end == 'M' ? 1e6 : 1e9;
        end++;
    }
    if (end == text || *end != '\0' || v < 0 || v > 1e15) {
        fprintf(stderr, "generate: not a number: %s\n", text);
        exit(1);
    }
    return (uint64_t)v;
}

static double share(const char *text)
{
    char *end;
    double v = strtod(text, &end);

    if (end == text || *end != '\0' || v < 0 || v > 100) {
        fprintf(stderr, "generate: not a percentage: %s\n", text);
        exit(1);
    }
    return v / 100;
}

static void parse_flood(struct options *o, const char *text)
{
    const char *colon = strchr(text, ':');
    char name[32];

    snprintf(name, sizeof(name), "%.*s", colon != NULL ? (int)(colon - text) : 0, text);
    o->flood = flood_named(name);
    if (o->flood == FLOOD_NONE) {
        fprintf(stderr, "generate: no such flood: %s\n", text);
        exit(1);
    }
    o->flood_count = number(colon + 1);
}

static void parse_kind(struct options *o, const char *text)
{
    static const char *const NAMES[] = {[KIND_LONG] = "long", [KIND_SHORT] = "short", [KIND_MIXED] = "mixed"};

    o->week = strcmp(text, "week") == 0;
    if (o->week)
        return;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(NAMES[i], text) == 0) {
            o->kind = (enum kind)i;
            return;
        }
    fprintf(stderr, "generate: no such kind: %s\n", text);
    exit(1);
}

enum letter {
    SEED = 1,
    SIZE,
    SESSIONS,
    KIND,
    BACKGROUND,
    CONCURRENT,
    MSS,
    TINY,
    REORDER,
    DUPLICATE,
    OVERLAP,
    LOSS,
    IPV6,
    VLAN,
    PCAPNG,
    TRUTH,
    FLOOD,
    USAGE
};

static void apply(struct options *o, enum letter letter, const char *text)
{
    switch (letter) {
    case SEED:
        o->seed = number(text);
        return;
    case SIZE:
        o->size = number(text);
        return;
    case SESSIONS:
        o->sessions = number(text);
        return;
    case KIND:
        parse_kind(o, text);
        return;
    case BACKGROUND:
        o->background = share(text);
        return;
    case CONCURRENT:
        o->concurrent = (size_t)number(text);
        return;
    case MSS:
        o->how.segment = (size_t)number(text);
        return;
    case TINY:
        o->how.tiny = true;
        return;
    case REORDER:
        o->how.reorder = share(text);
        return;
    case DUPLICATE:
        o->how.duplicate = share(text);
        return;
    case OVERLAP:
        o->how.overlap = share(text);
        return;
    case LOSS:
        o->how.loss = share(text);
        return;
    case IPV6:
        o->ipv6 = share(text);
        return;
    case VLAN:
        o->vlan = (uint16_t)(number(text) & 4095);
        return;
    case PCAPNG:
        o->pcapng = true;
        return;
    case TRUTH:
        o->truth = text;
        return;
    case FLOOD:
        parse_flood(o, text);
        return;
    case USAGE:
        fputs(HELP, stdout);
        exit(0);
    }
}

static void parse(struct options *o, int argc, char **argv)
{
    static const struct option TABLE[] = {{"seed", 1, NULL, SEED},
                                          {"size", 1, NULL, SIZE},
                                          {"sessions", 1, NULL, SESSIONS},
                                          {"kind", 1, NULL, KIND},
                                          {"mss", 1, NULL, MSS},
                                          {"background", 1, NULL, BACKGROUND},
                                          {"tiny", 0, NULL, TINY},
                                          {"reorder", 1, NULL, REORDER},
                                          {"concurrent", 1, NULL, CONCURRENT},
                                          {"overlap", 1, NULL, OVERLAP},
                                          {"loss", 1, NULL, LOSS},
                                          {"duplicate", 1, NULL, DUPLICATE},
                                          {"ipv6", 1, NULL, IPV6},
                                          {"vlan", 1, NULL, VLAN},
                                          {"pcapng", 0, NULL, PCAPNG},
                                          {"truth", 1, NULL, TRUTH},
                                          {"flood", 1, NULL, FLOOD},
                                          {"help", 0, NULL, USAGE},
                                          {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "", TABLE, NULL)) > 0) {
        if (c == '?')
            exit(1);
        apply(o, (enum letter)c, optarg);
    }
    if (optind + 1 != argc) {
        fputs(HELP, stderr);
        exit(1);
    }
    o->output = argv[optind];
    if (o->how.segment < 1 || o->how.segment > 9000 || o->concurrent < 1 || o->concurrent > CONCURRENT_MAX ||
        o->background > 0.9999) {
        fputs("generate: --mss is 1 to 9000, --concurrent 1 to 1000000, --background at most 99.99\n", stderr);
        exit(1);
    }
    if (o->flood != FLOOD_NONE && o->sessions == 0 && o->size == 0)
        o->sessions = FLOOD_SESSIONS;
    if (o->sessions == 0 && o->size == 0)
        o->size = 10000000;
}

/* How much of the file a script will be. */
static uint64_t planned(const struct generator *g, const struct script *s)
{
    uint64_t octets = s->sent[CLIENT] + s->sent[SERVER], segment = g->o.how.tiny ? 32 : g->o.how.segment;

    if (s->udp)
        return octets + OVERHEAD * s->turn_count;
    return octets + (octets / segment * 3 / 2 + DIALOGUE) * OVERHEAD;
}

static bool wanted(const struct generator *g)
{
    if (g->o.sessions > 0)
        return g->mails < g->o.sessions;
    return g->planned_mail + g->planned_other < g->o.size;
}

/* The flood of one-octet segments is a kind of session, beside the others. */
static bool flood_session(struct generator *g, struct slot *slot, struct random *r)
{
    if (g->o.flood != FLOOD_ONE_OCTET || g->flooding >= g->o.flood_count)
        return false;
    g->flooding += ONE_OCTET_TEXT;
    mail_plain(&g->writer, r, &slot->conversation.script, ONE_OCTET_TEXT);
    slot->conversation.script.flood = true;
    slot->conversation.one_octet = true;
    return true;
}

static bool begin(struct generator *g, struct slot *slot)
{
    struct random r = random_seed(g->o.seed, g->mails + g->others);
    struct conversation *c = &slot->conversation;
    double mail = (double)g->planned_mail, all = mail + (double)g->planned_other;
    bool other = g->o.background > 0 && mail > all * (1 - g->o.background);

    *c = (struct conversation){.turn = 0};
    if (flood_session(g, slot, &r)) {
        g->others++;
    } else if (!wanted(g)) {
        return false;
    } else if (other) {
        background(&g->writer.pool, &r, &c->script);
        g->planned_other += planned(g, &c->script);
        g->others++;
    } else {
        if (random_below(&r, 10) < 7)
            mail_transfer(&g->writer, &r, &c->script);
        else
            mail_access(&g->writer, &r, &c->script);
        g->planned_mail += planned(g, &c->script);
        g->mails++;
    }
    conversation_begin(c, g->o.seed, g->mails + g->others, random_chance(&r, g->o.ipv6));
    slot->busy = true;
    return true;
}

/* The first of the heap has a later time now: it sinks to its place. */
static void sink(struct generator *g)
{
    struct slot **h = g->heap;
    size_t i = 0, child;

    for (; (child = 2 * i + 1) < g->heap_count; i = child) {
        struct slot *moved = h[i];

        if (child + 1 < g->heap_count && h[child + 1]->when < h[child]->when)
            child++;
        if (moved->when <= h[child]->when)
            return;
        h[i] = h[child];
        h[child] = moved;
    }
}

static void drop_first(struct generator *g)
{
    g->heap[0] = g->heap[--g->heap_count];
    if (g->heap_count > 0)
        sink(g);
}

static void finish(struct generator *g, struct slot *slot)
{
    if (g->o.truth != NULL && slot->conversation.script.protocol != NULL)
        truth_session(&g->truth, &slot->conversation);
    conversation_release(&slot->conversation);
    slot->busy = false;
}

static void step(struct generator *g)
{
    struct slot *slot = g->heap[0];
    int64_t next;

    if (slot->flood) {
        next = flood_step(&g->flood, g->frames, slot->when);
    } else if (!slot->busy) {
        next = begin(g, slot) ? slot->when : -1;
    } else {
        next = conversation_step(&slot->conversation, g->frames, &g->o.how, slot->when);
        if (next < 0) {
            finish(g, slot);
            next = slot->when + (int64_t)random_between(&g->random, 1, (uint64_t)g->pause * 2);
        }
    }
    if (next < 0) {
        drop_first(g);
        return;
    }
    slot->when = next;
    sink(g);
}

/* Beside a flood the real sessions are spread over its time. */
static void prepare(struct generator *g)
{
    int64_t spread = 20000;

    g->random = random_seed(g->o.seed, 0);
    pool_init(&g->writer.pool, g->o.seed, g->o.truth != NULL);
    draft_init(&g->writer.draft);
    g->writer.kind = g->o.kind;
    flood_begin(&g->flood, g->o.flood, g->o.flood_count, g->o.seed);
    if (g->o.sessions > 0 && g->o.concurrent > g->o.sessions && g->o.flood != FLOOD_ONE_OCTET)
        g->o.concurrent = (size_t)g->o.sessions;
    g->pause = 2000;
    if (flood_duration(&g->flood) > 0) {
        spread = flood_duration(&g->flood);
        if (g->o.sessions > g->o.concurrent)
            g->pause = spread / (int64_t)(g->o.sessions / g->o.concurrent + 1) + 1;
    }
    g->slot_count = g->o.concurrent + 1;
    g->slots = memory_get(g->slot_count * sizeof(*g->slots));
    g->heap = memory_get(g->slot_count * sizeof(struct slot *));
    for (size_t i = 0; i < g->slot_count; i++) {
        struct slot *slot = g->slots + i;

        slot->flood = i == 0;
        slot->when = START + (i == 0 ? 0 : spread / (int64_t)g->o.concurrent * (int64_t)(i - 1)); /* in order: a heap */
        g->heap[g->heap_count++] = slot;
    }
    if (g->o.flood == FLOOD_NONE)
        drop_first(g);
}

static void release(struct generator *g)
{
    for (size_t i = 0; i < g->slot_count; i++)
        if (g->slots[i].busy)
            conversation_release(&g->slots[i].conversation);
    free(g->slots);
    free(g->heap);
    draft_release(&g->writer.draft);
    pool_release(&g->writer.pool);
}

static void fail(const char *file)
{
    fprintf(stderr, "generate: %s: %s\n", file, strerror(errno));
    exit(2);
}

/* The week is a world of its own: nothing of the other kinds goes on beside it. */
static int week(const struct options *o)
{
    struct frames *frames = frames_new(o->output, o->pcapng, o->vlan);
    struct week *w = week_new(o->seed, o->sessions > 0 ? o->sessions : 10000, START, o->truth);

    if (frames == NULL)
        fail(o->output);
    if (w == NULL)
        fail(o->truth);
    week_run(w, frames, &o->how);
    fprintf(stderr, "%llu packets, %llu octets, %llu mail sessions\n", (unsigned long long)frames_packets(frames),
            (unsigned long long)frames_octets(frames), (unsigned long long)week_sessions(w));
    if (!frames_free(frames))
        fail(o->output);
    if (!week_free(w))
        fail(o->truth);
    return 0;
}

int main(int argc, char **argv)
{
    struct generator g = {.o = {.seed = 1, .kind = KIND_MIXED, .concurrent = 64, .how = {.segment = 1448}}};

    parse(&g.o, argc, argv);
    if (g.o.week)
        return week(&g.o);
    prepare(&g);
    g.frames = frames_new(g.o.output, g.o.pcapng, g.o.vlan);
    if (g.frames == NULL)
        fail(g.o.output);
    if (g.o.truth != NULL && !truth_open(&g.truth, g.o.truth, g.o.output))
        fail(g.o.truth);
    while (g.heap_count > 0)
        step(&g);
    fprintf(stderr, "%llu packets, %llu octets, %llu mail sessions, %llu others\n",
            (unsigned long long)frames_packets(g.frames), (unsigned long long)frames_octets(g.frames),
            (unsigned long long)g.mails, (unsigned long long)g.others);
    if (!frames_free(g.frames))
        fail(g.o.output);
    if (g.o.truth != NULL && !truth_close(&g.truth))
        fail(g.o.truth);
    release(&g);
    return 0;
}
