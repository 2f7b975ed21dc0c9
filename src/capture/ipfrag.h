/* IP fragments put together: IPv4 (RFC 791, 3.2) and IPv6 (RFC 8200, 4.5). Inside the layer. */
#ifndef MAILTAP_CAPTURE_IPFRAG_H
#define MAILTAP_CAPTURE_IPFRAG_H

#include "base/limits.h"
#include "capture/decode.h"

struct fragment {
    struct address src, dst;
    uint8_t ip_version;
    uint8_t protocol; /* IPv6: the fragment header's next header, which counts in the first fragment only */
    uint32_t id;
    uint32_t offset; /* octets */
    bool more;
    /* Where to count, when its content shows that the datagram is not worth the memory: the others are not kept either.
     */
    uint64_t *unwanted;
    struct bytes data;
    uint32_t wire; /* octets that were sent; data.len or, cut by the snap length, more */
    int64_t when;
};

struct datagram {
    struct bytes data; /* up to the first octet that was not captured; lives until the next ipfrag_add() */
    uint32_t wire;
    uint8_t protocol;
    bool overlap; /* of fragments with other content */
};

struct ipfrag;
struct keeper;

/* Holds at most limits.fragments octets, its own included, and a datagram limits.fragment_age seconds of capture time.
   Counts into *counts. */
struct ipfrag *ipfrag_new(const struct limits *limits, struct decode_counts *counts);
void ipfrag_free(struct ipfrag *f);

/* From now on the frames of fragments are held there too; it outlives this. */
void ipfrag_keep(struct ipfrag *f, struct keeper *keeper);

/* True: the fragment completed *ret. The fragment's octets are copied. Those of an unwanted datagram, from the one on
   that shows it, count where that one says. */
bool ipfrag_add(struct ipfrag *f, const struct fragment *fragment, struct datagram *ret);

#endif
