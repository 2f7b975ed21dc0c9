#include "host.h"

#include <arpa/inet.h>

static bool is_v4(const struct host *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return !memcmp(a->octets, mapped, sizeof mapped);
}

bool host_parse(struct bytes text, struct host *ret)
{
    char copy[HOST_TEXT_SIZE];
    if (!text.len || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    *ret = (struct host){.octets = {[10] = 0xff, [11] = 0xff}};
    return inet_pton(AF_INET, copy, ret->octets + 12) == 1 || inet_pton(AF_INET6, copy, ret->octets) == 1;
}

void host_format(const struct host *a, char text[static HOST_TEXT_SIZE])
{
    if (is_v4(a))
        inet_ntop(AF_INET, a->octets + 12, text, HOST_TEXT_SIZE);
    else
        inet_ntop(AF_INET6, a->octets, text, HOST_TEXT_SIZE);
}

bool network_parse(struct bytes text, struct network *ret)
{
    size_t slash = bytes_index(text, '/');
    struct bytes rest = bytes_part(text, slash + 1, text.len);
    uint64_t bits;
    if (!host_parse(bytes_part(text, 0, slash), &ret->address))
        return false;
    unsigned before = is_v4(&ret->address) ? 96 : 0;
    if (slash == text.len)
        bits = 128 - before;
    else if (!bytes_number(&rest, &bits) || rest.len || bits > 128 - before)
        return false;
    ret->bits = before + (unsigned)bits;
    return true;
}

bool network_holds(const struct network *n, const struct host *a)
{
    unsigned whole = n->bits / 8, left = n->bits % 8;
    if (memcmp(n->address.octets, a->octets, whole) != 0)
        return false;
    return !left || ((n->address.octets[whole] ^ a->octets[whole]) & 0xff & (0xff00u >> left)) == 0;
}

struct host host_site(const struct host *a)
{
    struct host site = *a;
    unsigned kept = is_v4(a) ? 15 : 8;
    memset(site.octets + kept, 0, sizeof site.octets - kept);
    return site;
}

bool host_is_private(const struct host *a)
{
    const uint8_t *o = a->octets;
    if (is_v4(a)) {
        o += 12;
        return o[0] == 10 || o[0] == 127 || (o[0] == 172 && (o[1] & 0xf0) == 16) || (o[0] == 192 && o[1] == 168) ||
               (o[0] == 169 && o[1] == 254) || (o[0] == 100 && (o[1] & 0xc0) == 64);
    }
    static const uint8_t loopback[16] = {[15] = 1};
    return (o[0] & 0xfe) == 0xfc || (o[0] == 0xfe && (o[1] & 0xc0) == 0x80) || !memcmp(o, loopback, sizeof loopback);
}

bool host_is_loopback(const struct host *a)
{
    static const uint8_t v6[16] = {[15] = 1};
    return is_v4(a) ? a->octets[12] == 127 : !memcmp(a->octets, v6, sizeof v6);
}

bool host_near(const struct host *a, const struct host *b)
{
    struct host x = host_site(a), y = host_site(b);
    return host_equal(&x, &y) || (host_is_private(a) && host_is_private(b));
}
