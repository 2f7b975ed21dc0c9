/* Decoding: every link layer, tag and label in front of one and the same segment; headers that are cut, bad or not for
   us; and what is counted. */
#include "base/buf.h"
#include "base/clock.h"
#include "capture/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MACS    "020000000002 020000000001 "
#define PAYLOAD "QUIT\r\n"

/* 192.0.2.1 port 50000 to 198.51.100.25 port 25, identification 0x1234, six octets */
#define IPV4 "4500002e 12344000 40060000 c0000201 c6336419 "
/* 2001:db8::1 to 2001:db8::19 */
#define IPV6_ADDRESSES "20010db8000000000000000000000001 20010db8000000000000000000000019 "
#define IPV6           "60000000 001a0640 " IPV6_ADDRESSES
#define TCP            "c3500019 01020304 05060708 5018faf0 abcd0000 "
#define QUIT           "515549540d0a "

/* What tunnels are built of: 203.0.113.1 to 203.0.113.2, without lengths, so that all that is there is meant. */
#define OUTER(protocol) "45000000 12344000 40" protocol "0000 cb007101 cb007102 "
#define OUTER6(next)    "60000000 0000" next "40 20010db8000000000000000000000101 20010db8000000000000000000000102 "
#define UDP(ports)      OUTER("11") ports "0000 0000 "
#define VXLAN(header)   UDP("c00012b5") header " "
#define GENEVE(header)  UDP("c00017c1") header " "
#define GTP(header)     UDP("08680868") header " "
#define TEREDO          UDP("c0000dd8")
/* 2001:0:102:304::1 to 2001:db8::19 */
#define IPV6_TEREDO "60000000 001a0640 20010000010203040000000000000001 20010db8000000000000000000000019 "

static void put_hex(struct buf *b, const char *hex)
{
    for (; *hex; hex++) {
        unsigned octet;
        if (*hex == ' ')
            continue;
        assert_int_equal(sscanf(hex, "%2x", &octet), 1);
        buf_add_byte(b, (uint8_t)octet);
        hex++;
    }
}

static struct decoder *fresh(void)
{
    struct limits limits;
    limits_init(&limits);
    return decoder_new(&limits);
}

/* Decodes a copy in memory of just that size, so that a read beyond it is found. */
static bool decode_part(struct decoder *d, uint16_t link, struct bytes whole, size_t captured, struct packet *p,
                        uint8_t **copy)
{
    struct frame frame = {.number = 7, .when = 5 * CLOCK_S, .wire = (uint32_t)whole.len, .link = link, .iface = 3};
    *copy = malloc(captured ? captured : 1);
    if (captured)
        memcpy(*copy, whole.data, captured);
    frame.data = (struct bytes){*copy, captured};
    return decode(d, &frame, p);
}

static uint64_t sum(const struct decode_counts *c)
{
    return c->not_ip + c->other_ports + c->not_tcp + c->tunnels_exceeded + c->unknown_link + c->too_deep +
           c->short_frame + c->cut_header + c->bad_ip + c->bad_tcp + c->bad_ip_checksum + c->bad_tcp_checksum;
}

