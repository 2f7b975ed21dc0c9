/* The files that an archive lists: the first of them kept, all counted, and what their names give away. */
#ifndef MAILTAP_MAIL_LISTING_H
#define MAILTAP_MAIL_LISTING_H

#include "base/buf.h"
#include "mail/names.h"

/* What names inside tell about the kind of file that the archive is. */
enum listed {
    LISTED_CONTENT_TYPES = 1 << 0, /* [Content_Types].xml: Open Packaging Conventions (ECMA-376 part 2) */
    LISTED_WORD = 1 << 1,
    LISTED_EXCEL = 1 << 2,
    LISTED_POWERPOINT = 1 << 3,
    LISTED_MACROS = 1 << 4,       /* vbaProject.bin, Excel 4 macro sheets */
    LISTED_EXCEL_BINARY = 1 << 5, /* xl/workbook.bin */
    LISTED_EMBEDDED = 1 << 6,     /* embeddings/oleObject... */
    LISTED_MANIFEST = 1 << 7,     /* META-INF/MANIFEST.MF */
    LISTED_ANDROID = 1 << 8,      /* AndroidManifest.xml */
    LISTED_APPX = 1 << 9,         /* AppxManifest.xml */
    LISTED_ODF_MACROS = 1 << 10,  /* Basic/, Scripts/ */
};

#define LISTED_NAME 512 /* octets of a name that are kept */

struct listing {
    struct buf entries;
    size_t most;      /* entries kept, at most */
    uint64_t count;   /* files in all */
    uint64_t names;   /* sum of hashes of the names, in any order */
    unsigned seen;    /* LISTED_... */
    part_flags flags; /* archive_executable, archive_path, encrypted_archive */
    bool cut;         /* a name was not seen whole */
};

struct record;

void listing_init(struct listing *l, size_t most);
void listing_release(struct listing *l);

/* One more file. `known`: its unpacked size is. Of the name at most LISTED_NAME octets are kept; `whole`: it is all of
   it. Folders are not files: the caller leaves them out or not, in every view of an archive alike. */
void listing_add(struct listing *l, struct bytes name, bool whole, bool known, uint64_t size, bool encrypted);

/* Forgets all files. */
void listing_reset(struct listing *l);

/* Writes archive and archive_omitted into the open group `parts`, as long as the record stays below that size. */
void listing_write(const struct listing *l, struct record *message, size_t size_most);

#endif
