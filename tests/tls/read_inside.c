/* Dialogues inside TLS, read with keys, against the same in clear: what is told must be the same, but for what TLS
   changes.

       read_inside [--dump FOLDER] DIALOGUE...
       read_inside --write WAY STEPS DIALOGUE

   Each way of TLS with each dialogue that can be wrapped; some of them also in other orders of capture, with other keys
   and with octets lost. --dump writes captures and key logs, to look at. --write: the dialogue as it would be with TLS
   behind so many of its steps, as a dialogue. */
#include "base/memory.h"
#include "diff.h"
#include "mutate.h"
#include "normal.h"
#include "replay.h"
#include "session/keylog.h"
#include "wrap.h"

#include <json-c/json.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct wrap_how ways[] = {
    {.name = "tls13-aes128", .version = TLS1_3_VERSION, .ciphers = "TLS_AES_128_GCM_SHA256"},
    {.name = "tls13-aes256", .version = TLS1_3_VERSION, .ciphers = "TLS_AES_256_GCM_SHA384", .resume = true},
    {.name = "tls13-chacha", .version = TLS1_3_VERSION, .ciphers = "TLS_CHACHA20_POLY1305_SHA256", .key_updates = true},
    {.name = "tls12-gcm", .version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {.name = "tls12-gcm-rsa", .version = TLS1_2_VERSION, .ciphers = "AES128-GCM-SHA256", .rsa = true},
    {.name = "tls12-chacha", .version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305", .resume = true},
    {.name = "tls12-cbc", .version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA256"},
    {.name = "tls12-cbc-sha384", .version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES256-SHA384"},
    {.name = "tls12-cbc-mac", .version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES256-SHA", .mac_then_encrypt = true},
    {.name = "tls11", .version = TLS1_1_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"},
    {.name = "tls10", .version = TLS1_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"},
    {.name = "tls10-mac",
     .version = TLS1_VERSION,
     .ciphers = "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0",
     .mac_then_encrypt = true},
    {.name = "tls12-session-id",
     .version = TLS1_2_VERSION,
     .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256",
     .resume = true,
     .no_tickets = true},
    {.name = "tls12-renegotiated",
     .version = TLS1_2_VERSION,
     .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256",
     .renegotiate = true,
     .client_cert = true},
    {.name = "tls10-renegotiated",
     .version = TLS1_VERSION,
     .ciphers = "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0",
     .renegotiate = true},
    {.name = "tls13-client-cert", .version = TLS1_3_VERSION, .ciphers = "TLS_AES_128_GCM_SHA256", .client_cert = true},
};

/* What cannot be compared with the same in clear: the client speaks first. */
static const struct wrap_how more_ways[] = {
    {.name = "tls13-early",
     .version = TLS1_3_VERSION,
     .ciphers = "TLS_AES_128_GCM_SHA256",
     .resume = true,
     .early = true},
    {.name = "tls13-early-refused",
     .version = TLS1_3_VERSION,
     .ciphers = "TLS_AES_128_GCM_SHA256",
     .resume = true,
     .early = true,
     .early_refused = true},
    {.name = "tls12-client-cert",
     .version = TLS1_2_VERSION,
     .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256",
     .client_cert = true},
};

enum { WAYS = sizeof ways / sizeof *ways };

struct tally {
    unsigned read, left_out, failed;
};

/* --- the same form for both --- */

static const char *const changed[] = {"bytes_c2s", "bytes_s2c",        "starttls", "encrypted",
                                      "decrypted", "cleartext_secret", NULL};

static struct json_object *plain(struct json_object *o)
{
    struct json_object *caps;
    for (size_t i = 0; changed[i]; i++)
        json_object_object_del(o, changed[i]);
    const char *key = json_object_object_get_ex(o, "caps", &caps) ? "caps" : "caps_inside";
    if (json_object_object_get_ex(o, key, &caps)) { /* last in either */
        json_object_get(caps);
        json_object_object_del(o, key);
        json_object_object_add(o, "caps", caps);
    }
    return o;
}

/* NDJSON without the tls records and what TLS changes; *decrypted: every record says that it was read with keys. */
static void leave_out_tls(struct bytes ndjson, struct buf *out, bool *decrypted)
{
    *decrypted = ndjson.len != 0;
    while (ndjson.len) {
        size_t len = bytes_index(ndjson, '\n');
        struct json_tokener *tokener = json_tokener_new();
        struct json_object *o = json_tokener_parse_ex(tokener, (const char *)ndjson.data, (int)len), *type;
        bool is_tls = json_object_object_get_ex(o, "type", &type) && !strcmp(json_object_get_string(type), "tls");
        *decrypted = *decrypted && json_object_object_get_ex(o, "decrypted", &type);
        if (!is_tls) {
            buf_add_string(out, json_object_to_json_string_ext(plain(o), JSON_C_TO_STRING_PLAIN));
            buf_add_string(out, "\n");
        }
        json_object_put(o);
        json_tokener_free(tokener);
        ndjson = bytes_part(ndjson, len + 1, SIZE_MAX);
    }
}

static void told(const struct replay_settings *settings, const struct trace *t, struct buf *out, struct buf *raw,
                 bool *decrypted)
{
    struct normal n = {.loose = true};
    struct buf less;
    struct error err;
    buf_init(&less, SIZE_MAX);
    buf_reset(raw);
    buf_reset(out);
    replay(settings, t, raw);
    leave_out_tls(buf_bytes(raw), &less, decrypted);
    if (!normal_form(&n, buf_bytes(&less), out, &err))
        abort();
    buf_release(&less);
}

/* --- */

struct trial {
    const char *path;
    const struct dialogue_file *clear;
    struct replay_settings settings;
    struct buf expected, got, raw, secrets;
};

static bool same(struct trial *x, const char *what, bool decrypted)
{
    if (decrypted && bytes_equal(buf_bytes(&x->expected), buf_bytes(&x->got)))
        return true;
    printf("not ok %s, %s%s\n", x->path, what, decrypted ? "" : ": not every record is marked as decrypted");
    diff_print(buf_bytes(&x->expected), buf_bytes(&x->got));
    return false;
}

/* No secret may stand in what is told. */
static bool is_silent(const struct trial *x)
{
    struct bytes rest = buf_bytes(&x->secrets);
    while (rest.len) {
        struct bytes line = bytes_part(rest, 0, bytes_index(rest, '\n'));
        rest = bytes_part(rest, line.len + 1, SIZE_MAX);
        bytes_word(&line);
        bytes_word(&line);
        if (bytes_find_nocase(buf_bytes(&x->raw), bytes_word(&line)) != SIZE_MAX) {
            printf("not ok %s: a secret stands in the records\n", x->path);
            return false;
        }
    }
    return true;
}

static struct keylog *keylog_of(struct bytes secrets)
{
    struct keylog *k = keylog_new(UINT64_MAX);
    keylog_take(k, secrets);
    return k;
}

static bool says(const struct buf *raw, const char *what)
{
    return bytes_find_nocase(buf_bytes(raw), bytes_of_string(what)) != SIZE_MAX;
}

/* Without the key, and with one that is wrong, it is told why, and nothing that stands inside. */
static bool try_other_keys(struct trial *x, const struct trace *t, const struct wrap_how *how)
{
    struct buf wrong;
    bool decrypted, ok = true;
    buf_init(&wrong, SIZE_MAX);
    buf_add(&wrong, buf_bytes(&x->secrets));
    for (size_t i = 1; i < wrong.len; i++)
        if (wrong.data[i] == '\n') /* the last digit of each secret */
            wrong.data[i - 1] = wrong.data[i - 1] == '0' ? '1' : '0';
    for (int i = 0; i < 2; i++) {
        x->settings.keylog = keylog_of(i ? buf_bytes(&wrong) : BYTES("# nothing\n"));
        told(&x->settings, t, &x->got, &x->raw, &decrypted);
        bool unknown = x->clear->any_port && !x->raw.len; /* nobody knows that it is mail */
        ok = ok && (unknown || says(&x->raw, i ? "\"keylog\":\"wrong_key\"" : "\"keylog\":\"no_key\"")) &&
             !says(&x->raw, "\"decrypted\"") && !says(&x->raw, "\"commands\"") && !says(&x->raw, "\"message\"");
        if (!ok)
            printf("not ok %s, %s with %s:\n%.*s\n", x->path, how->name, i ? "a wrong key" : "no key", (int)x->raw.len,
                   (const char *)x->raw.data);
        keylog_close(x->settings.keylog);
    }
    buf_release(&wrong);
    return ok;
}

/* The key log comes late, a piece at a time, as in a live capture. */
struct late {
    struct bytes rest;
    size_t from, to; /* packets before which it is written */
    int fd;
};

static void write_late(void *arg, size_t packet)
{
    struct late *late = arg;
    if (packet < late->from || !late->rest.len)
        return;
    struct bytes piece = bytes_part(late->rest, 0, packet >= late->to ? SIZE_MAX : 100);
    if (write(late->fd, piece.data, piece.len) != (ssize_t)piece.len)
        abort();
    late->rest = bytes_part(late->rest, piece.len, SIZE_MAX);
}

static bool try_late_keys(struct trial *x, const struct trace *t, const struct wrap_how *how)
{
    char path[] = "/tmp/mailtap-read-inside-XXXXXX";
    struct late late = {.rest = buf_bytes(&x->secrets), .fd = mkstemp(path)};
    struct error err;
    bool decrypted;
    late.to = t->count > 5 ? t->count - 5 : 0;
    late.from = late.to > 10 ? late.to - 10 : 0;
    x->settings.keylog = keylog_open(path, 1000, true, &err);
    if (late.fd < 0 || !x->settings.keylog)
        abort();
    x->settings.before = write_late;
    x->settings.arg = &late;
    told(&x->settings, t, &x->got, &x->raw, &decrypted);
    x->settings.before = NULL;
    keylog_close(x->settings.keylog);
    close(late.fd);
    unlink(path);
    return same(x, how->name, decrypted);
}

/* In other orders of capture, cut elsewhere. */
static bool try_orders(struct trial *x, const struct trace *t, const struct wrap_how *how)
{
    bool decrypted, ok = true;
    for (uint64_t seed = 1; ok && seed <= 5; seed++) {
        struct random random = random_seeded(seed);
        struct trace changed_trace;
        trace_copy(&changed_trace, t);
        mutate(&changed_trace, &random, true, 1000);
        trace_number(&changed_trace);
        told(&x->settings, &changed_trace, &x->got, &x->raw, &decrypted);
        ok = same(x, how->name, decrypted);
        trace_release(&changed_trace);
    }
    return ok;
}

/* With packets lost: it must not fail, and the records must admit it. */
static bool try_losses(struct trial *x, const struct trace *t, const struct wrap_how *how)
{
    bool decrypted, ok = true;
    for (uint64_t seed = 1; ok && seed <= 10; seed++) {
        struct random random = random_seeded(seed);
        struct trace less, gone = {0};
        trace_copy(&less, t);
        mutate_drop(&less, &random, &gone);
        trace_number(&less);
        told(&x->settings, &less, &x->got, &x->raw, &decrypted);
        ok = is_silent(x);
        trace_release(&less);
        trace_release(&gone);
    }
    if (!ok)
        printf("not ok %s, %s with losses\n", x->path, how->name);
    return ok;
}

static void dump(const struct trial *x, const struct trace *t, const char *folder, const char *way)
{
    char path[4096];
    struct error err;
    const char *name = strrchr(x->path, '/');
    name = name ? name + 1 : x->path;
    snprintf(path, sizeof path, "%s/%s-%s.pcap", folder, name, way);
    if (!trace_save(t, path, &err))
        printf("%s\n", err.text);
    snprintf(path, sizeof path, "%s/%s-%s.keys", folder, name, way);
    FILE *f = fopen(path, "w");
    if (f) {
        fwrite(x->secrets.data, 1, x->secrets.len, f);
        fclose(f);
    }
}

static bool try_way(struct trial *x, const struct wrap_how *how, const char *folder, bool thorough)
{
    struct dialogue_file inside;
    struct trace t;
    bool decrypted;
    buf_reset(&x->secrets);
    wrap(x->clear, 0, how, &inside, &x->secrets);
    dialogue_file_packets(&inside, &t);
    if (folder)
        dump(x, &t, folder, how->name);
    x->settings.keylog = keylog_of(buf_bytes(&x->secrets));
    told(&x->settings, &t, &x->got, &x->raw, &decrypted);
    bool ok = same(x, how->name, decrypted) && is_silent(x);
    if (ok && thorough)
        ok = try_orders(x, &t, how) && try_losses(x, &t, how);
    keylog_close(x->settings.keylog);
    if (ok && thorough)
        ok = try_other_keys(x, &t, how) && (x->clear->hold || try_late_keys(x, &t, how));
    x->settings.keylog = NULL;
    trace_release(&t);
    dialogue_file_release(&inside);
    return ok;
}

enum { HOLD_LEAST = 4096 }; /* that --hold takes; a hello alone is longer than less */

/* Does anything stand in it that TLS would change, or that makes it no dialogue of a mail protocol? */
static bool is_for_this(const struct dialogue_file *d, const struct buf *raw)
{
    static const char *const not [] = {"\"unrecognised\"",
                                       "\"starttls\":\"accepted\"",
                                       "\"starttls\":\"implicit\"",
                                       "tls_",
                                       "early_",
                                       "\"encap\"",
                                       "\"quality\"",
                                       "acks_",
                                       NULL};
    for (size_t i = 0; not [i]; i++)
        if (says(raw, not [i]))
            return false;
    if (d->hold && d->hold < HOLD_LEAST)
        return false;
    return wrap_fits(d) && !d->keys.count && !d->interim && says(raw, "\"session\"");
}

static void try_file(const char *path, const char *folder, struct tally *tally, unsigned which)
{
    struct dialogue_file d;
    struct trial x = {.path = path, .clear = &d};
    struct trace t;
    struct error err;
    size_t len;
    bool decrypted, ok = true;
    char *text = dialogue_file_load(path, &len, &err);
    if (!text || !dialogue_file_parse(&d, path, bytes_of(text, len), &err)) {
        printf("not ok %s\n", err.text);
        tally->failed++;
        free(text);
        return;
    }
    struct buf *bufs[] = {&x.expected, &x.got, &x.raw, &x.secrets};
    for (size_t i = 0; i < 4; i++)
        buf_init(bufs[i], SIZE_MAX);
    replay_settings(&x.settings, &d);
    dialogue_file_packets(&d, &t);
    told(&x.settings, &t, &x.expected, &x.raw, &decrypted);
    bool fits = is_for_this(&d, &x.raw);
    for (unsigned i = 0; fits && ok && i < WAYS; i++)
        if (folder || i % 4 == which % 4 || which % 16 == 0)
            ok = try_way(&x, &ways[i], folder, i == which % WAYS);
    tally->failed += !ok;
    tally->read += fits;
    tally->left_out += !fits;
    trace_release(&t);
    for (size_t i = 0; i < 4; i++)
        buf_release(bufs[i]);
    dialogue_file_release(&d);
    free(text);
}

static const struct wrap_how *way_of(const char *name)
{
    for (size_t i = 0; i < WAYS; i++)
        if (!strcmp(ways[i].name, name))
            return &ways[i];
    for (size_t i = 0; i < sizeof more_ways / sizeof *more_ways; i++)
        if (!strcmp(more_ways[i].name, name))
            return &more_ways[i];
    return NULL;
}

static bool is_text(const struct step *s)
{
    for (size_t i = 0; i < s->len; i++)
        if ((s->octets[i] < ' ' || s->octets[i] > '~' || s->octets[i] == '\\') && !strchr("\r\n", s->octets[i]))
            return false;
    return s->len && s->octets[s->len - 1] == '\n';
}

/* Lines of text as such; else the octets as escapes, at most as many in a line as a segment has. */
static void write_turn(const struct step *s)
{
    char who = s->server ? 'S' : 'C';
    bool text = is_text(s);
    for (size_t at = 0; at < s->len; at++) {
        if (text ? !at || s->octets[at - 1] == '\n' : at % 1400 == 0)
            printf("%s%c%c ", at ? "\n" : "", who, text ? ':' : '|');
        if (!text)
            printf("\\x%02x", s->octets[at]);
        else if (s->octets[at] >= ' ')
            putchar(s->octets[at]);
    }
    printf("\n");
}

static int write_dialogue(const char *way, const char *steps, const char *path)
{
    const struct wrap_how *how = way_of(way);
    struct dialogue_file d, inside;
    struct buf secrets;
    struct error err;
    size_t len;
    char *text = dialogue_file_load(path, &len, &err);
    if (!how || !text || !dialogue_file_parse(&d, path, bytes_of(text, len), &err)) {
        fprintf(stderr, "%s\n", how ? err.text : "there is no such way");
        return 1;
    }
    buf_init(&secrets, SIZE_MAX);
    wrap(&d, strtoul(steps, NULL, 10), how, &inside, &secrets);
    for (struct bytes rest = buf_bytes(&secrets); rest.len;) {
        size_t end = bytes_index(rest, '\n');
        printf("key: %.*s\n", (int)end, (const char *)rest.data);
        rest = bytes_part(rest, end + 1, SIZE_MAX);
    }
    for (size_t i = 0; i < inside.step_count; i++)
        if (inside.steps[i].kind == STEP_DATA)
            write_turn(&inside.steps[i]);
    printf("=\n");
    buf_release(&secrets);
    dialogue_file_release(&inside);
    dialogue_file_release(&d);
    free(text);
    return 0;
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    if (argc == 5 && !strcmp(argv[1], "--write"))
        return write_dialogue(argv[2], argv[3], argv[4]);
    const char *folder = NULL;
    int first = 1;
    if (argc > 2 && !strcmp(argv[1], "--dump")) {
        folder = argv[2];
        first = 3;
    }
    for (int i = first; i < argc; i++)
        try_file(argv[i], folder, &tally, (unsigned)(i - first));
    printf("%u dialogues read inside TLS, %u left out, %u failed\n", tally.read, tally.left_out, tally.failed);
    return tally.failed || (argc > 20 && tally.read * 3 < tally.left_out);
}
