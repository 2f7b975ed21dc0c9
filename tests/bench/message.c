/* Messages: RFC 5322 header fields, RFC 2045 and 2046 bodies. */
#include "message.h"
#include "base/memory.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define POOL_LINES  65536u
#define LINE_BINARY 57u
#define LINE_TEXT   78u
#define HEAD_MAX    (64u << 20)

static const char *const WORDS[] = {"the",     "report", "for",      "march",   "please",  "find",     "attached",
                                    "invoice", "we",     "meeting",  "on",      "tuesday", "customer", "delivery",
                                    "about",   "your",   "question", "from",    "server",  "is",       "ready",
                                    "thanks",  "order",  "number",   "project", "plan",    "and",      "budget",
                                    "answer",  "before", "friday",   "regards"};
#define WORD_COUNT (sizeof(WORDS) / sizeof(*WORDS))

void pool_init(struct pool *p, uint64_t seed, bool hash)
{
    struct random r = random_seed(seed, UINT64_MAX);

    p->lines = POOL_LINES;
    p->hash = hash;
    p->binary = memory_get(POOL_LINES * LINE_BINARY);
    p->base64 = memory_get(POOL_LINES * LINE_TEXT + 1);
    for (size_t i = 0; i + 8 <= POOL_LINES * LINE_BINARY; i += 8) {
        uint64_t v = random_next(&r);

        memcpy(p->binary + i, &v, 8);
    }
    for (size_t i = 0; i < POOL_LINES; i++) {
        uint8_t *line = p->base64 + i * LINE_TEXT;

        EVP_EncodeBlock(line, p->binary + i * LINE_BINARY, LINE_BINARY);
        memcpy(line + LINE_TEXT - 2, "\r\n", 2);
    }
}

void pool_release(struct pool *p)
{
    free(p->binary);
    free(p->base64);
}

void draft_init(struct draft *d)
{
    *d = (struct draft){0};
    buf_init(&d->head, HEAD_MAX);
    buf_init(&d->tail, HEAD_MAX);
}

void draft_release(struct draft *d)
{
    buf_release(&d->head);
    buf_release(&d->tail);
}

