/* The maildrop (RFC 1939 sections 5, 6): what a session was told of it, and did with it. */
#include "base/memory.h"
#include "mail/content.h"
#include "pop3.h"

struct maildrop {
    uint64_t messages, octets, retrieved, tops, fetched, deleted;
    bool counted, by_stat, has_octets, quit; /* messages: known, by STAT; the deletions hold */
};

static struct maildrop *get(struct maildrop **link)
{
    if (!*link)
        *link = memory_get(sizeof **link);
    return *link;
}

/* "+OK 2 320" */
static void did_stat(struct maildrop **link, struct bytes text)
{
    uint64_t messages, octets;
    struct bytes first = bytes_word(&text), second = bytes_word(&text);
    if (!bytes_number(&first, &messages) || !bytes_number(&second, &octets))
        return;
    struct maildrop *m = get(link);
    if (m->deleted && m->by_stat)
        return;
    m->messages = messages + m->deleted; /* those that are marked do not count any more */
    m->counted = m->by_stat = true;
    m->octets = m->deleted ? m->octets : octets;
    m->has_octets |= !m->deleted;
}

void maildrop_did(struct maildrop **link, enum verb verb, struct bytes text)
{
    if (verb == VERB_STAT)
        did_stat(link, text);
    else if (verb == VERB_DELE)
        get(link)->deleted++;
    else if (verb == VERB_RSET && *link)
        (*link)->deleted = 0;
    else if (verb == VERB_QUIT && *link)
        (*link)->quit = true;
}

void maildrop_listed(struct maildrop **link, const struct body *b)
{
    struct maildrop *m = get(link);
    if (!m->counted)
        m->messages = b->lines + m->deleted;
    m->counted = true;
    if (b->verb != VERB_LIST || m->has_octets || m->deleted)
        return;
    m->octets = b->octets;
    m->has_octets = true;
}

void maildrop_fetched(struct maildrop **link, const struct body *b, bool complete)
{
    struct maildrop *m = get(link);
    m->retrieved += b->whole && complete;
    m->tops += !b->whole;
    m->fetched += content_size(b->content);
}

void maildrop_write(const struct maildrop *m, struct record *facts)
{
    record_nonzero(facts, F_session_fetched_whole, m->retrieved);
    record_nonzero(facts, F_session_fetched_headers, m->tops);
    record_nonzero(facts, F_session_fetched_octets, m->fetched);
    record_nonzero(facts, F_session_deleted, m->deleted);
    if (m->counted)
        record_number(facts, F_session_maildrop_messages, m->messages);
    if (m->has_octets)
        record_number(facts, F_session_maildrop_octets, m->octets);
    uint64_t gone = m->quit ? m->deleted : 0;
    if (m->counted && gone <= m->messages)
        record_number(facts, F_session_left_on_server, m->messages - gone);
}

size_t maildrop_held(const struct maildrop *m)
{
    return memory_cost(m ? sizeof *m : 0);
}
