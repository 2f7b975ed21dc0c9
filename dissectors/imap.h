/* What the files of the IMAP dissector share. RFC 9051 (rev2), RFC 3501 (rev1). */
#ifndef MAILTAP_DISSECTORS_IMAP_H
#define MAILTAP_DISSECTORS_IMAP_H

#include "base/buf.h"
#include "login.h"
#include "mail/content.h"

enum verb {
    VERB_UNKNOWN,
#define VERB(id, text) VERB_##id,
#include "imap_verbs.def"
#undef VERB
};

/* --- lines (imap_line.c) --- */

struct imap_command {
    struct bytes tag, word, args; /* word: the verb as sent, of UID commands the first of the two */
    enum verb verb;
};

const char *imap_verb_name(enum verb verb);

/* "tag VERB args": false where it has not even two words. */
bool imap_command(struct bytes line, struct imap_command *ret);

/* Is the word made of what a tag may be made of? */
bool imap_is_tag(struct bytes word);

/* Is it a tag as clients make them, with a digit or quite short, and not a word of some other protocol? */
bool imap_is_usual_tag(struct bytes word);

/* Is this line a command beyond reasonable doubt: a tag and a known verb? */
bool imap_is_command(struct bytes line);

struct imap_literal { /* the announcement at the end of a line: {n}, {n+}, {n-}, ~{n} */
    uint64_t size;
    size_t at;  /* where it begins in the line */
    bool waits; /* the client sends the octets after a "+" only */
};

enum imap_announcement { LITERAL_NONE, LITERAL_FOUND, LITERAL_BAD_SIZE };

enum imap_announcement imap_find_literal(struct bytes line, struct imap_literal *ret);

/* The next astring of a command's arguments, in which a literal stands as "{n}", LF and its octets; unquoted into
   `out`. False where there is none or its syntax is broken. */
bool imap_astring(struct bytes *rest, struct buf *out);

enum imap_token { TOKEN_END, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_NIL, TOKEN_TEXT };

/* The next of what stands in parentheses: TEXT is an atom or a quoted string, unquoted into `text` (imap_scan.c). */
enum imap_token imap_token(struct bytes *rest, struct buf *text);

/* How many numbers the set has ("2,4:7,9:*"), `most` at most; `highest`: what "*" stands for. */
uint64_t imap_count_set(struct bytes set, uint64_t highest, uint64_t most);

enum imap_result { RESULT_OK, RESULT_NO, RESULT_BAD, RESULT_BYE, RESULT_PREAUTH };

struct imap_status { /* RFC 9051 section 7.1, behind the tag or "*" */
    enum imap_result result;
    struct bytes code, code_args; /* the response code's name, and what follows it */
    bool code_cut;                /* it has no end */
    struct bytes whole;           /* from the result on */
    struct bytes text;            /* behind the response code */
    struct bytes told;            /* the same, with the code where it has arguments */
};

bool imap_status(struct bytes text, struct imap_status *ret);

const char *imap_result_name(enum imap_result result);

/* Is it an untagged response beyond reasonable doubt? `text`: behind "* ". */
bool imap_is_untagged(struct bytes text);

/* "n FETCH (...": *items gets what stands from the parenthesis on. */
bool imap_is_fetch(struct bytes text, struct bytes *items);

/* --- a command of which more is kept than its record has (imap_request.c) --- */

enum { REQUEST_UPLOADS = 64 }; /* messages of one MULTIAPPEND (RFC 3502) that are remembered */

struct upload { /* a message that APPEND sends */
    struct upload *next;
    struct content *content; /* null: none of it was sent */
    uint64_t declared;
    struct mark last;
    bool ended;  /* all octets that were announced came */
    bool by_url; /* CATENATE (RFC 4469): a part of it does not pass here */
};

