/* The command line. The letters are tcpdump's, so are the words behind the options: a capture filter. */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "config.h"
#include "lanes.h"

const struct option_info option_infos[OPTION_KEYS] = {
#define OPTION(id, name, argument, letter, doc, key, shape, usual)                                                     \
    [OPTION_##id] = {name, argument, doc, key, usual, SHAPE_##shape, letter},
#include "options.def"
#undef OPTION
};

#define MEMORY_LEAST (UINT64_C(16) << 20)
#define MEMORY_MOST  (UINT64_C(1) << 40)

/* getopt's value of a long option; below it are letters */
enum { LONG_FIRST = 256, SENSOR_MAX = 64, PORTS_MAX = 1024, SNAPLEN_MAX = 262144, SECONDS_MAX = 366 * 86400 };

static enum option_key key_of(int value)
{
    unsigned i = 0;
    if (value >= LONG_FIRST)
        return (enum option_key)(value - LONG_FIRST);
    while (i < OPTION_KEYS && option_infos[i].letter != value)
        i++;
    return (enum option_key)i;
}

/* "-r" or "--read", as the user wrote it. */
static const char *spelled(int value, char text[static 40])
{
    enum option_key key = key_of(value);
    if (value < LONG_FIRST)
        snprintf(text, 40, "-%c", value);
    else
        snprintf(text, 40, "--%s", key < OPTION_KEYS ? option_infos[key].name : "?");
    return text;
}

static bool number(enum option_key key, const char *text, uint64_t least, uint64_t most, uint64_t *ret,
                   struct error *err)
{
    struct bytes rest = bytes_of_string(text);
    uint64_t value;
    if (!bytes_number(&rest, &value) || rest.len)
        return error_set(err, "--%s needs a whole number, not '%s'", option_infos[key].name, text);
    if (value < least || value > most)
        return error_set(err, "--%s %s is out of range: %llu to %llu", option_infos[key].name, text,
                         (unsigned long long)least, (unsigned long long)most);
    *ret = value;
    return true;
}

static bool jobs(enum option_key key, const char *text, unsigned *ret, struct error *err)
{
    uint64_t value = 0;
    if (!number(key, text, 1, LANES, &value, err))
        return false;
    *ret = (unsigned)value;
    return true;
}

/* A number of octets, of KiB (K), MiB (M) or GiB (G). */
static bool size(enum option_key key, const char *text, uint64_t least, uint64_t most, uint64_t *ret, struct error *err)
{
    static const char suffixes[] = "KMG";
    struct bytes rest = bytes_of_string(text);
    uint64_t value;
    unsigned shift = 0;
    bool ok = bytes_number(&rest, &value);
    const char *suffix = ok && rest.len == 1 ? strchr(suffixes, byte_upper(rest.data[0])) : NULL;
    if (suffix)
        shift = 10 * (unsigned)(suffix - suffixes + 1);
    if (!ok || (rest.len && !suffix))
        return error_set(err, "--%s needs a number, with K, M or G behind it or nothing, not '%s'",
                         option_infos[key].name, text);
    if (value > most >> shift || value << shift < least)
        return error_set(err, "--%s %s is out of range: %lluM to %lluM", option_infos[key].name, text,
                         (unsigned long long)least >> 20, (unsigned long long)most >> 20);
    *ret = value << shift;
    return true;
}

static bool seconds(enum option_key key, const char *text, int64_t *ret, struct error *err)
{
    uint64_t value = 0;
    if (!number(key, text, 0, SECONDS_MAX, &value, err))
        return false;
    *ret = (int64_t)value * CLOCK_S;
    return true;
}

/* More of them, where it was given before. */
static bool ports(struct options *o, const char *text, struct error *err)
{
    struct bytes rest = bytes_of_string(text);
    unsigned count = 0;
    if (!o->ports)
        o->ports = memory_get((PORTS_MAX + 1) * sizeof *o->ports);
    while (o->ports[count])
        count++;
    for (;;) {
        uint64_t port;
        if (!bytes_number(&rest, &port) || port < 1 || port > UINT16_MAX)
            return error_set(err, "--ports needs numbers from 1 to 65535 with commas between, not '%s'", text);
        if (count == PORTS_MAX)
            return error_set(err, "--ports takes at most %d ports; --any-port looks at all", PORTS_MAX);
        o->ports[count++] = (uint16_t)port;
        if (!rest.len)
            break;
        if (rest.data[0] != ',')
            return error_set(err, "--ports needs numbers with commas between, not '%s'", text);
        rest = bytes_part(rest, 1, SIZE_MAX);
    }
    o->engine.ports = o->ports;
    return true;
}

static bool limit(struct options *o, const char *text, struct error *err)
{
    const char *equals = strchr(text, '=');
    if (!strcmp(text, "help")) {
        o->action = ACTION_LIMITS;
        return true;
    }
    if (!equals)
        return error_set(err, "--limit needs NAME=VALUE, not '%s'; --limit help lists the names", text);
    for (unsigned i = 0; i < limit_count; i++) {
        const struct limit_info *l = &limit_infos[i];
        struct bytes rest = bytes_of_string(equals + 1);
        uint64_t value;
        if (!bytes_equal(bytes_of_string(l->name), bytes_of(text, (size_t)(equals - text))))
            continue;
        if (!bytes_number(&rest, &value) || rest.len || value < l->least || value > l->most)
            return error_set(err, "limit %s needs a number from %llu to %llu, not '%s'", l->name,
                             (unsigned long long)l->least, (unsigned long long)l->most, equals + 1);
        *limits_at(&o->engine.limits, i) = value;
        return true;
    }
    return error_set(err, "there is no limit '%.*s'; --limit help lists them", (int)(equals - text), text);
}

static bool sensor(struct options *o, const char *text, struct error *err)
{
    size_t len = strlen(text);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return error_set(err, "--sensor takes a name without control characters");
    if (!len || len > SENSOR_MAX)
        return error_set(err, "--sensor takes a name of 1 to %d octets", SENSOR_MAX);
    o->engine.sensor = text;
    return true;
}

/* The place of a word among three; 3: it is none of them. */
static unsigned place_of(const char *text, const char *const words[static 3])
{
    unsigned i = 0;
    while (i < 3 && strcmp(text, words[i]) != 0)
        i++;
    return i;
}

static bool when(enum option_key key, const char *text, enum when *ret, struct error *err)
{
    static const char *const words[] = {[WHEN_AUTO] = "auto", [WHEN_ALWAYS] = "always", [WHEN_NEVER] = "never"};
    unsigned place = place_of(text, words);
    if (place == 3)
        return error_set(err, "--%s is auto, always or never, not '%s'", option_infos[key].name, text);
    *ret = (enum when)place;
    return true;
}

static bool overlap(const char *text, bool *last, struct error *err)
{
    *last = !strcmp(text, "last");
    if (!*last && strcmp(text, "first") != 0)
        return error_set(err, "--overlap is first or last, not '%s'", text);
    return true;
}

static bool hash(const char *text, enum mail_hash *ret, struct error *err)
{
    static const char *const words[] = {
        [MAIL_HASH_NONE] = "none", [MAIL_HASH_PARTS] = "parts", [MAIL_HASH_ALL] = "all"};
    unsigned place = place_of(text, words);
    if (place == 3)
        return error_set(err, "--hash is parts, all or none, not '%s'", text);
    *ret = (enum mail_hash)place;
    return true;
}

static bool privacy(const char *text, enum privacy_level *ret, struct error *err)
{
    static const char *const levels[] = {[PRIVACY_KEEP] = "keep", [PRIVACY_HASH] = "hash", [PRIVACY_DROP] = "drop"};
    unsigned place = place_of(text, levels);
    if (place == 3)
        return error_set(err, "--privacy is keep, hash or drop, not '%s'", text);
    *ret = (enum privacy_level)place;
    return true;
}

static bool kinds(const char *text, struct mail_settings *mail, struct error *err)
{
    mail->extract_messages = strcmp(text, "parts") != 0;
    mail->extract_parts = strcmp(text, "messages") != 0;
    if (mail->extract_messages && mail->extract_parts && strcmp(text, "both") != 0)
        return error_set(err, "--extract-kinds is messages, parts or both, not '%s'", text);
    return true;
}

static void format_names(struct buf *names)
{
    for (unsigned i = 0; formats[i]; i++)
        buf_printf(names, "%s%s", i ? ", " : "", formats[i]->name);
}

static void add_output(struct options *o, const struct format *format, const char *target)
{
    o->outputs = memory_resize(o->outputs, (o->output_count + 1) * sizeof *o->outputs);
    o->outputs[o->output_count++] = (struct output_choice){format, target};
}

static bool output(struct options *o, const char *text, struct error *err)
{
    const char *colon = strchr(text, ':');
    char name[32];
    const struct format *format;
    snprintf(name, sizeof name, "%.*s", colon && colon - text < 32 ? (int)(colon - text) : 31, text);
    format = format_find(name);
    if (!format) {
        struct buf names;
        buf_init(&names, 256);
        format_names(&names);
        error_set(err, "there is no output format '%s'; there are: %.*s", name, (int)names.len,
                  (const char *)names.data);
        buf_release(&names);
        return false;
    }
    if (colon && !colon[1])
        return error_set(err, "-o %s has no target behind the colon; a file or - for standard output", text);
    add_output(o, format, colon ? colon + 1 : "-");
    return true;
}

static void add_name(const char ***list, unsigned *count, const char *name)
{
    *list = memory_resize(*list, (*count + 1) * sizeof **list);
    (*list)[(*count)++] = name;
}

static bool add_input(const char ***list, unsigned *count, const char *name, const char *option, struct error *err)
{
    for (unsigned i = 0; i < *count; i++)
        if (!strcmp(name, "-") && !strcmp((*list)[i], "-"))
            return error_set(err, "standard input can be read once only; %s - was given twice", option);
    add_name(list, count, name);
    return true;
}

static bool apply(struct options *o, enum option_key key, const char *text, struct error *err)
{
    uint64_t value = 0;
    switch (key) {
    case OPTION_READ:
        return add_input(&o->files, &o->file_count, text, "-r", err);
    case OPTION_RECORDS:
        return add_input(&o->records, &o->record_count, text, "--records", err);
    case OPTION_INTERFACE:
        add_name(&o->interfaces, &o->interface_count, text);
        return true;
    case OPTION_OUTPUT:
        return output(o, text, err);
    case OPTION_WRITE:
        if (o->write)
            return error_set(err, "-w was given twice; it writes one file");
        o->write = text;
        return true;
    case OPTION_COUNT:
        return number(key, text, 1, INT64_MAX, &o->count, err);
    case OPTION_SNAPLEN:
        if (!number(key, text, 0, SNAPLEN_MAX, &value, err))
            return false;
        o->snaplen = value ? (int)value : SNAPLEN_MAX;
        return true;
    case OPTION_NO_PROMISCUOUS:
        o->promiscuous = false;
        return true;
    case OPTION_PORTS:
        return ports(o, text, err);
    case OPTION_ANY_PORT:
        o->engine.any_port = true;
        return true;
    case OPTION_VLAN_APART:
        o->engine.vlan_apart = true;
        return true;
    case OPTION_CHECKSUMS:
        o->checksums = true;
        return true;
    case OPTION_HOLD:
        return number(key, text, 4096, UINT32_MAX, &o->engine.hold, err);
    case OPTION_MEMORY:
        return size(key, text, MEMORY_LEAST, MEMORY_MOST, &o->engine.memory, err);
    case OPTION_OVERLAP:
        return overlap(text, &o->engine.overlap_last, err);
    case OPTION_INTERIM:
        return seconds(key, text, &o->engine.interim, err);
    case OPTION_HASH:
        o->hashes = true;
        return hash(text, &o->engine.mail.hash, err);
    case OPTION_MD5:
        o->engine.mail.md5 = true;
        return true;
    case OPTION_NO_CONTENT:
        o->engine.mail.envelope_only = true;
        return true;
    case OPTION_LIMIT:
        return limit(o, text, err);
    case OPTION_JOBS:
        return jobs(key, text, &o->jobs, err);
    case OPTION_EXTRACT:
        if (o->extract)
            return error_set(err, "--extract was given twice; it writes to one folder");
        o->extract = text;
        return true;
    case OPTION_KEYLOG:
        o->keylog = text;
        return true;
    case OPTION_EXTRACT_KINDS:
        return kinds(text, &o->engine.mail, err);
    case OPTION_PRIVACY:
        return privacy(text, &o->privacy, err);
    case OPTION_PRIVACY_KEY:
        o->privacy_key = text;
        return true;
    case OPTION_LOCAL_NETS:
        return detect_settings_nets(&o->detect, text, err);
    case OPTION_LOCAL_DOMAINS:
        return detect_settings_domains(&o->detect, text, err);
    case OPTION_MAIL_SERVERS:
        return detect_settings_servers(&o->detect, text, err);
    case OPTION_SET:
        return detect_settings_set(&o->detect, text, err);
    case OPTION_SUPPRESS:
        return detect_settings_suppress(&o->detect, text, err);
    case OPTION_STATS:
        return seconds(key, text, &o->stats, err);
    case OPTION_SENSOR:
        return sensor(o, text, err);
    case OPTION_COLOR:
        return when(key, text, &o->colour, err);
    case OPTION_PROGRESS:
        return when(key, text, &o->progress, err);
    case OPTION_QUIET:
        o->quiet = true;
        return true;
    case OPTION_VERBOSE:
        o->verbose = true;
        return true;
    case OPTION_INTERFACES:
        o->action = ACTION_INTERFACES;
        return true;
    case OPTION_SCHEMA:
        o->action = ACTION_SCHEMA;
        return true;
    case OPTION_RULES:
        o->action = ACTION_RULES;
        return true;
    case OPTION_EXPLAIN:
        o->action = ACTION_EXPLAIN;
        o->explain = text;
        return true;
    case OPTION_VERSION:
        o->action = ACTION_VERSION;
        return true;
    case OPTION_HELP:
        o->action = ACTION_HELP;
        return true;
    case OPTION_CHECK_CONFIG:
        o->action = ACTION_CHECK_CONFIG;
        return true;
    case OPTION_CONFIG: /* read already */
        return true;
    case OPTION_KEYS:
        break;
    }
    return error_set(err, "unknown option");
}

/* getopt says only that something is wrong: which word, and what to do, is found here. */
static bool misused(int answer, int value, const char *word, struct error *err)
{
    char name[40];
    if (answer == ':') {
        enum option_key key = key_of(value);
        return error_set(err, "option '%s' needs %s; see mailtap --help", spelled(value, name),
                         key < OPTION_KEYS ? option_infos[key].argument : "an argument");
    }
    if (value >= LONG_FIRST)
        return error_set(err, "option '%s' takes no argument; see mailtap --help", spelled(value, name));
    if (value)
        return error_set(err, "unknown option '-%c'; see mailtap --help", value);
    return error_set(err, "unknown or ambiguous option '%s'; see mailtap --help", word);
}

static void getopt_tables(struct option *longs, char *letters)
{
    *letters++ = ':'; /* tell a missing argument from an unknown option */
    for (int i = 0; i < OPTION_KEYS; i++) {
        const struct option_info *info = &option_infos[i];
        bool takes = info->argument != NULL;
        longs[i] = (struct option){info->name, takes ? required_argument : no_argument, NULL, LONG_FIRST + i};
        if (info->letter) {
            *letters++ = info->letter;
            if (takes)
                *letters++ = ':';
        }
    }
    *letters = 0;
}

static void join_filter(struct options *o, char **words)
{
    struct buf text;
    if (!*words)
        return;
    buf_init(&text, 1 << 20);
    for (char **word = words; *word; word++) {
        buf_add_string(&text, word == words ? "" : " ");
        buf_add_string(&text, *word);
    }
    buf_add_byte(&text, 0);
    o->filter = (char *)text.data;
}

/* Packets and records, or two files of packets, in one place would be neither. */
static bool complete_write(const struct options *o, bool terminal, struct error *err)
{
    if (!o->write)
        return true;
    if (terminal && !strcmp(o->write, "-"))
        return error_set(err, "-w - would write packets to the terminal; name a file, or pipe them on");
    for (unsigned i = 0; i < o->output_count; i++)
        if (!strcmp(o->outputs[i].target, o->write))
            return error_set(err, "-w and -o cannot both write to '%s'", o->write);
    return true;
}

/* What is extracted is known by its SHA-256, unless somebody does not want that. */
static bool complete_extract(struct options *o, struct error *err)
{
    struct mail_settings *mail = &o->engine.mail;
    if (!o->extract)
        return mail->extract_messages || mail->extract_parts ? error_set(err, "--extract-kinds is for --extract")
                                                             : true;
    if (mail->envelope_only)
        return error_set(err, "--no-content leaves nothing to extract; give one of them");
    if (o->privacy != PRIVACY_KEEP)
        return error_set(err,
                         "--extract writes messages as they are, with all that --privacy takes out; give one of them");
    if (!mail->extract_messages && !mail->extract_parts)
        mail->extract_messages = mail->extract_parts = true;
    if (!o->hashes && mail->extract_messages)
        mail->hash = MAIL_HASH_ALL;
    return true;
}

static bool only_in_file(const struct options *o, enum option_key option)
{
    for (size_t i = 0; i < o->settings.count; i++)
        if (o->settings.list[i].option == option && !o->settings.list[i].line)
            return false;
    return true;
}

/* Packets hold all that --privacy is to take out. A key that waits in the file for --privacy hash does no harm. */
static bool complete_privacy(struct options *o, struct error *err)
{
    if (o->privacy_key && o->privacy != PRIVACY_HASH && !only_in_file(o, OPTION_PRIVACY_KEY))
        return error_set(err, "--privacy-key is for --privacy hash");
    if (o->privacy != PRIVACY_HASH)
        o->privacy_key = NULL;
    if (o->privacy != PRIVACY_KEEP && o->write)
        return error_set(err, "-w writes packets as they are, with all that --privacy takes out; give one of them");
    return true;
}

/* What the rules remember is a part of --memory, where connections need the rest. */
static void share_memory(struct options *o)
{
    uint64_t most = o->engine.memory / 2;
    if (!o->record_count && o->engine.limits.detect > most)
        o->engine.limits.detect = most;
}

static bool complete(struct options *o, bool terminal, struct error *err)
{
    const char *usual = !terminal ? "json" : o->file_count || o->record_count ? "summary" : "text";
    if (o->action == ACTION_CHECK_CONFIG)
        return complete_privacy(o, err);
    if (o->action != ACTION_RUN)
        return true;
    if (o->record_count && (o->file_count || o->interface_count || o->write || o->extract || o->filter))
        return error_set(err,
                         "--records reads what was made of packets; -r, -i, -w, --extract and filters are for packets");
    if (!o->file_count && !o->interface_count && !o->record_count)
        return error_set(err, "nothing to read: name a capture file with -r FILE or an interface with -i NAME "
                              "(mailtap -D lists them); see mailtap --help");
    if (o->file_count && o->interface_count)
        return error_set(err, "-r and -i cannot be combined: read files, or watch interfaces");
    if (!o->output_count && !(o->write && !strcmp(o->write, "-")))
        add_output(o, format_find(usual), "-");
    return complete_write(o, terminal, err) && complete_extract(o, err) && complete_privacy(o, err);
}

void settings_add(struct settings *s, enum option_key option, const char *text, unsigned line)
{
    s->list = memory_more(s->list, s->count, sizeof *s->list);
    s->list[s->count++] = (struct setting){option, line, text ? memory_string(text) : NULL};
}

void settings_release(struct settings *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->list[i].text);
    free(s->list);
}

