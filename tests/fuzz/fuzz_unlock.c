/* Records of TLS 1.3 whose keys are known: what the input says is sealed and sent to port 993, behind two hellos. One
   octet of TURNS_..., then for each record two, TURN_... and SEAL_..., its length in two (low first), its octets. */
#include "conversation.h"
#include "session/keylog.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEAL_APPLICATION, SEAL_HANDSHAKE, SEAL_ALERT, SEAL_RAW, SEAL_DAMAGED, SEAL_PADDED, SEAL_AHEAD, SEAL_KINDS };
enum { TYPE_ALERT = 21, TYPE_HANDSHAKE = 22, TYPE_APPLICATION = 23, FINISHED = 20, MOST = 16384 };

struct seal {
    uint8_t key[16], iv[12];
    uint64_t sequence;
};

static const char keys[] =
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET 0000000000000000000000000000000000000000000000000000000000000000 "
    "0101010101010101010101010101010101010101010101010101010101010101\n"
    "SERVER_HANDSHAKE_TRAFFIC_SECRET 0000000000000000000000000000000000000000000000000000000000000000 "
    "0202020202020202020202020202020202020202020202020202020202020202\n"
    "CLIENT_TRAFFIC_SECRET_0 0000000000000000000000000000000000000000000000000000000000000000 "
    "0303030303030303030303030303030303030303030303030303030303030303\n"
    "SERVER_TRAFFIC_SECRET_0 0000000000000000000000000000000000000000000000000000000000000000 "
    "0404040404040404040404040404040404040404040404040404040404040404\n";

/* Up to their randoms, which are zeros; then one cipher suite, no compression, the extension of TLS 1.3. */
static const uint8_t client_hello[] = {0x16, 3, 1, 0, 52, 1, 0, 0, 48, 3, 3};
static const uint8_t client_rest[] = {0, 0, 2, 0x13, 1, 1, 0, 0, 5, 0, 43, 0, 1, 0};
static const uint8_t server_hello[] = {0x16, 3, 3, 0, 50, 2, 0, 0, 46, 3, 3};
static const uint8_t server_rest[] = {0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4};

static void derive(uint8_t secret_octet, const char *label, uint8_t *to, size_t len)
{
    uint8_t secret[32];
    char digest[] = "SHA256", prefix[] = "tls13 ", name[8];
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    memset(secret, secret_octet, sizeof secret);
    memcpy(name, label, strlen(label) + 1);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                           OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, sizeof secret),
                           OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix, 6),
                           OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, name, strlen(name)),
                           OSSL_PARAM_END};
    if (!context || EVP_KDF_derive(context, to, len, params) <= 0)
        abort();
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

static void seal_with(struct seal *s, uint8_t secret_octet)
{
    derive(secret_octet, "key", s->key, sizeof s->key);
    derive(secret_octet, "iv", s->iv, sizeof s->iv);
    s->sequence = 0;
}

/* The record, in `to`; its length. */
static size_t seal(struct seal *s, uint8_t type, struct bytes text, size_t padding, uint8_t *to)
{
    uint8_t nonce[12], inner[MOST + 256];
    size_t len = text.len + 1 + padding, all = len + 16;
    int n = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    memset(inner, 0, len);
    if (text.len)
        memcpy(inner, text.data, text.len);
    inner[text.len] = type;
    memcpy(nonce, s->iv, sizeof nonce);
    for (int i = 0; i < 8; i++)
        nonce[11 - i] ^= (uint8_t)(s->sequence >> 8 * i);
    s->sequence++;
    memcpy(to, (uint8_t[]){TYPE_APPLICATION, 3, 3, (uint8_t)(all >> 8), (uint8_t)all}, 5);
    bool ok = EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, s->key, nonce) &&
              EVP_EncryptUpdate(context, NULL, &n, to, 5) && EVP_EncryptUpdate(context, to + 5, &n, inner, (int)len) &&
              EVP_EncryptFinal_ex(context, to + 5 + len, &n) &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, to + 5 + len);
    EVP_CIPHER_CTX_free(context);
    if (!ok)
        abort();
    return 5 + all;
}

static void hello(struct conversation *c, unsigned how, struct bytes head, struct bytes rest)
{
    uint8_t octets[128] = {0};
    memcpy(octets, head.data, head.len);
    memcpy(octets + head.len + 32, rest.data, rest.len);
    conversation_turn(c, how, bytes_of(octets, head.len + 32 + rest.len));
}

static void send_record(struct conversation *c, struct seal *s, unsigned how, unsigned what, struct bytes text)
{
    uint8_t *record = malloc(MOST + 512);
    size_t len = 0;
    uint8_t type = what == SEAL_HANDSHAKE ? TYPE_HANDSHAKE : what == SEAL_ALERT ? TYPE_ALERT : TYPE_APPLICATION;
    text = bytes_part(text, 0, MOST);
    s->sequence += what == SEAL_AHEAD ? text.len % 200 : 0;
    if (what != SEAL_RAW)
        len = seal(s, type, text, what == SEAL_PADDED ? text.len % 256 : 0, record);
    if (what == SEAL_DAMAGED)
        record[len - 1] ^= 1;
    conversation_turn(c, how, what == SEAL_RAW ? text : bytes_of(record, len));
    free(record);
    if (what == SEAL_HANDSHAKE && text.len && text.data[0] == FINISHED)
        seal_with(s, (how & TURN_SERVER) ? 4 : 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conversation c;
    struct seal sides[2];
    if (!size)
        return 0;
    struct keylog *k = keylog_new(8);
    keylog_take(k, bytes_of(keys, sizeof keys - 1));
    conversation_begin(&c, 993, data[0], k);
    hello(&c, 0, bytes_of(client_hello, sizeof client_hello), bytes_of(client_rest, sizeof client_rest));
    hello(&c, TURN_SERVER, bytes_of(server_hello, sizeof server_hello), bytes_of(server_rest, sizeof server_rest));
    seal_with(&sides[0], 1);
    seal_with(&sides[1], 2);
    for (size_t at = 1; size - at >= 4;) {
        size_t len = data[at + 2] | (size_t)data[at + 3] << 8, left = size - at - 4;
        len = len < left ? len : left;
        unsigned how = data[at];
        send_record(&c, &sides[(how & TURN_SERVER) != 0], how, data[at + 1] % SEAL_KINDS, bytes_of(data + at + 4, len));
        at += 4 + len;
    }
    conversation_end(&c);
    keylog_close(k);
    return 0;
}
