/* Commands and their replies: which reply answers which command, whatever the order of capture, under pipelining and
   with lost octets in between; and the log of both that becomes the `commands` of a session record.

   A reply answers the oldest unanswered command that begins below what its sender had received (mark.seen of its first
   octet): a server cannot have answered octets it had not got. */
#ifndef MAILTAP_SESSION_DIALOGUE_H
#define MAILTAP_SESSION_DIALOGUE_H

#include "session/session.h"

struct command {
    struct mark first, last; /* of its line */
    uint64_t begins;         /* a reply whose `seen` is not beyond this place cannot be its answer: first.at, until the
                                dissector moves it (DATA's second reply: the end of the content) */
    uint64_t knew;         /* what its sender had received when it was sent: first.seen, until the dissector moves it */
    struct record *fields; /* F_command_...: at_us, verb, frame are there from the start; the dissector adds the rest */
    uint32_t ref;          /* the dissector's own: a recipient's number, a mode */
    uint8_t phase;         /* the dissector's own: how far it is, for commands with several replies */
    uint16_t kind;         /* the dissector's own number of the verb */
    bool unsure;           /* which reply belongs to it is a guess */
    bool silent;           /* no command to tell: an empty line, or a doubtful one; it may have a reply all the same */
    bool answered;         /* by dialogue_finish() */
};

/* A command was read: put it last. `verb` upper-cased by the caller, as records spell it. The pointer lives until
   dialogue_finish(); so does its place in the order, in which `commands` will list it. */
struct command *dialogue_command(struct session *s, const struct line *line, uint16_t kind, struct bytes verb);

/* The command put last was read later than some that stand behind it in the stream: it goes before them. */
void dialogue_sort_last(struct session *s);

/* The command that a reply with this first octet answers, or null: nothing unanswered begins below what its sender had
   seen, or a loss leaves open which it is (dialogue_adrift). `only`: the kind of command that alone can have such a
   reply, else -1. Commands before the one returned will get no reply any more. */
struct command *dialogue_answers(struct session *s, const struct mark *reply, int only);

/* Is it open, after a loss, which replies belong to which commands? */
bool dialogue_adrift(const struct session *s);

/* Were octets lost since the command was sent, of which this reply, or an earlier one, may speak? */
bool dialogue_lost_since(struct session *s, const struct command *c, const struct mark *reply);

/* The same for what may be no command but text whose head was lost: it is told only if dialogue_proven() says, before
   dialogue_finish(), that it was one. */
struct command *dialogue_doubtful(struct session *s, const struct line *line, uint16_t kind, struct bytes verb);
void dialogue_proven(struct command *c);

/* Too many commands wait, or are kept in order behind one that waits: the oldest must be finished, without its reply,
   before another one is put in. Its reply will answer nothing. */
bool dialogue_full(const struct session *s);
void dialogue_owe(struct session *s);

/* The n-th unanswered command, from 0, or null. */
struct command *dialogue_pending(struct session *s, size_t n);

/* Walks the unanswered commands in order: *at is 0 at first; null at the end. None may be finished meanwhile. */
struct command *dialogue_next(struct session *s, size_t *at);

/* Its last reply is known, or it will get none: it goes into the log at its place. `reply`: the reply's first octet,
   from which latency_us is set; null where none was seen. */
void dialogue_finish(struct session *s, struct command *c, const struct mark *reply);

/* This reply can only answer a command of that kind, and none was seen: one that was lost, where the client's octets
   have a gap below what its sender had received. Put last; it is not told. Null where nothing was lost there. */
struct command *dialogue_lost_command(struct session *s, uint16_t kind, const struct mark *reply);

/* Octets of that side were lost here. */
void dialogue_lost(struct session *s, enum side side, const struct mark *where, uint64_t len);

/* Behind a loss, a line of the client was passed over as no command for certain: it may have had a reply all the same.
 */
void dialogue_passed_over(struct session *s, const struct line *line);

/* Counts a reply of the session (`replies`); verbs are counted as commands enter the log. */
void dialogue_count_reply(struct session *s, struct bytes code);

#endif
