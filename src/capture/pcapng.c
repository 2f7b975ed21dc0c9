/* pcapng files (draft-ietf-opsawg-pcapng): sections of blocks. Section headers, interface descriptions and the three
   kinds of packet blocks are read, all other blocks are skipped. */
#include "file.h"

#include "base/clock.h"
#include "base/memory.h"
#include "byte_order.h"

#include <inttypes.h>
#include <stdlib.h>

enum block_type { BLOCK_INTERFACE = 1, BLOCK_PACKET = 2, BLOCK_SIMPLE = 3, BLOCK_ENHANCED = 6 };

#define BLOCK_SECTION  UINT32_C(0x0a0d0d0a) /* the same in either byte order */
#define ORDER_MAGIC    UINT32_C(0x1a2b3c4d)
#define BLOCK_MAX      (UINT32_C(16) << 20) /* of a block that is read, not skipped */
#define INTERFACES_MAX UINT32_C(65536)      /* in a section */

#define OPTION_TSRESOL  9
#define OPTION_TSOFFSET 14
#define TSRESOL_DEFAULT 6

enum block_status {
    BLOCK_FRAME, /* it held a frame */
    BLOCK_OTHER, /* it was read or skipped */
    BLOCK_STOP,  /* it could not be read: block.stop, and block.err where that is SOURCE_BROKEN */
};

struct block {
    uint32_t type, len; /* len: with both length fields and the type */
    uint64_t offset;
    const uint8_t *at;
    enum source_status stop;
    struct error *err;
};

bool pcapng_is(const uint8_t magic[static 4])
{
    return host32(magic, false) == BLOCK_SECTION;
}

void pcapng_release(struct pcapng *f)
{
    free(f->interfaces);
    *f = (struct pcapng){0};
}

static enum block_status damaged(struct block *b, const char *why)
{
    error_set(b->err, "is damaged: the block of type 0x%08" PRIx32 " at offset %" PRIu64 " %s", b->type, b->offset,
              why);
    b->stop = SOURCE_BROKEN;
    return BLOCK_STOP;
}

static enum block_status stopped(struct block *b, const struct window *in, enum window_status s)
{
    b->stop = window_stop(in, s, "block", b->offset, b->err);
    return BLOCK_STOP;
}

/* 10^-n or, with the top bit set, 2^-n seconds; false where 64 bits cannot count that. */
static bool set_resolution(struct interface *i, uint8_t resolution)
{
    i->bits = resolution & 0x7f;
    i->per_second = 0;
    if (resolution & 0x80)
        return i->bits < 64;
    if (resolution > 19)
        return false;
    i->per_second = 1;
    for (unsigned n = resolution; n; n--)
        i->per_second *= 10;
    return true;
}

/* Where a unit is so many whole nanoseconds, nearly all times need one multiplication: pcapng_usual(). */
static void set_plain(struct interface *i)
{
    i->plain = 0;
    if (i->offset || !i->per_second || i->per_second > (uint64_t)CLOCK_S)
        return;
    i->unit = (uint32_t)((uint64_t)CLOCK_S / i->per_second);
    i->plain = (uint64_t)(WHEN_MAX / CLOCK_S) * i->per_second;
}

static int64_t when(const struct interface *i, uint64_t units)
{
    uint64_t seconds, ns;
    if (i->per_second) {
        seconds = units / i->per_second;
        ns = units % i->per_second;
        if (i->per_second > (uint64_t)CLOCK_S)
            ns /= i->per_second / (uint64_t)CLOCK_S;
        else
            ns *= (uint64_t)CLOCK_S / i->per_second;
    } else {
        unsigned bits = i->bits;
        seconds = units >> bits;
        ns = units - (seconds << bits);
        if (bits > 32) { /* what is beyond 2^-32 s is less than a nanosecond */
            ns >>= bits - 32;
            bits = 32;
        }
        ns = ns * (uint64_t)CLOCK_S >> bits;
    }
    int64_t sum;
    if (seconds > INT64_MAX || __builtin_add_overflow((int64_t)seconds, i->offset, &sum))
        return WHEN_MAX;
    if (sum < 0)
        return 0;
    return sum >= WHEN_MAX / CLOCK_S ? WHEN_MAX : sum * CLOCK_S + (int64_t)ns;
}

