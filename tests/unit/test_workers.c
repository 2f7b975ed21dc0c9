/* Threads that serve lanes, and the recorder: that they never wait for each other in a circle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "workers.h"

#include <unistd.h>

#define PATIENCE 60 /* seconds, after which the test is ended by a signal */

static struct options options;
static struct terminal terminal;

static struct workers *begin(unsigned jobs, struct recorder **recorder)
{
    static char words[5][16] = {"mailtap", "-i", "none", "-o", "json:/dev/null"};
    char *arguments[] = {words[0], words[1], words[2], words[3], words[4], NULL};
    struct error err;
    alarm(PATIENCE);
    assert_true(options_parse(&options, 5, arguments, false, &err));
    terminal_init(&terminal, false);
    *recorder = recorder_new(&options, NULL, &terminal, &err);
    assert_non_null(*recorder);
    struct workers *w = workers_new(&options.engine, jobs, *recorder, &err);
    assert_non_null(w);
    return w;
}

static void end(struct workers *w, struct recorder *recorder)
{
    struct engine_counts counts = {0};
    workers_finish(w, ENGINE_SHUTDOWN, &counts);
    recorder_abandon(recorder);
    terminal_release(&terminal);
    options_release(&options);
    alarm(0);
}

/* A live capture on a silent line: round after round ends where the one before did. */
static void silence(void **state)
{
    (void)state;
    for (unsigned jobs = 1; jobs <= 8; jobs++) {
        struct recorder *recorder;
        struct workers *w = begin(jobs, &recorder);
        for (unsigned i = 0; i < 3000; i++)
            workers_flush(w, 1);
        end(w, recorder);
    }
}

/* The same where time passes, and counters are cut. */
static void ticks_and_cuts(void **state)
{
    (void)state;
    for (unsigned jobs = 1; jobs <= 8; jobs++) {
        struct recorder *recorder;
        struct workers *w = begin(jobs, &recorder);
        for (unsigned i = 0; i < 3000; i++) {
            struct stats_span span = {.from = i * CLOCK_S, .to = (i + 1) * CLOCK_S};
            struct stats_counts counts = {0};
            workers_cut(w, 1 + i / 100, &span, &counts);
            workers_tick(w, 1 + i / 100, i * CLOCK_S);
            if (i % 3)
                workers_flush(w, 1 + i / 100);
        }
        end(w, recorder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(silence), cmocka_unit_test(ticks_and_cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
