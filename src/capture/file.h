/* A capture file of either format, behind a window: what pcap and pcapng have in common. Inside the layer. */
#ifndef MAILTAP_CAPTURE_FILE_H
#define MAILTAP_CAPTURE_FILE_H

#include "capture/source.h"
#include "capture/window.h"

/* The largest frame any capture program writes; a length beyond it is damage. */
#define FRAME_MAX ((uint32_t)262144)

/* Capture times are kept inside [0, 2^62) ns, the years 1970 to 2116, so that sums with them cannot overflow. */
#define WHEN_MAX ((INT64_C(1) << 62) - 1)

/* As source_open_file(), for a descriptor, which is taken over. `name` stands in messages. */
struct source *source_open_fd(int fd, const char *name, struct error *err);

struct classic { /* a pcap file */
    bool swapped;
    bool usual;     /* nothing of what follows is out of the ordinary */
    uint8_t header; /* octets of a record header */
    uint16_t minor; /* before 2.4 the two lengths of a record could be the other way round */
    uint16_t link;
    uint32_t unit; /* of the times' fractions, ns */
    uint32_t snaplen;
    uint32_t most; /* octets of a frame; a record that claims more is damaged */
};

#define CLASSIC_HEADER 24

/* Is this, the first four octets, the magic number of a pcap file? */
bool classic_is(const uint8_t magic[static 4]);

/* Reads the file header; false, with a sentence without the file's name, when it is none. */
bool classic_open(struct classic *f, const uint8_t header[static CLASSIC_HEADER], struct error *err);

/* The frame that is nearly always next: in this machine's byte order, its record whole and in the window. False, and
   nothing is taken: ask classic_next(). */
bool classic_usual(const struct classic *f, struct window *in, struct frame *frame);

/* As source_next(), the sentence without the file's name. */
enum source_status classic_next(struct classic *f, struct window *in, struct frame *frame, struct error *err);

struct interface { /* of an interface description block */
    uint16_t link;
    uint32_t snaplen;
    uint8_t bits; /* time counts in 2^-bits seconds, where per_second is 0 */
    uint64_t per_second;
    int64_t offset; /* if_tsoffset, seconds */
    uint64_t plain; /* counts below are times of `unit` ns each, without any more arithmetic */
    uint32_t unit;
};

struct pcapng {
    bool swapped;
    bool in_section;
    uint32_t interfaces_before; /* in the sections before this one */
    uint32_t interface_count, interface_cap;
    struct interface *interfaces;
    int64_t last; /* time of the frame before: simple packet blocks have none */
};

bool pcapng_is(const uint8_t magic[static 4]);
void pcapng_release(struct pcapng *f);

/* As classic_usual(), for an enhanced packet block. */
bool pcapng_usual(struct pcapng *f, struct window *in, struct frame *frame);

enum source_status pcapng_next(struct pcapng *f, struct window *in, struct frame *frame, struct error *err);

/* Reads up to the first interface description block, or to whatever stops pcapng_next() too, which will then say so.
 */
void pcapng_open(struct pcapng *f, struct window *in);

#endif
