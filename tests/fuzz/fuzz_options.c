/* The command line: words with NUL between, as a program would be given them. */
#include <stdlib.h>

#include "base/memory.h"
#include "options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { WORDS_MAX = 64 };
    struct options o;
    struct error err = {0};
    char program[] = "mailtap", *argv[WORDS_MAX + 2] = {program};
    char *words = memory_get(size + 1);
    int argc = 1;
    if (size)
        memcpy(words, data, size);
    for (size_t at = 0; at < size && argc <= WORDS_MAX; at += strlen(words + at) + 1)
        argv[argc++] = words + at;
    if (!options_parse(&o, argc, argv, size % 2, &err) && !err.text[0])
        abort(); /* a refusal without a word */
    options_release(&o);
    free(words);
    return 0;
}
