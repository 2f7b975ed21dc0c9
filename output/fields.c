/* The fields of a record, picked out by one walk. */
#include "fields.h"

static bool is_group(enum field f)
{
    return field_infos[f].type == GROUP || field_infos[f].type == GROUPS;
}

static bool is_scalar(enum field f)
{
    enum field_type type = field_infos[f].type;
    return type == TEXT || type == WORD || type == NUMBER || type == TIME || type == FLAG || type == BOOLEAN;
}

/* Reads one level from *at on, to its end. */
static void read_level(struct fields *f, const struct record *r, size_t *at)
{
    memset(f->has, 0, sizeof f->has);
    unsigned depth = 0;
    struct entry e;
    while (record_next(r, at, &e)) {
        if (e.end) {
            if (!depth)
                return;
            depth--;
            continue;
        }
        if (!depth) {
            uint64_t bit = UINT64_C(1) << (e.field % 64);
            if (!(f->has[e.field / 64] & bit)) {
                f->items[e.field] = 0;
                f->first[e.field] = e;
            } else if (is_scalar(e.field)) {
                f->first[e.field] = e; /* set twice: the later one replaces */
            }
            f->has[e.field / 64] |= bit;
            f->items[e.field]++;
        }
        depth += is_group(e.field);
    }
}

void fields_read(struct fields *f, const struct record *r)
{
    size_t at = 0;
    read_level(f, r, &at);
}

bool fields_group(struct fields *f, const struct record *r, enum field group, size_t *at)
{
    unsigned depth = 0;
    struct entry e;
    while (record_next(r, at, &e)) {
        if (e.end) {
            depth--;
        } else if (!depth && e.field == group) {
            read_level(f, r, at);
            return true;
        } else {
            depth += is_group(e.field);
        }
    }
    return false;
}

bool fields_item(const struct record *r, enum field list, size_t *at, struct entry *ret)
{
    unsigned depth = 0;
    while (record_next(r, at, ret)) {
        if (ret->end)
            depth--;
        else if (!depth && ret->field == list)
            return true;
        else
            depth += is_group(ret->field);
    }
    return false;
}
