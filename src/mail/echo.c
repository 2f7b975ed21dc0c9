/* Recognises repeated secrets by a keyed hash. The hash is a polynomial in a random key modulo the prime 2^61 - 1,
   because that one can roll: all windows of a text cost one pass for each length. Two different strings of n octets
   have the same hash for at most n of the 2^61 keys. */
#include "echo.h"

#include "base/memory.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

struct echo_secret {
    uint64_t hash;
    uint64_t lead; /* key to the power of len - 1: what the octet that leaves the window weighs */
    size_t len;
};

__extension__ typedef unsigned __int128 wide;

#define PRIME ((UINT64_C(1) << 61) - 1)

static uint64_t multiply(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    uint64_t sum = (uint64_t)(product & PRIME) + (uint64_t)(product >> 61);
    return sum >= PRIME ? sum - PRIME : sum;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum = a + b;
    return sum >= PRIME ? sum - PRIME : sum;
}

/* Octets count as 1 to 256, so that leading zeros weigh something. */
static uint64_t weight(uint8_t c)
{
    return c + UINT64_C(1);
}

static uint64_t key_new(void)
{
    uint64_t key;
    if (getrandom(&key, sizeof key, GRND_NONBLOCK) != sizeof key) {
        /* Early at boot there is none yet: a key that can be guessed is better than a stop. */
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        key = (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)now.tv_sec;
    }
    return key % (PRIME - 1024) + 512;
}

void echo_init(struct echo *e)
{
    *e = (struct echo){0};
}

void echo_release(struct echo *e)
{
    free(e->secrets);
    echo_init(e);
}

size_t echo_held(const struct echo *e)
{
    size_t room = e->count ? 1 : 0;
    while (room < e->count)
        room *= 2;
    return memory_cost(room * sizeof *e->secrets);
}

static void remember(struct echo *e, struct bytes secret)
{
    if (!e->count)
        e->key = key_new();
    struct echo_secret s = {.lead = 1, .len = secret.len};
    for (size_t i = 0; i < secret.len; i++) {
        s.hash = add(multiply(s.hash, e->key), weight(secret.data[i]));
        if (i)
            s.lead = multiply(s.lead, e->key);
    }
    for (unsigned i = 0; i < e->count; i++)
        if (e->secrets[i].len == s.len && e->secrets[i].hash == s.hash)
            return;
    if (e->count == ECHO_SECRETS) {
        e->full = true;
        return;
    }
    if (!(e->count & (e->count - 1))) /* grows at 0, 1, 2, 4, 8 */
        e->secrets = memory_resize(e->secrets, (e->count ? e->count * 2u : 1u) * sizeof s);
    e->secrets[e->count++] = s;
}

void echo_add(struct echo *e, struct bytes secret)
{
    if (secret.len > ECHO_TEXT_MOST)
        e->too_long = true;
    if (secret.len >= 2 * ECHO_BEGINNING && !e->full)
        remember(e, bytes_part(secret, 0, ECHO_BEGINNING)); /* a server may repeat it cut */
    if (secret.len >= ECHO_LEAST && secret.len <= ECHO_TEXT_MOST && !e->full)
        remember(e, secret);
}

static bool occurs(const struct echo_secret *s, uint64_t key, struct bytes text)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (i >= s->len)
            hash = add(hash, PRIME - multiply(weight(text.data[i - s->len]), s->lead));
        hash = add(multiply(hash, key), weight(text.data[i]));
        if (i + 1 >= s->len && hash == s->hash)
            return true;
    }
    return false;
}

bool echo_found(const struct echo *e, struct bytes text)
{
    if (text.len > ECHO_TEXT_MOST)
        return e->count || e->too_long;
    if (e->full)
        return true;
    for (unsigned i = 0; i < e->count; i++)
        if (e->secrets[i].len <= text.len && occurs(&e->secrets[i], e->key, text))
            return true;
    return false;
}