static const struct {
    uint16_t link;
    const char *hex;
    uint8_t version;
    const char *encaps;
    uint16_t vlans[PACKET_VLANS];
} layers[] = {
    {1, MACS "0800" IPV4, 4, "", {0}},
    {1, MACS "86dd" IPV6, 6, "", {0}},
    {1, MACS "0034 aaaa03 000000 0800" IPV4, 4, "", {0}},
    {1, MACS "8100 6064 0800" IPV4, 4, "vlan", {100}},
    {1, MACS "88a8 0001 8100 0fff 86dd" IPV6, 6, "vlan vlan", {1, 4095}},
    {1,
     MACS "9100 0001 8100 0002 8100 0003 8100 0004 8100 0005 0800" IPV4,
     4,
     "vlan vlan vlan vlan vlan",
     {1, 2, 3, 4}},
    {1, MACS "8847 00010040 00020140" IPV4, 4, "mpls", {0}},
    {1, MACS "8100 000a 8848 00020140" IPV6, 6, "vlan mpls", {10}},
    {1, MACS "8864 1100 0001 0030 0021" IPV4, 4, "pppoe", {0}},
    {1, MACS "8864 1100 0001 0047 57" IPV6, 6, "pppoe", {0}},
    {1, MACS "8100 0007 8864 1100 0001 0030 0021" IPV4, 4, "vlan pppoe", {7}},
    {113, "0000 0001 0006 020000000001 0000 0800" IPV4, 4, "", {0}},
    {113, "0000 0001 0006 020000000001 0000 8100 0064 0800" IPV4, 4, "vlan", {100}},
    {113, "0000 0001 0006 020000000001 0000 0004 aaaa03 000000 86dd" IPV6, 6, "", {0}},
    {276, "86dd 0000 00000002 0001 00 06 020000000001 0000" IPV6, 6, "", {0}},
    {276, "88a8 0000 00000002 0001 00 06 020000000001 0000 0064 0800" IPV4, 4, "vlan", {100}},
    {101, IPV4, 4, "", {0}},
    {101, IPV6, 6, "", {0}},
    {12, IPV4, 4, "", {0}},
    {14, IPV6, 6, "", {0}},
    {228, IPV4, 4, "", {0}},
    {229, IPV6, 6, "", {0}},
    {0, "02000000" IPV4, 4, "", {0}},
    {0, "0000001c" IPV6, 6, "", {0}},
    {0, "18000000" IPV6, 6, "", {0}},
    {0, "1e000000" IPV6, 6, "", {0}},
    {108, "00000002" IPV4, 4, "", {0}},
    {9, "ff03 0021" IPV4, 4, "ppp", {0}},
    {9, "0057" IPV6, 6, "ppp", {0}},
    {9, "21" IPV4, 4, "ppp", {0}},
    {50, "ff03 0281 00020140" IPV4, 4, "ppp mpls", {0}},
    {50, "0f00 0800" IPV4, 4, "", {0}},
    {104, "8f00 86dd" IPV6, 6, "", {0}},
    {51, "1100 0001 0030 0021" IPV4, 4, "pppoe", {0}},
    /* IPv4 options; hop-by-hop, destination and routing headers; authentication in both */
    {101, "47000036 12344000 40060000 c0000201 c6336419 01010101 94040000", 4, "", {0}},
    {101, "60000000 00320040" IPV6_ADDRESSES "3c00 010400000000 2b00 010400000000 0600 010400000000", 6, "", {0}},
    {101, "60000000 00323340" IPV6_ADDRESSES "0604 0000 00000001 00000001 000000000000000000000000", 6, "", {0}},
    {101,
     "45000046 12344000 40330000 c0000201 c6336419 0604 0000 00000001 00000001 000000000000000000000000",
     4,
     "",
     {0}},
    /* GRE: without and with checksum, key, sequence number; bridged, MPLS; PPTP; in IPv6 */
    {101, OUTER("2f") "00000800" IPV4, 4, "gre", {0}},
    {101, OUTER("2f") "b00086dd abcd0000 00000007 00000009" IPV6, 6, "gre", {0}},
    {101, OUTER("2f") "20006558 00002a00" MACS "8100 0005 0800" IPV4, 4, "gre vlan", {5}},
    {101, OUTER("2f") "00008847 00020140" IPV6, 6, "gre mpls", {0}},
    {101, OUTER("2f") "3081880b 00320007 00000001 00000001 ff03 0021" IPV4, 4, "gre ppp", {0}},
    {101, OUTER("2f") "3001880b 002f0007 00000001 21" IPV4, 4, "gre ppp", {0}},
    {101, OUTER6("2f") "00000800" IPV4, 4, "gre", {0}},
    {101,
     OUTER6("00") "2f00 010400000000"
                  "00000800" IPV4,
     4,
     "gre",
     {0}},
    /* ERSPAN I, II, III; the last also with its platform's own words, and with IP in place of a frame */
    {101, OUTER("2f") "000088be" MACS "0800" IPV4, 4, "erspan", {0}},
    {101, OUTER("2f") "100088be 00000001 10010000 00000000" MACS "8100 0005 0800" IPV4, 4, "erspan vlan", {5}},
    {101, OUTER("2f") "100022eb 00000001 20010000 00000000 00000000" MACS "86dd" IPV6, 6, "erspan", {0}},
    {101,
     OUTER("2f") "100022eb 00000001 20010000 00000000 00000001 0000000000000000" MACS "0800" IPV4,
     4,
     "erspan",
     {0}},
    {101, OUTER("2f") "100022eb 00000001 20010000 00000000 00000800" IPV4, 4, "erspan", {0}},
    /* IP in IP, in each other */
    {101, OUTER("04") IPV4, 4, "ipip", {0}},
    {101, OUTER("29") IPV6, 6, "6in4", {0}},
    {101, OUTER6("04") IPV4, 4, "4in6", {0}},
    {101, OUTER6("29") IPV6, 6, "6in6", {0}},
    {101, OUTER("29") OUTER6("04") OUTER("04") OUTER("2f") "00000800" IPV4, 4, "6in4 4in6 ipip gre", {0}},
    /* UDP: VXLAN, with group policy, on the old port; Geneve with options; GTP-U; Teredo with indications */
    {101, VXLAN("08000000 00002a00") MACS "0800" IPV4, 4, "vxlan", {0}},
    {101, VXLAN("88400007 00002a00") MACS "88a8 0005 9200 0006 86dd" IPV6, 6, "vxlan vlan vlan", {5, 6}},
    {101, UDP("c0002118") "08000000 00002a00" MACS "0034 aaaa03 000000 0800" IPV4, 4, "vxlan", {0}},
    {101, OUTER6("11") "c00012b5 00000000 08000000 00002a00" MACS "0800" IPV4, 4, "vxlan", {0}},
    {101, GENEVE("00006558 00002a00") MACS "0800" IPV4, 4, "geneve", {0}},
    {101, GENEVE("03400800 00002a00 010280020102030405060708") IPV4, 4, "geneve", {0}},
    {101, GENEVE("000086dd 00002a00") IPV6, 6, "geneve", {0}},
    {101, GTP("30ff002e 00000001") IPV4, 4, "gtp", {0}},
    {101, GTP("32ff0046 00000001 00070000") IPV6, 6, "gtp", {0}},
    {101, GTP("34ff003a 00000001 00000085 011009c0 01000000") IPV4, 4, "gtp", {0}},
    {101, TEREDO IPV6_TEREDO, 6, "teredo", {0}},
    {101, UDP("0dd8c000") "0000 f0d0 34ff8efd" IPV6_TEREDO, 6, "teredo", {0}},
    {101, TEREDO "0001 0204 0102 01020304 0102030405060708 00 0000 f0d0 34ff8efd" IPV6_TEREDO, 6, "teredo", {0}},
    {1,
     MACS "8100 0001 0800" VXLAN("08000000 00002a00") MACS "8100 0002 0800" OUTER("2f") "00000800" IPV4,
     4,
     "vlan vxlan vlan gre",
     {1, 2}},
    /* a pseudowire with control word, without, and one whose frame looks like IP at first sight */
    {1, MACS "8847 00020140 00000007" MACS "0800" IPV4, 4, "mpls", {0}},
    {1, MACS "8847 00020140" MACS "8100 0005 86dd" IPV6, 6, "mpls vlan", {5}},
    {1, MACS "8847 00020140 420000000002 020000000001 0800" IPV4, 4, "mpls", {0}},
    /* a fragment header without fragments */
    {101, "60000000 00222c40" IPV6_ADDRESSES "0600 0000 00000001", 6, "", {0}},
    /* no length: segmentation is left to the network card */
    {101, "45000000 12344000 40060000 c0000201 c6336419", 4, "", {0}},
    {101, "60000000 00000640" IPV6_ADDRESSES, 6, "", {0}},
};

