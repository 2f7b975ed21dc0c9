/* A mutex and two conditions: what goes through are batches of hundreds of packets or records, so that a queue without
   locks would gain nothing. */
#include "channel.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct channel {
    pthread_mutex_t mutex;
    pthread_cond_t filled, emptied;
    size_t room, first, count;
    void *slots[];
};

struct channel *channel_new(size_t room)
{
    struct channel *c = memory_get(sizeof *c + room * sizeof *c->slots);
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->filled, NULL);
    pthread_cond_init(&c->emptied, NULL);
    c->room = room;
    return c;
}

void channel_free(struct channel *c)
{
    pthread_cond_destroy(&c->emptied);
    pthread_cond_destroy(&c->filled);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

void channel_put(struct channel *c, void *what)
{
    pthread_mutex_lock(&c->mutex);
    while (c->count == c->room)
        pthread_cond_wait(&c->emptied, &c->mutex);
    c->slots[(c->first + c->count++) % c->room] = what;
    pthread_mutex_unlock(&c->mutex);
    pthread_cond_signal(&c->filled);
}

/* With the mutex held, and something in it. */
static void *take(struct channel *c)
{
    void *what = c->slots[c->first];
    c->first = (c->first + 1) % c->room;
    c->count--;
    return what;
}

void *channel_take(struct channel *c)
{
    pthread_mutex_lock(&c->mutex);
    while (!c->count)
        pthread_cond_wait(&c->filled, &c->mutex);
    void *what = take(c);
    pthread_mutex_unlock(&c->mutex);
    pthread_cond_signal(&c->emptied);
    return what;
}

void *channel_try(struct channel *c)
{
    pthread_mutex_lock(&c->mutex);
    void *what = c->count ? take(c) : NULL;
    pthread_mutex_unlock(&c->mutex);
    if (what)
        pthread_cond_signal(&c->emptied);
    return what;
}
