/* One conversation, made packet by packet and given to a drain. */
#ifndef MAILTAP_TESTS_CONVERSATION_H
#define MAILTAP_TESTS_CONVERSATION_H

#include "drain.h"
#include "turns.h"

struct side_state {
    uint32_t next;     /* sequence number of the next octet */
    uint32_t received; /* what it acknowledges */
};

struct conversation {
    struct drain *drain;
    struct side_state sides[2];
    unsigned mode;
    int64_t now;
    uint64_t frame;
    uint16_t port, ip_id;
    struct packet late;   /* to be captured after the next */
    uint8_t *late_octets; /* its payload */
    bool has_late;
};

/* To that port; `mode`: TURNS_..., without TURNS_MIDSTREAM it begins with a handshake. The key log may be null. */
void conversation_begin(struct conversation *c, uint16_t port, unsigned mode, struct keylog *keylog);

/* A segment; `how`: TURN_... */
void conversation_turn(struct conversation *c, unsigned how, struct bytes text);

/* Ends it, and writes what there is to say. */
void conversation_end(struct conversation *c);

#endif