static void hex(const uint8_t *digest, char text[static 65])
{
    for (size_t i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

static void hash_parts(const struct bytes *parts, size_t count, char text[static 65])
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    uint8_t digest[EVP_MAX_MD_SIZE];

    if (c == NULL || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1)
        abort();
    for (size_t i = 0; i < count; i++)
        EVP_DigestUpdate(c, parts[i].data, parts[i].len);
    EVP_DigestFinal_ex(c, digest, NULL);
    EVP_MD_CTX_free(c);
    hex(digest, text);
}

static void words(struct buf *b, struct random *r, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(b, "%s%s", i > 0 ? " " : "", WORDS[random_below(r, WORD_COUNT)]);
}

/* One in eight as an encoded word, RFC 2047. */
static void subject(struct draft *d, struct random *r)
{
    struct buf text;
    size_t from;
    uint64_t number = random_below(r, 1000000);

    buf_add_string(&d->head, "Subject: ");
    if (random_below(r, 8) == 0) {
        buf_printf(&d->head, "=?utf-8?Q?Gr=C3=BC=C3=9Fe_%u?=\r\n", (unsigned)number);
        snprintf(d->fact.subject, sizeof(d->fact.subject), "Gr\303\274\303\237e %u", (unsigned)number);
        return;
    }
    buf_init(&text, sizeof(d->fact.subject) - 1);
    words(&text, r, random_between(r, 2, 7));
    buf_printf(&text, " %u", (unsigned)number);
    from = text.len;
    memcpy(d->fact.subject, text.data, from);
    d->fact.subject[from] = '\0';
    buf_printf(&d->head, "%s\r\n", d->fact.subject);
    buf_release(&text);
}

static void header(struct draft *d, struct random *r, const char *from, const char *to, bool multipart)
{
    static const char *const DAYS[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    unsigned day = (unsigned)random_below(r, 28), hour = (unsigned)random_below(r, 24);
    uint64_t number = random_next(r);

    for (unsigned i = 0; i < 2; i++)
        buf_printf(&d->head,
                   "Received: from host%u.example.net (host%u.example.net [203.0.113.%u])\r\n"
                   "\tby relay%u.example.org with ESMTP id %08x\r\n\tfor <%s>; %s, %u Jan 2026 %02u:10:%02u +0000\r\n",
                   (unsigned)(number >> 8 & 63), (unsigned)(number >> 8 & 63), (unsigned)(number & 127) + 1, i,
                   (unsigned)(number >> 32), to, DAYS[day % 7], day + 1, hour, 40 - i);
    snprintf(d->fact.message_id, sizeof(d->fact.message_id), "<%016llx.%u@mail.example.net>",
             (unsigned long long)number, day);
    buf_printf(&d->head,
               "Message-ID: %s\r\nDate: %s, %u Jan 2026 %02u:09:51 +0000\r\nFrom: Sender <%s>\r\nTo: <%s>\r\n",
               d->fact.message_id, DAYS[day % 7], day + 1, hour, from, to);
    subject(d, r);
    buf_add_string(&d->head, "MIME-Version: 1.0\r\nUser-Agent: Mailer 3.1\r\n");
    if (multipart)
        buf_printf(&d->head, "Content-Type: multipart/mixed; boundary=\"=_%016llx\"\r\n", (unsigned long long)number);
    else
        buf_add_string(&d->head, "Content-Type: text/plain; charset=utf-8\r\n");
    buf_add_string(&d->head, "\r\n");
    d->header = d->head.len;
    if (multipart)
        buf_printf(&d->head, "This is a message in several parts.\r\n--=_%016llx\r\nContent-Type: text/plain\r\n\r\n",
                   (unsigned long long)number);
    if (multipart)
        buf_printf(&d->tail, "--=_%016llx--\r\n", (unsigned long long)number);
}

static void text_lines(struct buf *b, struct random *r, size_t octets)
{
    size_t end = b->len + octets;

    while (b->len < end) {
        uint64_t kind = random_below(r, 32);

        if (kind == 0)
            buf_add_string(b, random_below(r, 2) == 0 ? "." : "..");
        if (kind > 3)
            words(b, r, random_between(r, 4, 12));
        buf_add_string(b, "\r\n");
    }
}

/* The last line of an attachment is whole, so that all of it stands in the pool. */
static void attach(struct draft *d, const struct pool *p, struct random *r, size_t octets)
{
    static const char *const NAMES[][2] = {{"report", "pdf"}, {"photo", "jpg"}, {"table", "xlsx"}, {"archive", "zip"}};
    size_t lines = octets / LINE_TEXT + 1, kind = random_below(r, 4), from;
    const char *boundary = strstr((const char *)d->tail.data, "=_");

    lines = lines < p->lines ? lines : p->lines;
    from = random_below(r, p->lines - lines + 1);
    snprintf(d->fact.attachment, sizeof(d->fact.attachment), "%s-%u.%s", NAMES[kind][0],
             (unsigned)random_below(r, 10000), NAMES[kind][1]);
    buf_printf(&d->head,
               "--%.18s\r\nContent-Type: application/octet-stream; name=\"%s\"\r\n"
               "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"%s\"\r\n\r\n",
               boundary, d->fact.attachment, d->fact.attachment);
    d->attachment = bytes_of(p->base64 + from * LINE_TEXT, lines * LINE_TEXT);
    if (p->hash)
        hash_parts(&(struct bytes){p->binary + from * LINE_BINARY, lines * LINE_BINARY}, 1, d->fact.attachment_sha256);
}

void draft_compose(struct draft *d, const struct pool *p, struct random *r, const char *from, const char *to,
                   size_t text, size_t attachment)
{
    buf_reset(&d->head);
    buf_reset(&d->tail);
    d->fact = (struct fact_message){.size = 0};
    d->attachment = (struct bytes){NULL, 0};
    header(d, r, from, to, attachment > 0);
    text_lines(&d->head, r, text);
    if (attachment > 0)
        attach(d, p, r, attachment);
    d->fact.size = draft_size(d);
    if (p->hash)
        hash_parts((struct bytes[]){buf_bytes(&d->head), d->attachment, buf_bytes(&d->tail)}, 3, d->fact.sha256);
}

size_t draft_size(const struct draft *d)
{
    return d->head.len + d->attachment.len + d->tail.len;
}

void draft_say(struct draft *d, struct script *s, size_t from, size_t len)
{
    struct bytes parts[] = {buf_bytes(&d->head), d->attachment, buf_bytes(&d->tail)};
    enum side side = s->turns[s->turn_count - 1].side;

    if (from == 0) {
        d->fact.header = (struct span){side, script_place(s), script_place(s) + d->header};
        d->fact.content = d->fact.header;
    }
    for (size_t i = 0; i < 3 && len > 0; i++) {
        struct bytes part = bytes_part(parts[i], from, len);

        from -= from < parts[i].len ? from : parts[i].len;
        len -= part.len;
        if (i == 1)
            script_say_shared(s, part);
        else if (part.len > 0)
            script_say_octets(s, part);
    }
    d->fact.content.to = script_place(s);
}

/* Lines that begin with a dot get one more, RFC 5321 section 4.5.2. */
static void say_stuffed(struct script *s, struct bytes text)
{
    size_t from = 0;

    for (size_t at = 0; at < text.len; at++) {
        if (text.data[at] != '.' || (at > 0 && text.data[at - 1] != '\n'))
            continue;
        script_say_octets(s, bytes_part(text, from, at - from));
        script_say_octets(s, BYTES("."));
        from = at;
    }
    script_say_octets(s, bytes_part(text, from, text.len - from));
}

void draft_say_dotted(struct draft *d, struct script *s)
{
    enum side side = s->turns[s->turn_count - 1].side;

    d->fact.header = (struct span){side, script_place(s), script_place(s) + d->header};
    d->fact.content = d->fact.header;
    say_stuffed(s, buf_bytes(&d->head));
    script_say_shared(s, d->attachment);
    if (d->tail.len > 0)
        script_say_octets(s, buf_bytes(&d->tail));
    script_say_octets(s, BYTES(".\r\n"));
    d->fact.content.to = script_place(s);
}
