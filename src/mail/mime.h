/* The walk over a message's octets, pushed in any pieces: header, body, multiparts by their boundaries (RFC 2046
   section 5.1), messages inside (section 5.2.1), down to the leaves. Nothing is kept but where it stands: a line's
   beginning that may be a delimiter, and the boundaries that are open. */
#ifndef MAILTAP_MAIL_MIME_H
#define MAILTAP_MAIL_MIME_H

#include "base/bytes.h"

struct header_scanner;
struct mime;
struct tree;

/* Of a whole message. The tree and the scanner of the message's own header, which the walk feeds and listens to, must
   outlive it; the caller frees it. */
struct mime *mime_new(struct tree *tree, struct header_scanner *header);
void mime_free(struct mime *m);

/* The memory it takes; 0 for null. */
size_t mime_held(const struct mime *m);

void mime_push(struct mime *m, struct bytes more);

/* `len` octets are missing here; not `sure`: perhaps. What follows is found again at the next delimiter. */
void mime_gap(struct mime *m, uint64_t len, bool sure);

/* No more will come: what waits for the end of its line is given on. Then the message's own header is to be finished.
 */
void mime_flush(struct mime *m);

/* The content is at its end; or, not `complete`, it stops here. Every part that is open ends. The SHA-256 of what
   follows the header goes into `body`; empty where octets of it are missing or not all hashes are asked for. Once,
   behind mime_flush(). */
void mime_finish(struct mime *m, bool complete, char body[static 65]);

#endif
