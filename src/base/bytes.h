/* A view of octets that somebody else owns, and what one does with such views. */
#ifndef MAILTAP_BASE_BYTES_H
#define MAILTAP_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data; /* null only where len is 0, or in a chunk that stands for a gap */
    size_t len;
};

/* The view of a string literal or array of char, without its NUL. */
#define BYTES(literal) ((struct bytes){(const uint8_t *)("" literal), sizeof(literal) - 1})

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){(const uint8_t *)data, len};
}

static inline struct bytes bytes_of_string(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* The part of b from `from` on, at most `len` long; empty where b is shorter. */
struct bytes bytes_part(struct bytes b, size_t from, size_t len);

/* Without leading and trailing spaces and tabs. */
struct bytes bytes_trim(struct bytes b);

bool bytes_equal(struct bytes a, struct bytes b);

/* A string of the first octets, as many as there is room for; `size` is at least 1. */
void bytes_to_string(char *to, size_t size, struct bytes b);

/* Two lower-case hexadecimal digits for each octet, without a NUL; returns the place behind them. */
char *bytes_hex(char *to, struct bytes b);

/* Its first octets in lower case (ASCII), as many as there is room for, in `to`. */
struct bytes bytes_lower(struct bytes b, char *to, size_t size);

/* Equal but for the case of ASCII letters. */
bool bytes_equal_nocase(struct bytes a, struct bytes b);

/* Does b begin with `start`, but for the case of ASCII letters? */
bool bytes_starts_nocase(struct bytes b, struct bytes start);

/* Place of the first `c`, or b.len. */
size_t bytes_index(struct bytes b, uint8_t c);

/* Place of `needle` in b, but for the case of ASCII letters, or SIZE_MAX. An empty needle stands at 0. */
size_t bytes_find_nocase(struct bytes b, struct bytes needle);

/* For "%.*s": at most so many octets of a text. */
#define SHOWN(text) (int)((text).len < 100 ? (text).len : 100), (text).len ? (const char *)(text).data : ""

/* Keeps the last octets of a stream that comes in pieces: `last` holds `have` of them and has room for `most`; `more`
   comes next. Returns how many it holds now. */
size_t bytes_keep_last(uint8_t *last, size_t have, size_t most, struct bytes more);

/* Cuts the next word off the front: skips spaces and tabs, returns what stands before the next of them.
   Empty when there is none. */
struct bytes bytes_word(struct bytes *rest);

/* Reads a decimal number from the front and cuts it off; false, and nothing is cut, when there is
   none or it does not fit. */
bool bytes_number(struct bytes *rest, uint64_t *ret);

static inline uint8_t byte_upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

static inline uint8_t byte_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static inline bool byte_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline bool byte_is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

#endif
