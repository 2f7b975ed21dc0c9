/* Hostile messages (see message_generate.h). */
#include "message_generate.h"

#include "bench/random.h"

#include <stdio.h>

#define DEPTH_MOST 6

struct generator {
    struct random random;
    struct buf *out;
    const char *eol;
    unsigned boundaries;           /* made so far */
    char open[DEPTH_MOST + 2][80]; /* those around */
    unsigned depth;
    bool digest; /* the innermost multipart is one */
    double odd;  /* how often something is broken */
};

static bool odd(struct generator *g)
{
    return random_chance(&g->random, g->odd);
}

static const char *pick(struct generator *g, const char *const *list, size_t count)
{
    return list[random_below(&g->random, count)];
}

#define PICK(g, list) pick(g, list, sizeof(list) / sizeof *(list))

static void line(struct generator *g, const char *text)
{
    buf_add_string(g->out, text);
    buf_add_string(g->out, odd(g) && odd(g) ? "\n" : g->eol);
}

/* --- bodies --- */

static void text_lines(struct generator *g)
{
    static const char *const lines[] = {"Hello,",
                                        "",
                                        "--",
                                        "-- ",
                                        "a line that is a little longer than the others, with dots at its end ...",
                                        "-----BEGIN SOMETHING-----",
                                        "--b",
                                        "Name: value",
                                        "=?utf-8?q?=C3=A9?= = =3D =\t",
                                        "\xc3\xa9t\xc3\xa9",
                                        "\xe9 8-bit",
                                        "From here on",
                                        "."};
    for (uint64_t n = random_below(&g->random, 6); n > 0; n--)
        line(g, PICK(g, lines));
    if (g->depth && odd(g)) { /* nearly the boundary of one around */
        const char *near = g->open[random_below(&g->random, g->depth)];
        static const char *const forms[] = {"-%s", " --%s", "--%sx", "--%s-", "--%s --", "%s", "x--%s", "--%s x"};
        char text[120];
        const char *form = PICK(g, forms);
        size_t at = 0;
        for (const char *c = form; *c; c++) {
            if (c[0] == '%' && c[1] == 's') {
                for (const char *b = near; *b && at < sizeof text - 1; b++)
                    text[at++] = *b;
                c++;
            } else if (at < sizeof text - 1) {
                text[at++] = *c;
            }
        }
        text[at] = 0;
        line(g, text);
    }
}

static void base64_lines(struct generator *g)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint64_t quads = random_below(&g->random, 60);
    uint64_t columns = odd(g) ? 1 + random_below(&g->random, 30) : 19;
    for (uint64_t i = 0; i < quads; i++) {
        for (int k = 0; k < 4; k++)
            buf_add_byte(g->out, (uint8_t)digits[random_below(&g->random, 64)]);
        if (i % columns == columns - 1)
            buf_add_string(g->out, g->eol);
        if (odd(g) && odd(g))
            buf_add_string(g->out, " ");
    }
    static const char *const ends[] = {"", "QQ==", "QUI=", "QUJD"};
    line(g, PICK(g, ends));
}

static void quoted_lines(struct generator *g)
{
    static const char *const lines[] = {"caf=C3=A9", "soft =", "a=20b =3D c", "tab=09", "", "trailing=20"};
    static const char *const broken[] = {"caf=c3=a9", "a=ZZ", "end=", "blank \t", "= ", "=\t=20"};
    for (uint64_t n = random_below(&g->random, 8); n > 0; n--)
        line(g, odd(g) ? PICK(g, broken) : PICK(g, lines));
}

static void body(struct generator *g, const char *encoding)
{
    if (!strcmp(encoding, "base64"))
        base64_lines(g);
    else if (!strcmp(encoding, "quoted-printable"))
        quoted_lines(g);
    else
        text_lines(g);
}

/* --- headers --- */

static void other_fields(struct generator *g)
{
    static const char *const fields[] = {"Subject: x",
                                         "X-Empty:",
                                         "X-Folded: a\r\n b",
                                         "Content-ID: <1@x>",
                                         "MIME-Version: 1.0",
                                         "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaa",
                                         "Content-Description: a part"};
    for (uint64_t n = random_below(&g->random, 3); n > 0; n--)
        line(g, PICK(g, fields));
}

static void end_header(struct generator *g)
{
    if (!odd(g) || !odd(g) || !odd(g))
        buf_add_string(g->out, g->eol);
}

static void entity(struct generator *g);

