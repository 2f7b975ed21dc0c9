/* Key logs. One open table; a secret is found by its label and the random of the client, which are drawn by machines of
   others: they are hashed with a seed. */
#include "keylog.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <xxhash.h>

#define LINE_MOST  512 /* octets: the longest label, random and secret take 230 */
#define PIECE      65536
#define FIRST_SIZE 64

struct entry {
    uint8_t random[KEYLOG_RANDOM];
    uint8_t label;
    struct secret secret; /* len 0: the entry is free */
};

struct keylog {
    pthread_mutex_t lock; /* where it grows */
    int fd;               /* -1: it does not */
    uint64_t most, seed;
    struct entry *entries;
    size_t size, used; /* size: a power of two */
    struct keylog_counts counts;
    char line[LINE_MOST]; /* the one that has not ended yet */
    size_t line_len;
    bool too_long; /* the rest of it is passed over */
};

static const char *const labels[] = {
    [KEYLOG_MASTER] = "CLIENT_RANDOM",
    [KEYLOG_CLIENT_EARLY] = "CLIENT_EARLY_TRAFFIC_SECRET",
    [KEYLOG_CLIENT_HANDSHAKE] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    [KEYLOG_SERVER_HANDSHAKE] = "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    [KEYLOG_CLIENT_TRAFFIC] = "CLIENT_TRAFFIC_SECRET_0",
    [KEYLOG_SERVER_TRAFFIC] = "SERVER_TRAFFIC_SECRET_0",
};

/* Those of which nothing is needed. */
static const char *const others[] = {"EXPORTER_SECRET", "EARLY_EXPORTER_SECRET", "RSA"};

struct keylog *keylog_new(uint64_t most)
{
    struct keylog *k = memory_get(sizeof *k);
    pthread_mutex_init(&k->lock, NULL);
    k->fd = -1;
    k->most = most;
    k->size = FIRST_SIZE;
    k->entries = memory_get(k->size * sizeof *k->entries);
    if (getrandom(&k->seed, sizeof k->seed, GRND_NONBLOCK) < 0)
        k->seed = (uintptr_t)k;
    return k;
}

void keylog_close(struct keylog *k)
{
    if (!k)
        return;
    if (k->fd >= 0)
        close(k->fd);
    explicit_bzero(k->entries, k->size * sizeof *k->entries);
    free(k->entries);
    pthread_mutex_destroy(&k->lock);
    explicit_bzero(k, sizeof *k);
    free(k);
}

bool keylog_grows(const struct keylog *k)
{
    return k->fd >= 0;
}

/* --- the table --- */

/* Where it stands, or the free entry where it would. */
static struct entry *place_of(const struct keylog *k, enum keylog_label label, const uint8_t *random)
{
    size_t i = (size_t)XXH3_64bits_withSeed(random, KEYLOG_RANDOM, k->seed + (uint64_t)label);
    for (;; i++) {
        struct entry *e = &k->entries[i & (k->size - 1)];
        if (!e->secret.len || (e->label == label && !memcmp(e->random, random, KEYLOG_RANDOM)))
            return e;
    }
}

static void grow(struct keylog *k)
{
    struct entry *old = k->entries;
    size_t size = k->size;
    k->size *= 2;
    k->entries = memory_get(k->size * sizeof *k->entries);
    for (size_t i = 0; i < size; i++)
        if (old[i].secret.len)
            *place_of(k, (enum keylog_label)old[i].label, old[i].random) = old[i];
    explicit_bzero(old, size * sizeof *old);
    free(old);
}

/* The later of two is the one that counts. */
static void add(struct keylog *k, const struct entry *e)
{
    struct entry *place = place_of(k, (enum keylog_label)e->label, e->random);
    if (!place->secret.len && k->used == k->most) {
        k->counts.omitted++;
        return;
    }
    k->counts.secrets++;
    k->used += !place->secret.len;
    *place = *e;
    if (k->used * 4 > k->size * 3)
        grow(k);
}

/* --- reading --- */

