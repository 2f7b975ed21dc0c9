/* Differences between two texts, for people. */
#ifndef MAILTAP_TESTS_DIFF_H
#define MAILTAP_TESTS_DIFF_H

#include "base/bytes.h"

/* Prints all lines: `-` before those expected only, `+` before those got only. */
void diff_print(struct bytes expected, struct bytes got);

#endif
