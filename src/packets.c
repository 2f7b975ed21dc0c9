/* Frames wait in a heap by their number; the least of them is written as soon as it is known to be mail and nothing
   before it can come any more. Those of undecided connections are also in lists by connection. */
#include "packets.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "capture/pcapng_write.h"
#include "output/transport.h"

enum { BLOCK_MOST = 64 << 20, TABLE_START = 64, INTERFACES_MOST = 1024 };

struct waiting { /* what is known of a connection that is not decided */
    struct waiting *chain;
    uint64_t connection;
    uint64_t dropped;    /* frames that there was no room for */
    struct kept *frames; /* of the heap, linked by next_of_holder, the latest first */
};

/* While a frame is here it is no open one: of its links `newer` goes to the next of the same connection. */
struct entry_of_heap {
    struct kept *frame;
    struct waiting *waiting; /* null: it is mail */
    char uid[UID_SIZE];
};

struct interface_of_file {
    uint16_t link;
    uint32_t iface;
};

struct packets {
    const struct options *options;
    void *file; /* of transport_file */
    bool open, gone;
    struct buf block;
    struct interface_of_file *interfaces;
    uint32_t interface_count, interface_last;
    struct entry_of_heap *heap;
    size_t count, cap;
    uint64_t held, most;
    uint64_t settled, floor; /* frames below floor are written or given up */
    struct waiting **table;
    size_t slots, waiting_count;
    uint64_t seed;
    uint64_t written, unwritten;
};

/* --- the file --- */

static bool is_input(const struct options *o)
{
    struct stat out, in;
    if (!strcmp(o->write, "-") || stat(o->write, &out) || !S_ISREG(out.st_mode))
        return false;
    for (unsigned i = 0; i < o->file_count; i++)
        if (strcmp(o->files[i], "-") != 0 && !stat(o->files[i], &in) && in.st_dev == out.st_dev &&
            in.st_ino == out.st_ino)
            return true;
    return false;
}

/* False: the file failed, and err says so; a reader that has gone is no failure. */
static bool settle(struct packets *p, bool sent)
{
    if (sent)
        return true;
    p->open = errno == EPIPE;
    p->gone = p->open;
    return p->gone;
}

static bool send(struct packets *p, struct error *err)
{
    if (!p->open || p->gone)
        return true;
    errno = 0;
    return settle(p, transport_file.send(p->file, buf_bytes(&p->block), err));
}

struct packets *packets_open(const struct options *o, struct error *err)
{
    if (is_input(o)) {
        error_set(err, "-w would overwrite '%.256s', which is read", o->write);
        return NULL;
    }
    struct packets *p = memory_get(sizeof *p);
    p->options = o;
    p->most = o->engine.limits.write;
    p->settled = UINT64_MAX;
    p->slots = TABLE_START;
    p->table = memory_get(p->slots * sizeof(struct waiting *));
    buf_init(&p->block, BLOCK_MOST);
    p->file = memory_get(transport_file.state_size);
    if (getrandom(&p->seed, sizeof p->seed, GRND_NONBLOCK) < 0) /* nothing that is written depends on it */
        p->seed = (uintptr_t)p;
    mode_t before = umask(S_IRWXG | S_IRWXO); /* whole messages are in there */
    p->open = transport_file.open(p->file, o->write, err);
    umask(before);
    if (p->open) {
        pcapng_write_section(&p->block, "mailtap " MAILTAP_VERSION);
        if (send(p, err))
            return p;
    }
    packets_abandon(p);
    return NULL;
}

static bool is_interface(const struct interface_of_file *i, uint16_t link, uint32_t iface)
{
    return i->link == link && i->iface == iface;
}

/* Its number in the file; it is described there where it is new. Beyond a number of them only links are told apart. */
static uint32_t interface_of(struct packets *p, const struct frame *frame)
{
    uint32_t iface = p->interface_count < INTERFACES_MOST ? frame->iface : 0;
    if (p->interface_count && is_interface(&p->interfaces[p->interface_last], frame->link, iface))
        return p->interface_last;
    for (uint32_t i = 0; i < p->interface_count; i++)
        if (is_interface(&p->interfaces[i], frame->link, iface))
            return p->interface_last = i;
    const struct options *o = p->options;
    bool named = o->interface_count && frame->iface < o->interface_count;
    p->interfaces = memory_resize(p->interfaces, (p->interface_count + 1) * sizeof *p->interfaces);
    p->interfaces[p->interface_count] = (struct interface_of_file){frame->link, iface};
    p->interface_last = p->interface_count++;
    pcapng_write_interface(&p->block, frame->link, named ? o->interfaces[frame->iface] : NULL);
    return p->interface_last;
}