/* The options of an interface description that matter; false where one makes no sense. */
static bool read_options(struct interface *i, const uint8_t *at, size_t left, bool swapped)
{
    while (left >= 4) {
        uint16_t code = host16(at, swapped), len = host16(at + 2, swapped);
        size_t padded = 4 + (((size_t)len + 3) & ~(size_t)3);
        if (!code)
            return true;
        if (padded > left)
            return false;
        if (code == OPTION_TSRESOL && len == 1 && !set_resolution(i, at[4]))
            return false;
        if (code == OPTION_TSOFFSET && len == 8)
            i->offset = (int64_t)host64(at + 4, swapped);
        at += padded;
        left -= padded;
    }
    return true;
}

static enum block_status read_interface(struct pcapng *f, struct block *b)
{
    if (b->len < 20)
        return damaged(b, "is too short for an interface description");
    if (f->interface_count == INTERFACES_MAX)
        return damaged(b, "is one interface too many");
    struct interface i = {.link = host16(b->at + 8, f->swapped), .snaplen = host32(b->at + 12, f->swapped)};
    set_resolution(&i, TSRESOL_DEFAULT);
    if (!read_options(&i, b->at + 16, b->len - 20, f->swapped))
        return damaged(b, "has an option longer than itself, or a time resolution that 64 bits cannot count");
    set_plain(&i);
    if (f->interface_count == f->interface_cap) {
        f->interface_cap = f->interface_cap ? f->interface_cap * 2 : 4;
        f->interfaces = memory_resize(f->interfaces, f->interface_cap * sizeof *f->interfaces);
    }
    f->interfaces[f->interface_count++] = i;
    return BLOCK_OTHER;
}

static enum block_status read_section(struct pcapng *f, struct block *b)
{
    if (b->len < 28)
        return damaged(b, "is too short for a section header");
    if (host16(b->at + 12, f->swapped) != 1)
        return damaged(b, "begins a section of another pcapng version than 1");
    uint64_t before = (uint64_t)f->interfaces_before + f->interface_count;
    f->interfaces_before = before > UINT32_MAX - INTERFACES_MAX ? 0 : (uint32_t)before;
    f->interface_count = 0;
    f->in_section = true;
    return BLOCK_OTHER;
}

/* Fills the frame from a packet block: `head` octets, of the block and before the frame, are known to be there. */
static enum block_status give(struct pcapng *f, struct block *b, uint32_t iface, uint32_t head, uint32_t len,
                              uint32_t wire, struct frame *frame)
{
    if (iface >= f->interface_count)
        return damaged(b, "is of an interface that was not described");
    const struct interface *i = &f->interfaces[iface];
    if (len > b->len - head - 4)
        return damaged(b, "claims a frame longer than itself");
    if (len > FRAME_MAX)
        return damaged(b, "claims a frame of more than 262144 octets");
    if (b->type != BLOCK_SIMPLE) {
        uint64_t units = (uint64_t)host32(b->at + 12, f->swapped) << 32 | host32(b->at + 16, f->swapped);
        f->last = when(i, units);
    }
    *frame = (struct frame){
        .when = f->last,
        .data = {b->at + head, len},
        .wire = wire > len ? wire : len,
        .link = i->link,
        .iface = f->interfaces_before + iface,
    };
    return BLOCK_FRAME;
}

static enum block_status read_packet(struct pcapng *f, struct block *b, struct frame *frame)
{
    if (b->type == BLOCK_SIMPLE) {
        if (b->len < 16 || !f->interface_count)
            return damaged(b, "is a simple packet block without its length or interface");
        uint32_t wire = host32(b->at + 8, f->swapped), len = wire, snaplen = f->interfaces[0].snaplen;
        if (snaplen && len > snaplen)
            len = snaplen;
        return give(f, b, 0, 12, len, wire, frame);
    }
    if (b->len < 32)
        return damaged(b, "is too short for a packet block");
    uint32_t iface = b->type == BLOCK_PACKET ? host16(b->at + 8, f->swapped) : host32(b->at + 8, f->swapped);
    return give(f, b, iface, 28, host32(b->at + 20, f->swapped), host32(b->at + 24, f->swapped), frame);
}

