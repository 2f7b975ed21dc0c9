/* What was done with mailboxes, in all: sums of the counters of sessions, and the times from one session of a user at a
   client to the next. */
#include "summary_mailboxes.h"

#include "base/memory.h"
#include "histogram.h"
#include "plain.h"

#include <stdlib.h>
#include <string.h>

enum { POP3, IMAP, PROTOS };

enum unit { COUNT, OCTETS, DURATION };

static const struct {
    enum field field;
    enum unit unit;
    const char *name;
} sums[] = {
    {F_session_opened, COUNT, "mailboxes opened"},
    {F_session_listed_messages, COUNT, "messages listed"},
    {F_session_fetched_whole, COUNT, "messages fetched whole"},
    {F_session_fetched_headers, COUNT, "headers fetched"},
    {F_session_fetched_parts, COUNT, "other pieces fetched"},
    {F_session_fetched_octets, OCTETS, "  octets fetched"},
    {F_session_appended, COUNT, "messages stored"},
    {F_session_appended_octets, OCTETS, "  octets stored"},
    {F_session_copied, COUNT, "messages copied"},
    {F_session_moved, COUNT, "messages moved"},
    {F_session_flagged, COUNT, "messages flagged"},
    {F_session_deleted, COUNT, "messages marked for deletion"},
    {F_session_expunged, COUNT, "messages expunged"},
    {F_session_expunged_by_close, COUNT, "  by CLOSE, at least"},
    {F_session_left_on_server, COUNT, "messages left on the server"},
    {F_session_searches, COUNT, "searches"},
    {F_session_search_hits, COUNT, "  messages found"},
    {F_session_idle_us, DURATION, "time in IDLE"},
};

#define SUMS (sizeof sums / sizeof *sums)

struct summary_mailboxes {
    uint64_t sums[SUMS][PROTOS];
    uint64_t duration_us; /* of IMAP sessions, for the share of IDLE */
    struct histogram intervals[PROTOS];
};

struct summary_mailboxes *summary_mailboxes_new(void)
{
    return memory_get(sizeof(struct summary_mailboxes));
}

void summary_mailboxes_free(struct summary_mailboxes *m)
{
    free(m);
}

void summary_mailboxes_add(struct summary_mailboxes *m, const struct fields *f)
{
    int proto = fields_is(f, F_all_proto, "imap") ? IMAP : POP3;
    if (proto == POP3 && !fields_is(f, F_all_proto, "pop3"))
        return;
    for (size_t i = 0; i < SUMS; i++)
        m->sums[i][proto] +=
            sums[i].field == F_session_opened ? fields_items(f, F_session_opened) : fields_number(f, sums[i].field);
    m->duration_us += proto == IMAP ? fields_number(f, F_session_duration_us) : 0;
    if (fields_has(f, F_session_since_last_us))
        histogram_add(&m->intervals[proto], fields_number(f, F_session_since_last_us));
}

static void put(struct table *t, enum unit unit, uint64_t n)
{
    struct buf *cell = table_cell(t);
    if (!n)
        return;
    if (unit == OCTETS)
        plain_add_size(cell, n);
    else if (unit == DURATION)
        plain_add_duration(cell, n);
    else
        plain_add_number(cell, n);
}

static void interval_row(const struct summary_mailboxes *m, struct table *t, const char *name, unsigned percent)
{
    if (!m->intervals[POP3].count && !m->intervals[IMAP].count)
        return;
    table_text(t, name);
    for (int proto = 0; proto < PROTOS; proto++)
        put(t, DURATION, histogram_percentile(&m->intervals[proto], percent));
}

void summary_mailboxes_rows(const struct summary_mailboxes *m, struct table *t)
{
    static const char *const names[] = {"", "pop3", "imap"};
    bool any = m->intervals[POP3].count || m->intervals[IMAP].count;
    for (size_t i = 0; i < SUMS; i++)
        any |= m->sums[i][POP3] || m->sums[i][IMAP];
    for (size_t i = 0; any && i < sizeof names / sizeof *names; i++)
        table_text(t, names[i]);
    for (size_t i = 0; i < SUMS; i++) {
        if (!m->sums[i][POP3] && !m->sums[i][IMAP])
            continue;
        table_text(t, sums[i].name);
        for (int proto = 0; proto < PROTOS; proto++)
            put(t, sums[i].unit, m->sums[i][proto]);
        if (sums[i].field != F_session_idle_us || !m->duration_us)
            continue;
        table_text(t, "  of the sessions' time");
        table_cell(t);
        buf_printf(table_cell(t), "%.1f %%", 100.0 * (double)m->sums[i][IMAP] / (double)m->duration_us);
    }
    interval_row(m, t, "from session to session of a user, half within", 50);
    interval_row(m, t, "  nine of ten within", 90);
}
