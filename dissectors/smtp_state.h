/* The state of an SMTP conversation, and what the dissector's files do with it for each other.

   smtp.c reads the client's side, smtp_command.c its commands, smtp_content.c its contents, smtp_auth.c its logins;
   smtp_reply.c reads the server's side, smtp_answer.c puts a reply to its command, smtp_effect.c says what that did. */
#ifndef MAILTAP_DISSECTORS_SMTP_STATE_H
#define MAILTAP_DISSECTORS_SMTP_STATE_H

#include "smtp.h"

enum mode {
    MODE_COMMANDS,
    MODE_DATA,    /* DATA was sent: what comes next is content or a command, as the server decides */
    MODE_CONTENT, /* dotted */
    MODE_CHUNK,   /* counted: BDAT, XEXCH50 */
    MODE_AUTH,    /* AUTH or an answer was sent: the next line is an answer or a command */
    MODE_ANSWER,  /* the server asked: the next line is an answer */
    MODE_TLS,     /* STARTTLS was sent */
    MODE_REPLY,   /* a command was sent whose reply decides what comes next: TURN, ATRN, XEXCH50 */
    MODE_DEAF,    /* the client does not speak SMTP any more */
    MODE_IGNORE,  /* no dialogue any more */
};

struct partial_reply {
    struct buf lines;
    struct smtp_reply reply;
};

struct smtp {
    struct transaction *open;
    struct upload *uploads;      /* the newest first */
    struct upload *upload;       /* the one being sent; in the list */
    struct partial_reply *reply; /* a reply of several lines, not whole yet */
    struct login *login;
    uint8_t *user;        /* who logged in */
    uint8_t *server_name; /* by EHLO's reply, where the greeting said another; else null */
    struct untold untold;
    const char *starttls; /* as records have it; null until it was tried */
    uint64_t chunk_left;
    uint64_t content_knew; /* what the sender of the content had received of the server when it sent the last of it that
                              was captured; before there is any, the 354 */
    uint64_t content_gap;  /* place of the last loss in it */
    uint64_t lost_from, lost_to; /* places: the last loss of the client's octets among commands */
    uint64_t replied;            /* place of the first octet of the last reply that ended a command */
    uint32_t user_len, server_name_len, messages, next_upload;
    uint32_t rcpt_ok, rcpt_rejected, vrfy_ok, vrfy_unsure, vrfy_rejected, expn_ok, expn_rejected;
    struct login_counts logins;
    uint8_t mode;
    bool caps_known; /* the last EHLO or HELO was answered, and the answer is whole */
    bool renamed;    /* server_name holds, even if it is empty */
    bool pipelining_offered, greeted, logged_in, secret_zone, doubt, chunk_last, starttls_offered, smuggling, lost_any,
        lost_replies, adrift, said_hello, chunking_offered;
    bool envelope_lost; /* octets of the client were lost since its last MAIL, or its last chunk */
};

/* --- smtp.c --- */

/* What the client last said it was, and the server. */
struct bytes smtp_helo(struct session *s);
struct bytes smtp_server_name(struct session *s);

/* The server names itself in its reply to EHLO. */
void smtp_rename_server(struct session *s, struct bytes name);

bool smtp_is_lmtp(const struct session *s);

/* The word records have for it; null where nothing is known: no answer to EHLO was seen. */
const char *smtp_starttls(const struct smtp *x);

/* Octets of the client from one place up to another were lost, where commands may have stood. */
void smtp_lost_commands(struct smtp *x, uint64_t from, uint64_t to);

/* --- smtp_probe.c --- */

enum probe smtp_probe(struct bytes client, struct bytes server);

/* --- smtp_command.c --- */

/* A whole line where a command was due. */
void smtp_command(struct session *s, const struct line *line);

/* --- smtp_content.c --- */

/* DATA was answered by 354; or that reply, which then is null, was not seen. */
void smtp_begin_content(struct session *s, struct command *c, const struct smtp_reply *reply);

/* BDAT <size> [LAST] was sent. */
void smtp_begin_chunk(struct session *s, struct command *c, struct bytes arg);

/* That reply came within the chunk that BDAT announced. True: the server knows no BDAT, so what the client says next is
   commands to it, however many octets were announced; the chunk has ended. */
bool smtp_refuse_chunk(struct smtp *x, struct command *c, uint32_t code);

/* XEXCH50 <size> <recipients> was sent: so many octets follow once the server says 354. */
void smtp_begin_xexch50(struct smtp *x, struct bytes arg);

/* Read on in the content, in the chunk. False: what is needed is not here. */
bool smtp_read_content(struct session *s, struct input *in);
bool smtp_read_chunk(struct session *s, struct input *in);

/* Makes the content that the command sent the open transaction's. */
void smtp_link_upload(struct session *s, struct command *c);

void upload_free(struct smtp *x, struct upload *u);

/* --- smtp_auth.c --- */

/* AUTH [mechanism [initial response]] was sent, or an answer to a 334. */
void smtp_begin_login(struct session *s, struct command *c, const struct line *line, struct bytes arg);
void smtp_answer_login(struct session *s, const struct line *line);

/* So many octets of that side were lost here, perhaps of an exchange. */
void smtp_lost_login(struct session *s, enum side side, const struct mark *where, uint64_t len);

/* The reply that ended the exchange, or code 0. */
void smtp_did_login(struct session *s, struct command *c, const struct smtp_reply *reply);

/* From now on messages are that user's; empty: nobody knows whose. */
void smtp_logged_in(struct smtp *x, struct bytes user);

/* --- smtp_reply.c --- */

void smtp_read_server(struct session *s, struct input *in);

/* The stream ends inside a reply. */
void smtp_end_reply(struct session *s);

/* --- smtp_answer.c --- */

/* The reply answers the command, which is the oldest without one. */
void smtp_answer(struct session *s, struct command *c, const struct smtp_reply *reply);

/* No reply to it was seen and none will be. */
void smtp_unanswered(struct session *s, struct command *c);

/* Notes it where its sender had not yet received the last reply, of a server that did not offer PIPELINING. */
void smtp_note_pipelined(struct session *s, struct command *c);

/* STARTTLS or X-ANONYMOUSTLS was accepted. */
void smtp_begin_tls(struct session *s, enum verb verb);

/* --- smtp_effect.c --- */

extern const struct smtp_reply smtp_no_reply; /* code 0 */

void smtp_did(struct session *s, struct command *c, const struct smtp_reply *reply);

/* The command was accepted in a transaction, and none is open: if its MAIL was lost, one is from now on. */
void smtp_open_headless(struct session *s, const struct command *c);

/* Ends the open transaction, if any: `reply` answered its content (else smtp_no_reply). */
void smtp_end_transaction(struct session *s, const struct smtp_reply *reply, const char *ended_by);

#endif
