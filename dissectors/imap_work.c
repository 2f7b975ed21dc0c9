/* What an IMAP session did: which mailboxes it opened and what was in them, how many messages it listed, fetched,
   stored, copied, moved, flagged, deleted and expunged, what it searched for, how long it idled; who client and server
   say they are (RFC 2971), quotas (9208), rights (4314), namespaces (2342). Through the response forms of UIDPLUS
   (4315), MOVE (6851), ESEARCH (4731), CONDSTORE and QRESYNC (7162) too. Counters, and lists with an end. */
#include "imap.h"

#include "base/clock.h"
#include "base/memory.h"
#include "client_line.h"
#include "mail/mutf7.h"

#include <stdlib.h>

#define WORK_TEXT 1024 /* octets of one text */

struct work *imap_work(struct imap *x)
{
    if (!x->work)
        x->work = memory_get(sizeof *x->work);
    return x->work;
}

bool imap_waits(struct session *s, const struct mark *reply, enum verb a, enum verb b)
{
    struct command *c;
    size_t at = 0;
    while ((c = dialogue_next(s, &at)) && c->begins < reply->seen)
        if (c->kind == a || c->kind == b)
            return true;
    return false;
}

/* --- what commands say --- */

static void store_says(struct request *r, struct bytes rest)
{
    struct bytes word = bytes_word(&rest);
    if (word.len && word.data[0] == '(') { /* (UNCHANGEDSINCE n) */
        rest = bytes_part(rest, bytes_index(rest, ')') + 1, rest.len);
        word = bytes_word(&rest);
    }
    bool takes = word.len && word.data[0] == '-', replaces = bytes_starts_nocase(word, BYTES("FLAGS"));
    while (rest.len && (rest.data[0] == ' ' || rest.data[0] == '('))
        rest = bytes_part(rest, 1, rest.len);
    rest = bytes_part(rest, 0, bytes_index(rest, ')'));
    while ((word = bytes_word(&rest)).len) {
        bool deleted = bytes_equal_nocase(word, BYTES("\\Deleted"));
        r->deletes |= deleted && !takes;
        r->flags |= !deleted || takes;
        r->spares |= deleted && takes;
    }
    r->flags |= replaces && !r->deletes; /* FLAGS () takes all away */
    r->spares |= replaces && !r->deletes;
}

void imap_command_says(struct request *r, struct bytes args)
{
    struct bytes set = bytes_word(&args);
    enum verb verb = (enum verb)r->command->kind;
    r->messages = imap_count_set(set, UINT32_MAX, UINT64_MAX);
    r->open_set = bytes_index(set, '*') < set.len;
    if (verb == VERB_STORE || verb == VERB_UID_STORE)
        store_says(r, args);
}

/* How many messages its set names, as far as that can be told: "*" is the last one there is, and a range of UIDs may
   hold fewer than its ends say. */
static uint64_t messages_of(const struct request *r, const struct work *w)
{
    enum verb verb = (enum verb)r->command->kind;
    bool uid = verb == VERB_UID_STORE || verb == VERB_UID_COPY || verb == VERB_UID_MOVE;
    if (r->open_set && !w->exists)
        return 0;
    if (r->open_set && !uid)
        return r->messages > UINT32_MAX - w->exists ? r->messages - (UINT32_MAX - w->exists) : 1;
    bool moves = verb == VERB_UID_MOVE || verb == VERB_MOVE; /* they are gone already */
    return w->exists && !moves && r->messages > w->exists ? w->exists : r->messages;
}

static enum field id_field(struct bytes key)
{
    static const struct {
        const char *key;
        enum field field;
    } known[] = {{"name", F_imap_id_name},
                 {"version", F_imap_id_version},
                 {"vendor", F_imap_id_vendor},
                 {"os", F_imap_id_os},
                 {"os-version", F_imap_id_os_version}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bytes_equal_nocase(key, bytes_of_string(known[i].key)))
            return known[i].field;
    return F_imap_id_other;
}