static void check_packet(size_t i, const struct packet *p)
{
    char src[ADDRESS_TEXT_SIZE], dst[ADDRESS_TEXT_SIZE], encaps[100] = "";
    assert_int_equal(p->ip_version, layers[i].version);
    address_format(&p->src, p->ip_version, src);
    address_format(&p->dst, p->ip_version, dst);
    assert_string_equal(src, p->ip_version == 4                    ? "192.0.2.1"
                             : !strcmp(layers[i].encaps, "teredo") ? "2001:0:102:304::1"
                                                                   : "2001:db8::1");
    assert_string_equal(dst, p->ip_version == 4 ? "198.51.100.25" : "2001:db8::19");
    assert_int_equal(p->frame, 7);
    assert_int_equal(p->when, 5 * CLOCK_S);
    assert_int_equal(p->iface, 3);
    assert_int_equal(p->sport, 50000);
    assert_int_equal(p->dport, 25);
    assert_int_equal(p->seq, 0x01020304);
    assert_int_equal(p->ack, 0x05060708);
    assert_int_equal(p->tcp_flags, TCP_ACK | TCP_PSH);
    assert_int_equal(p->ip_id, p->ip_version == 4 ? 0x1234 : 0);
    assert_false(p->fragment_overlap);
    for (unsigned k = 0; k < p->encap_count; k++) {
        strcat(encaps, k ? " " : "");
        strcat(encaps, encap_name((enum encap)p->encaps[k]));
    }
    assert_string_equal(encaps, layers[i].encaps);
    for (unsigned k = 0; k < PACKET_VLANS; k++)
        assert_int_equal(k < p->vlan_count ? p->vlans[k] : 0, layers[i].vlans[k]);
    assert_int_equal(p->has_mac, strstr(layers[i].hex, &MACS[1]) != NULL);
    if (p->has_mac) {
        assert_memory_equal(p->dst_mac + 1, "\0\0\0\0\2", 5);
        assert_memory_equal(p->src_mac, "\2\0\0\0\0\1", 6);
    }
}

