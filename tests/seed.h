/* A dialogue as input of fuzz_dissector (tests/fuzz/turns.h). */
#ifndef MAILTAP_TESTS_SEED_H
#define MAILTAP_TESTS_SEED_H

#include "dialogue.h"

bool seed_save(const struct dialogue_file *d, const struct trace *t, const char *path, struct error *err);

#endif
