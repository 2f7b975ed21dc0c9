#include "slab.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE (16384 - 16) /* with what the allocator adds */
#define PAGE_COST 16384
#define PAGE_MOST 255 /* items: their number takes eight bits */

void slab_init(struct slab *s, const uint16_t size[SLAB_SIZES])
{
    *s = (struct slab){.count = 1, .cap = 16};
    memcpy(s->size, size, sizeof s->size);
    s->pages = memory_get(s->cap * sizeof *s->pages);
    s->memory = s->cap * sizeof *s->pages;
}

void slab_release(struct slab *s)
{
    for (uint32_t i = 1; i < s->count; i++)
        free(s->pages[i].items);
    free(s->pages);
}

static unsigned items_in(const struct slab_page *page)
{
    unsigned n = PAGE_SIZE / page->size;
    return n < PAGE_MOST ? n : PAGE_MOST;
}

static void add_roomy(struct slab *s, uint32_t number)
{
    struct slab_page *page = &s->pages[number];
    page->next = s->roomy[page->kind];
    page->previous = 0;
    s->pages[page->next].previous = number; /* of page 0 it means nothing */
    s->roomy[page->kind] = number;
}

static void remove_roomy(struct slab *s, uint32_t number)
{
    struct slab_page *page = &s->pages[number];
    if (page->previous)
        s->pages[page->previous].next = page->next;
    else
        s->roomy[page->kind] = page->next;
    s->pages[page->next].previous = page->previous;
}

static uint32_t add_page(struct slab *s, unsigned kind)
{
    uint32_t number = s->free_number;
    if (number) {
        s->free_number = s->pages[number].next;
    } else {
        if (s->count == s->cap) {
            s->memory += s->cap * sizeof *s->pages;
            s->cap *= 2;
            s->pages = memory_resize(s->pages, s->cap * sizeof *s->pages);
        }
        number = s->count++;
    }
    s->pages[number] =
        (struct slab_page){.items = memory_resize(NULL, PAGE_SIZE), .size = s->size[kind], .kind = (uint8_t)kind};
    s->memory += PAGE_COST;
    add_roomy(s, number);
    return number;
}

void *slab_get(struct slab *s, unsigned kind, uint32_t *name)
{
    uint32_t number = s->roomy[kind] ? s->roomy[kind] : add_page(s, kind), index;
    struct slab_page *page = &s->pages[number];
    void *item;
    if (page->unused) {
        index = page->unused - 1u;
        item = page->items + (size_t)page->size * index;
        memcpy(&page->unused, item, sizeof page->unused);
    } else {
        index = page->begun++;
        item = page->items + (size_t)page->size * index;
    }
    page->used++;
    if (page->used == items_in(page))
        remove_roomy(s, number);
    memset(item, 0, page->size);
    *name = number << 8 | index;
    return item;
}

void slab_put(struct slab *s, uint32_t name)
{
    uint32_t number = name >> 8;
    struct slab_page *page = &s->pages[number];
    void *item = slab_at(s, name);
    if (page->used == items_in(page))
        add_roomy(s, number);
    memcpy(item, &page->unused, sizeof page->unused);
    page->unused = (uint16_t)((name & 255) + 1);
    page->used--;
    if (page->used || (s->roomy[page->kind] == number && !page->next))
        return; /* the only one with room stays: the next may come at once */
    remove_roomy(s, number);
    free(page->items);
    *page = (struct slab_page){.next = s->free_number};
    s->free_number = number;
    s->memory -= PAGE_COST;
}