struct request {
    struct request *next;
    struct command *command;
    struct login *login;
    struct upload *uploads, *upload; /* of APPEND, in order; the newest, null where there were too many */
    struct buf shown;                /* the arguments, of literals the announcement alone */
    struct buf text;                 /* the arguments as imap_astring() reads them: it may hold a secret */
    struct buf behind;               /* all octets behind the first literal's head that did not wait for a "+" */
    struct mark behind_first;        /* of these */
    struct buf early;                /* its reply, which came before its end: behind the tag */
    struct mark early_first, early_last;
    uint32_t upload_count;
    uint64_t messages;   /* that it names, of STORE, COPY, MOVE */
    bool deletes, flags; /* of STORE: \Deleted; any other, or takes one away */
    bool spares;         /* of STORE: takes \Deleted away */
    bool open_set;       /* it holds "*" */
    bool gap;            /* octets of a literal that is no message were lost */
    bool cut;            /* its end was lost */
    bool unasked;        /* a literal came that did not wait */
    bool has_early, told, sends_message, catenate, challenged, overflow;
};

struct request *request_new(struct command *c, const struct limits *limits);
void request_free(struct request *r);

/* The next piece of the arguments; `literal`: what is announced at its end, or null. */
void request_piece(struct request *r, struct bytes piece, const struct imap_literal *literal);

/* Octets of the literal, and its end. The limits must outlive the request. */
void request_octets(struct request *r, const struct chunk *chunk, struct mail *mail);
void request_literal_ended(struct request *r, const struct mark *last, struct mail *mail);

/* Octets of the client behind a literal's head: kept where the literal did not wait. */
void request_behind(struct request *r, const struct mark *first, struct bytes octets);

/* Nothing more of it comes: sets `arg`, and what it tells of a login. `whole`: its end was seen. Later calls do
   nothing. */
void request_tell(struct request *r, bool whole);

/* The mailbox it names first, in UTF-8. */
bool request_mailbox(const struct request *r, struct buf *out);

/* Its arguments, of literals what they hold, in quotes. */
void request_criteria(const struct request *r, struct buf *out);

/* --- messages, and the FETCH responses that carry them (imap_message.c) --- */

struct message_facts { /* what a message record repeats of its session */
    uint32_t *index;   /* the number of the one before; moved on */
    struct bytes mailbox, user, server_name;
    bool logged_in, login_unknown;
};

/* The records of what an APPEND sent. The answer: what its tagged line says, or null; `first`, `last`: its marks. */
void imap_appended(struct session *s, const struct message_facts *facts, struct request *r,
                   const struct imap_status *answer, const struct mark *first, const struct mark *last);

enum fetch_item { ITEM_UID, ITEM_FLAGS, ITEM_DATE, ITEM_SIZE, ITEM_MODSEQ, ITEM_ENVELOPE, ITEM_STRUCTURE, ITEM_NONE };

struct fetch {               /* one FETCH response being read, item by item */
    struct mark first;       /* of its command, where that is known */
    struct content *content; /* of the literal being read, where it is message text */
    struct record *text;     /* of the last message text, until all that is told beside it is read */
    struct mark text_last;
    struct buf name; /* of the item being read */
    uint32_t depth;  /* of parentheses */
    uint64_t number; /* of the message */
    struct buf values[ITEM_NONE];
    enum fetch_item item; /* what is being read */
    bool in_brackets, has_name;
    bool listing;      /* ENVELOPE and BODYSTRUCTURE are of use */
    bool asked;        /* by a FETCH, not told of the server's own accord */
    bool brought_text; /* of the message */
    bool value_ended;
};

struct fetch *fetch_new(const struct mark *first);

/* Writes what is not written yet. */
void fetch_free(struct session *s, struct fetch *f);

/* The items of its first line, or what stands behind a literal. `literal`: what is announced at the end, or null. */
void fetch_line(struct session *s, struct fetch *f, const struct message_facts *facts, const struct line *line,
                struct bytes text, const struct imap_literal *literal);

/* Octets of the literal, and its end; `complete`: all of it was read. */
void fetch_octets(struct fetch *f, const struct chunk *chunk);
void fetch_literal_ended(struct session *s, struct fetch *f, const struct message_facts *facts, const struct mark *last,
                         bool complete);

/* --- what FETCH tells beside texts (imap_listed.c) --- */

enum fetch_item fetch_item_of(struct bytes name);

/* The next piece of the item's value; octets of a literal in it. */
void fetch_value(struct fetch *f, struct bytes piece);
void fetch_value_literal(struct fetch *f, struct bytes octets);

