/* Frames through the decoder. Input: the link type in two octets, its highest bit to
   follow some ports only; then for each frame two octets of its length, one of
   what the snap length cut off, one of the time since the frame before, and the frame. */
#include "base/clock.h"
#include "capture/decode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct packet *p, const struct frame *frame)
{
    if (p->payload.len > p->payload_wire || p->encap_count > PACKET_ENCAPS || p->vlan_count > PACKET_VLANS)
        abort();
    if ((p->ip_version != 4 && p->ip_version != 6) || p->frame != frame->number)
        abort();
    volatile uint64_t octets = 0; /* all of it can be read */
    for (size_t i = 0; i < p->payload.len; i++)
        octets += p->payload.data[i];
    (void)octets;
    char text[ADDRESS_TEXT_SIZE];
    address_format(&p->src, p->ip_version, text);
}

/* The frames of a packet: each once, older ones first open and then settled, this one the last. */
static void check_kept(struct keeper *k, const struct frame *frame)
{
    struct kept *list = keeper_take(k), *last = list;
    for (; last->next; last = last->next)
        if (last->frame.number >= frame->number)
            abort();
    if (last->frame.number != frame->number || !bytes_equal(last->frame.data, frame->data))
        abort();
    if (keeper_settled(k) == 0 || (keeper_settled(k) >= frame->number && keeper_settled(k) != UINT64_MAX))
        abort();
    kept_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    static const uint16_t ports[] = {25, 143, 0};
    struct limits limits;
    limits_init(&limits);
    limits.fragments = 65536;
    struct decoder *d = decoder_new(&limits);
    struct keeper *keeper = data[1] & 0x80 ? NULL : decoder_keep(d, 4096);
    if (data[0] & 0x80)
        decoder_follow(d, ports);
    struct frame frame = {.link = (uint16_t)((data[0] & 0x7f) << 8 | data[1])};
    size_t at = 2;
    while (size - at >= 4) {
        size_t len = (size_t)(data[at] << 8 | data[at + 1]);
        frame.when += data[at + 3] * (CLOCK_S / 4);
        uint32_t cut = data[at + 2];
        at += 4;
        if (len > size - at)
            len = size - at;
        uint8_t *copy = malloc(len ? len : 1); /* of just that size, so that a read beyond it is found */
        if (!copy)
            abort();
        memcpy(copy, data + at, len);
        frame.number++;
        frame.data = (struct bytes){copy, len};
        frame.wire = (uint32_t)len + cut;
        struct packet packet;
        bool skipped = decoder_skips(d, &frame);
        if (decode(d, &frame, &packet)) {
            if (skipped)
                abort();
            check(&packet, &frame);
            if (keeper)
                check_kept(keeper, &frame);
        }
        free(copy);
        at += len;
    }
    decoder_free(d);
    return 0;
}
