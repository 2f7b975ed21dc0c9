/* Capture files as https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html (pcap) and draft-ietf-opsawg-pcapng
   describe them; IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293) with timestamps (RFC 7323), UDP (RFC 768). */
#include "frames.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE  (1u << 20)
#define HEADERS_MAX  256 /* of the file's record, link, network and transport together */
#define SNAP_LENGTH  262144
#define ETHERTYPE_V4 0x0800
#define ETHERTYPE_V6 0x86dd
#define VLAN_TAG     0x8100
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define V6_FRAGMENT  44

struct frames {
    uint8_t *buffer;
    size_t used;
    int fd;
    bool pcapng, failed;
    uint16_t vlan;
    int64_t last;
    uint64_t packets, written;
    /* Of the packet begun: places in the buffer. */
    size_t record, transport, end;
    const struct frame *frame;
};

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static void host32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof(v));
}

static void flush(struct frames *f)
{
    size_t done = 0;

    while (done < f->used && !f->failed) {
        ssize_t n = write(f->fd, f->buffer + done, f->used - done);

        if (n < 0 && errno != EINTR)
            f->failed = true;
        if (n > 0)
            done += (size_t)n;
    }
    f->written += f->used;
    f->used = 0;
}

static void pcap_head(struct frames *f)
{
    uint8_t *p = f->buffer;

    host32(p, 0xa1b2c3d4); /* microseconds, in this machine's order of octets */
    host32(p + 4, 4u << 16 | 2);
    host32(p + 8, 0);
    host32(p + 12, 0);
    host32(p + 16, SNAP_LENGTH);
    host32(p + 20, 1); /* LINKTYPE_ETHERNET */
    f->used = 24;
}

static void pcapng_head(struct frames *f)
{
    uint8_t *p = f->buffer;

    host32(p, 0x0a0d0d0a); /* section header block */
    host32(p + 4, 28);
    host32(p + 8, 0x1a2b3c4d);
    host32(p + 12, 1);
    memset(p + 16, 0xff, 8); /* the section's length is not told */
    host32(p + 24, 28);
    host32(p + 28, 1); /* interface description block */
    host32(p + 32, 20);
    host32(p + 36, 1);
    host32(p + 40, SNAP_LENGTH);
    host32(p + 44, 20);
    f->used = 48;
}

struct frames *frames_new(const char *path, bool pcapng, uint16_t vlan)
{
    int fd = strcmp(path, "-") == 0 ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    struct frames *f;

    if (fd < 0)
        return NULL;
    f = memory_get(sizeof(*f));
    f->buffer = memory_get(BUFFER_SIZE);
    f->fd = fd;
    f->pcapng = pcapng;
    f->vlan = vlan;
    if (pcapng)
        pcapng_head(f);
    else
        pcap_head(f);
    return f;
}

bool frames_free(struct frames *f)
{
    bool ok;

    flush(f);
    ok = !f->failed;
    if (f->fd != STDOUT_FILENO && close(f->fd) != 0)
        ok = false;
    free(f->buffer);
    free(f);
    return ok;
}

static uint8_t *link_header(const struct frames *f, uint8_t *p, const struct frame *frame)
{
    memcpy(p, frame->to->mac, 6);
    memcpy(p + 6, frame->from->mac, 6);
    p += 12;
    if (f->vlan > 0) {
        put16(p, VLAN_TAG);
        put16(p + 2, f->vlan);
        p += 4;
    }
    put16(p, frame->ipv6 ? ETHERTYPE_V6 : ETHERTYPE_V4);
    return p + 2;
}

/* RFC 1071; in this machine's order, which comes out right when stored as it is. */
static uint64_t sum_of(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;
    uint8_t rest[4] = {0};

    for (; len >= 4; p += 4, len -= 4) {
        uint32_t word;

        memcpy(&word, p, 4);
        sum += word;
    }
    memcpy(rest, p, len);
    return sum + (rest[0] | (uint32_t)rest[1] << 8 | (uint32_t)rest[2] << 16 | (uint32_t)rest[3] << 24);
}

static void store_sum(uint8_t *at, uint64_t sum)
{
    uint16_t folded;

    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    folded = (uint16_t)~sum;
    memcpy(at, &folded, 2);
}

static uint8_t *ipv4_header(uint8_t *p, const struct frame *frame, size_t len)
{
    unsigned place = frame->fragment ? frame->fragment_at / 8u | (frame->more_fragments ? 0x2000u : 0u) : 0x4000u;

    memset(p, 0, 20);
    p[0] = 0x45;
    put16(p + 2, (unsigned)(20 + len));
    put16(p + 4, frame->fragment ? frame->fragment_id & 0xffff : frame->ip_id);
    put16(p + 6, place);
    p[8] = 62;
    p[9] = frame->udp ? PROTOCOL_UDP : PROTOCOL_TCP;
    memcpy(p + 12, frame->from->ip, 4);
    memcpy(p + 16, frame->to->ip, 4);
    store_sum(p + 10, sum_of(p, 20));
    return p + 20;
}

