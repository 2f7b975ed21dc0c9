/* What people and their devices do in a week: fetch mail, send it from anywhere, mistype passwords, forget to change
   one on a phone; and our own scanner, which looks for holes. */
#include "week_visit.h"
#include <stdio.h>

/* Where a user is: at home, in an office with others, or on the way. */
static struct place at_home(uint32_t user)
{
    return user % 3 == 0 ? place_of(10, 20, 32 + user % 64, 1 + user / 64 % 250) : place_outside(10, user);
}

static struct place whereabouts(struct visit *v, uint32_t user)
{
    if (user % 3 == 0 || chance(v, 0.9))
        return at_home(user);
    return place_outside(10, user * 100 + draw(v, 100));
}

static void passwords(uint32_t user, char name[static NAME_SIZE], char password[static NAME_SIZE])
{
    user_address(user, name);
    snprintf(password, NAME_SIZE, "Right-%u", user * 7919 % 100003);
}

/* --- fetching --- */

static void pop3_poll(struct visit *v)
{
    char name[NAME_SIZE], password[NAME_SIZE];
    unsigned messages = chance(v, 0.2) ? 1 + draw(v, 2) : 0;
    uint32_t user = v->actor->number % USERS;

    passwords(user, name, password);
    if (user % 3 == 1) {
        begin(v, whereabouts(v, user), ACCESS, 995);
        tls_talk(v, 60, 60 + draw(v, 100));
        return;
    }
    begin(v, whereabouts(v, user), ACCESS, 110);
    pop3_login(v, name, password, true);
    say(v, CLIENT, "STAT");
    say(v, SERVER, "+OK %u %u", messages, messages * 400);
    for (unsigned i = 1; i <= messages; i++) {
        say(v, CLIENT, "RETR %u", i);
        say(v, SERVER,
            "+OK\r\nFrom: <a@example.net>\r\nSubject: for you\r\nMessage-ID: <p%u@week.example>\r\n\r\nHello.\r\n.",
            new_mail(v));
        say(v, CLIENT, "DELE %u", i);
        say(v, SERVER, "+OK");
    }
    say(v, CLIENT, "QUIT");
    say(v, SERVER, "+OK Bye");
}
const struct role role_pop3_poll = {.share = 0.22, .per_week = 500, .daily = true, .act = pop3_poll};

static void idle(struct visit *v)
{
    say(v, CLIENT, "a4 IDLE");
    say(v, SERVER, "+ idling");
    for (unsigned i = draw(v, 3); i > 0; i--) {
        wait_for(v, SERVER, (1 + draw(v, 9)) * MINUTE);
        say(v, SERVER, "* %u EXISTS", 100 + draw(v, 50));
        wait_for(v, CLIENT, SECOND / 10);
        say(v, CLIENT, "DONE");
        say(v, SERVER, "a4 OK Idle completed");
        say(v, CLIENT, "a4 IDLE");
        say(v, SERVER, "+ idling");
    }
    wait_for(v, CLIENT, (1 + draw(v, 25)) * MINUTE);
    say(v, CLIENT, "DONE");
    say(v, SERVER, "a4 OK Idle completed");
}

static void imap_client(struct visit *v)
{
    char name[NAME_SIZE], password[NAME_SIZE];
    uint32_t user = v->actor->number % USERS;

    passwords(user, name, password);
    if (user % 4 == 1) {
        begin(v, whereabouts(v, user), ACCESS, 993);
        tls_talk(v, 100, 80 + draw(v, 400));
        return;
    }
    begin(v, whereabouts(v, user), ACCESS, 143);
    if (user % 4 == 2) {
        say(v, SERVER, "* OK [CAPABILITY IMAP4rev1 IDLE STARTTLS LOGINDISABLED] ready");
        tls_upgrade(v, "a0 STARTTLS", "a0 OK Begin TLS negotiation now", 100, 200);
        return;
    }
    imap_login(v, name, password, true);
    say(v, CLIENT, "a2 SELECT INBOX");
    say(v, SERVER, "* %u EXISTS\r\n* OK [UIDVALIDITY 17] ok\r\na2 OK [READ-WRITE] done", 100 + draw(v, 50));
    say(v, CLIENT, "a3 UID FETCH 90:* (FLAGS)");
    say(v, SERVER, "* 90 FETCH (UID 190 FLAGS (\\Seen))\r\na3 OK done");
    if (chance(v, 0.4))
        idle(v);
    say(v, CLIENT, "a5 LOGOUT");
    say(v, SERVER, "* BYE\r\na5 OK done");
}
const struct role role_imap_client = {.share = 0.12, .per_week = 150, .daily = true, .act = imap_client};

