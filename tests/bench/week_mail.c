/* What mail servers do to each other in a week: mail, lists, newsletters, greylisting, bounces, a backup MX; and those
   who only look whether somebody is there. */
#include "week_visit.h"
#include <stdio.h>

static void first_rcpt(struct letter *l, uint32_t user, int code)
{
    user_address(user, l->rcpts[0]);
    l->codes[0] = code;
    l->rcpt_count = 1;
}

/* Half of the world uses TLS where it is offered. */
static bool unreadable(struct visit *v, const char *server, const char *helo)
{
    smtp_hello(v, server, helo, OFFER_STARTTLS);
    if (!chance(v, 0.5))
        return false;
    tls_upgrade(v, "STARTTLS", "220 2.0.0 Ready to start TLS", 60 + draw(v, 300), 80);
    return true;
}

/* --- mail from outside --- */

static void peer(struct visit *v)
{
    struct letter l = {.mail = new_mail(v), .subject = "about our meeting", .text = 60 + draw(v, 300)};
    uint32_t domain = v->actor->number, user = draw(v, USERS);
    char helo[NAME_SIZE], name[NAME_SIZE];
    struct actor next = {.role = ROLE_onward, .mail = l.mail, .user = user, .domain = draw(v, 20)};

    begin(v, place_outside(2, domain), MX1, 25);
    snprintf(helo, sizeof(helo), "mail.firm%u.example.net", domain % DOMAINS);
    if (unreadable(v, "mx1.example.org", helo))
        return;
    outside_address(draw(v, 50), domain, name);
    l.from = name;
    first_rcpt(&l, user, 250);
    for (; l.rcpt_count < 6 && chance(v, 0.2); l.rcpt_count++) {
        user_address(draw(v, USERS), l.rcpts[l.rcpt_count]);
        l.codes[l.rcpt_count] = 250;
    }
    if (chance(v, 0.01)) { /* an address that somebody mistyped */
        snprintf(l.rcpts[0], NAME_SIZE, "uesr%u@example.org", user);
        l.codes[0] = 550;
    } else if (user % 50 == 7) { /* a user who has it all passed on */
        later(v, next, 2 * SECOND + draw(v, 5000) * (SECOND / 1000));
    }
    smtp_letter(v, &l);
    smtp_quit(v);
}
const struct role role_peer = {.share = 0.20, .per_week = 150, .daily = true, .act = peer};

/* One recipient after the other, some of whom left long ago; campaigns, with pauses between them. */
static void newsletter(struct visit *v)
{
    struct letter l = {.mail = new_mail(v), .subject = "what is new", .text = 150 + draw(v, 300)};
    char helo[NAME_SIZE], from[NAME_SIZE];
    uint32_t user = draw(v, USERS);

    begin(v, place_outside(3, v->actor->number), chance(v, 0.95) ? MX1 : MX2, 25);
    snprintf(helo, sizeof(helo), "out%u.letters%u.example.com", v->actor->number, v->actor->number);
    snprintf(from, sizeof(from), "bounce-%u@letters%u.example.com", l.mail, v->actor->number);
    smtp_hello(v, "mx1.example.org", helo, OFFER_STARTTLS);
    l.header = "List-Unsubscribe: <mailto:leave@letters.example.com>\r\nPrecedence: bulk\r\n";
    l.from = from;
    first_rcpt(&l, user, 250);
    if (random_below(v->r, 100) < 4) {
        snprintf(l.rcpts[0], NAME_SIZE, "gone%u@example.org", user % 300);
        l.codes[0] = 550;
    } else if (chance(v, 0.01)) {
        l.codes[0] = 552;
    }
    smtp_letter(v, &l);
    smtp_quit(v);
}
const struct role role_newsletter = {.share = 0.06, .per_week = 2000, .daily = true, .act = newsletter};

