/* The command line: one table of options, from which --help is made, the parser works and the tests compare the manual
   page. */
#ifndef MAILTAP_OPTIONS_H
#define MAILTAP_OPTIONS_H

#include "base/error.h"
#include "detect/settings.h"
#include "engine.h"
#include "output/format.h"
#include "privacy.h"

enum exit_code { EXIT_DONE, EXIT_USAGE, EXIT_UNREADABLE, EXIT_DAMAGED }; /* and 128 + signal */

enum option_key {
#define OPTION(id, name, argument, letter, doc, key, shape, usual) OPTION_##id,
#include "options.def"
#undef OPTION
    OPTION_KEYS
};

/* How the value looks in mailtap.yaml: true or false; a word; a list of them; numbers by name; what rules have, by
   rule; a list of mappings. */
enum shape { SHAPE_NONE, SHAPE_SWITCH, SHAPE_VALUE, SHAPE_LIST, SHAPE_PAIRS, SHAPE_RULES, SHAPE_ENTRIES };

/* A row of options.def. */
struct option_info {
    const char *name, *argument, *doc, *key, *usual;
    enum shape shape;
    char letter;
};

extern const struct option_info option_infos[OPTION_KEYS];

/* What was set, in the order in which it counts: the file's, then the command line's. */
struct setting {
    enum option_key option;
    unsigned line; /* of the file; 0: the command line */
    char *text;    /* null for an option without an argument */
};

struct settings {
    struct setting *list;
    size_t count;
};

void settings_add(struct settings *s, enum option_key option, const char *text, unsigned line); /* the text is copied */
void settings_release(struct settings *s);

enum options_action {
    ACTION_RUN,
    ACTION_HELP,
    ACTION_VERSION,
    ACTION_SCHEMA,
    ACTION_INTERFACES,
    ACTION_LIMITS,
    ACTION_RULES,
    ACTION_EXPLAIN,
    ACTION_CHECK_CONFIG
};

enum when { WHEN_AUTO, WHEN_ALWAYS, WHEN_NEVER };

struct output_choice {
    const struct format *format;
    const char *target; /* "-" is standard output */
};

struct options {
    enum options_action action;
    struct settings settings; /* what texts below point into */
    char *config;             /* the file that was read, or null */
    const char **files, **interfaces, **records;
    unsigned file_count, interface_count, record_count;
    struct output_choice *outputs; /* after options_parse empty only with -w - */
    unsigned output_count;
    enum privacy_level privacy;
    const char *privacy_key; /* file, or null */
    const char *keylog;      /* --keylog: file, or null */
    const char *extract;     /* --extract: folder, or null */
    const char *write;       /* -w: where packets of mail go; or null */
    char *filter;            /* pcap-filter(7), or null */
    uint64_t count;          /* packets after which to stop; 0: none */
    unsigned jobs;           /* threads that follow connections; 0: as many as there are processors */
    int snaplen;
    bool promiscuous, quiet, verbose, checksums;
    bool hashes;   /* --hash was given */
    int64_t stats; /* ns of capture time between stats records; 0: only the final one */
    enum when colour, progress;
    uint16_t *ports;               /* what engine.ports points to, if --ports was given */
    struct engine_settings engine; /* emit is left null */
    struct detect_settings detect;
    const char *explain; /* a rule's name, for ACTION_EXPLAIN */
};

/* Reads the arguments and the file of settings. `terminal`: standard output is one, which decides the output
   when none is named. False: err says what is wrong; options_release is due all the same. */
bool options_parse(struct options *o, int argc, char **argv, bool terminal, struct error *err);
void options_release(struct options *o);

/* What --help and --limit help print. */
void options_help(struct buf *out);
void options_limits(struct buf *out);

#endif