/* ("name" "Thunderbird" "version" "1") */
void imap_id(struct session *s, enum field group, struct bytes list)
{
    enum { PAIRS_MOST = 30 }; /* RFC 2971 section 3.3 */
    struct record *facts = session_facts(s);
    struct buf key, value;
    buf_init(&key, WORK_TEXT);
    buf_init(&value, WORK_TEXT);
    uint32_t seen = 0;
    if (imap_token(&list, &key) != TOKEN_OPEN || record_has(facts, group)) {
        buf_release(&key);
        return;
    }
    record_begin(facts, group);
    for (int i = 0; i < PAIRS_MOST && imap_token(&list, &key) == TOKEN_TEXT; i++) {
        enum imap_token t = imap_token(&list, &value);
        if (t != TOKEN_TEXT && t != TOKEN_NIL)
            break;
        enum field f = id_field(buf_bytes(&key));
        uint32_t bit = 1u << (f - F_imap_id_name);
        if (t == TOKEN_NIL || (f != F_imap_id_other && seen & bit))
            continue;
        seen |= bit;
        if (f == F_imap_id_other) {
            buf_add_byte(&key, '=');
            buf_add(&key, buf_bytes(&value));
        }
        record_text(facts, f, buf_bytes(f == F_imap_id_other ? &key : &value));
    }
    record_end(facts);
    buf_release(&key);
    buf_release(&value);
}

/* --- what the server says untagged --- */

static void opening_says(struct opening *o, enum field f, uint64_t n)
{
    unsigned i = (unsigned)(f - F_opening_exists);
    o->numbers[i] = n;
    o->has |= 1u << i;
}

/* So many messages were expunged by us. */
static void expunged(struct work *w, uint64_t n)
{
    w->expunged += n;
    w->marked -= n < w->marked ? n : w->marked;
}

static void number_said(struct session *s, const struct mark *mark, uint64_t n, struct bytes what)
{
    struct work *w = imap_work(session_state(s));
    if (bytes_equal_nocase(what, BYTES("EXISTS"))) {
        w->exists = n;
        if (imap_waits(s, mark, VERB_SELECT, VERB_EXAMINE))
            opening_says(&w->opening, F_opening_exists, n);
    } else if (bytes_equal_nocase(what, BYTES("RECENT"))) {
        if (imap_waits(s, mark, VERB_SELECT, VERB_EXAMINE))
            opening_says(&w->opening, F_opening_recent, n);
    } else if (bytes_equal_nocase(what, BYTES("EXPUNGE"))) {
        w->exists -= w->exists > 0;
        expunged(w, imap_waits(s, mark, VERB_EXPUNGE, VERB_UID_EXPUNGE) ? 1 : 0);
    }
}

/* VANISHED 1:3,7 takes the place of EXPUNGE; VANISHED (EARLIER) tells what went before the session. */
static void vanished(struct session *s, const struct mark *mark, struct bytes rest)
{
    struct work *w = imap_work(session_state(s));
    rest = bytes_trim(rest);
    if (bytes_starts_nocase(rest, BYTES("(EARLIER)")))
        return;
    uint64_t n = imap_count_set(rest, UINT32_MAX, w->exists ? w->exists : UINT32_MAX);
    w->exists -= n < w->exists ? n : w->exists;
    expunged(w, imap_waits(s, mark, VERB_EXPUNGE, VERB_UID_EXPUNGE) ? n : 0);
}

static void search_said(struct session *s, struct bytes rest)
{
    uint64_t n;
    struct bytes word;
    while ((word = bytes_word(&rest)).len && bytes_number(&word, &n) && !word.len)
        imap_work(session_state(s))->hits++;
}

/* (TAG "a1") UID COUNT 17 ALL 4:18,21 */
static void esearch_said(struct session *s, struct bytes rest)
{
    struct bytes word;
    uint64_t count = 0;
    if (bytes_starts_nocase(bytes_trim(rest), BYTES("(TAG ")))
        rest = bytes_part(rest, bytes_index(rest, ')') + 1, rest.len);
    while ((word = bytes_word(&rest)).len) {
        if (bytes_equal_nocase(word, BYTES("ALL"))) {
            uint64_t n = imap_count_set(bytes_word(&rest), UINT32_MAX, UINT32_MAX);
            count = count ? count : n;
        } else if (bytes_equal_nocase(word, BYTES("COUNT"))) {
            word = bytes_word(&rest);
            bytes_number(&word, &count);
        }
    }
    imap_work(session_state(s))->hits += count;
}

