/* A run of TCP segments in the order of capture, each with a copy of its payload in a block of exactly its size, so
   that the address sanitizer sees a read past the end. From a capture file, to a capture file. */
#ifndef MAILTAP_TESTS_TRACE_H
#define MAILTAP_TESTS_TRACE_H

#include "base/error.h"
#include "capture/packet.h"
#include <stdio.h>

struct segment {
    struct packet packet; /* its payload views octets */
    uint8_t *octets;      /* owned */
};

struct trace {
    struct segment *segments;
    size_t count, cap;
};

/* Puts a copy of p in at place `at` (up to count); the pointer lives until the next change. */
struct packet *trace_insert(struct trace *t, size_t at, const struct packet *p);
struct packet *trace_add(struct trace *t, const struct packet *p);

void trace_remove(struct trace *t, size_t from, size_t count);

/* Gives a segment another payload (copied), all of it captured. */
void trace_payload(struct trace *t, size_t at, struct bytes payload);

void trace_copy(struct trace *to, const struct trace *from);
void trace_release(struct trace *t);

/* Numbers the frames from 1. */
void trace_number(struct trace *t);

/* The checksum that p's TCP header would have (RFC 9293 3.1): differs where what was sent differs. */
uint16_t trace_checksum(const struct packet *p);

/* All TCP segments of a capture file. False where it cannot be opened or is damaged. */
bool trace_load(struct trace *t, const char *path, struct error *err);

/* Writes Ethernet frames to a pcap file, to look at in Wireshark or to run mailtap on. */
bool trace_save(const struct trace *t, const char *path, struct error *err);

/* One line per segment: number, time, who, flags, sequence, acknowledgment, the beginning of the payload. */
void trace_print(const struct trace *t, FILE *out);

#endif
