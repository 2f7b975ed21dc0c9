/* What the files of the POP3 dissector share: the words of the protocol (pop3_words.c), replies of several lines
   (pop3_body.c), what was done with the maildrop (pop3_maildrop.c), and the dialogue, which uses them (pop3.c). */
#ifndef MAILTAP_DISSECTORS_POP3_H
#define MAILTAP_DISSECTORS_POP3_H

#include "base/buf.h"
#include "login.h"

enum verb {
    VERB_UNKNOWN,
    VERB_USER,
    VERB_PASS,
    VERB_APOP,
    VERB_AUTH,
    VERB_STLS,
    VERB_CAPA,
    VERB_STAT,
    VERB_LIST,
    VERB_UIDL,
    VERB_RETR,
    VERB_TOP,
    VERB_DELE,
    VERB_NOOP,
    VERB_RSET,
    VERB_QUIT,
    VERB_LAST,
    VERB_UTF8,
    VERB_LANG,
    VERB_XCLIENT,
};

enum answer { ANSWER_NONE, ANSWER_OK, ANSWER_ERR, ANSWER_CHALLENGE };

struct reply { /* its first line */
    enum answer answer;
    struct bytes rcode, text, whole;
    struct mark first, last;
};

/* The command of a line and what stands behind its verb. */
enum verb pop3_verb(struct bytes line, struct bytes *arg);
const char *pop3_verb_name(enum verb v);

/* Does the line look like a command, its argument too? */
bool pop3_is_command(struct bytes line);

/* Does `+OK` to it begin several lines? `has_arg`: it had an argument. A message, and not a listing? */
bool pop3_brings_lines(enum verb v, bool has_arg);
bool pop3_brings_message(enum verb v);

/* Takes the first line of a reply apart; the views in it are the line's. ANSWER_NONE: it is none. */
enum answer pop3_reply(const struct line *line, struct reply *ret);

/* Does it begin with +OK or -ERR? */
bool pop3_is_status(struct bytes text);

/* Why a login failed, as far as response code and text tell. */
enum login_failure pop3_failure(const struct reply *reply);

enum probe pop3_probe(struct bytes client, struct bytes server);

/* --- what follows the first line of a reply, up to the dot --- */

struct body {                /* what follows the first line, up to the dot */
    struct command *command; /* null: finished early, for want of room */
    enum verb verb;
    struct mark asked, replied, last;
    struct mark gap; /* the last one in it */
    uint64_t gap_len;
    struct content *content; /* of RETR and TOP */
    struct buf caps;         /* of CAPA: whole lines as they came; of LIST: the beginning of a line */
    uint64_t lines, octets;  /* of LIST: what the messages have in all */
    bool begun;              /* that there is a body at all was looked into */
    bool within;             /* the rest of a line behind a gap is being passed over */
    bool unsure;
    bool whole;   /* a message of which all was asked for: RETR, or TOP with more lines than there are */
    bool lf_only; /* the server ends its lines without CR */
};

struct body *body_new(const struct session *s, struct command *c, const struct line *first);
void body_free(struct body *b);

enum body_state { BODY_WAITS, BODY_ENDS, BODY_CUT }; /* CUT: it has ended, but not all of it was seen */

/* Reads what is here of it. */
enum body_state body_read(struct session *s, struct body *b, struct input *in);

/* Will more of the server's lines come than are here? */
bool body_goes_on(struct session *s, const struct input *in);

/* --- the maildrop (pop3_maildrop.c): null until there is something to tell of it; free() frees it --- */

struct maildrop;

/* The command was accepted, with that text. */
void maildrop_did(struct maildrop **link, enum verb verb, struct bytes text);

/* All of LIST or UIDL of all messages was read. */
void maildrop_listed(struct maildrop **link, const struct body *b);

/* A message was read, `complete` or not. */
void maildrop_fetched(struct maildrop **link, const struct body *b, bool complete);

void maildrop_write(const struct maildrop *m, struct record *facts);
size_t maildrop_held(const struct maildrop *m);

#endif
