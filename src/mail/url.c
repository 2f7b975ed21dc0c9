/* One URL's normal form. */
#include "url.h"

#include "lexical.h"
#include "record/record.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <libpsl.h>
#include <stdio.h>

#define HOST_MOST 1024 /* a name has at most 253 octets, with percent forms three times as many */
#define NAME_MOST 253
#define BIT(flag) ((link_flags)1 << LINK_FLAG_##flag)

static bool is_unreserved(uint8_t c)
{
    return byte_is_letter(c) || byte_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* Without blanks and controls at both ends, and without the tabs and line ends inside that browsers drop. */
static struct bytes strip(struct bytes raw, struct buf *room, link_flags *flags)
{
    while (raw.len && raw.data[0] <= ' ')
        raw = bytes_part(raw, 1, raw.len);
    while (raw.len && raw.data[raw.len - 1] <= ' ')
        raw.len--;
    bool any = false;
    for (size_t i = 0; i < raw.len && !any; i++)
        any = raw.data[i] == '\t' || raw.data[i] == '\n' || raw.data[i] == '\r' || !raw.data[i];
    if (!any)
        return raw;
    *flags |= BIT(control);
    for (size_t i = 0; i < raw.len; i++)
        if (raw.data[i] != '\t' && raw.data[i] != '\n' && raw.data[i] != '\r' && raw.data[i])
            buf_add_byte(room, raw.data[i]);
    return buf_bytes(room);
}

static struct bytes scheme_of(struct bytes b)
{
    size_t n = 0;
    while (n < b.len && n < URL_SCHEME &&
           (byte_is_letter(b.data[n]) ||
            (n && (byte_is_digit(b.data[n]) || b.data[n] == '+' || b.data[n] == '-' || b.data[n] == '.'))))
        n++;
    return n && n < b.len && b.data[n] == ':' ? bytes_part(b, 0, n) : bytes_part(b, b.len, 0);
}

static enum url_kind scheme_kind(struct bytes scheme, link_flags *flags)
{
    static const struct {
        const char *name;
        link_flags flag;
    } known[] = {
        {"http", 0},
        {"https", 0},
        {"ftp", 0},
        {"javascript", BIT(javascript)},
        {"vbscript", BIT(javascript)},
        {"data", BIT(data)},
        {"file", BIT(file)},
        {"smb", BIT(file)},
        {"ms-appinstaller", BIT(handler)},
        {"ms-msdt", BIT(handler)},
        {"ms-officecmd", BIT(handler)},
        {"ms-word", BIT(handler)},
        {"ms-excel", BIT(handler)},
        {"ms-powerpoint", BIT(handler)},
        {"ms-search", BIT(handler)},
        {"search-ms", BIT(handler)},
        {"ms-settings", BIT(handler)},
        {"ms-cxh", BIT(handler)},
        {"ms-its", BIT(handler)},
        {"mk", BIT(handler)},
        {"mhtml", BIT(handler)},
        {"res", BIT(handler)},
        {"shell", BIT(handler)},
        {"jar", BIT(handler)},
        {"view-source", BIT(handler)},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bytes_equal_nocase(scheme, bytes_of_string(known[i].name))) {
            *flags |= known[i].flag;
            return known[i].flag ? URL_ODD : URL_LINK;
        }
    return URL_NONE;
}

/* One number of an address as C writes it: 0x hexadecimal, 0 octal. */
static bool address_number(struct bytes part, uint64_t *ret, bool *is_plain)
{
    int base = part.len > 1 && part.data[0] == '0' ? 8 : 10;
    size_t i = 0;
    if (base == 8 && byte_lower(part.data[1]) == 'x') {
        base = 16;
        i = 2;
    }
    *is_plain &= base == 10;
    *ret = 0;
    for (; i < part.len; i++) {
        int digit = lexical_hex(part.data[i]);
        if (digit < 0 || digit >= base)
            return false;
        *ret = *ret * (uint64_t)base + (uint64_t)digit;
        if (*ret > UINT32_MAX)
            return false;
    }
    return part.len != 0;
}

/* An address of IP version 4 in any of the forms that inet_aton() knows: one to four numbers. */
static bool read_ipv4(struct bytes host, uint32_t *ret, bool *is_plain)
{
    uint64_t numbers[4];
    unsigned count = 0;
    *is_plain = true;
    if (host.len && host.data[host.len - 1] == '.')
        host.len--;
    for (bool more = true; more; count++) {
        size_t dot = bytes_index(host, '.');
        more = dot < host.len;
        if (count == 4 || !address_number(bytes_part(host, 0, dot), &numbers[count], is_plain))
            return false;
        host = bytes_part(host, dot + 1, host.len);
    }
    *is_plain &= count == 4;
    uint64_t last = numbers[count - 1];
    if (last >> 8 * (5 - count))
        return false;
    *ret = (uint32_t)last;
    for (unsigned i = 0; i + 1 < count; i++) {
        if (numbers[i] > 255)
            return false;
        *ret |= (uint32_t)numbers[i] << 8 * (3 - i);
    }
    return true;
}

/* A host in percent form where that is what it takes to write it at all; `also` are octets that a name cannot have. */
static void put_octets(struct buf *out, struct bytes b, const char *also)
{
    for (size_t i = 0; i < b.len; i++) {
        uint8_t c = b.data[i];
        if (is_unreserved(c) || (c && strchr(also, c)))
            buf_add_byte(out, byte_lower(c));
        else
            buf_printf(out, "%%%02X", c);
    }
}

static void put_name(struct url *u, struct bytes name)
{
    bool is_ascii = true, is_name = name.len <= NAME_MOST;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        is_ascii &= c < 0x80;
        is_name &= c >= 0x80 || byte_is_letter(c) || byte_is_digit(c) || c == '-' || c == '.' || c == '_';
    }
    char *labels = NULL;
    if (!is_ascii) {
        char text[HOST_MOST + 1];
        memcpy(text, name.data, name.len);
        text[name.len] = 0;
        u->flags |= BIT(idn);
        const int how = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
        if (u->names++ >= URL_NAMES || strlen(text) != name.len ||
            idn2_lookup_u8((const uint8_t *)text, (uint8_t **)&labels, how) != IDN2_OK) {
            is_name = false;
            labels = NULL;
        }
    } else if (bytes_find_nocase(name, BYTES("xn--")) != SIZE_MAX) {
        u->flags |= BIT(punycode);
    }
    if (!is_name)
        u->flags |= BIT(bad_host);
    struct bytes shown = labels ? bytes_of_string(labels) : name;
    uint32_t ip;
    bool is_plain;
    if (read_ipv4(shown, &ip, &is_plain)) {
        u->flags |= BIT(ip_host) | (is_plain ? 0 : BIT(ip_odd));
        buf_printf(&u->text, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
    } else {
        put_octets(&u->text, shown, "");
    }
    idn2_free(labels);
}

/* Host and port. False where there is no host. */
static bool put_host(struct url *u, struct bytes host, struct bytes scheme)
{
    struct bytes port = bytes_part(host, host.len, 0);
    size_t from = u->text.len;
    if (host.len && host.data[0] == '[') {
        size_t end = bytes_index(host, ']');
        if (end < host.len && end + 1 < host.len && host.data[end + 1] == ':')
            port = bytes_part(host, end + 2, host.len);
        u->flags |= BIT(ip_host) | (end == host.len ? BIT(bad_host) : 0);
        put_octets(&u->text, bytes_part(host, 0, end + 1), "[:]%");
    } else {
        size_t colon = bytes_index(host, ':');
        port = bytes_part(host, colon + 1, host.len);
        host = bytes_part(host, 0, colon < HOST_MOST ? colon : HOST_MOST);
        uint8_t plain[HOST_MOST];
        size_t len = 0;
        for (size_t i = 0; i < host.len; i++) {
            int octet = lexical_escaped(bytes_part(host, i, 3), '%');
            if (octet >= 0)
                u->flags |= BIT(percent);
            plain[len++] = octet < 0 ? host.data[i] : (uint8_t)octet;
            i += octet < 0 ? 0 : 2;
        }
        if (!len)
            return false;
        put_name(u, bytes_of(plain, len));
    }
    u->host = bytes_part(buf_bytes(&u->text), from, u->text.len);
    struct bytes digits = port;
    uint64_t number;
    if (!port.len)
        return u->host.len != 0;
    if (!bytes_number(&digits, &number) || digits.len || number > 65535) {
        u->flags |= BIT(bad_host);
        buf_add_byte(&u->text, ':');
        put_octets(&u->text, port, "%");
    } else if (number != (scheme.len == 3 ? 21u : scheme.len == 4 ? 80u : 443u)) {
        u->flags |= BIT(port);
        buf_printf(&u->text, ":%u", (unsigned)number);
    }
    return u->host.len != 0;
}

/* How many octets at the front stay as they are. */
static size_t plain_octets(struct bytes b)
{
    size_t n = 0;
    while (n < b.len && b.data[n] > ' ' && b.data[n] < 0x7f && b.data[n] != '%' && b.data[n] != '\\' &&
           b.data[n] != '?' && b.data[n] != '#')
        n++;
    return n;
}

/* Path, query and fragment, or a user's name. */
static void put_rest(struct url *u, struct bytes rest)
{
    bool in_path = true;
    for (size_t i = 0; i < rest.len; i++) {
        size_t plain = plain_octets(bytes_part(rest, i, rest.len));
        if (plain)
            buf_add(&u->text, bytes_part(rest, i, plain));
        i += plain;
        if (i == rest.len)
            break;
        uint8_t c = rest.data[i];
        int octet = lexical_escaped(bytes_part(rest, i, 3), '%');
        in_path &= c != '?' && c != '#';
        if (octet >= 0 && is_unreserved((uint8_t)octet)) {
            u->flags |= BIT(percent);
            buf_add_byte(&u->text, (uint8_t)octet);
            i += 2;
        } else if (octet >= 0) {
            buf_printf(&u->text, "%%%02X", (unsigned)octet);
            i += 2;
        } else if (c == '\\' && in_path) {
            u->flags |= BIT(backslash);
            buf_add_byte(&u->text, '/');
        } else if (c <= ' ' || c >= 0x7f) {
            u->flags |= c > 0x7f ? BIT(encoded_octets) : BIT(control);
            buf_printf(&u->text, "%%%02X", c);
        } else {
            buf_add_byte(&u->text, c);
        }
    }
}

/* Behind the scheme: slashes of either kind, in any number. */
static enum url_kind put_link(struct url *u, struct bytes scheme, struct bytes rest)
{
    for (size_t i = 0; i < scheme.len; i++)
        buf_add_byte(&u->text, byte_lower(scheme.data[i]));
    buf_add_string(&u->text, "://");
    while (rest.len && (rest.data[0] == '/' || rest.data[0] == '\\')) {
        u->flags |= rest.data[0] == '\\' ? BIT(backslash) : 0;
        rest = bytes_part(rest, 1, rest.len);
    }
    size_t end = 0, at = SIZE_MAX;
    for (; end < rest.len && !memchr("/\\?#", rest.data[end], 4); end++)
        at = rest.data[end] == '@' ? end : at;
    struct bytes host = bytes_part(rest, 0, end);
    if (at != SIZE_MAX) {
        u->flags |= BIT(userinfo);
        put_rest(u, bytes_part(rest, 0, at + 1));
        host = bytes_part(rest, at + 1, end - at - 1);
    }
    if (!put_host(u, host, scheme))
        return URL_NONE;
    size_t host_at = (size_t)(u->host.data - u->text.data);
    put_rest(u, bytes_part(rest, end, rest.len));
    u->host = bytes_part(buf_bytes(&u->text), host_at, u->host.len); /* it may have moved */
    return URL_LINK;
}

enum url_kind url_normalise(struct url *u, struct bytes raw)
{
    struct buf room;
    buf_init(&room, raw.len);
    buf_reset(&u->text);
    u->host = (struct bytes){NULL, 0};
    struct bytes b = strip(raw, &room, &u->flags);
    struct bytes scheme = scheme_of(b);
    enum url_kind kind = URL_RELATIVE;
    if (scheme.len) {
        kind = scheme_kind(scheme, &u->flags);
    } else if (bytes_starts_nocase(b, BYTES("\\\\"))) {
        u->flags |= BIT(file);
        kind = URL_ODD;
    } else if (!b.len) {
        kind = URL_NONE;
    }
    if (kind == URL_LINK)
        kind = put_link(u, scheme, bytes_part(b, scheme.len + 1, b.len));
    buf_release(&room);
    return kind;
}

void url_resolve(struct bytes base, struct bytes raw, struct buf *out)
{
    while (raw.len && raw.data[0] <= ' ')
        raw = bytes_part(raw, 1, raw.len);
    size_t colon = bytes_index(base, ':'), path = colon + 3;
    while (path < base.len && !memchr("/?#", base.data[path], 3))
        path++;
    size_t end = path;
    while (end < base.len && base.data[end] != '?' && base.data[end] != '#')
        end++;
    uint8_t first = raw.len ? raw.data[0] : 0, second = raw.len > 1 ? raw.data[1] : 0;
    bool is_slash = first == '/' || first == '\\';
    size_t keep;
    if (is_slash && (second == '/' || second == '\\')) {
        keep = colon + 1;
    } else if (is_slash) {
        keep = path;
    } else if (first == '?' || first == '#') {
        keep = end;
    } else {
        keep = end;
        while (keep > path && base.data[keep - 1] != '/')
            keep--;
    }
    buf_add(out, bytes_part(base, 0, keep));
    if (keep == path && !is_slash && first != '?' && first != '#')
        buf_add_byte(out, '/');
    buf_add(out, raw);
}

static struct bytes without_www(struct bytes name)
{
    return bytes_starts_nocase(name, BYTES("www.")) ? bytes_part(name, 4, name.len) : name;
}

static bool copy_name(struct bytes name, char text[static NAME_MOST + 1])
{
    if (name.len && name.data[name.len - 1] == '.')
        name.len--;
    if (!name.len || name.len > NAME_MOST || memchr(name.data, 0, name.len))
        return false;
    memcpy(text, name.data, name.len);
    text[name.len] = 0;
    return true;
}

bool url_same_site(struct bytes a, struct bytes b)
{
    a = without_www(a);
    b = without_www(b);
    char x[NAME_MOST + 1], y[NAME_MOST + 1];
    if (!copy_name(a, x) || !copy_name(b, y))
        return bytes_equal(a, b);
    uint32_t ip;
    bool is_plain;
    if (!strcmp(x, y) || read_ipv4(a, &ip, &is_plain) || read_ipv4(b, &ip, &is_plain))
        return !strcmp(x, y);
    const char *site_x = psl_registrable_domain(psl_builtin(), x);
    const char *site_y = psl_registrable_domain(psl_builtin(), y);
    return site_x && site_y && !strcmp(site_x, site_y);
}

bool url_is_domain(struct bytes name)
{
    char text[NAME_MOST + 1];
    if (!copy_name(name, text))
        return false;
    const char *top = strrchr(text, '.');
    return top && top != text && top[1] &&
           psl_is_public_suffix2(psl_builtin(), top + 1, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}
