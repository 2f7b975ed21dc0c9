/* Where frames come from: a file, standard input, an interface. */
#ifndef MAILTAP_CAPTURE_SOURCE_H
#define MAILTAP_CAPTURE_SOURCE_H

#include "base/error.h"
#include "capture/packet.h"

enum source_status {
    SOURCE_FRAME,  /* *frame is set; its data lives until the next call */
    SOURCE_IDLE,   /* an interface: nothing is there now; a file: a signal came before its octets. Ask again */
    SOURCE_END,    /* the end, as it should be */
    SOURCE_BROKEN, /* damaged or cut: err says what and at which offset; all before it was given; nothing follows */
};

struct source_counts {
    uint64_t received;                          /* frames that source_next() gave */
    uint64_t dropped_kernel, dropped_interface; /* live only */
};

struct source;

/* A capture file: pcap or pcapng (told by content), either byte order, any resolution, plain or compressed by gzip,
   zstd, lz4 or xz (told by content). "-" is standard input. Null, and err says why, when it cannot be opened or is
   none of these. */
struct source *source_open_file(const char *path, struct error *err);

struct live_settings {
    int snaplen;      /* 262144 by default */
    bool promiscuous; /* true unless -p */
};

/* An interface, or "any". Null, and err says why and what to do, when that fails. */
struct source *source_open_live(const char *interface, const struct live_settings *settings, struct error *err);

/* Only frames that the expression (pcap-filter(7)) matches come from now on. False, with the reason, when it cannot be
   compiled for the interface, or for the first link type of a file; frames of other link types in the file that it
   makes no sense for do not match. */
bool source_filter(struct source *src, const char *expression, struct error *err);

/* Several threads can read a plain file by turns, in pieces: the octets of some are then fetched while the frames of
   another are taken, where they lie in that processor's cache. There is memory, a room each, for so many pieces. False:
   this source is no plain file. From now on source_next() gives SOURCE_IDLE where a piece ends. */
bool source_by_turns(struct source *src, unsigned rooms);

/* Fetches the octets of the n-th piece, from 0. Threads may do so at the same time, each in a room of its own, and
   while the frames of an earlier piece are taken. */
void source_fetch(struct source *src, uint64_t n, unsigned room);

/* The frames of the next piece, which was fetched into that room, come next, until SOURCE_IDLE; then the turn is over,
   before the next begins. What it returns stays there until the room is used again; a frame that no room is large
   enough for is not in it. */
struct bytes source_turn(struct source *src, unsigned room);
void source_turn_over(struct source *src);

/* What poll(2) can wait at for the next frame of an interface; -1 for files. */
int source_descriptor(const struct source *src);

/* The next frame. frame->number is not set: the caller counts over all sources. An interface never waits, see
   source_descriptor. */
enum source_status source_next(struct source *src, struct frame *frame, struct error *err);

void source_counts(struct source *src, struct source_counts *ret);
const char *source_name(const struct source *src); /* path or interface, for messages and records */
void source_free(struct source *src);

/* The interfaces there are, one per line with what is known of them (-D), to a stream-ready string the caller frees. */
char *source_interfaces(struct error *err);

#endif
