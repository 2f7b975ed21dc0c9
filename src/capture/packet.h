/* One captured frame, and what decoding found in it. */
#ifndef MAILTAP_CAPTURE_PACKET_H
#define MAILTAP_CAPTURE_PACKET_H

#include "base/bytes.h"

struct frame {
    uint64_t number; /* from 1, over all files */
    int64_t when;    /* capture time, ns, from 0 to below 2^62 */
    struct bytes data;
    uint32_t wire;  /* length on the wire; data.len is less where the snap length cut it */
    uint16_t link;  /* LINKTYPE_ value, as in the file (tcpdump.org/linktypes.html) */
    uint32_t iface; /* number of the pcapng interface block, from 0, over all sections of the file; else 0 */
};

struct address { /* IPv4 in the first four octets, the rest zero */
    uint8_t octets[16];
};

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

#define PACKET_VLANS  4
#define PACKET_ENCAPS 8

enum encap {
    ENCAP_VLAN,
    ENCAP_MPLS,
    ENCAP_PPPOE,
    ENCAP_PPP,
    ENCAP_GRE,
    ENCAP_ERSPAN,
    ENCAP_4IN4,
    ENCAP_6IN4,
    ENCAP_4IN6,
    ENCAP_6IN6,
    ENCAP_VXLAN,
    ENCAP_GENEVE,
    ENCAP_GTP,
    ENCAP_TEREDO
}; /* outermost first in the packet; names in encap_name() */

struct packet { /* a TCP segment */
    uint64_t frame;
    int64_t when;
    struct address src, dst; /* innermost */
    uint8_t ip_version;      /* 4 or 6 */
    uint8_t tcp_flags;       /* TCP_... */
    uint16_t sport, dport;   /* host order, as all numbers here */
    uint32_t seq, ack;
    uint16_t window;
    uint16_t ip_id;        /* IPv4; 0 for IPv6 */
    uint16_t tcp_sum;      /* as sent; with ip_id and seq it tells a packet captured twice from one sent twice */
    bool fragment_overlap; /* it was put together from fragments that overlapped with other content */
    struct bytes payload;  /* what was captured of it */
    uint32_t payload_wire; /* what was sent of it: payload.len or, cut by the snap length, more */
    uint16_t vlans[PACKET_VLANS];
    uint8_t vlan_count;
    uint8_t encaps[PACKET_ENCAPS]; /* the outermost ones, if there are more */
    uint8_t encap_count;
    uint8_t src_mac[6], dst_mac[6]; /* of the innermost Ethernet frame */
    bool has_mac;
    uint32_t iface;
};

#endif
