/* Finds links in running text: http, https and ftp URLs, names that begin with www. */
#ifndef MAILTAP_MAIL_LINK_TEXT_H
#define MAILTAP_MAIL_LINK_TEXT_H

#include "base/buf.h"
#include "link_set.h"

#define LINK_TEXT_EDGE 10 /* the longest start of a link and the octet before it */

struct link_text {
    struct links *links;
    struct url url;
    struct buf link;  /* the one at hand, as it stands in the text */
    struct buf plain; /* with entities undone */
    bool in_link, cut;
    bool is_markup; /* entities may stand in it */
    bool is_code;   /* an apostrophe ends a link */
    uint8_t edge_len;
    uint8_t edge[LINK_TEXT_EDGE]; /* the last octets, outside of links */
};

void link_text_init(struct link_text *t, struct links *links, bool is_markup);
void link_text_release(struct link_text *t);

/* The next octets, in any pieces. */
void link_text_push(struct link_text *t, struct bytes text);

/* Something that belongs to no link stands here. */
void link_text_break(struct link_text *t);

/* The link at hand, if there is one, is not whole. */
void link_text_drop(struct link_text *t);

#endif
