/* What a file name (UTF-8) gives away: the extension that will count, and the tricks that hide it (Unicode UAX #9). */
#ifndef MAILTAP_MAIL_NAMES_H
#define MAILTAP_MAIL_NAMES_H

#include "base/bytes.h"

/* A set of part flags (record/part_flags.def): one bit for each, 1 << PART_FLAG_... */
typedef uint32_t part_flags;

/* The extension that Windows acts on: behind the last dot of the last component, blanks and dots at the end left out;
   without the dot, at most NAME_EXTENSION octets, in its own case; empty where there is none. */
#define NAME_EXTENSION 16
struct bytes name_extension(struct bytes name);

/* FILE_EXECUTABLE, FILE_SCRIPT, FILE_SHORTCUT, FILE_DISK_IMAGE, FILE_MACRO (file_type.h) by the extension. */
unsigned name_classes(struct bytes name);

/* executable, script, shortcut, disk_image, macro, double_extension, rtl_override, hidden_characters, padded_name,
   path_in_name: those that the name gives reason for. */
part_flags name_flags(struct bytes name);

/* Does the name of a file in an archive lead out of the folder that it is unpacked in? */
bool name_leads_out(struct bytes name);

#endif
