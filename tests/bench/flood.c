/* Floods: their clients are in 10.0.0.0/8, which nobody else uses here; attackers in 20.0.0.0/8. */
#include "flood.h"
#include <stdio.h>
#include <string.h>

#define BLOCK        64u /* connections that go on side by side */
#define SEGMENT      1448u
#define TUPLE_BITS   39 /* 24 of the address, 15 of the port */
#define LONGEST      INT64_C(600000000)
#define LINES        4u   /* connections with an endless line */
#define LITERAL_DATA 45u  /* segments that follow each literal's promise */
#define BATCH        100u /* recipients that are pipelined */

static const char *const NAMES[] = {"none",         "syn",     "idle-handshake", "idle-command", "one-octet",
                                    "endless-line", "literal", "recipients",     "fragments",    "logins",
                                    "vrfy"};

enum flood_kind flood_named(const char *name)
{
    for (size_t i = 1; i < sizeof(NAMES) / sizeof(*NAMES); i++)
        if (strcmp(NAMES[i], name) == 0)
            return (enum flood_kind)i;
    return FLOOD_NONE;
}

void flood_begin(struct flood *f, enum flood_kind kind, uint64_t count, uint64_t seed)
{
    *f = (struct flood){.kind = kind, .count = count, .seed = seed};
    f->gap = count > 0 && LONGEST / (int64_t)count < 200 ? LONGEST / (int64_t)count : 200;
    if (f->gap < 1)
        f->gap = 1;
}

int64_t flood_duration(const struct flood *f)
{
    switch (f->kind) {
    case FLOOD_NONE:
    case FLOOD_ONE_OCTET:
        return 0;
    case FLOOD_SYN:
    case FLOOD_IDLE_HANDSHAKE:
    case FLOOD_IDLE_COMMAND:
    case FLOOD_FRAGMENTS:
    case FLOOD_LOGINS:
    case FLOOD_VRFY:
        return (int64_t)f->count * f->gap;
    case FLOOD_LITERAL:
        return (int64_t)f->count * f->gap * LITERAL_DATA;
    case FLOOD_ENDLESS_LINE:
        return (int64_t)(f->count / SEGMENT) * f->gap;
    case FLOOD_RECIPIENTS:
        return (int64_t)(f->count / BATCH) * 1000;
    }
    return 0;
}

/* Addresses and ports of connection `number`: no two are the same, neighbours are far apart. */
static void tuple(const struct flood *f, uint64_t number, uint16_t port, struct endpoint ends[2])
{
    uint64_t v = (number * UINT64_C(0x9e3779b97f4a7c15) + f->seed) & ((UINT64_C(1) << TUPLE_BITS) - 1);

    memset(ends, 0, 2 * sizeof(*ends));
    ends[0].ip[0] = f->kind == FLOOD_LOGINS || f->kind == FLOOD_VRFY ? 20 : 10;
    for (size_t i = 0; i < 3; i++)
        ends[0].ip[1 + i] = (uint8_t)(v >> (15 + 16 - 8 * i));
    ends[0].port = (uint16_t)(32768 | (v & 32767));
    memcpy(ends[1].ip, (const uint8_t[]){198, 51, 100, (uint8_t)(1 + number % 50)}, 4);
    ends[1].port = port;
    memcpy(ends[0].mac, (const uint8_t[]){2, 0, 0, 0, 0, 1}, 6);
    memcpy(ends[1].mac, (const uint8_t[]){2, 0, 0, 0, 0, 2}, 6);
}

static uint32_t isn(const struct flood *f, uint64_t number, int side)
{
    struct random r = random_seed(f->seed + (uint64_t)side, number);

    return (uint32_t)random_next(&r);
}

