/* The two hellos of TLS, and the fingerprints that are made of them. */
#include "tls_hello.h"

#include "base/buf.h"
#include "base/memory.h"
#include "tls_names.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* TLS ExtensionType Values of IANA. */
enum {
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_GROUPS = 10,
    EXTENSION_FORMATS = 11,
    EXTENSION_SIGNATURES = 13,
    EXTENSION_ALPN = 16,
    EXTENSION_ENCRYPT_THEN_MAC = 22,
    EXTENSION_EXTENDED_MASTER = 23,
    EXTENSION_PSK = 41,
    EXTENSION_EARLY_DATA = 42,
    EXTENSION_VERSIONS = 43,
    EXTENSION_KEY_SHARE = 51
};

#define FINGERPRINT_MOST (1u << 20) /* octets: a hello of 64 KiB makes less */
#define JA4_HASH         12         /* digits */

/* SHA-256 of "HelloRetryRequest" stands for the random of one (RFC 8446 section 4.1.3). */
static const uint8_t retry_random[TLS_RANDOM_SIZE] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                                                      0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                                                      0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

/* --- reading --- */

bool tls_take_number(struct bytes *rest, unsigned width, uint32_t *ret)
{
    if (rest->len < width)
        return false;
    uint32_t n = 0;
    for (unsigned i = 0; i < width; i++)
        n = n << 8 | rest->data[i];
    *rest = bytes_part(*rest, width, SIZE_MAX);
    *ret = n;
    return true;
}

static bool take(struct bytes *rest, size_t len, struct bytes *ret)
{
    if (rest->len < len)
        return false;
    *ret = bytes_part(*rest, 0, len);
    *rest = bytes_part(*rest, len, SIZE_MAX);
    return true;
}

bool tls_take_vector(struct bytes *rest, unsigned width, struct bytes *ret)
{
    struct bytes b = *rest;
    uint32_t len;
    if (!tls_take_number(&b, width, &len) || !take(&b, len, ret))
        return false;
    *rest = b;
    return true;
}

static bool take_u16(struct bytes *rest, uint16_t *ret)
{
    uint32_t n;
    if (!tls_take_number(rest, 2, &n))
        return false;
    *ret = (uint16_t)n;
    return true;
}

static bool take_extension(struct bytes *rest, uint16_t *type, struct bytes *body)
{
    struct bytes b = *rest;
    if (!take_u16(&b, type) || !tls_take_vector(&b, 2, body))
        return false;
    *rest = b;
    return true;
}

/* An extension that is one vector. */
static struct bytes vector_of(struct bytes body, unsigned width)
{
    struct bytes inner = {0};
    tls_take_vector(&body, width, &inner);
    return inner;
}

static struct bytes name_of(struct bytes body)
{
    struct bytes list = vector_of(body, 2), name = {0};
    uint32_t type;
    while (tls_take_number(&list, 1, &type) && tls_take_vector(&list, 2, &name))
        if (!type) /* host_name */
            return name;
    return (struct bytes){0};
}

static void read_client_extension(struct client_hello *h, uint16_t type, struct bytes body)
{
    switch (type) {
    case EXTENSION_SERVER_NAME:
        h->name = name_of(body);
        h->has_name = true;
        break;
    case EXTENSION_GROUPS:
        h->groups = vector_of(body, 2);
        break;
    case EXTENSION_FORMATS:
        h->formats = vector_of(body, 1);
        break;
    case EXTENSION_SIGNATURES:
        h->signatures = vector_of(body, 2);
        break;
    case EXTENSION_ALPN:
        h->protocols = vector_of(body, 2);
        h->has_protocols = true;
        break;
    case EXTENSION_VERSIONS:
        h->versions = vector_of(body, 1);
        break;
    case EXTENSION_EARLY_DATA:
        h->has_early_data = true;
        break;
    default:
        break;
    }
}

/* The list of extensions; where its length promises more than there is, what there is. */
static struct bytes extensions_of(struct bytes rest)
{
    uint32_t len;
    return tls_take_number(&rest, 2, &len) ? bytes_part(rest, 0, len) : (struct bytes){0};
}

bool client_hello_read(struct client_hello *h, struct bytes body)
{
    struct bytes compression, extension;
    uint16_t type;
    *h = (struct client_hello){0};
    if (!take_u16(&body, &h->version) || !take(&body, TLS_RANDOM_SIZE, &h->random) ||
        !tls_take_vector(&body, 1, &h->session_id) || !tls_take_vector(&body, 2, &h->ciphers) ||
        !tls_take_vector(&body, 1, &compression))
        return false;
    h->extensions = extensions_of(body);
    for (struct bytes rest = h->extensions; take_extension(&rest, &type, &extension);)
        read_client_extension(h, type, extension);
    return true;
}

