/* What went wrong in the outside world (files, interfaces, options), as one sentence for the user: lower case first,
   no full stop, what failed, the name in quotes, what to try. Printed once, by main. */
#ifndef MAILTAP_BASE_ERROR_H
#define MAILTAP_BASE_ERROR_H

#include <stdbool.h>

struct error {
    char text[512];
};

/* Sets the sentence and returns false, so that a caller can `return error_set(...)`. Null err is allowed. */
bool error_set(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