/* Two frontends log in for everybody, and know no password better than who typed it. */
static void webmail(struct visit *v)
{
    char name[NAME_SIZE], password[NAME_SIZE];
    uint32_t user = draw(v, USERS);
    bool good = !chance(v, 0.05);

    passwords(user, name, password);
    begin(v, place_of(10, 20, 1, 40 + v->actor->number % 2), ACCESS, 143);
    imap_login(v, name, good ? password : "Worng", good);
    if (good) {
        say(v, CLIENT, "a2 STATUS INBOX (MESSAGES UNSEEN)");
        say(v, SERVER, "* STATUS INBOX (MESSAGES %u UNSEEN 2)\r\na2 OK done", 100 + draw(v, 50));
    }
    say(v, CLIENT, "a3 LOGOUT");
    say(v, SERVER, "* BYE\r\na3 OK done");
}
const struct role role_webmail = {.share = 0.09, .per_week = 45000, .daily = true, .act = webmail};

/* --- sending --- */

static void roaming(struct visit *v)
{
    struct letter l = {.mail = new_mail(v), .subject = "from the train", .text = 200, .rcpt_count = 1, .codes = {250}};
    char name[NAME_SIZE], password[NAME_SIZE];
    uint32_t user = v->actor->number % USERS;
    struct actor next = {.role = ROLE_onward, .step = 1, .mail = l.mail, .user = user, .domain = draw(v, 40)};

    passwords(user, name, password);
    if (user % 5 == 1) {
        begin(v, whereabouts(v, user), SUBMIT, 465);
        tls_talk(v, 700, 200);
        return;
    }
    begin(v, whereabouts(v, user), SUBMIT, 587);
    smtp_hello(v, "submit.example.org", "laptop.lan", OFFER_STARTTLS | (user % 5 == 2 ? OFFER_AUTH : 0));
    if (user % 5 != 2) {
        tls_upgrade(v, "STARTTLS", "220 2.0.0 Ready to start TLS", 700, 200);
        return;
    }
    smtp_auth(v, name, password, true);
    l.from = name;
    outside_address(user, next.domain, l.rcpts[0]);
    smtp_letter(v, &l);
    smtp_quit(v);
    later(v, next, SECOND);
}
const struct role role_roaming = {.share = 0.06, .per_week = 60, .daily = true, .act = roaming};

/* --- passwords that are not right --- */

/* Every few minutes, for days, the password of last year; APOP's answer is another one each time. */
static void stale_phone(struct visit *v)
{
    char name[NAME_SIZE];
    uint32_t n = v->actor->number, user = 900 + n;
    struct place phone = n % 4 != 1 ? place_outside(11, n) : place_outside(11, n * 1000 + v->actor->step / 50u);

    user_address(user, name);
    begin(v, phone, n % 4 == 2 ? SUBMIT : ACCESS, n % 4 == 0 ? 143 : n % 4 == 2 ? 587 : 110);
    switch (n % 4) {
    case 0:
        imap_login(v, name, "Old-2025", false);
        say(v, CLIENT, "a2 LOGOUT");
        say(v, SERVER, "* BYE\r\na2 OK done");
        return;
    case 1:
        pop3_login(v, name, "Old-2025", false);
        break;
    case 2:
        smtp_hello(v, "submit.example.org", "phone", OFFER_STARTTLS | OFFER_AUTH);
        smtp_auth(v, name, "Old-2025", false);
        smtp_quit(v);
        return;
    default:
        say(v, SERVER, "+OK POP3 ready <%u.%u@example.org>", n, v->actor->step);
        say(v, CLIENT, "APOP %s %016llx%016llx", name, (unsigned long long)random_next(v->r),
            (unsigned long long)random_next(v->r));
        say(v, SERVER, "-ERR [AUTH] Authentication failed.");
    }
    say(v, CLIENT, "QUIT");
    say(v, SERVER, "+OK Bye");
}
const struct role role_stale_phone = {
    .share = 0.03, .per_week = 1500, .every = 4 * MINUTE, .least = 4, .act = stale_phone};

