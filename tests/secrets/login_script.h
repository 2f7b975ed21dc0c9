/* Logins as dialogue files: every mechanism of a protocol, sent in every way, answered in every way. */
#ifndef MAILTAP_TESTS_LOGIN_SCRIPT_H
#define MAILTAP_TESTS_LOGIN_SCRIPT_H

#include "base/buf.h"

enum protocol { SMTP, POP3, IMAP, PROTOCOLS };

enum mechanism {
    PLAIN,
    LOGIN,
    CRAM_MD5, /* answered with the password where user and digest are due */
    DIGEST_MD5,
    SCRAM,
    XOAUTH2,
    OAUTHBEARER,
    EXTERNAL,
    ANONYMOUS,
    GSSAPI,
    NOSUCH,         /* a mechanism that nobody knows */
    NONE,           /* the password where the mechanism is due */
    COMMAND,        /* POP3's USER and PASS, IMAP's LOGIN; SMTP has none, and gets POP3's */
    APOP,           /* with the password where the digest is due; the others get it, too */
    COMMAND_QUOTED, /* IMAP: quoted; as COMMAND else */
    COMMAND_LITERAL,
    COMMAND_LITERAL_PLUS,
    MECHANISMS
};

enum way {
    PROMPTED,
    INITIAL,           /* the first answer in the command */
    PIPELINED,         /* all in one go, the server takes it */
    PIPELINED_REFUSED, /* all in one go, the server refuses every line */
    OCTETS,            /* in segments of few octets */
    LOWER_CASE,
    BLANKS, /* before the command, tabs between its words */
    BARE_LF,
    CONTINUED, /* answers begin with a blank */
    MISSPELT,
    NO_BASE64, /* no base64 */
    SPOILT,    /* an octet in it that is none of base64 */
    WRONG,     /* PLAIN's message whatever the mechanism */
    CANCELLED, /* behind the last answer */
    CUT,       /* the stream ends inside the last answer */
    LOST_COMMAND,
    LOST_HALF_COMMAND,
    LOST_ANSWER, /* the first */
    LOST_PROMPTS,
    LOST_REPLY,
    MIDSTREAM, /* captured from the first answer on */
    ONE_SIDED,
    NO_ACKS,
    WAYS
};

enum echo_kind { SILENT, AS_SENT, DECODED, BEGINNING, WHOLE_LINE, SECOND_LINE, ECHOES };

extern const char *const protocol_names[PROTOCOLS], *const mechanism_names[MECHANISMS], *const way_names[WAYS],
                                                                                            *const echo_names[ECHOES];

/* Appends the text of the dialogue. */
void login_script(struct buf *out, enum protocol p, enum mechanism m, enum way w, enum echo_kind e,
                  const char *password);

#endif
