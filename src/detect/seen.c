#include "seen.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "record/entries.h"

const char *const quality_names[] = {"gap", "one_sided", "midstream", "evicted", "overlap", "acks_unusable", NULL};

enum { VERBS_MOST = 64 }; /* beyond, the table of verbs may lack some */

struct seen_lists {
    struct buf clean;       /* texts that had to be changed */
    uint64_t commands_turn; /* of the record whose commands these are */
    size_t command_count, command_cap;
    struct seen_command *commands;
};

void seen_init(struct seen *s)
{
    *s = (struct seen){0};
    s->lists = memory_get(sizeof *s->lists);
    buf_init(&s->lists->clean, SIZE_MAX);
}

void seen_release(struct seen *s)
{
    free(s->rcpt_list);
    free(s->lists->commands);
    buf_release(&s->lists->clean);
    free(s->lists);
}

static bool is_ascii(struct bytes text)
{
    uint64_t word, all = 0;
    size_t i = 0;
    for (; i + sizeof word <= text.len; i += sizeof word) {
        memcpy(&word, text.data + i, sizeof word);
        all |= word;
    }
    for (; i < text.len; i++)
        all |= text.data[i];
    return !(all & UINT64_C(0x8080808080808080));
}

/* Views into `clean` stay valid: what does not fit into the room it was given for this record is cut. */
struct bytes seen_clean(const struct seen *s, struct bytes text)
{
    struct buf *out = &s->lists->clean;
    if (is_ascii(text))
        return text;
    if (!out->len)
        buf_room(out, 4 * 3 * record_size(s->record)); /* an octet becomes three at most; asked for a few times */
    size_t from = out->len;
    for (size_t at = 0; at < text.len && out->cap - out->len >= 4;) {
        uint32_t c;
        struct bytes rest = bytes_part(text, at, text.len);
        size_t n = utf8_read(rest, &c);
        buf_add(out, c == UTF8_BAD ? BYTES("\xef\xbf\xbd") : bytes_part(rest, 0, n));
        at += n;
    }
    return bytes_part(buf_bytes(out), from, out->len - from);
}

static int64_t microseconds(uint64_t ns)
{
    int64_t t = (int64_t)ns, rest = t % CLOCK_US;
    return t - (rest < 0 ? rest + CLOCK_US : rest);
}

static void read_rcpt(struct seen *s, size_t *at)
{
    struct entry e;
    if (s->rcpt_count == s->rcpt_cap) {
        s->rcpt_cap = s->rcpt_cap ? s->rcpt_cap * 2 : 16;
        s->rcpt_list = memory_resize(s->rcpt_list, s->rcpt_cap * sizeof *s->rcpt_list);
    }
    struct seen_rcpt *r = &s->rcpt_list[s->rcpt_count++];
    *r = (struct seen_rcpt){0};
    while (record_next(s->record, at, &e) && !e.end) {
        if (e.field == F_rcpt_addr)
            r->addr = seen_clean(s, e.text);
        else if (e.field == F_rcpt_form)
            r->form = e.text;
        else if (e.field == F_rcpt_verdict)
            r->verdict = e.text;
        else if (e.field == F_rcpt_status)
            r->status = seen_clean(s, e.text);
        else if (e.field == F_rcpt_reason)
            r->reason = e.text;
        else if (e.field == F_rcpt_text)
            r->text = seen_clean(s, e.text);
        else if (e.field == F_rcpt_code)
            r->code = e.number;
        else if (e.field == F_rcpt_frame)
            r->frame = e.number;
        else if (e.field == F_rcpt_unsure)
            r->unsure = true;
    }
}

static unsigned quality_of(struct bytes word)
{
    for (unsigned i = 0; quality_names[i]; i++)
        if (bytes_equal(word, bytes_of_string(quality_names[i])))
            return 1u << i;
    return 0;
}

/* The entry at `at`, with all inside it; returns the place behind. */
static const uint8_t *read_entry(struct seen *s, struct bytes entries, const uint8_t *at)
{
    unsigned f;
    struct bytes value;
    size_t place = (size_t)(at - entries.data);
    at = entry_read(at, &f, &value);
    struct seen_slot *slot = &s->slots[f];
    if (slot->turn != s->turn)
        slot->first = place;
    slot->turn = s->turn;
    if (f == F_message_rcpt) {
        size_t inside = (size_t)(at - entries.data);
        read_rcpt(s, &inside);
        at = entries.data + inside;
    } else if (field_is_group((enum field)f)) {
        at = entry_group_after(at, entries.data + entries.len);
    } else if (f == F_all_quality) {
        s->quality |= quality_of(value);
    }
    slot->value = field_types[f] == TEXT ? seen_clean(s, value) : value;
    slot->behind = (size_t)(at - entries.data);
    return at;
}

