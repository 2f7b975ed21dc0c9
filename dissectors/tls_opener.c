/* Protected records: AES-GCM, ChaCha20-Poly1305, AES-CBC with HMAC before or behind encryption. */
#include "tls_opener.h"

#include "base/memory.h"
#include "tls_names.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>

#define IV_SIZE       12 /* of both AEADs */
#define TAG_SIZE      16
#define GCM_EXPLICIT  8 /* octets of the nonce that travel, up to TLS 1.2 */
#define BLOCK         16
#define SECRET_MOST   64
#define KEYS_MOST     (2 * (SECRET_MOST + 32 + BLOCK))
#define CONTEXTS_HELD 4096 /* about, what libcrypto takes for the contexts of an opener */

enum kind { KIND_GCM, KIND_CHACHA, KIND_CBC };

struct suite {
    enum kind kind;
    const char *cipher; /* as OpenSSL names it */
    const char *hash;   /* of the key schedule */
    const char *mac;    /* of KIND_CBC */
    unsigned key_len, mac_len;
};

/* The end of the name that IANA gave the cipher suite, and what it stands for. */
static const struct {
    const char *end;
    struct suite suite;
} suites[] = {
    {"AES_128_GCM_SHA256", {KIND_GCM, "AES-128-GCM", "SHA256", NULL, 16, 0}},
    {"AES_256_GCM_SHA384", {KIND_GCM, "AES-256-GCM", "SHA384", NULL, 32, 0}},
    {"CHACHA20_POLY1305_SHA256", {KIND_CHACHA, "ChaCha20-Poly1305", "SHA256", NULL, 32, 0}},
    {"_AES_128_CBC_SHA", {KIND_CBC, "AES-128-CBC", "SHA256", "SHA1", 16, 20}},
    {"_AES_256_CBC_SHA", {KIND_CBC, "AES-256-CBC", "SHA256", "SHA1", 32, 20}},
    {"_AES_128_CBC_SHA256", {KIND_CBC, "AES-128-CBC", "SHA256", "SHA256", 16, 32}},
    {"_AES_256_CBC_SHA256", {KIND_CBC, "AES-256-CBC", "SHA256", "SHA256", 32, 32}},
    {"_AES_256_CBC_SHA384", {KIND_CBC, "AES-256-CBC", "SHA384", "SHA384", 32, 48}},
};

struct tls_opener {
    const struct suite *suite;
    uint16_t version;
    bool encrypt_then_mac;
    EVP_CIPHER_CTX *cipher;
    EVP_MAC_CTX *mac;  /* of KIND_CBC */
    uint8_t iv[BLOCK]; /* AEAD: the fixed part; TLS 1.0: the last block of the record before */
    uint64_t sequence;
    uint8_t secret[SECRET_MOST]; /* TLS 1.3 */
};

static const struct suite *suite_of(uint16_t version, uint16_t cipher)
{
    const char *name = tls_cipher_name(cipher);
    if (!name)
        return NULL;
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        size_t end = strlen(suites[i].end);
        if (len < end || strcmp(name + len - end, suites[i].end) != 0)
            continue;
        bool is_new = cipher >> 8 == 0x13; /* the suites of TLS 1.3 have numbers of their own */
        if (is_new != (version >= TLS_1_3) || version > TLS_1_3 || version < TLS_1_0)
            return NULL;
        return suites[i].suite.kind == KIND_CBC || version >= TLS_1_2 ? &suites[i].suite : NULL;
    }
    return NULL;
}

bool tls_can_open(uint16_t version, uint16_t cipher)
{
    return suite_of(version, cipher) != NULL;
}

void tls_opener_free(struct tls_opener *o)
{
    if (!o)
        return;
    EVP_CIPHER_CTX_free(o->cipher);
    EVP_MAC_CTX_free(o->mac);
    explicit_bzero(o, sizeof *o);
    free(o);
}

size_t tls_opener_held(const struct tls_opener *o)
{
    return o ? memory_cost(sizeof *o) + CONTEXTS_HELD : 0;
}

/* --- keys --- */

