/* Records whose keys are known: what the input says is sealed and sent to port 993, behind two hellos of TLS 1.3,
   or 1.2 (MODE_OLD). One octet of TURNS_... and MODE_..., then for each record two, TURN_... and SEAL_..., its length
   in two (low first), its octets. New keys follow a Finished, with MODE_EARLY the client's EndOfEarlyData, and in
   TLS 1.2 ChangeCipherSpec: those of a second handshake inside, between randoms of 11 and 22. */
#include "conversation.h"
#include "session/keylog.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MODE_OLD = 32, MODE_EARLY = 64 };
enum {
    SEAL_APPLICATION,
    SEAL_HANDSHAKE,
    SEAL_ALERT,
    SEAL_RAW,
    SEAL_DAMAGED,
    SEAL_PADDED,
    SEAL_AHEAD,
    SEAL_CHANGE,
    SEAL_KINDS
};
enum { TYPE_CHANGE = 20, TYPE_ALERT = 21, TYPE_HANDSHAKE = 22, TYPE_APPLICATION = 23, MOST = 16384 };
enum { END_OF_EARLY = 5, FINISHED = 20 };

struct seal {
    uint8_t key[16], iv[12];
    uint64_t sequence;
    bool old;
};

static const char keys[] =
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET 0000000000000000000000000000000000000000000000000000000000000000 "
    "0101010101010101010101010101010101010101010101010101010101010101\n"
    "SERVER_HANDSHAKE_TRAFFIC_SECRET 0000000000000000000000000000000000000000000000000000000000000000 "
    "0202020202020202020202020202020202020202020202020202020202020202\n"
    "CLIENT_TRAFFIC_SECRET_0 0000000000000000000000000000000000000000000000000000000000000000 "
    "0303030303030303030303030303030303030303030303030303030303030303\n"
    "SERVER_TRAFFIC_SECRET_0 0000000000000000000000000000000000000000000000000000000000000000 "
    "0404040404040404040404040404040404040404040404040404040404040404\n"
    "CLIENT_EARLY_TRAFFIC_SECRET 0000000000000000000000000000000000000000000000000000000000000000 "
    "0505050505050505050505050505050505050505050505050505050505050505\n"
    "CLIENT_RANDOM 0000000000000000000000000000000000000000000000000000000000000000 "
    "0606060606060606060606060606060606060606060606060606060606060606"
    "06060606060606060606060606060606\n"
    "CLIENT_RANDOM 1111111111111111111111111111111111111111111111111111111111111111 "
    "0707070707070707070707070707070707070707070707070707070707070707"
    "07070707070707070707070707070707\n";

/* Up to their randoms, which are zeros; then one cipher suite, no compression, the extension of TLS 1.3. */
static const uint8_t client_hello[] = {0x16, 3, 1, 0, 52, 1, 0, 0, 48, 3, 3};
static const uint8_t client_rest[] = {0, 0, 2, 0x13, 1, 1, 0, 0, 5, 0, 43, 0, 1, 0};
static const uint8_t server_hello[] = {0x16, 3, 3, 0, 50, 2, 0, 0, 46, 3, 3};
static const uint8_t server_rest[] = {0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4};

/* The client says something early, the server takes its session up; RSA with AES-128-GCM of TLS 1.2; both change keys.
 */
static const uint8_t early_hello[] = {0x16, 3, 1, 0, 56, 1, 0, 0, 52, 3, 3};
static const uint8_t early_rest[] = {0, 0, 2, 0x13, 1, 1, 0, 0, 9, 0, 43, 0, 1, 0, 0, 42, 0, 0};
static const uint8_t takes_hello[] = {0x16, 3, 3, 0, 56, 2, 0, 0, 52, 3, 3};
static const uint8_t takes_rest[] = {0, 0x13, 1, 0, 0, 12, 0, 43, 0, 2, 3, 4, 0, 41, 0, 2, 0, 0};
static const uint8_t old_hello[] = {0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3};
static const uint8_t old_rest[] = {0, 0, 2, 0, 0x9c, 1, 0, 0x14, 3, 3, 0, 1, 1};
static const uint8_t old_answer[] = {0x16, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3};
static const uint8_t old_answer_rest[] = {0, 0, 0x9c, 0, 0x14, 3, 3, 0, 1, 1};

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

/* The keys of one side of TLS 1.2: of the first handshake, or of the second. */
static void seal_anew(struct seal *s, bool server, bool second)
{
    uint8_t master[48], seed[13 + 64] = "key expansion", block[40];
    char digest[] = "SHA256";
    memset(master, second ? 7 : 6, sizeof master);
    memset(seed + 13, second ? 0x22 : 0, 32);
    memset(seed + 45, second ? 0x11 : 0, 32);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, sizeof master),
                           OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed), OSSL_PARAM_END};
    if (!context || EVP_KDF_derive(context, block, sizeof block, params) <= 0)
        abort();
    memcpy(s->key, block + (server ? 16 : 0), 16);
    memcpy(s->iv, block + 32 + (server ? 4 : 0), 4);
    s->sequence = 0;
    s->old = true;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

