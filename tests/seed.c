/* Dialogues as fuzz input (see seed.h). */
#include "seed.h"
#include "fuzz/turns.h"

/* What one side has sent and acknowledged so far. */
struct progress {
    uint32_t next, acked;
    bool known;
};

static void put_turn(FILE *f, unsigned how, struct bytes octets)
{
    putc((int)how, f);
    putc((int)(octets.len & 0xff), f);
    putc((int)(octets.len >> 8 & 0xff), f);
    fwrite(octets.data, 1, octets.len, f);
}

/* What is missing before a segment, as a turn that is not captured. */
static void put_gap(FILE *f, unsigned how, size_t len)
{
    static const uint8_t blank[256];

    for (size_t n; len > 0; len -= n) {
        n = len < sizeof(blank) ? len : sizeof(blank);
        put_turn(f, how | TURN_LOST, bytes_of(blank, n));
    }
}

static void put_packet(FILE *f, const struct dialogue_file *d, const struct packet *p, struct progress sides[static 2])
{
    bool server = p->sport == d->port;
    struct progress *me = sides + server;
    unsigned how = server ? TURN_SERVER : 0;
    uint32_t gap = p->seq - me->next;

    if (p->tcp_flags & TCP_SYN) {
        *me = (struct progress){p->seq + 1, p->ack, true};
        return;
    }
    if (p->payload.len == 0 && !(p->tcp_flags & (TCP_FIN | TCP_RST)))
        return;
    if (me->known && gap > 0 && gap < 100000)
        put_gap(f, how | (p->ack == me->acked ? TURN_CROSSES : 0), gap);
    if (me->known && p->ack == me->acked)
        how |= TURN_CROSSES;
    if (me->known && gap > UINT32_MAX - 9)
        how |= TURN_OVERLAPS;
    if (p->tcp_flags & TCP_FIN)
        how |= TURN_FIN;
    if (p->tcp_flags & TCP_RST)
        how |= TURN_RST;
    put_turn(f, how, p->payload);
    *me = (struct progress){p->seq + (uint32_t)p->payload.len + ((p->tcp_flags & TCP_FIN) != 0), p->ack, true};
}

bool seed_save(const struct dialogue_file *d, const struct trace *t, const char *path, struct error *err)
{
    struct progress sides[2] = {{0}};
    unsigned mode = 0;
    FILE *f = fopen(path, "wb");

    if (!f)
        return error_set(err, "cannot write \"%s\"", path);
    if (d->midstream)
        mode |= TURNS_MIDSTREAM;
    if (d->acks == ACKS_NONE)
        mode |= TURNS_NO_ACKS;
    if (d->acks == ACKS_ZERO)
        mode |= TURNS_ZERO_ACKS;
    if (d->ipv6)
        mode |= TURNS_IPV6;
    putc((int)mode, f);
    for (size_t i = 0; i < t->count; i++)
        put_packet(f, d, &t->segments[i].packet, sides);
    return fclose(f) == 0 || error_set(err, "cannot write \"%s\"", path);
}
