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
    return c->not_ip + c->not_tcp + c->tunnel + c->unknown_link + c->too_deep + c->short_frame + c->cut_header +
           c->bad_ip + c->bad_tcp;
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
    /* a fragment header without fragments */
    {101, "60000000 00222c40" IPV6_ADDRESSES "0600 0000 00000001", 6, "", {0}},
    /* no length: segmentation is left to the network card */
    {101, "45000000 12344000 40060000 c0000201 c6336419", 4, "", {0}},
    {101, "60000000 00000640" IPV6_ADDRESSES, 6, "", {0}},
};

static void check_packet(size_t i, const struct packet *p, const uint8_t *frame)
{
    char src[ADDRESS_TEXT_SIZE], dst[ADDRESS_TEXT_SIZE], encaps[100] = "";
    assert_int_equal(p->ip_version, layers[i].version);
    address_format(&p->src, p->ip_version, src);
    address_format(&p->dst, p->ip_version, dst);
    assert_string_equal(src, p->ip_version == 4 ? "192.0.2.1" : "2001:db8::1");
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
    assert_int_equal(p->has_mac, layers[i].link == 1);
    if (p->has_mac) {
        assert_memory_equal(p->dst_mac, frame, 6);
        assert_memory_equal(p->src_mac, frame + 6, 6);
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
                check_packet(i, &p, b.data);
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
    {101, "4500002e 12344000 40040000 c0000201 c6336419" IPV4, COUNT(tunnel)},
    {101, "4500002e 12344000 40290000 c0000201 c6336419" IPV6, COUNT(tunnel)},
    {101, "60000000 001a2f40" IPV6_ADDRESSES "00000800" IPV4, COUNT(tunnel)},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_layers),  cmocka_unit_test(padding),  cmocka_unit_test(cut_before_capture),
        cmocka_unit_test(all_dropped), cmocka_unit_test(too_deep), cmocka_unit_test(fragments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
