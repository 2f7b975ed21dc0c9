/* The client's lines, as all dissectors of line protocols tell them: what makes one doubtful, and what an unknown one
   may be told by without telling a secret. */
#ifndef MAILTAP_DISSECTORS_CLIENT_LINE_H
#define MAILTAP_DISSECTORS_CLIENT_LINE_H

#include "session/dissector.h"
#include "untold.h"

/* Is it no command, but a part of a line, or text whose command was lost? Notes it. `adrift` is the dissector's, false
   at first: whether lines behind a gap are being passed over until one looks like a command. */
bool client_line_cut(struct session *s, const struct line *line, bool is_command, bool *adrift);

/* These octets of the client were read (of the line, first and last count): they may be early. */
void client_line_early(struct session *s, const struct line *line);

/* At the end: tells how many octets the client sent before it had received anything, if any. */
void client_line_write_early(struct session *s);

/* Puts an unknown command into the dialogue: by its verb alone, and as `?` where that may be a secret, as between a
   login command and the next known one (`secret_zone`, which one that looks like a login begins). A piece of
   a ClientHello is not told. Its argument goes
   into `untold`, with the command's `ref` as id; null: no reply to an unknown command is told. */
struct command *client_line_unknown(struct session *s, const struct line *line, uint16_t kind, bool *secret_zone,
                                    bool said_hello, struct untold *untold);

/* Notes odd octets and line ends of a command. */
void client_line_note(struct session *s, struct command *c, const struct line *line);

/* Does a TLS ClientHello stand where a command should? Notes it, once. Only where the server answers in TLS it is one;
   else the server takes it for lines, and so must its reader, or it would not see what the client says behind it. */
void client_line_hello(struct session *s, const struct input *in, bool *said_hello);

/* Is it a piece of the ClientHello, which nobody said as a line? */
bool client_line_of_hello(const struct line *line, bool said_hello);

/* Does the server answer in TLS? */
bool client_line_is_tls(struct session *s, const struct input *server, bool said_hello);

/* Does one begin anywhere in what is here, behind clear text that somebody put before it? */
bool client_hides_hello(const struct input *in);

/* Tells a known command's argument, but for what may be a secret. Returns what is told. */
struct bytes client_line_arg(struct command *c, struct bytes arg);

/* The argument of a command as its record has it, or nothing. */
struct bytes command_arg(const struct command *c);

#endif
