#include "settings.h"

#include <stdlib.h>

#include "base/memory.h"
#include "detector.h"

static unsigned detector_count(void)
{
    unsigned n = 0;
    while (detectors[n])
        n++;
    return n;
}

void detect_settings_init(struct detect_settings *s)
{
    unsigned count = detector_count();
    *s = (struct detect_settings){0};
    s->thresholds = memory_get((count + 1) * DETECTOR_THRESHOLDS * sizeof *s->thresholds);
    s->silent = memory_get((count + 1) * sizeof *s->silent);
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < DETECTOR_THRESHOLDS; k++)
            s->thresholds[i * DETECTOR_THRESHOLDS + k] = detectors[i]->thresholds[k].value;
}

void detect_settings_release(struct detect_settings *s)
{
    for (unsigned i = 0; i < s->local_domain_count; i++)
        free(s->local_domains[i]);
    free(s->local_nets);
    free(s->local_domains);
    free(s->mail_servers);
    free(s->thresholds);
    free(s->silent);
    for (unsigned i = 0; i < s->suppression_count; i++)
        suppression_free(s->suppressions[i]);
    free(s->suppressions);
}

/* The next word of a list separated by commas; empty at the end. */
static struct bytes next_item(struct bytes *rest)
{
    struct bytes item = {NULL, 0};
    while (rest->len && !item.len) {
        size_t comma = bytes_index(*rest, ',');
        item = bytes_trim(bytes_part(*rest, 0, comma));
        *rest = bytes_part(*rest, comma + 1, rest->len);
    }
    return item;
}

static bool add_networks(struct network **list, unsigned *count, const char *text, const char *option,
                         struct error *err)
{
    struct bytes rest = bytes_of_string(text), item;
    while ((item = next_item(&rest)).len) {
        struct network n;
        if (!network_parse(item, &n))
            return error_set(err, "--%s takes addresses and networks as 192.0.2.0/24, not '%.*s'", option, SHOWN(item));
        *list = memory_more(*list, *count, sizeof **list);
        (*list)[(*count)++] = n;
    }
    return true;
}

bool detect_settings_nets(struct detect_settings *s, const char *list, struct error *err)
{
    return add_networks(&s->local_nets, &s->local_net_count, list, "local-nets", err);
}

bool detect_settings_servers(struct detect_settings *s, const char *list, struct error *err)
{
    return add_networks(&s->mail_servers, &s->mail_server_count, list, "mail-servers", err);
}

bool detect_settings_domains(struct detect_settings *s, const char *list, struct error *err)
{
    struct bytes rest = bytes_of_string(list), item;
    while ((item = next_item(&rest)).len) {
        for (size_t i = 0; i < item.len; i++)
            if (item.data[i] == '@' || item.data[i] <= ' ')
                return error_set(err, "--local-domains takes domains as example.org, not '%.*s'", SHOWN(item));
        char *copy = memory_get(item.len + 1);
        memcpy(copy, item.data, item.len);
        s->local_domains = memory_more(s->local_domains, s->local_domain_count, sizeof *s->local_domains);
        s->local_domains[s->local_domain_count++] = copy;
    }
    return true;
}

/* The rule that the text begins with, and what stands behind its name; or -1. */
static int rule_of(const char *text, const char **behind)
{
    for (int i = 0; detectors[i]; i++) {
        size_t len = strlen(detectors[i]->name);
        if (!strncmp(text, detectors[i]->name, len) && (text[len] == '.' || text[len] == '=')) {
            *behind = text + len;
            return i;
        }
    }
    return -1;
}

bool detect_settings_set(struct detect_settings *s, const char *text, struct error *err)
{
    const char *behind;
    bool none = !strcmp(text, "all=off");
    if (none || !strcmp(text, "all=on")) {
        for (unsigned k = 0; detectors[k]; k++)
            s->silent[k] = none;
        return true;
    }
    int i = rule_of(text, &behind);
    if (i < 0)
        return error_set(err,
                         "there is no rule of that name in '%s' (as enumeration.names=9, enumeration=off); --rules "
                         "lists them",
                         text);
    if (*behind == '=') {
        bool off = !strcmp(behind, "=off");
        if (!off && strcmp(behind, "=on") != 0)
            return error_set(err, "rule %s is on or off, not '%s'", detectors[i]->name, behind + 1);
        s->silent[i] = off;
        return true;
    }
    const char *name = behind + 1, *equals = strchr(name, '=');
    for (unsigned k = 0; equals && k < DETECTOR_THRESHOLDS && detectors[i]->thresholds[k].name; k++) {
        const char *known = detectors[i]->thresholds[k].name;
        struct bytes rest = bytes_of_string(equals + 1);
        uint64_t value;
        if (strncmp(known, name, (size_t)(equals - name)) != 0 || known[equals - name])
            continue;
        if (!bytes_number(&rest, &value) || rest.len || value > UINT32_MAX)
            return error_set(err, "%s of rule %s needs a whole number, not '%s'", known, detectors[i]->name,
                             equals + 1);
        s->thresholds[(unsigned)i * DETECTOR_THRESHOLDS + k] = value;
        return true;
    }
    return error_set(err, "rule %s has no number '%.*s'; see mailtap --explain %s", detectors[i]->name,
                     (int)strcspn(name, "="), name, detectors[i]->name);
}

bool detect_settings_suppress(struct detect_settings *s, const char *text, struct error *err)
{
    if (s->suppression_count == SUPPRESSIONS_MOST)
        return error_set(err, "there are more than %d suppressions; put addresses and rules together",
                         SUPPRESSIONS_MOST);
    struct suppression *x = suppression_parse(text, err);
    if (!x)
        return false;
    s->suppressions = memory_more(s->suppressions, s->suppression_count, sizeof(struct suppression *));
    s->suppressions[s->suppression_count++] = x;
    return true;
}

static bool holds(const struct network *list, unsigned count, const struct host *a)
{
    for (unsigned i = 0; i < count; i++)
        if (network_holds(&list[i], a))
            return true;
    return false;
}

const char *settings_direction(const struct detect_settings *s, const struct host *client, const struct host *server)
{
    if (!s->local_net_count)
        return NULL;
    bool from = holds(s->local_nets, s->local_net_count, client), to = holds(s->local_nets, s->local_net_count, server);
    return from ? (to ? "internal" : "outbound") : to ? "inbound" : "external";
}

bool settings_are_local(const struct detect_settings *s, const struct host *a, const struct host *near)
{
    if (s->local_net_count)
        return holds(s->local_nets, s->local_net_count, a);
    return host_is_private(a) || host_near(a, near);
}

bool settings_own_domain(const struct detect_settings *s, struct bytes domain)
{
    for (unsigned i = 0; i < s->local_domain_count; i++) {
        struct bytes own = bytes_of_string(s->local_domains[i]);
        if (domain.len < own.len)
            continue;
        size_t before = domain.len - own.len;
        if (bytes_equal_nocase(bytes_part(domain, before, own.len), own) && (!before || domain.data[before - 1] == '.'))
            return true;
    }
    return false;
}

bool settings_is_mail_server(const struct detect_settings *s, const struct host *a)
{
    return holds(s->mail_servers, s->mail_server_count, a);
}
