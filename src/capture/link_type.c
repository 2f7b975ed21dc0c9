/* libpcap's numbers differ from those in files where systems disagreed about them; the rest are the same. */
#include "link_type.h"

#include <pcap/pcap.h>
#include <stddef.h>

static const struct {
    uint16_t link;
    int dlt;
} differing[] = {
    {LINK_RAW, DLT_RAW},  {LINK_RAW_14, DLT_RAW},    {100, DLT_ATM_RFC1483}, {102, DLT_SLIP_BSDOS},
    {103, DLT_PPP_BSDOS}, {LINK_C_HDLC, DLT_C_HDLC}, {106, DLT_ATM_CLIP},    {LINK_LOOP, DLT_LOOP},
};

int link_to_dlt(uint16_t link)
{
    for (size_t i = 0; i < sizeof differing / sizeof *differing; i++)
        if (differing[i].link == link)
            return differing[i].dlt;
    return link;
}

uint16_t link_of_dlt(int dlt)
{
    for (size_t i = 0; i < sizeof differing / sizeof *differing; i++)
        if (differing[i].dlt == dlt)
            return differing[i].link;
    return (uint16_t)dlt;
}