/* The same user's laptop, behind the same router, knows the new one. */
static void other_device(struct visit *v)
{
    char name[NAME_SIZE], password[NAME_SIZE];
    uint32_t n = v->actor->number;

    passwords(900 + n, name, password);
    begin(v, place_outside(11, n), ACCESS, n % 2 == 0 ? 143 : 110);
    if (n % 2 == 0) {
        imap_login(v, name, password, true);
        say(v, CLIENT, "a2 LOGOUT");
        say(v, SERVER, "* BYE\r\na2 OK done");
        return;
    }
    pop3_login(v, name, password, true);
    say(v, CLIENT, "QUIT");
    say(v, SERVER, "+OK Bye");
}
const struct role role_other_device = {.share = 0.002, .per_week = 100, .daily = true, .least = 4, .act = other_device};

/* Once, twice, three times, then right: in one connection, or each in its own. */
static void mistyped(struct visit *v)
{
    char name[NAME_SIZE], password[NAME_SIZE];
    uint32_t user = v->actor->number % USERS;
    unsigned wrong = 1 + draw(v, 3);
    struct actor next = {.role = ROLE_retype, .step = (uint16_t)wrong, .user = user};

    passwords(user, name, password);
    if (chance(v, 0.5)) {
        v->actor->user = user;
        later(v, next, 10 * SECOND);
        begin(v, at_home(user), ACCESS, 110);
        pop3_login(v, name, "Wrogn-0", false);
        return;
    }
    begin(v, at_home(user), ACCESS, 143);
    imap_login(v, name, "Wrogn-1", false);
    for (unsigned i = 1; i < wrong; i++) {
        wait_for(v, CLIENT, 5 * SECOND);
        say(v, CLIENT, "b%u LOGIN %s Wrogn-%u", i, name, i + 1);
        say(v, SERVER, "b%u NO [AUTHENTICATIONFAILED] Authentication failed.", i);
    }
    wait_for(v, CLIENT, 7 * SECOND);
    say(v, CLIENT, "c LOGIN %s %s", name, password);
    say(v, SERVER, "c OK Logged in");
    say(v, CLIENT, "d LOGOUT");
    say(v, SERVER, "* BYE\r\nd OK done");
}
const struct role role_mistyped = {.share = 0.008, .per_week = 3, .daily = true, .act = mistyped};

static void retype(struct visit *v)
{
    char name[NAME_SIZE], password[NAME_SIZE], wrong[NAME_SIZE];
    struct actor next = *v->actor;
    bool good = v->actor->step <= 1;

    passwords(v->actor->user, name, password);
    snprintf(wrong, sizeof(wrong), "Wrogn-%u", v->actor->step);
    begin(v, at_home(v->actor->user), ACCESS, 110);
    pop3_login(v, name, good ? password : wrong, good);
    say(v, CLIENT, "QUIT");
    say(v, SERVER, "+OK Bye");
    next.step--;
    if (!good)
        later(v, next, 8 * SECOND);
}
const struct role role_retype = {.act = retype};

/* --- the scanner, which the site has on its list of those that may --- */

static void scanner(struct visit *v)
{
    struct letter l = {.mail = 1, .subject = "scan", .from = "scan@example.org", .rcpt_count = 1, .codes = {554}};
    char name[NAME_SIZE], wrong[NAME_SIZE];
    unsigned step = v->actor->step;

    user_address(step / 5 % USERS, name);
    snprintf(wrong, sizeof(wrong), "admin%u", step);
    if (step % 5 == 3) {
        begin(v, place_of(10, 20, 9, 9), ACCESS, 110);
        pop3_login(v, name, wrong, false);
        return;
    }
    if (step % 5 == 4) {
        begin(v, place_of(10, 20, 9, 9), ACCESS, 143);
        imap_login(v, "admin@example.org", wrong, false);
        return;
    }
    begin(v, place_of(10, 20, 9, 9), step % 2 ? MX1 : MX2, 25);
    smtp_hello(v, step % 2 ? "mx1.example.org" : "mx2.example.org", "scanner.example.org", OFFER_STARTTLS);
    if (step % 5 == 0) {
        say(v, CLIENT, "VRFY %s", name);
        say(v, SERVER, "252 2.0.0 %s", name);
        say(v, CLIENT, "EXPN staff%u", step);
        say(v, SERVER, "502 5.5.1 not implemented");
    } else {
        snprintf(l.rcpts[0], NAME_SIZE,
                 step % 5 == 1 ? "relay%%elsewhere%u.example.com@example.org" : "a%u@elsewhere.example.com", step);
        smtp_letter(v, &l);
    }
    smtp_quit(v);
}
const struct role role_scanner = {.share = 0.003, .per_week = 1000000, .every = 15 * SECOND, .act = scanner};
