/* Runs dialogue files: packets through the engine, records against those the file expects.

   dialogue_test FILE...             compares, exit code 1 where one differs
   dialogue_test --refresh FILE...   rewrites what the files expect
   dialogue_test --pcap OUT FILE     writes the packets, to look at in Wireshark
   dialogue_test --print FILE        lists the packets and prints the records as they are */
#include "dialogue.h"
#include "normal.h"
#include "replay.h"
#include <stdlib.h>

struct lines { /* views of the lines of a text */
    struct bytes *list;
    size_t count;
};

static struct lines split(struct bytes text)
{
    struct lines l = {0};
    size_t cap = 0;

    for (size_t at = 0; at < text.len;) {
        struct bytes rest = bytes_part(text, at, SIZE_MAX);

        if (l.count == cap) {
            cap = cap > 0 ? cap * 2 : 64;
            l.list = realloc(l.list, cap * sizeof(*l.list));
            if (!l.list)
                abort();
        }
        l.list[l.count] = bytes_part(rest, 0, bytes_index(rest, '\n'));
        at += l.list[l.count++].len + 1;
    }
    return l;
}

static void print_lines(const char *sign, const struct lines *l, size_t from, size_t to)
{
    for (; from < to; from++)
        printf("%s %.*s\n", sign, (int)l->list[from].len, (const char *)l->list[from].data);
}

#define DIFF_MOST 2000 /* lines on a side, beyond which the middle is not aligned */

/* Prints what differs, `-` expected and `+` got, by the longest common subsequence of lines. */
static void print_diff(struct bytes expected, struct bytes got)
{
    struct lines a = split(expected), b = split(got);
    size_t width = b.count + 1, i = 0, j = 0;
    unsigned *common = NULL;

    if (a.count < DIFF_MOST && b.count < DIFF_MOST)
        common = calloc((a.count + 1) * width, sizeof(*common));
    if (!common) {
        print_lines("-", &a, 0, a.count);
        print_lines("+", &b, 0, b.count);
    }
    for (size_t x = common ? a.count : 0; x-- > 0;)
        for (size_t y = b.count; y-- > 0;) {
            unsigned skip_a = common[(x + 1) * width + y], skip_b = common[x * width + y + 1];

            common[x * width + y] = bytes_equal(a.list[x], b.list[y]) ? common[(x + 1) * width + y + 1] + 1
                                    : skip_a > skip_b                 ? skip_a
                                                                      : skip_b;
        }
    while (common && (i < a.count || j < b.count)) {
        if (i < a.count && j < b.count && bytes_equal(a.list[i], b.list[j])) {
            print_lines(" ", &a, i, i + 1);
            i++;
            j++;
        } else if (j == b.count || (i < a.count && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
            print_lines("-", &a, i, i + 1);
            i++;
        } else {
            print_lines("+", &b, j, j + 1);
            j++;
        }
    }
    free(common);
    free(a.list);
    free(b.list);
}

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
    ok = ok && fwrite(records.data, 1, records.len, f) == records.len;
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
        print_diff(bytes_of_string(d->expected), got);
        return false;
    }
    printf("ok %s\n", path);
    return true;
}

static bool judge(const struct dialogue_file *d, const char *path, struct bytes text, bool refresh)
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
    dialogue_packets(d, &trace);
    replay(&settings, &trace, &ndjson);
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
        ok = compare(d, path, buf_bytes(&form));
    }
    buf_release(&ndjson);
    buf_release(&form);
    trace_release(&trace);
    return ok;
}

static bool show(const struct dialogue_file *d, const char *pcap)
{
    struct replay_settings settings;
    struct trace trace;
    struct buf ndjson;
    struct error err;
    bool ok = true;

    dialogue_packets(d, &trace);
    if (pcap) {
        ok = trace_save(&trace, pcap, &err);
        if (!ok)
            printf("%s\n", err.text);
    } else {
        buf_init(&ndjson, SIZE_MAX);
        replay_settings(&settings, d);
        trace_print(&trace, stdout);
        replay(&settings, &trace, &ndjson);
        fwrite(ndjson.data, 1, ndjson.len, stdout);
        buf_release(&ndjson);
    }
    trace_release(&trace);
    return ok;
}

static bool run(const char *path, const char *mode, const char *pcap)
{
    struct dialogue_file d;
    struct error err;
    size_t len;
    char *text = dialogue_load(path, &len, &err);
    bool ok;

    if (!text) {
        printf("not ok %s\n", err.text);
        return false;
    }
    if (!dialogue_parse(&d, path, bytes_of(text, len), &err)) {
        printf("not ok %s\n", err.text);
        ok = false;
    } else if (pcap || strcmp(mode, "--print") == 0) {
        ok = show(&d, pcap);
    } else {
        ok = judge(&d, path, bytes_of(text, len), strcmp(mode, "--refresh") == 0);
    }
    dialogue_release(&d);
    free(text);
    return ok;
}

int main(int argc, char **argv)
{
    const char *mode = "", *pcap = NULL;
    int first = 1;
    bool ok = true;

    if (argc > 1 && strncmp(argv[1], "--", 2) == 0) {
        mode = argv[1];
        first = 2;
        if (strcmp(mode, "--pcap") == 0 && argc > 3)
            pcap = argv[first++];
        else if (strcmp(mode, "--refresh") != 0 && strcmp(mode, "--print") != 0)
            first = argc;
    }
    if (first >= argc) {
        fputs("usage: dialogue_test [--refresh | --print | --pcap OUT] FILE...\n", stderr);
        return 2;
    }
    for (; first < argc; first++)
        ok = run(argv[first], mode, pcap) && ok;
    return ok ? 0 : 1;
}
