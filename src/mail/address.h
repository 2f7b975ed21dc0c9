/* Mail addresses: the path of MAIL and RCPT (RFC 5321 section 4.1.2), and the address lists of a header (RFC 5322
   section 3.4). Both take what is found in the wild, and give back what was sent. */
#ifndef MAILTAP_MAIL_ADDRESS_H
#define MAILTAP_MAIL_ADDRESS_H

#include "base/buf.h"

/* An unusual form of a mailbox; where several fit, the first of these. */
enum path_form {
    PATH_PLAIN,        /* none of the following */
    PATH_SOURCE_ROUTE, /* @a,@b:user@domain */
    PATH_MULTI_AT,     /* user@a@b */
    PATH_PERCENT,      /* user%a@b, user%a */
    PATH_BANG,         /* a!user */
    PATH_QUOTED,       /* "any text"@domain */
    PATH_LITERAL,      /* user@[192.0.2.1] */
};

struct path {
    struct bytes mailbox;    /* as sent, without the angle brackets, with its source route; empty for <> */
    struct bytes parameters; /* what follows, trimmed: words between blanks */
    enum path_form form;
    bool odd; /* not as RFC 5321 has it: no brackets, blanks before or inside, text right behind, nothing at all, ... */
};

/* The argument behind the colon of MAIL FROM: and RCPT TO:. Never fails. The views are into `arg`. */
void path_parse(struct bytes arg, struct path *ret);

/* The name records use ("source_route"), null for PATH_PLAIN. */
const char *path_form_name(enum path_form form);

/* Cuts the next address off the front of an address list: what stands before the next comma (or semicolon, as some
   send it) that is in no quotes, comment, domain literal or angle brackets, trimmed. False at the end of the list;
   empty elements are skipped. Of a group ("name: a, b;", RFC 6854) the members are given, and where it has none it
   itself. */
bool address_next(struct bytes *rest, struct bytes *ret);

/* Appends the address with the encoded words of its name and comments in UTF-8; a name in which they make characters
   that mean something there ("a <b@c>", a comma) gets quotes, so that nothing outside of them is but what was sent.
   Anything else stays as it is. */
void address_text(struct bytes address, struct buf *out);

#endif
