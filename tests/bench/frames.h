/* Writes a capture file, pcap or pcapng, packet by packet: Ethernet, VLAN tag, IPv4 or IPv6, TCP or UDP, right
   checksums. The payload is written by the caller straight into the output buffer. */
#ifndef MAILTAP_BENCH_FRAMES_H
#define MAILTAP_BENCH_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10

struct endpoint {
    uint8_t ip[16]; /* IPv4: the first four */
    uint16_t port;
    uint8_t mac[6];
};

struct frame {
    const struct endpoint *from, *to;
    bool ipv6, udp;
    uint8_t flags; /* TCP's */
    uint16_t ip_id, window;
    uint32_t seq, ack;
    uint32_t sent_at, echo; /* TCP timestamps, ms */
    bool fragment;          /* one of a datagram of several; `fragment_id` says which datagram */
    bool more_fragments;
    uint16_t fragment_at; /* octets, a multiple of 8; above 0 there is no TCP or UDP header */
    uint32_t fragment_id;
};

struct frames;

/* Opens the file, `-` is standard output; null, and errno, where that fails. vlan: 0 is none. */
struct frames *frames_new(const char *path, bool pcapng, uint16_t vlan);

/* Writes what is left; false where any write failed. */
bool frames_free(struct frames *f);

/* Begins a packet at `when` (microseconds since 1970; never earlier than the packet before: it is moved then).
   Returns where its `len` octets of payload go. */
uint8_t *frames_begin(struct frames *f, int64_t when, const struct frame *frame, size_t len);

/* Ends it: the payload is there, the checksums are computed. */
void frames_end(struct frames *f);

uint64_t frames_packets(const struct frames *f);

/* Octets of the file so far. */
uint64_t frames_octets(const struct frames *f);

#endif
