/* No secret comes out, in any format, in any disguise (disguise.h): of the dialogues that name one, and of logins by
   every mechanism, sent and answered in every way (login_script.h). Nor does what tells secrets apart, the tag, neither
   before the recorder has taken it nor after.

   secrets FILE... */
#include "disguise.h"
#include "login_script.h"
#include "mail/secret_tag.h"
#include "output/format.h"
#include "replay.h"
#include "session/dissector.h"
#include <stdlib.h>

/* The last is no test of a mechanism's name: such a name is written as RFC 4422 has it. */
static const char *const passwords[] = {"zebraHORSEzebra", "tr0ub4dor-Xylophone", "pa\"ss\\wordQuagga",
                                        "BUFFALOBUFFALO"};

struct tally {
    size_t runs, records, leaks, counts;
    struct secret_tagger *tagger;
};

static size_t lines_in(struct bytes text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == '\n';
    return n;
}

static void find(struct bytes out, struct bytes what_else, const char *what, const char *name, const char *format,
                 struct tally *t)
{
    const char *form;

    if (out.len > 0 && disguise_found(out, what_else, &form)) {
        printf("not ok %s: format %s holds %s %s\n", what, format, name, form);
        t->leaks++;
    }
}

/* Every format's output for one trace, searched. */
static void search(const struct dialogue_file *d, struct bytes secret, const char *what, struct tally *t)
{
    struct replay_settings settings;
    struct trace trace;
    uint8_t tag[RECORD_TAG_SIZE];

    if (!secret_tag_make(t->tagger, secret, tag))
        abort();
    replay_settings(&settings, d);
    dialogue_file_packets(d, &trace);
    for (size_t i = 0; formats[i]; i++) {
        struct buf out;

        buf_init(&out, SIZE_MAX);
        settings.counted = t->runs % 2;
        replay_format(&settings, &trace, formats[i], &out);
        if (!strcmp(formats[i]->name, "json"))
            t->records += lines_in(buf_bytes(&out));
        t->counts += bytes_find_nocase(buf_bytes(&out), BYTES("\"secret_tries\":")) != SIZE_MAX;
        find(buf_bytes(&out), secret, what, "the secret", formats[i]->name, t);
        find(buf_bytes(&out), bytes_of(tag, sizeof tag), what, "its tag", formats[i]->name, t);
        buf_release(&out);
    }
    trace_release(&trace);
    t->runs++;
}

static bool search_file(const char *path, struct tally *t)
{
    struct dialogue_file d;
    struct error err;
    size_t len;
    char *text = dialogue_file_load(path, &len, &err);
    bool ok = text && dialogue_file_parse(&d, path, bytes_of(text, len), &err);

    if (!ok)
        printf("not ok %s\n", err.text);
    for (size_t i = 0; ok && i < d.secrets.count; i++)
        if (strlen(d.secrets.list[i]) >= 12)
            search(&d, bytes_of_string(d.secrets.list[i]), path, t);
    if (text)
        dialogue_file_release(&d);
    free(text);
    return ok;
}

static bool search_login(enum protocol p, enum mechanism m, enum way w, enum echo_kind e, const char *password,
                         struct tally *t)
{
    struct dialogue_file d;
    struct error err;
    struct buf text;
    char what[160];
    bool ok;

    snprintf(what, sizeof(what), "%s %s %s %s", protocol_names[p], m == NONE ? "none" : mechanism_names[m],
             way_names[w], echo_names[e]);
    buf_init(&text, SIZE_MAX);
    login_script(&text, p, m, w, e, password);
    snprintf(what + strlen(what), sizeof(what) - strlen(what), " %s", password);
    ok = dialogue_file_parse(&d, protocol_names[p], buf_bytes(&text), &err);
    if (ok)
        search(&d, bytes_of_string(password), what, t);
    else
        printf("not ok %s: %s\n", what, err.text);
    dialogue_file_release(&d);
    buf_release(&text);
    return ok;
}

static bool is_read(const char *protocol)
{
    for (size_t i = 0; dissectors[i]; i++)
        for (size_t n = 0; dissectors[i]->names[n]; n++)
            if (!strcmp(dissectors[i]->names[n], protocol))
                return true;
    return false;
}

static bool search_logins(struct tally *t)
{
    bool ok = true;

    for (unsigned p = 0; p < PROTOCOLS; p++) {
        if (!is_read(protocol_names[p])) {
            printf("# %s is not read\n", protocol_names[p]);
            continue;
        }
        for (unsigned m = 0; m < MECHANISMS; m++)
            for (unsigned w = 0; w < WAYS; w++)
                for (unsigned e = 0; e < ECHOES; e++)
                    ok = search_login((enum protocol)p, (enum mechanism)m, (enum way)w, (enum echo_kind)e,
                                      passwords[(m + w + e) % (m == NONE ? 3 : 4)], t) &&
                         ok;
    }
    return ok;
}

/* A search that finds nothing anywhere would be no test. */
static bool search_works(void)
{
    static const char *const texts[] = {
        "x zebraHORSEzebra x",
        "x zebraho x",
        "orseZEBRA",
        "x emVicmFIT1JTRXplYnJh x", /* printf %s zebraHORSEzebra | base64 */
        "AHplYnJhSE9SU0V6ZWJyYQ==",
        "AHVzZXIAemVicmFIT1JTRXplYnJh",
        "7a65627261484f525345",
        "x 4f5253457A65627261 x",
    };
    const char *form;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (!disguise_found(bytes_of_string(texts[i]), bytes_of_string(passwords[0]), &form)) {
            printf("not ok: nothing found in \"%s\"\n", texts[i]);
            return false;
        }
    }
    return !disguise_found(BYTES("zebr aHORSE"), bytes_of_string(passwords[0]), &form);
}

int main(int argc, char **argv)
{
    struct tally t = {.tagger = secret_tagger_new(&replay_secret_key)};
    bool ok = search_works();

    for (int i = 1; i < argc; i++)
        ok = search_file(argv[i], &t) && ok;
    ok = search_logins(&t) && ok;
    secret_tagger_free(t.tagger);
    printf("%zu runs, %zu records, %zu with counts, %zu leaks\n", t.runs, t.records, t.counts, t.leaks);
    return ok && t.leaks == 0 && t.records >= t.runs && t.counts * 10 >= t.runs ? 0 : 1;
}