/* A list that nobody cleaned for years: a quarter of its readers is gone. Twenty at a time, once a day. */
static void stale_list(struct visit *v)
{
    struct letter l = {.mail = new_mail(v), .subject = "our quarterly letter", .text = 400};
    char helo[NAME_SIZE], from[NAME_SIZE];

    begin(v, place_outside(4, v->actor->number), MX1, 25);
    snprintf(helo, sizeof(helo), "list.club%u.example.com", v->actor->number);
    snprintf(from, sizeof(from), "club%u-bounces@club%u.example.com", v->actor->number, v->actor->number);
    smtp_hello(v, "mx1.example.org", helo, OFFER_STARTTLS);
    l.from = from;
    l.header = "List-Id: <club.example.com>\r\nPrecedence: list\r\n";
    for (; l.rcpt_count < 20; l.rcpt_count++) {
        if (random_below(v->r, 4) == 0) {
            snprintf(l.rcpts[l.rcpt_count], NAME_SIZE, "gone%u@example.org", draw(v, 300));
            l.codes[l.rcpt_count] = 550;
        } else {
            user_address(draw(v, USERS), l.rcpts[l.rcpt_count]);
            l.codes[l.rcpt_count] = 250;
        }
    }
    smtp_letter(v, &l);
    smtp_quit(v);
}
const struct role role_stale_list = {.share = 0.002, .per_week = 40, .daily = true, .act = stale_list};

/* First 451, some minutes later 250; some never come again. */
static void greylist(struct visit *v, int code)
{
    struct letter l = {.mail = v->actor->mail, .subject = "an offer", .text = 200};
    char helo[NAME_SIZE], from[NAME_SIZE];

    begin(v, place_outside(5, v->actor->number), MX1, 25);
    snprintf(helo, sizeof(helo), "relay%u.firm%u.example.net", v->actor->number, v->actor->domain);
    smtp_hello(v, "mx1.example.org", helo, OFFER_STARTTLS);
    outside_address(v->actor->user, v->actor->domain, from);
    l.from = from;
    first_rcpt(&l, v->actor->user, code);
    smtp_letter(v, &l);
    smtp_quit(v);
}

static void greylisted(struct visit *v)
{
    struct actor again = {.role = ROLE_retry,
                          .number = v->actor->number,
                          .mail = new_mail(v),
                          .user = draw(v, USERS),
                          .domain = v->actor->number % DOMAINS};

    *v->actor = (struct actor){.role = ROLE_greylisted,
                               .step = v->actor->step,
                               .number = again.number,
                               .mail = again.mail,
                               .user = again.user,
                               .domain = again.domain};
    if (!chance(v, 0.2))
        later(v, again, (5 + draw(v, 20)) * MINUTE);
    greylist(v, 451);
}
const struct role role_greylisted = {.share = 0.03, .per_week = 50, .act = greylisted};

static void retry(struct visit *v)
{
    greylist(v, 250);
}
const struct role role_retry = {.act = retry};

/* --- lists --- */

static void list_incoming(struct visit *v)
{
    struct letter l = {
        .mail = new_mail(v), .from = "dev-bounces@lists.example.com", .subject = "Re: [dev] a change", .text = 400};

    begin(v, place_outside(6, v->actor->number), MX1, 25);
    smtp_hello(v, "mx1.example.org", "lists.example.com", OFFER_STARTTLS);
    l.header = "List-Id: <dev.lists.example.com>\r\nPrecedence: list\r\n";
    for (; l.rcpt_count < 12; l.rcpt_count++) {
        user_address(draw(v, USERS), l.rcpts[l.rcpt_count]);
        l.codes[l.rcpt_count] = 250;
    }
    smtp_letter(v, &l);
    smtp_quit(v);
}
const struct role role_list_incoming = {.share = 0.02, .per_week = 3000, .daily = true, .act = list_incoming};

/* Somebody outside writes to our list: the MX passes it to the list server, which sends it to all outside. */
static void list_post(struct visit *v)
{
    struct letter l = {
        .mail = new_mail(v), .subject = "[ours] a question", .text = 300, .rcpt_count = 1, .codes = {250}};
    struct actor next = {.role = ROLE_list_explode, .mail = l.mail};
    char from[NAME_SIZE];

    begin(v, place_outside(7, draw(v, 200)), MX1, 25);
    outside_address(draw(v, 50), draw(v, DOMAINS), from);
    smtp_hello(v, "mx1.example.org", "mail.member.example.net", OFFER_STARTTLS);
    l.from = from;
    snprintf(l.rcpts[0], NAME_SIZE, "members@lists.example.org");
    smtp_letter(v, &l);
    smtp_quit(v);
    later(v, next, 3 * SECOND);
}
const struct role role_list_post = {.share = 0.0015, .per_week = 300, .daily = true, .act = list_post};