/* What is known by now, for the record of a message. */
void fetch_write_facts(const struct fetch *f, struct record *m);

/* All of the response was read: tells of a message whose text it did not bring. */
void fetch_ended(struct session *s, struct fetch *f);

/* --- what the session did (imap_work.c) --- */

#define OPENING_NUMBERS 6 /* F_opening_exists to F_opening_highestmodseq */
#define WORK_QUOTAS     8
#define WORK_RIGHTS     64
#define WORK_NAMESPACES 16
#define WORK_CRITERIA   32

struct opening { /* what is told of a mailbox that is being opened */
    uint64_t numbers[OPENING_NUMBERS];
    uint32_t has;
};

struct quota {
    uint64_t used, limit;
    uint8_t root[64], resource[16], root_len, resource_len;
};

struct work {
    struct opening opening;
    uint64_t exists; /* messages in the mailbox that is open, 0: not known */
    uint64_t listed, whole, headers, parts, octets, appended, appended_octets, copied, moved, flagged, deleted,
        expunged, closed;
    uint64_t marked;                     /* for deletion, in the mailbox that is open */
    uint64_t searches, hits, copied_now; /* told by COPYUID and not counted yet */
    int64_t idle, last_when;             /* ns; of the server's last line */
    uint32_t rights, criteria;           /* listed */
    unsigned quota_count;
    struct quota quotas[WORK_QUOTAS];
};

/* Made with the first thing to count. */
struct imap;
struct work *imap_work(struct imap *x);

/* Does a command of one of these kinds wait, of those that the sender of this had received? */
bool imap_waits(struct session *s, const struct mark *reply, enum verb a, enum verb b);

/* What arguments, untagged responses, response codes say. */
void imap_command_says(struct request *r, struct bytes args);
void imap_id(struct session *s, enum field group, struct bytes list);
void imap_untagged_says(struct session *s, const struct mark *mark, struct bytes text);
void imap_code_says(struct session *s, const struct imap_status *status);

/* What commands did that were accepted. */
void imap_opened(struct session *s, bool read_only);
void imap_left(struct session *s, bool expunges);
void imap_did(struct session *s, const struct command *c, const struct request *r, const struct mark *reply);
void imap_did_append(struct session *s, const struct request *r);
void imap_did_fetch(struct session *s, struct bytes section, uint64_t octets);

/* The end: an IDLE that goes on counts to here; then the counters go into the session's facts. */
void imap_work_idle_ends(struct session *s);
void imap_work_write(struct session *s);

/* --- the session (imap.c) --- */

enum mode {
    MODE_COMMANDS,
    MODE_LITERAL_ASKED, /* a literal that waits was announced: what comes next is it or, if refused, a command */
    MODE_LITERAL,
    MODE_REST,   /* the rest of a command behind a literal */
    MODE_AUTH,   /* AUTHENTICATE or an answer was sent: the next line is an answer or a command */
    MODE_ANSWER, /* the server asked: the next line is an answer */
    MODE_LAYER,  /* STARTTLS or COMPRESS was sent */
    MODE_DEAF,   /* the client speaks TLS unasked */
};

enum {                     /* of a command */
       PHASE_WAITS = 1,    /* for a "+" */
       PHASE_HIDDEN = 2,   /* its reply may repeat a secret */
       PHASE_UNTAGGED = 4, /* it has no tag that could be one */
       PHASE_DONE = 8,     /* IDLE: its DONE came, or an empty line */
};

struct parting { /* an untagged BYE */
    struct buf text;
    struct mark first, last;
    bool asked_for; /* by a LOGOUT */
    bool used_up;   /* its tagged reply followed */
};

/* What stood behind the head of a literal that did not wait for a "+", of the last command answered: where the server
   took it for no literal, it holds commands. */
struct hidden {
    struct buf text;
    struct mark first;
};

