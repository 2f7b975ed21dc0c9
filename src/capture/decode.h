/* From a captured frame to a TCP segment: link layer, tags, labels, IP, extension headers, fragments, tunnels.
   Every read is inside the captured octets; what cannot be decoded is counted by reason, never fatal. */
#ifndef MAILTAP_CAPTURE_DECODE_H
#define MAILTAP_CAPTURE_DECODE_H

#include "base/limits.h"
#include "capture/keep.h"
#include "capture/packet.h"

/* Why a frame gave no TCP segment, and what was met on the way: stats.capture lists those that are not 0. */
struct decode_counts {
#define DECODE_COUNT(name, doc) uint64_t name;
#include "decode_counts.def"
#undef DECODE_COUNT
};

struct decoder;

struct decoder *decoder_new(const struct limits *limits);
void decoder_free(struct decoder *d);

/* From now on only segments from or to one of these ports, 0 at the end, are worth anything: the others are told by as
   little as that takes, and counted as other_ports. */
void decoder_follow(struct decoder *d, const uint16_t *ports);

/* True: *ret is a TCP segment (perhaps one that this frame, the last of its fragments, completed). Its payload is a
   view into the frame or into the decoder, until the next call. */
bool decode(struct decoder *d, const struct frame *frame, struct packet *ret);

/* From now on IPv4 headers and TCP segments with a wrong checksum are dropped, as hosts do; of what was cut, or left to
   the network card to cut up, nothing is known. Taps see what was captured before the card put checksums in. */
void decoder_verify(struct decoder *d);

/* Most of what a link carries is no mail, and nearly all of that is plain Ethernet, IP and a port that is not followed.
   True: it is one of these, it is counted, and decode() need not be asked, which would give nothing. */
bool decoder_skips(struct decoder *d, const struct frame *frame);

/* From now on the frames that a packet came in can be had, from keeper_take() behind each decode(). Of fragments whose
   datagram is not complete at most so many octets are kept. It lives as long as the decoder. */
struct keeper *decoder_keep(struct decoder *d, uint64_t most);

const struct decode_counts *decoder_counts(const struct decoder *d);

const char *encap_name(enum encap e);

/* "192.0.2.1", "2001:db8::1" (RFC 5952). */
#define ADDRESS_TEXT_SIZE 46
void address_format(const struct address *a, uint8_t ip_version, char text[static ADDRESS_TEXT_SIZE]);

#endif
