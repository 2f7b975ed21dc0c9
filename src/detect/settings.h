/* What the user says about the site, and of the rules. */
#ifndef MAILTAP_DETECT_SETTINGS_H
#define MAILTAP_DETECT_SETTINGS_H

#include "base/error.h"
#include "host.h"
#include "suppression.h"

struct detect_settings {
    struct network *local_nets;
    char **local_domains;
    struct network *mail_servers;
    unsigned local_net_count, local_domain_count, mail_server_count;
    uint64_t *thresholds; /* DETECTOR_THRESHOLDS for each rule, in their order */
    bool *silent;         /* rules that are not asked */
    struct suppression **suppressions;
    unsigned suppression_count;
};

void detect_settings_init(struct detect_settings *s);
void detect_settings_release(struct detect_settings *s);

/* Each takes a list separated by commas, and adds to what is there. False: err says which word is wrong. */
bool detect_settings_nets(struct detect_settings *s, const char *list, struct error *err);
bool detect_settings_domains(struct detect_settings *s, const char *list, struct error *err);
bool detect_settings_servers(struct detect_settings *s, const char *list, struct error *err);

/* RULE.NAME=VALUE: a threshold; RULE=off or on; all=off or on. */
bool detect_settings_set(struct detect_settings *s, const char *text, struct error *err);

/* Alerts that nobody wants, see suppression.h; at most SUPPRESSIONS_MOST. */
bool detect_settings_suppress(struct detect_settings *s, const char *text, struct error *err);

/* Which way a connection between these goes: inbound, outbound, internal or external. Null where no networks were told.
 */
const char *settings_direction(const struct detect_settings *s, const struct host *client, const struct host *server);

/* Is that address ours? What is not told is guessed: private, since such come from nowhere else, or near the other
   one. */
bool settings_are_local(const struct detect_settings *s, const struct host *a, const struct host *near);

/* Is that domain, or one it stands below, ours? False too where no domains were told. */
bool settings_own_domain(const struct detect_settings *s, struct bytes domain);
bool settings_is_mail_server(const struct detect_settings *s, const struct host *a);

#endif