struct imap {
    struct hidden *hidden;
    struct request *requests; /* the newest first */
    struct request *sending;  /* the one with a literal or the rest of its line to come; in the list */
    struct fetch *fetch;      /* the response being read, where it is a FETCH */
    struct parting *bye;
    struct work *work;
    uint8_t *user; /* who logged in */
    struct buf mailbox, server_name;
    uint64_t left, server_left; /* of literals */
    uint64_t lost_until;
    struct mark server_last;
    uint32_t user_len, messages, forgotten;
    struct login_counts logins;
    uint8_t mode;
    const char *starttls_said; /* how STARTTLS was answered, as records say it; or null */
    bool greeted, logged_in, secret_zone, said_hello, adrift, server_adrift, in_response, in_literal, starttls_offered,
        has_caps;
    bool lost_any, lost_commands, idled, begun;
    bool blank;               /* an empty line came, which an untagged BAD may answer */
    bool passed_by;           /* the server took what stands unread for a command */
    bool maybe_compressed;    /* a reply may be that to a COMPRESS that was not captured */
    bool login_ok, caps_kept; /* a login was accepted; what was offered before it was put aside */
};

struct reply {
    struct imap_status status;
    struct mark first, last;
};

/* --- what commands did (imap_reply.c) --- */

uint32_t imap_tag_ref(struct bytes tag);

/* What is kept of that command, or null. */
struct request *imap_find_request(const struct imap *x, const struct command *c);
struct request *imap_new_request(struct session *s, struct command *c);

/* The AUTHENTICATE that is going on, or null. */
struct request *imap_authentication(const struct imap *x);

struct message_facts imap_message_facts(struct session *s);

/* A list of capabilities: what was told before is void. `cut`: a loss or the end of the stream is inside it. */
void imap_caps(struct session *s, struct bytes list, bool cut);
void imap_code(struct session *s, const struct imap_status *status);

/* Its tagged reply is here; null: none will come. */
void imap_finish(struct session *s, struct command *c, const struct reply *reply);

/* The same, with all that follows from it for what the client sends next. */
void imap_answer(struct session *s, struct command *c, const struct reply *reply);

/* Replies were lost, and the client had read on behind the loss when it sent this command: those sent before it knew
   that much got theirs there. */
void imap_give_up_before(struct session *s, const struct command *known);

/* STARTTLS or COMPRESS was accepted. */
void imap_begin_tls(struct session *s);
void imap_begin_compression(struct session *s);

/* --- the two directions (imap_server.c, imap_client.c) --- */

/* May a reply belong to a command that was not captured? */
bool imap_commands_unseen(struct session *s);

void imap_read_server(struct session *s, struct input *in);
void imap_read_client(struct session *s, struct input *in);

/* Octets were lost between lines; `until`: the place behind them. */
void imap_lost_commands(struct session *s);
void imap_lost_responses(struct session *s, uint64_t until);

/* The command that is being sent was answered already: does what came of its literal hold one with this tag? HALF: the
   last line is not whole. */
enum hides { HIDES_NOT, HIDES, HIDES_HALF };
enum hides imap_hides(struct session *s, struct bytes tag);

/* A reply with a tag that no command has, or one that has: does what was read as a literal hold the command? Then it
   and all lines behind it are commands now. True: the tag may be looked for again (imap_hidden.c). */
bool imap_found_hidden(struct session *s, struct bytes tag, const struct command *known);

/* The request's command is answered. */
void imap_keep_hidden(struct session *s, struct request *r, bool accepted);

void imap_hidden_free(struct imap *x);

/* The conversation is over: a message that was being read is told as far as it came. */
void imap_end_responses(struct session *s);

/* A line that is no continuation of anything: a command. */
void imap_command_line(struct session *s, const struct line *line);

/* Nothing more comes of the command that is being sent. */
void imap_command_ended(struct session *s);

/* --- COMPRESS whose command was not captured (imap_compress.c) --- */

/* Behind a reply that may be the one to it: does the side go on compressed? Then it is read so, and `in` is another one
   now. `waits`: more octets must come. */
bool imap_found_compressed(struct session *s, enum side side, struct input *in, bool *waits);

/* What these octets inflate to, as far as there is room; `broken`: they are no deflate stream (deflate.c). */
struct bytes deflate_look(struct bytes octets, uint8_t *out, size_t room, bool *broken);

/* Replaces the text; a buf that is all zero gets its maximum with the first. */
void imap_text_set(struct session *s, struct buf *b, struct bytes text);

#endif