/* The same as seal(), of TLS 1.2: the number of the record goes with it. */
static size_t seal_old(struct seal *s, uint8_t type, struct bytes text, uint8_t *to)
{
    uint8_t nonce[12], head[13];
    size_t all = 8 + text.len + 16;
    int n = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    for (int i = 0; i < 8; i++)
        head[i] = (uint8_t)(s->sequence >> 8 * (7 - i));
    s->sequence++;
    memcpy(head + 8, (uint8_t[]){type, 3, 3, (uint8_t)(text.len >> 8), (uint8_t)text.len}, 5);
    memcpy(nonce, s->iv, 4);
    memcpy(nonce + 4, head, 8);
    memcpy(to, (uint8_t[]){type, 3, 3, (uint8_t)(all >> 8), (uint8_t)all}, 5);
    memcpy(to + 5, head, 8);
    bool ok = EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, s->key, nonce) &&
              EVP_EncryptUpdate(context, NULL, &n, head, sizeof head) &&
              EVP_EncryptUpdate(context, to + 13, &n, text.data, (int)text.len) &&
              EVP_EncryptFinal_ex(context, to + 13 + text.len, &n) &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, to + 13 + text.len);
    EVP_CIPHER_CTX_free(context);
    if (!ok)
        abort();
    return 5 + all;
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

static uint8_t type_of(unsigned what)
{
    return what == SEAL_HANDSHAKE ? TYPE_HANDSHAKE
           : what == SEAL_ALERT   ? TYPE_ALERT
           : what == SEAL_CHANGE  ? TYPE_CHANGE
                                  : TYPE_APPLICATION;
}

/* The keys that follow what was said. */
static void seal_on(struct seal *s, bool server, unsigned what, struct bytes text)
{
    if (s->old && what == SEAL_CHANGE)
        seal_anew(s, server, true);
    else if (!s->old && what == SEAL_HANDSHAKE && text.len && text.data[0] == FINISHED)
        seal_with(s, server ? 4 : 3);
    else if (!s->old && what == SEAL_HANDSHAKE && text.len && text.data[0] == END_OF_EARLY && !server)
        seal_with(s, 1);
}

static void send_record(struct conversation *c, struct seal *s, unsigned how, unsigned what, struct bytes text)
{
    uint8_t *record = malloc(MOST + 512);
    size_t len = 0;
    text = bytes_part(text, 0, MOST);
    s->sequence += what == SEAL_AHEAD ? text.len % 200 : 0;
    if (what != SEAL_RAW && s->old)
        len = seal_old(s, type_of(what), text, record);
    else if (what != SEAL_RAW)
        len = seal(s, type_of(what), text, what == SEAL_PADDED ? text.len % 256 : 0, record);
    if (what == SEAL_DAMAGED)
        record[len - 1] ^= 1;
    conversation_turn(c, how, what == SEAL_RAW ? text : bytes_of(record, len));
    free(record);
    seal_on(s, (how & TURN_SERVER) != 0, what, text);
}

static void begin(struct conversation *c, struct seal *sides, unsigned mode)
{
    bool old = (mode & MODE_OLD) != 0, early = !old && (mode & MODE_EARLY);
    struct bytes client = bytes_of(client_hello, sizeof client_hello);
    struct bytes client_end = bytes_of(client_rest, sizeof client_rest);
    struct bytes server = bytes_of(server_hello, sizeof server_hello);
    struct bytes server_end = bytes_of(server_rest, sizeof server_rest);
    if (early) {
        client = bytes_of(early_hello, sizeof early_hello);
        client_end = bytes_of(early_rest, sizeof early_rest);
        server = bytes_of(takes_hello, sizeof takes_hello);
        server_end = bytes_of(takes_rest, sizeof takes_rest);
    } else if (old) {
        client = bytes_of(old_hello, sizeof old_hello);
        client_end = bytes_of(old_rest, sizeof old_rest);
        server = bytes_of(old_answer, sizeof old_answer);
        server_end = bytes_of(old_answer_rest, sizeof old_answer_rest);
    }
    hello(c, 0, client, client_end);
    hello(c, TURN_SERVER, server, server_end);
    for (int side = 0; side < 2; side++) {
        sides[side] = (struct seal){0};
        if (old)
            seal_anew(&sides[side], side, false);
        else
            seal_with(&sides[side], side ? 2 : early ? 5 : 1);
    }
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
    begin(&c, sides, data[0]);
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