static void leaf(struct generator *g)
{
    static const char *const types[] = {"text/plain",
                                        "text/html; charset=utf-8",
                                        "application/octet-stream",
                                        "image/png; name=\"a.png\"",
                                        "Text/PLAIN; charset=\"iso-8859-1\"",
                                        "application/pdf;\r\n name=x.pdf",
                                        "message/delivery-status",
                                        "application/x-very-odd; a=b; c=d"};
    static const char *const broken[] = {"text", "/", "", "text/plain;", "text/plain; charset", ";;"};
    static const char *const encodings[] = {"base64", "quoted-printable", "7bit", "8bit", "binary"};
    static const char *const unknown[] = {"x-unknown", "BASE64", " base64 ", "8 bit", ""};
    const char *encoding = "7bit";
    if (random_chance(&g->random, 0.8)) {
        buf_add_string(g->out, "Content-Type: ");
        line(g, odd(g) ? PICK(g, broken) : PICK(g, types));
    }
    if (random_chance(&g->random, 0.7)) {
        encoding = PICK(g, encodings);
        buf_add_string(g->out, "Content-Transfer-Encoding: ");
        line(g, odd(g) && odd(g) ? PICK(g, unknown) : encoding);
    }
    other_fields(g);
    end_header(g);
    if (g->digest && random_chance(&g->random, 0.9)) /* likely a message by default */
        buf_printf(g->out, "Subject: y%s%s", g->eol, g->eol);
    body(g, encoding);
}

static void new_boundary(struct generator *g, char *boundary)
{
    static const char *const forms[] = {"b%u", "=_%u", "----=_Part_%u", "b-%u", "b%u--", "a b%u"};
    unsigned n = ++g->boundaries;
    if (g->depth > 1 && odd(g)) { /* one around, with more behind it, or without its end */
        char around[61];
        snprintf(around, sizeof around, "%.60s", g->open[g->depth - 2]);
        snprintf(boundary, 80, "%s%u", around, n);
        if (odd(g))
            boundary[strlen(boundary) / 2 + 1] = 0;
        return;
    }
    const char *form = PICK(g, forms);
    size_t at = 0;
    for (const char *c = form; *c && at < 60; c++) {
        if (c[0] == '%') {
            at += (size_t)snprintf(boundary + at, 80 - at, "%u", n);
            c++;
        } else {
            boundary[at++] = *c;
        }
    }
    boundary[at] = 0;
}

static void multipart(struct generator *g)
{
    static const char *const kinds[] = {"mixed", "alternative", "related", "digest", "signed", "report", "x-own"};
    char *boundary = g->open[g->depth++];
    new_boundary(g, boundary);
    const char *kind = PICK(g, kinds);
    buf_printf(g->out, "Content-Type: multipart/%s; ", kind);
    if (odd(g) && odd(g))
        line(g, "x=y");
    else
        buf_printf(g->out, "boundary=\"%s\"%s", boundary, g->eol);
    other_fields(g);
    end_header(g);
    if (random_chance(&g->random, 0.3))
        text_lines(g);
    bool outer = g->digest;
    uint64_t parts = random_below(&g->random, 4) + (odd(g) ? 0 : 1);
    for (uint64_t i = 0; i < parts; i++) {
        buf_printf(g->out, "--%s%s%s", boundary, odd(g) ? " \t" : "", g->eol);
        g->digest = !strcmp(kind, "digest");
        entity(g);
        if (!odd(g))
            buf_add_string(g->out, g->eol);
    }
    if (!odd(g))
        buf_printf(g->out, "--%s--%s%s", boundary, odd(g) ? " " : "", g->eol);
    if (random_chance(&g->random, 0.3))
        text_lines(g);
    g->depth--;
    g->digest = outer;
}

static void message(struct generator *g)
{
    static const char *const types[] = {"message/rfc822", "Message/RFC822", "message/global"};
    buf_printf(g->out, "Content-Type: %s%s", PICK(g, types), g->eol);
    other_fields(g);
    buf_add_string(g->out, g->eol);
    buf_printf(g->out, "Subject: inner%s", g->eol);
    g->depth++;
    g->open[g->depth - 1][0] = 0;
    entity(g);
    g->depth--;
}

static void entity(struct generator *g)
{
    double room = g->depth < DEPTH_MOST ? 0.5 : 0;
    if (!random_chance(&g->random, room))
        leaf(g);
    else if (random_chance(&g->random, 0.8))
        multipart(g);
    else
        message(g);
}

void message_generate(uint64_t seed, uint64_t number, struct buf *out)
{
    static const double shares[] = {0, 0.05, 0.3};
    struct generator g = {.random = random_seed(seed, number), .out = out};
    g.odd = shares[number % 3];
    g.eol = number / 3 % 2 ? "\n" : "\r\n";
    line(&g, "From: a@b.example");
    other_fields(&g);
    entity(&g);
}