/* Whole, and cut at every place by the snap length: never more than was captured, always what was sent. */
static void all_layers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        struct buf b;
        buf_init(&b, 1024);
        put_hex(&b, layers[i].hex);
        size_t tcp = b.len;
        put_hex(&b, TCP QUIT);
        struct decoder *d = fresh();
        for (size_t captured = 0; captured <= b.len; captured++) {
            struct packet p;
            uint8_t *copy;
            uint64_t before = sum(decoder_counts(d));
            bool found = decode_part(d, layers[i].link, buf_bytes(&b), captured, &p, &copy);
            if (found != (captured >= tcp + 14))
                fail_msg("case %zu, %zu octets of it: %s", i, captured, found ? "decoded" : "not decoded");
            if (found) {
                check_packet(i, &p);
                assert_int_equal(p.payload_wire, 6);
                assert_int_equal(p.payload.len, captured > tcp + 20 ? captured - tcp - 20 : 0);
                assert_memory_equal(p.payload.data, PAYLOAD, p.payload.len);
                assert_int_equal(p.window, captured >= tcp + 16 ? 0xfaf0 : 0);
                assert_int_equal(p.tcp_sum, captured >= tcp + 18 ? 0xabcd : 0);
            } else {
                assert_int_equal(sum(decoder_counts(d)), before + 1);
                assert_int_equal(decoder_counts(d)->cut_header, captured + 1);
            }
            free(copy);
        }
        decoder_free(d);
        buf_release(&b);
    }
}

/* Padding and a trailer are not payload. */
static void padding(void **state)
{
    (void)state;
    static const char *const frames[] = {
        MACS "0800 45000028 12344000 40060000 c0000201 c6336419" TCP "000000000000",
        MACS "86dd 60000000 00140640" IPV6_ADDRESSES TCP "000000000000",
        MACS "8864 1100 0001 002a 0021 45000028 12344000 40060000 c0000201 c6336419" TCP "000000000000",
        MACS "8864 1100 0001 002a 0021 45000000 12344000 40060000 c0000201 c6336419" TCP "000000000000",
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct buf b;
        struct packet p;
        uint8_t *copy;
        struct decoder *d = fresh();
        buf_init(&b, 1024);
        put_hex(&b, frames[i]);
        assert_true(decode_part(d, 1, buf_bytes(&b), b.len, &p, &copy));
        assert_int_equal(p.payload.len, 0);
        assert_int_equal(p.payload_wire, 0);
        free(copy);
        decoder_free(d);
        buf_release(&b);
    }
}

/* A broker cut the frame before it was captured: the datagram's own length tells what was sent. */
static void cut_before_capture(void **state)
{
    (void)state;
    struct buf b;
    struct packet p;
    uint8_t *copy;
    struct decoder *d = fresh();
    buf_init(&b, 1024);
    put_hex(&b, "450005dc 12344000 40060000 c0000201 c6336419" TCP QUIT);
    assert_true(decode_part(d, 101, buf_bytes(&b), b.len, &p, &copy));
    assert_int_equal(p.payload.len, 6);
    assert_int_equal(p.payload_wire, 1460);
    free(copy);
    decoder_free(d);
    buf_release(&b);
}

#define COUNT(name) offsetof(struct decode_counts, name)

