/* What happened, as JSON: sessions with their commands, logins, transactions and messages. tests/bench/check_facts.py
   reads it, and any reader of the truth files of captures from real servers does, since names and forms are theirs.
   More than those have: `at` of a fact, the octets it rests on (side, from, to, ...), and `lost` of a session, those
   that are not in the capture. */
#ifndef MAILTAP_BENCH_TRUTH_H
#define MAILTAP_BENCH_TRUTH_H

#include "conversation.h"
#include <stdio.h>

struct truth {
    FILE *file;
    uint64_t sessions;
};

/* False, and errno, where the file cannot be written. `capture`: the file name it is about. */
bool truth_open(struct truth *t, const char *path, const char *capture);
void truth_session(struct truth *t, const struct conversation *c);
bool truth_close(struct truth *t);

#endif
