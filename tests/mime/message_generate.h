/* Hostile messages: nested, with boundaries that are prefixes of each other, missing or absurd, with broken headers and
   encodings. The same for the same seed and number. */
#ifndef MAILTAP_TESTS_MESSAGE_GENERATE_H
#define MAILTAP_TESTS_MESSAGE_GENERATE_H

#include "base/buf.h"

void message_generate(uint64_t seed, uint64_t number, struct buf *out);

#endif
