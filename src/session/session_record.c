/* The records of a session: the envelope every one carries, and the session's own, whole or in parts. */
#include "base/clock.h"
#include "base/memory.h"
#include "capture/decode.h"
#include "session_private.h"

#include <openssl/evp.h>
#include <xxhash.h>

static const char *const close_words[] = {
    [CLOSE_FIN] = "fin", [CLOSE_RST] = "rst",         [CLOSE_TIMEOUT] = "timeout",
    [CLOSE_EOF] = "eof", [CLOSE_EVICTED] = "evicted", [CLOSE_SHUTDOWN] = "shutdown",
};

#define USUAL_SIZE     768 /* octets of a record */
#define COMMUNITY_SIZE 31

struct session_names { /* how records call the session */
    char uid[UID_SIZE];
    char community[COMMUNITY_SIZE];
};

const size_t session_names_size = sizeof(struct session_names);

static void format_mac(const uint8_t mac[6], char text[18])
{
    for (int i = 0; i < 6; i++) {
        text = bytes_hex(text, bytes_of(&mac[i], 1));
        *text++ = i < 5 ? ':' : '\0';
    }
}

static char *write_decimal(char *at, uint64_t n)
{
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    while (count)
        *at++ = digits[--count];
    return at;
}

static void format_address(const struct address *a, uint8_t ip_version, char text[ADDRESS_TEXT_SIZE])
{
    if (ip_version != 4) {
        address_format(a, ip_version, text);
        return;
    }
    uint8_t octets[4];
    memcpy(octets, a, sizeof octets);
    for (int i = 0; i < 4; i++) {
        text = write_decimal(text, octets[i]);
        *text++ = i < 3 ? '.' : '\0';
    }
}

/* Community ID version 1 (github.com/corelight/community-id-spec): SHA-1 over seed, ordered endpoints, protocol. */
static void make_community_id(const struct session *s, char text[COMMUNITY_SIZE])
{
    const struct flow *f = s->flow;
    uint8_t octets[2 + 16 + 16 + 2 + 4], *o = octets, digest[SHA1_SIZE];
    size_t width = f->head.ip_version == 4 ? 4 : 16;
    struct address client = flow_address(f, CLIENT), server = flow_address(f, SERVER);
    uint16_t client_port = flow_port(f, CLIENT), server_port = flow_port(f, SERVER);
    int order = memcmp(&client, &server, width);
    bool client_first = order ? order < 0 : client_port < server_port;
    const struct address *a = client_first ? &client : &server, *b = client_first ? &server : &client;
    uint16_t a_port = client_first ? client_port : server_port;
    uint16_t b_port = client_first ? server_port : client_port;
    *o++ = 0; /* the seed */
    *o++ = 0;
    memcpy(o, a, width);
    memcpy(o + width, b, width);
    o += 2 * width;
    *o++ = 6; /* TCP */
    *o++ = 0;
    *o++ = (uint8_t)(a_port >> 8);
    *o++ = (uint8_t)a_port;
    *o++ = (uint8_t)(b_port >> 8);
    *o++ = (uint8_t)b_port;
    session_pool_sha1(s->settings->pool, octets, (size_t)(o - octets), digest);
    memcpy(text, "1:", 2);
    EVP_EncodeBlock((unsigned char *)text + 2, digest, SHA1_SIZE);
}

void session_uid(const struct flow_head *head, char uid[static UID_SIZE])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    struct {
        struct address client, server;
        int64_t when;
        uint16_t ports[2];
        uint32_t apart;
    } key = {flow_head_address(head, CLIENT),
             flow_head_address(head, SERVER),
             flow_first_when(head),
             {head->client_port, head->server_port},
             head->apart};
    XXH128_hash_t h = XXH3_128bits(&key, sizeof key);
    uid[0] = 'C';
    for (int i = 1; i < UID_SIZE - 1; i++) {
        uint64_t *half = i < 8 ? &h.low64 : &h.high64;
        uid[i] = digits[*half % 62];
        *half /= 62;
    }
    uid[UID_SIZE - 1] = '\0';
}

