/* Threads beside the main one, which gets all signals: it waits for packets, and a signal ends that. */
#ifndef MAILTAP_THREAD_H
#define MAILTAP_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* False: it cannot be had. */
bool thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg);

#endif
