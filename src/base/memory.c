#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_MOST = 1032, PAGE = 4096 };

static void *checked(void *block)
{
    if (!block) {
        fputs("mailtap: out of memory\n", stderr);
        exit(2);
    }
    return block;
}

/* Of small blocks glibc keeps those just freed at hand for malloc(), but not, before 2.41, for calloc(): half of what
   an allocation took. The empty instruction keeps the compiler from making a calloc() of the two. Large blocks calloc()
   may have as zeros from the system. */
void *memory_get(size_t size)
{
    if (size > KEPT_MOST)
        return checked(calloc(1, size));
    void *block = checked(malloc(size ? size : 1));
    __asm__ volatile("" : : "r"(block) : "memory");
    memset(block, 0, size);
    return block;
}

void *memory_resize(void *block, size_t size)
{
    return checked(realloc(block, size ? size : 1));
}

void *memory_pages(size_t size)
{
    return checked(aligned_alloc(PAGE, (size + PAGE - 1) / PAGE * PAGE));
}

void *memory_more(void *list, size_t count, size_t item)
{
    return count & (count - 1) ? list : memory_resize(list, (count ? 2 * count : 1) * item);
}

char *memory_string(const char *text)
{
    return checked(strdup(text));
}