static bool read_words(struct settings *s, int argc, char **argv, struct error *err)
{
    struct option longs[OPTION_KEYS + 1] = {0};
    char letters[2 * OPTION_KEYS + 2];
    int value;
    getopt_tables(longs, letters);
    opterr = 0;
    optind = 0; /* start afresh: the tests parse more than once */
    while ((value = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        if (value == '?' || value == ':')
            return misused(value, optopt, argv[optind - 1], err);
        settings_add(s, key_of(value), optarg, 0);
    }
    return true;
}

/* What the file says goes before what the command line says. What only prints needs no file, and must not fail for
   one. */
static bool read_config(struct options *o, const struct settings *words, struct error *err)
{
    const char *path = NULL;
    for (size_t i = 0; i < words->count; i++) {
        if (words->list[i].option >= OPTION_INTERFACES)
            return true;
        if (words->list[i].option != OPTION_CONFIG)
            continue;
        if (path)
            return error_set(err, "-F was given twice; it reads one file");
        path = words->list[i].text;
    }
    return config_read(path, &o->config, &o->settings, err);
}

/* An error of a setting from the file: where, and by the name that it has there. */
static bool misplaced(const struct options *o, const struct setting *s, struct error *err)
{
    struct error what = *err;
    const struct option_info *info = &option_infos[s->option];
    size_t len = strlen(info->name);
    bool named = !strncmp(what.text, "--", 2) && !strncmp(what.text + 2, info->name, len);
    return error_set(err, "'%.200s', line %u: %s%.260s", o->config, s->line, named ? info->key : "",
                     what.text + (named ? len + 2 : 0));
}

/* A list that the command line gives stands in place of the file's. */
static bool overridden(const struct options *o, const struct setting *s)
{
    for (size_t i = o->settings.count; i-- > 0 && !o->settings.list[i].line;)
        if (o->settings.list[i].option == s->option)
            return s->line && option_infos[s->option].shape == SHAPE_LIST;
    return false;
}

static bool apply_all(struct options *o, struct error *err)
{
    for (size_t i = 0; i < o->settings.count; i++) {
        const struct setting *s = &o->settings.list[i];
        bool off = option_infos[s->option].shape == SHAPE_SWITCH && s->text && strcmp(s->text, "true") != 0;
        if (off || overridden(o, s) || apply(o, s->option, s->text ? s->text : "", err))
            continue;
        return s->line ? misplaced(o, s, err) : false;
    }
    return true;
}

bool options_parse(struct options *o, int argc, char **argv, bool terminal, struct error *err)
{
    struct settings words = {0};
    *o = (struct options){.snaplen = SNAPLEN_MAX, .promiscuous = true};
    engine_settings_init(&o->engine);
    detect_settings_init(&o->detect);
    bool right = read_words(&words, argc, argv, err) && read_config(o, &words, err);
    for (size_t i = 0; right && i < words.count; i++)
        settings_add(&o->settings, words.list[i].option, words.list[i].text, 0);
    settings_release(&words);
    if (!right || !apply_all(o, err))
        return false;
    join_filter(o, argv + optind);
    share_memory(o);
    return complete(o, terminal, err);
}

void options_release(struct options *o)
{
    free(o->files);
    free(o->records);
    detect_settings_release(&o->detect);
    free(o->interfaces);
    free(o->outputs);
    free(o->filter);
    free(o->ports);
    free(o->config);
    settings_release(&o->settings);
}

void options_help(struct buf *out)
{
    buf_add_string(out, "usage: mailtap -r FILE | -i NAME [options] [capture filter, as in tcpdump]\n");
    for (unsigned i = 0; i < OPTION_KEYS; i++) {
        char left[128];
        size_t len = 0;
        for (;; i++) {
            const struct option_info *info = &option_infos[i];
            if (info->letter)
                len += (size_t)snprintf(left + len, sizeof left - len, "-%c, ", info->letter);
            else if (!len)
                len += (size_t)snprintf(left + len, sizeof left - len, "    ");
            len += (size_t)snprintf(left + len, sizeof left - len, "--%s%s%s", info->name, info->argument ? " " : "",
                                    info->argument ? info->argument : "");
            if (info->doc)
                break;
            len += (size_t)snprintf(left + len, sizeof left - len, ", ");
        }
        buf_printf(out, "  %-28s  %s\n", left, option_infos[i].doc);
    }
    buf_add_string(
        out, "Manuals: mailtap(1), mailtap.yaml(5), mailtap-records(5). -r, -i, -o more than once: all of them.\n");
}

void options_limits(struct buf *out)
{
    for (unsigned i = 0; i < limit_count; i++)
        buf_printf(out, "%-14s %11llu  %s\n", limit_infos[i].name, (unsigned long long)limit_infos[i].value,
                   limit_infos[i].doc);
}
