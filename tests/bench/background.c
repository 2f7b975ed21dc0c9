/* Traffic that is no mail: the sizes of HTTPS, SSH, DNS and QUIC, the octets of a random pool. */
#include "mail.h"

#define DATAGRAM_MAX 1200

static struct bytes any(const struct pool *p, struct random *r, size_t len)
{
    size_t all = p->lines * 57, from;

    len = len < all ? len : all;
    from = random_below(r, all - len + 1);
    return bytes_of(p->binary + from, len);
}

static void datagrams(const struct pool *p, struct random *r, struct script *s)
{
    bool dns = random_below(r, 3) > 0;
    uint64_t answers = dns ? 1 : random_between(r, 20, 400);

    script_init(s, NULL, dns ? 53 : 443);
    s->udp = true;
    script_turn(s, CLIENT, 0);
    script_say_shared(s, any(p, r, dns ? random_between(r, 30, 60) : DATAGRAM_MAX));
    for (uint64_t i = 0; i < answers; i++) {
        script_turn(s, SERVER, dns ? 2000 : 100);
        script_say_shared(s, any(p, r, dns ? random_between(r, 60, 400) : DATAGRAM_MAX));
    }
}

/* Records of TLS, as far as their heads go (RFC 8446 section 5.1). */
static void say_record(const struct pool *p, struct random *r, struct script *s, uint8_t type, size_t len)
{
    uint8_t head[5] = {type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};

    script_say_octets(s, bytes_of(head, sizeof(head)));
    script_say_shared(s, any(p, r, len));
}

void background(const struct pool *p, struct random *r, struct script *s)
{
    uint64_t exchanges;

    if (random_below(r, 4) == 0) {
        datagrams(p, r, s);
        return;
    }
    script_init(s, NULL, random_below(r, 12) == 0 ? 22 : random_below(r, 8) == 0 ? 80 : 443);
    script_turn(s, CLIENT, 1000);
    say_record(p, r, s, 22, 512);
    script_turn(s, SERVER, 3000);
    say_record(p, r, s, 22, 3000);
    exchanges = random_between(r, 1, 12);
    for (uint64_t i = 0; i < exchanges; i++) {
        size_t left = random_size(r, 400, 1500000);

        script_turn(s, CLIENT, (int64_t)random_size(r, 500, 200000));
        say_record(p, r, s, 23, random_between(r, 200, 900));
        script_turn(s, SERVER, (int64_t)random_size(r, 500, 50000));
        for (size_t n; left > 0; left -= n) {
            n = left < 16000 ? left : 16000;
            say_record(p, r, s, 23, n);
        }
    }
}
