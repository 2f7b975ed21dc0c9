/* mailtap.yaml(5): settings in a file, read by libyaml into the same words that the command line has. libcyaml, which
   stands on libyaml, tells no lines of values, and wrong ones of unknown keys. */
#ifndef MAILTAP_CONFIG_H
#define MAILTAP_CONFIG_H

#include "base/bytes.h"
#include "base/error.h"
#include "options.h"

#define CONFIG_USUAL "/etc/mailtap/mailtap.yaml"

/* Octets of a file; a larger one is refused. */
enum { CONFIG_MOST = 1 << 20 };

/* Appends what the text sets, in its order; `name` is for errors, which tell the line. False: err says what is wrong,
   and settings may have some of it. */
bool config_parse(struct bytes text, const char *name, struct settings *settings, struct error *err);

/* The same for a file. Null is CONFIG_USUAL, if there is one. *name is the file that was read, or null; the caller
   frees it. */
bool config_read(const char *path, char **name, struct settings *settings, struct error *err);

/* All settings that those options amount to, as a file that sets them, with where each comes from behind it. */
void config_show(const struct options *o, struct buf *out);

#endif
