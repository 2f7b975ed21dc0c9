/* URLs brought to one form (RFC 3986 section 6.2.2), as the WHATWG's browsers read them: what they forgive is undone
   and told. */
#ifndef MAILTAP_MAIL_URL_H
#define MAILTAP_MAIL_URL_H

#include "base/buf.h"

/* A set of link flags (record/link_flags.def): one bit for each, 1 << LINK_FLAG_... */
typedef uint32_t link_flags;

#define URL_SCHEME 32   /* octets of a scheme; what is longer is none */
#define URL_NAMES  4096 /* hosts beyond ASCII that are converted, in one part; that takes long */

enum url_kind {
    URL_NONE,     /* nothing to tell of: mailto, cid, no URL at all, no host */
    URL_RELATIVE, /* without a scheme */
    URL_LINK,     /* http, https, ftp: `text` has the normal form */
    URL_ODD,      /* flags say what it is; it has no normal form */
};

struct url {
    struct buf text;   /* the caller gives it its maximum; kept from one URL to the next */
    struct bytes host; /* in text: lower case, A-labels, dotted decimal; without port */
    unsigned names;    /* hosts beyond ASCII so far */
    link_flags flags;
};

/* Normalises `raw`, of which entities are undone already. u->text is written anew; u->flags are added to. */
enum url_kind url_normalise(struct url *u, struct bytes raw);

/* Appends the URL that `raw`, which is relative, means at `base`, a normal form; it is still to be normalised. */
void url_resolve(struct bytes base, struct bytes raw, struct buf *out);

/* Are both hosts names below one that somebody has registered (by the public suffix list), or the same? */
bool url_same_site(struct bytes a, struct bytes b);

/* Is it a name below a public suffix that the list has? */
bool url_is_domain(struct bytes name);

#endif
