/* SMTP (RFC 5321) with AUTH (4954), PIPELINING (2920), CHUNKING (3030), STARTTLS refused (3207); LMTP (2033). */
#include "mail.h"
#include <openssl/evp.h>
#include <stdio.h>

#define RECIPIENTS_MAX 8

struct course { /* what kind of session it is */
    bool lmtp, pipelining, chunking, quick;
    char domain[32];
};

static const char EXTENSIONS[] = "[\"PIPELINING\",\"SIZE 52428800\",\"STARTTLS\",\"AUTH PLAIN LOGIN\","
                                 "\"ENHANCEDSTATUSCODES\",\"8BITMIME\",\"DSN\",\"CHUNKING\"]";

void mail_sizes(const struct writer *w, struct random *r, size_t *text, size_t *attachment)
{
    switch (w->kind) {
    case KIND_LONG:
        *text = random_size(r, 1000, 8000);
        *attachment = random_size(r, 200000, 4000000);
        return;
    case KIND_SHORT:
        *text = random_size(r, 700, 8000);
        *attachment = 0;
        return;
    case KIND_MIXED:
        *text = random_size(r, 200, 12000);
        *attachment = random_below(r, 4) == 0 ? random_size(r, 3000, 400000) : 0;
        return;
    }
}

static int64_t think(struct random *r)
{
    return (int64_t)random_size(r, 200, 60000);
}

static void greet(struct script *s, struct random *r, const struct course *c)
{
    size_t hello;

    script_turn(s, SERVER, think(r));
    script_say(s, "220 %s.example.org %s ready\r\n", c->domain, c->lmtp ? "LMTP" : "ESMTP");
    snprintf(s->helo, sizeof(s->helo), "client%u.example.net", (unsigned)random_below(r, 100000));
    script_turn(s, CLIENT, think(r));
    hello = script_command(s, c->lmtp ? "LHLO" : "EHLO", "%s %s", c->lmtp ? "LHLO" : "EHLO", s->helo);
    script_turn(s, SERVER, think(r));
    script_reply(s, hello, 250, NULL,
                 "250-%s.example.org\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n"
                 "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250 CHUNKING",
                 c->domain);
    s->extensions = EXTENSIONS;
}

static void starttls_refused(struct script *s, struct random *r)
{
    size_t c;

    script_turn(s, CLIENT, think(r));
    c = script_command(s, "STARTTLS", "STARTTLS");
    script_turn(s, SERVER, think(r));
    script_reply(s, c, 454, NULL, "454 4.7.0 TLS not available due to local problem");
}

static void base64(char to[static 128], const char *text, size_t len)
{
    EVP_EncodeBlock((uint8_t *)to, (const uint8_t *)text, (int)len);
}

static void authenticate(struct script *s, struct random *r)
{
    struct fact_auth *a = SCRIPT_ADD(s, auth);
    bool login = random_below(r, 3) == 0;
    char plain[96], text[128];
    int n;

    snprintf(a->user, sizeof(a->user), "user%u@example.net", (unsigned)random_below(r, 5000));
    a->mech = login ? "LOGIN" : "PLAIN";
    a->success = random_below(r, 5) > 0;
    script_turn(s, CLIENT, think(r));
    if (login) {
        a->command = script_command(s, "AUTH", "AUTH LOGIN");
        script_turn(s, SERVER, think(r));
        script_say(s, "334 VXNlcm5hbWU6\r\n");
        script_turn(s, CLIENT, think(r));
        base64(text, a->user, strlen(a->user));
        script_say(s, "%s\r\n", text);
        script_turn(s, SERVER, think(r));
        script_say(s, "334 UGFzc3dvcmQ6\r\n");
        script_turn(s, CLIENT, think(r));
        script_say(s, "c2VjcmV0MTIz\r\n");
    } else {
        n = snprintf(plain, sizeof(plain), "%c%s%csecret123", 0, a->user, 0);
        base64(text, plain, (size_t)n);
        a->command = script_command(s, "AUTH", "AUTH PLAIN %s", text);
    }
    s->commands[a->command].asked.to = s->sent[CLIENT];
    script_turn(s, SERVER, think(r));
    if (a->success)
        script_reply(s, a->command, 235, NULL, "235 2.7.0 Authentication successful");
    else
        script_reply(s, a->command, 535, NULL, "535 5.7.8 Error: authentication failed");
}