/* Step 0: MX to list server; 1: list server to the outward server, without login; then outward, domain by domain. */
static void list_explode(struct visit *v)
{
    struct letter l = {.mail = v->actor->mail, .subject = "[ours] a question", .text = 300};
    struct actor next = *v->actor;
    unsigned step = next.step++;

    begin(v,
          step == 0   ? MX1
          : step == 1 ? LISTS
                      : OUTWARD,
          step == 0   ? LISTS
          : step == 1 ? OUTWARD
                      : outside_mx(step),
          25);
    smtp_hello(v,
               step == 0   ? "lists.example.org"
               : step == 1 ? "out.example.org"
                           : "mx.example.net",
               step == 0   ? "mx1.example.org"
               : step == 1 ? "lists.example.org"
                           : "out.example.org",
               OFFER_STARTTLS);
    l.from = step == 0 ? "member@firm3.example.net" : "members-bounces@lists.example.org";
    l.header = "List-Id: <members.lists.example.org>\r\n";
    if (step == 0) {
        snprintf(l.rcpts[0], NAME_SIZE, "members@lists.example.org");
        l.codes[0] = 250;
        l.rcpt_count = 1;
    }
    for (; step > 0 && l.rcpt_count < (step == 1 ? 20u : 3u); l.rcpt_count++) {
        outside_address(l.rcpt_count, step == 1 ? l.rcpt_count : step, l.rcpts[l.rcpt_count]);
        l.codes[l.rcpt_count] = step > 1 && chance(v, 0.03) ? 550 : 250;
    }
    smtp_letter(v, &l);
    smtp_quit(v);
    if (step < 12)
        later(v, next, SECOND / 2);
}
const struct role role_list_explode = {.act = list_explode};

/* --- mail to outside --- */

static void outbound(struct visit *v)
{
    struct letter l = {.mail = new_mail(v), .subject = "your order", .text = 60 + draw(v, 300), .rcpt_count = 1};
    uint32_t domain = draw(v, DOMAINS), user = draw(v, 60);
    bool without = domain % 10 == 3; /* some servers offer no STARTTLS, ever */
    char from[NAME_SIZE], name[NAME_SIZE];

    begin(v, OUTWARD, outside_mx(domain), 25);
    snprintf(name, sizeof(name), "mx.firm%u.example.net", domain);
    smtp_hello(v, name, "out.example.org", without ? chance(v, 0.1) ? OFFER_PLAIN_HELO : 0 : OFFER_STARTTLS);
    if (!without && chance(v, 0.7)) {
        tls_upgrade(v, "STARTTLS", "220 Go ahead", 60 + draw(v, 300), 80);
        return;
    }
    user_address(draw(v, USERS), from);
    outside_address(user, domain, l.rcpts[0]);
    l.from = from;
    l.codes[0] = chance(v, 0.03) ? 550 : chance(v, 0.05) ? 451 : 250;
    smtp_letter(v, &l);
    smtp_quit(v);
}
const struct role role_outbound = {.share = 0.08, .per_week = 80000, .daily = true, .act = outbound};

/* What came from outside, or from a user, goes on to outside: the same Message-ID. */
static void onward(struct visit *v)
{
    struct letter l = {
        .mail = v->actor->mail, .subject = "about our meeting", .text = 250, .rcpt_count = 1, .codes = {250}};
    char from[NAME_SIZE];

    begin(v, OUTWARD, outside_mx(v->actor->domain), 25);
    smtp_hello(v, "mx.example.net", "out.example.org", OFFER_STARTTLS);
    if (v->actor->step == 1) /* from a user */
        user_address(v->actor->user, from);
    else
        outside_address(v->actor->user, 5, from);
    l.from = from;
    outside_address(v->actor->user, v->actor->domain, l.rcpts[0]);
    smtp_letter(v, &l);
    smtp_quit(v);
}
const struct role role_onward = {.act = onward};

