/* Pairing of commands and replies. See dialogue.h for the rule, and tests/dialogues/ for its cases. */
#include "base/clock.h"
#include "base/memory.h"
#include "session_private.h"

#include <stdlib.h>

#define TALLY_KEYS 256

size_t tally_cap(const struct tally *t)
{
    size_t cap = t->count ? 1 : 0;
    while (cap < t->count)
        cap *= 2;
    return cap;
}

static void tally_add(struct tally *t, struct bytes key)
{
    if (key.len >= sizeof t->entries->key)
        key.len = sizeof t->entries->key - 1;
    for (size_t i = 0; i < t->count; i++) {
        if (strlen(t->entries[i].key) == key.len && !memcmp(t->entries[i].key, key.data, key.len)) {
            t->entries[i].count++;
            return;
        }
    }
    if (t->count == TALLY_KEYS) {
        t->rest++;
        return;
    }
    if (!(t->count & (t->count - 1)))
        t->entries = memory_resize(t->entries, (t->count ? t->count * 2 : 1) * sizeof *t->entries);
    struct tally_entry *e = &t->entries[t->count++];
    *e = (struct tally_entry){.count = 1};
    memcpy(e->key, key.data, key.len);
}

static struct command *command_at(const struct dialogue *d, size_t i)
{
    return d->order[d->first + i];
}

static void command_free(struct session *s, struct command *c)
{
    session_pool_return(s->settings, c->fields);
    free(c);
}

static void write_to_log(struct session *s, struct command *c)
{
    struct dialogue *d = &s->dialogue;
    if (!d->log)
        d->log = record_new(KIND_session, s->settings->limits);
    record_end(c->fields);
    record_join(d->log, c->fields);
    d->logged++;
    d->logged_to = c->last.at + 1;
    /* Counted here and not when it is read, so that a part's counters do not depend on how the stream was cut. */
    struct entry e;
    size_t at = 0;
    while (record_next(c->fields, &at, &e))
        if (!e.end && e.field == F_command_verb) {
            tally_add(&d->verbs, e.text);
            return;
        }
}

/* Is the log long or old enough to be written as a part of the session? */
static bool is_part(const struct session *s)
{
    const struct dialogue *d = &s->dialogue;
    const struct session_settings *settings = s->settings;
    return d->logged >= settings->limits->part_commands || record_size(d->log) >= settings->limits->part_octets ||
           (settings->interim &&
            s->flow->last_when - (s->part ? s->part_began : s->flow->tcp.first_when) >= settings->interim);
}

/* Finished commands at the front go into the log. */
static void move_to_log(struct session *s)
{
    struct dialogue *d = &s->dialogue;
    while (d->count && command_at(d, 0)->answered) {
        struct command *c = command_at(d, 0);
        if (!c->silent)
            write_to_log(s, c);
        d->first++;
        d->count--;
        command_free(s, c);
        if (d->log && is_part(s))
            session_emit_own(s, false, CLOSE_FIN);
    }
    if (!d->count)
        d->first = 0;
}

static void append(struct dialogue *d, struct command *c)
{
    if (d->first + d->count == d->cap) {
        if (d->first > d->cap / 2) {
            memmove(d->order, d->order + d->first, d->count * sizeof *d->order);
            d->first = 0;
        } else {
            d->cap = d->cap ? d->cap * 2 : 4;
            d->order = memory_resize(d->order, d->cap * sizeof *d->order);
        }
    }
    d->order[d->first + d->count++] = c;
    d->unanswered++;
}

static struct command *new_command(struct session *s, const struct line *line, uint16_t kind, struct bytes verb)
{
    struct dialogue *d = &s->dialogue;
    struct command *c = memory_get(sizeof *c);
    c->first = line->first;
    c->last = line->last;
    c->begins = line->first.at;
    c->knew = line->first.seen;
    c->kind = kind;
    c->fields = session_pool_fields(s->settings);
    record_begin(c->fields, F_session_commands);
    int64_t after = line->first.when - s->flow->tcp.first_when;
    record_number(c->fields, F_command_at_us, after > 0 ? (uint64_t)(after / CLOCK_US) : 0);
    record_text(c->fields, F_command_verb, verb);
    record_number(c->fields, F_command_frame, line->first.frame);
    d->last_seen = line->first.seen;
    append(d, c);
    s->changes++;
    return c;
}

