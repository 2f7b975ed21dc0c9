/* Every limit by name, with its default: limits.def is the list. */
#ifndef MAILTAP_BASE_LIMITS_H
#define MAILTAP_BASE_LIMITS_H

#include <stdint.h>

struct limits {
#define LIMIT(name, value, least, most, doc) uint64_t name;
#include "limits.def"
#undef LIMIT
};

struct limit_info {
    const char *name, *doc;
    uint64_t value, least, most;
};

extern const struct limit_info limit_infos[]; /* in the order of limits.def */
extern const unsigned limit_count;

void limits_init(struct limits *l);

/* The member that limit_infos[index] names. */
uint64_t *limits_at(struct limits *l, unsigned index);

#endif
