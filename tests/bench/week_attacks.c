/* The attacks that are planted into the week, each told as truth: what it is, and whom it is about. */
#include "week_visit.h"
#include <stdio.h>

/* Attackers are in networks where nobody else is; each rule has its own. */
static struct place attacker(unsigned net, unsigned number)
{
    return place_of(203, 0, net, 1 + number % 250);
}

/* One connection for each name, some of which are there. */
static void plant_vrfy(struct visit *v)
{
    struct actor next = *v->actor;

    begin(v, attacker(1, 0), MX2, 25);
    smtp_hello(v, "mx2.example.org", "x", OFFER_PLAIN_HELO);
    say(v, CLIENT, "VRFY name%u", next.step);
    if (next.step % 8 == 3)
        say(v, SERVER, "250 2.1.5 <name%u@example.org>", next.step);
    else
        say(v, SERVER, "550 5.1.1 <name%u>: Recipient address rejected: User unknown", next.step);
    if (++next.step < 40)
        later(v, next, SECOND);
}
const struct role role_plant_vrfy = {.act = plant_vrfy};

static void plant_rcpt(struct visit *v)
{
    begin(v, attacker(2, 0), MX1, 25);
    smtp_hello(v, "mx1.example.org", "nmap.scanme.org", 0);
    say(v, CLIENT, "MAIL FROM:<usertest@example.org>");
    say(v, SERVER, "250 2.1.0 Ok");
    for (unsigned i = 0; i < 60; i++) {
        say(v, CLIENT, "RCPT TO:<name%u@example.org>", i);
        if (i % 10 == 4)
            say(v, SERVER, "250 2.1.5 Ok");
        else
            say(v, SERVER, "550 5.1.1 <name%u@example.org>: Recipient address rejected: User unknown", i);
    }
    smtp_quit(v);
}
const struct role role_plant_rcpt = {.act = plant_rcpt};

/* Sixty passwords for one user, the last of which is right. */
static void plant_guess(struct visit *v)
{
    struct actor next = *v->actor;
    char wrong[NAME_SIZE];

    snprintf(wrong, sizeof(wrong), "summer%u", next.step);
    begin(v, attacker(3, 0), ACCESS, 110);
    pop3_login(v, "user4@example.org", wrong, next.step == 59);
    if (++next.step < 60)
        later(v, next, 2 * SECOND);
}
const struct role role_plant_guess = {.act = plant_guess};

/* One password for forty users. */
static void plant_spray(struct visit *v)
{
    struct actor next = *v->actor;
    char name[NAME_SIZE];

    user_address(next.step * 4u, name);
    begin(v, attacker(4, 0), ACCESS, 143);
    imap_login(v, name, "Winter2026!", false);
    if (++next.step < 40)
        later(v, next, 20 * SECOND);
}
const struct role role_plant_spray = {.act = plant_spray};

/* Sixty clients, a user each, with the password that leaked elsewhere. */
static void plant_stuffing(struct visit *v)
{
    struct actor next = *v->actor;
    char name[NAME_SIZE], wrong[NAME_SIZE];

    user_address(1000 + next.step, name);
    snprintf(wrong, sizeof(wrong), "leaked-%u", next.step * 31u);
    begin(v, attacker(5 + next.step % 5, next.step), SUBMIT, 587);
    smtp_hello(v, "submit.example.org", "pc", OFFER_AUTH);
    smtp_auth(v, name, wrong, false);
    if (++next.step < 60)
        later(v, next, 10 * SECOND);
}
const struct role role_plant_stuffing = {.act = plant_stuffing};

/* A forgotten server takes mail from strangers for strangers, and passes it on. */
static void plant_relay(struct visit *v)
{
    struct letter l = {.mail = v->actor->mail,
                       .subject = "cheap",
                       .text = 200,
                       .from = "deal@wild.example.com",
                       .rcpt_count = 1,
                       .codes = {250}};
    struct actor next = *v->actor;

    if (next.step % 2 == 0)
        next.mail = l.mail = new_mail(v);
    snprintf(l.rcpts[0], NAME_SIZE, "victim%u@far.example.com", next.step / 2u);
    if (next.step % 2 == 0)
        begin(v, attacker(11, 0), LEGACY, 25);
    else
        begin(v, LEGACY, place_of(81, 9, 9, 9), 25);
    smtp_hello(v, next.step % 2 ? "mx.far.example.com" : "legacy.example.org",
               next.step % 2 ? "legacy.example.org" : "pc", 0);
    smtp_letter(v, &l);
    smtp_quit(v);
    if (++next.step < 12)
        later(v, next, 5 * SECOND);
}
const struct role role_plant_relay = {.act = plant_relay};