void seen_read(struct seen *s, const struct record *r)
{
    struct bytes entries = record_entries(r);
    s->record = r;
    s->kind = record_kind(r);
    s->turn++;
    s->quality = 0;
    s->rcpt_count = 0;
    buf_reset(&s->lists->clean);
    for (const uint8_t *at = entries.data, *stop = at + entries.len; at < stop;)
        at = read_entry(s, entries, at);
    s->rcpts = s->rcpt_list;
    s->ts = (int64_t)seen_number(s, F_all_ts);
    s->end = seen_has(s, F_all_end_ts) ? (int64_t)seen_number(s, F_all_end_ts) : s->ts;
    if (s->end < s->ts)
        s->end = s->ts;
    bool is_proxied = seen_has(s, F_all_proxied_client_ip);
    if (!host_parse(seen_text(s, is_proxied ? F_all_proxied_client_ip : F_all_client_ip), &s->client))
        s->client = (struct host){0};
    if (!host_parse(seen_text(s, F_all_server_ip), &s->server))
        s->server = (struct host){0};
    s->client_port = seen_number(s, is_proxied ? F_all_proxied_client_port : F_all_client_port);
    s->server_port = seen_number(s, F_all_server_port);
    s->uid = seen_text(s, F_all_uid);
    s->proto = seen_text(s, F_all_proto);
    s->sensor = seen_text(s, F_all_sensor);
    s->frame = seen_number(s, F_all_frame_first);
}

bool seen_has(const struct seen *s, enum field f)
{
    return s->slots[f].turn == s->turn;
}

struct bytes seen_text(const struct seen *s, enum field f)
{
    return seen_has(s, f) ? s->slots[f].value : (struct bytes){NULL, 0};
}

uint64_t seen_number(const struct seen *s, enum field f)
{
    uint64_t number = seen_has(s, f) ? entry_number(s->slots[f].value) : 0;
    return field_types[f] == TIME ? (uint64_t)microseconds(number) : number;
}

bool seen_is(const struct seen *s, enum field f, const char *word)
{
    return bytes_equal(seen_text(s, f), bytes_of_string(word));
}

bool seen_next(const struct seen *s, enum field f, size_t *at, struct entry *ret)
{
    if (!seen_has(s, f))
        return false;
    if (*at < s->slots[f].first)
        *at = s->slots[f].first;
    while (*at < s->slots[f].behind && record_next(s->record, at, ret)) {
        if (ret->end)
            continue; /* of a group of ours that the caller has walked */
        if (ret->field == f)
            return true;
        if (field_is_group(ret->field))
            *at = record_group_after(s->record, *at);
    }
    return false;
}

static void read_command(const struct seen *s, struct seen_lists *l, size_t *at)
{
    struct entry e;
    if (l->command_count == l->command_cap) {
        l->command_cap = l->command_cap ? l->command_cap * 2 : 64;
        l->commands = memory_resize(l->commands, l->command_cap * sizeof *l->commands);
    }
    struct seen_command *c = &l->commands[l->command_count++];
    *c = (struct seen_command){.when = s->ts};
    while (record_next(s->record, at, &e) && !e.end) {
        if (e.field == F_command_at_us)
            c->when = s->ts + (int64_t)(e.number * (uint64_t)CLOCK_US);
        else if (e.field == F_command_verb)
            c->verb = seen_clean(s, e.text);
        else if (e.field == F_command_arg)
            c->arg = seen_clean(s, e.text);
        else if (e.field == F_command_text)
            c->text = seen_clean(s, e.text);
        else if (e.field == F_command_status)
            c->status = seen_clean(s, e.text);
        else if (e.field == F_command_rcode)
            c->rcode = seen_clean(s, e.text);
        else if (e.field == F_command_result)
            c->result = e.text;
        else if (e.field == F_command_code)
            c->code = e.number;
        else if (e.field == F_command_final_code)
            c->final_code = e.number;
        else if (e.field == F_command_frame)
            c->frame = e.number;
        else if (e.field == F_command_unsure)
            c->unsure = true;
        else if (e.field == F_command_secret)
            c->secret = true;
    }
}

const struct seen_command *seen_commands(const struct seen *s, size_t *count)
{
    struct seen_lists *l = s->lists;
    struct entry e;
    if (l->commands_turn != s->turn) {
        l->commands_turn = s->turn;
        l->command_count = 0;
        for (size_t at = 0; seen_next(s, F_session_commands, &at, &e);)
            read_command(s, l, &at);
    }
    *count = l->command_count;
    return l->commands;
}

bool seen_may_have(const struct seen *s, bool (*sort)(struct bytes verb))
{
    struct entry e;
    unsigned count = 0;
    if (!seen_has(s, F_session_commands))
        return false;
    for (size_t at = 0; seen_next(s, F_session_verbs, &at, &e); count++)
        if (sort(e.text))
            return true;
    return !count || count >= VERBS_MOST || seen_has(s, F_all_truncated);
}

uint64_t seen_count(const struct seen *s, enum field f, const char *key)
{
    struct entry e;
    for (size_t at = 0; seen_next(s, f, &at, &e);)
        if (bytes_equal(e.text, bytes_of_string(key)))
            return e.number;
    return 0;
}

bool seen_is_smtp(const struct seen *s)
{
    return bytes_equal(s->proto, BYTES("smtp"));
}
