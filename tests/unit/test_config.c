/* mailtap.yaml: what it sets, in which order that counts, what is refused and with which words, and that nothing in it
   takes long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config.h"

static char path[] = "/tmp/test_config.XXXXXX";

static void put(struct bytes text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
    fclose(file);
}

/* As mailtap is called with that file, and those words behind. */
static bool parse(struct options *o, struct error *err, struct bytes text, const char *const *words)
{
    char copies[16][256];
    char *argv[17];
    int argc = 0;
    const char *const first[] = {"mailtap", "-F", path, "-r", "x"};
    put(text);
    for (; argc < 5; argc++)
        snprintf(copies[argc], sizeof copies[argc], "%s", first[argc]);
    for (; words[argc - 5]; argc++)
        snprintf(copies[argc], sizeof copies[argc], "%s", words[argc - 5]);
    for (int i = 0; i < argc; i++)
        argv[i] = copies[i];
    argv[argc] = NULL;
    err->text[0] = 0;
    return options_parse(o, argc, argv, false, err);
}

#define PARSE(o, err, text, ...) parse(o, err, bytes_of_string(text), (const char *[]){__VA_ARGS__, NULL})

static void shapes(void **state)
{
    struct options o;
    struct error err;
    (void)state;
    if (!PARSE(&o, &err,
               "# ours\n"
               "local_nets: [192.0.2.0/24, \"2001:db8::/32\"]\n"
               "local_domains:\n- example.org\n- example.net\n"
               "mail_servers: 203.0.113.25\n"
               "memory: 1G\nany_port: yes\nmd5: off\nports: [25, 2525]\nsensor: 'edge 1'\nstats: 60\n"
               "limits: {line: 1024, text: 64}\n"
               "rules:\n  enumeration: {names: 9}\n  open_relay: off\n  weak_tls: true\n"
               "suppress:\n- rule: relay_probe\n  client: [192.0.2.9, 192.0.2.10]\n- {user: anna}\n",
               NULL))
        fail_msg("%s", err.text);
    assert_int_equal(o.detect.local_net_count, 2);
    assert_int_equal(o.detect.local_domain_count, 2);
    assert_string_equal(o.detect.local_domains[1], "example.net");
    assert_int_equal(o.detect.mail_server_count, 1);
    assert_int_equal(o.detect.suppression_count, 2);
    assert_int_equal(o.engine.memory, 1 << 30);
    assert_true(o.engine.any_port && !o.engine.mail.md5);
    assert_true(o.engine.ports[0] == 25 && o.engine.ports[1] == 2525 && !o.engine.ports[2]);
    assert_string_equal(o.engine.sensor, "edge 1");
    assert_true(o.stats == 60 * CLOCK_S);
    assert_int_equal(o.engine.limits.line, 1024);
    assert_int_equal(o.engine.limits.text, 64);
    assert_string_equal(o.config, path);
    options_release(&o);
}

/* Nothing, in every form, sets nothing. */
static void empty(void **state)
{
    static const char *const texts[] = {"",
                                        "\n\n",
                                        "# x",
                                        "---\n",
                                        "---\n...\n",
                                        "~",
                                        "\xef\xbb\xbf# x\n",
                                        "local_nets:\nlocal_domains: []\nsuppress:\nlimits: {}\nrules: ~\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct options o;
        struct error err;
        if (!PARSE(&o, &err, texts[i], NULL))
            fail_msg("'%s': %s", texts[i], err.text);
        assert_int_equal(o.detect.local_net_count + o.detect.local_domain_count + o.detect.suppression_count, 0);
        options_release(&o);
    }
}

