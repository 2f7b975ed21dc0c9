/* --extract: messages and parts as files in one folder, under names made here from the connection's uid, the message's
   number and the part's path; nothing that was captured is part of a name.

   A file that is being written has a name that begins with a dot, or is still in memory. extract_end() gives it another
   such name, which extraction_keep() turns into the final one: a lane knows when a file is whole, the recorder, which
   sees records in their order, whether the limits still allow it. So what is kept does not depend on threads. */
#ifndef MAILTAP_MAIL_EXTRACT_H
#define MAILTAP_MAIL_EXTRACT_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/limits.h"

struct extraction; /* the folder; for all threads at once */
struct extract;    /* a file under way */

#define EXTRACT_NAME    200 /* octets of a name, with its NUL */
#define EXTRACT_INDEX   "index.ndjson"
#define EXTRACT_NOTHING "-" /* the name of a file that is not there: a limit will forbid it, or its names are taken */

/* Makes the folder where it does not exist (mode 0700). One that exists must be empty, or hold the index of an earlier
   run. Null, and err says why. The limits (extract_octets, _files, _total) are copied. */
struct extraction *extraction_open(const char *name, const struct limits *limits, struct error *err);
void extraction_close(struct extraction *x); /* null is none */

const char *extraction_name(const struct extraction *x); /* of the folder */
int extraction_folder(const struct extraction *x);       /* its descriptor, which stays the extraction's */

/* Did a file fail (a full disk)? Then nothing more is extracted. True once, with the sentence. */
bool extraction_failed(struct extraction *x, struct error *err);

/* The file of that name is whole: may it stay? Null: it has its final name now. Else the limit that forbids it, or
   "error", and it is gone. In the order of records, by one thread. */
const char *extraction_keep(struct extraction *x, const char *name, uint64_t size);

/* Null where there is no extraction, or it has failed. */
struct extract *extract_begin(struct extraction *x);
void extract_push(struct extract *f, struct bytes more); /* null is none, here and below */

/* Nothing more comes for now: keeps little of it in memory. */
void extract_rest(struct extract *f);
size_t extract_held(const struct extract *f);

/* It is whole; its name will be <stem>.<extension>, or <stem>_<n>.<extension> where a file of another run has that,
   and stands in `name` then. The empty string where there is none: that failed. Frees it. */
void extract_end(struct extract *f, const char *stem, const char *extension, char name[static EXTRACT_NAME]);

/* Nobody wants it. */
void extract_drop(struct extract *f);

/* From a closed list, by the declared type "type/subtype" in lower case; "bin" where that is not in it. */
const char *extract_extension(const char *mime);

#endif
