/* What the files of the SMTP dissector share. SMTP: RFC 5321; LMTP: RFC 2033. */
#ifndef MAILTAP_DISSECTORS_SMTP_H
#define MAILTAP_DISSECTORS_SMTP_H

#include "base/buf.h"
#include "login.h"
#include "mail/content.h"
#include "untold.h"

enum verb {
    VERB_UNKNOWN,
#define VERB(id, text) VERB_##id,
#include "smtp_verbs.def"
#undef VERB
};

/* As records spell it; "?" for VERB_UNKNOWN. */
const char *smtp_verb_name(enum verb verb);

/* The verb a line begins with; *arg gets the rest, trimmed. */
enum verb smtp_verb(struct bytes line, struct bytes *arg);

/* Is this line a command beyond reasonable doubt: a known verb, and behind it what the verb asks for? */
bool smtp_is_command(struct bytes line);

/* "250", "250-", "250 text": three digits, whatever they are (000 becomes 1000); false where it is no reply line. No
   more lines follow where *last. */
bool smtp_reply_line(struct bytes line, uint32_t *code, bool *last, struct bytes *text);

/* Is it a code that records have a place for? Others answer their command, and that is all. */
static inline bool smtp_code_is_known(uint32_t code)
{
    return code >= 100 && code < 600;
}

static inline bool smtp_is_ok(uint32_t code)
{
    return code >= 200 && code < 300;
}

static inline bool smtp_is_refusal(uint32_t code)
{
    return code >= 400 && code < 600;
}

/* Cuts an enhanced status code (RFC 2034) off the front of a reply's text; empty where there is none. */
struct bytes smtp_status(struct bytes *text);

/* The word for why it was refused, or null: not refused, or the codes do not tell. */
const char *smtp_reason(uint32_t code, struct bytes status);

struct smtp_reply {     /* one reply, whole */
    uint32_t code;      /* 0: none was seen; outside 100 to 599: none to tell */
    struct bytes lines; /* the texts of its lines, joined by LF */
    uint32_t count;
    struct mark first, last;
    bool cut; /* a gap is inside it */
};

/* The text of a reply without the enhanced status code of its first line, wherever a line has that; lines joined by LF.
 */
void smtp_reply_text(const struct smtp_reply *reply, struct buf *text);

/* Makes a buf of the whole reply: the code once, lines joined by LF. */
void smtp_reply_whole(const struct smtp_reply *reply, struct buf *whole);

/* --- the content being sent: DATA's, or that of all BDATs up to LAST --- */

struct upload {
    struct upload *next;
    struct content *content;
    uint32_t id;
    bool bdat;
    bool envelope_lost; /* octets of the client between MAIL and it were not captured: recipients, perhaps */
    bool doubtful;      /* whole chunks of it may be lost; where its size is the declared one, none is */
    bool undecided;     /* whether it ended at an odd end inside is not known */
    bool counted;       /* in a transaction, or as one that has none */
    bool ended;         /* the end was seen */
    bool left;          /* the client closed inside it, before the server said anything */
    struct mark last;   /* of its last octet */
    struct record *odd; /* F_message_eod_odd groups, or null */
    const char *eod;    /* the form of its end, or null */
};

/* --- transactions --- */

struct recipient {
    size_t addr_at, addr_len; /* the mailbox, in the transaction's text */
    size_t text_at, text_len; /* the last reply's text there */
    const char *form;
    uint64_t frame;
    uint32_t code, final_code;
    char status[12], final_status[12];
    bool unsure;
};

struct transaction {
    struct mark first, last;
    struct buf text; /* mailboxes, parameters, reply texts */
    size_t from_len; /* the reverse-path stands first in it */
    size_t params_at, params_len;
    struct recipient *rcpts;
    size_t rcpt_count, rcpt_cap;
    size_t rcpt_next;                                   /* whose own reply after the data comes next */
    uint64_t rcpt_omitted, rcpt_refused, rcpt_deferred; /* deferred: of those refused */
    uint32_t content_refusal;                           /* reply code of a refused DATA or chunk; 0: none */
    uint32_t others_code;     /* the best reply that named a recipient whose RCPT was not captured */
    uint64_t omitted_waiting; /* accepted ones beyond those listed, whose own reply is to come */
    struct upload *upload;    /* not owned */
    bool replies_lost;        /* some replies to it were not captured: whose each of the others is, is a guess */
    bool unproven;            /* the reply to its MAIL was not seen */
    bool headless;            /* its MAIL was not: who sent it is not known, nor all its recipients */
    bool smuggled, unsure;
};

/* The transaction that an accepted MAIL opens; or that this command belongs to, its MAIL not captured. */
struct transaction *transaction_new(const struct command *c, bool is_mail);
void transaction_free(struct transaction *t);
size_t transaction_held(const struct transaction *t); /* the memory it takes, without the upload */
void transaction_rcpt(struct transaction *t, const struct command *rcpt, const struct smtp_reply *reply,
                      const struct limits *limits);

/* May RCPTs of it not have been captured, now that its content is there? */
bool transaction_rcpts_lost(const struct transaction *t);

/* A recipient's own reply after the data (LMTP, PRDR): of the one that it names, else of the next. False: every
   accepted recipient has one. */
bool transaction_rcpt_final(struct transaction *t, const struct smtp_reply *reply, bool unsure);

/* Was all of its content seen, from the first octet to its end? */
bool transaction_is_whole(const struct transaction *t);

/* What MAIL's SIZE= said of the content. False where it said nothing. */
bool transaction_declared_size(const struct transaction *t, uint64_t *size);

/* How many accepted recipients still wait for one. */
uint64_t transaction_waiting(const struct transaction *t);

struct message_facts {    /* what a message record repeats of its session */
    const char *ended_by; /* rset, quit, helo, mail, close, data */
    bool server_closed;   /* the server was seen to its end: what it did not say it never said */
    bool lost;            /* octets of the session were not captured */
    bool lmtp;
    struct bytes helo, server_name;
    bool logged_in, login_unknown;
    struct bytes user;
    uint64_t index;
};

/* Writes the message record. The reply: to the content, or code 0. */
void transaction_write(struct session *s, struct transaction *t, const struct smtp_reply *reply,
                       const struct message_facts *facts);

/* --- a doubtful end of data (smtp_eod.c) --- */

enum eod_verdict { EOD_WAIT, EOD_ENDS, EOD_TEXT };

struct eod_finding {
    bool tell;            /* a command or silence followed: worth a line in eod_odd */
    bool at_once;         /* commands followed without waiting for the reply */
    const char *honoured; /* yes, no, unknown */
    const char *verb;     /* the first behind it, or null */
    uint32_t commands;    /* how many */
};

enum eod_verdict smtp_judge_eod(struct session *s, struct input *client, const struct chunk *chunk, uint64_t knew,
                                struct eod_finding *ret);

const char *smtp_eod_name(enum eod form);

#endif
