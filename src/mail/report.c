/* Reports: groups of fields with empty lines between, read as headers are. Of a delivery the first group is about the
   message, each further one about a recipient; the others are one group. */
#include "report.h"

#include "base/memory.h"
#include "header.h"
#include "lexical.h"
#include "record/record.h"

#include <stdlib.h>

enum kind_of_report { DSN, MDN, ARF };

enum value_kind { AS_SENT, TYPED, STATUS, DISPOSITION };

static const struct report_field {
    const char *name;
    enum kind_of_report report;
    enum field field;
    enum value_kind kind;
    bool of_recipient;
} report_fields[] = {
    {"Reporting-MTA", DSN, F_report_reporting_mta, TYPED, false},
    {"Final-Recipient", DSN, F_report_final_recipient, TYPED, true},
    {"Original-Recipient", DSN, F_report_original_recipient, TYPED, true},
    {"Action", DSN, F_report_action, AS_SENT, true},
    {"Status", DSN, F_report_status, STATUS, true},
    {"Diagnostic-Code", DSN, F_report_diagnostic, TYPED, true},
    {"Remote-MTA", DSN, F_report_remote_mta, TYPED, true},
    {"Final-Recipient", MDN, F_report_final_recipient, TYPED, true},
    {"Original-Recipient", MDN, F_report_original_recipient, TYPED, true},
    {"Original-Message-ID", MDN, F_report_original_message_id, AS_SENT, false},
    {"Disposition", MDN, F_report_action, DISPOSITION, false},
    {"Error", MDN, F_report_diagnostic, AS_SENT, false},
    {"Failure", MDN, F_report_diagnostic, AS_SENT, false},
    {"Feedback-Type", ARF, F_report_action, AS_SENT, false},
    {"Original-Rcpt-To", ARF, F_report_original_recipient, AS_SENT, true},
    {"Reporting-MTA", ARF, F_report_reporting_mta, TYPED, false},
    {"Reported-Domain", ARF, F_report_reported_domain, AS_SENT, false},
    {"Source-IP", ARF, F_report_source_ip, AS_SENT, false},
};

enum { REPORT_FIELDS = sizeof report_fields / sizeof *report_fields };

struct report {
    const struct limits *limits;
    enum kind_of_report kind;
    struct header_scanner *group; /* null between groups */
    uint64_t pushed;              /* octets into it */
    bool about_recipient;         /* the group has a field of a recipient */
    bool broken;                  /* a line that is no field: what follows is not read */
    uint64_t recipients;
    struct record *record; /* with the group `report` open */
};

struct report *report_new(const struct limits *limits, const char *subtype)
{
    static const struct {
        const char *subtype, *name;
        enum kind_of_report kind;
    } kinds[] = {
        {"delivery-status", "dsn", DSN}, {"disposition-notification", "mdn", MDN}, {"feedback-report", "arf", ARF}};
    if (!subtype)
        return NULL;
    const char *bare = strncmp(subtype, "global-", 7) != 0 ? subtype : subtype + 7;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(bare, kinds[i].subtype)) {
            struct report *r = memory_get(sizeof *r);
            r->limits = limits;
            r->kind = kinds[i].kind;
            r->record = record_new(KIND_message, limits);
            record_begin(r->record, F_message_report);
            record_word(r->record, F_report_kind, kinds[i].name);
            return r;
        }
    return NULL;
}

void report_free(struct report *r)
{
    if (!r)
        return;
    header_scanner_free(r->group);
    record_free(r->record);
    free(r);
}

size_t report_held(const struct report *r)
{
    return !r ? 0 : memory_cost(sizeof *r) + record_held(r->record) + (r->group ? header_scanner_held(r->group) : 0);
}

/* An enhanced status code, RFC 3463 section 2, or nothing. */
static struct bytes status_of(struct bytes value)
{
    struct bytes rest = lexical_skip(value), word = lexical_token(&rest, "(;,"), digits = word;
    uint64_t number;
    size_t before = digits.len;
    for (int i = 0; i < 3; i++) {
        if (!bytes_number(&digits, &number) || before - digits.len > 3)
            return (struct bytes){NULL, 0};
        if (i < 2 && digits.len && digits.data[0] == '.')
            digits = bytes_part(digits, 1, SIZE_MAX);
        else if (i < 2 || digits.len)
            return (struct bytes){NULL, 0};
        before = digits.len;
    }
    bool is_class = word.len > 1 && word.data[1] == '.' && strchr("245", word.data[0]);
    return is_class ? word : (struct bytes){NULL, 0};
}

/* "manual-action/MDN-sent-manually; displayed/error": what became of it. */
static struct bytes disposition_of(struct bytes value)
{
    struct bytes type = bytes_trim(bytes_part(value, bytes_index(value, ';') + 1, SIZE_MAX));
    return lexical_token(&type, "/(;,");
}

/* "rfc822; a@b": what is behind the type. */
static struct bytes untyped(struct bytes value)
{
    size_t end = bytes_index(value, ';');
    return end < value.len ? bytes_trim(bytes_part(value, end + 1, SIZE_MAX)) : value;
}

static void read_field(void *arg, struct bytes name, struct bytes value)
{
    struct report *r = arg;
    for (size_t i = 0; i < REPORT_FIELDS; i++) {
        const struct report_field *f = &report_fields[i];
        if (f->report != r->kind || !bytes_equal_nocase(name, bytes_of_string(f->name)))
            continue;
        if (f->of_recipient && r->kind == ARF)
            r->recipients++;
        else if (f->of_recipient)
            r->about_recipient = true;
        struct bytes text = f->kind == TYPED         ? untyped(value)
                            : f->kind == STATUS      ? status_of(value)
                            : f->kind == DISPOSITION ? disposition_of(value)
                                                     : value;
        bool later = f->of_recipient && r->kind == DSN && r->recipients;
        if (text.len && !later && !record_has(r->record, f->field))
            record_text(r->record, f->field, text);
        return;
    }
}

static void begin_group(struct report *r)
{
    r->group = header_scanner_part_new(r->limits);
    header_scanner_listen_to_all(r->group, read_field, r);
    r->pushed = 0;
    r->about_recipient = false;
}

static void end_group(struct report *r, bool complete)
{
    header_scanner_finish(r->group, NULL, complete);
    r->broken = header_scanner_done(r->group) && !header_scanner_empty_line(r->group);
    header_scanner_free(r->group);
    r->group = NULL;
    r->recipients += r->about_recipient;
    r->about_recipient = false;
}

void report_push(struct report *r, struct bytes decoded)
{
    while (decoded.len && !r->broken) {
        if (!r->group)
            begin_group(r);
        header_scanner_push(r->group, decoded);
        if (!header_scanner_done(r->group)) {
            r->pushed += decoded.len;
            return;
        }
        uint64_t end = header_scanner_end(r->group);
        decoded = bytes_part(decoded, (size_t)(end > r->pushed ? end - r->pushed : 0), SIZE_MAX);
        end_group(r, true);
    }
}

void report_gap(struct report *r, uint64_t len)
{
    if (r->broken)
        return;
    if (!r->group)
        begin_group(r);
    header_scanner_gap(r->group, len);
    r->pushed += len;
}

void report_finish(struct report *r, struct record *message, bool complete)
{
    if (r->group)
        end_group(r, complete);
    if (r->kind != MDN && r->recipients)
        record_number(r->record, F_report_recipients, r->recipients);
    record_end(r->record);
    if (!record_has(message, F_message_report))
        record_join(message, r->record);
}
