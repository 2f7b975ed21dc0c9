/* The fields of a record, or of one group in it, at hand by name: for formats that pick some of them. */
#ifndef MAILTAP_OUTPUT_FIELDS_H
#define MAILTAP_OUTPUT_FIELDS_H

#include "record/record.h"

struct fields {
    uint64_t has[(FIELD_COUNT + 63) / 64];
    /* Valid where has[] says so: */
    uint32_t items[FIELD_COUNT];
    struct entry first[FIELD_COUNT]; /* of a list or of COUNTS the first item, else the value */
};

/* Reads the top level of r. The views live as long as the record is not changed. */
void fields_read(struct fields *f, const struct record *r);

/* Goes to the next group of that field on the top level from *at (0 at first) on, and reads what is directly inside it.
   False when there is none left. */
bool fields_group(struct fields *f, const struct record *r, enum field group, size_t *at);

/* Goes to the next item of a list or of COUNTS on the top level from *at (0 at first) on. */
bool fields_item(const struct record *r, enum field list, size_t *at, struct entry *ret);

static inline bool fields_has(const struct fields *f, enum field field)
{
    return f->has[field / 64] >> (field % 64) & 1;
}

/* What is absent is an empty text, or 0. */
static inline struct bytes fields_text(const struct fields *f, enum field field)
{
    return fields_has(f, field) ? f->first[field].text : (struct bytes){NULL, 0};
}

static inline uint64_t fields_number(const struct fields *f, enum field field)
{
    return fields_has(f, field) ? f->first[field].number : 0;
}

static inline uint32_t fields_items(const struct fields *f, enum field field)
{
    return fields_has(f, field) ? f->items[field] : 0;
}

static inline bool fields_is(const struct fields *f, enum field field, const char *word)
{
    return fields_has(f, field) && bytes_equal(f->first[field].text, bytes_of_string(word));
}

#endif
