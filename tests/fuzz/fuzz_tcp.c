/* Segments as nobody would send them: sequence, acknowledgment, flags and time from the input, of two conversations.
   For each segment eight octets (flags; who and how; sequence; acknowledgment; time), then its payload. */
#include "base/clock.h"
#include "drain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    FROM_SERVER = 1,
    OTHER_PORT = 2,
    FAR_SEQ = 4,
    FAR_ACK = 8,
    BACK_IN_TIME = 16,
    SNAPPED = 32,
    LONG = 64,
    TICK = 128
};

#define HEAD 8

static int16_t signed16(const uint8_t *at)
{
    return (int16_t)(uint16_t)(at[0] | at[1] << 8);
}

/* Near: a signed distance from the side's first sequence number; far: anywhere in the 32 bits. */
static uint32_t sequence(uint32_t base, int16_t distance, bool far)
{
    uint32_t by = (uint32_t)(int32_t)distance;

    return base + (far ? by << 16 : by);
}

static int64_t later(int64_t now, const uint8_t *head)
{
    int64_t by = (int64_t)head[6] * head[6] * CLOCK_MS;

    return (head[1] & BACK_IN_TIME) ? now - by : now + by;
}

static struct packet packet_of(const uint8_t *head, int64_t now, struct bytes payload)
{
    static const uint32_t bases[2] = {UINT32_MAX - 300, 1000}; /* one side wraps */
    unsigned how = head[1];
    bool server = (how & FROM_SERVER) != 0;
    uint16_t port = (how & OTHER_PORT) ? 40001 : 40000;
    struct packet p = {.when = now, .ip_version = 4, .window = 1000, .payload = payload};

    p.tcp_flags = head[0] & 0x3f;
    p.src.octets[0] = p.dst.octets[0] = 10;
    p.src.octets[3] = server ? 2 : 1;
    p.dst.octets[3] = server ? 1 : 2;
    p.sport = server ? 25 : port;
    p.dport = server ? port : 25;
    p.seq = sequence(bases[server], signed16(head + 2), (how & FAR_SEQ) != 0);
    p.ack = sequence(bases[!server], signed16(head + 4), (how & FAR_ACK) != 0);
    p.payload_wire = (uint32_t)payload.len + ((how & SNAPPED) ? 100 : 0);
    p.ip_id = p.tcp_sum = head[7] >> 4;
    return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t now = INT64_C(1767225600) * CLOCK_S;
    struct drain *drain;
    size_t at = 1;

    if (size == 0)
        return 0;
    drain = drain_new((data[0] & 1) != 0, NULL);
    for (uint64_t frame = 1; size - at >= HEAD; frame++) {
        const uint8_t *head = data + at;
        size_t len = (head[1] & LONG) ? (size_t)head[7] * 8 : head[7] & 0x0f, left = size - at - HEAD;
        struct packet p;

        if (len > left)
            len = left;
        now = later(now, head);
        p = packet_of(head, now, bytes_of(head + HEAD, len));
        p.frame = frame;
        if (head[1] & TICK)
            drain_tick(drain, now);
        drain_packet(drain, &p);
        at += HEAD + len;
    }
    drain_free(drain);
    return 0;
}
