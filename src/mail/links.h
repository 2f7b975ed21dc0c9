/* Links in the decoded text and HTML of a message (RFC 3986; hosts by RFC 5890): found, normalised, each listed once.

   In text: http, https and ftp URLs and names that begin with www., without the punctuation behind them. In HTML also
   what href, src, action and their like hold, and meta refresh, entities undone, relative links only where the message
   sets a base. Normalised means: scheme and host in lower case, hosts as A-labels, percent forms only where RFC 3986
   asks for them and in upper case, no usual port. */
#ifndef MAILTAP_MAIL_LINKS_H
#define MAILTAP_MAIL_LINKS_H

#include "base/bytes.h"
#include "base/limits.h"

#define LINK_OCTETS 2048 /* a link longer than that is cut, and told to be */

enum links_form { LINKS_TEXT, LINKS_HTML };

struct links;
struct link_finder;
struct record;

/* The links of one message; the limits (urls, text) are kept by reference and must outlive it; the caller frees it. */
struct links *links_new(const struct limits *limits);
void links_free(struct links *l);

/* Writes urls, urls_omitted, odd_urls and link_mismatch at the top level of a `message` record. Once, at the end. */
void links_write(const struct links *l, struct record *message);

/* The memory it takes; 0 for null. */
size_t links_held(const struct links *l);

/* Finds links in one part and gives them to `links`, which must outlive it. `charset`: as declared, or null; UTF-16 and
   UTF-32 are converted, what else is not ASCII's superset is read as if it were. The caller frees it. */
struct link_finder *link_finder_new(struct links *links, enum links_form form, const char *charset);
void link_finder_free(struct link_finder *f);

/* The next octets, transfer encoding undone; pieces of any length give the same result. */
void link_finder_push(struct link_finder *f, struct bytes decoded);

/* `len` octets are missing here. The link they cut is left out. */
void link_finder_gap(struct link_finder *f, uint64_t len);

/* The part is at its end. `complete`: it was seen to its end; where it was not, a link in which it stops is left out.
   Afterwards only link_finder_free() may be called. */
void link_finder_finish(struct link_finder *f, bool complete);

/* The memory it takes; 0 for null. */
size_t link_finder_held(const struct link_finder *f);

#endif
