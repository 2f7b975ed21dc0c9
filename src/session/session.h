/* What a dissector may ask of the conversation it follows. */
#ifndef MAILTAP_SESSION_SESSION_H
#define MAILTAP_SESSION_SESSION_H

#include "record/record.h"
#include "session/input.h"

struct session;
struct filter;

enum side { CLIENT, SERVER };

static inline enum side side_other(enum side side)
{
    return side == CLIENT ? SERVER : CLIENT;
}

/* One side's input, for looking ahead on the other side than the one offered. */
struct input *session_input(struct session *s, enum side side);

/* The place of the first octet of a side; 0 where the beginning was not captured. */
uint64_t session_start(const struct session *s, enum side side);

/* Was this side's own SYN captured? If not, what it said first may be missing without a trace. */
bool session_saw_syn(const struct session *s, enum side side);

/* The server's greeting was read to its last octet. One of several lines may be sent in two goes, to catch who does not
   wait for its end (Postfix's postscreen). */
void session_greeted(struct session *s, const struct mark *last);

/* Octets of the client were read. How many of all that were had been sent before the client had received anything,
   or the whole greeting where session_greeted() told of one, is
   known at the end, when it is clear where the server's stream began and whether acknowledgments mean anything. */
void session_early(struct session *s, const struct mark *first, const struct mark *last);
uint64_t session_early_octets(const struct session *s);

/* Was all of it captured, up to its FIN or a reset? What it did not say then, it never said. */
bool session_seen_to_end(const struct session *s, enum side side);

/* The dissector's own state: state_size zeroed octets. */
void *session_state(struct session *s);

const struct limits *session_limits(const struct session *s);

/* What the contents of this lane share, see mail/mail.h. */
struct mail;
struct mail *session_mail(const struct session *s);

/* The secrets the user has of TLS sessions; null: none. */
struct keylog;
struct keylog *session_keylog(const struct session *s);

/* Facts for the session's own record (F_session_...): appended as they come, written when the session ends. */
struct record *session_facts(struct session *s);

/* A proxy has told the server for which client it speaks, and the server took it so: records say it from now on. Empty:
   it says that it does not know, or nobody knows what it said. */
void session_speaks_for(struct session *s, const char *client_ip, uint16_t client_port);

/* A new record of that kind with the addresses, uid and so on already in it. Hand it to session_emit, or record_free
   it. `index` counts records of the kind within the session, from 1, and goes into the record's id. */
struct record *session_record(struct session *s, enum kind k, uint64_t index);

/* Gives the record away, to be written. `first` and `last` are the first and the last octet it rests on: its `ts`,
   `end_ts` and frames. Quality flags that hold for the session up to here are added. */
void session_emit(struct session *s, struct record *r, const struct mark *first, const struct mark *last);

/* A named oddity: counted in the session's `anomalies`. */
void session_note(struct session *s, enum note n);

/* What input_odd() told, each a note. */
void session_note_odd(struct session *s, unsigned odd);

/* The protocol is the dissector's n-th name (SMTP or LMTP). */
void session_named(struct session *s, unsigned n);

bool session_is_proto(const struct session *s, const char *name);

/* Puts a filter under both inputs, at the place each has read to; the dissector goes on with what comes out. The
   filter's state, which moves with the next call; null: there are too many already. */
void *session_filter(struct session *s, const struct filter *f);

/* Is it worth while to leave what stands in this side's input unread, in the hope of the other side? Asked only where
   something stands there. The rules are in the comment above its definition. */
bool session_patient(struct session *s, enum side side);

/* The same for the client's octets that only the server's word can explain, whatever they show that their sender knew:
   the word of a server that is seen to speak is to come. For dissectors that saw no loss before. */
bool session_expects(struct session *s);

/* Do more octets wait there than may (--hold)? */
bool session_overheld(const struct session *s, enum side side);

/* The first half of that: has the other direction octets yet to be read that the sender of these had received? They
   come before what stands in this side's input, and are certain to come, or to be declared lost. */
bool session_behind(struct session *s, enum side side);

/* Did we see this connection's beginning, so that the first server line is the greeting? */
bool session_from_start(const struct session *s);

/* Is the conversation over, so that no side may wait any more? */
bool session_ending(const struct session *s);

/* Is a filter under the inputs? */
bool session_is_filtered(const struct session *s);

/* Is the direction's traffic in the capture at all? Dark: the other side acknowledged octets of it, none was captured.
 */
bool session_dark(const struct session *s, enum side side);

/* Has this side said all it will (FIN reached, RST, or the flow ended)? */
bool session_closed(const struct session *s, enum side side);

/* Had the sender of this octet of the server received more of the client than was captured, or is known to be lost? */
bool session_had_more(struct session *s, const struct mark *of);

/* Do the acknowledgments it sends tell what it had received? Until they were seen to mean nothing, yes. */
bool session_acks_usable(const struct session *s, enum side side);

bool session_encrypted(const struct session *s); /* what is read now travels inside TLS */

uint16_t session_port(const struct session *s, enum side side);

#endif