static bool set_key(struct tls_opener *o, const uint8_t *key)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, o->suite->cipher, NULL);
    if (!o->cipher)
        o->cipher = EVP_CIPHER_CTX_new();
    bool ok = cipher && o->cipher && EVP_DecryptInit_ex2(o->cipher, cipher, key, NULL, NULL);
    if (ok)
        EVP_CIPHER_CTX_set_padding(o->cipher, 0);
    EVP_CIPHER_free(cipher);
    return ok;
}

static bool set_mac(struct tls_opener *o, const uint8_t *key)
{
    OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    char hash[8];
    size_t len = strlen(o->suite->mac);
    memcpy(hash, o->suite->mac, len + 1);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash, 0);
    o->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    return o->mac && EVP_MAC_init(o->mac, key, o->suite->mac_len, params);
}

/* PRF(master, "key expansion", server random + client random) of RFC 5246 section 6.3 and 5, 2246. */
static bool expand_master(uint16_t version, const struct suite *suite, struct bytes master, struct bytes client_random,
                          struct bytes server_random, uint8_t *keys, size_t len)
{
    char hash[16];
    uint8_t seed[128];
    static const char label[] = "key expansion";
    const char *name = version >= TLS_1_2 ? suite->hash : "MD5-SHA1";
    size_t at = sizeof label - 1, secret_len = master.len;
    uint8_t secret[SECRET_MOST];
    if (at + server_random.len + client_random.len > sizeof seed || master.len > sizeof secret)
        return false;
    memcpy(hash, name, strlen(name) + 1);
    memcpy(secret, master.data, master.len);
    memcpy(seed, label, at);
    memcpy(seed + at, server_random.data, server_random.len);
    at += server_random.len;
    memcpy(seed + at, client_random.data, client_random.len);
    at += client_random.len;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, secret, secret_len),
                           OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, at), OSSL_PARAM_END};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    bool ok = context && EVP_KDF_derive(context, keys, len, params) > 0;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    OPENSSL_cleanse(secret, sizeof secret);
    return ok;
}

/* HKDF-Expand-Label of RFC 8446 section 7.1, with an empty context. What is asked for is never longer than a hash. */
static bool expand_label(const char *hash, const uint8_t *secret, size_t secret_len, const char *label, uint8_t *to,
                         size_t len)
{
    uint8_t info[64], block[EVP_MAX_MD_SIZE];
    size_t label_len = strlen(label), at = 0;
    unsigned block_len = 0;
    EVP_MD *md = EVP_MD_fetch(NULL, hash, NULL);
    info[at++] = (uint8_t)(len >> 8);
    info[at++] = (uint8_t)len;
    info[at++] = (uint8_t)(6 + label_len);
    memcpy(info + at, "tls13 ", 6);
    memcpy(info + at + 6, label, label_len);
    at += 6 + label_len;
    info[at++] = 0;
    info[at++] = 1; /* of HKDF-Expand: the number of the block */
    bool ok = md && HMAC(md, secret, (int)secret_len, info, at, block, &block_len) && block_len >= len;
    if (ok)
        memcpy(to, block, len);
    EVP_MD_free(md);
    OPENSSL_cleanse(block, sizeof block);
    return ok;
}

static size_t hash_len(const struct suite *suite)
{
    return !strcmp(suite->hash, "SHA384") ? 48 : 32;
}

static bool take_secret(struct tls_opener *o)
{
    uint8_t key[32];
    size_t len = hash_len(o->suite);
    bool ok = expand_label(o->suite->hash, o->secret, len, "key", key, o->suite->key_len) &&
              expand_label(o->suite->hash, o->secret, len, "iv", o->iv, IV_SIZE) && set_key(o, key);
    o->sequence = 0;
    OPENSSL_cleanse(key, sizeof key);
    return ok;
}

struct tls_opener *tls_opener_from_secret(uint16_t cipher, struct bytes secret)
{
    const struct suite *suite = suite_of(TLS_1_3, cipher);
    if (!suite || secret.len != hash_len(suite))
        return NULL;
    struct tls_opener *o = memory_get(sizeof *o);
    o->suite = suite;
    o->version = TLS_1_3;
    memcpy(o->secret, secret.data, secret.len);
    if (take_secret(o))
        return o;
    tls_opener_free(o);
    ERR_clear_error();
    return NULL;
}