static void read_server_extension(struct server_hello *h, uint16_t type, struct bytes body)
{
    switch (type) {
    case EXTENSION_VERSIONS:
        take_u16(&body, &h->version);
        break;
    case EXTENSION_KEY_SHARE:
        h->has_group = take_u16(&body, &h->group);
        break;
    case EXTENSION_PSK:
        h->takes_psk = true;
        break;
    case EXTENSION_ALPN:
        h->protocol = vector_of(vector_of(body, 2), 1);
        break;
    case EXTENSION_EARLY_DATA:
        h->takes_early = true;
        break;
    case EXTENSION_ENCRYPT_THEN_MAC:
        h->encrypt_then_mac = true;
        break;
    case EXTENSION_EXTENDED_MASTER:
        h->extended_master = true;
        break;
    default:
        break;
    }
}

bool server_hello_read(struct server_hello *h, struct bytes body)
{
    struct bytes extension;
    uint32_t compression;
    uint16_t type;
    *h = (struct server_hello){0};
    if (!take_u16(&body, &h->legacy_version) || !take(&body, TLS_RANDOM_SIZE, &h->random) ||
        !tls_take_vector(&body, 1, &h->session_id) || !take_u16(&body, &h->cipher) ||
        !tls_take_number(&body, 1, &compression))
        return false;
    h->version = h->legacy_version;
    h->is_retry = !memcmp(h->random.data, retry_random, sizeof retry_random);
    h->extensions = extensions_of(body);
    for (struct bytes rest = h->extensions; take_extension(&rest, &type, &extension);)
        read_server_extension(h, type, extension);
    return true;
}

void encrypted_extensions_read(struct server_hello *h, struct bytes body)
{
    struct bytes extension;
    uint16_t type;
    *h = (struct server_hello){0};
    for (struct bytes rest = extensions_of(body); take_extension(&rest, &type, &extension);)
        read_server_extension(h, type, extension);
}

/* --- fingerprints --- */

static void add_numbers(struct buf *out, struct bytes list)
{
    const char *before = "";
    for (uint16_t n; take_u16(&list, &n);) {
        if (tls_is_grease(n))
            continue;
        buf_printf(out, "%s%u", before, n);
        before = "-";
    }
}

static void add_extension_numbers(struct buf *out, struct bytes extensions)
{
    const char *before = "";
    struct bytes body;
    for (uint16_t type; take_extension(&extensions, &type, &body);) {
        if (tls_is_grease(type))
            continue;
        buf_printf(out, "%s%u", before, type);
        before = "-";
    }
}

void client_hello_ja3(const struct client_hello *h, struct buf *out)
{
    buf_printf(out, "%u,", h->version);
    add_numbers(out, h->ciphers);
    buf_add_string(out, ",");
    add_extension_numbers(out, h->extensions);
    buf_add_string(out, ",");
    add_numbers(out, h->groups);
    buf_add_string(out, ",");
    for (size_t i = 0; i < h->formats.len; i++)
        buf_printf(out, i ? "-%u" : "%u", h->formats.data[i]);
}

static int compare(const void *a, const void *b)
{
    const uint16_t *m = a, *n = b;
    return (*m > *n) - (*m < *n);
}

/* The first digits of the SHA-256 of the text in hex, or zeros where it is empty. */
static void add_hash(struct buf *out, struct bytes text)
{
    uint8_t digest[EVP_MAX_MD_SIZE] = {0};
    if (text.len)
        EVP_Digest(text.data, text.len, digest, NULL, EVP_sha256(), NULL);
    for (unsigned i = 0; i < JA4_HASH / 2; i++)
        buf_printf(out, "%02x", digest[i]);
}

static void add_sorted(struct buf *out, uint16_t *numbers, size_t count)
{
    if (count)
        qsort(numbers, count, sizeof *numbers, compare);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, i ? ",%04x" : "%04x", numbers[i]);
}

static uint16_t highest_version(const struct client_hello *h)
{
    uint16_t highest = 0, n;
    for (struct bytes list = h->versions; take_u16(&list, &n);)
        if (!tls_is_grease(n) && n > highest)
            highest = n;
    return highest ? highest : h->version;
}

static const char *ja4_version(uint16_t version)
{
    static const char *const words[] = {"s3", "10", "11", "12", "13"};
    return version >= TLS_SSL3 && version <= TLS_1_3 ? words[version - TLS_SSL3] : "00";
}

