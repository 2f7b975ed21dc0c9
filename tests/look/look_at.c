/* look_at NAME DECLARED < FILE: looks at a part with that name and declared type ("-" for none), pushed in pieces of
   different lengths, and prints what is found: "magic flag,flag", then a line for each file listed:
   "size encrypted name". */
#include "mail/look.h"

#include "record/record.h"

#include <stdio.h>
#include <stdlib.h>

static void print(const struct record *r)
{
    struct entry e;
    const char *magic = "-", *before = " ";
    static char word[64];
    for (size_t at = 0; record_next(r, &at, &e);)
        if (e.field == F_part_magic) {
            snprintf(word, sizeof word, "%.*s", (int)e.text.len, (const char *)e.text.data);
            magic = word;
        }
    printf("%s", magic);
    for (size_t at = 0; record_next(r, &at, &e);)
        if (e.field == F_part_flags) {
            printf("%s%.*s", before, (int)e.text.len, (const char *)e.text.data);
            before = ",";
        }
    printf("\n");
    struct bytes name = {NULL, 0};
    long long size = -1;
    bool encrypted = false;
    for (size_t at = 0; record_next(r, &at, &e);) {
        if (e.field == F_archived_name)
            name = e.text;
        else if (e.field == F_archived_size)
            size = (long long)e.number;
        else if (e.field == F_archived_encrypted)
            encrypted = true;
        else if (e.field == F_part_archive_omitted)
            printf("omitted %llu\n", (unsigned long long)e.number);
        if (!e.end || !name.data)
            continue;
        printf("%lld %d %.*s\n", size, encrypted, (int)name.len, (const char *)name.data);
        name.data = NULL;
        size = -1;
        encrypted = false;
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "look_at: usage: look_at NAME DECLARED\n");
        return 2;
    }
    struct limits limits;
    limits_init(&limits);
    struct look *l =
        look_new(&limits, strcmp(argv[2], "-") ? argv[2] : NULL, strcmp(argv[1], "-") ? argv[1] : NULL, true);
    uint8_t block[5000];
    size_t len, piece = 1;
    while ((len = fread(block, 1, piece, stdin)) > 0) {
        look_push(l, bytes_of(block, len));
        piece = piece * 7 % 4999 + 1;
    }
    struct record *r = record_new(KIND_message, &limits);
    record_begin(r, F_message_parts);
    look_finish(l, r);
    record_end(r);
    look_free(l);
    print(r);
    record_free(r);
    return 0;
}