/* The command line goes over the file: words and numbers each, lists whole; suppressions come to those of the file. */
static void precedence(void **state)
{
    struct options o;
    struct error err;
    (void)state;
    assert_true(
        PARSE(&o, &err,
              "memory: 1G\nhold: 65536\nlocal_nets: [192.0.2.0/24, 198.51.100.0/24]\nlocal_domains: [a.example]\n"
              "ports: [25]\nlimits: {line: 1024, text: 64}\nsuppress: [{rule: weak_tls}]\n",
              "--memory", "2G", "--local-nets", "10.0.0.0/8", "--limit", "text=128", "--ports", "26", "--suppress",
              "rule=ntlm_leak"));
    assert_true(o.engine.memory == UINT64_C(2) << 30 && o.engine.hold == 65536);
    assert_int_equal(o.detect.local_net_count, 1);
    assert_int_equal(o.detect.local_domain_count, 1);
    assert_true(o.engine.limits.line == 1024 && o.engine.limits.text == 128);
    assert_true(o.engine.ports[0] == 26 && !o.engine.ports[1]);
    assert_int_equal(o.detect.suppression_count, 2);
    options_release(&o);
    /* a key for --privacy hash may wait in the file */
    assert_true(PARSE(&o, &err, "privacy: hash\nprivacy_key: /k\n", "--privacy", "keep"));
    assert_null(o.privacy_key);
    options_release(&o);
    assert_true(PARSE(&o, &err, "privacy: hash\nprivacy_key: /k\n", NULL));
    assert_string_equal(o.privacy_key, "/k");
    options_release(&o);
    assert_false(PARSE(&o, &err, "privacy: hash\n", "-w", "x"));
    options_release(&o);
}

