/* The week's clock and its crowd: who is due next, and the sessions that are going on. */
#include "week.h"
#include "base/memory.h"
#include "week_visit.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROLE(name) [ROLE_##name] = &role_##name,
static const struct role *const roles[] = {ROLES};
#undef ROLE

struct event {
    int64_t when;
    struct conversation *talk; /* that goes on; null: the actor begins something */
    struct actor actor;
};

struct week {
    uint64_t seed, sessions, asked;
    int64_t start;
    struct random random;
    struct event *heap; /* the next one first */
    size_t count, cap;
    double mean[ROLE_COUNT]; /* microseconds between two sessions of an actor; 0: it comes once */
    uint64_t left[ROLE_COUNT];
    uint32_t mails;
    FILE *truth;
    bool told;
};

/* --- the heap --- */

static void add(struct week *w, struct event e)
{
    size_t i = w->count++;

    if (w->count > w->cap) {
        w->cap = w->cap > 0 ? w->cap * 2 : 1024;
        w->heap = memory_resize(w->heap, w->cap * sizeof(*w->heap));
    }
    for (; i > 0 && w->heap[(i - 1) / 2].when > e.when; i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = e;
}

static struct event take(struct week *w)
{
    struct event first = w->heap[0], e = w->heap[--w->count];
    size_t i = 0, child;

    for (; (child = 2 * i + 1) < w->count; i = child) {
        if (child + 1 < w->count && w->heap[child + 1].when < w->heap[child].when)
            child++;
        if (e.when <= w->heap[child].when)
            break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = e;
    return first;
}

/* --- places and names --- */

struct place place_of(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return (struct place){.octets = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d}};
}

struct place place_outside(unsigned crowd, uint32_t number)
{
    struct random r = random_seed(crowd, number);
    uint32_t v = (uint32_t)random_next(&r);

    if (random_below(&r, 8) == 0) {
        struct place p = {.octets = {0x20, 1, 0x0d, 0xb8, (uint8_t)crowd}, .ipv6 = true};

        memcpy(p.octets + 5, &v, 3);
        memcpy(p.octets + 12, &number, 4);
        return p;
    }
    return place_of(80 + crowd % 16, v & 255, v >> 8 & 255, 1 + (v >> 16) % 254);
}

void place_text(const struct place *p, char *text, size_t size)
{
    inet_ntop(p->ipv6 ? AF_INET6 : AF_INET, p->octets, text, (socklen_t)size);
}

void user_address(uint32_t user, char name[static NAME_SIZE])
{
    static const char *const OURS[] = {"example.org", "example.org", "second.example", "third.example"};

    snprintf(name, NAME_SIZE, "user%u@%s", user, OURS[user % 4]);
}

void outside_domain(uint32_t domain, char name[static NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "firm%u.example.net", domain % DOMAINS);
}

void outside_address(uint32_t user, uint32_t domain, char name[static NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%s%u@firm%u.example.net", user % 3 != 0 ? "office" : "info.", user, domain % DOMAINS);
}

struct place outside_mx(uint32_t domain)
{
    return place_outside(1, domain % DOMAINS);
}

/* --- what was planted --- */

void planted(struct week *w, const char *rule, const char *whom, const char *also)
{
    fprintf(w->truth, "%s\n{\"rule\":\"%s\",\"whom\":\"%s\",\"also\":\"%s\"}", w->told ? "," : "", rule, whom, also);
    w->told = true;
}

static void start_later(struct week *w, struct actor actor, int64_t after)
{
    add(w, (struct event){.when = w->start + after, .actor = actor});
}

void later(struct visit *v, struct actor actor, int64_t after)
{
    add(v->week, (struct event){.when = v->now + after, .actor = actor});
}

uint32_t new_mail(struct visit *v)
{
    return ++v->week->mails;
}

/* --- the crowd --- */

static void populate(struct week *w)
{
    for (unsigned i = 0; i < ROLE_COUNT; i++) {
        const struct role *role = roles[i];
        double sessions = role->share * (double)w->asked;
        uint64_t count = role->per_week > 0 ? (uint64_t)(sessions / role->per_week + 0.5) : 0;

        if (role->share <= 0)
            continue;
        count = count > role->least ? count : role->least;
        count = count > 0 ? count : 1;
        w->left[i] = (uint64_t)sessions + 1;
        w->mean[i] = role->every > 0 ? (double)role->every : 7.0 * (double)DAY * (double)count / sessions;
        for (uint64_t n = 0; n < count; n++) {
            uint64_t within = role->every > 0 ? (uint64_t)DAY : (uint64_t)w->mean[i];

            start_later(w, (struct actor){.role = (uint16_t)i, .number = (uint32_t)n},
                        (int64_t)random_below(&w->random, within + 1));
        }
    }
}

struct week *week_new(uint64_t seed, uint64_t sessions, int64_t start, const char *truth)
{
    struct week *w = memory_get(sizeof(*w));

    *w = (struct week){.seed = seed, .asked = sessions, .start = start, .random = random_seed(seed, 0)};
    populate(w);
    if (truth == NULL)
        return w;
    w->truth = fopen(truth, "we");
    if (w->truth == NULL) {
        week_free(w);
        return NULL;
    }
    fputs("[", w->truth);
    plant(w, start_later);
    return w;
}

bool week_free(struct week *w)
{
    bool well = true;

    if (w->truth != NULL) {
        fputs("\n]\n", w->truth);
        well = !ferror(w->truth);
        well = fclose(w->truth) == 0 && well;
    }
    for (size_t i = 0; i < w->count; i++)
        if (w->heap[i].talk != NULL)
            conversation_release(w->heap[i].talk);
    for (size_t i = 0; i < w->count; i++)
        free(w->heap[i].talk);
    free(w->heap);
    free(w);
    return well;
}

/* Three times as much goes on at noon as at midnight. */
static int64_t pause(struct week *w, const struct role *role, double mean, int64_t now)
{
    static const uint8_t BUSY[24] = {5,  4,  4,  4,  4,  5,  7,  9,  13, 15, 15, 15,
                                     14, 15, 15, 14, 13, 12, 11, 10, 10, 9,  8,  6};
    double part = (double)((random_next(&w->random) >> 11) + 1) * 0x1p-53;

    if (role->every > 0)
        return (int64_t)(mean * (0.9 + 0.2 * part));
    return (int64_t)(-log(part) * mean * (role->daily ? 10.0 / BUSY[(now - w->start) / HOUR % 24] : 1));
}

static void meet(struct conversation *c, const struct visit *v)
{
    const struct place *p[] = {&v->client, &v->server};

    for (unsigned i = 0; i < 2; i++) {
        memset(c->ends[i].ip, 0, sizeof(c->ends[i].ip));
        memcpy(c->ends[i].ip, p[i]->octets, p[i]->ipv6 ? 16 : 4);
        if (p[0]->ipv6 == p[1]->ipv6)
            continue;
        if (!p[i]->ipv6) { /* the other side's kind: ours have both */
            memcpy(c->ends[i].ip + 12, p[i]->octets, 4);
            memcpy(c->ends[i].ip, (const uint8_t[]){0x20, 1, 0x0d, 0xb8, 0xff, 0xff}, 6);
        }
    }
}

static void act(struct week *w, struct event e)
{
    const struct role *role = roles[e.actor.role];
    double mean = w->mean[e.actor.role];
    struct conversation *c = memory_get(sizeof(*c));
    struct random r = random_seed(w->seed, w->sessions + w->mails * UINT64_C(0x100000000));
    struct visit v = {.week = w, .s = &c->script, .r = &r, .actor = &e.actor, .now = e.when};

    if (role->share > 0 && w->left[e.actor.role] > 0)
        w->left[e.actor.role]--;
    else if (role->share > 0)
        v.none = true;
    script_init(v.s, "week", 0);
    if (!v.none)
        role->act(&v);
    if (mean > 0 && !v.none) {
        e.actor.step++;
        e.when += pause(w, role, mean, e.when);
        if (e.when < w->start + 7 * DAY)
            add(w, e);
    }
    if (v.none || v.s->turn_count == 0) {
        script_release(v.s);
        free(c);
        return;
    }
    w->sessions++;
    conversation_begin(c, w->seed, w->sessions, v.client.ipv6 || v.server.ipv6);
    meet(c, &v);
    add(w, (struct event){.when = v.now, .talk = c});
}

void week_run(struct week *w, struct frames *f, const struct impairments *how)
{
    while (w->count > 0) {
        struct event e = take(w);

        if (e.talk == NULL) {
            act(w, e);
            continue;
        }
        e.when = conversation_step(e.talk, f, how, e.when);
        if (e.when >= 0) {
            add(w, e);
            continue;
        }
        conversation_release(e.talk);
        free(e.talk);
    }
}

uint64_t week_sessions(const struct week *w)
{
    return w->sessions;
}
