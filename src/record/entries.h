/* How the entries of a record are laid out: for record.c, and for who walks so many of them that it matters. All others
   read with record_next().

   An entry is the field in one octet (ENTRY_FAR and one more from there on), its length in one (ENTRY_LONG and four
   more where that is not enough), its octets: of numbers those from the lowest to the highest that is not zero, of
   COUNTS such a number with a length of its own, and the key. A group is its field alone, without a length, its fields,
   and ENTRY_END. Sessions hold many of these: it is kept small. */
#ifndef MAILTAP_RECORD_ENTRIES_H
#define MAILTAP_RECORD_ENTRIES_H

#include "record.h"

#define ENTRY_END  0xffu
#define ENTRY_FAR  0xfeu /* the field is so much more than the octet that follows */
#define ENTRY_LONG 0xffu

/* All of them, never a null; the view lives as long as the record is not changed. */
struct bytes record_entries(const struct record *r);

/* The field of the entry at `at` (FIELD_COUNT for an end), and its octets: none for groups and ends. Returns the place
   behind it, which is inside, for a group. Records are well-formed: only they call it. */
static inline const uint8_t *entry_read(const uint8_t *at, unsigned *field, struct bytes *value)
{
    unsigned f = *at++;
    *value = (struct bytes){NULL, 0};
    if (f >= ENTRY_FAR) {
        if (f == ENTRY_END) {
            *field = FIELD_COUNT;
            return at;
        }
        f += *at++;
    }
    *field = f;
    if (field_is_group((enum field)f))
        return at;
    size_t len = *at++;
    if (len == ENTRY_LONG) {
        uint32_t len32;
        memcpy(&len32, at, sizeof len32);
        at += sizeof len32;
        len = len32;
    }
    *value = bytes_of(at, len);
    return at + len;
}

/* Behind the end of the group of which `at` is inside. */
static inline const uint8_t *entry_group_after(const uint8_t *at, const uint8_t *end)
{
    for (unsigned depth = 1, f; depth && at < end;) {
        struct bytes value;
        at = entry_read(at, &f, &value);
        if (f == FIELD_COUNT)
            depth--;
        else
            depth += field_is_group((enum field)f);
    }
    return at;
}

/* The number that the octets of an entry are: not of COUNTS. */
static inline uint64_t entry_number(struct bytes value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint8_t *d = value.data;
    size_t n = value.len;
    if (n >= 4) { /* the first four and the last four, some of them twice */
        uint32_t low, high;
        memcpy(&low, d, sizeof low);
        memcpy(&high, d + n - sizeof high, sizeof high);
        return low | (uint64_t)high << (8 * (n - sizeof high));
    }
    return n ? d[0] | (uint64_t)d[n / 2] << (8 * (n / 2)) | (uint64_t)d[n - 1] << (8 * (n - 1)) : 0;
#else
    uint64_t number = 0;
    for (size_t i = value.len; i-- > 0;)
        number = number << 8 | value.data[i];
    return number;
#endif
}

/* The number and the key that the octets of an entry of COUNTS are. */
static inline uint64_t entry_count(struct bytes value, struct bytes *key)
{
    size_t n = value.data[0];
    *key = bytes_of(value.data + 1 + n, value.len - 1 - n);
    return entry_number(bytes_of(value.data + 1, n));
}

#endif
