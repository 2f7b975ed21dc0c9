#include "terminal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define REFRESH_MS 250

void terminal_init(struct terminal *t, bool progress)
{
    *t = (struct terminal){.progress = progress};
    pthread_mutex_init(&t->mutex, NULL);
}

static void wipe(struct terminal *t)
{
    if (t->shown)
        fputs("\r\033[K", stderr);
    t->shown = false;
}

void terminal_release(struct terminal *t)
{
    wipe(t);
    pthread_mutex_destroy(&t->mutex);
}

void terminal_progress(struct terminal *t, const struct progress *progress)
{
    struct timespec now;
    if (!t->progress)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ms = (now.tv_sec - t->looked_at.tv_sec) * 1000 + (now.tv_nsec - t->looked_at.tv_nsec) / 1000000;
    if (ms < REFRESH_MS)
        return;
    pthread_mutex_lock(&t->mutex);
    t->looked_at = now;
    fprintf(stderr, "\r\033[K%" PRIu64 " packets, %" PRIu64 " sessions, %" PRIu64 " messages", progress->packets,
            progress->sessions, progress->messages);
    t->shown = true;
    pthread_mutex_unlock(&t->mutex);
}

void terminal_say(struct terminal *t, const char *format, ...)
{
    va_list args;
    pthread_mutex_lock(&t->mutex);
    wipe(t);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    pthread_mutex_unlock(&t->mutex);
}