static const struct session_names *names_of(struct session *s)
{
    if (!s->names) {
        s->names = memory_get(sizeof *s->names);
        session_uid(&s->flow->head, s->names->uid);
        make_community_id(s, s->names->community);
    }
    return s->names;
}

static void write_id(struct session *s, struct record *r, uint64_t index)
{
    enum { SENSOR_MOST = 64 };
    char text[160], id[33], *at = text;
    if (s->settings->sensor) {
        struct bytes sensor = bytes_part(bytes_of_string(s->settings->sensor), 0, SENSOR_MOST);
        memcpy(at, sensor.data, sensor.len);
        at += sensor.len;
    }
    *at++ = '/';
    memcpy(at, names_of(s)->uid, UID_SIZE - 1);
    at += UID_SIZE - 1;
    *at++ = '/';
    struct bytes kind = bytes_of_string(kind_name(record_kind(r)));
    memcpy(at, kind.data, kind.len);
    at += kind.len;
    *at++ = '/';
    at = write_decimal(at, index);
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(text, (size_t)(at - text)));
    *bytes_hex(id, bytes_of(digest.digest, sizeof digest.digest)) = '\0';
    record_word(r, F_all_id, id);
    record_word(r, F_all_uid, names_of(s)->uid);
}

static void write_proxied(const struct session *s, struct record *r)
{
    struct entry e;
    for (size_t at = 0; record_next(s->facts, &at, &e);)
        if (e.field == F_all_proxied_client_ip || e.field == F_all_proxied_client_port)
            record_copy(r, &e);
}

static void write_endpoints(struct session *s, struct record *r)
{
    const struct flow *f = s->flow;
    char text[ADDRESS_TEXT_SIZE], mac[18];
    record_word(r, F_all_community_id, names_of(s)->community);
    record_word(r, F_all_proto, session_proto(s));
    struct address client = flow_address(f, CLIENT), server = flow_address(f, SERVER);
    const struct path *path = f->path;
    format_address(&client, f->head.ip_version, text);
    record_word(r, F_all_client_ip, text);
    record_number(r, F_all_client_port, flow_port(f, CLIENT));
    format_address(&server, f->head.ip_version, text);
    record_word(r, F_all_server_ip, text);
    record_number(r, F_all_server_port, flow_port(f, SERVER));
    if (s->is_proxied && record_kind(r) != KIND_session) /* which has all facts */
        write_proxied(s, r);
    if (path->has_mac && record_kind(r) == KIND_session) {
        format_mac(path->client_mac, mac);
        record_word(r, F_all_client_mac, mac);
        format_mac(path->server_mac, mac);
        record_word(r, F_all_server_mac, mac);
    }
    for (int i = 0; i < path->vlan_count; i++)
        record_number(r, F_all_vlan, path->vlans[i]);
    for (int i = 0; i < path->encap_count; i++)
        record_word(r, F_all_encap, encap_name((enum encap)path->encaps[i]));
    for (int i = 0; i < s->proxy_count; i++)
        record_word(r, F_all_encap, proxy_name((enum proxy)s->proxies[i]));
}

static bool has_gap(const struct session *s)
{
    return tcp_side(&s->flow->tcp, CLIENT).missed || tcp_side(&s->flow->tcp, SERVER).missed;
}

static bool one_sided(const struct session *s)
{
    return !tcp_side(&s->flow->tcp, CLIENT).packets != !tcp_side(&s->flow->tcp, SERVER).packets;
}

static void write_quality(struct session *s, struct record *r)
{
    struct tcp_side c = tcp_side(&s->flow->tcp, CLIENT), v = tcp_side(&s->flow->tcp, SERVER);
    if (has_gap(s))
        record_word(r, F_all_quality, "gap");
    if (one_sided(s))
        record_word(r, F_all_quality, "one_sided");
    if (!session_from_start(s))
        record_word(r, F_all_quality, "midstream");
    if (c.conflicts || v.conflicts || s->flow->fragment_overlap)
        record_word(r, F_all_quality, "overlap");
    if (c.acks_unusable || v.acks_unusable)
        record_word(r, F_all_quality, "acks_unusable");
}

