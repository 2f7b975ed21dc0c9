/* What kind of file octets are, by signatures at their beginning: the makers' specifications and what they write. */
#ifndef MAILTAP_MAIL_FILE_TYPE_H
#define MAILTAP_MAIL_FILE_TYPE_H

#include "base/bytes.h"

enum file_type {
    FILE_TYPE_unknown,
#define FILE_TYPE(word, classes, extensions, types, doc) FILE_TYPE_##word,
#include "file_types.def"
#undef FILE_TYPE
    FILE_TYPE_COUNT
};

enum file_class {
    FILE_SIGNED = 1 << 0,     /* every such file begins with a signature that is known here */
    FILE_TEXTUAL = 1 << 1,    /* plain text as well */
    FILE_CONTAINER = 1 << 2,  /* a form that other types are kept in */
    FILE_EXECUTABLE = 1 << 3, /* what a reader can be harmed by opening: */
    FILE_SCRIPT = 1 << 4,
    FILE_SHORTCUT = 1 << 5,
    FILE_DISK_IMAGE = 1 << 6,
    FILE_MACRO = 1 << 7, /* by name: a kind of document made to have macros */
    FILE_HARMFUL = FILE_EXECUTABLE | FILE_SCRIPT | FILE_SHORTCUT | FILE_DISK_IMAGE,
};

/* How many octets file_type_of() wants to see. */
#define FILE_TYPE_HEAD 1024

/* The type by the first octets of a file: FILE_TYPE_HEAD of them, or all if it has fewer. OLE2 and zip are told as
   such: what is in them shows later. ISO 9660 shows behind 32 KiB: file_type_is_iso(). */
enum file_type file_type_of(struct bytes head);

/* Where a volume descriptor of ISO 9660 (ECMA-119 section 8) or ECMA-167 has its identifier, and whether these octets
   are one. */
#define FILE_TYPE_ISO_AT  0x8001
#define FILE_TYPE_ISO_LEN 5
bool file_type_is_iso(struct bytes there);

/* Is an executable behind the MZ header one for Windows? Where its PE header has to be, or 0; and what stands there. */
uint32_t file_type_pe_at(struct bytes head);

/* The word of `magic`; null for unknown. */
const char *file_type_word(enum file_type t);

/* FILE_... of the type. */
unsigned file_type_classes(enum file_type t);

/* Do the octets' type and an extension (without the dot) agree? They do where the extension says nothing. `whole`: all
   that tells types in containers apart was seen. */
bool file_type_fits_extension(enum file_type t, struct bytes extension, bool whole);

/* Do the octets' type and a declared media type ("type/subtype", in lower case) agree? They do where the declaration
   says nothing, as application/octet-stream does. */
bool file_type_fits_media_type(enum file_type t, struct bytes declared, bool whole);

/* Is it an extension that belongs to any type of the table? */
bool file_type_knows_extension(struct bytes extension);

#endif