static struct quota *quota_of(struct work *w, struct bytes root, struct bytes resource)
{
    root = bytes_part(root, 0, sizeof w->quotas[0].root);
    resource = bytes_part(resource, 0, sizeof w->quotas[0].resource);
    for (unsigned i = 0; i < w->quota_count; i++) {
        struct quota *q = &w->quotas[i];
        if (bytes_equal(bytes_of(q->root, q->root_len), root) &&
            bytes_equal_nocase(bytes_of(q->resource, q->resource_len), resource))
            return q;
    }
    if (w->quota_count == WORK_QUOTAS)
        return NULL;
    struct quota *q = &w->quotas[w->quota_count++];
    q->root_len = (uint8_t)root.len;
    q->resource_len = (uint8_t)resource.len;
    if (root.len)
        memcpy(q->root, root.data, root.len);
    if (resource.len)
        memcpy(q->resource, resource.data, resource.len);
    return q;
}

/* "root" (STORAGE 10 512 MESSAGE 3 100): the last that is told of a resource holds. */
static void quota_said(struct session *s, struct bytes rest)
{
    struct work *w = imap_work(session_state(s));
    struct buf root, word;
    uint64_t used, limit;
    buf_init(&root, WORK_TEXT);
    buf_init(&word, WORK_TEXT);
    bool ok = imap_token(&rest, &root) == TOKEN_TEXT && imap_token(&rest, &word) == TOKEN_OPEN;
    while (ok && imap_token(&rest, &word) == TOKEN_TEXT) {
        struct bytes a = bytes_word(&rest), b = bytes_word(&rest);
        ok = bytes_number(&a, &used) && bytes_number(&b, &limit);
        struct quota *q = ok ? quota_of(w, buf_bytes(&root), buf_bytes(&word)) : NULL;
        if (q) {
            q->used = used;
            q->limit = limit;
        }
        ok = ok && !(b.len && b.data[0] == ')');
    }
    buf_release(&root);
    buf_release(&word);
}

/* ACL mailbox who rights who rights ...; MYRIGHTS mailbox rights */
static void rights_said(struct session *s, struct bytes rest, bool mine)
{
    struct imap *x = session_state(s);
    struct record *facts = session_facts(s);
    struct buf name, mailbox, who, rights;
    buf_init(&name, WORK_TEXT);
    buf_init(&mailbox, WORK_TEXT);
    buf_init(&who, WORK_TEXT);
    buf_init(&rights, WORK_TEXT);
    bool ok = imap_token(&rest, &name) == TOKEN_TEXT;
    mutf7_decode(buf_bytes(&name), &mailbox);
    while (ok && imap_work(x)->rights < WORK_RIGHTS) {
        if ((!mine && imap_token(&rest, &who) != TOKEN_TEXT) || imap_token(&rest, &rights) != TOKEN_TEXT)
            break;
        x->work->rights++;
        record_begin(facts, F_session_acl);
        record_text(facts, F_acl_mailbox, buf_bytes(&mailbox));
        if (!mine)
            record_text(facts, F_acl_who, buf_bytes(&who));
        record_text(facts, F_acl_rights, buf_bytes(&rights));
        record_end(facts);
    }
    buf_release(&name);
    buf_release(&mailbox);
    buf_release(&who);
    buf_release(&rights);
}

/* (("" "/")) NIL (("#shared." ".")): personal, of other users, shared. */
static void namespace_said(struct session *s, struct bytes rest)
{
    static const char *const kinds[] = {"personal", "other", "shared"};
    struct record *facts = session_facts(s);
    struct buf prefix, delimiter;
    enum imap_token t;
    buf_init(&prefix, WORK_TEXT);
    buf_init(&delimiter, WORK_TEXT);
    record_drop(facts, F_session_namespaces);
    for (int kind = 0, depth = 0, count = 0; kind < 3 && (t = imap_token(&rest, &prefix)) != TOKEN_END;) {
        if (t == TOKEN_OPEN) {
            if (++depth != 2 || imap_token(&rest, &prefix) != TOKEN_TEXT || ++count > WORK_NAMESPACES)
                continue;
            t = imap_token(&rest, &delimiter);
            record_begin(facts, F_session_namespaces);
            record_word(facts, F_namespace_kind, kinds[kind]);
            record_text(facts, F_namespace_prefix, buf_bytes(&prefix));
            if (t == TOKEN_TEXT)
                record_text(facts, F_namespace_delimiter, buf_bytes(&delimiter));
            record_end(facts);
            if (t == TOKEN_CLOSE)
                depth--;
            continue;
        }
        depth -= t == TOKEN_CLOSE && depth;
        kind += !depth && t != TOKEN_TEXT;
    }
    buf_release(&prefix);
    buf_release(&delimiter);
}