/* Twelve clients, six names each, over ten hours. */
static void plant_harvest(struct visit *v)
{
    struct actor next = *v->actor;

    begin(v, attacker(12 + next.step % 12, next.step % 12), MX1, 25);
    smtp_hello(v, "mx1.example.org", "mail.harvest.example.com", OFFER_STARTTLS);
    say(v, CLIENT, "MAIL FROM:<news@harvest.example.com>");
    say(v, SERVER, "250 2.1.0 Ok");
    say(v, CLIENT, "RCPT TO:<guess%u@example.org>", next.step);
    say(v, SERVER, "550 5.1.1 <guess%u@example.org>: Recipient address rejected: User unknown", next.step);
    smtp_quit(v);
    if (++next.step < 72)
        later(v, next, 8 * MINUTE);
}
const struct role role_plant_harvest = {.act = plant_harvest};

/* A second message behind an end of data that is none (CVE-2023-51764). */
static void plant_smuggling(struct visit *v)
{
    begin(v, attacker(30, 0), MX1, 25);
    smtp_hello(v, "mx1.example.org", "pc", 0);
    say(v, CLIENT, "MAIL FROM:<a@wild.example.com>");
    say(v, SERVER, "250 2.1.0 Ok");
    say(v, CLIENT, "RCPT TO:<user4@example.org>");
    say(v, SERVER, "250 2.1.5 Ok");
    say(v, CLIENT, "DATA");
    say(v, SERVER, "354 End data with <CR><LF>.<CR><LF>");
    say(v, CLIENT,
        "Subject: one\r\n\r\ntext\n.\r\nMAIL FROM:<admin@example.org>\r\nRCPT TO:<user8@example.org>\r\nDATA\r\n"
        "Subject: two\r\n\r\nfrom your administrator\r\n.");
    say(v, SERVER, "250 2.0.0 Ok: queued as 77");
    smtp_quit(v);
}
const struct role role_plant_smuggling = {.act = plant_smuggling};

/* A firewall on the way masks what it does not know. */
static void plant_stripped(struct visit *v)
{
    struct letter l = {.mail = new_mail(v),
                       .subject = "in clear",
                       .text = 100,
                       .from = "a@branch.example.com",
                       .rcpt_count = 1,
                       .codes = {250}};

    begin(v, attacker(31, 0), MX2, 25);
    say(v, SERVER, "220 mx2.example.org ESMTP");
    say(v, CLIENT, "EHLO mail.branch.example.com");
    say(v, SERVER, "250-mx2.example.org\r\n250-PIPELINING\r\n250-XXXXXXXA\r\n250 8BITMIME");
    user_address(4, l.rcpts[0]);
    smtp_letter(v, &l);
    smtp_quit(v);
}
const struct role role_plant_stripped = {.act = plant_stripped};

/* Commands that wait behind STARTTLS to be taken for what comes inside (CVE-2011-0411). */
static void plant_injection(struct visit *v)
{
    begin(v, attacker(32, 0), MX2, 25);
    smtp_hello(v, "mx2.example.org", "pc", OFFER_STARTTLS);
    say(v, CLIENT, "STARTTLS\r\nMAIL FROM:<a@wild.example.com>\r\nRCPT TO:<user4@example.org>");
    say(v, SERVER, "220 2.0.0 Ready to start TLS");
    tls_talk(v, 100, 100);
}
const struct role role_plant_injection = {.act = plant_injection};

void plant(struct week *w, void (*start)(struct week *w, struct actor actor, int64_t after))
{
    static const struct {
        enum role_name role;
        int64_t after;
        const char *rule, *whom, *also;
    } ATTACKS[] = {
        {ROLE_plant_vrfy, 2 * DAY + 3 * HOUR, "smtp.enumeration", "203.0.1.1", ""},
        {ROLE_plant_rcpt, 2 * DAY + 15 * HOUR, "smtp.enumeration", "203.0.2.1", ""},
        {ROLE_plant_guess, 3 * DAY + 2 * HOUR, "mail.auth_bruteforce", "203.0.3.1", "mail.auth_success_after_failures"},
        {ROLE_plant_guess, -1, "mail.auth_success_after_failures", "203.0.3.1", ""},
        {ROLE_plant_spray, 3 * DAY + 14 * HOUR, "mail.password_spray", "203.0.4.1", ""},
        {ROLE_plant_stuffing, 4 * DAY + 4 * HOUR, "mail.credential_stuffing", "198.51.100.20", ""},
        {ROLE_plant_relay, 4 * DAY + 16 * HOUR, "smtp.open_relay", "198.51.100.77", ""},
        {ROLE_plant_harvest, 5 * DAY, "smtp.directory_harvest", "example.org", ""},
        {ROLE_plant_smuggling, 5 * DAY + 13 * HOUR, "smtp.smtp_smuggling", "203.0.30.1", ""},
        {ROLE_plant_stripped, 6 * DAY + 3 * HOUR, "tls.starttls_stripped", "203.0.31.1", ""},
        {ROLE_plant_injection, 6 * DAY + 14 * HOUR, "tls.starttls_injection", "203.0.32.1", ""},
    };

    for (size_t i = 0; i < sizeof(ATTACKS) / sizeof(*ATTACKS); i++) {
        planted(w, ATTACKS[i].rule, ATTACKS[i].whom, ATTACKS[i].also);
        if (ATTACKS[i].after >= 0)
            start(w, (struct actor){.role = (uint16_t)ATTACKS[i].role}, ATTACKS[i].after);
    }
}
