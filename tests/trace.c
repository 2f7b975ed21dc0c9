/* Traces: packets with their payload, read from and written to capture files. */
#include "trace.h"
#include "base/clock.h"
#include "base/memory.h"
#include "capture/decode.h"
#include "capture/source.h"
#include <ctype.h>
#include <pcap/pcap.h>
#include <stdlib.h>

static uint8_t *copy_of(struct bytes b)
{
    uint8_t *block = memory_get(b.len > 0 ? b.len : 1);

    if (b.len > 0)
        memcpy(block, b.data, b.len);
    return block;
}

struct packet *trace_insert(struct trace *t, size_t at, const struct packet *p)
{
    struct segment *s;
    uint8_t *octets = copy_of(p->payload); /* before anything moves: p may stand in this trace */
    struct packet packet = *p;

    if (t->count == t->cap) {
        t->cap = t->cap > 0 ? t->cap * 2 : 64;
        t->segments = memory_resize(t->segments, t->cap * sizeof(*t->segments));
    }
    s = t->segments + at;
    memmove(s + 1, s, (t->count - at) * sizeof(*s));
    t->count++;
    s->packet = packet;
    s->octets = octets;
    s->packet.payload.data = octets;
    return &s->packet;
}

struct packet *trace_add(struct trace *t, const struct packet *p)
{
    return trace_insert(t, t->count, p);
}

void trace_remove(struct trace *t, size_t from, size_t count)
{
    for (size_t i = from; i < from + count; i++)
        free(t->segments[i].octets);
    memmove(t->segments + from, t->segments + from + count, (t->count - from - count) * sizeof(*t->segments));
    t->count -= count;
}

void trace_payload(struct trace *t, size_t at, struct bytes payload)
{
    struct segment *s = t->segments + at;
    uint8_t *octets = copy_of(payload);

    free(s->octets);
    s->octets = octets;
    s->packet.payload = bytes_of(octets, payload.len);
    s->packet.payload_wire = (uint32_t)payload.len;
}

void trace_copy(struct trace *to, const struct trace *from)
{
    *to = (struct trace){memory_get((from->count + 8) * sizeof(*to->segments)), 0, from->count + 8};
    for (size_t i = 0; i < from->count; i++)
        trace_add(to, &from->segments[i].packet);
}

void trace_release(struct trace *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->segments[i].octets);
    free(t->segments);
    *t = (struct trace){0};
}

void trace_number(struct trace *t)
{
    for (size_t i = 0; i < t->count; i++)
        t->segments[i].packet.frame = i + 1;
}

static uint32_t sum_octets(uint32_t sum, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static uint16_t sum_end(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)(~sum & 0xffff);
}

static void put16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 8 & 0xff);
    to[1] = (uint8_t)(value & 0xff);
}

static void put32(uint8_t *to, uint32_t value)
{
    put16(to, value >> 16);
    put16(to + 2, value & 0xffff);
}

#define TCP_HEADER 20

static void tcp_header(const struct packet *p, uint8_t h[static TCP_HEADER])
{
    memset(h, 0, TCP_HEADER);
    put16(h, p->sport);
    put16(h + 2, p->dport);
    put32(h + 4, p->seq);
    put32(h + 8, p->ack);
    h[12] = TCP_HEADER / 4 << 4;
    h[13] = p->tcp_flags;
    put16(h + 14, p->window);
}

uint16_t trace_checksum(const struct packet *p)
{
    uint8_t header[TCP_HEADER], length[4];
    size_t address = p->ip_version == 4 ? 4 : 16;
    uint32_t sum = 6; /* the protocol */

    tcp_header(p, header);
    put32(length, (uint32_t)(TCP_HEADER + p->payload.len));
    sum = sum_octets(sum, p->src.octets, address);
    sum = sum_octets(sum, p->dst.octets, address);
    sum = sum_octets(sum, length, sizeof(length));
    sum = sum_octets(sum, header, TCP_HEADER);
    return sum_end(sum_octets(sum, p->payload.data, p->payload.len));
}

bool trace_load(struct trace *t, const char *path, struct error *err)
{
    struct source *src = source_open_file(path, err);
    struct limits limits;
    struct decoder *decoder;
    struct frame frame;
    struct packet p;
    enum source_status status;
    uint64_t number = 0;

    if (!src)
        return false;
    limits_init(&limits);
    decoder = decoder_new(&limits);
    while ((status = source_next(src, &frame, err)) == SOURCE_FRAME) {
        frame.number = ++number;
        if (decode(decoder, &frame, &p))
            trace_add(t, &p);
    }
    decoder_free(decoder);
    source_free(src);
    return status == SOURCE_END;
}