static const struct {
    uint16_t link;
    const char *hex;
    size_t count;
} dropped[] = {
    {147, IPV4 TCP QUIT, COUNT(unknown_link)},
    {1, MACS "0806 0001", COUNT(not_ip)},
    {1, MACS "0026 424203 0000", COUNT(not_ip)},
    {1, MACS "0026 aaaa03 00000c 0800" IPV4 TCP QUIT, COUNT(not_ip)},
    {1, MACS "8863 1109 0000 0000", COUNT(not_ip)},
    {1, MACS "8864 1109 0000 0000", COUNT(not_ip)},
    {1, MACS "8864 1100 0001 0006 c021 01010004", COUNT(not_ip)},
    {1, MACS "8847 00020140 00000000" IPV4 TCP QUIT, COUNT(not_ip)}, /* a pseudowire's control word */
    {0, "00000007" IPV4 TCP QUIT, COUNT(not_ip)},
    {101, "50", COUNT(not_ip)},
    {1, MACS, COUNT(short_frame)},
    {1, MACS "0800 4500", COUNT(short_frame)},
    {1, MACS "0800" IPV6 TCP QUIT, COUNT(bad_ip)},
    {1, MACS "86dd" IPV4 TCP QUIT TCP, COUNT(bad_ip)},
    {101, "4400002e 12344000 40060000 c0000201 c6336419" TCP QUIT, COUNT(bad_ip)},
    {101, "46000017 12344000 40060000 c0000201 c6336419" TCP QUIT, COUNT(bad_ip)},
    {101, "4500002e 12344000 40110000 c0000201 c6336419" TCP QUIT, COUNT(not_tcp)},
    {101, "4500002e 12342000 40110000 c0000201 c6336419" TCP QUIT, COUNT(not_tcp)}, /* a fragment of UDP */
    {101, "4500002e 12344000 40000000 c0000201 c6336419" TCP QUIT, COUNT(not_tcp)},
    {101, "60000000 001a3b40" IPV6_ADDRESSES TCP QUIT, COUNT(not_tcp)},
    {101, OUTER("2f") "40000800 00000000" IPV4 TCP QUIT, COUNT(not_tcp)}, /* GRE with routes */
    {101, OUTER("2f") "00020800" IPV4 TCP QUIT, COUNT(not_tcp)},          /* of no version */
    {101, OUTER("2f") "00000806" IPV4 TCP QUIT, COUNT(not_tcp)},          /* not IP */
    {101, OUTER("2f") "00006558" MACS "0806 0000", COUNT(not_tcp)},
    {101, OUTER("2f") "2001880b 002e0007 ff030021" IPV4 TCP QUIT, COUNT(not_tcp)}, /* no sequence number */
    {101, OUTER("2f") "100088be 00000001 20010000 00000000" MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)},
    {101, OUTER("2f") "100022eb 00000001 10010000 00000000 00000000" MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)},
    {101, OUTER("2f") "30000800 00000000", COUNT(short_frame)},
    {101, OUTER("04") "4400002e 12344000 40060000 c0000201 c6336419" TCP QUIT, COUNT(bad_ip)},
    /* ports of tunnels, and something else */
    {101, VXLAN("00000000 00002a00") MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)},
    {101, VXLAN("08000001 00002a00") MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)},
    {101, VXLAN("08000000 00002a01") MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)},
    {101, VXLAN("08000000 00002a00") MACS "0800" IPV6 TCP QUIT, COUNT(not_tcp)},
    {101, VXLAN("08000000 00002a00") MACS "0806" IPV4 TCP QUIT, COUNT(not_tcp)},
    {101, VXLAN("08000000 00002a00"), COUNT(not_tcp)}, /* nothing inside */
    {101, VXLAN("08000000"), COUNT(not_tcp)},
    {101, OUTER("11") "c00012b5 000800", COUNT(not_tcp)},
    {101, OUTER("11") "c00012", COUNT(not_tcp)},
    {101, OUTER("11") "c00012b5 000a0000 08000000 00002a00" MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)},
    {101, OUTER("11") "c00012b5 00060000 08000000 00002a00" MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)},
    {101, OUTER("11") "c00012b5 ffff0000 08000000 00002a00" MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)},
    {101, OUTER("11") "12b5c000 00000000 08000000 00002a00" MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)},
    {101, GENEVE("40006558 00002a00") MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)}, /* version */
    {101, GENEVE("00806558 00002a00") MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)}, /* control */
    {101, GENEVE("00000806 00002a00") MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)},
    {101, GENEVE("00000800 00002a00") MACS "0800" IPV4 TCP QUIT, COUNT(not_tcp)},
    {101, GTP("30010000 00000001") IPV4 TCP QUIT, COUNT(not_tcp)},              /* echo */
    {101, GTP("10ff002e 00000001") IPV4 TCP QUIT, COUNT(not_tcp)},              /* version 0 */
    {101, GTP("30ffffff 00000001") IPV4 TCP QUIT, COUNT(not_tcp)},              /* longer than it is */
    {101, GTP("34ff002e 00000001 00000085 00000000") IPV4 TCP, COUNT(not_tcp)}, /* an extension of no length */
    {101, GTP("34ff0008 00000001 00000085 01000000") IPV4 TCP, COUNT(not_tcp)}, /* and nothing behind it */
    {101, TEREDO IPV6 TCP QUIT, COUNT(not_tcp)},                                /* without a Teredo address */
    {101, TEREDO IPV4 TCP QUIT TCP, COUNT(not_tcp)},
    {101, TEREDO "0000f0d0 00000000", COUNT(not_tcp)},
    {101, "60000000 001a0040" IPV6_ADDRESSES "06ff 0000 00000000" TCP QUIT, COUNT(short_frame)},
    {101, "45000027 12344000 40060000 c0000201 c6336419" TCP, COUNT(bad_tcp)},
    {101, "4500002e 12344000 40060000 c0000201 c6336419 c3500019 01020304 05060708 4018faf0 abcd0000" QUIT,
     COUNT(bad_tcp)},
    {101, "4500002e 12344000 40060000 c0000201 c6336419 c3500019 01020304 05060708 7018faf0 abcd0000" QUIT,
     COUNT(bad_tcp)},
};

static void all_dropped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
        struct buf b;
        struct packet p;
        uint8_t *copy;
        uint64_t count;
        struct decoder *d = fresh();
        buf_init(&b, 1024);
        put_hex(&b, dropped[i].hex);
        assert_false(decode_part(d, dropped[i].link, buf_bytes(&b), b.len, &p, &copy));
        memcpy(&count, (const char *)decoder_counts(d) + dropped[i].count, sizeof count);
        if (count != 1 || sum(decoder_counts(d)) != 1)
            fail_msg("case %zu is not counted as it should be", i);
        free(copy);
        decoder_free(d);
        buf_release(&b);
    }
}

