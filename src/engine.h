/* TCP segments in, records out: connections, their streams, the dialogue on them. One engine follows the connections of
   one lane (see lanes.h) and is used by one thread. */
#ifndef MAILTAP_ENGINE_H
#define MAILTAP_ENGINE_H

#include "base/limits.h"
#include "capture/packet.h"
#include "mail/mail.h"
#include "record/record.h"
#include "session/fate.h"

struct engine;

struct engine_settings {
    struct limits limits;
    uint64_t hold;   /* octets one side may wait for the other: --hold */
    uint64_t memory; /* octets this engine may take; what is worth least is given up: --memory */
    int64_t interim; /* ns of capture time after which a session is written in parts; 0: never */
    bool any_port;   /* look at every connection; those that speak no mail protocol give no record */
    bool vlan_apart;
    bool overlap_last;         /* of two copies of octets that wait in order, the last is read; else the first */
    const uint16_t *ports;     /* connections to one of these are followed; 0 at the end */
    const char *sensor;        /* or null */
    struct keylog *keylog;     /* or null; shared by all engines */
    struct mail_settings mail; /* how far messages are looked into */
    bool put_away_at_once;     /* each session after every packet, not only when there are many: for tests */

    /* Takes each record, in order, and owns it. */
    void (*emit)(void *arg, struct record *r);

    /* Which connection a packet is of, and, with `packet` false, what became of one that has ended. Null: nobody asks.
     */
    void (*belongs)(void *arg, const struct belonging *b, bool packet);
    void *arg;
};

void engine_settings_init(struct engine_settings *settings); /* the defaults; emit is left null */

/* The settings are copied, what they point to is not. */
struct engine *engine_new(const struct engine_settings *settings);

/* Is it one of the connections that are followed? Asked before the packet comes near an engine. */
bool engine_follows(const struct engine_settings *settings, const struct packet *p);

void engine_packet(struct engine *e, const struct packet *p);

/* Capture time has come to `now`: finds the connections that are over, or idle for too long. They are ended one at a
   time, in the order of their first packets, before the next packet comes. */
void engine_due(struct engine *e, int64_t now);

enum engine_end { ENGINE_EOF, ENGINE_SHUTDOWN };

/* The same for all that are left: nothing more will come. */
void engine_all_due(struct engine *e, enum engine_end how);

/* Number of the first packet of the connection to be ended next; false: none is left. */
bool engine_next_due(const struct engine *e, uint64_t *first);

/* Ends it, with its records. */
void engine_end_due(struct engine *e);

struct engine_counts {
    uint64_t packets, flows_created, flows_unrecognised, flows_empty, late_octets, conflict_octets, missed_octets;
    uint64_t flows_evicted;      /* for lack of room, before they had ended */
    uint64_t handshakes_evicted; /* of these: without any payload */
};

void engine_counts_add(struct engine_counts *sum, const struct engine_counts *more);

const struct engine_counts *engine_counts(const struct engine *e);

/* Octets that count against settings.memory now. */
uint64_t engine_memory(const struct engine *e);
void engine_free(struct engine *e);

#endif
