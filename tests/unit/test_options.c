/* The command line: what is accepted, what is refused and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "options.h"

struct attempt {
    struct options o;
    struct error err;
    bool right;
    char words[40][128];
    char *argv[41];
};

static void attempt(struct attempt *a, bool terminal, const char *const *words)
{
    int argc = 0;
    for (; words[argc]; argc++) {
        assert_true(argc < 40);
        snprintf(a->words[argc], sizeof a->words[argc], "%s", words[argc]);
        a->argv[argc] = a->words[argc];
    }
    a->argv[argc] = NULL;
    a->err.text[0] = 0;
    a->right = options_parse(&a->o, argc, a->argv, terminal, &a->err);
}

#define PARSE(a, ...)     attempt(a, false, (const char *[]){"mailtap", __VA_ARGS__, NULL})
#define PARSE_TTY(a, ...) attempt(a, true, (const char *[]){"mailtap", __VA_ARGS__, NULL})

static void refused(const char *part, const char *const *words)
{
    struct attempt a;
    attempt(&a, false, words);
    if (a.right || !strstr(a.err.text, part))
        fail_msg("%s: '%s' does not say '%s'", words[1] ? words[1] : "", a.err.text, part);
    options_release(&a.o);
}

#define REFUSED(part, ...) refused(part, (const char *[]){"mailtap", __VA_ARGS__, NULL})

static void everything(void **state)
{
    struct attempt a;
    (void)state;
    PARSE(&a, "-r", "a.pcap", "--read=b.pcap", "-c", "10", "-s", "128", "-pqv", "--ports", "25,2525", "--hold", "65536",
          "--memory", "1G", "--overlap", "last", "--interim=60", "--vlan-apart", "--checksums", "--limit", "line=1024",
          "--sensor", "edge", "--stats", "5", "--color=never", "--progress", "always", "-o", "json:out.json", "-o",
          "text");
    assert_true(a.right);
    assert_int_equal(a.o.action, ACTION_RUN);
    assert_int_equal(a.o.file_count, 2);
    assert_string_equal(a.o.files[0], "a.pcap");
    assert_string_equal(a.o.files[1], "b.pcap");
    assert_int_equal(a.o.count, 10);
    assert_int_equal(a.o.snaplen, 128);
    assert_true(!a.o.promiscuous && a.o.quiet && a.o.verbose);
    assert_int_equal(a.o.engine.ports[0], 25);
    assert_int_equal(a.o.engine.ports[1], 2525);
    assert_int_equal(a.o.engine.ports[2], 0);
    assert_int_equal(a.o.engine.hold, 65536);
    assert_int_equal(a.o.engine.memory, 1 << 30);
    assert_true(a.o.engine.overlap_last);
    assert_true(a.o.engine.interim == 60 * CLOCK_S && a.o.stats == 5 * CLOCK_S);
    assert_true(a.o.engine.vlan_apart && !a.o.engine.any_port && a.o.checksums);
    assert_int_equal(a.o.engine.limits.line, 1024);
    assert_string_equal(a.o.engine.sensor, "edge");
    assert_int_equal(a.o.colour, WHEN_NEVER);
    assert_int_equal(a.o.progress, WHEN_ALWAYS);
    assert_int_equal(a.o.output_count, 2);
    assert_string_equal(a.o.outputs[0].target, "out.json");
    assert_string_equal(a.o.outputs[1].format->name, "text");
    assert_string_equal(a.o.outputs[1].target, "-");
    assert_null(a.o.filter);
    options_release(&a.o);
}

static void usual_output(void **state)
{
    struct attempt a;
    (void)state;
    PARSE(&a, "-r", "a.pcap");
    assert_string_equal(a.o.outputs[0].format->name, "json");
    options_release(&a.o);
    PARSE_TTY(&a, "-r", "a.pcap");
    assert_string_equal(a.o.outputs[0].format->name, "summary");
    options_release(&a.o);
    PARSE_TTY(&a, "-i", "eth0", "-i", "eth1");
    assert_string_equal(a.o.outputs[0].format->name, "text");
    assert_int_equal(a.o.interface_count, 2);
    options_release(&a.o);
    PARSE(&a, "-i", "eth0");
    assert_string_equal(a.o.outputs[0].format->name, "json");
    options_release(&a.o);
}

/* The rules' share of the memory: half at most, where there are connections. */
static void memory_of_rules(void **state)
{
    struct attempt a;
    (void)state;
    PARSE(&a, "-r", "a.pcap", "--memory", "16M", "--limit", "detect=1073741824");
    assert_int_equal(a.o.engine.limits.detect, 8 << 20);
    options_release(&a.o);
    PARSE(&a, "-r", "a.pcap", "--memory", "16M", "--limit", "detect=4194304");
    assert_int_equal(a.o.engine.limits.detect, 4 << 20);
    options_release(&a.o);
    PARSE(&a, "--records", "a.json", "--memory", "16M", "--limit", "detect=1073741824");
    assert_int_equal(a.o.engine.limits.detect, 1 << 30);
    options_release(&a.o);
}