static void envelope_replies(struct script *s, const struct fact_transaction *t)
{
    script_reply(s, t->mail, 250, NULL, "250 2.1.0 Ok");
    for (size_t i = 0; i < t->recipients; i++) {
        const struct fact_recipient *q = s->recipients + t->first_recipient + i;

        if (q->code == 250)
            script_reply(s, q->command, 250, NULL, "250 2.1.5 Ok");
        else
            script_reply(s, q->command, 550, NULL, "550 5.1.1 <%s>: Recipient address rejected: User unknown",
                         q->address);
    }
}

/* MAIL and RCPT, one by one or in one go. The first recipient is always taken. */
static void envelope(struct script *s, struct random *r, const struct course *c, struct fact_transaction *t,
                     size_t size)
{
    size_t count = c->quick ? 1 : random_below(r, 3) > 0 ? 1 : random_between(r, 2, RECIPIENTS_MAX);

    t->first_recipient = s->recipient_count;
    t->recipients = count;
    script_turn(s, CLIENT, think(r));
    t->mail = script_command(s, "MAIL", "MAIL FROM:<%s> SIZE=%zu", t->mail_from, size);
    if (!c->pipelining) {
        script_turn(s, SERVER, think(r));
        script_reply(s, t->mail, 250, NULL, "250 2.1.0 Ok");
    }
    for (size_t i = 0; i < count; i++) {
        struct fact_recipient *q = SCRIPT_ADD(s, recipient);

        snprintf(q->address, sizeof(q->address), "to%u@example.org", (unsigned)random_below(r, 1000000));
        q->code = i > 0 && random_below(r, 6) == 0 ? 550 : 250;
        script_turn(s, CLIENT, think(r));
        q->command = script_command(s, "RCPT", "RCPT TO:<%s>", q->address);
        if (c->pipelining)
            continue;
        script_turn(s, SERVER, think(r));
        if (q->code == 250)
            script_reply(s, q->command, 250, NULL, "250 2.1.5 Ok");
        else
            script_reply(s, q->command, 550, NULL, "550 5.1.1 <%s>: User unknown", q->address);
    }
}

static void delivery_replies(struct script *s, struct random *r, const struct course *c, struct fact_transaction *t)
{
    script_turn(s, SERVER, think(r));
    if (!c->lmtp) {
        t->final_code = random_below(r, 20) > 0 ? 250 : random_below(r, 2) > 0 ? 554 : 451;
        if (t->final_code == 250)
            script_final(s, t->data, 250, "250 2.0.0 Ok: queued as %08X", (unsigned)random_below(r, UINT32_MAX));
        else
            script_final(s, t->data, t->final_code, "%d %d.7.1 Message content not accepted", t->final_code,
                         t->final_code / 100);
        return;
    }
    for (size_t i = 0; i < t->recipients; i++) {
        struct fact_recipient *q = s->recipients + t->first_recipient + i;

        if (q->code != 250)
            continue;
        q->delivery_code = random_below(r, 10) > 0 ? 250 : 452;
        if (q->delivery_code == 250)
            script_final(s, t->data, 250, "250 2.0.0 <%s> saved", q->address);
        else
            script_final(s, t->data, 452, "452 4.2.2 <%s> mailbox full", q->address);
    }
}

static void say_data(struct writer *w, struct script *s, struct random *r, const struct course *c,
                     struct fact_transaction *t)
{
    script_turn(s, CLIENT, think(r));
    t->data = script_command(s, "DATA", "DATA");
    script_turn(s, SERVER, think(r));
    if (c->pipelining)
        envelope_replies(s, t);
    script_reply(s, t->data, 354, NULL, "354 End data with <CR><LF>.<CR><LF>");
    script_turn(s, CLIENT, think(r));
    draft_say_dotted(&w->draft, s);
    t->message = w->draft.fact;
    delivery_replies(s, r, c, t);
}

static void say_chunks(struct writer *w, struct script *s, struct random *r, const struct course *c,
                       struct fact_transaction *t)
{
    size_t size = draft_size(&w->draft), chunk = random_below(r, 2) == 0 ? size : random_between(r, 1, size - 1);
    size_t chunks[2] = {0};
    size_t count = chunk < size ? 2 : 1;