static bool is_alphanumeric(uint8_t c)
{
    return byte_is_letter(c) || byte_is_digit(c);
}

/* The ends of the first protocol, as they are or as hex digits. */
static void add_protocol(struct buf *out, struct bytes protocols)
{
    struct bytes first = vector_of(protocols, 1);
    if (!first.len) {
        buf_add_string(out, "00");
        return;
    }
    uint8_t a = first.data[0], z = first.data[first.len - 1];
    if (is_alphanumeric(a) && is_alphanumeric(z))
        buf_printf(out, "%c%c", a, z);
    else
        buf_printf(out, "%x%x", a >> 4, z & 15u);
}

static unsigned two_digits(size_t n)
{
    return n < 99 ? (unsigned)n : 99;
}

void client_hello_ja4(const struct client_hello *h, struct buf *out)
{
    uint16_t *numbers = memory_get(h->ciphers.len + h->extensions.len + sizeof *numbers), n;
    size_t ciphers = 0, extensions = 0, hashed = 0;
    struct buf text;
    struct bytes body;
    buf_init(&text, FINGERPRINT_MOST);
    for (struct bytes list = h->ciphers; take_u16(&list, &n);)
        if (!tls_is_grease(n))
            numbers[ciphers++] = n;
    for (struct bytes list = h->extensions; take_extension(&list, &n, &body);) {
        extensions += !tls_is_grease(n);
        if (!tls_is_grease(n) && n != EXTENSION_SERVER_NAME && n != EXTENSION_ALPN)
            numbers[ciphers + hashed++] = n;
    }
    buf_printf(out, "t%s%c%02u%02u", ja4_version(highest_version(h)), h->has_name ? 'd' : 'i', two_digits(ciphers),
               two_digits(extensions));
    add_protocol(out, h->protocols);
    buf_add_string(out, "_");
    add_sorted(&text, numbers, ciphers);
    add_hash(out, buf_bytes(&text));
    buf_add_string(out, "_");
    buf_reset(&text);
    add_sorted(&text, numbers + ciphers, hashed);
    const char *before = "_";
    for (struct bytes list = h->signatures; take_u16(&list, &n);) {
        if (tls_is_grease(n))
            continue;
        buf_printf(&text, "%s%04x", before, n);
        before = ",";
    }
    add_hash(out, buf_bytes(&text));
    buf_release(&text);
    free(numbers);
}

/* MD5 in hex. Nothing where a policy of the system forbids it. */
static void write_md5(struct record *r, enum field f, struct bytes text)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hex[33];
    if (!EVP_Digest(text.data, text.len, digest, NULL, EVP_md5(), NULL))
        return;
    *bytes_hex(hex, bytes_of(digest, 16)) = '\0';
    record_word(r, f, hex);
}

void server_hello_fingerprint(const struct server_hello *h, struct record *r)
{
    struct buf text;
    buf_init(&text, FINGERPRINT_MOST);
    buf_printf(&text, "%u,%u,", h->legacy_version, h->cipher);
    add_extension_numbers(&text, h->extensions);
    write_md5(r, F_tls_ja3s, buf_bytes(&text));
    buf_release(&text);
}

/* --- what is offered --- */

static void write_versions(const struct client_hello *h, struct record *r)
{
    struct bytes list = h->versions;
    char room[TLS_NAME_SIZE];
    uint16_t n;
    if (!list.len)
        record_word(r, F_tls_versions_offered, tls_name_or_number(tls_version_name(h->version), h->version, room));
    while (take_u16(&list, &n))
        if (!tls_is_grease(n))
            record_word(r, F_tls_versions_offered, tls_name_or_number(tls_version_name(n), n, room));
}

void client_hello_write(const struct client_hello *h, struct record *r)
{
    struct buf text;
    write_versions(h, r);
    if (h->name.len)
        record_text(r, F_tls_sni, h->name);
    struct bytes protocol;
    for (struct bytes list = h->protocols; tls_take_vector(&list, 1, &protocol);)
        if (!(protocol.len == 2 && tls_is_grease((uint16_t)(protocol.data[0] << 8 | protocol.data[1]))))
            record_text(r, F_tls_alpn_offered, protocol);
    buf_init(&text, FINGERPRINT_MOST);
    client_hello_ja3(h, &text);
    write_md5(r, F_tls_ja3, buf_bytes(&text));
    buf_reset(&text);
    client_hello_ja4(h, &text);
    buf_add_byte(&text, 0);
    record_word(r, F_tls_ja4, (const char *)text.data);
    buf_release(&text);
}