static void mistakes(void **state)
{
    static const struct {
        const char *text, *said;
        unsigned line;
    } rows[] = {
        {"x", "lines of 'name: value'", 1},
        {"\n- x", "lines of 'name: value'", 2},
        {"\n\nfoo: 1", "no setting 'foo'", 3},
        {"local-nets: 1", "spelled local_nets here", 1},
        {"read: x", "on the command line only", 1},
        {"check-config: true", "on the command line only", 1},
        {"local_nets:\n- 192.0.2.0/24\n- 192.0.2.0/33", "local_nets takes addresses and networks as", 3},
        {"local_nets: {a: b}", "local_nets is a word here", 1},
        {"local_nets: [[a]]", "local_nets is a word here", 1},
        {"local_domains:\n- a@b", "local_domains takes domains", 2},
        {"mail_servers: x", "mail_servers takes addresses", 1},
        {"memory: 7", "memory 7 is out of range", 1},
        {"memory:", "needs a value behind the colon", 1},
        {"memory: [1G]", "not a list or a mapping", 1},
        {"any_port: maybe", "any_port is true or false, not 'maybe'", 1},
        {"ports: [25,\n0]", "ports needs numbers from 1", 2},
        {"a: &a b\nlocal_nets: *a", "no setting 'a'", 1},
        {"sensor: &a b\nlocal_nets:\n  *a", "aliases (*a) are not read", 3},
        {"%YAML 1.1\n---\n", "no line may begin with '%'", 1},
        {"# x\r%TAG ! x\n---\n", "no line may begin with '%'", 1},
        {"limits:\n  lines: 3", "no limit 'lines'", 2},
        {"limits:\n  line: 3", "limit line needs a number from 512", 2},
        {"limits:\n  line:", "line needs a value", 2},
        {"limits: [line]", "limits takes lines of 'name: value'", 1},
        {"limits:\n  line: 1024\n  line: 1024", "line stands here twice", 3},
        {"rules:\n  nothing: off", "no rule of that name in 'nothing=off'", 2},
        {"rules:\n  enumeration: 9", "rule enumeration is on or off, not '9'", 2},
        {"rules:\n  enumeration:\n    name: 9", "has no number 'name'", 3},
        {"rules:\n  enumeration:\n    names: x", "needs a whole number, not 'x'", 3},
        {"rules:\n  enumeration:\n    names: {a: b}", "not a list or a mapping", 3},
        {"rules:\n  enumeration: {names: 1}\n  enumeration: {names: 1}", "names stands here twice", 3},
        {"suppress: weak_tls", "suppress takes a list", 1},
        {"suppress:\n- weak_tls", "each item of suppress", 2},
        {"suppress:\n\n- {}", "without anything", 3},
        {"suppress:\n- rule: nothing", "no rule 'nothing'", 2},
        {"suppress:\n- rules: weak_tls", "not 'rules'", 2},
        {"suppress:\n- rule: [[a]]", "not a list or a mapping", 2},
        {"memory: 1G\nhold: 65536\nmemory: 2G", "memory stands in line 1 already", 3},
        {"memory: 1G\n---\nmemory: 2G", "a second document", 2},
        {"sensor: \"a\\nb\"", "control character", 1},
        {"sensor: \"a\\0b\"", "control character", 1},
        {"memory: 1G\nsensor: \xff", "UTF-8", 2},
        {"memory:\n\t- x", "cannot start any token", 2},
        {"? [a]\n: b", "a setting's name is a word", 1},
        {"\n{", "did not find", 3},
        {"privacy: hash\nsensor: \"", "quoted scalar", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options o;
        struct error err;
        char where[64];
        snprintf(where, sizeof where, "'%s', line %u: ", path, rows[i].line);
        bool right = PARSE(&o, &err, rows[i].text, NULL);
        if (right || !strstr(err.text, where) || !strstr(err.text, rows[i].said))
            fail_msg("'%s': '%s' does not say '%s%s'", rows[i].text, err.text, where, rows[i].said);
        options_release(&o);
    }
}

static void files(void **state)
{
    struct options o;
    struct error err;
    char *argv[] = {path, path, path, NULL}, flag[] = "-F", folder[] = "/", zero[] = "/dev/zero",
         none[] = "/nonexistent/x";
    char help[] = "-h";
    (void)state;
    argv[1] = flag;
    argv[2] = folder;
    assert_false(options_parse(&o, 3, argv, false, &err));
    assert_non_null(strstr(err.text, "cannot read the settings in '/'"));
    options_release(&o);
    argv[2] = zero;
    assert_false(options_parse(&o, 3, argv, false, &err));
    assert_non_null(strstr(err.text, "that is no file of settings"));
    options_release(&o);
    argv[2] = none;
    assert_false(options_parse(&o, 3, argv, false, &err));
    assert_non_null(strstr(err.text, "No such file"));
    options_release(&o);
    char *asks[] = {path, flag, none, help, NULL};
    assert_true(options_parse(&o, 4, asks, false, &err)); /* who asks for help gets it */
    options_release(&o);
    char *twice[] = {path, flag, none, flag, none, NULL};
    assert_false(options_parse(&o, 5, twice, false, &err));
    assert_non_null(strstr(err.text, "twice"));
    options_release(&o);
}

static struct buf shown(struct bytes text, const char *const *words)
{
    struct options o;
    struct error err;
    struct buf out;
    if (!parse(&o, &err, text, words))
        fail_msg("%s", err.text);
    buf_init(&out, 1 << 20);
    config_show(&o, &out);
    options_release(&o);
    return out;
}

/* The same without the words behind the values, which say where they come from. */
static struct buf without_origins(const struct buf *b)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    for (struct bytes rest = buf_bytes(b); rest.len;) {
        struct bytes line = bytes_part(rest, 0, bytes_index(rest, '\n'));
        rest = bytes_part(rest, line.len + 1, rest.len);
        buf_add(&out, bytes_part(line, 0, bytes_find_nocase(line, BYTES("  # "))));
        buf_add_byte(&out, '\n');
    }
    return out;
}

