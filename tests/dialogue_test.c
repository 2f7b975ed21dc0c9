/* Runs dialogue files: packets through the engine, records against those the file expects.

   dialogue_test FILE...             compares, exit code 1 where one differs
   dialogue_test --refresh FILE...   rewrites what the files expect
   dialogue_test --alerts [--refresh] FILE...  the same for what the rules say, which alone is then expected
   dialogue_test --pcap OUT FILE     writes the packets, to look at in Wireshark
   dialogue_test --pcaps FOLDER FILE...  the same for many, NAME.pcap of each NAME.txt
   dialogue_test --seed OUT FILE     writes them as fuzz_dissector's input
   dialogue_test --print FILE        lists the packets and prints the records as they are */
#include "dialogue.h"
#include "diff.h"
#include "normal.h"
#include "replay.h"
#include "seed.h"
#include <stdlib.h>

static bool rewrite(const char *path, struct bytes head, bool had_mark, struct bytes records)
{
    FILE *f = fopen(path, "wb");
    bool ok = f != NULL;

    if (!ok)
        return false;
    ok = fwrite(head.data, 1, head.len, f) == head.len;
    if (head.len > 0 && head.data[head.len - 1] != '\n')
        putc('\n', f);
    if (!had_mark)
        fputs("=\n", f);
    if (records.len > 0)
        ok = fwrite(records.data, 1, records.len, f) == records.len && ok;
    return fclose(f) == 0 && ok;
}

static bool compare(const struct dialogue_file *d, const char *path, struct bytes got)
{
    if (!d->expected) {
        printf("not ok %s: no line = with the records expected behind it (scripts/refresh-tests)\n", path);
        return false;
    }
    if (!bytes_equal(bytes_of_string(d->expected), got)) {
        printf("not ok %s\n", path);
        diff_print(bytes_of_string(d->expected), got);
        return false;
    }
    printf("ok %s\n", path);
    return true;
}

static bool same_restless(struct replay_settings settings, const struct trace *trace, struct bytes expected)
{
    struct buf ndjson;
    bool same;

    buf_init(&ndjson, SIZE_MAX);
    settings.restless = true;
    replay(&settings, trace, &ndjson);
    same = bytes_equal(buf_bytes(&ndjson), expected);
    buf_release(&ndjson);
    return same;
}

static bool judge(const struct dialogue_file *d, const char *path, struct bytes text, bool refresh, bool alerts)
{
    struct normal normal = {.keep = &d->keep};
    struct replay_settings settings;
    struct trace trace;
    struct buf ndjson, form;
    struct error err;
    const char *secret;
    bool ok = true;

    buf_init(&ndjson, SIZE_MAX);
    buf_init(&form, SIZE_MAX);
    replay_settings(&settings, d);
    settings.alerts = alerts;
    dialogue_file_packets(d, &trace);
    replay(&settings, &trace, &ndjson);
    if (!refresh && !same_restless(settings, &trace, buf_bytes(&ndjson))) {
        printf("not ok %s: other records where sessions are put away\n", path);
        ok = false;
    }
    secret = normal_secret(&d->secrets, buf_bytes(&ndjson));
    if (secret) {
        printf("not ok %s: the records hold the secret \"%s\"\n", path, secret);
        ok = false;
    } else if (!normal_form(&normal, buf_bytes(&ndjson), &form, &err)) {
        printf("not ok %s: %s\n", path, err.text);
        ok = false;
    } else if (refresh) {
        ok = rewrite(path, bytes_part(text, 0, d->head_len), d->expected != NULL, buf_bytes(&form));
        printf("%s %s\n", ok ? "wrote" : "cannot write", path);
    } else {
        ok = compare(d, path, buf_bytes(&form)) && ok;
    }
    buf_release(&ndjson);
    buf_release(&form);
    trace_release(&trace);
    return ok;
}

static bool show(const struct dialogue_file *d, const char *mode, const char *out_path)
{
    struct replay_settings settings;
    struct trace trace;
    struct buf ndjson;
    struct error err;
    bool ok = true;

    dialogue_file_packets(d, &trace);
    if (out_path) {
        ok =
            strncmp(mode, "--pcap", 6) == 0 ? trace_save(&trace, out_path, &err) : seed_save(d, &trace, out_path, &err);
        if (!ok)
            printf("%s\n", err.text);
    } else {
        buf_init(&ndjson, SIZE_MAX);
        replay_settings(&settings, d);
        trace_print(&trace, stdout);
        replay(&settings, &trace, &ndjson);
        if (ndjson.len > 0)
            fwrite(ndjson.data, 1, ndjson.len, stdout);
        buf_release(&ndjson);
    }
    trace_release(&trace);
    return ok;
}

static bool run(const char *path, const char *mode, const char *out, bool alerts)
{
    struct dialogue_file d;
    struct error err;
    size_t len;
    char *text = dialogue_file_load(path, &len, &err);
    bool ok;

    if (!text) {
        printf("not ok %s\n", err.text);
        return false;
    }
    if (!dialogue_file_parse(&d, path, bytes_of(text, len), &err)) {
        printf("not ok %s\n", err.text);
        ok = false;
    } else if (out || strcmp(mode, "--print") == 0) {
        ok = show(&d, mode, out);
    } else {
        ok = judge(&d, path, bytes_of(text, len), strcmp(mode, "--refresh") == 0, alerts);
    }
    dialogue_file_release(&d);
    free(text);
    return ok;
}

/* FOLDER/NAME.pcap of a dialogue NAME.txt. False: it is too long. */
static bool place_in(const char *folder, const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int n = snprintf(out, size, "%s/%.*s.pcap", folder, (int)strcspn(name, "."), name);

    return n >= 0 && (size_t)n < size;
}

static bool run_all(char **paths, const char *mode, const char *out, bool alerts)
{
    char place[1024];
    bool folder = strcmp(mode, "--pcaps") == 0, ok = true;

    for (; *paths; paths++)
        ok = (!folder || place_in(out, *paths, place, sizeof(place))) &&
             run(*paths, mode, folder ? place : out, alerts) && ok;
    return ok;
}

int main(int argc, char **argv)
{
    const char *mode = "", *out = NULL;
    int first = 1;
    bool alerts = argc > 1 && strcmp(argv[1], "--alerts") == 0;

    if (alerts) {
        argv++;
        argc--;
    }
    if (argc > 1 && strncmp(argv[1], "--", 2) == 0) {
        mode = argv[1];
        first = 2;
        if ((strcmp(mode, "--pcap") == 0 || strcmp(mode, "--pcaps") == 0 || strcmp(mode, "--seed") == 0) && argc > 3)
            out = argv[first++];
        else if (strcmp(mode, "--refresh") != 0 && strcmp(mode, "--print") != 0)
            first = argc;
    }
    if (first >= argc) {
        fputs("usage: dialogue_test [--alerts] [--refresh | --print | --pcap OUT | --pcaps FOLDER | --seed OUT] "
              "FILE...\n",
              stderr);
        return 2;
    }
    return run_all(argv + first, mode, out, alerts) ? 0 : 1;
}