void imap_untagged_says(struct session *s, const struct mark *mark, struct bytes text)
{
    struct bytes rest = text, word = bytes_word(&rest), number = word;
    uint64_t n;
    if (bytes_number(&number, &n) && !number.len)
        number_said(s, mark, n, bytes_word(&rest));
    else if (bytes_equal_nocase(word, BYTES("VANISHED")))
        vanished(s, mark, rest);
    else if (bytes_equal_nocase(word, BYTES("SEARCH")) || bytes_equal_nocase(word, BYTES("SORT")))
        search_said(s, rest);
    else if (bytes_equal_nocase(word, BYTES("ESEARCH")))
        esearch_said(s, rest);
    else if (bytes_equal_nocase(word, BYTES("QUOTA")))
        quota_said(s, rest);
    else if (bytes_equal_nocase(word, BYTES("ACL")) || bytes_equal_nocase(word, BYTES("MYRIGHTS")))
        rights_said(s, rest, word.len != 3);
    else if (bytes_equal_nocase(word, BYTES("NAMESPACE")))
        namespace_said(s, rest);
    else if (bytes_equal_nocase(word, BYTES("ID")))
        imap_id(s, F_session_server_id, rest);
}

void imap_code_says(struct session *s, const struct imap_status *status)
{
    static const struct {
        const char *name;
        enum field field;
    } numbers[] = {{"UNSEEN", F_opening_unseen},
                   {"UIDVALIDITY", F_opening_uidvalidity},
                   {"UIDNEXT", F_opening_uidnext},
                   {"HIGHESTMODSEQ", F_opening_highestmodseq}};
    struct imap *x = session_state(s);
    struct bytes args = status->code_args;
    uint64_t n;
    if (!status->code.len || status->code_cut)
        return;
    if (bytes_equal_nocase(status->code, BYTES("COPYUID"))) {
        bytes_word(&args);
        imap_work(x)->copied_now = imap_count_set(bytes_word(&args), UINT32_MAX, UINT32_MAX);
    }
    if (bytes_equal_nocase(status->code, BYTES("CLOSED"))) /* what comes now is about the next mailbox */
        imap_work(x)->opening = (struct opening){0};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (bytes_equal_nocase(status->code, bytes_of_string(numbers[i].name)) && bytes_number(&args, &n))
            opening_says(&imap_work(x)->opening, numbers[i].field, n);
}

/* --- what commands did --- */

void imap_opened(struct session *s, bool read_only)
{
    struct imap *x = session_state(s);
    struct work *w = imap_work(x);
    struct record *facts = session_facts(s);
    record_begin(facts, F_session_opened);
    record_text(facts, F_opening_mailbox, buf_bytes(&x->mailbox));
    if (read_only)
        record_flag(facts, F_opening_read_only);
    for (unsigned i = 0; i < OPENING_NUMBERS; i++)
        if (w->opening.has & 1u << i)
            record_number(facts, (enum field)(F_opening_exists + i), w->opening.numbers[i]);
    record_end(facts);
}

/* The mailbox is closed; CLOSE removes what is marked, and says nothing of it (RFC 9051 section 6.4.1). */
void imap_left(struct session *s, bool expunges)
{
    const struct imap *x = session_state(s);
    struct work *w = x->work;
    if (!w)
        return;
    w->closed += expunges ? w->marked : 0;
    w->marked = 0;
    w->exists = 0;
}

static void add_criteria(struct session *s, struct bytes criteria)
{
    struct imap *x = session_state(s);
    struct entry e;
    size_t at = 0;
    if (!criteria.len || x->work->criteria == WORK_CRITERIA)
        return;
    while (record_next(session_facts(s), &at, &e))
        if (!e.end && e.field == F_session_search_criteria && bytes_equal(e.text, criteria))
            return;
    x->work->criteria++;
    record_text(session_facts(s), F_session_search_criteria, criteria);
}

static void did_search(struct session *s, const struct command *c, const struct request *r)
{
    struct buf criteria;
    imap_work(session_state(s))->searches++;
    if (!r) {
        add_criteria(s, command_arg(c));
        return;
    }
    buf_init(&criteria, (size_t)session_limits(s)->text + 1);
    request_criteria(r, &criteria);
    add_criteria(s, buf_bytes(&criteria));
    buf_release(&criteria);
}

