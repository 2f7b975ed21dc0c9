/* Allocation that cannot fail: out of memory ends the program with a message, as in git and tmux. Limits and eviction
   keep us far from it. */
#ifndef MAILTAP_BASE_MEMORY_H
#define MAILTAP_BASE_MEMORY_H

#include <stddef.h>

void *memory_get(size_t size);                 /* zeroed; the caller frees with free() */
void *memory_resize(void *block, size_t size); /* as realloc */
void *memory_pages(size_t size);               /* whole pages, not zeroed: the kernel copies into them faster */
char *memory_string(const char *text);         /* a copy */

/* The list with room for one item more than `count`: twice as many at a time. */
void *memory_more(void *list, size_t count, size_t item);

/* What a block of that size costs with the common allocator, whose blocks have 8 octets more and are multiples of 16; 0
   for 0. */
static inline size_t memory_cost(size_t size)
{
    size_t cost = (size + 8 + 15) / 16 * 16;
    return !size ? 0 : cost < 32 ? 32 : cost;
}

#endif