/* A packet of connection `number`: where both streams stand is what the flags do not say. */
static void send_one(const struct flood *f, struct frames *out, int64_t now, uint64_t number, uint16_t port, int side,
                     uint8_t flags, const uint64_t sent[2], const void *data, size_t len)
{
    struct endpoint ends[2];
    bool syn = (flags & TCP_SYN) != 0;
    struct frame frame = {.from = ends + side, .to = ends + !side, .flags = flags, .window = 64240};
    uint8_t *to;

    tuple(f, number, port, ends);
    frame.seq = isn(f, number, side) + (uint32_t)(syn ? 0 : 1 + sent[side]);
    frame.ack = (flags & TCP_ACK) != 0 ? isn(f, number, !side) + 1 + (uint32_t)sent[!side] : 0;
    frame.ip_id = (uint16_t)(frame.seq >> 3);
    frame.sent_at = (uint32_t)(now / 1000);
    frame.echo = (flags & TCP_ACK) != 0 ? frame.sent_at : 0;
    to = frames_begin(out, now, &frame, len);
    if (len > 0)
        memcpy(to, data, len);
    frames_end(out);
}

struct step {
    int side;
    uint8_t flags;
    const char *text;
};

static const struct step HANDSHAKE[] = {{0, TCP_SYN, ""}, {1, TCP_SYN | TCP_ACK, ""}, {0, TCP_ACK, ""}};

static const struct step ONE_COMMAND[] = {
    {0, TCP_SYN, ""},
    {1, TCP_SYN | TCP_ACK, ""},
    {0, TCP_ACK, ""},
    {1, TCP_ACK | TCP_PSH, "220 mx.example.org ESMTP ready\r\n"},
    {0, TCP_ACK | TCP_PSH, "EHLO client.example.net\r\n"},
    {1, TCP_ACK | TCP_PSH,
     "250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n"
     "250-8BITMIME\r\n250 CHUNKING\r\n"},
    {0, TCP_ACK, ""}};

/* Eight # are the number of the connection. */
static const struct step LOGIN[] = {{0, TCP_SYN, ""},
                                    {1, TCP_SYN | TCP_ACK, ""},
                                    {0, TCP_ACK, ""},
                                    {1, TCP_ACK | TCP_PSH, "+OK ready\r\n"},
                                    {0, TCP_ACK | TCP_PSH, "USER user########\r\n"},
                                    {1, TCP_ACK | TCP_PSH, "+OK\r\n"},
                                    {0, TCP_ACK | TCP_PSH, "PASS pass########\r\n"},
                                    {1, TCP_ACK | TCP_PSH, "-ERR [AUTH] Authentication failed.\r\n"},
                                    {0, TCP_ACK | TCP_RST, ""}};

static const struct step VRFY[] = {{0, TCP_SYN, ""},
                                   {1, TCP_SYN | TCP_ACK, ""},
                                   {0, TCP_ACK, ""},
                                   {1, TCP_ACK | TCP_PSH, "220 mx.example.org ESMTP ready\r\n"},
                                   {0, TCP_ACK | TCP_PSH, "HELO pc\r\n"},
                                   {1, TCP_ACK | TCP_PSH, "250 mx.example.org\r\n"},
                                   {0, TCP_ACK | TCP_PSH, "VRFY name########\r\n"},
                                   {1, TCP_ACK | TCP_PSH, "550 5.1.1 name########: User unknown\r\n"},
                                   {0, TCP_ACK | TCP_RST, ""}};

static size_t step_text(const struct step *step, uint64_t number, char to[static 256])
{
    size_t len = strlen(step->text);
    char *place;

    memcpy(to, step->text, len + 1);
    place = strstr(to, "########");
    for (unsigned i = 8; place != NULL && i > 0; i--, number /= 10)
        place[i - 1] = (char)('0' + number % 10);
    return len;
}

/* One stage of the steps for each connection of a block, then the next stage. */
static int64_t blocks(struct flood *f, struct frames *out, int64_t now, uint16_t port, const struct step *steps,
                      unsigned count)
{
    char text[256];
    uint64_t end = f->done + BLOCK < f->count ? f->done + BLOCK : f->count;
    const struct step *step = steps + f->stage;
    uint64_t sent[2] = {0, 0};

    for (unsigned i = 0; i < f->stage; i++)
        sent[steps[i].side] += strlen(steps[i].text);
    for (uint64_t i = f->done; i < end; i++)
        send_one(f, out, now, i, port, step->side, step->flags, sent, text, step_text(step, i, text));
    if (++f->stage == count) {
        f->stage = 0;
        f->done = end;
    }
    return f->done == f->count ? -1 : now + (int64_t)BLOCK * f->gap / (int64_t)count;
}

