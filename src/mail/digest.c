/* Hashes of content. A context is kept when its digest ends: to make one takes longer than to hash a short part. */
#include "digest.h"
#include "base/memory.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum {
    KINDS = DIGEST_MD5 + 1,
    CONTEXT_COST = 400, /* of an EVP_MD_CTX and the provider's state, measured with OpenSSL 3.0 */
    IDLE_MOST = 64,     /* contexts that are kept for the next */
};

struct digest {
    EVP_MD_CTX *context;
    struct digests *pool;
    struct digest *next;
    enum digest_kind kind;
    bool failed;
};

struct digests {
    EVP_MD *algorithm[KINDS];
    bool is_fetched[KINDS]; /* or was not to be had */
    struct digest *idle[KINDS];
    size_t idle_count;
};

struct digests *digests_new(void)
{
    return memory_get(sizeof(struct digests));
}

/* To look one up takes long, and most runs need no MD5. */
static const EVP_MD *algorithm(struct digests *pool, enum digest_kind kind)
{
    static const char *const names[] = {[DIGEST_SHA256] = "SHA256", [DIGEST_MD5] = "MD5"};
    if (!pool->is_fetched[kind])
        pool->algorithm[kind] = EVP_MD_fetch(NULL, names[kind], NULL);
    pool->is_fetched[kind] = true;
    return pool->algorithm[kind];
}

static void free_digest(struct digest *d)
{
    EVP_MD_CTX_free(d->context);
    free(d);
}

void digests_free(struct digests *pool)
{
    if (!pool)
        return;
    for (size_t kind = 0; kind < KINDS; kind++) {
        while (pool->idle[kind]) {
            struct digest *d = pool->idle[kind];
            pool->idle[kind] = d->next;
            free_digest(d);
        }
        EVP_MD_free(pool->algorithm[kind]);
    }
    free(pool);
}

size_t digest_held(const struct digest *d)
{
    return memory_cost(sizeof(*d)) + CONTEXT_COST;
}

size_t digests_held(const struct digests *pool)
{
    return memory_cost(sizeof(*pool)) + pool->idle_count * (memory_cost(sizeof(struct digest)) + CONTEXT_COST);
}

static struct digest *take(struct digests *pool, enum digest_kind kind)
{
    struct digest *d = pool->idle[kind];
    if (d) {
        pool->idle[kind] = d->next;
        pool->idle_count--;
        return d;
    }
    d = memory_get(sizeof(*d));
    *d = (struct digest){.context = EVP_MD_CTX_new(), .pool = pool, .kind = kind};
    return d;
}

struct digest *digest_begin(struct digests *pool, enum digest_kind kind)
{
    const EVP_MD *md = algorithm(pool, kind);
    if (!md)
        return NULL;
    struct digest *d = take(pool, kind);
    if (d->context && EVP_DigestInit_ex2(d->context, md, NULL))
        return d;
    free_digest(d);
    return NULL;
}

void digest_push(struct digest *d, struct bytes more)
{
    if (more.len && !EVP_DigestUpdate(d->context, more.data, more.len))
        d->failed = true;
}

bool digest_end(struct digest *d, char hex[static DIGEST_HEX])
{
    uint8_t octets[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool ok = EVP_DigestFinal_ex(d->context, octets, &len) && !d->failed && 2 * len < DIGEST_HEX;
    *bytes_hex(hex, bytes_of(octets, ok ? len : 0)) = '\0';
    digest_drop(d);
    return ok;
}

void digest_drop(struct digest *d)
{
    if (!d)
        return;
    struct digests *pool = d->pool;
    if (d->failed || pool->idle_count == IDLE_MOST) {
        free_digest(d);
        return;
    }
    d->next = pool->idle[d->kind];
    pool->idle[d->kind] = d;
    pool->idle_count++;
}
