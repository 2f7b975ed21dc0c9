/* What reads on in a part after its first octets have told its type: one interface for all such forms. Each keeps a
   few KiB, reads every octet once and goes on behind missing octets as far as the form allows. */
#ifndef MAILTAP_MAIL_SCANNER_H
#define MAILTAP_MAIL_SCANNER_H

#include "base/bytes.h"
#include "base/limits.h"
#include "mail/file_type.h"
#include "mail/names.h"

struct listing;

/* What a scanner found. */
struct finding {
    enum file_type type;           /* set where it tells more than the first octets did */
    bool whole;                    /* all that tells the type was seen */
    part_flags flags;              /* to be added */
    const struct listing *listing; /* the scanner's own; null where there is nothing to list */
};

struct scanner {
    const struct scanner_ops *ops;
};

struct scanner_ops {
    void (*push)(struct scanner *s, struct bytes more);     /* from the first octet of the part on, in any pieces */
    void (*gap)(struct scanner *s, uint64_t len);           /* `len` octets are missing here */
    void (*finish)(struct scanner *s, struct finding *ret); /* the part is at its end; once */
    void (*free)(struct scanner *s);
    size_t (*held)(const struct scanner *s); /* the memory it takes */
};

/* The scanners there are; each is in a file of its own. */
struct scanner *zip_scanner_new(const struct limits *limits); /* APPNOTE.TXT 6.3.10 */
struct scanner *tar_scanner_new(const struct limits *limits); /* POSIX.1-2017 pax */
struct scanner *rar_scanner_new(const struct limits *limits); /* versions 1.5 to 4 and 5 */
struct scanner *seven_zip_scanner_new(void);                  /* 7zFormat.txt */
struct scanner *ole_scanner_new(void);                        /* MS-CFB */
struct scanner *marker_scanner_new(enum file_type type);      /* PDF, RTF, HTML, SVG */

/* How many entries a listing keeps. */
static inline size_t scanner_list_most(const struct limits *limits)
{
    uint64_t most = limits->archive < limits->list ? limits->archive : limits->list;
    return most < SIZE_MAX ? (size_t)most : SIZE_MAX;
}

#endif