static int digit_of(uint8_t c)
{
    c = byte_upper(c);
    return byte_is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool unhex(struct bytes text, uint8_t *to, size_t least, size_t most, uint8_t *len)
{
    if (text.len % 2 || text.len / 2 < least || text.len / 2 > most)
        return false;
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = digit_of(text.data[2 * i]), low = digit_of(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i] = (uint8_t)(high << 4 | low);
    }
    *len = (uint8_t)(text.len / 2);
    return true;
}

static bool is_one_of(struct bytes word, const char *const *words, size_t count, size_t *which)
{
    for (*which = 0; *which < count; ++*which)
        if (bytes_equal(word, bytes_of_string(words[*which])))
            return true;
    return false;
}

static void take_line(struct keylog *k, struct bytes line)
{
    struct entry e = {0};
    size_t which;
    uint8_t random_len;
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    struct bytes label = bytes_word(&line), random = bytes_word(&line), secret = bytes_word(&line);
    if (!label.len || label.data[0] == '#' || is_one_of(label, others, sizeof others / sizeof *others, &which))
        return;
    bool ok = is_one_of(label, labels, sizeof labels / sizeof *labels, &which) &&
              unhex(random, e.random, KEYLOG_RANDOM, KEYLOG_RANDOM, &random_len) &&
              unhex(secret, e.secret.octets, 16, KEYLOG_SECRET, &e.secret.len) && !bytes_trim(line).len;
    e.label = (uint8_t)which;
    if (ok)
        add(k, &e);
    k->counts.others += !ok;
    explicit_bzero(&e, sizeof e);
}

void keylog_take(struct keylog *k, struct bytes text)
{
    while (text.len) {
        size_t end = bytes_index(text, '\n'), room = sizeof k->line - k->line_len;
        size_t len = end < room ? end : room;
        memcpy(k->line + k->line_len, text.data, len);
        k->line_len += len;
        k->too_long |= len < end;
        if (end == text.len)
            return;
        if (!k->too_long)
            take_line(k, bytes_of(k->line, k->line_len));
        k->counts.others += k->too_long;
        k->line_len = 0;
        k->too_long = false;
        text = bytes_part(text, end + 1, SIZE_MAX);
    }
}

/* What there is to be read now. False: it cannot be read. */
static bool read_on(struct keylog *k, int fd)
{
    uint8_t *piece = memory_get(PIECE);
    ssize_t n;
    while ((n = read(fd, piece, PIECE)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            keylog_take(k, bytes_of(piece, (size_t)n));
    explicit_bzero(piece, PIECE);
    free(piece);
    return !n;
}

struct keylog *keylog_open(const char *path, uint64_t most, bool grows, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        error_set(err, "cannot read '%.256s': %s", path, strerror(errno));
        return NULL;
    }
    struct keylog *k = keylog_new(most);
    if (!read_on(k, fd)) {
        error_set(err, "cannot read '%.256s': %s", path, strerror(errno));
        close(fd);
        keylog_close(k);
        return NULL;
    }
    if (grows) {
        k->fd = fd;
        return k;
    }
    close(fd);
    if (k->line_len && !k->too_long) /* without a line end */
        take_line(k, bytes_of(k->line, k->line_len));
    k->line_len = 0;
    return k;
}

static bool find(const struct keylog *k, enum keylog_label label, const uint8_t *random, struct secret *ret)
{
    const struct entry *e = place_of(k, label, random);
    *ret = e->secret;
    return ret->len != 0;
}

bool keylog_find(struct keylog *k, enum keylog_label label, const uint8_t random[static KEYLOG_RANDOM],
                 struct secret *ret)
{
    if (k->fd < 0)
        return find(k, label, random, ret);
    pthread_mutex_lock(&k->lock);
    bool found = find(k, label, random, ret);
    if (!found && read_on(k, k->fd))
        found = find(k, label, random, ret);
    pthread_mutex_unlock(&k->lock);
    return found;
}

struct keylog_counts keylog_count(struct keylog *k)
{
    pthread_mutex_lock(&k->lock);
    struct keylog_counts counts = k->counts;
    pthread_mutex_unlock(&k->lock);
    return counts;
}
