/* See secret_tag.h. */
#include "secret_tag.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/memory.h"

struct secret_tagger {
    EVP_MAC *mac;
    EVP_MAC_CTX *context; /* has the key, and wipes it when it is freed */
};

bool secret_key_draw(struct secret_key *ret)
{
    return getrandom(ret->octets, sizeof ret->octets, 0) == (ssize_t)sizeof ret->octets;
}

void secret_key_wipe(struct secret_key *k)
{
    OPENSSL_cleanse(k, sizeof *k);
}

struct secret_tagger *secret_tagger_new(const struct secret_key *key)
{
    if (!key)
        return NULL;
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};
    struct secret_tagger *t = memory_get(sizeof *t);
    t->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    t->context = t->mac ? EVP_MAC_CTX_new(t->mac) : NULL;
    if (t->context && EVP_MAC_init(t->context, key->octets, sizeof key->octets, params))
        return t;
    secret_tagger_free(t);
    return NULL;
}

void secret_tagger_free(struct secret_tagger *t)
{
    if (!t)
        return;
    EVP_MAC_CTX_free(t->context);
    EVP_MAC_free(t->mac);
    free(t);
}

bool secret_tag_make(struct secret_tagger *t, struct bytes secret, uint8_t tag[static RECORD_TAG_SIZE])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    size_t len = 0;
    bool made = t && EVP_MAC_init(t->context, NULL, 0, NULL) && EVP_MAC_update(t->context, secret.data, secret.len) &&
                EVP_MAC_final(t->context, mac, &len, sizeof mac) && len >= RECORD_TAG_SIZE;
    if (made)
        memcpy(tag, mac, RECORD_TAG_SIZE);
    OPENSSL_cleanse(mac, sizeof mac);
    return made;
}