/* Ethernet, at most one tag, IP, TCP. The frame is at most 14 + 4 + 40 + 20 octets and the payload. */
static size_t frame_of(const struct packet *p, uint8_t *out)
{
    uint8_t *at = out;
    size_t tcp = TCP_HEADER + p->payload.len;

    memcpy(at, p->dst_mac, 6);
    memcpy(at + 6, p->src_mac, 6);
    at += 12;
    if (p->vlan_count > 0) {
        put16(at, 0x8100);
        put16(at + 2, p->vlans[0]);
        at += 4;
    }
    put16(at, p->ip_version == 4 ? 0x0800 : 0x86dd);
    at += 2;
    if (p->ip_version == 4) {
        memset(at, 0, 20);
        at[0] = 0x45;
        put16(at + 2, (uint32_t)(20 + tcp));
        put16(at + 4, p->ip_id);
        at[6] = 0x40;
        at[8] = 64;
        at[9] = 6;
        memcpy(at + 12, p->src.octets, 4);
        memcpy(at + 16, p->dst.octets, 4);
        put16(at + 10, sum_end(sum_octets(0, at, 20)));
        at += 20;
    } else {
        put32(at, 0x60000000);
        put16(at + 4, (uint32_t)tcp);
        at[6] = 6;
        at[7] = 64;
        memcpy(at + 8, p->src.octets, 16);
        memcpy(at + 24, p->dst.octets, 16);
        at += 40;
    }
    tcp_header(p, at);
    put16(at + 16, trace_checksum(p));
    if (p->payload.len > 0)
        memcpy(at + TCP_HEADER, p->payload.data, p->payload.len);
    return (size_t)(at - out) + tcp;
}

#define FRAME_HEADERS 78
#define FRAME_MOST    (65535 + FRAME_HEADERS)

bool trace_save(const struct trace *t, const char *path, struct error *err)
{
    pcap_t *pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, FRAME_MOST, PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t *dump = pcap ? pcap_dump_open(pcap, path) : NULL;
    uint8_t *frame;
    bool ok;

    if (!dump) {
        error_set(err, "cannot write \"%s\": %s", path, pcap ? pcap_geterr(pcap) : "out of memory");
        if (pcap)
            pcap_close(pcap);
        return false;
    }
    frame = memory_get(FRAME_MOST);
    for (size_t i = 0; i < t->count; i++) {
        const struct packet *p = &t->segments[i].packet;
        struct pcap_pkthdr header = {{p->when / CLOCK_S, p->when % CLOCK_S}, 0, 0};

        if (p->payload.len > 65000)
            continue;
        header.caplen = (uint32_t)frame_of(p, frame);
        header.len = header.caplen + p->payload_wire - (uint32_t)p->payload.len;
        pcap_dump((uint8_t *)dump, &header, frame);
    }
    free(frame);
    ok = pcap_dump_flush(dump) == 0;
    pcap_dump_close(dump);
    pcap_close(pcap);
    return ok || error_set(err, "cannot write \"%s\"", path);
}

static void print_payload(struct bytes payload, FILE *out)
{
    for (size_t i = 0; i < payload.len && i < 48; i++) {
        uint8_t c = payload.data[i];

        if (c == '\r')
            fputs("\\r", out);
        else if (c == '\n')
            fputs("\\n", out);
        else if (isprint(c))
            putc(c, out);
        else
            fprintf(out, "\\x%02x", c);
    }
    if (payload.len > 48)
        fputs("...", out);
}

void trace_print(const struct trace *t, FILE *out)
{
    static const char letters[] = "FSRPAU";
    int64_t start = t->count > 0 ? t->segments[0].packet.when : 0;

    for (size_t i = 0; i < t->count; i++) {
        const struct packet *p = &t->segments[i].packet;
        char flags[sizeof(letters)] = "", src[ADDRESS_TEXT_SIZE];
        size_t n = 0;

        for (unsigned bit = 0; bit < sizeof(letters) - 1; bit++)
            if (p->tcp_flags >> bit & 1)
                flags[n++] = letters[bit];
        flags[n] = 0;
        address_format(&p->src, p->ip_version, src);
        fprintf(out, "%4llu %10.6f %s:%u > %u %-3s seq %u ack %u len %zu ", (unsigned long long)p->frame,
                (double)(p->when - start) / 1e9, src, p->sport, p->dport, flags, p->seq, p->ack, p->payload.len);
        print_payload(p->payload, out);
        putc('\n', out);
    }
}