static bool is_read(uint32_t type)
{
    return type == BLOCK_SECTION || type == BLOCK_INTERFACE || type == BLOCK_PACKET || type == BLOCK_SIMPLE ||
           type == BLOCK_ENHANCED;
}

/* Looks at the next block's type and length, which in a section header has the byte order that it brings itself. */
static enum block_status peek(struct pcapng *f, struct window *in, struct block *b)
{
    b->offset = window_offset(in);
    enum window_status s = window_want(in, 12);
    if (s != WINDOW_READY)
        return stopped(b, in, s);
    b->at = window_at(in);
    b->type = host32(b->at, f->swapped);
    if (b->type == BLOCK_SECTION) {
        if (host32(b->at + 8, false) != ORDER_MAGIC && host32(b->at + 8, true) != ORDER_MAGIC)
            return damaged(b, "has no byte-order magic");
        f->swapped = host32(b->at + 8, false) != ORDER_MAGIC;
    } else if (!f->in_section) {
        return damaged(b, "stands before any section header");
    }
    b->len = host32(b->at + 4, f->swapped);
    if (b->len < 12 || b->len % 4)
        return damaged(b, "has an impossible length");
    return BLOCK_OTHER;
}

/* Reads the block that peek() looked at. Nothing is taken from the window when it stops, so that it can be resumed. */
static enum block_status read_block(struct pcapng *f, struct window *in, struct block *b, struct frame *frame)
{
    if (!is_read(b->type)) {
        window_skip(in, b->len);
        return BLOCK_OTHER;
    }
    if (b->len > BLOCK_MAX)
        return damaged(b, "claims to be longer than 16 MiB");
    enum window_status s = window_want(in, b->len);
    if (s != WINDOW_READY)
        return stopped(b, in, s);
    b->at = window_at(in);
    if (host32(b->at + b->len - 4, f->swapped) != b->len)
        return damaged(b, "ends with another length than it begins with");
    enum block_status status;
    if (b->type == BLOCK_SECTION)
        status = read_section(f, b);
    else if (b->type == BLOCK_INTERFACE)
        status = read_interface(f, b);
    else
        status = read_packet(f, b, frame);
    if (status != BLOCK_STOP)
        window_take(in, b->len);
    return status;
}

bool pcapng_usual(struct pcapng *f, struct window *in, struct frame *frame)
{
    size_t here = in->to - in->from;
    const uint8_t *at = window_at(in);
    if (here < 32 || f->swapped || host32(at, false) != BLOCK_ENHANCED)
        return false;
    uint32_t len = host32(at + 4, false), iface = host32(at + 8, false), captured = host32(at + 20, false),
             wire = host32(at + 24, false);
    if (len > here || len < 32 || len % 4 || iface >= f->interface_count || captured > len - 32 ||
        captured > FRAME_MAX || host32(at + len - 4, false) != len)
        return false;
    const struct interface *i = &f->interfaces[iface];
    uint64_t units = (uint64_t)host32(at + 12, false) << 32 | host32(at + 16, false);
    if (units >= i->plain)
        return false;
    f->last = (int64_t)(units * i->unit);
    *frame = (struct frame){
        .when = f->last,
        .data = {at + 28, captured},
        .wire = wire > captured ? wire : captured,
        .link = i->link,
        .iface = f->interfaces_before + iface,
    };
    window_take(in, len);
    return true;
}

enum source_status pcapng_next(struct pcapng *f, struct window *in, struct frame *frame, struct error *err)
{
    struct block b = {.err = err};
    enum block_status status;
    do {
        status = peek(f, in, &b);
        if (status != BLOCK_STOP)
            status = read_block(f, in, &b, frame);
    } while (status == BLOCK_OTHER);
    return status == BLOCK_FRAME ? SOURCE_FRAME : b.stop;
}

void pcapng_open(struct pcapng *f, struct window *in)
{
    struct block b = {.err = NULL};
    struct frame frame;
    while (!f->interface_count && peek(f, in, &b) == BLOCK_OTHER) {
        bool packet = b.type == BLOCK_PACKET || b.type == BLOCK_SIMPLE || b.type == BLOCK_ENHANCED;
        if (packet || read_block(f, in, &b, &frame) == BLOCK_STOP)
            return;
    }
}
