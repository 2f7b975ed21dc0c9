/* Classic pcap files (draft-ietf-opsawg-pcap): a file header, then a header and the octets for every frame. Either
   byte order, microseconds or nanoseconds, and the variant with eight more header octets of the ss990417 patch. */
#include "file.h"

#include "base/clock.h"
#include "byte_order.h"

#include <inttypes.h>

#define MAGIC_MICROSECONDS UINT32_C(0xa1b2c3d4)
#define MAGIC_NANOSECONDS  UINT32_C(0xa1b23c4d)
#define MAGIC_MODIFIED     UINT32_C(0xa1b2cd34)

/* A snap length too small by less than this is a writer's mistake, as with segmentation offload. */
#define SNAPLEN_SLACK UINT32_C(65535)

#define USUAL_HEADER 16

static bool magic_known(uint32_t magic)
{
    return magic == MAGIC_MICROSECONDS || magic == MAGIC_NANOSECONDS || magic == MAGIC_MODIFIED;
}

bool classic_is(const uint8_t magic[static 4])
{
    return magic_known(host32(magic, false)) || magic_known(host32(magic, true));
}

bool classic_open(struct classic *f, const uint8_t header[static CLASSIC_HEADER], struct error *err)
{
    *f = (struct classic){.swapped = !magic_known(host32(header, false))};
    uint32_t magic = host32(header, f->swapped);
    f->unit = magic == MAGIC_NANOSECONDS ? 1 : CLOCK_US;
    f->header = magic == MAGIC_MODIFIED ? 24 : USUAL_HEADER;
    uint16_t major = host16(header + 4, f->swapped);
    f->minor = host16(header + 6, f->swapped);
    if (major != 2)
        return error_set(err, "is a pcap file of version %u.%u; 2.4 is the one in use", major, f->minor);
    f->usual = !f->swapped && f->header == USUAL_HEADER && f->minor >= 4;
    f->snaplen = host32(header + 16, f->swapped);
    f->most = FRAME_MAX;
    if (f->snaplen && f->snaplen < FRAME_MAX - SNAPLEN_SLACK)
        f->most = f->snaplen + SNAPLEN_SLACK;
    /* The upper half says how long the frame check sequence is: IP's own length keeps it out of the payload. */
    f->link = (uint16_t)host32(header + 20, f->swapped);
    return true;
}

static enum source_status damaged(const struct classic *f, uint64_t offset, uint32_t len, struct error *err)
{
    error_set(err,
              "is damaged: the record at offset %" PRIu64 " claims a frame of %" PRIu32
              " octets, the file's snap length is %" PRIu32,
              offset, len, f->snaplen);
    return SOURCE_BROKEN;
}

bool classic_usual(const struct classic *f, struct window *in, struct frame *frame)
{
    const uint8_t *head = window_at(in);
    size_t here = in->to - in->from;
    if (!f->usual || here < USUAL_HEADER)
        return false;
    uint32_t len = host32(head + 8, false), wire = host32(head + 12, false);
    if (len > f->most || len > here - USUAL_HEADER)
        return false;
    *frame = (struct frame){
        .when = host32(head, false) * CLOCK_S + (int64_t)host32(head + 4, false) * f->unit,
        .data = {head + USUAL_HEADER, len},
        .wire = wire > len ? wire : len,
        .link = f->link,
    };
    window_take(in, USUAL_HEADER + len);
    return true;
}

enum source_status classic_next(struct classic *f, struct window *in, struct frame *frame, struct error *err)
{
    uint64_t offset = window_offset(in);
    enum window_status s = window_want(in, f->header);
    if (s != WINDOW_READY)
        return window_stop(in, s, "record", offset, err);
    const uint8_t *head = window_at(in);
    uint32_t len = host32(head + 8, f->swapped), wire = host32(head + 12, f->swapped);
    if (f->minor < 3 || (f->minor == 3 && len > wire)) {
        uint32_t other = len;
        len = wire;
        wire = other;
    }
    if (len > f->most)
        return damaged(f, offset, len, err);
    s = window_want(in, (size_t)f->header + len);
    if (s != WINDOW_READY)
        return window_stop(in, s, "record", offset, err);
    head = window_at(in);
    *frame = (struct frame){
        .when = host32(head, f->swapped) * CLOCK_S + (int64_t)host32(head + 4, f->swapped) * f->unit,
        .data = {head + f->header, len},
        .wire = wire > len ? wire : len,
        .link = f->link,
    };
    window_take(in, (size_t)f->header + len);
    return SOURCE_FRAME;
}
