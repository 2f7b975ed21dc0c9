/* What an entity is made of, for the files that the detection consists of. */
#ifndef MAILTAP_DETECT_DETECTION_PRIVATE_H
#define MAILTAP_DETECT_DETECTION_PRIVATE_H

#include "detector.h"

enum { NAME_MOST = 600, SENSOR_MOST = 64 };

struct evidence {
    struct evidence *next;
    int64_t when;
    uint64_t frame;
    uint8_t uid_len;
    uint16_t len;
    char uid[24];
    char text[]; /* len octets */
};

struct profile {
    struct profile *chain;         /* of its bucket */
    struct profile *newer, *older; /* of its rule */
    struct profile *waiting;       /* the next of those that want to speak */
    uint64_t hash;
    uint64_t turn;       /* of the record that it was last asked for with */
    int64_t first, last; /* events */
    int64_t named;       /* first, when it first spoke: ids rest on it, whatever earlier event comes to it later */
    int64_t touched;     /* capture time when it was last asked for */
    uint64_t events;
    uint64_t told; /* count when it last spoke */
    struct recent recent;
    struct distinct *sets[DETECTOR_SETS];
    struct evidence *evidence; /* the first */
    struct host client, server;
    uint32_t held;    /* octets of memory in all */
    uint32_t written; /* alerts */
    uint32_t kept;    /* alerts kept back before */
    struct excuses excuses;
    uint16_t name_len, name_at;
    uint8_t sensor_len;
    uint8_t rule, evidence_count, quality;
    uint8_t severity, confidence, told_severity, told_confidence;
    bool has_client, has_server, port_differs;
    bool begun;         /* first is set */
    bool wants, spoken; /* to speak when the record has been seen by all; has spoken */
    uint16_t server_port;
    char proto[8];
    _Alignas(16) uint8_t data[]; /* the rule's, then the name, and the sensor's */
};

/* The name of the sensor, which may be empty. */
static inline struct bytes profile_sensor(const struct profile *e)
{
    return bytes_of(e->data + e->name_at + e->name_len, e->sensor_len);
}

#endif
