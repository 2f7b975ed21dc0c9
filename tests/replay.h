/* A trace through the engine and the JSON format, in this process. */
#ifndef MAILTAP_TESTS_REPLAY_H
#define MAILTAP_TESTS_REPLAY_H

#include "dialogue.h"

/* The settings of the engine that a dialogue asks for (d null: the defaults). */
struct replay_settings {
    bool any_port;
    uint64_t hold;
    int64_t interim;
    struct limits limits;
};

void replay_settings(struct replay_settings *s, const struct dialogue_file *d);

/* Appends the NDJSON of all records. */
void replay(const struct replay_settings *s, const struct trace *t, struct buf *out);

#endif
