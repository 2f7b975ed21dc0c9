/* mailtap: what mail servers and clients say to each other, from packets to records. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture/source.h"
#include "config.h"
#include "detect/detection.h"
#include "output/schema.h"
#include "pipeline.h"
#include "stored.h"

static atomic_int stop; /* the signal; threads look at it too */

static void on_signal(int number)
{
    atomic_store(&stop, number);
}

/* The first asks for a clean end, a second of the same kind ends at once. A pipe that nobody reads any more is told by
   the write that fails. */
static void catch_signals(void)
{
    struct sigaction end = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

static int say(const struct error *err, int code)
{
    if (err->text[0])
        fprintf(stderr, "mailtap: %s\n", err->text);
    return code;
}

/* Prints what fill() writes. */
static int print(void (*fill)(struct buf *out))
{
    struct buf text;
    bool written;
    buf_init(&text, 1 << 20);
    fill(&text);
    written = fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
    buf_release(&text);
    return written ? EXIT_DONE : EXIT_DAMAGED;
}

static void version(struct buf *out)
{
    buf_add_string(out, "mailtap " MAILTAP_VERSION "\n");
}

static int interfaces(void)
{
    struct error err = {0};
    char *list = source_interfaces(&err);
    if (!list)
        return say(&err, EXIT_UNREADABLE);
    fputs(list, stdout);
    free(list);
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_DAMAGED;
}

static int explain(const struct options *o)
{
    struct error err;
    struct buf text;
    buf_init(&text, 1 << 20);
    bool known = detection_explain(o->explain, &text);
    bool written = known && fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
    buf_release(&text);
    error_set(&err, "there is no rule '%s'; --rules lists them", o->explain);
    return !known ? say(&err, EXIT_USAGE) : written ? EXIT_DONE : EXIT_DAMAGED;
}

/* With -v all settings, as a file that would set them; else only which file it was. */
static int check_config(const struct options *o)
{
    struct buf text;
    buf_init(&text, 64 << 20);
    if (o->verbose)
        config_show(o, &text);
    else if (o->config)
        buf_printf(&text, "'%s' is right; -v shows all settings\n", o->config);
    else
        buf_printf(&text, "there is no " CONFIG_USUAL "; -v shows all settings\n");
    bool written = fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
    buf_release(&text);
    return written ? EXIT_DONE : EXIT_DAMAGED;
}

static int run(const struct options *o)
{
    struct error err = {0};
    int code;
    catch_signals();
    code = say(&err, (int)(o->record_count ? stored_run(o, &stop, &err) : pipeline_run(o, &stop, &err)));
    return stop ? 128 + stop : code;
}

static int act(const struct options *o)
{
    switch (o->action) {
    case ACTION_RUN:
        return run(o);
    case ACTION_HELP:
        return print(options_help);
    case ACTION_LIMITS:
        return print(options_limits);
    case ACTION_SCHEMA:
        return print(schema_write);
    case ACTION_RULES:
        return print(detection_rules);
    case ACTION_EXPLAIN:
        return explain(o);
    case ACTION_CHECK_CONFIG:
        return check_config(o);
    case ACTION_VERSION:
        return print(version);
    case ACTION_INTERFACES:
        return interfaces();
    }
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct options options;
    struct error err = {0};
    bool right = options_parse(&options, argc, argv, isatty(STDOUT_FILENO), &err);
    int code = right ? act(&options) : say(&err, EXIT_USAGE);
    options_release(&options);
    return code;
}
