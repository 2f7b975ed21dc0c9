/* A part looked at whole and in pieces: both must give the same record. */
#ifndef MAILTAP_TESTS_FUZZ_LOOK_TWICE_H
#define MAILTAP_TESTS_FUZZ_LOOK_TWICE_H

#include "mail/look.h"

#include "pieces.h"

static inline struct record *look_at(struct bytes content, size_t piece, const struct limits *limits, const char *mime,
                                     const char *name, size_t gap)
{
    struct look *l = look_new(limits, mime, name, name != NULL);
    for (size_t at = 0; at < content.len; at += piece) {
        struct bytes b = bytes_part(content, at, piece);
        uint8_t *copy = copy_of(b);
        look_push(l, bytes_of(copy, b.len));
        free(copy);
        if (at / piece == gap)
            look_gap(l, gap * 3);
    }
    if (look_held(l) > 256 * 1024)
        abort();
    struct record *r = record_new(KIND_message, limits);
    record_begin(r, F_message_parts);
    look_finish(l, r);
    record_end(r);
    look_free(l);
    return r;
}

static inline void look_twice(struct bytes content, uint8_t piece, uint8_t gap, const char *mime, const char *name)
{
    struct limits limits;
    limits_init(&limits);
    limits.archive = 8;
    struct record *whole = look_at(content, content.len + 1, &limits, mime, name, SIZE_MAX);
    struct record *cut = look_at(content, piece + 1u, &limits, mime, name, SIZE_MAX);
    same_record(whole, cut);
    record_free(whole);
    record_free(cut);
    record_free(look_at(content, piece + 1u, &limits, mime, name, gap));
}

#endif