static bool write_frame(struct packets *p, const struct entry_of_heap *e, struct error *err)
{
    buf_reset(&p->block);
    uint32_t interface = interface_of(p, &e->frame->frame);
    pcapng_write_frame(&p->block, &e->frame->frame, interface, e->uid);
    p->written++;
    return send(p, err);
}

/* --- the heap --- */

static void put_at(struct packets *p, size_t at, const struct entry_of_heap *e)
{
    p->heap[at] = *e;
    e->frame->place = at;
}

static void rise(struct packets *p, size_t at)
{
    struct entry_of_heap e = p->heap[at];
    for (size_t up; at && p->heap[up = (at - 1) / 2].frame->frame.number > e.frame->frame.number; at = up)
        put_at(p, at, &p->heap[up]);
    put_at(p, at, &e);
}

static void sink(struct packets *p, size_t at)
{
    struct entry_of_heap e = p->heap[at];
    for (size_t down; (down = 2 * at + 1) < p->count; at = down) {
        if (down + 1 < p->count && p->heap[down + 1].frame->frame.number < p->heap[down].frame->frame.number)
            down++;
        if (p->heap[down].frame->frame.number > e.frame->frame.number)
            break;
        put_at(p, at, &p->heap[down]);
    }
    put_at(p, at, &e);
}

static void heap_add(struct packets *p, const struct entry_of_heap *e)
{
    if (p->count == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->heap = memory_resize(p->heap, p->cap * sizeof *p->heap);
    }
    p->heap[p->count] = *e;
    rise(p, p->count++);
    p->held += kept_cost(e->frame);
}

/* The frame is freed. */
static void heap_remove(struct packets *p, size_t at)
{
    struct kept *frame = p->heap[at].frame;
    p->held -= kept_cost(frame);
    p->count--;
    if (at < p->count) {
        put_at(p, at, &p->heap[p->count]);
        rise(p, at);
        sink(p, p->heap[at].frame->place);
    }
    free(frame);
}

/* --- connections that are not decided --- */

static struct waiting **slot_of(const struct packets *p, uint64_t connection)
{
    uint64_t mixed = (connection ^ p->seed) * UINT64_C(0x9e3779b97f4a7c15);
    return &p->table[mixed >> 32 & (p->slots - 1)];
}

static void grow(struct packets *p)
{
    struct waiting **old = p->table;
    size_t slots = p->slots;
    p->slots *= 2;
    p->table = memory_get(p->slots * sizeof(struct waiting *));
    for (size_t i = 0; i < slots; i++)
        for (struct waiting *w = old[i], *next; w; w = next) {
            struct waiting **slot = slot_of(p, w->connection);
            next = w->chain;
            w->chain = *slot;
            *slot = w;
        }
    free(old);
}

static struct waiting **find(const struct packets *p, uint64_t connection)
{
    struct waiting **at = slot_of(p, connection);
    while (*at && (*at)->connection != connection)
        at = &(*at)->chain;
    return at;
}

static struct waiting *waiting_of(struct packets *p, uint64_t connection)
{
    struct waiting *w = *find(p, connection);
    if (w)
        return w;
    if (p->waiting_count++ == p->slots)
        grow(p);
    w = memory_get(sizeof *w);
    w->connection = connection;
    struct waiting **slot = slot_of(p, connection);
    w->chain = *slot;
    *slot = w;
    return w;
}

