#include "pcapng_write.h"

enum { BLOCK_INTERFACE = 1, BLOCK_ENHANCED = 6 };

#define BLOCK_SECTION UINT32_C(0x0a0d0d0a)
#define ORDER_MAGIC   UINT32_C(0x1a2b3c4d)
#define ANY_LENGTH    UINT64_MAX

enum { OPTION_COMMENT = 1, OPTION_NAME = 2, OPTION_APPLICATION = 4, OPTION_TSRESOL = 9 };
enum { TSRESOL_NS = 9, OPTION_MOST = UINT16_MAX };

static void put(struct buf *out, uint64_t value, unsigned octets)
{
    uint8_t text[8];
    for (unsigned i = 0; i < octets; i++, value >>= 8)
        text[i] = (uint8_t)value;
    buf_add(out, bytes_of(text, octets));
}

static void pad(struct buf *out, size_t len)
{
    put(out, 0, (unsigned)(-len & 3));
}

/* A block's length stands in front and at its end: begin() leaves room for the first, end() writes both. */
static size_t begin(struct buf *out, uint32_t type)
{
    size_t at = out->len;
    put(out, type, 4);
    put(out, 0, 4);
    return at;
}

static void end(struct buf *out, size_t at)
{
    put(out, out->len + 4 - at, 4);
    if (!out->cut)
        memcpy(out->data + at + 4, out->data + out->len - 4, 4);
}

static void option(struct buf *out, uint16_t code, struct bytes value)
{
    value = bytes_part(value, 0, OPTION_MOST);
    put(out, code, 2);
    put(out, value.len, 2);
    buf_add(out, value);
    pad(out, value.len);
}

static void end_options(struct buf *out)
{
    put(out, 0, 4);
}

void pcapng_write_section(struct buf *out, const char *application)
{
    size_t at = begin(out, BLOCK_SECTION);
    put(out, ORDER_MAGIC, 4);
    put(out, 1, 2);
    put(out, 0, 2);
    put(out, ANY_LENGTH, 8);
    option(out, OPTION_APPLICATION, bytes_of_string(application));
    end_options(out);
    end(out, at);
}

void pcapng_write_interface(struct buf *out, uint16_t link, const char *name)
{
    const uint8_t resolution = TSRESOL_NS;
    size_t at = begin(out, BLOCK_INTERFACE);
    put(out, link, 2);
    put(out, 0, 2);
    put(out, 0, 4); /* no snap length: each frame says what was captured of it */
    if (name)
        option(out, OPTION_NAME, bytes_of_string(name));
    option(out, OPTION_TSRESOL, bytes_of(&resolution, 1));
    end_options(out);
    end(out, at);
}

void pcapng_write_frame(struct buf *out, const struct frame *frame, uint32_t interface, const char *comment)
{
    uint64_t when = (uint64_t)frame->when;
    size_t at = begin(out, BLOCK_ENHANCED);
    put(out, interface, 4);
    put(out, when >> 32, 4);
    put(out, when, 4);
    put(out, frame->data.len, 4);
    put(out, frame->wire > frame->data.len ? frame->wire : frame->data.len, 4);
    buf_add(out, frame->data);
    pad(out, frame->data.len);
    if (comment) {
        option(out, OPTION_COMMENT, bytes_of_string(comment));
        end_options(out);
    }
    end(out, at);
}