struct record *session_record(struct session *s, enum kind k, uint64_t index)
{
    struct record *r = record_new(k, s->settings->limits);
    record_reserve(r, USUAL_SIZE);
    write_id(s, r, index);
    if (s->settings->sensor)
        record_text(r, F_all_sensor, bytes_of_string(s->settings->sensor));
    write_endpoints(s, r);
    return r;
}

/* What its content has `noted` counts in the session. */
static void count_noted(struct session *s, const struct record *message)
{
    struct entry e;
    for (size_t at = 0; record_next(message, &at, &e);)
        for (unsigned n = 0; e.field == F_message_noted && n < NOTE_COUNT; n++)
            if (bytes_equal(e.text, bytes_of_string(note_infos[n].name)))
                session_note(s, (enum note)n);
}

/* How far the header's Date is from when the message was seen. */
static void write_date_distance(struct record *r, int64_t ts)
{
    int64_t date = (int64_t)record_find_number(r, F_message_date);
    uint64_t ahead = (uint64_t)date - (uint64_t)ts, behind = (uint64_t)ts - (uint64_t)date;
    bool is_ahead = date > ts;
    record_number(r, is_ahead ? F_message_date_ahead_us : F_message_date_behind_us,
                  (is_ahead ? ahead : behind) / CLOCK_US);
}

void session_emit(struct session *s, struct record *r, const struct mark *first, const struct mark *last)
{
    record_time(r, F_all_ts, first->when);
    record_time(r, F_all_end_ts, last->when > first->when ? last->when : first->when);
    record_number(r, F_all_frame_first, first->frame);
    record_number(r, F_all_frame_last, last->frame > first->frame ? last->frame : first->frame);
    if (record_has(r, F_message_noted))
        count_noted(s, r);
    if (s->decrypted)
        record_flag(r, F_all_decrypted);
    write_quality(s, r);
    if (record_has(r, F_message_date))
        write_date_distance(r, first->when);
    s->changes++;
    s->settings->emit(s->settings->arg, r);
}

static uint64_t microseconds(int64_t from, int64_t to)
{
    return to > from ? (uint64_t)((to - from) / CLOCK_US) : 0;
}

/* Octets up to that place, as far as they were captured. */
static uint64_t octets_to(const struct tcp_side *h, uint64_t place)
{
    uint64_t all = place > h->start ? place - h->start : 0;
    return all > h->missed ? all - h->missed : 0;
}

/* A part counts the octets of the dialogue up to its last reply, the last record all there were. */
static void write_counters(struct session *s, struct record *r, bool last)
{
    const struct tcp *t = &s->flow->tcp;
    struct tcp_side c = tcp_side(t, CLIENT), v = tcp_side(t, SERVER);
    record_number(r, F_session_bytes_c2s, last ? c.octets : octets_to(&c, s->dialogue.logged_to));
    record_number(r, F_session_bytes_s2c, last ? v.octets : octets_to(&v, input_at(&s->in[SERVER])));
    record_number(r, F_session_pkts_c2s, c.packets);
    record_number(r, F_session_pkts_s2c, v.packets);
    record_nonzero(r, F_session_missed_c2s, c.missed);
    record_nonzero(r, F_session_missed_s2c, v.missed);
    if (last) { /* before, it may still come */
        record_nonzero(r, F_session_acked_unseen_c2s, tcp_acked_unseen(t, CLIENT));
        record_nonzero(r, F_session_acked_unseen_s2c, tcp_acked_unseen(t, SERVER));
    }
    record_nonzero(r, F_session_retrans, c.retrans + v.retrans);
    record_nonzero(r, F_session_dup_pkts, c.duplicates + v.duplicates);
    record_nonzero(r, F_session_late, c.late + v.late);
    record_nonzero(r, F_session_overlap_first, c.conflicts - c.conflicts_last + v.conflicts - v.conflicts_last);
    record_nonzero(r, F_session_overlap_last, c.conflicts_last + v.conflicts_last);
}

