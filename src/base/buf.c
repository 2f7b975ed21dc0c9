#include "buf.h"

#include "memory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->cut = false;
}

uint8_t *buf_room(struct buf *b, size_t n)
{
    if (n > b->max - b->len)
        return NULL;
    if (b->len + n > b->cap) {
        size_t cap = b->cap ? b->cap : 64;
        while (cap < b->len + n)
            cap = cap > b->max / 2 ? b->max : cap * 2;
        if (cap > b->max)
            cap = b->max;
        b->data = memory_resize(b->data, cap);
        b->cap = cap;
    }
    return b->data + b->len;
}

bool buf_add(struct buf *b, struct bytes more)
{
    size_t n = more.len;
    if (n > b->max - b->len) {
        n = b->max - b->len;
        b->cut = true;
    }
    uint8_t *to = n ? buf_room(b, n) : NULL;
    if (to) { /* always, where n is not 0: it fits */
        memcpy(to, more.data, n);
        b->len += n;
    }
    return n == more.len;
}

bool buf_add_byte(struct buf *b, uint8_t c)
{
    return buf_add(b, (struct bytes){&c, 1});
}

bool buf_add_string(struct buf *b, const char *text)
{
    return buf_add(b, bytes_of_string(text));
}

bool buf_printf(struct buf *b, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < sizeof text);
    return buf_add(b, bytes_of(text, (size_t)n));
}

void buf_drop(struct buf *b, size_t n)
{
    assert(n <= b->len);
    b->len -= n;
    if (b->len)
        memmove(b->data, b->data + n, b->len);
}
