/* What a client sent and no record tells: the arguments of unknown commands, which may be a misspelt login. A server
   that repeats one must not tell it either, so they are remembered until their reply, as echo.h remembers secrets. */
#ifndef MAILTAP_DISSECTORS_UNTOLD_H
#define MAILTAP_DISSECTORS_UNTOLD_H

#include "base/bytes.h"

struct untold { /* all zero: none */
    struct untold_text *first;
    uint32_t last_id;
};

/* Remembers the words of a text; returns its id, never 0; 0 where there are none. */
uint32_t untold_add(struct untold *u, struct bytes text);

/* Does the reply repeat any of them? Forgets them. False for id 0. */
bool untold_repeated(struct untold *u, uint32_t id, struct bytes reply);

/* The memory they take. */
size_t untold_held(const struct untold *u);

void untold_release(struct untold *u);

/* Does a line that is no command look like a login all the same, so that what follows may be its secrets? */
bool untold_is_login(struct bytes line);

/* What may be told of a known command's argument, or of a reply that may repeat it: not what begins with a URL's
   password (RFC 3986 section 3.2.1) or authorization, by which anybody may fetch what it names (RFC 4467), nor a login
   behind a CR or NUL, which some take for a line's end. */
struct bytes untold_part(struct bytes text);

#endif
