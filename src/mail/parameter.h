/* Content-Type and Content-Disposition with their parameters: RFC 2045 section 5.1, RFC 2183, RFC 2231. Broken ones are
   read as mail readers read them, since that is what their senders rely on. Values are unfolded. */
#ifndef MAILTAP_MAIL_PARAMETER_H
#define MAILTAP_MAIL_PARAMETER_H

#include "base/bytes.h"

/* Strings are owned by the struct, null where absent or empty. They are UTF-8, but for octets that were none, and 0xff
   (CHARSET_LOST) in place of what a charset did not tell and of NUL: formats make U+FFFD of them. At most
   PARAMETER_MOST octets, each of the type's words, too; these and the charset are in lower case. */
enum { PARAMETER_MOST = 4096 };

struct media_type {
    char *mime; /* "type/subtype", or "multipart/"; null where either is missing */
    char *boundary, *charset, *name, *report_type, *protocol;
    bool lossy;     /* some character of the name could not be told, or did not fit */
    bool duplicate; /* a parameter stands there twice with different values; the first counts */
    bool cut;       /* a value did not fit */
};

/* The caller releases what it gets, always. */
void media_type_parse(struct media_type *m, struct bytes value);
void media_type_release(struct media_type *m);

struct disposition {
    char *word; /* "attachment", "inline", ... in lower case */
    char *filename;
    bool lossy, duplicate, cut; /* as above */
};

void disposition_parse(struct disposition *d, struct bytes value);
void disposition_release(struct disposition *d);

#endif
