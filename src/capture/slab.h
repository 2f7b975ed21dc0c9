/* Many small things of a few sizes, named by 32 bits. They come from pages of 16 KiB; a page whose last thing was put
   back is freed, so that another size, or anybody else, can have its memory. */
#ifndef MAILTAP_CAPTURE_SLAB_H
#define MAILTAP_CAPTURE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define SLAB_SIZES 4

struct slab_page {
    uint8_t *items;            /* null: the number is not in use */
    uint16_t size;             /* of each */
    uint16_t unused;           /* first of those put back, from 1; 0: none */
    uint8_t kind, used, begun; /* index of the size; items in use; items that were ever in use */
    uint32_t next, previous;   /* with room, of this kind; or the next number not in use */
};

struct slab {
    uint16_t size[SLAB_SIZES]; /* a multiple of 8 */
    struct slab_page *pages;   /* the first is never used: 0 names nothing */
    uint32_t count, cap, free_number;
    uint32_t roomy[SLAB_SIZES];
    uint64_t memory; /* octets of all pages in use */
};

void slab_init(struct slab *s, const uint16_t size[SLAB_SIZES]);
void slab_release(struct slab *s);

/* A zeroed one of the size with that index. Stays where it is until it is put back. Sets *name, never to 0. */
void *slab_get(struct slab *s, unsigned kind, uint32_t *name);
void slab_put(struct slab *s, uint32_t name);

static inline void *slab_at(const struct slab *s, uint32_t name)
{
    const struct slab_page *page = &s->pages[name >> 8];
    return page->items + (size_t)page->size * (name & 255);
}

#endif