struct command *dialogue_command(struct session *s, const struct line *line, uint16_t kind, struct bytes verb)
{
    struct command *c = new_command(s, line, kind, verb);
    c->silent = !line->text.len;
    if (c->silent)
        session_note(s, NOTE_empty_line);
    return c;
}

void dialogue_sort_last(struct session *s)
{
    struct dialogue *d = &s->dialogue;
    if (!d->count)
        return;
    struct command **order = d->order + d->first, *last = order[d->count - 1];
    size_t i = d->count - 1;
    for (; i && order[i - 1]->first.at > last->first.at; i--)
        order[i] = order[i - 1];
    order[i] = last;
}

struct command *dialogue_doubtful(struct session *s, const struct line *line, uint16_t kind, struct bytes verb)
{
    struct command *c = new_command(s, line, kind, verb);
    c->silent = true;
    return c;
}

void dialogue_proven(struct command *c)
{
    c->silent = false;
}

bool dialogue_full(const struct session *s)
{
    return s->dialogue.count >= s->settings->limits->pending;
}

void dialogue_owe(struct session *s)
{
    session_note(s, NOTE_queue_overflow);
    s->dialogue.owed++;
}

struct command *dialogue_pending(struct session *s, size_t n)
{
    const struct dialogue *d = &s->dialogue;
    for (size_t i = 0; i < d->count; i++)
        if (!command_at(d, i)->answered && !n--)
            return command_at(d, i);
    return NULL;
}

struct command *dialogue_next(struct session *s, size_t *at)
{
    const struct dialogue *d = &s->dialogue;
    while (*at < d->count) {
        struct command *c = command_at(d, (*at)++);
        if (!c->answered)
            return c;
    }
    return NULL;
}

/* Is it a candidate: does it begin below what the reply's sender had received? */
static bool is_below(const struct command *c, const struct mark *reply)
{
    return c && c->begins < reply->seen;
}

/* Replies were lost, and which of several commands this one answers is open. What the client had received when it sent
   a command tells: one sent with knowledge of what came behind the loss had its earlier answers. So does a code that
   only one verb can have. Else nobody knows, and no guess is better than a wrong one. */
static struct command *after_lost_replies(struct session *s, const struct mark *reply, int only)
{
    const struct gap *gap = &s->dialogue.gap[SERVER], *commands = &s->dialogue.gap[CLIENT];
    struct command *c, *best = NULL, *named = NULL;
    size_t waiting = 0;
    for (size_t n = 0; is_below(c = dialogue_pending(s, n), reply); n++) {
        waiting++;
        if (c->knew >= gap->to && c->knew <= reply->at && (!best || c->knew > best->knew)) {
            best = c;
            named = NULL; /* those before had their answers */
        }
        if (!named && only >= 0 && c->kind == only)
            named = c;
    }
    if (named)
        named->unsure = false;
    if (named)
        return named;
    if (best)
        return best;
    /* Lost ones, that it may answer as well: what the capture ends before is not told as a gap. */
    bool others = (commands->open && commands->from < reply->seen) || session_had_more(s, reply);
    if (waiting == 1 && !others && only < 0) /* such a code is of a command that was lost, too */
        return dialogue_pending(s, 0);
    for (size_t n = 0; is_below(c = dialogue_pending(s, n), reply); n++)
        c->unsure = true;
    return NULL;
}

/* Commands were lost: a code that only one verb can have goes past those whose replies cannot be told. */
static struct command *named_after_lost_commands(struct session *s, const struct mark *reply, int only)
{
    struct command *c, *first = dialogue_pending(s, 0);
    if (only < 0)
        return first;
    for (size_t n = 0; is_below(c = dialogue_pending(s, n), reply); n++)
        if (c->kind == only) {
            c->unsure = false;
            return c;
        }
    return first;
}

/* Commands may have been lost before this one: a reply that the client had before it sent this one is theirs. Where it
   was sent in one go with what stands before it, only a code that no other verb has tells them apart. */
static bool may_be_anothers(struct session *s, struct command *c, const struct mark *reply, int only)
{
    const struct gap *gap = &s->dialogue.gap[CLIENT];
    if (!gap->open || c->first.at < gap->to || c->kind == only)
        return false;
    if (reply->at < c->knew)
        return true;
    if (gap->seen && c->knew <= gap->seen) {
        c->unsure = true;
        return true;
    }
    return false;
}

