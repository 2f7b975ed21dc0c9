/* What the contents of one lane share. */
#include "mail.h"

#include "base/memory.h"
#include "digest.h"
#include "secret_tag.h"

#include <stdlib.h>

void mail_settings_init(struct mail_settings *settings)
{
    *settings = (struct mail_settings){.hash = MAIL_HASH_PARTS};
}

struct mail *mail_new(const struct limits *limits, const struct mail_settings *settings)
{
    struct mail *m = memory_get(sizeof *m);
    m->limits = limits;
    m->settings = *settings;
    m->digests = digests_new();
    m->tagger = secret_tagger_new(settings->secret_key);
    return m;
}

void mail_free(struct mail *m)
{
    if (!m)
        return;
    digests_free(m->digests);
    secret_tagger_free(m->tagger);
    free(m);
}
