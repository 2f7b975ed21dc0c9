/* Checks on the records of changed traces (see checks.h). */
#include "checks.h"
#include "base/memory.h"
#include "capture/decode.h"
#include "mutate.h"
#include "normal.h"
#include <json-c/json.h>
#include <stdlib.h>

static int text_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts blocks: a line that is not indented and those indented below it. */
static void sort_records(struct buf *form)
{
    struct texts blocks = {0};
    struct bytes all = buf_bytes(form);
    size_t from = 0;

    for (size_t at = 0; at < all.len;) {
        at += bytes_index(bytes_part(all, at, SIZE_MAX), '\n') + 1;
        if (at >= all.len || all.data[at] != ' ') {
            texts_add(&blocks, bytes_part(all, from, at - from));
            from = at;
        }
    }
    if (blocks.count > 1)
        qsort(blocks.list, blocks.count, sizeof(*blocks.list), text_compare);
    buf_reset(form);
    for (size_t i = 0; i < blocks.count; i++)
        buf_add_string(form, blocks.list[i]);
    texts_release(&blocks);
}

bool checks_form(struct bytes ndjson, bool several, struct buf *out, struct error *err)
{
    const struct normal loose = {.loose = true};

    buf_reset(out);
    if (!normal_form(&loose, ndjson, out, err))
        return false;
    if (several)
        sort_records(out);
    return true;
}

bool checks_acks_unusable(struct bytes ndjson)
{
    return bytes_find_nocase(ndjson, BYTES("\"acks_unusable\"")) != SIZE_MAX ||
           bytes_find_nocase(ndjson, BYTES("\"segment_budget\"")) !=
               SIZE_MAX; /* what fits the limit depends on the order */
}

bool checks_several(const struct trace *t)
{
    const struct packet *first = t->count > 0 ? &t->segments[0].packet : NULL;
    const uint8_t new_one = TCP_SYN;

    for (size_t i = 1; i < t->count; i++) {
        const struct packet *p = &t->segments[i].packet;

        if (!same_direction(first, p) && !same_flow_other_side(first, p))
            return true;
        if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) == new_one && p->seq != first->seq)
            return true;
    }
    return false;
}

/* The session records of a run, and the commands in them as sorted "verb arg" texts. */
struct said {
    struct json_object *sessions; /* an array */
    struct texts commands;
};

static const char *member(struct json_object *o, const char *key)
{
    struct json_object *value;

    return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : "";
}

static int64_t number(struct json_object *o, const char *key)
{
    struct json_object *value;

    return json_object_object_get_ex(o, key, &value) ? json_object_get_int64(value) : 0;
}

static void add_commands(struct said *s, struct json_object *session)
{
    struct json_object *commands;

    if (!json_object_object_get_ex(session, "commands", &commands))
        return;
    for (size_t i = 0; i < json_object_array_length(commands); i++) {
        struct json_object *c = json_object_array_get_idx(commands, i);
        struct buf text;

        if (strcmp(member(c, "verb"), "?") == 0 || strstr(member(c, "noted"), "command_cut"))
            continue; /* told as what it is: half a command */
        buf_init(&text, SIZE_MAX);
        buf_add_string(&text, member(c, "verb"));
        buf_add_string(&text, " ");
        buf_add_string(&text, member(c, "arg"));
        texts_add(&s->commands, buf_bytes(&text));
        buf_release(&text);
    }
}

static struct said listen(struct bytes ndjson)
{
    struct said s = {.sessions = json_object_new_array()};
    struct json_tokener *tokener = json_tokener_new();

    for (size_t at = 0; at < ndjson.len;) {
        struct bytes rest = bytes_part(ndjson, at, SIZE_MAX), line = bytes_part(rest, 0, bytes_index(rest, '\n'));
        struct json_object *o;

        json_tokener_reset(tokener);
        o = json_tokener_parse_ex(tokener, (const char *)line.data, (int)line.len);
        if (o && strcmp(member(o, "type"), "session") == 0) {
            add_commands(&s, o);
            json_object_array_add(s.sessions, json_object_get(o));
        }
        json_object_put(o);
        at += line.len + 1;
    }
    json_tokener_free(tokener);
    if (s.commands.count > 1)
        qsort(s.commands.list, s.commands.count, sizeof(*s.commands.list), text_compare);
    return s;
}

static void said_release(struct said *s)
{
    json_object_put(s->sessions);
    texts_release(&s->commands);
}

/* Both sorted: is each of `part` in `whole`, as often? */
static bool commands_within(const struct texts *whole, const struct texts *part, struct error *err)
{
    size_t w = 0;

    for (size_t i = 0; i < part->count; i++) {
        while (w < whole->count && strcmp(whole->list[w], part->list[i]) < 0)
            w++;
        if (w == whole->count || strcmp(whole->list[w], part->list[i]) != 0)
            return error_set(err, "a command that nobody sent: \"%.200s\"", part->list[i]);
        w++;
    }
    return true;
}

static bool ends_at(struct json_object *session, const char *ip_key, const char *port_key, const struct address *a,
                    uint8_t ip_version, uint16_t port)
{
    char ip[ADDRESS_TEXT_SIZE];

    address_format(a, ip_version, ip);
    return strcmp(member(session, ip_key), ip) == 0 && number(session, port_key) == port;
}

