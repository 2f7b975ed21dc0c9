/* How fast transfer encodings are undone and octets hashed: `decode [MIB]` prints a line for each, with GB of encoded
   input (of octets, for the hashes) in a second of user time, the best of five. */
#include "mail/digest.h"
#include "mail/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { PIECE = 1460, TRIES = 5 }; /* one segment at a time, as they come */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void tell(const char *what, const char *how, size_t len, double seconds)
{
    printf("%-18s %-16s %6.2f GB/s\n", what, how, (double)len / seconds * 1e-9);
}

static double decode(enum transfer t, base64_run *run, struct bytes text, size_t piece, uint8_t *out)
{
    double best = 1e9;
    for (int i = 0; i < TRIES; i++) {
        struct transfer_decoder d;
        double begin = now();
        transfer_init(&d, t);
        if (run)
            d.run = run;
        for (size_t at = 0; at < text.len; at += piece)
            transfer_decode(&d, bytes_part(text, at, piece), out);
        transfer_finish(&d, out);
        double took = now() - begin;
        best = took < best ? took : best;
    }
    return best;
}

/* Lines of `line` octets out of `alphabet`, at random but always the same. */
static void fill(uint8_t *text, size_t len, const char *alphabet, size_t line, const char *end)
{
    size_t count = strlen(alphabet), column = 0;
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        if (column >= line)
            text[i] = (uint8_t)end[column - line];
        else
            text[i] = (uint8_t)alphabet[x % count];
        column = column + 1 == line + strlen(end) ? 0 : column + 1;
    }
}

static void base64(uint8_t *text, size_t len, uint8_t *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const struct {
        const char *name, *end;
        size_t line;
    } shapes[] = {{"76 CR LF", "\r\n", 76},
                  {"76 LF", "\n", 76},
                  {"64 CR LF", "\r\n", 64},
                  {"75 CR LF", "\r\n", 75},
                  {"no lines", "", SIZE_MAX}};
    struct base64_path paths[BASE64_PATHS_MOST];
    size_t path_count = base64_paths(paths);
    for (size_t i = 0; i < COUNT(shapes); i++) {
        fill(text, len, alphabet, shapes[i].line, shapes[i].end);
        for (size_t k = 0; k < path_count; k++) {
            char what[32];
            snprintf(what, sizeof(what), "base64 %s", paths[k].name);
            tell(what, shapes[i].name, len, decode(TRANSFER_BASE64, paths[k].run, bytes_of(text, len), PIECE, out));
        }
    }
    fill(text, len, "*-!", 76, "\r\n");
    tell("base64", "nothing of it", len, decode(TRANSFER_BASE64, NULL, bytes_of(text, len), PIECE, out));
}

static void others(uint8_t *text, size_t len, uint8_t *out)
{
    static const struct {
        enum transfer transfer;
        const char *name, *how, *alphabet, *head;
        size_t line;
    } shapes[] = {
        {TRANSFER_QUOTED_PRINTABLE, "quoted-printable", "text", "abcdefghij klmnop", "", 74},
        {TRANSFER_QUOTED_PRINTABLE, "quoted-printable", "tenth is =", "abcdefghi=", "", 74},
        {TRANSFER_QUOTED_PRINTABLE, "quoted-printable", "all blanks", " ", "", 74},
        {TRANSFER_UUENCODE, "uuencode", "", "M", "begin 644 x\n", 61},
        {TRANSFER_YENC, "yEnc", "", "abcdefghijklmnopqrstuv", "=ybegin size=1 name=x\n", 128},
        {TRANSFER_IDENTITY, "identity", "", "a", "", 76},
    };
    for (size_t i = 0; i < COUNT(shapes); i++) {
        size_t head = strlen(shapes[i].head);
        memcpy(text, shapes[i].head, head);
        fill(text + head, len - head, shapes[i].alphabet, shapes[i].line, "\r\n");
        tell(shapes[i].name, shapes[i].how, len, decode(shapes[i].transfer, NULL, bytes_of(text, len), PIECE, out));
    }
    /* =D0=9F: other scripts */
    for (size_t at = 0; at + 3 <= len; at += 3)
        memcpy(text + at, at % 75 == 72 ? "=\r\n" : "=D0", 3);
    tell("quoted-printable", "all is =XX", len,
         decode(TRANSFER_QUOTED_PRINTABLE, NULL, bytes_of(text, len), PIECE, out));
    memset(text, ' ', len);
    tell("quoted-printable", "one blank line", len,
         decode(TRANSFER_QUOTED_PRINTABLE, NULL, bytes_of(text, len), len, out));
    memset(text, '=', len);
    tell("quoted-printable", "one line of =", len,
         decode(TRANSFER_QUOTED_PRINTABLE, NULL, bytes_of(text, len), len, out));
}

static void hashes(const uint8_t *text, size_t len)
{
    static const char *const names[] = {[DIGEST_SHA256] = "SHA-256", [DIGEST_MD5] = "MD5"};
    struct digests *pool = digests_new();
    for (enum digest_kind kind = DIGEST_SHA256; kind <= DIGEST_MD5; kind++) {
        double best = 1e9;
        for (int i = 0; i < TRIES; i++) {
            struct digest *d = digest_begin(pool, kind);
            char hex[DIGEST_HEX];
            double begin = now();
            if (!d)
                break;
            for (size_t at = 0; at < len; at += PIECE)
                digest_push(d, bytes_part(bytes_of(text, len), at, PIECE));
            digest_end(d, hex);
            double took = now() - begin;
            best = took < best ? took : best;
        }
        tell(names[kind], "", len, best);
    }
    digests_free(pool);
}

int main(int argc, char **argv)
{
    size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 64;
    size_t len = (mib && mib < 4096 ? mib : 64) << 20;
    uint8_t *text = malloc(len), *out = malloc(len + TRANSFER_ROOM);
    if (!text || !out)
        return 2;
    base64(text, len, out);
    others(text, len, out);
    hashes(text, len);
    free(text);
    free(out);
    return 0;
}
