/* The links of a message as the finders of links.c see them. */
#ifndef MAILTAP_MAIL_LINK_SET_H
#define MAILTAP_MAIL_LINK_SET_H

#include "links.h"
#include "url.h"

/* A link in text or an attribute: `raw` with entities undone, `written` as it stood there; u->flags are what is known
   of it (entities, cut). Where it is without a scheme it is relative to the base of the part, if that is not empty.
   `is_followed`: opening it, not just showing the message, leads there; only then data: is told. Returns what it is; u
   has its normal form then. */
enum url_kind links_add(struct links *l, struct url *u, struct bytes raw, struct bytes written, struct bytes base,
                        bool is_followed);

/* A link to `href`, a normal form with that host, was shown as `shown`; told where that names another host. */
void links_compare(struct links *l, struct bytes shown, struct bytes href, struct bytes host);

#endif