static bool is_of(struct json_object *s, const struct packet *p)
{
    uint8_t v = p->ip_version;

    return (ends_at(s, "client_ip", "client_port", &p->src, v, p->sport) &&
            ends_at(s, "server_ip", "server_port", &p->dst, v, p->dport)) ||
           (ends_at(s, "client_ip", "client_port", &p->dst, v, p->dport) &&
            ends_at(s, "server_ip", "server_port", &p->src, v, p->sport));
}

static bool admits(struct json_object *s)
{
    static const char *const counts[] = {"missed_c2s", "missed_s2c", "acked_unseen_c2s", "acked_unseen_s2c"};
    static const char *const words[] = {"gap", "one_sided", "midstream"};
    struct json_object *quality, *midstream;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        if (number(s, counts[i]) > 0)
            return true;
    if (json_object_object_get_ex(s, "midstream", &midstream) && json_object_get_boolean(midstream))
        return true;
    if (!json_object_object_get_ex(s, "quality", &quality))
        return false;
    for (size_t i = 0; i < json_object_array_length(quality); i++)
        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
            if (strcmp(json_object_get_string(json_object_array_get_idx(quality, i)), words[w]) == 0)
                return true;
    return false;
}

/* The first octet of p that no packet left carries, or false. */
static bool first_missing(const struct trace *left, const struct packet *p, uint32_t *ret)
{
    uint32_t at = p->seq + ((p->tcp_flags & TCP_SYN) != 0), end = at + (uint32_t)p->payload.len;

    for (bool moved = true; moved && at != end;) {
        moved = false;
        for (size_t i = 0; i < left->count && at != end; i++) {
            const struct packet *q = &left->segments[i].packet;
            uint32_t from = q->seq + ((q->tcp_flags & TCP_SYN) != 0);

            if (same_direction(p, q) && at - from < q->payload.len) {
                uint32_t to = from + (uint32_t)q->payload.len;

                at = to - at > end - at ? end : to;
                moved = true;
            }
        }
    }
    *ret = at;
    return at != end;
}

/* Does something left stand behind octet `missing` of p's direction, so that its loss can be known? Loosely: the whole
   conversation must lie within 1 GiB; what comes after a reset may be another one's. */
static bool known_lost(const struct trace *left, const struct packet *p, uint32_t missing)
{
    for (size_t i = 0; i < left->count; i++) {
        const struct packet *q = &left->segments[i].packet;

        if ((q->tcp_flags & TCP_RST) && (same_direction(p, q) || same_flow_other_side(p, q)))
            return false;
        if (same_direction(p, q) && q->seq - missing - 1 < UINT32_C(1) << 30)
            return true;
    }
    return false;
}

/* Were its ports used for more than one conversation? Then a session of theirs need not be the one that p was in. */
static bool ports_reused(const struct trace *t, const struct packet *p, const struct packet **syn)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct packet *q = &t->segments[i].packet;

        if (!same_direction(p, q) && !same_flow_other_side(p, q))
            continue;
        if ((q->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
            continue;
        if (*syn && (*syn)->seq != q->seq)
            return true;
        *syn = q;
    }
    return false;
}

static bool all_admitted(const struct said *rest, const struct trace *left, const struct trace *gone, struct error *err)
{
    for (size_t i = 0; i < gone->count; i++) {
        const struct packet *p = &gone->segments[i].packet;
        const struct packet *syn = NULL;
        bool found = false, admitted = false;
        uint32_t missing;

        if (p->payload.len == 0 || !first_missing(left, p, &missing) || !known_lost(left, p, missing))
            continue;
        if (ports_reused(left, p, &syn) || ports_reused(gone, p, &syn))
            continue;
        for (size_t k = 0; k < json_object_array_length(rest->sessions); k++) {
            struct json_object *s = json_object_array_get_idx(rest->sessions, k);

            if (is_of(s, p)) {
                found = true;
                admitted = admitted || admits(s);
            }
        }
        if (found && !admitted)
            return error_set(err, "octets %u and on of port %u are gone and the session does not say so", missing,
                             p->sport);
    }
    return true;
}

/* Is all that was sent as commands in its list? Not where it was no protocol of ours, where octets were lost already,
   nor where what stood behind STARTTLS was counted as injected: with other octets gone, more of it may show. */
static bool lists_all_commands(const struct said *s)
{
    for (size_t i = 0; i < json_object_array_length(s->sessions); i++) {
        struct json_object *session = json_object_array_get_idx(s->sessions, i);

        if (strcmp(member(session, "visibility"), "unrecognised") == 0 || admits(session) ||
            number(session, "clear_after_tls_c2s") > 0)
            return false;
    }
    return true;
}

bool checks_drop(struct bytes whole, bool lookalikes, struct bytes rest, const struct trace *left,
                 const struct trace *gone, struct error *err)
{
    struct said before = listen(whole), after = listen(rest);
    bool ok = lookalikes || !lists_all_commands(&before) || commands_within(&before.commands, &after.commands, err);

    ok = ok && all_admitted(&after, left, gone, err);

    said_release(&before);
    said_release(&after);
    return ok;
}
