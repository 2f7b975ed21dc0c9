/* What servers and clients of the week say: SMTP (RFC 5321), POP3 (RFC 1939), IMAP (RFC 9051), and TLS (RFC 8446) of
   which only the hellos can be read. */
#include "week_visit.h"
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void begin(struct visit *v, struct place client, struct place server, uint16_t port)
{
    v->client = client;
    v->server = server;
    v->s->port = port;
}

uint32_t draw(struct visit *v, uint32_t below)
{
    return (uint32_t)random_below(v->r, below);
}

bool chance(struct visit *v, double share)
{
    return random_chance(v->r, share);
}

void wait_for(struct visit *v, enum side side, int64_t delay)
{
    script_turn(v->s, side, delay);
}

void say(struct visit *v, enum side side, const char *format, ...)
{
    char line[1024];
    va_list list;
    int n;

    script_turn(v->s, side, (int64_t)random_size(v->r, 300, 35000));
    va_start(list, format);
    n = vsnprintf(line, sizeof(line), format, list);
    va_end(list);
    script_say_octets(v->s, bytes_of(line, n > 0 ? (size_t)n : 0));
    script_say_octets(v->s, BYTES("\r\n"));
}

void smtp_hello(struct visit *v, const char *server, const char *helo, unsigned offer)
{
    say(v, SERVER, "220 %s ESMTP", server);
    if (offer & OFFER_PLAIN_HELO) {
        say(v, CLIENT, "HELO %s", helo);
        say(v, SERVER, "250 %s", server);
        return;
    }
    say(v, CLIENT, "EHLO %s", helo);
    say(v, SERVER, "250-%s\r\n250-PIPELINING\r\n250-SIZE 52428800%s%s\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME",
        server, offer & OFFER_STARTTLS ? "\r\n250-STARTTLS" : "", offer & OFFER_AUTH ? "\r\n250-AUTH PLAIN LOGIN" : "");
}

void smtp_quit(struct visit *v)
{
    say(v, CLIENT, "QUIT");
    say(v, SERVER, "221 2.0.0 Bye");
}

static void rcpt_reply(struct visit *v, int code, const char *rcpt)
{
    if (code == 250)
        say(v, SERVER, "250 2.1.5 Ok");
    else if (code == 550)
        say(v, SERVER, "550 5.1.1 <%s>: Recipient address rejected: User unknown in local recipient table", rcpt);
    else if (code == 554)
        say(v, SERVER, "554 5.7.1 <%s>: Relay access denied", rcpt);
    else if (code == 552)
        say(v, SERVER, "552 5.2.2 <%s>: mailbox is full", rcpt);
    else
        say(v, SERVER, "%d 4.7.1 <%s>: Recipient address rejected: Greylisted, try again later", code, rcpt);
}

static void content(struct visit *v, const struct letter *l)
{
    static const char *const WORDS[] = {"the", "order", "meeting", "please", "find", "below", "thanks", "for", "our"};

    script_turn(v->s, CLIENT, (int64_t)random_size(v->r, 300, 35000));
    script_say(v->s,
               "From: <%s>\r\nTo: <%s>\r\nMessage-ID: <m%u@week.example>\r\nSubject: %s\r\nMIME-Version: 1.0\r\n"
               "Content-Type: text/plain; charset=utf-8\r\n%s\r\n",
               l->from[0] != '\0' ? l->from : "mailer-daemon@example.org", l->rcpts[0], l->mail, l->subject,
               l->header != NULL ? l->header : "");
    for (unsigned i = 0; i < l->text; i += 60) {
        for (unsigned k = 0; k < 9; k++)
            script_say(v->s, "%s ", WORDS[random_below(v->r, 9)]);
        script_say(v->s, "\r\n");
    }
    script_say(v->s, ".\r\n");
}

void smtp_letter(struct visit *v, const struct letter *l)
{
    unsigned accepted = 0;

    say(v, CLIENT, "MAIL FROM:<%s>", l->from);
    for (unsigned i = 0; i < l->rcpt_count; i++) {
        say(v, CLIENT, "RCPT TO:<%s>", l->rcpts[i]);
        accepted += l->codes[i] == 250;
    }
    say(v, SERVER, "250 2.1.0 Ok");
    for (unsigned i = 0; i < l->rcpt_count; i++)
        rcpt_reply(v, l->codes[i], l->rcpts[i]);
    if (accepted == 0) {
        if (chance(v, 0.5)) {
            say(v, CLIENT, "RSET");
            say(v, SERVER, "250 2.0.0 Ok");
        }
        return;
    }
    say(v, CLIENT, "DATA");
    say(v, SERVER, "354 End data with <CR><LF>.<CR><LF>");
    content(v, l);
    say(v, SERVER, "250 2.0.0 Ok: queued as %08X", (unsigned)random_next(v->r));
}