bool tls_opener_update(struct tls_opener *o)
{
    uint8_t next[SECRET_MOST];
    size_t len = hash_len(o->suite);
    bool ok = expand_label(o->suite->hash, o->secret, len, "traffic upd", next, len);
    if (ok)
        memcpy(o->secret, next, len);
    OPENSSL_cleanse(next, sizeof next);
    return ok && take_secret(o);
}

void tls_openers_from_master(struct tls_opener *ret[static 2], uint16_t version, uint16_t cipher, struct bytes master,
                             struct bytes client_random, struct bytes server_random, bool encrypt_then_mac)
{
    uint8_t keys[KEYS_MOST];
    const struct suite *suite = suite_of(version, cipher);
    ret[0] = ret[1] = NULL;
    if (!suite)
        return;
    size_t iv_len = suite->kind == KIND_GCM ? IV_SIZE - GCM_EXPLICIT : suite->kind == KIND_CHACHA ? IV_SIZE : BLOCK;
    if (suite->kind == KIND_CBC && version >= TLS_1_1)
        iv_len = 0; /* it travels */
    size_t all = 2 * (suite->mac_len + suite->key_len + iv_len);
    bool ok = expand_master(version, suite, master, client_random, server_random, keys, all);
    const uint8_t *key = keys + (size_t)2 * suite->mac_len, *iv = key + (size_t)2 * suite->key_len;
    for (unsigned i = 0; ok && i < 2; i++) {
        struct tls_opener *o = ret[i] = memory_get(sizeof *o);
        o->suite = suite;
        o->version = version;
        o->encrypt_then_mac = encrypt_then_mac && suite->kind == KIND_CBC;
        memcpy(o->iv, iv + i * iv_len, iv_len);
        ok = set_key(o, key + (size_t)i * suite->key_len) &&
             (!suite->mac_len || set_mac(o, keys + (size_t)i * suite->mac_len));
    }
    OPENSSL_cleanse(keys, sizeof keys);
    if (ok)
        return;
    for (unsigned i = 0; i < 2; i++) {
        tls_opener_free(ret[i]);
        ret[i] = NULL;
    }
    ERR_clear_error();
}

/* --- records --- */

static void put_number(uint8_t *to, uint64_t n, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        to[i] = (uint8_t)(n >> 8 * (width - 1 - i));
}

/* Nonce and additional data, then one pass. */
static bool open_aead(struct tls_opener *o, const uint8_t *header, struct bytes content, uint64_t sequence, uint8_t *to,
                      size_t *len)
{
    uint8_t nonce[IV_SIZE], additional[13], tag[TAG_SIZE];
    size_t explicit_len = o->suite->kind == KIND_GCM && o->version < TLS_1_3 ? GCM_EXPLICIT : 0;
    int additional_len = TLS_HEADER_SIZE, n = 0;
    if (content.len < explicit_len + TAG_SIZE)
        return false;
    size_t text = content.len - explicit_len - TAG_SIZE;
    memcpy(nonce, o->iv, IV_SIZE);
    if (explicit_len) {
        memcpy(nonce + IV_SIZE - GCM_EXPLICIT, content.data, GCM_EXPLICIT);
    } else {
        uint8_t number[8];
        put_number(number, sequence, sizeof number);
        for (unsigned i = 0; i < sizeof number; i++)
            nonce[IV_SIZE - sizeof number + i] ^= number[i];
    }
    if (o->version >= TLS_1_3) {
        memcpy(additional, header, TLS_HEADER_SIZE);
    } else {
        put_number(additional, sequence, 8);
        memcpy(additional + 8, header, 3);
        put_number(additional + 11, text, 2);
        additional_len = sizeof additional;
    }
    memcpy(tag, content.data + content.len - TAG_SIZE, TAG_SIZE);
    *len = text;
    return EVP_DecryptInit_ex2(o->cipher, NULL, NULL, nonce, NULL) &&
           EVP_CIPHER_CTX_ctrl(o->cipher, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) &&
           EVP_DecryptUpdate(o->cipher, NULL, &n, additional, additional_len) &&
           EVP_DecryptUpdate(o->cipher, to, &n, content.data + explicit_len, (int)text) &&
           EVP_DecryptFinal_ex(o->cipher, to + text, &n) > 0;
}

