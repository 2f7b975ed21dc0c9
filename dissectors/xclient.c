#include "xclient.h"

#include "base/buf.h"
#include "mail/lexical.h"

#include <arpa/inet.h>

/* "192.0.2.1", "IPV6:2001:db8::1". False: "[UNAVAILABLE]" and the like. */
static bool read_address(struct bytes value, char text[static INET6_ADDRSTRLEN])
{
    char copy[INET6_ADDRSTRLEN];
    uint8_t octets[16];
    struct bytes prefix = BYTES("IPV6:");
    int family = bytes_starts_nocase(value, prefix) ? AF_INET6 : AF_INET;
    struct bytes address = family == AF_INET6 ? bytes_part(value, prefix.len, value.len) : value;
    if (!address.len || address.len >= sizeof copy)
        return false;
    bytes_to_string(copy, sizeof copy, address);
    return inet_pton(family, copy, octets) == 1 && inet_ntop(family, octets, text, INET6_ADDRSTRLEN);
}

/* xtext (RFC 3461 section 4): "+3D" is an octet. */
static void decode(struct bytes xtext, struct buf *to)
{
    while (xtext.len) {
        int octet = lexical_escaped(xtext, '+');
        buf_add_byte(to, octet < 0 ? xtext.data[0] : (uint8_t)octet);
        xtext = bytes_part(xtext, octet < 0 ? 1 : 3, xtext.len);
    }
}

bool xclient_taken(struct session *s, struct bytes arg, struct buf *user)
{
    char ip[INET6_ADDRSTRLEN] = "";
    uint64_t port = 0;
    bool has_login = false, says = arg.len >= session_limits(s)->text;
    while (arg.len >= session_limits(s)->text && arg.data[arg.len - 1] != ' ')
        arg.len--; /* half an address is another one */
    for (struct bytes word; (word = bytes_word(&arg)).len;) {
        size_t end = bytes_index(word, '=');
        struct bytes name = bytes_part(word, 0, end), value = bytes_part(word, end + 1, word.len);
        bool is_address = bytes_equal_nocase(name, BYTES("ADDR"));
        says |= is_address;
        if (is_address && !read_address(value, ip))
            *ip = '\0';
        if (bytes_equal_nocase(name, BYTES("PORT")) && (!bytes_number(&value, &port) || value.len || port > UINT16_MAX))
            port = 0;
        if (!bytes_equal_nocase(name, BYTES("LOGIN")))
            continue;
        has_login = value.len && value.data[0] != '['; /* "[UNAVAILABLE]" */
        buf_reset(user);
        decode(value, user);
    }
    if (says)
        session_speaks_for(s, ip, (uint16_t)port);
    return has_login;
}