/* What is shown sets what it shows, and says what each default is: these are compared with the program's own. */
static void show(void **state)
{
    struct options plain, again;
    struct error err;
    (void)state;
    struct buf usual = shown(BYTES(""), (const char *[]){NULL});
    buf_add_byte(&usual, 0);
    assert_true(PARSE(&plain, &err, "", NULL));
    if (!PARSE(&again, &err, (const char *)usual.data, NULL))
        fail_msg("%s", err.text);
    for (unsigned i = 0; plain.engine.ports[i] || again.engine.ports[i]; i++)
        assert_int_equal(plain.engine.ports[i], again.engine.ports[i]);
    assert_memory_equal(&plain.engine.limits, &again.engine.limits, sizeof plain.engine.limits);
    assert_true(plain.engine.hold == again.engine.hold && plain.engine.memory == again.engine.memory &&
                plain.engine.interim == again.engine.interim && plain.engine.any_port == again.engine.any_port &&
                plain.engine.vlan_apart == again.engine.vlan_apart &&
                plain.engine.overlap_last == again.engine.overlap_last &&
                plain.engine.mail.hash == again.engine.mail.hash && plain.engine.mail.md5 == again.engine.mail.md5 &&
                plain.engine.mail.envelope_only == again.engine.mail.envelope_only);
    assert_true(plain.jobs == again.jobs && plain.snaplen == again.snaplen && plain.promiscuous == again.promiscuous &&
                plain.quiet == again.quiet && plain.verbose == again.verbose && plain.checksums == again.checksums &&
                plain.stats == again.stats && plain.colour == again.colour && plain.progress == again.progress &&
                plain.privacy == again.privacy);
    options_release(&plain);
    options_release(&again);
    buf_release(&usual);

    struct buf one =
        shown(BYTES("local_nets: [192.0.2.0/24, '2001:db8::']\nsensor: 'a: \"b\" # c'\nlimits: {line: 777}\n"
                    "rules: {weak_tls: no, enumeration: {names: 8}}\n"
                    "suppress: [{rule: [weak_tls, tls.weak_tls], user: 'a, b', days: sun}]\n"),
              (const char *[]){"--any-port", "--suppress", "client=10.0.0.1,client=::1,daily=22:00-06:00",
                               "--local-domains", "a.example,b.example", NULL});
    buf_add_byte(&one, 0);
    assert_non_null(strstr((const char *)one.data, "any_port: true  # command line\n"));
    assert_non_null(strstr((const char *)one.data, "line: 777  # /tmp/test_config."));
    assert_non_null(strstr((const char *)one.data, ", line 3\n"));
    assert_non_null(strstr((const char *)one.data, "overlap: first  # default\n"));
    one.len--;
    struct buf two = shown(buf_bytes(&one), (const char *[]){NULL});
    struct buf a = without_origins(&one), b = without_origins(&two);
    assert_true(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
    buf_release(&one);
    buf_release(&two);
    buf_release(&a);
    buf_release(&b);
}

/* Files that are made to take long, of the greatest size: each is read, or refused, at once. */
static void hostile(void **state)
{
    static const struct {
        const char *head, *again;
        bool right;
    } rows[] = {{"", "[", false},
                {"", "{", false},
                {"", "? ", false},
                {"", "- ", false},
                {"local_nets: ", "[", false},
                {"suppress: [{client: ", "[", false},
                {"", "&a ", false},
                {"", "%TAG !a! x\n", false},
                {"", "!", true},
                {"", "a:", false},
                {"", ": ", false},
                {"", "a: b\n", false},
                {"", "---\n", false},
                {"", "\n", true},
                {"sensor: ", "x", false},
                {"sensor: >\n", " x\n", false},
                {"limits:\n", "  a: 1\n", false},
                {"rules:\n", "  enumeration:\n    names: 1\n", false},
                {"local_domains:\n", "- a\n", true},
                {"suppress:\n", "- {rule: weak_tls}\n", false},
                {"suppress:\n- client:\n", "  - ::1\n", false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options o;
        struct error err = {{0}};
        struct buf text;
        buf_init(&text, CONFIG_MOST);
        buf_add_string(&text, rows[i].head);
        while (text.len + strlen(rows[i].again) <= CONFIG_MOST)
            buf_add_string(&text, rows[i].again);
        alarm(20);
        bool right = parse(&o, &err, buf_bytes(&text), (const char *[]){NULL});
        alarm(0);
        if (right != rows[i].right)
            fail_msg("%s%s...: %s", rows[i].head, rows[i].again, err.text);
        options_release(&o);
        buf_release(&text);
    }
}

static int begin(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 || close(fd);
}

static int end(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes), cmocka_unit_test(empty), cmocka_unit_test(precedence), cmocka_unit_test(mistakes),
        cmocka_unit_test(files),  cmocka_unit_test(show),  cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