/* HMAC over sequence number, header with that length, and the octets. */
static bool is_mac(struct tls_opener *o, const uint8_t *header, uint64_t sequence, struct bytes octets,
                   const uint8_t *expected)
{
    uint8_t head[13], mac[EVP_MAX_MD_SIZE];
    size_t len = 0;
    put_number(head, sequence, 8);
    memcpy(head + 8, header, 3);
    put_number(head + 11, octets.len, 2);
    return EVP_MAC_init(o->mac, NULL, 0, NULL) && EVP_MAC_update(o->mac, head, sizeof head) &&
           EVP_MAC_update(o->mac, octets.data, octets.len) && EVP_MAC_final(o->mac, mac, &len, sizeof mac) &&
           len == o->suite->mac_len && !CRYPTO_memcmp(mac, expected, len);
}

/* What is left without the padding (RFC 5246 section 6.2.3.2). SIZE_MAX: it is none. */
static size_t without_padding(const uint8_t *text, size_t len)
{
    size_t padding = len ? text[len - 1] : 0;
    if (padding + 1 > len)
        return SIZE_MAX;
    for (size_t i = 0; i < padding; i++)
        if (text[len - 2 - i] != padding)
            return SIZE_MAX;
    return len - padding - 1;
}

static bool open_cbc(struct tls_opener *o, const uint8_t *header, struct bytes content, uint64_t sequence, uint8_t *to,
                     size_t *len)
{
    size_t mac_len = o->suite->mac_len;
    const uint8_t *iv = o->iv;
    int n = 0;
    if (o->encrypt_then_mac) {
        if (content.len < mac_len)
            return false;
        content.len -= mac_len;
        if (!is_mac(o, header, sequence, content, content.data + content.len))
            return false;
    }
    struct bytes text = content;
    if (o->version >= TLS_1_1) {
        if (content.len < BLOCK)
            return false;
        iv = content.data;
        text = bytes_part(content, BLOCK, SIZE_MAX);
    }
    if (!text.len || text.len % BLOCK || !EVP_DecryptInit_ex2(o->cipher, NULL, NULL, iv, NULL) ||
        !EVP_DecryptUpdate(o->cipher, to, &n, text.data, (int)text.len))
        return false;
    *len = without_padding(to, text.len);
    if (*len == SIZE_MAX)
        return false;
    if (o->encrypt_then_mac)
        return true;
    if (*len < mac_len)
        return false;
    *len -= mac_len;
    return is_mac(o, header, sequence, bytes_of(to, *len), to + *len);
}

bool tls_open(struct tls_opener *o, const uint8_t header[static TLS_HEADER_SIZE], struct bytes content, uint64_t ahead,
              uint8_t *to, size_t *len, uint8_t *type)
{
    uint64_t sequence = o->sequence + ahead;
    bool ok = content.len <= TLS_RECORD_MOST &&
              (o->suite->kind == KIND_CBC ? open_cbc(o, header, content, sequence, to, len)
                                          : open_aead(o, header, content, sequence, to, len));
    if (!ok)
        return false;
    *type = header[0];
    if (o->version >= TLS_1_3) { /* the type stands behind the content, then zeros */
        while (*len && !to[*len - 1])
            --*len;
        if (!*len)
            return false;
        *type = to[--*len];
    }
    if (o->version == TLS_1_0)
        memcpy(o->iv, content.data + content.len - BLOCK - (o->encrypt_then_mac ? o->suite->mac_len : 0), BLOCK);
    o->sequence = sequence + 1;
    return true;
}

void tls_opener_skip(struct tls_opener *o)
{
    o->sequence++;
}

size_t tls_opener_overhead(const struct tls_opener *o)
{
    if (o->suite->kind == KIND_CBC)
        return 0;
    if (o->version >= TLS_1_3)
        return TAG_SIZE + 1;
    return TAG_SIZE + (o->suite->kind == KIND_GCM ? GCM_EXPLICIT : 0);
}
