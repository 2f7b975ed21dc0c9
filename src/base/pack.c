#include "pack.h"

#include <assert.h>

#define WORD 8u
#define ZERO 0x80u /* and how many zero words, less one */
#define RUN  128u

static size_t significant(uint64_t word)
{
    return (size_t)(71 - __builtin_clzll(word)) / 8;
}

/* Writes WORD octets, of which the significant ones count. */
static void write_word(uint8_t *to, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(to, &word, WORD);
#else
    for (size_t i = 0; i < WORD; i++, word >>= 8)
        to[i] = (uint8_t)word;
#endif
}

/* The last word of a block that is no multiple of words. */
static uint64_t last_word(const uint8_t *block, size_t len)
{
    uint64_t word = 0;
    memcpy(&word, block, len);
    return word;
}

static uint8_t *pack_zeros(uint8_t *to, size_t words)
{
    for (; words > RUN; words -= RUN)
        *to++ = ZERO | (RUN - 1);
    if (words)
        *to++ = (uint8_t)(ZERO | (words - 1));
    return to;
}

bool pack(struct buf *out, const void *block, size_t size)
{
    const uint8_t *from = block;
    size_t words = (size + WORD - 1) / WORD, zeros = 0;
    uint8_t *to = buf_room(out, words * (1 + WORD) + WORD), *start = to;
    if (!to)
        return false;
    for (size_t at = 0; at < size; at += WORD) {
        uint64_t word;
        if (size - at >= WORD)
            memcpy(&word, from + at, WORD);
        else
            word = last_word(from + at, size - at);
        if (!word) {
            zeros++;
            continue;
        }
        if (zeros)
            to = pack_zeros(to, zeros);
        zeros = 0;
        *to = (uint8_t)significant(word);
        write_word(to + 1, word);
        to += 1 + *to;
    }
    out->len += (size_t)(pack_zeros(to, zeros) - start);
    return true;
}

static void put_word(uint8_t *block, size_t at, size_t size, uint64_t word)
{
    if (size - at >= WORD) {
        memcpy(block + at, &word, WORD);
        return;
    }
    memcpy(block + at, &word, size - at);
}

void unpack(struct bytes *in, void *block, size_t size)
{
    const uint8_t *from = in->data;
    size_t at = 0;
    while (at < size) {
        uint8_t n = *from++;
        if (n & ZERO) {
            size_t zeros = ((size_t)(n & (ZERO - 1)) + 1) * WORD;
            zeros = zeros < size - at ? zeros : size - at;
            memset((uint8_t *)block + at, 0, zeros);
            at += zeros;
            continue;
        }
        uint64_t word = 0;
        for (size_t i = 0; i < n; i++)
            word |= (uint64_t)*from++ << 8 * i;
        put_word(block, at, size, word);
        at += WORD;
    }
    size_t read = (size_t)(from - in->data);
    assert(read <= in->len);
    *in = bytes_part(*in, read, in->len);
}