    for (size_t i = 0; i < count; i++) {
        size_t from = i * chunk, len = i > 0 ? size - chunk : chunk;

        script_turn(s, CLIENT, think(r));
        chunks[i] = script_command(s, "BDAT", i + 1 < count ? "BDAT %zu" : "BDAT %zu LAST", len);
        draft_say(&w->draft, s, from, len);
        if (c->pipelining && i + 1 < count)
            continue;
        script_turn(s, SERVER, think(r));
        if (c->pipelining)
            envelope_replies(s, t);
        if (c->pipelining && count > 1)
            script_reply(s, chunks[0], 250, NULL, "250 2.0.0 Ok: %zu octets received", chunk);
        if (i + 1 < count)
            script_reply(s, chunks[i], 250, NULL, "250 2.0.0 Ok: %zu octets received", len);
    }
    t->message = w->draft.fact;
    t->data = chunks[count - 1];
    t->final_code = 250;
    script_reply(s, t->data, 250, NULL, "250 2.0.0 Ok: queued as %08X", (unsigned)random_below(r, UINT32_MAX));
}

static void transaction(struct writer *w, struct script *s, struct random *r, const struct course *c)
{
    struct fact_transaction t = {.has_message = true};
    size_t text, attachment;
    char to[64];

    mail_sizes(w, r, &text, &attachment);
    snprintf(t.mail_from, sizeof(t.mail_from), "from%u@example.net", (unsigned)random_below(r, 100000));
    snprintf(to, sizeof(to), "to%u@example.org", (unsigned)random_below(r, 1000000));
    draft_compose(&w->draft, &w->pool, r, t.mail_from, to, text, attachment);
    envelope(s, r, c, &t, draft_size(&w->draft));
    if (!c->quick && random_below(r, 25) == 0) {
        size_t reset;

        script_turn(s, CLIENT, think(r));
        reset = script_command(s, "RSET", "RSET");
        script_turn(s, SERVER, think(r));
        if (c->pipelining)
            envelope_replies(s, &t);
        script_reply(s, reset, 250, NULL, "250 2.0.0 Ok");
        t.has_message = false;
    } else if (c->chunking && !c->lmtp) {
        say_chunks(w, s, r, c, &t);
    } else {
        say_data(w, s, r, c, &t);
    }
    t.message.command = t.data;
    *SCRIPT_ADD(s, transaction) = t;
}

static void leave(struct script *s, struct random *r)
{
    size_t quit;

    script_turn(s, CLIENT, think(r));
    quit = script_command(s, "QUIT", "QUIT");
    script_turn(s, SERVER, think(r));
    script_reply(s, quit, 221, NULL, "221 2.0.0 Bye");
    s->server_closes = random_below(r, 2) == 0;
}

void mail_transfer(struct writer *w, struct random *r, struct script *s)
{
    bool mixed = w->kind == KIND_MIXED, submission = mixed && random_below(r, 3) == 0;
    struct course c = {.pipelining = random_below(r, 2) == 0, .quick = w->kind == KIND_SHORT};
    uint64_t count = mixed ? random_between(r, 1, 3) : 1;

    c.lmtp = !submission && random_below(r, 8) == 0;
    c.chunking = mixed && random_below(r, 4) == 0;
    snprintf(c.domain, sizeof(c.domain), "mx%u", (unsigned)random_below(r, 100));
    script_init(s, c.lmtp ? "lmtp" : "smtp", c.lmtp ? 24 : submission ? 587 : 25);
    greet(s, r, &c);
    if (mixed && !c.lmtp && random_below(r, 6) == 0)
        starttls_refused(s, r);
    if (submission)
        authenticate(s, r);
    for (uint64_t i = 0; i < count; i++)
        transaction(w, s, r, &c);
    leave(s, r);
}

void mail_plain(struct writer *w, struct random *r, struct script *s, size_t text)
{
    struct course c = {.pipelining = false, .quick = true};
    struct fact_transaction t = {.has_message = true};

    snprintf(c.domain, sizeof(c.domain), "mx0");
    script_init(s, "smtp", 25);
    greet(s, r, &c);
    snprintf(t.mail_from, sizeof(t.mail_from), "flood@example.net");
    draft_compose(&w->draft, &w->pool, r, t.mail_from, "to@example.org", text, 0);
    envelope(s, r, &c, &t, draft_size(&w->draft));
    say_data(w, s, r, &c, &t);
    t.message.command = t.data;
    *SCRIPT_ADD(s, transaction) = t;
    leave(s, r);
}
