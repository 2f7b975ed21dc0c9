/* What two sides of a connection will say, turn by turn, and the facts that follow from it: written by the protocols
   (mail_transfer.c, mail_access.c, background.c), played as packets by conversation.c, told as truth by truth.c. */
#ifndef MAILTAP_BENCH_SCRIPT_H
#define MAILTAP_BENCH_SCRIPT_H

#include "base/buf.h"
#include "random.h"

enum side { CLIENT, SERVER };

struct span { /* octets of one side's stream that a fact rests on; none where from is to */
    enum side side;
    uint64_t from, to;
};

struct fact_command {
    char verb[20];
    int code, final_code; /* SMTP, LMTP; 0: none */
    const char *result;   /* POP3, IMAP; null: none */
    struct span asked, answered, finished;
};

struct fact_message {
    char message_id[96], subject[128];
    uint64_t size;
    char sha256[65];
    char attachment[48], attachment_sha256[65];
    struct span header, content; /* the content with what ends it */
    size_t command;              /* that it belongs to */
};

struct fact_recipient {
    char address[64];
    int code, delivery_code;
    size_t command;
};

struct fact_transaction {
    char mail_from[64];
    size_t first_recipient, recipients;
    int final_code;
    size_t mail, data; /* commands */
    bool has_message;
    struct fact_message message;
};

struct fact_auth {
    const char *mech;
    char user[40];
    bool success;
    size_t command;
};

struct piece {
    const uint8_t *shared; /* null: in the script's own text */
    size_t at, len;
};

struct turn {
    enum side side;
    size_t first_piece, pieces;
    uint64_t from, len; /* of its side's stream */
    int64_t delay;      /* microseconds of thought before it */
};

struct script {
    const char *protocol; /* null: no mail, nothing of it is truth */
    uint16_t port;
    bool udp, server_closes, flood;
    char helo[64];
    const char *extensions; /* as JSON's list */
    struct buf text;
    struct piece *pieces;
    struct turn *turns;
    struct fact_command *commands;
    struct fact_recipient *recipients;
    struct fact_transaction *transactions;
    struct fact_message *messages;
    struct fact_auth *auths;
    size_t piece_count, turn_count, command_count, recipient_count, transaction_count, message_count, auth_count;
    size_t piece_cap, turn_cap, command_cap, recipient_cap, transaction_cap, message_cap, auth_cap;
    uint64_t sent[2];
};

void script_init(struct script *s, const char *protocol, uint16_t port);
void script_release(struct script *s);

/* Makes room for one more item in an array of the script, zeroed. */
void *script_room(void *items, size_t *count, size_t *cap, size_t size);
#define SCRIPT_ADD(s, name)                                                                                            \
    ((s)->name##s = script_room((s)->name##s, &(s)->name##_count, &(s)->name##_cap, sizeof(*(s)->name##s)),            \
     (s)->name##s + (s)->name##_count - 1)

/* From here on `side` speaks, after `delay` microseconds. Nothing happens where it speaks already. */
void script_turn(struct script *s, enum side side, int64_t delay);

/* What the side whose turn it is says. */
void script_say(struct script *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void script_say_octets(struct script *s, struct bytes octets);

/* As script_say_octets; the octets are not copied and outlive the script. */
void script_say_shared(struct script *s, struct bytes octets);

/* Place in the stream of the side that speaks. */
uint64_t script_place(const struct script *s);

/* A command line, CRLF added, and the fact of it. Returns its number. */
size_t script_command(struct script *s, const char *verb, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Its reply, CRLF added. SMTP: the code stands in the text. */
void script_reply(struct script *s, size_t command, int code, const char *result, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The reply to what followed it. */
void script_final(struct script *s, size_t command, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Copies `len` octets of a turn, from `at` of it on. */
void script_read(const struct script *s, const struct turn *turn, uint64_t at, size_t len, uint8_t *to);

#endif