static void write_tallies(struct session *s, struct record *r)
{
    struct dialogue *d = &s->dialogue;
    for (size_t i = 0; i < d->verbs.count; i++)
        record_count(r, F_session_verbs, bytes_of_string(d->verbs.entries[i].key), d->verbs.entries[i].count);
    for (size_t i = 0; i < d->replies.count; i++)
        record_count(r, F_session_replies, bytes_of_string(d->replies.entries[i].key), d->replies.entries[i].count);
    struct tcp_side c = tcp_side(&s->flow->tcp, CLIENT), v = tcp_side(&s->flow->tcp, SERVER);
    for (unsigned n = 0; n < NOTE_COUNT; n++) {
        uint64_t count = s->notes ? s->notes[n] : 0;
        if (n == NOTE_acks_unusable)
            count += c.acks_unusable || v.acks_unusable;
        if (n == NOTE_conflicting_overlap)
            count += c.conflicts + v.conflicts;
        if (n == NOTE_fragment_overlap)
            count += s->flow->fragment_overlap;
        if (n == NOTE_outside_window)
            count += c.outside + v.outside;
        if (n == NOTE_urgent_data)
            count += c.urgent + v.urgent;
        if (n == NOTE_segment_budget)
            count += c.refused + v.refused;
        if (n == NOTE_late_octets)
            count += c.late + v.late;
        if (count)
            record_count(r, F_session_anomalies, bytes_of_string(note_infos[n].name), count);
    }
}

/* Without the server's SYN nobody knows whether the first octet captured of it was its first; the client's start stands
   in there too. Known at the end only: it may be captured late. */
static bool saw_beginning(const struct session *s)
{
    return session_from_start(s) && (session_saw_syn(s, SERVER) || !tcp_side(&s->flow->tcp, SERVER).octets);
}

static const char *visibility(const struct session *s)
{
    if (s->unrecognised)
        return "unrecognised";
    bool opaque = s->opaque[CLIENT] || s->opaque[SERVER];
    if (s->implicit_tls && opaque && !s->decrypted)
        return "encrypted";
    return opaque || s->skipped || has_gap(s) || one_sided(s) || !saw_beginning(s) ? "partial" : "full";
}

void session_emit_own(struct session *s, bool last, enum close how)
{
    const struct flow *f = s->flow;
    struct record *r = session_record(s, KIND_session, s->part);
    record_time(r, F_all_ts, f->tcp.first_when);
    record_time(r, F_all_end_ts, f->last_when);
    record_number(r, F_all_frame_first, f->tcp.first_frame);
    record_number(r, F_all_frame_last, f->last_frame);
    if (s->decrypted)
        record_flag(r, F_all_decrypted);
    write_quality(s, r);
    if (session_from_start(s) && !saw_beginning(s))
        record_word(r, F_all_quality, "midstream");
    if (how == CLOSE_EVICTED)
        record_word(r, F_all_quality, "evicted");
    if (!last || s->part)
        record_number(r, F_session_part, s->part);
    if (last)
        record_word(r, F_session_close, close_words[how]);
    if (!saw_beginning(s))
        record_flag(r, F_session_midstream);
    record_number(r, F_session_duration_us, microseconds(f->tcp.first_when, f->last_when));
    record_word(r, F_session_visibility, visibility(s));
    write_counters(s, r, last);
    record_join(r, s->facts);
    if (s->dialogue.log) {
        record_join(r, s->dialogue.log);
        record_reset(s->dialogue.log);
        s->dialogue.logged = 0;
    }
    write_tallies(s, r);
    s->part++;
    s->part_began = f->last_when;
    s->settings->emit(s->settings->arg, r);
}