void smtp_auth(struct visit *v, const char *user, const char *password, bool good)
{
    char plain[160], text[256];
    int n = snprintf(plain, sizeof(plain), "%c%s%c%s", 0, user, 0, password);

    EVP_EncodeBlock((uint8_t *)text, (const uint8_t *)plain, n);
    say(v, CLIENT, "AUTH PLAIN %s", text);
    say(v, SERVER, "%s", good ? "235 2.7.0 Authentication successful" : "535 5.7.8 Error: authentication failed");
}

void pop3_login(struct visit *v, const char *user, const char *password, bool good)
{
    say(v, SERVER, "+OK POP3 ready");
    say(v, CLIENT, "USER %s", user);
    say(v, SERVER, "+OK");
    say(v, CLIENT, "PASS %s", password);
    say(v, SERVER, "%s", good ? "+OK Logged in." : "-ERR [AUTH] Authentication failed.");
}

void imap_login(struct visit *v, const char *user, const char *password, bool good)
{
    say(v, SERVER, "* OK [CAPABILITY IMAP4rev1 IDLE STARTTLS AUTH=PLAIN] ready");
    say(v, CLIENT, "a1 LOGIN \"%s\" \"%s\"", user, password);
    say(v, SERVER, "%s",
        good ? "a1 OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] Logged in"
             : "a1 NO [AUTHENTICATIONFAILED] Authentication failed.");
}

/* --- TLS --- */

static void octets(struct visit *v, const uint8_t *text, size_t len)
{
    script_say_octets(v->s, bytes_of(text, len));
}

#define OCTETS(...) octets(v, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void chaff(struct visit *v, size_t len)
{
    uint8_t text[64];

    for (size_t n; len > 0; len -= n) {
        n = len < sizeof(text) ? len : sizeof(text);
        for (size_t i = 0; i < n; i += 8) {
            uint64_t word = random_next(v->r);

            memcpy(text + i, &word, 8);
        }
        octets(v, text, n);
    }
}

/* TLS_AES_128_GCM_SHA256 and its sisters, X25519: a client and a server of these years. */
static void hellos(struct visit *v)
{
    script_turn(v->s, CLIENT, 2000);
    OCTETS(22, 3, 1, 0, 140, 1, 0, 0, 136, 3, 3);
    chaff(v, 32);
    OCTETS(0, 0, 8, 0x13, 1, 0x13, 2, 0x13, 3, 0xc0, 0x2f, 1, 0, 0, 87);
    OCTETS(0, 10, 0, 4, 0, 2, 0, 29, 0, 43, 0, 5, 4, 3, 4, 3, 3, 0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1);
    OCTETS(0, 51, 0, 38, 0, 36, 0, 29, 0, 32);
    chaff(v, 32);
    OCTETS(0, 45, 0, 2, 1, 1, 0, 23, 0, 0, 0, 11, 0, 2, 1, 0);
    script_turn(v->s, SERVER, 3000);
    OCTETS(22, 3, 3, 0, 90, 2, 0, 0, 86, 3, 3);
    chaff(v, 32);
    OCTETS(0, 0x13, 1, 0, 0, 46, 0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 29, 0, 32);
    chaff(v, 32);
    OCTETS(20, 3, 3, 0, 1, 1);
}

static void sealed(struct visit *v, enum side side, unsigned len)
{
    len = len < 24 ? 24 : len > 1300 ? 1300 : len;
    script_turn(v->s, side, (int64_t)random_size(v->r, 300, 35000));
    OCTETS(23, 3, 3, (uint8_t)(len >> 8), (uint8_t)(len & 0xff));
    chaff(v, len);
}

void tls_talk(struct visit *v, unsigned sent, unsigned received)
{
    hellos(v);
    sealed(v, SERVER, 400);
    script_turn(v->s, CLIENT, 1000);
    OCTETS(20, 3, 3, 0, 1, 1);
    sealed(v, CLIENT, 74);
    sealed(v, SERVER, received);
    sealed(v, CLIENT, sent);
    sealed(v, SERVER, 60);
    sealed(v, CLIENT, 24);
}

void tls_upgrade(struct visit *v, const char *line, const char *reply, unsigned sent, unsigned received)
{
    say(v, CLIENT, "%s", line);
    say(v, SERVER, "%s", reply);
    tls_talk(v, sent, received);
}
