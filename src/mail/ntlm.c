/* NTLM messages, MS-NLMP section 2.2.1. All numbers are little-endian; texts stand behind a fixed part, which points at
   them with {length 16, allocated 16, offset 32}. */
#include "ntlm.h"

#include "utf8.h"

#include <stdio.h>

/* NegotiateFlags, section 2.2.2.5. */
#define UNICODE          0x00000001u
#define TARGET_IS_DOMAIN 0x00010000u
#define TARGET_IS_SERVER 0x00020000u
#define TARGET_INFO      0x00800000u
#define DOMAIN_SUPPLIED  0x00001000u
#define HOST_SUPPLIED    0x00002000u
#define VERSION_SUPPLIED 0x02000000u

/* AvId, section 2.2.2.1. */
enum { AV_END, AV_NB_COMPUTER, AV_NB_DOMAIN, AV_DNS_COMPUTER, AV_DNS_DOMAIN };

enum { AV_PAIRS_MOST = 32 };

/* 0 where the message ends before. */
static uint32_t number_at(struct bytes m, size_t at, unsigned octets)
{
    uint32_t value = 0;
    if (!m.data || at > m.len || m.len - at < octets)
        return 0;
    for (unsigned i = 0; i < octets; i++)
        value |= (uint32_t)m.data[at + i] << 8 * i;
    return value;
}

static struct bytes field_at(struct bytes m, size_t at)
{
    uint32_t len = number_at(m, at, 2), from = number_at(m, at + 4, 4);
    if (!len || from > m.len || len > m.len - from)
        return (struct bytes){0};
    return bytes_part(m, from, len);
}

static void add_text(struct buf *to, struct bytes text, bool unicode)
{
    if (unicode)
        utf8_add_utf16(to, text);
    else
        buf_add(to, text);
}

/* VERSION, section 2.2.2.10: major, minor, build. */
static void read_version(struct ntlm *n, struct bytes m, size_t at, uint32_t flags)
{
    if (flags & VERSION_SUPPLIED && m.len >= at + 8 && m.data[at])
        snprintf(n->os, sizeof n->os, "%u.%u.%u", m.data[at], m.data[at + 1], number_at(m, at + 2, 2));
}

static void read_negotiate(struct ntlm *n, struct bytes m)
{
    uint32_t flags = number_at(m, 12, 4);
    /* Always in the OEM character set: nothing has been agreed on yet. */
    if (flags & DOMAIN_SUPPLIED)
        add_text(&n->domain, field_at(m, 16), false);
    if (flags & HOST_SUPPLIED)
        add_text(&n->host, field_at(m, 24), false);
    read_version(n, m, 32, flags);
}

static void read_target_info(struct ntlm *n, struct bytes pairs)
{
    for (unsigned i = 0; i < AV_PAIRS_MOST && pairs.len >= 4; i++) {
        uint32_t id = number_at(pairs, 0, 2), len = number_at(pairs, 2, 2);
        if (id == AV_END || len > pairs.len - 4)
            return;
        struct buf *to = id == AV_NB_COMPUTER  ? &n->host
                         : id == AV_NB_DOMAIN  ? &n->domain
                         : id == AV_DNS_DOMAIN ? &n->dns_domain
                                               : NULL;
        if (to) {
            buf_reset(to);
            utf8_add_utf16(to, bytes_part(pairs, 4, len));
        }
        pairs = bytes_part(pairs, 4 + len, SIZE_MAX);
    }
}

static void read_challenge(struct ntlm *n, struct bytes m)
{
    uint32_t flags = number_at(m, 20, 4);
    n->unicode = flags & UNICODE;
    if (flags & (TARGET_IS_DOMAIN | TARGET_IS_SERVER))
        add_text(flags & TARGET_IS_DOMAIN ? &n->domain : &n->host, field_at(m, 12), n->unicode);
    if (flags & TARGET_INFO)
        read_target_info(n, field_at(m, 40));
    read_version(n, m, 48, flags);
}

static void read_authenticate(struct ntlm *n, struct bytes m, bool unicode)
{
    /* Flags came with NTLMv2: older messages have text where they would stand. */
    bool has_flags = m.len >= 64;
    for (size_t at = 12; at <= 44 && has_flags; at += 8)
        has_flags = !number_at(m, at, 2) || number_at(m, at + 4, 4) >= 64;
    uint32_t flags = has_flags ? number_at(m, 60, 4) : 0;
    n->unicode = has_flags ? flags & UNICODE : unicode;
    struct bytes domain = field_at(m, 28), user = field_at(m, 36);
    add_text(&n->domain, domain, n->unicode);
    if (user.len && domain.len) {
        add_text(&n->user, domain, n->unicode);
        buf_add_byte(&n->user, '\\');
    }
    add_text(&n->user, user, n->unicode);
    add_text(&n->host, field_at(m, 44), n->unicode);
    if (has_flags)
        read_version(n, m, 64, flags);
}

void ntlm_read(struct ntlm *n, struct bytes m, bool unicode)
{
    static const char signature[8] = "NTLMSSP";
    *n = (struct ntlm){0};
    buf_init(&n->user, NTLM_TEXT_MOST);
    buf_init(&n->domain, NTLM_TEXT_MOST);
    buf_init(&n->host, NTLM_TEXT_MOST);
    buf_init(&n->dns_domain, NTLM_TEXT_MOST);
    if (m.len < 12 || memcmp(m.data, signature, sizeof signature) != 0)
        return;
    switch (number_at(m, 8, 4)) {
    case 1:
        n->type = NTLM_NEGOTIATE;
        read_negotiate(n, m);
        break;
    case 2:
        n->type = NTLM_CHALLENGE;
        read_challenge(n, m);
        break;
    case 3:
        n->type = NTLM_AUTHENTICATE;
        read_authenticate(n, m, unicode);
        break;
    }
}

void ntlm_release(struct ntlm *n)
{
    buf_release(&n->user);
    buf_release(&n->domain);
    buf_release(&n->host);
    buf_release(&n->dns_domain);
}