static uint8_t *ipv6_header(uint8_t *p, const struct frame *frame, size_t len)
{
    uint8_t next = frame->udp ? PROTOCOL_UDP : PROTOCOL_TCP;

    put32(p, 0x60000000);
    put16(p + 4, (unsigned)(len + (frame->fragment ? 8 : 0)));
    p[6] = frame->fragment ? V6_FRAGMENT : next;
    p[7] = 62;
    memcpy(p + 8, frame->from->ip, 16);
    memcpy(p + 24, frame->to->ip, 16);
    p += 40;
    if (!frame->fragment)
        return p;
    p[0] = next;
    p[1] = 0;
    put16(p + 2, frame->fragment_at | (frame->more_fragments ? 1u : 0u));
    put32(p + 4, frame->fragment_id);
    return p + 8;
}

static size_t transport_size(const struct frame *frame)
{
    if (frame->fragment && frame->fragment_at > 0)
        return 0;
    if (frame->udp)
        return 8;
    return (frame->flags & TCP_SYN) != 0 ? 40 : 32;
}

static uint8_t *timestamps(uint8_t *p, const struct frame *frame)
{
    p[0] = 8;
    p[1] = 10;
    put32(p + 2, frame->sent_at);
    put32(p + 6, frame->echo);
    return p + 10;
}

static void transport_header(uint8_t *p, const struct frame *frame, size_t len)
{
    put16(p, frame->from->port);
    put16(p + 2, frame->to->port);
    if (frame->udp) {
        put16(p + 4, (unsigned)(8 + len));
        put16(p + 6, 0);
        return;
    }
    put32(p + 4, frame->seq);
    put32(p + 8, frame->ack);
    p[12] = (uint8_t)(transport_size(frame) / 4 << 4);
    p[13] = frame->flags;
    put16(p + 14, frame->window);
    put32(p + 16, 0);
    p += 20;
    if ((frame->flags & TCP_SYN) != 0) {
        static const uint8_t mss_sack[] = {2, 4, 0x05, 0xb4, 4, 2}, scale[] = {1, 3, 3, 7};

        memcpy(p, mss_sack, sizeof(mss_sack));
        p = timestamps(p + sizeof(mss_sack), frame);
        memcpy(p, scale, sizeof(scale));
    } else {
        p[0] = p[1] = 1;
        timestamps(p + 2, frame);
    }
}

static uint8_t *record_header(struct frames *f, int64_t when, size_t len)
{
    uint8_t *p = f->buffer + f->used;

    if (when < f->last)
        when = f->last;
    f->last = when;
    if (f->pcapng) {
        host32(p, 6); /* enhanced packet block */
        host32(p + 4, (uint32_t)(32 + (len + 3) / 4 * 4));
        host32(p + 8, 0);
        host32(p + 12, (uint32_t)((uint64_t)when >> 32));
        host32(p + 16, (uint32_t)when);
        p += 20;
    } else {
        host32(p, (uint32_t)(when / 1000000));
        host32(p + 4, (uint32_t)(when % 1000000));
        p += 8;
    }
    host32(p, (uint32_t)len);
    host32(p + 4, (uint32_t)len);
    return p + 8;
}

uint8_t *frames_begin(struct frames *f, int64_t when, const struct frame *frame, size_t len)
{
    size_t transport = transport_size(frame), network = (frame->ipv6 ? 40 : 20), tag = f->vlan > 0 ? 4 : 0;
    size_t fragment = frame->ipv6 && frame->fragment ? 8 : 0;
    uint8_t *p;

    if (BUFFER_SIZE - f->used < HEADERS_MAX + len)
        flush(f);
    f->record = f->used;
    p = record_header(f, when, 14 + tag + network + fragment + transport + len);
    p = link_header(f, p, frame);
    p = frame->ipv6 ? ipv6_header(p, frame, transport + len) : ipv4_header(p, frame, transport + len);
    f->transport = (size_t)(p - f->buffer);
    if (transport > 0)
        transport_header(p, frame, len);
    f->end = f->transport + transport + len;
    f->frame = frame;
    return p + transport;
}

void frames_end(struct frames *f)
{
    const struct frame *frame = f->frame;
    size_t len = f->end - f->transport, address = frame->ipv6 ? 16 : 4;

    if (transport_size(frame) > 0) {
        uint8_t *at = f->buffer + f->transport + (frame->udp ? 6 : 16), pseudo[4] = {0};
        uint64_t sum = sum_of(frame->from->ip, address) + sum_of(frame->to->ip, address);

        put16(pseudo, (unsigned)len);
        pseudo[3] = frame->udp ? PROTOCOL_UDP : PROTOCOL_TCP;
        store_sum(at, sum + sum_of(pseudo, 4) + sum_of(f->buffer + f->transport, len));
    }
    f->used = f->end;
    f->packets++;
    if (f->pcapng) {
        size_t pad = (4 - (f->end - f->record) % 4) % 4;

        memset(f->buffer + f->used, 0, pad);
        f->used += pad;
        host32(f->buffer + f->used, (uint32_t)(f->used + 4 - f->record));
        f->used += 4;
    }
}

uint64_t frames_packets(const struct frames *f)
{
    return f->packets;
}

uint64_t frames_octets(const struct frames *f)
{
    return f->written + f->used;
}