/* --- the backup MX: for us, and for a neighbour whose own server is elsewhere --- */

static void backup(struct visit *v)
{
    struct letter l = {.mail = new_mail(v), .subject = "while you were away", .text = 200};
    struct actor next = {.role = ROLE_backup_forward, .mail = l.mail, .user = draw(v, USERS), .domain = chance(v, 0.3)};
    char from[NAME_SIZE];

    begin(v, place_outside(2, draw(v, 2000)), MX2, 25);
    smtp_hello(v, "mx2.example.org", "mail.sender.example.net", OFFER_STARTTLS);
    outside_address(draw(v, 50), draw(v, DOMAINS), from);
    l.from = from;
    first_rcpt(&l, next.user, 250);
    if (next.domain == 1)
        snprintf(l.rcpts[0], NAME_SIZE, "user%u@neighbour.example", next.user);
    smtp_letter(v, &l);
    smtp_quit(v);
    later(v, next, SECOND + draw(v, 300) * SECOND);
}
const struct role role_backup = {.share = 0.015, .per_week = 15000, .daily = true, .act = backup};

static void backup_forward(struct visit *v)
{
    struct letter l = {.mail = v->actor->mail, .subject = "while you were away", .text = 200};
    bool neighbour = v->actor->domain == 1;

    begin(v, MX2, neighbour ? place_of(80, 7, 7, 7) : MX1, 25);
    smtp_hello(v, neighbour ? "mail.neighbour.example" : "mx1.example.org", "mx2.example.org", OFFER_STARTTLS);
    l.from = "office3@firm3.example.net";
    first_rcpt(&l, v->actor->user, 250);
    if (neighbour)
        snprintf(l.rcpts[0], NAME_SIZE, "user%u@neighbour.example", v->actor->user);
    else if (chance(v, 0.03))
        l.codes[0] = 550; /* the backup does not know who has left */
    smtp_letter(v, &l);
    smtp_quit(v);
}
const struct role role_backup_forward = {.act = backup_forward};

/* --- from nobody --- */

/* Bounces of what our users sent, and of what others sent in our name: to anybody. */
static void bounce(struct visit *v)
{
    struct letter l = {.mail = new_mail(v), .from = "", .subject = "Undelivered Mail Returned to Sender", .text = 300};

    begin(v, outside_mx(draw(v, DOMAINS)), MX1, 25);
    smtp_hello(v, "mx1.example.org", "mx.somewhere.example.net", OFFER_STARTTLS);
    first_rcpt(&l, draw(v, USERS), 250);
    if (chance(v, 0.3)) {
        snprintf(l.rcpts[0], NAME_SIZE, "x%u@example.org", draw(v, 100000));
        l.codes[0] = 550;
    }
    smtp_letter(v, &l);
    smtp_quit(v);
}
const struct role role_bounce = {.share = 0.015, .per_week = 8000, .act = bounce};

/* Is that sender one of yours? Many of them are forged: whoever gets much spam in our name asks much. */
static void callout(struct visit *v)
{
    begin(v, place_outside(8, v->actor->number), MX1, 25);
    smtp_hello(v, "mx1.example.org", "verify.example.net", OFFER_STARTTLS);
    say(v, CLIENT, "MAIL FROM:<>");
    say(v, SERVER, "250 2.1.0 Ok");
    if (chance(v, 0.4)) {
        say(v, CLIENT, "RCPT TO:<x%u@example.org>", draw(v, 100000));
        say(v, SERVER, "550 5.1.1 Recipient address rejected: User unknown in local recipient table");
    } else {
        say(v, CLIENT, "RCPT TO:<user%u@example.org>", draw(v, USERS) / 4 * 4);
        say(v, SERVER, "250 2.1.5 Ok");
    }
    smtp_quit(v);
}
const struct role role_callout = {.share = 0.006, .per_week = 1500, .act = callout};