struct command *dialogue_answers(struct session *s, const struct mark *reply, int only)
{
    struct dialogue *d = &s->dialogue;
    if (d->owed) {
        d->owed--;
        return NULL;
    }
    struct command *c = dialogue_pending(s, 0);
    if (!is_below(c, reply))
        return NULL;
    if (d->gap[SERVER].open && reply->at >= d->gap[SERVER].to)
        c = after_lost_replies(s, reply, only);
    else if ((d->gap[CLIENT].to && d->gap[CLIENT].from < reply->seen) || d->gap[SERVER].to)
        c = named_after_lost_commands(s, reply, only);
    if (!c || may_be_anothers(s, c, reply, only))
        return NULL;
    if (reply->at >= d->gap[SERVER].to)
        d->gap[SERVER].open = false;
    if (c->first.at >= d->gap[CLIENT].to)
        d->gap[CLIENT].open = false;
    return c;
}

bool dialogue_lost_since(struct session *s, const struct command *c, const struct mark *reply)
{
    const struct gap *gap = s->dialogue.gap;
    return gap[CLIENT].to > c->first.at || gap[SERVER].to > c->knew || session_had_more(s, reply);
}

bool dialogue_adrift(const struct session *s)
{
    return s->dialogue.gap[CLIENT].open || s->dialogue.gap[SERVER].open;
}

void dialogue_finish(struct session *s, struct command *c, const struct mark *reply)
{
    if (c->answered)
        return;
    if (c->unsure)
        record_flag(c->fields, F_command_unsure);
    if (reply && reply->when >= c->last.when)
        record_number(c->fields, F_command_latency_us, (uint64_t)((reply->when - c->last.when) / CLOCK_US));
    c->answered = true;
    s->dialogue.unanswered--;
    s->changes++;
    move_to_log(s);
}

struct command *dialogue_lost_command(struct session *s, uint16_t kind, const struct mark *reply)
{
    const struct gap *gap = &s->dialogue.gap[CLIENT];
    if (!gap->open || gap->from >= reply->seen)
        return NULL;
    struct line line = {.first = {gap->from, gap->seen, reply->when, reply->frame}};
    line.last = line.first;
    struct command *c = new_command(s, &line, kind, BYTES(""));
    c->silent = true;
    return c;
}

void dialogue_lost(struct session *s, enum side side, const struct mark *where, uint64_t len)
{
    struct dialogue *d = &s->dialogue;
    struct gap *gap = &d->gap[side];
    if (!gap->open) {
        gap->from = where->at;
        gap->seen = d->last_seen;
    }
    gap->to = where->at + len;
    gap->open = true;
}

void dialogue_passed_over(struct session *s, const struct line *line)
{
    struct gap *gap = &s->dialogue.gap[CLIENT];
    gap->to = line->last.at + 1;
    gap->seen = line->first.seen;
    gap->open = true;
}

void dialogue_count_reply(struct session *s, struct bytes code)
{
    tally_add(&s->dialogue.replies, code);
}

void dialogue_flush(struct session *s)
{
    struct command *c;
    while ((c = dialogue_pending(s, 0)) != NULL)
        dialogue_finish(s, c, NULL);
}

size_t dialogue_held(const struct session *s)
{
    const struct dialogue *d = &s->dialogue;
    size_t held = memory_cost(d->cap * sizeof *d->order) + (d->log ? record_held(d->log) : 0);
    held += memory_cost(tally_cap(&d->verbs) * sizeof *d->verbs.entries);
    held += memory_cost(tally_cap(&d->replies) * sizeof *d->replies.entries);
    for (size_t i = 0; i < d->count; i++)
        held += memory_cost(sizeof(struct command)) + record_held(command_at(d, i)->fields);
    return held;
}

void dialogue_release(struct session *s)
{
    struct dialogue *d = &s->dialogue;
    for (size_t i = 0; i < d->count; i++)
        command_free(s, command_at(d, i));
    free(d->order);
    record_free(d->log);
    free(d->verbs.entries);
    free(d->replies.entries);
    *d = (struct dialogue){0};
}