static void handshake(const struct flood *f, struct frames *out, int64_t now, uint64_t number, uint16_t port)
{
    const uint64_t sent[2] = {0, 0};

    for (size_t i = 0; i < 3; i++)
        send_one(f, out, now, number, port, HANDSHAKE[i].side, HANDSHAKE[i].flags, sent, NULL, 0);
}

/* A side of one of the few connections says something; the other acknowledges it. */
static void talk(struct flood *f, struct frames *out, int64_t now, uint64_t number, uint16_t port, int side,
                 const void *data, size_t len)
{
    uint64_t *sent = f->sent[number % 16];

    for (size_t at = 0; at < len;) {
        size_t n = len - at < SEGMENT ? len - at : SEGMENT;

        send_one(f, out, now, number, port, side, TCP_ACK, sent, (const uint8_t *)data + at, n);
        sent[side] += n;
        at += n;
    }
    send_one(f, out, now, number, port, !side, TCP_ACK, sent, NULL, 0);
}

static void say(struct flood *f, struct frames *out, int64_t now, uint64_t number, uint16_t port, int side,
                const char *text)
{
    talk(f, out, now, number, port, side, text, strlen(text));
}

/* A command, a reply, an untagged response, a POP3 command: each of them without its CRLF, for ever. */
static int64_t endless_line(struct flood *f, struct frames *out, int64_t now)
{
    static const uint16_t PORTS[LINES] = {25, 25, 143, 110};
    static const char *const GREETINGS[LINES] = {"220 mx ESMTP\r\n", "220 mx ESMTP ", "* OK ready\r\n",
                                                 "+OK ready\r\n"};
    static const char *const BEGINS[LINES] = {"NOOP ", "", "a1 LIST \"\" ", "APOP "};
    uint8_t segment[SEGMENT];

    if (f->stage == 0) {
        for (unsigned i = 0; i < LINES; i++) {
            handshake(f, out, now, i, PORTS[i]);
            say(f, out, now, i, PORTS[i], 1, GREETINGS[i]);
            if (*BEGINS[i] != '\0')
                say(f, out, now, i, PORTS[i], 0, BEGINS[i]);
        }
        f->stage = 1;
        return now + 1000;
    }
    memset(segment, 'x', sizeof(segment));
    for (unsigned i = 0; i < LINES; i++)
        talk(f, out, now, i, PORTS[i], i == 1, segment, sizeof(segment));
    f->done += LINES * sizeof(segment);
    return f->done >= f->count ? -1 : now + f->gap * (int64_t)LINES;
}