static void filter_words(void **state)
{
    struct attempt a;
    (void)state;
    PARSE(&a, "-r", "a.pcap", "tcp", "port", "25", "-o", "text");
    assert_true(a.right);
    assert_string_equal(a.o.filter, "tcp port 25");
    options_release(&a.o);
}

static void actions(void **state)
{
    static const struct {
        const char *word;
        enum options_action action;
    } rows[] = {{"-h", ACTION_HELP},
                {"--help", ACTION_HELP},
                {"--version", ACTION_VERSION},
                {"--schema", ACTION_SCHEMA},
                {"-D", ACTION_INTERFACES}};
    struct attempt a;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        PARSE(&a, rows[i].word);
        assert_true(a.right);
        assert_int_equal(a.o.action, rows[i].action);
        options_release(&a.o);
    }
    PARSE(&a, "--limit", "help");
    assert_true(a.right);
    assert_int_equal(a.o.action, ACTION_LIMITS);
    options_release(&a.o);
}

static void mistakes(void **state)
{
    (void)state;
    REFUSED("nothing to read", NULL);
    REFUSED("cannot be combined", "-r", "a", "-i", "b");
    REFUSED("unknown option '-Z'; see mailtap --help", "-Z");
    REFUSED("'--frobnicate'; see mailtap --help", "--frobnicate");
    REFUSED("option '-r' needs FILE", "-r");
    REFUSED("option '--ports' needs LIST", "-r", "a", "--ports");
    REFUSED("option '--any-port' takes no argument", "--any-port=1");
    REFUSED("--count needs a whole number", "-r", "a", "-c", "ten");
    REFUSED("--count needs a whole number", "-r", "a", "-c", "10x");
    REFUSED("--count 0 is out of range", "-r", "a", "-c", "0");
    REFUSED("--snapshot-length 262145 is out of range", "-i", "a", "-s", "262145");
    REFUSED("--ports needs", "-r", "a", "--ports", "25,");
    REFUSED("--ports needs", "-r", "a", "--ports", "0");
    REFUSED("--ports needs", "-r", "a", "--ports", "65536");
    REFUSED("--ports needs", "-r", "a", "--ports", "25;26");
    REFUSED("NAME=VALUE", "-r", "a", "--limit", "line");
    REFUSED("no limit 'lines'", "-r", "a", "--limit", "lines=3");
    REFUSED("limit line needs a number from", "-r", "a", "--limit", "line=3");
    REFUSED("limit line needs a number from", "-r", "a", "--limit", "line=9999x");
    REFUSED("auto, always or never", "-r", "a", "--color", "blue");
    REFUSED("there are: json", "-r", "a", "-o", "xml");
    REFUSED("no target behind the colon", "-r", "a", "-o", "json:");
    REFUSED("standard input can be read once", "-r", "-", "-r", "-");
    REFUSED("--sensor takes", "-r", "a", "--sensor", "");
    REFUSED("control characters", "-r", "a", "--sensor", "a\nb");
}

/* The table that man page and --help are made of and compared with. */
static void help(void **state)
{
    struct buf text;
    unsigned lines = 0;
    size_t width = 0;
    (void)state;
    buf_init(&text, 65536);
    options_help(&text);
    for (struct bytes rest = buf_bytes(&text); rest.len; lines++) {
        size_t len = bytes_index(rest, '\n');
        width = len > width ? len : width;
        rest = bytes_part(rest, len + 1, SIZE_MAX);
    }
    assert_true(lines <= 24);
    assert_true(width <= 100);
    for (unsigned i = 0; i < OPTION_KEYS; i++)
        assert_true(bytes_find_nocase(buf_bytes(&text), bytes_of_string(option_infos[i].name)) != SIZE_MAX);
    buf_reset(&text);
    options_limits(&text);
    for (unsigned i = 0; i < limit_count; i++)
        assert_true(bytes_find_nocase(buf_bytes(&text), bytes_of_string(limit_infos[i].name)) != SIZE_MAX);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything),   cmocka_unit_test(memory_of_rules), cmocka_unit_test(usual_output),
        cmocka_unit_test(filter_words), cmocka_unit_test(actions),         cmocka_unit_test(mistakes),
        cmocka_unit_test(help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
