/* A trace through the engine and a format, in this process. */
#ifndef MAILTAP_TESTS_REPLAY_H
#define MAILTAP_TESTS_REPLAY_H

#include "dialogue.h"

struct format;

/* The settings of the engine that a dialogue asks for (d null: the defaults). */
struct replay_settings {
    bool any_port;
    uint64_t hold;
    int64_t interim;
    bool overlap_last;
    bool restless;                            /* no session is put away; else each is, after every packet */
    struct texts keys;                        /* lines of a key log; views what the dialogue has */
    struct keylog *keylog;                    /* or this one; or null */
    void (*before)(void *arg, size_t packet); /* called before each packet, counted from 0; or null */
    void *arg;
    struct mail_settings mail;
    struct limits limits;
    bool alerts;                   /* only what the rules say */
    bool counted;                  /* tags become counts, as the recorder makes them; else they stay where they are */
    const struct dialogue_file *d; /* with what it says of the site; or null */
};

/* What tags are made with: known, to look for them. */
struct secret_key;
extern const struct secret_key replay_secret_key;

void replay_settings(struct replay_settings *s, const struct dialogue_file *d);

/* Appends what the format makes of all records. */
void replay_format(const struct replay_settings *s, const struct trace *t, const struct format *format,
                   struct buf *out);

/* The same by the JSON format: NDJSON. */
void replay(const struct replay_settings *s, const struct trace *t, struct buf *out);

#endif
