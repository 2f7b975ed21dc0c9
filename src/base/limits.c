#include "limits.h"

#include <stddef.h>

const struct limit_info limit_infos[] = {
#define LIMIT(name, value, least, most, doc) {#name, doc, value, least, most},
#include "limits.def"
#undef LIMIT
};

const unsigned limit_count = sizeof limit_infos / sizeof *limit_infos;

void limits_init(struct limits *l)
{
    for (unsigned i = 0; i < limit_count; i++)
        *limits_at(l, i) = limit_infos[i].value;
}

uint64_t *limits_at(struct limits *l, unsigned index)
{
    static const size_t offsets[] = {
#define LIMIT(name, value, least, most, doc) offsetof(struct limits, name),
#include "limits.def"
#undef LIMIT
    };
    return (uint64_t *)(void *)((char *)l + offsets[index]);
}
