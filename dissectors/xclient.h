/* XCLIENT: by it a proxy tells a server that trusts it for which client it speaks, and as whom that has logged in at
   the proxy (Postfix, nginx over SMTP; Dovecot over LMTP and POP3, too). https://www.postfix.org/XCLIENT_README.html */
#ifndef MAILTAP_DISSECTORS_XCLIENT_H
#define MAILTAP_DISSECTORS_XCLIENT_H

#include "session/session.h"

/* The server took a command with that argument: the session speaks for the client that it names. The login it names,
   decoded, goes into `user`; false where it names none. The last word of an argument that may have been cut does not
   count. */
bool xclient_taken(struct session *s, struct bytes arg, struct buf *user);

#endif