/* Headers without end, in a frame as large as they come. */
static void too_deep(void **state)
{
    (void)state;
    static const char *const repeated[][2] = {
        {MACS "8100", "0001 8100"},
        {MACS "8847", "00010040"},
        {"60000000 ffff0040" IPV6_ADDRESSES, "0000 010400000000"},
        {"60000000 ffff3340" IPV6_ADDRESSES, "3301 0000 00000000 00000000"},
    };
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        struct buf b;
        struct packet p;
        uint8_t *copy;
        struct decoder *d = fresh();
        buf_init(&b, 65535);
        put_hex(&b, repeated[i][0]);
        while (b.len < 65000)
            put_hex(&b, repeated[i][1]);
        assert_false(decode_part(d, i < 2 ? 1 : 101, buf_bytes(&b), b.len, &p, &copy));
        assert_int_equal(decoder_counts(d)->too_deep, 1);
        assert_int_equal(sum(decoder_counts(d)), 1);
        free(copy);
        decoder_free(d);
        buf_release(&b);
    }
}

/* Fragments on their way through all layers: the last to come gives the segment. */
static void fragments(void **state)
{
    (void)state;
    struct decoder *d = fresh();
    struct packet p;
    struct buf b, tcp;
    uint8_t *copy;
    buf_init(&tcp, 1024);
    put_hex(&tcp, TCP QUIT); /* 26 octets: 0-8, 8-16, 16-26 */
    for (unsigned version = 4; version <= 6; version += 2) {
        static const unsigned order[] = {1, 2, 0};
        for (unsigned k = 0; k < 3; k++) {
            unsigned n = order[k], from = n * 8, len = n == 2 ? 10 : 8;
            char head[200];
            if (version == 4)
                snprintf(head, sizeof head, "4500%04x 1234%04x 40060000 c0000201 c6336419", 20 + len,
                         n | (n < 2 ? 0x2000U : 0));
            else
                snprintf(head, sizeof head, "60000000 %04x2c40" IPV6_ADDRESSES "%02x00 %04x 00001234", 8 + len,
                         n ? 0x11U : 6U, from | (n < 2)); /* only the first one's next header counts */
            buf_init(&b, 1024);
            put_hex(&b, head);
            buf_add(&b, bytes_part(buf_bytes(&tcp), from, len));
            put_hex(&b, "ffffffff"); /* padding */
            assert_int_equal(decode_part(d, 101, buf_bytes(&b), b.len, &p, &copy), k == 2);
            free(copy);
            buf_release(&b);
        }
        assert_int_equal(p.sport, 50000);
        assert_int_equal(p.payload_wire, 6);
        assert_int_equal(p.payload.len, 6);
        assert_memory_equal(p.payload.data, PAYLOAD, 6);
        assert_false(p.fragment_overlap);
    }
    assert_int_equal(decoder_counts(d)->fragments, 6);
    assert_int_equal(decoder_counts(d)->fragments_completed, 2);
    assert_int_equal(sum(decoder_counts(d)), 0);
    buf_release(&tcp);
    decoder_free(d);
}

/* Fragments of what a tunnel carries, of the tunnel's own datagram, of both; and of UDP that is no tunnel. */
static void fragments_of_tunnels(void **state)
{
    (void)state;
    static const char *const outer[] = {
        "00000800" IPV4 TCP QUIT,                                        /* GRE */
        "c00012b5 00000000 08000000 00002a00" MACS "0800" IPV4 TCP QUIT, /* VXLAN */
    };
    static const char *const protocols[] = {"2f", "11"};
    for (unsigned version = 4; version <= 6; version += 2) {
        for (unsigned i = 0; i < 2; i++) {
            struct decoder *d = fresh();
            struct packet p;
            struct buf b, whole;
            uint8_t *copy;
            buf_init(&whole, 1024);
            put_hex(&whole, outer[i]);
            for (unsigned from = 0, len; from < whole.len; from += len) {
                char head[200];
                bool more = whole.len - from > 16;
                len = more ? 16 : (unsigned)whole.len - from;
                if (version == 4)
                    snprintf(head, sizeof head, "4500%04x 4321%04x 40%s0000 cb007101 cb007102", 20 + len,
                             from / 8 | (more ? 0x2000U : 0), protocols[i]);
                else
                    snprintf(head, sizeof head, "60000000 %04x2c40" IPV6_ADDRESSES "%s00 %04x 00004321", 8 + len,
                             protocols[i], from | more);
                buf_init(&b, 1024);
                put_hex(&b, head);
                buf_add(&b, bytes_part(buf_bytes(&whole), from, len));
                assert_int_equal(decode_part(d, 101, buf_bytes(&b), b.len, &p, &copy), !more);
                if (!more) {
                    assert_int_equal(p.ip_version, 4);
                    assert_int_equal(p.ip_id, 0x1234);
                    assert_int_equal(p.encap_count, 1);
                    assert_memory_equal(p.payload.data, PAYLOAD, 6);
                }
                free(copy);
                buf_release(&b);
            }
            assert_int_equal(decoder_counts(d)->fragments_completed, 1);
            assert_int_equal(sum(decoder_counts(d)), 0);
            buf_release(&whole);
            decoder_free(d);
        }
    }
}