static void did_store(struct work *w, const struct request *r, uint64_t messages)
{
    w->deleted += r->deletes ? messages : 0;
    w->flagged += r->flags ? messages : 0;
    w->marked += r->deletes ? messages : 0;
    if (r->spares)
        w->marked -= messages < w->marked ? messages : w->marked;
    if (w->exists && w->marked > w->exists)
        w->marked = w->exists;
}

void imap_did(struct session *s, const struct command *c, const struct request *r, const struct mark *reply)
{
    struct imap *x = session_state(s);
    enum verb verb = (enum verb)c->kind;
    struct work *w = x->work;
    uint64_t copied = w ? w->copied_now : 0;
    bool copy = verb == VERB_COPY || verb == VERB_UID_COPY, move = verb == VERB_MOVE || verb == VERB_UID_MOVE;
    if (verb == VERB_IDLE && reply->when > c->first.when)
        imap_work(x)->idle += reply->when - c->first.when;
    if (verb == VERB_SEARCH || verb == VERB_UID_SEARCH || verb == VERB_SORT || verb == VERB_UID_SORT ||
        verb == VERB_ESEARCH)
        did_search(s, c, r);
    if (!r || (!copy && !move && verb != VERB_STORE && verb != VERB_UID_STORE))
        return;
    w = imap_work(x);
    uint64_t messages = messages_of(r, w), n = copied ? copied : messages;
    w->copied_now = 0;
    w->copied += copy ? n : 0;
    w->moved += move ? n : 0;
    did_store(w, r, messages);
}

void imap_did_append(struct session *s, const struct request *r)
{
    struct work *w = imap_work(session_state(s));
    for (const struct upload *u = r->uploads; u; u = u->next) {
        w->appended++;
        w->appended_octets += u->content ? content_size(u->content) : 0;
    }
}

void imap_did_fetch(struct session *s, struct bytes section, uint64_t octets)
{
    struct work *w = imap_work(session_state(s));
    bool partial = bytes_index(section, '<') < section.len;
    struct bytes part = bytes_part(section, 0, bytes_index(section, ']'));
    w->octets += octets;
    if (!part.len && !partial)
        w->whole++;
    else if (bytes_starts_nocase(part, BYTES("HEADER")))
        w->headers++;
    else
        w->parts++;
}

/* --- the end --- */

static void write_quotas(struct record *facts, const struct work *w)
{
    for (unsigned i = 0; i < w->quota_count; i++) {
        const struct quota *q = &w->quotas[i];
        record_begin(facts, F_session_quota);
        record_text(facts, F_quota_root, bytes_of(q->root, q->root_len));
        record_text(facts, F_quota_resource, bytes_of(q->resource, q->resource_len));
        record_number(facts, F_quota_used, q->used);
        record_number(facts, F_quota_limit, q->limit);
        record_end(facts);
    }
}

/* An IDLE that no answer ended: to the last that was said in it. */
static void open_idle(struct session *s, struct work *w)
{
    struct command *c;
    size_t at = 0;
    while ((c = dialogue_next(s, &at)))
        if (c->kind == VERB_IDLE) {
            int64_t last = w->last_when > c->last.when ? w->last_when : c->last.when;
            w->idle += last > c->first.when ? last - c->first.when : 0;
        }
}

void imap_work_write(struct session *s)
{
    struct imap *x = session_state(s);
    struct record *facts = session_facts(s);
    struct work *w = x->work;
    if (!w)
        return;
    const struct {
        enum field field;
        uint64_t number;
    } numbers[] = {
        {F_session_listed_messages, w->listed},
        {F_session_fetched_whole, w->whole},
        {F_session_fetched_headers, w->headers},
        {F_session_fetched_parts, w->parts},
        {F_session_fetched_octets, w->octets},
        {F_session_appended, w->appended},
        {F_session_appended_octets, w->appended_octets},
        {F_session_copied, w->copied},
        {F_session_moved, w->moved},
        {F_session_flagged, w->flagged},
        {F_session_deleted, w->deleted},
        {F_session_expunged, w->expunged},
        {F_session_expunged_by_close, w->closed},
        {F_session_searches, w->searches},
        {F_session_search_hits, w->hits},
        {F_session_idle_us, (uint64_t)(w->idle / CLOCK_US)},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        record_nonzero(facts, numbers[i].field, numbers[i].number);
    write_quotas(facts, w);
}

void imap_work_idle_ends(struct session *s)
{
    struct imap *x = session_state(s);
    if (x->idled)
        open_idle(s, imap_work(x));
}
