/* How fast a dialogue inside TLS is read with its keys: `unlock [MIB]` prints a line for each way of TLS, with GB of
   TCP payload in a second of user time on one core, the best of three; all that is done with segments and with the
   message is in it, but for looking into its content. */
#include "base/memory.h"
#include "replay.h"
#include "session/keylog.h"
#include "wrap.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TRIES = 3, LINE = 78, STEP = 10000 };

static const struct wrap_how ways[] = {
    {.name = "TLS 1.3 AES-128-GCM", .version = TLS1_3_VERSION, .ciphers = "TLS_AES_128_GCM_SHA256"},
    {.name = "TLS 1.3 AES-256-GCM", .version = TLS1_3_VERSION, .ciphers = "TLS_AES_256_GCM_SHA384"},
    {.name = "TLS 1.3 ChaCha20", .version = TLS1_3_VERSION, .ciphers = "TLS_CHACHA20_POLY1305_SHA256"},
    {.name = "TLS 1.2 AES-256-GCM", .version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {.name = "TLS 1.2 AES-128-CBC", .version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA256"},
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One large message. */
static void write_dialogue(struct buf *text, size_t octets)
{
    buf_add_string(text, "no-content\nS: 220 mx ESMTP\nC: EHLO a\nS: 250 mx\nC: MAIL FROM:<a@b>\nS: 250 ok\n"
                         "C: RCPT TO:<c@d>\nS: 250 ok\nC: DATA\nS: 354 go\n");
    for (size_t at = 0; at < octets; at += (size_t)STEP * LINE)
        buf_printf(text, "C*%d: %076d\n--\n", STEP, 1);
    buf_add_string(text, "C: .\nS: 250 ok\nC: QUIT\nS: 221 bye\n=\n");
}

static void measure(const char *name, const struct dialogue_file *d, struct keylog *keylog)
{
    struct replay_settings settings;
    struct trace t;
    struct buf out;
    double best = 1e9;
    size_t octets = 0;
    dialogue_file_packets(d, &t);
    replay_settings(&settings, d);
    settings.restless = true;
    settings.keylog = keylog;
    buf_init(&out, SIZE_MAX);
    for (size_t i = 0; i < t.count; i++)
        octets += t.segments[i].packet.payload.len;
    for (int i = 0; i < TRIES; i++) {
        double begin = now();
        buf_reset(&out);
        replay(&settings, &t, &out);
        double took = now() - begin;
        best = took < best ? took : best;
    }
    bool read = bytes_find_nocase(buf_bytes(&out), BYTES("\"type\":\"message\"")) != SIZE_MAX;
    printf("%-20s %6.2f GB/s%s\n", name, (double)octets / best * 1e-9, read ? "" : " (not read)");
    buf_release(&out);
    trace_release(&t);
}

int main(int argc, char **argv)
{
    size_t octets = (size_t)(argc > 1 ? atoi(argv[1]) : 64) << 20;
    struct dialogue_file d, inside;
    struct buf text, secrets;
    struct error err;
    buf_init(&text, SIZE_MAX);
    buf_init(&secrets, SIZE_MAX);
    write_dialogue(&text, octets);
    if (!dialogue_file_parse(&d, "smtp-unlock.txt", buf_bytes(&text), &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    measure("in clear", &d, NULL);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct keylog *k = keylog_new(8);
        buf_reset(&secrets);
        wrap(&d, 0, &ways[i], &inside, &secrets);
        keylog_take(k, buf_bytes(&secrets));
        measure(ways[i].name, &inside, k);
        keylog_close(k);
        dialogue_file_release(&inside);
    }
    dialogue_file_release(&d);
    buf_release(&secrets);
    buf_release(&text);
    return 0;
}
