/* What the sessions of one engine share, so that the steady state allocates little: records for commands under way, a
   context for hashing. */
#include "base/memory.h"
#include "session_private.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define SPARE_MOST 16   /* records kept */
#define SPARE_SIZE 2048 /* octets that one that is kept may have held */

struct session_pool {
    EVP_MD *sha1;
    EVP_MD_CTX *context;
    struct record *spare[SPARE_MOST];
    unsigned spare_count;
    struct awake awake;
};

struct session_pool *session_pool_new(size_t awake)
{
    struct session_pool *pool = memory_get(sizeof *pool);
    pool->awake.most = awake;
    buf_init(&pool->awake.about, ABOUT_MOST);
    buf_init(&pool->awake.entries, ENTRIES_MOST);
    pool->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    pool->context = EVP_MD_CTX_new();
    return pool;
}

void session_pool_free(struct session_pool *pool)
{
    while (pool->spare_count)
        record_free(pool->spare[--pool->spare_count]);
    buf_release(&pool->awake.about);
    buf_release(&pool->awake.entries);
    free(pool->awake.stream);
    free(pool->awake.dictionary);
    EVP_MD_CTX_free(pool->context);
    EVP_MD_free(pool->sha1);
    free(pool);
}

struct awake *session_pool_awake(struct session_pool *pool)
{
    return &pool->awake;
}

size_t session_pool_held(const struct session_pool *pool)
{
    return pool->awake.held + pool->awake.resting;
}

struct record *session_pool_fields(const struct session_settings *settings)
{
    struct session_pool *pool = settings->pool;
    return pool->spare_count ? pool->spare[--pool->spare_count] : record_new(KIND_session, settings->limits);
}

void session_pool_return(const struct session_settings *settings, struct record *fields)
{
    struct session_pool *pool = settings->pool;
    if (pool->spare_count == SPARE_MOST || record_size(fields) > SPARE_SIZE) {
        record_free(fields);
        return;
    }
    record_reset(fields);
    pool->spare[pool->spare_count++] = fields;
}

void session_pool_sha1(struct session_pool *pool, const uint8_t *data, size_t len, uint8_t digest[static SHA1_SIZE])
{
    bool ok = EVP_DigestInit_ex2(pool->context, pool->sha1, NULL) && EVP_DigestUpdate(pool->context, data, len) &&
              EVP_DigestFinal_ex(pool->context, digest, NULL);
    if (!ok) /* a system whose policy forbids SHA-1 */
        memset(digest, 0, SHA1_SIZE);
}