/* Its frames are mail's, or nobody's. */
static void decide(struct packets *p, const struct belonging *of)
{
    if (!p->waiting_count)
        return;
    struct waiting **at = find(p, of->connection), *w = *at;
    if (!w)
        return;
    for (struct kept *frame = w->frames, *next; frame; frame = next) {
        next = frame->next_of_holder;
        if (of->fate == FATE_MAIL) {
            p->heap[frame->place].waiting = NULL;
            memcpy(p->heap[frame->place].uid, of->uid, UID_SIZE);
        } else {
            heap_remove(p, frame->place);
        }
    }
    if (of->fate == FATE_MAIL)
        p->unwritten += w->dropped;
    *at = w->chain;
    p->waiting_count--;
    free(w);
}

/* --- the way of a frame --- */

static void drop(struct packets *p, struct waiting *w)
{
    ++*(w ? &w->dropped : &p->unwritten);
}

static void add(struct packets *p, struct kept *frame, const struct belonging *of)
{
    struct waiting *w = of->fate == FATE_OPEN ? waiting_of(p, of->connection) : NULL;
    if (of->fate == FATE_OTHER) {
        free(frame);
        return;
    }
    if (frame->frame.number < p->floor) { /* a fragment that was waited for too long */
        drop(p, w);
        free(frame);
        return;
    }
    struct entry_of_heap e = {.frame = frame, .waiting = w};
    memcpy(e.uid, of->uid, UID_SIZE);
    frame->older = frame->newer = NULL;
    frame->next_of_holder = NULL;
    if (w) { /* both ways, since the limit takes them out at the old end */
        frame->next_of_holder = w->frames;
        if (w->frames)
            w->frames->newer = frame;
        w->frames = frame;
    }
    heap_add(p, &e);
}

static void forget_waiting(struct waiting *w, const struct kept *frame)
{
    if (frame->next_of_holder)
        frame->next_of_holder->newer = frame->newer;
    *(frame->newer ? &frame->newer->next_of_holder : &w->frames) = frame->next_of_holder;
}

/* Takes the least out: to the file, or it is given up. */
static bool pop(struct packets *p, struct error *err)
{
    const struct entry_of_heap *e = &p->heap[0];
    bool well = true;
    p->floor = e->frame->frame.number + 1;
    if (e->waiting) {
        drop(p, e->waiting);
        forget_waiting(e->waiting, e->frame);
    } else {
        well = write_frame(p, e, err);
    }
    heap_remove(p, 0);
    return well;
}

static bool drain(struct packets *p, struct error *err)
{
    bool well = true;
    while (p->count && ((!p->heap[0].waiting && p->heap[0].frame->frame.number < p->settled) || p->held > p->most))
        well &= pop(p, well ? err : NULL);
    return well;
}

bool packets_take(struct packets *p, struct written *written, struct error *err)
{
    if (written->of.fate != FATE_OPEN)
        decide(p, &written->of);
    for (struct kept *frame = written->frames, *next; frame; frame = next) {
        next = frame->next;
        add(p, frame, &written->of);
    }
    if (written->frames)
        p->settled = written->settled;
    free(written);
    return drain(p, err);
}

bool packets_flush(struct packets *p, struct error *err)
{
    if (!p || !p->open || p->gone)
        return true;
    errno = 0;
    return settle(p, transport_file.flush(p->file, err));
}

bool packets_left(const struct packets *p)
{
    return !p->gone;
}

void packets_counts(const struct packets *p, uint64_t *written, uint64_t *unwritten)
{
    *written += p->written;
    *unwritten += p->unwritten;
}

bool packets_finish(struct packets *p, struct error *err)
{
    bool well = true;
    p->settled = UINT64_MAX;
    while (p->count)
        well &= pop(p, well ? err : NULL);
    if (!p->open || p->gone)
        return well;
    p->open = false;
    errno = 0;
    return (transport_file.close(p->file, well ? err : NULL) || errno == EPIPE) && well;
}

void packets_abandon(struct packets *p)
{
    if (!p)
        return;
    while (p->count)
        heap_remove(p, p->count - 1);
    for (size_t i = 0; i < p->slots; i++)
        for (struct waiting *w = p->table[i], *next; w; w = next) {
            next = w->chain;
            free(w);
        }
    if (p->open)
        transport_file.close(p->file, NULL);
    buf_release(&p->block);
    free(p->interfaces);
    free(p->table);
    free(p->heap);
    free(p->file);
    free(p);
}
