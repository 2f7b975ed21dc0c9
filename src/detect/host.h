/* IP addresses and networks as detectors compare them: IPv4 in its mapped form (RFC 4291 section 2.5.5.2). */
#ifndef MAILTAP_DETECT_HOST_H
#define MAILTAP_DETECT_HOST_H

#include "base/bytes.h"

struct host {
    uint8_t octets[16];
};

struct network {
    struct host address;
    unsigned bits; /* of the mapped form */
};

#define HOST_TEXT_SIZE 46

/* False where the text is no address. */
bool host_parse(struct bytes text, struct host *ret);
void host_format(const struct host *a, char text[static HOST_TEXT_SIZE]);

/* "192.0.2.0/24", "2001:db8::/32" or an address alone. */
bool network_parse(struct bytes text, struct network *ret);
bool network_holds(const struct network *n, const struct host *a);

/* The /24 or /64 it stands in: who may change the rest at will is one and the same. */
struct host host_site(const struct host *a);

/* Never routed on the Internet: private, unique local, link-local, loopback (RFC 6890). Documentation networks are
   taken as routed. */
bool host_is_private(const struct host *a);

/* Of a host itself: 127.0.0.0/8, ::1. */
bool host_is_loopback(const struct host *a);

/* Of one site, or both private: such hosts trust each other where nobody told us otherwise. */
bool host_near(const struct host *a, const struct host *b);

static inline bool host_equal(const struct host *a, const struct host *b)
{
    return !memcmp(a, b, sizeof *a);
}

#endif