/* A datagram that is none of ours is not held: each of its fragments counts as what it is. */
static void unwanted_fragments(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "4500001c 43212000 40110000 cb007101 cb007102 00350035 01000000", /* UDP, DNS */
        "4500001c 43212001 40110000 cb007101 cb007102 0000000000000000",
        "4500001c 43210002 40110000 cb007101 cb007102 0000000000000000",
        "4500001c 43210002 40010000 cb007101 cb007102 0000000000000000", /* ICMP */
        "60000000 00102c40" IPV6_ADDRESSES "3a00 0001 00004321 0000000000000000",
        "60000000 00102c40" IPV6_ADDRESSES "3a00 0008 00004321 0000000000000000",
        "4500001c 43222000 40060000 cb007101 cb007102 c35001bb 01000000", /* TCP, another port */
        "4500001c 43222001 40060000 cb007101 cb007102 0000000000000000",
        "4500001c 43220002 40060000 cb007101 cb007102 0000000000000000",
    };
    enum { TCP_FROM = 6 };
    static const uint16_t ports[] = {25, 0};
    struct decoder *d = fresh();
    decoder_follow(d, ports);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct buf b;
        struct packet p;
        uint8_t *copy;
        buf_init(&b, 1024);
        put_hex(&b, pieces[i]);
        assert_false(decode_part(d, 101, buf_bytes(&b), b.len, &p, &copy));
        assert_int_equal(decoder_counts(d)->not_tcp, i < TCP_FROM ? i + 1 : TCP_FROM);
        assert_int_equal(sum(decoder_counts(d)), i + 1);
        free(copy);
        buf_release(&b);
    }
    assert_int_equal(decoder_counts(d)->fragments, 0);
    assert_int_equal(sum(decoder_counts(d)), sizeof pieces / sizeof *pieces);
    decoder_free(d);
}

/* Of ports that nobody follows: by the short way or by the walk, it is the same, and only what that takes is read. */
static void other_ports(void **state)
{
    (void)state;
    static const uint16_t followed[] = {25, 65535, 0}, mirrored[] = {50000, 0}, others[] = {24, 26, 89, 1, 0};
    static const uint16_t *const lists[] = {followed, mirrored, others};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        struct buf b;
        buf_init(&b, 1024);
        put_hex(&b, layers[i].hex);
        size_t tcp = b.len;
        put_hex(&b, TCP QUIT);
        for (unsigned k = 0; k < 3; k++) {
            struct decoder *d = fresh();
            decoder_follow(d, followed);
            decoder_follow(d, lists[k]);
            for (size_t captured = 0; captured <= b.len; captured++) {
                struct packet p;
                uint8_t *copy;
                struct decode_counts before = *decoder_counts(d);
                bool found = decode_part(d, layers[i].link, buf_bytes(&b), captured, &p, &copy);
                assert_int_equal(found, k < 2 && captured >= tcp + 14);
                assert_int_equal(decoder_counts(d)->other_ports - before.other_ports, k == 2 && captured >= tcp + 4);
                assert_int_equal(sum(decoder_counts(d)) - sum(&before), !found);
                struct frame frame = {.data = {copy, captured}, .wire = (uint32_t)b.len, .link = layers[i].link};
                before = *decoder_counts(d);
                bool skipped = decoder_skips(d, &frame);
                assert_false(skipped && (found || captured < tcp + 4));
                assert_int_equal(decoder_counts(d)->other_ports - before.other_ports, skipped);
                assert_int_equal(sum(decoder_counts(d)) - sum(&before), skipped);
                if (i < 2 && k == 2 && captured == b.len)
                    assert_true(skipped); /* plain Ethernet */
                free(copy);
            }
            decoder_free(d);
        }
        buf_release(&b);
    }
}

/* Whole segments, in IPv4, in IPv6 and with an odd number of octets: right, then wrong at each bit of them. What is cut
   is not judged, nor what the network card would have cut up, nor what is on its way by a source route. */
