#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *block)
{
    if (!block) {
        fputs("mailtap: out of memory\n", stderr);
        exit(2);
    }
    return block;
}

void *memory_get(size_t size)
{
    return checked(calloc(1, size ? size : 1));
}

void *memory_resize(void *block, size_t size)
{
    return checked(realloc(block, size ? size : 1));
}

char *memory_string(const char *text)
{
    return checked(strdup(text));
}
