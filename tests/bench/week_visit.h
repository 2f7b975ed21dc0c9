/* One session of the week as it is written: who visits whom, and what both say. Not for others than week*.c. */
#ifndef MAILTAP_BENCH_WEEK_VISIT_H
#define MAILTAP_BENCH_WEEK_VISIT_H

#include "conversation.h"
#include "week.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

struct place {
    uint8_t octets[16]; /* IPv4: the first four */
    bool ipv6;
};

/* Who does something, again and again, or once. */
struct actor {
    uint16_t role, step;
    uint32_t number; /* which of the role */
    uint32_t mail;   /* that it is about: its Message-ID */
    uint32_t user, domain;
};

struct visit {
    struct week *week;
    struct script *s;
    struct random *r;
    struct actor *actor;
    struct place client, server;
    int64_t now;
    bool none; /* nothing is said this time */
};

/* --- places and names (week.c) --- */

struct place place_of(unsigned a, unsigned b, unsigned c, unsigned d);

/* The host `number` of a crowd outside: the same number, the same address; of many networks, some of IPv6. */
struct place place_outside(unsigned crowd, uint32_t number);
void place_text(const struct place *p, char *text, size_t size);

#define MX1     place_of(198, 51, 100, 10)
#define MX2     place_of(198, 51, 100, 11)
#define OUTWARD place_of(198, 51, 100, 12)
#define SUBMIT  place_of(198, 51, 100, 20)
#define ACCESS  place_of(198, 51, 100, 30)
#define LEGACY  place_of(198, 51, 100, 77)
#define LISTS   place_of(10, 20, 1, 50)

enum { USERS = 3000, DOMAINS = 400, NAME_SIZE = 80 };

/* "user17@example.org", or at one of our other domains. */
void user_address(uint32_t user, char name[static NAME_SIZE]);
void outside_address(uint32_t user, uint32_t domain, char name[static NAME_SIZE]);
void outside_domain(uint32_t domain, char name[static NAME_SIZE]);
struct place outside_mx(uint32_t domain);

/* The actor does its thing at that time, beside what it does already. */
void later(struct visit *v, struct actor actor, int64_t after);
uint32_t new_mail(struct visit *v);

/* What was planted: the rule that has to speak, the address (or domain) that it has to be about, and rules that may
   speak of the same, separated by blanks. */
void planted(struct week *w, const char *rule, const char *whom, const char *also);

/* --- what is said (week_visit.c) --- */

void begin(struct visit *v, struct place client, struct place server, uint16_t port);
void say(struct visit *v, enum side side, const char *format, ...) __attribute__((format(printf, 3, 4)));
void wait_for(struct visit *v, enum side side, int64_t delay); /* before that side speaks */
uint32_t draw(struct visit *v, uint32_t below);
bool chance(struct visit *v, double share);

enum offer { OFFER_STARTTLS = 1, OFFER_AUTH = 2, OFFER_PLAIN_HELO = 4 };

void smtp_hello(struct visit *v, const char *server, const char *helo, unsigned offer);
void smtp_quit(struct visit *v);

struct letter {
    const char *from;
    char rcpts[24][NAME_SIZE];
    int codes[24];
    unsigned rcpt_count;
    uint32_t mail;
    const char *subject, *header; /* header: more of it, each line ended; or null */
    unsigned text;                /* octets, about */
};

/* MAIL, RCPTs and, where one was accepted, the content. */
void smtp_letter(struct visit *v, const struct letter *l);

/* AUTH PLAIN and its reply. */
void smtp_auth(struct visit *v, const char *user, const char *password, bool good);

/* STARTTLS (or IMAP's, POP3's: the line is given), then what nobody can read, and the end. */
void tls_upgrade(struct visit *v, const char *line, const char *reply, unsigned sent, unsigned received);
void tls_talk(struct visit *v, unsigned sent, unsigned received);

void pop3_login(struct visit *v, const char *user, const char *password, bool good);
void imap_login(struct visit *v, const char *user, const char *password, bool good);

/* --- what they do (week_mail.c, week_people.c, week_attacks.c) --- */

struct role {
    double share;    /* of all sessions */
    double per_week; /* sessions of each actor, about; 0: it is called by others only */
    bool daily;      /* more by day than by night */
    unsigned least;  /* so many actors, however short the week is */
    int64_t every;   /* or this often, each time, for as long as its share lasts */
    void (*act)(struct visit *v);
};

#define ROLES                                                                                                          \
    ROLE(peer)                                                                                                         \
    ROLE(newsletter)                                                                                                   \
    ROLE(stale_list)                                                                                                   \
    ROLE(greylisted)                                                                                                   \
    ROLE(retry)                                                                                                        \
    ROLE(list_incoming)                                                                                                \
    ROLE(list_post)                                                                                                    \
    ROLE(list_explode)                                                                                                 \
    ROLE(outbound)                                                                                                     \
    ROLE(onward)                                                                                                       \
    ROLE(backup)                                                                                                       \
    ROLE(backup_forward)                                                                                               \
    ROLE(bounce)                                                                                                       \
    ROLE(callout)                                                                                                      \
    ROLE(application)                                                                                                  \
    ROLE(radiation)                                                                                                    \
    ROLE(monitor)                                                                                                      \
    ROLE(balancer)                                                                                                     \
    ROLE(pop3_poll)                                                                                                    \
    ROLE(imap_client)                                                                                                  \
    ROLE(webmail)                                                                                                      \
    ROLE(roaming)                                                                                                      \
    ROLE(stale_phone)                                                                                                  \
    ROLE(other_device)                                                                                                 \
    ROLE(mistyped)                                                                                                     \
    ROLE(retype)                                                                                                       \
    ROLE(scanner)                                                                                                      \
    ROLE(plant_vrfy)                                                                                                   \
    ROLE(plant_rcpt)                                                                                                   \
    ROLE(plant_guess)                                                                                                  \
    ROLE(plant_spray)                                                                                                  \
    ROLE(plant_stuffing)                                                                                               \
    ROLE(plant_relay)                                                                                                  \
    ROLE(plant_harvest)                                                                                                \
    ROLE(plant_smuggling)                                                                                              \
    ROLE(plant_stripped)                                                                                               \
    ROLE(plant_injection)

#define ROLE(name) ROLE_##name,
enum role_name { ROLES ROLE_COUNT };
#undef ROLE
#define ROLE(name) extern const struct role role_##name;
ROLES
#undef ROLE

/* Begins all attacks, and tells the truth of them. */
void plant(struct week *w, void (*start)(struct week *w, struct actor actor, int64_t after));

#endif
