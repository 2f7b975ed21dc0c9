#include "turns.h"

#include <pthread.h>
#include <signal.h>

struct turns {
    struct source *source;
    turns_take *take;
    void *arg;
    pthread_mutex_t mutex;
    pthread_cond_t passed;
    uint64_t turn; /* whose it is: the number of a piece */
    bool over;
};

/* False: it is over. */
static bool wait_for(struct turns *t, uint64_t n)
{
    pthread_mutex_lock(&t->mutex);
    while (!t->over && t->turn != n)
        pthread_cond_wait(&t->passed, &t->mutex);
    bool over = t->over;
    pthread_mutex_unlock(&t->mutex);
    return !over;
}

static void pass(struct turns *t, bool more)
{
    pthread_mutex_lock(&t->mutex);
    t->turn++;
    t->over = !more;
    pthread_mutex_unlock(&t->mutex);
    pthread_cond_signal(&t->passed);
}

/* From piece n on, every `by`-th. */
static void take_turns(struct turns *t, uint64_t n, unsigned by)
{
    for (source_fetch(t->source, n); wait_for(t, n); source_fetch(t->source, n)) {
        source_turn(t->source, n);
        bool more = t->take(t->arg);
        source_turn_over(t->source);
        pass(t, more);
        n += by;
    }
}

static void *second(void *arg)
{
    take_turns(arg, 1, 2);
    return NULL;
}

bool turns_read(struct source *src, turns_take *take, void *arg)
{
    struct turns t = {.source = src, .take = take, .arg = arg};
    pthread_t thread;
    sigset_t all, before;
    if (!source_by_turns(src))
        return false;
    pthread_mutex_init(&t.mutex, NULL);
    pthread_cond_init(&t.passed, NULL);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool started = !pthread_create(&thread, NULL, second, &t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    take_turns(&t, 0, started ? 2 : 1);
    if (started)
        pthread_join(thread, NULL);
    pthread_cond_destroy(&t.passed);
    pthread_mutex_destroy(&t.mutex);
    return true;
}
