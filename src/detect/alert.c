/* An entity that has something to say, as a record. */
#include "alert.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#include "detection_private.h"

static const char *const confidences[] = {"low", "medium", "high"};
static const char *const subjects[] = {"client_ip", "server_ip", "user", "domain", "message", "session"};

/* The addresses of an alert as text. */
struct names {
    char client[HOST_TEXT_SIZE], server[HOST_TEXT_SIZE];
};

static void put_id(struct record *r, const struct detector *rule, const struct profile *e, const struct names *names,
                   uint32_t index, enum field field)
{
    char text[200 + NAME_MOST], hex[33];
    struct bytes sensor = profile_sensor(e);
    int len = snprintf(text, sizeof text, "%.*s/%s/%s/%s/%" PRId64 "/%" PRIu32 "/", (int)sensor.len,
                       (const char *)sensor.data, rule->name, names->client, names->server, e->named, index);
    size_t at = len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    struct bytes name = bytes_part(profile_name(e), 0, sizeof text - at);
    memcpy(text + at, name.data, name.len);
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(text, at + name.len));
    *bytes_hex(hex, bytes_of(digest.digest, sizeof digest.digest)) = '\0';
    record_word(r, field, hex);
}

/* Words separated by `c`, each an item. */
static void put_items(struct record *r, enum field f, const char *list, uint8_t c)
{
    struct bytes rest = list ? bytes_of_string(list) : (struct bytes){NULL, 0};
    while (rest.len) {
        size_t end = bytes_index(rest, c);
        char word[64];
        bytes_to_string(word, sizeof word, bytes_trim(bytes_part(rest, 0, end)));
        record_word(r, f, word);
        rest = bytes_part(rest, end + 1, rest.len);
    }
}

static void put_entity(struct record *r, const struct names *names, const struct finding *f)
{
    const char *address = f->subject == SUBJECT_SERVER_IP ? names->server : names->client;
    record_begin(r, F_alert_entity);
    record_word(r, F_entity_kind, subjects[f->subject]);
    record_text(r, F_entity_value, f->value.data ? f->value : bytes_of_string(address));
    record_end(r);
}

static void put_evidence(struct record *r, const struct profile *e)
{
    for (const struct evidence *v = e->evidence; v; v = v->next) {
        char uid[sizeof v->uid + 1];
        record_begin(r, F_alert_evidence);
        if (v->uid_len) {
            bytes_to_string(uid, sizeof uid, bytes_of(v->uid, v->uid_len));
            record_word(r, F_evidence_uid, uid);
        }
        record_time(r, F_evidence_ts, v->when);
        if (v->frame)
            record_number(r, F_evidence_frame, v->frame);
        record_text(r, F_evidence_text, bytes_of(v->text, v->len));
        record_end(r);
    }
}

static void put_envelope(struct record *r, const struct watch *w, const struct detector *rule, const struct profile *e,
                         const struct names *names)
{
    record_time(r, F_all_ts, e->last);
    record_time(r, F_all_end_ts, e->last);
    put_id(r, rule, e, names, e->written, F_all_id);
    if (e->sensor_len)
        record_text(r, F_all_sensor, profile_sensor(e));
    if (e->proto[0])
        record_word(r, F_all_proto, e->proto);
    if (e->has_client)
        record_word(r, F_all_client_ip, names->client);
    if (e->has_server) {
        record_word(r, F_all_server_ip, names->server);
        if (!e->port_differs && e->server_port)
            record_number(r, F_all_server_port, e->server_port);
    }
    const struct detect_settings *site = watch_settings(w);
    const char *direction = e->has_client && e->has_server ? settings_direction(site, &e->client, &e->server) : NULL;
    if (direction)
        record_word(r, F_all_direction, direction);
    for (unsigned i = 0; quality_names[i]; i++)
        if (e->quality >> i & 1)
            record_word(r, F_all_quality, quality_names[i]);
}

uint64_t alert_write(struct record *r, const struct watch *w, const struct detector *rule, const struct profile *e,
                     const char *state)
{
    struct finding f = {.count = e->events};
    struct names names = {"", ""};
    char id[64];
    if (e->has_client)
        host_format(&e->client, names.client);
    if (e->has_server)
        host_format(&e->server, names.server);
    rule->tell(w, e, &f);
    put_envelope(r, w, rule, e, &names);
    snprintf(id, sizeof id, "%s.%s", rule->family, rule->name);
    record_word(r, F_alert_rule, id);
    record_number(r, F_alert_rule_id, rule->number);
    record_number(r, F_alert_rule_rev, rule->revision);
    put_id(r, rule, e, &names, UINT32_MAX, F_alert_alert_id);
    record_word(r, F_alert_title, rule->title);
    record_word(r, F_alert_category, rule->category);
    record_word(r, F_alert_severity, severity_names[e->severity]);
    record_word(r, F_alert_confidence, confidences[e->confidence]);
    record_word(r, F_alert_state, state);
    put_entity(r, &names, &f);
    record_time(r, F_alert_start_ts, e->first);
    record_number(r, F_alert_count, f.count);
    if (f.distinct)
        record_number(r, F_alert_distinct, f.distinct);
    if (f.threshold)
        record_number(r, F_alert_threshold, f.threshold);
    if (e->kept)
        record_number(r, F_alert_suppressed, e->kept);
    for (unsigned i = 0; i < f.detail_count; i++)
        record_count(r, F_alert_details, bytes_of_string(f.details[i].key), f.details[i].number);
    record_text(r, F_alert_reason, bytes_of_string(f.reason));
    put_items(r, F_alert_mitre, rule->mitre, ' ');
    put_items(r, F_alert_references, rule->references, ',');
    put_evidence(r, e);
    return f.count;
}
