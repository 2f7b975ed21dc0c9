#include "rounds.h"

#include "base/memory.h"
#include "thread.h"

#include <stdlib.h>

enum {
    READERS = 4, /* members that read, the first of them */
    ROOMS = 2    /* for pieces, of each reader: a room that was another's would first have to leave its cache */
};

struct reading {
    struct source *source;
    rounds_take *takes;
    void *arg;
    uint64_t fetched, turn; /* pieces: that a member has begun to fetch; whose frames have been taken */
    unsigned readers;       /* members that have a piece in hand */
    bool over;
};

struct member {
    struct rounds *all;
    unsigned number;
    uint64_t round; /* the next */
    unsigned room;
    uint64_t needed[ROOMS]; /* what is in the room, until so many rounds are done */
    pthread_t thread;
};

struct rounds {
    rounds_work *does;
    void *arg;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* what members wait for, and who fills rounds */
    pthread_cond_t idle;    /* what rounds_read() waits for: woken for each piece, it would cost as much as the piece */
    uint64_t sent, done;    /* done: by all */
    unsigned busy[ROUNDS];  /* members that are not done with it */
    struct member *filler;  /* null: a thread that is no member fills the rounds */
    struct reading *reading; /* or null */
    bool over;
    unsigned count;
    struct member member[];
};

/* All that follows is called with the mutex held. */

static bool is_read(const struct rounds *r)
{
    return r->reading && r->reading->over && !r->reading->readers && r->done == r->sent;
}

static void tell(struct rounds *r)
{
    pthread_cond_broadcast(&r->changed);
    if (is_read(r))
        pthread_cond_signal(&r->idle);
}

static void work(struct rounds *r, struct member *m)
{
    uint64_t round = m->round++;
    pthread_mutex_unlock(&r->mutex);
    r->does(r->arg, m->number, round);
    pthread_mutex_lock(&r->mutex);
    if (--r->busy[round % ROUNDS])
        return;
    r->done++;
    tell(r);
}

/* For a change. A member that waits does its work meanwhile: others may wait for that. */
static void await(struct rounds *r, struct member *m)
{
    if (m && m->round < r->sent)
        work(r, m);
    else
        pthread_cond_wait(&r->changed, &r->mutex);
}

static bool may_fetch(const struct rounds *r, const struct member *m)
{
    return r->reading && !r->reading->over && m->number < READERS && m->needed[m->room] <= r->done;
}

static unsigned room_of(const struct member *m)
{
    return m->number * ROOMS + m->room;
}

static void take_turn(struct rounds *r, struct reading *x, struct member *m)
{
    r->filler = m;
    pthread_mutex_unlock(&r->mutex);
    bool more = x->takes(x->arg, source_turn(x->source, room_of(m)));
    source_turn_over(x->source);
    pthread_mutex_lock(&r->mutex);
    r->filler = NULL;
    m->needed[m->room] = r->sent;
    m->room = (m->room + 1) % ROOMS;
    x->turn++;
    x->over = !more;
}

static void read_piece(struct rounds *r, struct member *m)
{
    struct reading *x = r->reading;
    uint64_t n = x->fetched++;
    x->readers++;
    pthread_mutex_unlock(&r->mutex);
    source_fetch(x->source, n, room_of(m));
    pthread_mutex_lock(&r->mutex);
    while (!x->over && x->turn != n)
        await(r, m);
    if (!x->over)
        take_turn(r, x, m);
    x->readers--;
    tell(r);
}

/* --- without the mutex --- */

static void *run(void *arg)
{
    struct member *m = arg;
    struct rounds *r = m->all;
    pthread_mutex_lock(&r->mutex);
    while (!r->over || m->round < r->sent) {
        if (m->round == r->sent && may_fetch(r, m))
            read_piece(r, m);
        else
            await(r, m);
    }
    pthread_mutex_unlock(&r->mutex);
    return NULL;
}

struct rounds *rounds_new(unsigned members, rounds_work *does, void *arg)
{
    struct rounds *r = memory_get(sizeof *r + members * sizeof r->member[0]);
    r->does = does;
    r->arg = arg;
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->changed, NULL);
    pthread_cond_init(&r->idle, NULL);
    for (; r->count < members; r->count++) {
        struct member *m = &r->member[r->count];
        *m = (struct member){.all = r, .number = r->count};
        if (!thread_start(&m->thread, run, m)) {
            rounds_end(r);
            return NULL;
        }
    }
    return r;
}

uint64_t rounds_open(struct rounds *r)
{
    pthread_mutex_lock(&r->mutex);
    while (r->sent - r->done == ROUNDS)
        await(r, r->filler);
    uint64_t round = r->sent;
    pthread_mutex_unlock(&r->mutex);
    return round;
}

void rounds_send(struct rounds *r)
{
    pthread_mutex_lock(&r->mutex);
    r->busy[r->sent++ % ROUNDS] = r->count;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

bool rounds_read(struct rounds *r, struct source *src, rounds_take *takes, void *arg)
{
    struct reading x = {.source = src, .takes = takes, .arg = arg};
    if (!source_by_turns(src, (r->count < READERS ? r->count : READERS) * ROOMS))
        return false;
    pthread_mutex_lock(&r->mutex);
    r->reading = &x;
    pthread_cond_broadcast(&r->changed);
    while (!is_read(r))
        pthread_cond_wait(&r->idle, &r->mutex);
    r->reading = NULL;
    pthread_mutex_unlock(&r->mutex);
    return true;
}

void rounds_end(struct rounds *r)
{
    pthread_mutex_lock(&r->mutex);
    r->over = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
    for (unsigned i = 0; i < r->count; i++)
        pthread_join(r->member[i].thread, NULL);
    pthread_cond_destroy(&r->idle);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->mutex);
    free(r);
}
