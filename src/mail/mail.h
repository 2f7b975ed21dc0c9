/* What the contents of one lane share: how far they are looked into, and what they need for it. One thread at a time.
 */
#ifndef MAILTAP_MAIL_MAIL_H
#define MAILTAP_MAIL_MAIL_H

#include "base/limits.h"

#include <stdbool.h>

struct extraction;
struct secret_key;

enum mail_hash { MAIL_HASH_NONE, MAIL_HASH_PARTS, MAIL_HASH_ALL }; /* --hash; `all` is what `parts` is, and more */

struct mail_settings {
    enum mail_hash hash;
    bool md5;           /* of what is hashed also MD5: --md5 */
    bool envelope_only; /* contents are counted, not looked into: --no-content */

    struct extraction *extraction; /* --extract: where to; null: nothing is extracted. It is shared, and outlives all */
    bool extract_messages, extract_parts;

    const struct secret_key *secret_key; /* what makes secrets comparable; null: they are not compared */
};

struct mail {
    const struct limits *limits;
    struct mail_settings settings;
    struct digests *digests;
    struct secret_tagger *tagger; /* null: there are no tags */
};

void mail_settings_init(struct mail_settings *settings); /* the defaults */

/* The limits are kept by reference, the settings copied. */
struct mail *mail_new(const struct limits *limits, const struct mail_settings *settings);
void mail_free(struct mail *m);

#endif
