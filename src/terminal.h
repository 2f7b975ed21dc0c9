/* Standard error: what is said there, and the line of progress that must be out of the way before. */
#ifndef MAILTAP_TERMINAL_H
#define MAILTAP_TERMINAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct terminal {
    pthread_mutex_t mutex;
    bool progress; /* a line of it is wanted */
    bool shown;    /* and stands on the terminal */
    struct timespec looked_at;
};

struct progress {
    uint64_t packets, sessions, messages;
};

void terminal_init(struct terminal *t, bool progress);
void terminal_release(struct terminal *t);

/* Shows how far it has come, if that was not just done. */
void terminal_progress(struct terminal *t, const struct progress *progress);

/* A line for the user. */
void terminal_say(struct terminal *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
