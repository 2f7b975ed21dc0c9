/* Finds links in HTML: in attributes, in meta refresh, in scripts, in text outside of other links; and compares what
   links show with where they lead. */
#ifndef MAILTAP_MAIL_LINK_HTML_H
#define MAILTAP_MAIL_LINK_HTML_H

#include "link_text.h"

enum link_html_state {
    LINK_HTML_TEXT,
    LINK_HTML_TAG,     /* behind a < */
    LINK_HTML_COMMENT, /* behind <!-- */
};

struct link_html {
    struct links *links;
    struct link_text text;
    enum link_html_state state;
    struct buf tag;           /* what stands behind its < */
    uint8_t quote;            /* inside a value that ends with it */
    size_t value_room;        /* octets of it that are still kept */
    bool after_equals;        /* a quotation mark would begin a value */
    uint8_t last[2];          /* the octets before, in comments */
    const char *raw;          /* script or style: only its end tag ends it */
    struct buf base;          /* normal form of base's href */
    struct buf value;         /* an attribute's, entities undone */
    struct buf href;          /* normal form of the link whose text is read */
    struct buf shown;         /* that text, up to a limit */
    size_t host_at, host_len; /* of that link, in href */
    bool in_link;
};

void link_html_init(struct link_html *h, struct links *links);
void link_html_release(struct link_html *h);

/* The next octets, in any pieces. */
void link_html_push(struct link_html *h, struct bytes html);

/* Octets are missing here. */
void link_html_gap(struct link_html *h);

/* The part is at its end. */
void link_html_finish(struct link_html *h, bool complete);

size_t link_html_held(const struct link_html *h);

#endif
