/* Link types: the numbers in files, and libpcap's own where they differ. */
#ifndef MAILTAP_CAPTURE_LINK_TYPE_H
#define MAILTAP_CAPTURE_LINK_TYPE_H

#include <stdint.h>

/* tcpdump.org/linktypes.html. 12 and 14 are what some systems wrote for raw IP before it had a number of its own. */
enum link_type {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_RAW_12 = 12,
    LINK_RAW_14 = 14,
    LINK_PPP_HDLC = 50,
    LINK_PPP_ETHER = 51,
    LINK_RAW = 101,
    LINK_C_HDLC = 104,
    LINK_LOOP = 108,
    LINK_LINUX_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_LINUX_SLL2 = 276
};

/* libpcap's number (DLT_) on this system. */
int link_to_dlt(uint16_t link);
uint16_t link_of_dlt(int dlt);

#endif