/* Half of them APPEND, half FETCH; some octets of the literal come. */
static int64_t literal(struct flood *f, struct frames *out, int64_t now)
{
    uint64_t n = f->done;
    uint8_t segment[SEGMENT];

    if (f->stage == 0) {
        memset(f->sent[n % 16], 0, sizeof(f->sent[0]));
        handshake(f, out, now, n, 143);
        say(f, out, now, n, 143, 1, "* PREAUTH ready\r\n");
        if (n % 2 == 0) {
            say(f, out, now, n, 143, 0, "a1 APPEND INBOX {4294967295}\r\n");
            say(f, out, now, n, 143, 1, "+ OK\r\n");
        } else {
            say(f, out, now, n, 143, 0, "a1 FETCH 1 BODY[]\r\n");
            say(f, out, now, n, 143, 1, "* 1 FETCH (BODY[] {4294967295}\r\n");
        }
    }
    for (size_t i = 0; i < sizeof(segment); i++)
        segment[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'l';
    talk(f, out, now, n, 143, n % 2 != 0, segment, sizeof(segment));
    if (++f->stage == LITERAL_DATA) {
        f->stage = 0;
        f->done++;
    }
    return f->done == f->count ? -1 : now + f->gap;
}

static int64_t recipients(struct flood *f, struct frames *out, int64_t now)
{
    char commands[BATCH * 48], replies[BATCH * 24];
    size_t asked = 0, said = 0;

    if (f->stage == 0) {
        handshake(f, out, now, 0, 25);
        say(f, out, now, 0, 25, 1, "220 mx.example.org ESMTP\r\n");
        say(f, out, now, 0, 25, 0, "EHLO flood.example.net\r\n");
        say(f, out, now, 0, 25, 1, "250-mx.example.org\r\n250 PIPELINING\r\n");
        say(f, out, now, 0, 25, 0, "MAIL FROM:<flood@example.net>\r\n");
        say(f, out, now, 0, 25, 1, "250 2.1.0 Ok\r\n");
        f->stage = 1;
        return now + 1000;
    }
    if (f->done == f->count) {
        say(f, out, now, 0, 25, 0, "DATA\r\n");
        say(f, out, now, 0, 25, 1, "354 go on\r\n");
        say(f, out, now, 0, 25, 0, "Subject: to all\r\n\r\ntext\r\n.\r\n");
        say(f, out, now, 0, 25, 1, "250 2.0.0 Ok\r\n");
        return -1;
    }
    for (unsigned i = 0; i < BATCH && f->done < f->count; i++, f->done++) {
        asked += (size_t)snprintf(commands + asked, sizeof(commands) - asked, "RCPT TO:<to%llu@example.org>\r\n",
                                  (unsigned long long)f->done);
        said += (size_t)snprintf(replies + said, sizeof(replies) - said, "250 2.1.5 Ok\r\n");
    }
    talk(f, out, now, 0, 25, 0, commands, asked);
    talk(f, out, now, 0, 25, 1, replies, said);
    return now + 1000;
}

/* First ones with a TCP header, and middle ones without; every fourth is IPv6. */
static int64_t fragments(struct flood *f, struct frames *out, int64_t now)
{
    struct endpoint ends[2];
    struct frame frame = {.from = ends, .to = ends + 1, .flags = TCP_ACK, .window = 64240, .fragment = true};
    size_t len = 512 + 8 * (f->done % 64);
    uint8_t *to;

    tuple(f, f->done, 25, ends);
    frame.ipv6 = f->done % 4 == 3;
    if (frame.ipv6)
        for (size_t i = 0; i < 2; i++) {
            memmove(ends[i].ip + 12, ends[i].ip, 4);
            memcpy(ends[i].ip, (const uint8_t[]){0x20, 0x01, 0x0d, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0}, 12);
        }
    frame.more_fragments = true;
    frame.fragment_at = f->done % 2 == 0 ? 0 : 1024;
    frame.fragment_id = (uint32_t)f->done;
    frame.seq = isn(f, f->done, 0);
    to = frames_begin(out, now, &frame, len);
    memset(to, 'f', len);
    frames_end(out);
    return ++f->done == f->count ? -1 : now + f->gap;
}

int64_t flood_step(struct flood *f, struct frames *out, int64_t now)
{
    const uint64_t none[2] = {0, 0};

    switch (f->kind) {
    case FLOOD_NONE:
    case FLOOD_ONE_OCTET:
        return -1;
    case FLOOD_SYN:
        send_one(f, out, now, f->done, 25, 0, TCP_SYN, none, NULL, 0);
        return ++f->done == f->count ? -1 : now + f->gap;
    case FLOOD_IDLE_HANDSHAKE:
        return blocks(f, out, now, 25, HANDSHAKE, sizeof(HANDSHAKE) / sizeof(*HANDSHAKE));
    case FLOOD_IDLE_COMMAND:
        return blocks(f, out, now, 25, ONE_COMMAND, sizeof(ONE_COMMAND) / sizeof(*ONE_COMMAND));
    case FLOOD_ENDLESS_LINE:
        return endless_line(f, out, now);
    case FLOOD_LITERAL:
        return literal(f, out, now);
    case FLOOD_RECIPIENTS:
        return recipients(f, out, now);
    case FLOOD_FRAGMENTS:
        return fragments(f, out, now);
    case FLOOD_LOGINS:
        return blocks(f, out, now, 110, LOGIN, sizeof(LOGIN) / sizeof(*LOGIN));
    case FLOOD_VRFY:
        return blocks(f, out, now, 25, VRFY, sizeof(VRFY) / sizeof(*VRFY));
    }
    return -1;
}