/* --- others --- */

/* Printers and programs of ours: to us, and to their maker. */
static void application(struct visit *v)
{
    struct letter l = {.mail = new_mail(v), .subject = "a report", .text = 150, .from = "printer@example.org"};

    begin(v, place_of(10, 20, 3, 1 + v->actor->number % 200), OUTWARD, 25);
    smtp_hello(v, "out.example.org", "printer", chance(v, 0.5) ? OFFER_PLAIN_HELO : OFFER_STARTTLS);
    first_rcpt(&l, draw(v, USERS), 250);
    if (chance(v, 0.2))
        snprintf(l.rcpts[0], NAME_SIZE, "service@maker.example.com");
    smtp_letter(v, &l);
    smtp_quit(v);
}
const struct role role_application = {.share = 0.008, .per_week = 100, .daily = true, .act = application};

/* What comes from the Internet every day: a try to relay, a name that nobody has, a single VRFY, a browser. */
static void radiation(struct visit *v)
{
    struct letter l = {.mail = new_mail(v), .subject = "x", .text = 50, .from = "spam@wild.example.com"};

    begin(v, place_outside(9, v->actor->number * 10 + draw(v, 10)), chance(v, 0.5) ? MX1 : MX2, 25);
    smtp_hello(v, "mx1.example.org", "User", chance(v, 0.5) ? OFFER_PLAIN_HELO : OFFER_STARTTLS);
    first_rcpt(&l, draw(v, USERS), 550);
    switch (draw(v, 4)) {
    case 0:
        snprintf(l.rcpts[0], NAME_SIZE, "test@elsewhere.example.com");
        l.codes[0] = 554;
        break;
    case 1:
        snprintf(l.rcpts[0], NAME_SIZE, "sales%u@example.org", draw(v, 9));
        break;
    case 2:
        say(v, CLIENT, "VRFY root");
        say(v, SERVER, "252 2.0.0 root");
        smtp_quit(v);
        return;
    default:
        say(v, CLIENT, "AUTH LOGIN");
        say(v, SERVER, "503 5.5.1 Error: authentication not enabled");
        return;
    }
    smtp_letter(v, &l);
    smtp_quit(v);
}
const struct role role_radiation = {.share = 0.01, .per_week = 40, .act = radiation};

/* Every minute, at each server: is anybody there? */
static void monitor(struct visit *v)
{
    unsigned which = v->actor->number % 4;

    begin(v, place_of(10, 20, 9, 10),
          which == 0   ? MX1
          : which == 1 ? SUBMIT
                       : ACCESS,
          (uint16_t[]){25, 587, 110, 143}[which]);
    if (which < 2) {
        smtp_hello(v, which == 0 ? "mx1.example.org" : "submit.example.org", "monitor.example.org",
                   which == 0 ? OFFER_STARTTLS : OFFER_STARTTLS | OFFER_AUTH);
        smtp_quit(v);
    } else if (which == 2) {
        say(v, SERVER, "+OK POP3 ready");
        say(v, CLIENT, "QUIT");
        say(v, SERVER, "+OK Bye");
    } else {
        say(v, SERVER, "* OK [CAPABILITY IMAP4rev1 IDLE STARTTLS] ready");
        say(v, CLIENT, "x LOGOUT");
        say(v, SERVER, "* BYE\r\nx OK Logout");
    }
}
const struct role role_monitor = {.share = 0.05, .per_week = 10080, .every = MINUTE, .least = 4, .act = monitor};

/* A load balancer waits for the greeting, and goes. */
static void balancer(struct visit *v)
{
    begin(v, place_of(10, 20, 9, 20 + v->actor->number % 2), v->actor->number % 2 ? MX1 : ACCESS,
          v->actor->number % 2 ? 25 : 110);
    if (v->actor->number % 2)
        say(v, SERVER, "220 mx1.example.org ESMTP");
    else
        say(v, SERVER, "+OK POP3 ready");
}
const struct role role_balancer = {.share = 0.03, .per_week = 15000, .every = 40 * SECOND, .least = 2, .act = balancer};
