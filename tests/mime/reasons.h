/* Why the walk and GMime may differ on a message: each class with what is known of it. */
#ifndef MAILTAP_TESTS_REASONS_H
#define MAILTAP_TESTS_REASONS_H

#include "base/bytes.h"

struct line {
    char path[256], mime[128], hash[65];
    bool leaf;         /* size and hash are valid */
    bool bad_encoding; /* flagged so */
    uint64_t size;
};

#define LINES_MOST 1024

struct lines {
    struct line line[LINES_MOST];
    size_t count;
};

/* The lines of a list as parts_list() makes it; notes and flags are left out. */
void lines_read(struct lines *l, struct bytes list);
bool lines_equal(const struct lines *a, const struct lines *b);

struct difference {
    struct bytes message, noted; /* noted: the walk's list, with its notes */
    struct lines ours, theirs;
};

struct reason {
    const char *why;
    /* Takes what differs for that reason out of both lists; true where there was something. */
    bool (*explain)(struct difference *d);
};

extern const struct reason reasons[];
extern const unsigned reason_count;

#endif