static void checksums(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        size_t tcp;
    } right[] = {
        {"4500002e 12344000 40063c48 c0000201 c6336419"
         "c3500019 01020304 05060708 5018faf0 4d560000" QUIT,
         20},
        {"4500002d 12344000 40063c49 c0000201 c6336419"
         "c3500019 01020304 05060708 5018faf0 4d610000"
         "515549540d",
         20},
        {IPV6 "c3500019 01020304 05060708 5018faf0 de180000" QUIT, 40},
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        struct buf b;
        struct packet p;
        uint8_t *copy;
        struct decoder *d = fresh();
        decoder_verify(d);
        buf_init(&b, 1024);
        put_hex(&b, right[i].hex);
        if (!decode_part(d, 101, buf_bytes(&b), b.len, &p, &copy))
            fail_msg("case %zu: bad_ip %d bad_tcp %d", i, (int)decoder_counts(d)->bad_ip_checksum,
                     (int)decoder_counts(d)->bad_tcp_checksum);
        free(copy);
        for (size_t at = right[i].tcp; at < b.len; at++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                b.data[at] ^= (uint8_t)(1U << bit);
                assert_false(decode_part(d, 101, buf_bytes(&b), b.len, &p, &copy));
                free(copy);
                bool lengths = at == right[i].tcp + 12 && bit > 3;
                assert_true(decode_part(d, 101, buf_bytes(&b), b.len - 1, &p, &copy) || lengths);
                free(copy);
                b.data[at] ^= (uint8_t)(1U << bit);
            }
        }
        assert_true(decoder_counts(d)->bad_tcp_checksum >= (b.len - right[i].tcp) * 8 - 4);
        bool v4 = right[i].tcp == 20;
        b.data[v4 ? 8 : 7]++; /* time to live, hop limit: IPv6 has no checksum of its own */
        assert_int_equal(decode_part(d, 101, buf_bytes(&b), b.len, &p, &copy), !v4);
        assert_int_equal(decoder_counts(d)->bad_ip_checksum, v4);
        free(copy);
        decoder_free(d);
        buf_release(&b);
    }
}

/* Wrong sums that say nothing: the card was to cut the segment up; the address is not the last one. */
static void checksums_of_others(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool found;
    } cases[] = {
        {"45000000 12344000 40063c76 c0000201 c6336419" TCP QUIT, true},
        {"60000000 00000640" IPV6_ADDRESSES TCP QUIT, true},
        {"60000000 00222b40" IPV6_ADDRESSES "0600 0401 00000000" TCP QUIT, true},
        {"60000000 00222b40" IPV6_ADDRESSES "0600 0400 00000000" TCP QUIT, false},
        {"60000000 00220040" IPV6_ADDRESSES "0600 0104 00000000" TCP QUIT, false},
        {OUTER("04") IPV4 TCP QUIT, false}, /* the outer one's */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b;
        struct packet p;
        uint8_t *copy;
        struct decoder *d = fresh();
        decoder_verify(d);
        buf_init(&b, 1024);
        put_hex(&b, cases[i].hex);
        if (decode_part(d, 101, buf_bytes(&b), b.len, &p, &copy) != cases[i].found)
            fail_msg("case %zu", i);
        assert_int_equal(decoder_counts(d)->bad_tcp_checksum + decoder_counts(d)->bad_ip_checksum, !cases[i].found);
        free(copy);
        decoder_free(d);
        buf_release(&b);
    }
}

/* As many tunnels as the limit allows, and one more; without any. */
static void nested(void **state)
{
    (void)state;
    for (uint64_t most = 0; most <= 16; most++) {
        struct limits limits;
        limits_init(&limits);
        limits.tunnels = most;
        for (unsigned depth = 0; depth <= 17; depth++) {
            struct decoder *d = decoder_new(&limits);
            struct buf b;
            struct packet p;
            uint8_t *copy;
            buf_init(&b, 4096);
            for (unsigned i = 0; i < depth; i++)
                put_hex(&b,
                        i % 2 ? OUTER("2f") "00006558" MACS "8100 0007 0800" : VXLAN("08000000 00002a00") MACS "0800");
            put_hex(&b, IPV4 TCP QUIT);
            assert_int_equal(decode_part(d, 101, buf_bytes(&b), b.len, &p, &copy), depth <= most);
            assert_int_equal(decoder_counts(d)->tunnels_exceeded, depth > most);
            assert_int_equal(sum(decoder_counts(d)), depth > most);
            free(copy);
            decoder_free(d);
            buf_release(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_layers),
        cmocka_unit_test(padding),
        cmocka_unit_test(cut_before_capture),
        cmocka_unit_test(all_dropped),
        cmocka_unit_test(too_deep),
        cmocka_unit_test(fragments),
        cmocka_unit_test(fragments_of_tunnels),
        cmocka_unit_test(unwanted_fragments),
        cmocka_unit_test(nested),
        cmocka_unit_test(other_ports),
        cmocka_unit_test(checksums),
        cmocka_unit_test(checksums_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
