/* Reports: the same however they are cut. The first octet says which kind, the second how long the pieces are. */
#include "mail/report.h"

#include "record/record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct record *read_report(const char *subtype, struct bytes part, size_t piece, const struct limits *limits)
{
    struct report *r = report_new(limits, subtype);
    struct record *message = record_new(KIND_message, limits);
    for (size_t at = 0; at < part.len; at += piece)
        report_push(r, bytes_part(part, at, piece));
    report_finish(r, message, true);
    report_free(r);
    return message;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const subtypes[] = {"delivery-status", "disposition-notification", "feedback-report"};
    struct limits limits;
    limits_init(&limits);
    limits.header = 1024;
    if (size < 2)
        return 0;
    struct bytes part = bytes_of(data + 2, size - 2);
    struct record *whole = read_report(subtypes[data[0] % 3], part, part.len + 1, &limits);
    struct record *cut = read_report(subtypes[data[0] % 3], part, data[1] % 16 + 1u, &limits);
    struct entry x, y;
    size_t at = 0, bt = 0;
    bool more;
    while ((more = record_next(whole, &at, &x)) == record_next(cut, &bt, &y) && more)
        if (x.end != y.end || x.field != y.field || x.number != y.number || !bytes_equal(x.text, y.text))
            abort();
    if (more)
        abort();
    record_free(whole);
    record_free(cut);
    return 0;
}
