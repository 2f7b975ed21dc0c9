/* TCP segments in, records out: connections, their streams, the dialogue on them. One engine is used by one thread. */
#ifndef MAILTAP_ENGINE_H
#define MAILTAP_ENGINE_H

#include "base/limits.h"
#include "capture/packet.h"
#include "record/record.h"

struct engine;

struct engine_settings {
    struct limits limits;
    uint64_t hold;   /* octets one side may wait for the other: --hold */
    int64_t interim; /* ns of capture time after which a session is written in parts; 0: never */
    bool any_port;   /* look at every connection; those that speak no mail protocol give no record */
    bool vlan_apart;
    const uint16_t *ports; /* connections to one of these are followed; 0 at the end */
    const char *sensor;    /* or null */

    /* Takes each record, in order, and owns it. */
    void (*emit)(void *arg, struct record *r);
    void *arg;
};

void engine_settings_init(struct engine_settings *settings); /* the defaults; emit is left null */

/* The settings are copied, what they point to is not. */
struct engine *engine_new(const struct engine_settings *settings);

void engine_packet(struct engine *e, const struct packet *p);

/* Capture time has come to `now` although no packet was seen (live). */
void engine_tick(struct engine *e, int64_t now);

enum engine_end { ENGINE_EOF, ENGINE_SHUTDOWN };

/* Ends every conversation, emits what is left. */
void engine_finish(struct engine *e, enum engine_end how);

struct engine_counts {
    uint64_t packets, flows_created, flows_evicted, flows_unrecognised, flows_empty, late_octets, conflict_octets,
        missed_octets;
};

const struct engine_counts *engine_counts(const struct engine *e);
void engine_free(struct engine *e);

#endif
