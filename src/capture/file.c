/* Capture files as a source: which format it is, and the filter. libpcap compiles and runs filters here; it does not
   read the file, since it can tell neither offsets nor several link types. */
#include "file.h"

#include "base/memory.h"
#include "link_type.h"
#include "source_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <unistd.h>

#define FILTERS_MAX 64 /* link types in one file that a filter is kept for */

struct file_filter {
    uint16_t link;
    bool usable; /* false: the expression makes no sense for this link type, so nothing matches */
    struct bpf_program program;
};

struct file_source {
    struct source source;
    struct window in;
    struct piece *pieces; /* null: it is not read by turns */
    unsigned piece_count;
    bool is_pcapng;
    struct classic classic;
    struct pcapng pcapng;
    enum source_status ended; /* SOURCE_END or SOURCE_BROKEN, for good; SOURCE_FRAME before */
    struct error why;
    char *expression; /* null: no filter */
    struct file_filter *filters;
    unsigned filter_count;
};

/* Frames copied in turn from several interfaces change the link type often: compiled once, found by number. */
static bool compile(struct file_filter *filter, const char *expression, struct error *err)
{
    pcap_t *p = pcap_open_dead(link_to_dlt(filter->link), (int)FRAME_MAX);
    if (!p)
        return error_set(err, "the filter cannot be compiled: out of memory");
    filter->usable = pcap_compile(p, &filter->program, expression, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!filter->usable)
        error_set(err, "the filter \"%s\" cannot be used: %s", expression, pcap_geterr(p));
    pcap_close(p);
    return filter->usable;
}

static struct file_filter *filter_for(struct file_source *src, uint16_t link, struct error *err)
{
    for (unsigned i = 0; i < src->filter_count; i++)
        if (src->filters[i].link == link)
            return &src->filters[i];
    if (src->filter_count == FILTERS_MAX)
        return NULL;
    src->filters = memory_resize(src->filters, (src->filter_count + 1) * sizeof *src->filters);
    struct file_filter *filter = &src->filters[src->filter_count++];
    *filter = (struct file_filter){.link = link};
    compile(filter, src->expression, err);
    return filter;
}

static bool matches(struct file_source *src, const struct frame *frame)
{
    struct file_filter *filter = filter_for(src, frame->link, NULL);
    if (!filter || !filter->usable)
        return false;
    struct pcap_pkthdr header = {.caplen = (bpf_u_int32)frame->data.len, .len = frame->wire};
    return pcap_offline_filter(&filter->program, &header, frame->data.data) != 0;
}

static void forget_filters(struct file_source *src)
{
    for (unsigned i = 0; i < src->filter_count; i++)
        if (src->filters[i].usable)
            pcap_freecode(&src->filters[i].program);
    free(src->filters);
    free(src->expression);
    src->filters = NULL;
    src->expression = NULL;
    src->filter_count = 0;
}

static bool file_filter(struct source *source, const char *expression, struct error *err)
{
    struct file_source *src = (struct file_source *)source;
    forget_filters(src);
    src->expression = memory_string(expression);
    uint16_t link = LINK_ETHERNET;
    if (!src->is_pcapng)
        link = src->classic.link;
    else if (src->pcapng.interface_count)
        link = src->pcapng.interfaces[0].link;
    const struct file_filter *filter = filter_for(src, link, err);
    return filter && filter->usable;
}

static enum source_status next_unfiltered(struct file_source *src, struct frame *frame, struct error *err)
{
    if (src->is_pcapng)
        return pcapng_next(&src->pcapng, &src->in, frame, err);
    return classic_next(&src->classic, &src->in, frame, err);
}

/* Any frame; and what stops the source stops it for good. */
static __attribute__((noinline)) enum source_status next_any(struct file_source *src, struct frame *frame,
                                                             struct error *err)
{
    if (src->ended == SOURCE_FRAME) {
        struct error why;
        enum source_status s;
        do
            s = next_unfiltered(src, frame, &why);
        while (s == SOURCE_FRAME && src->expression && !matches(src, frame));
        if (s == SOURCE_FRAME || s == SOURCE_IDLE)
            return s;
        src->ended = s;
        if (s == SOURCE_BROKEN)
            error_set(&src->why, "\"%s\" %s", src->source.name, why.text);
    }
    if (src->ended == SOURCE_BROKEN && err)
        *err = src->why;
    return src->ended;
}

static bool is_usual(struct file_source *src, struct frame *frame)
{
    if (src->is_pcapng)
        return pcapng_usual(&src->pcapng, &src->in, frame);
    return classic_usual(&src->classic, &src->in, frame);
}

static enum source_status file_next(struct source *source, struct frame *frame, struct error *err)
{
    struct file_source *src = (struct file_source *)source;
    bool plain = src->ended == SOURCE_FRAME && !src->expression;
    if (!plain || !is_usual(src, frame))
        return next_any(src, frame, err);
    /* The next header: the processor cannot foresee where it is, as that hangs on this frame's length. */
    const uint8_t *behind = frame->data.data + frame->data.len;
    __builtin_prefetch(behind);
    __builtin_prefetch(behind + 64);
    return SOURCE_FRAME;
}

static bool file_by_turns(struct source *source, unsigned rooms)
{
    struct file_source *src = (struct file_source *)source;
    src->pieces = memory_get(rooms * sizeof *src->pieces);
    if (window_in_pieces(&src->in, src->pieces, rooms))
        src->piece_count = rooms;
    return src->piece_count;
}

static void file_fetch(struct source *source, uint64_t n, unsigned room)
{
    struct file_source *src = (struct file_source *)source;
    piece_read(&src->pieces[room], n);
}

static struct bytes file_turn(struct source *source, unsigned room)
{
    struct file_source *src = (struct file_source *)source;
    return window_put(&src->in, &src->pieces[room]);
}

static void file_turn_over(struct source *source)
{
    struct file_source *src = (struct file_source *)source;
    window_out(&src->in);
}

static void file_free(struct source *source)
{
    struct file_source *src = (struct file_source *)source;
    for (unsigned i = 0; i < src->piece_count; i++)
        piece_release(&src->pieces[i]);
    free(src->pieces);
    forget_filters(src);
    pcapng_release(&src->pcapng);
    window_release(&src->in);
    free(src);
}

/* What else users may have, and what to do with it. */
static bool refuse(const uint8_t *head, size_t len, struct error *err)
{
    static const struct {
        const char *magic;
        size_t len;
        const char *what, *advice;
    } known[] = {
        {"snoop\0\0\0", 8, "a snoop file", "convert it with editcap -F pcapng"},
        {"GMBU", 4, "a Network Monitor file", "convert it with editcap -F pcapng"},
        {"RTSS", 4, "a Network Monitor file", "convert it with editcap -F pcapng"},
        {"TRSNIFF data", 12, "a Sniffer file", "convert it with editcap -F pcapng"},
        {"XCP\0", 4, "a NetXRay file", "convert it with editcap -F pcapng"},
        {"iptrace ", 8, "an iptrace file", "convert it with editcap -F pcapng"},
        {"\x1c\0\x01\xac", 4, "an lcap file", "convert it with editcap -F pcapng"},
        {"\xac\x01\0\x1c", 4, "an lcap file", "convert it with editcap -F pcapng"},
        {"BZh", 3, "compressed by bzip2", "use bzip2 -dc and a pipe"},
        {"PK\x03\x04", 4, "a zip archive", "unpack it first"},
        {"!\x02L\x18", 4, "compressed by an old lz4", "use lz4 -dc and a pipe"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (len >= known[i].len && !memcmp(head, known[i].magic, known[i].len))
            return error_set(err, "is %s, not pcap or pcapng; %s", known[i].what, known[i].advice);
    return error_set(err, "is no capture file that can be read: pcap and pcapng can, also compressed by gzip, zstd, "
                          "lz4 or xz; editcap -F pcapng converts most others");
}

static bool open_format(struct file_source *src, struct error *err)
{
    struct window *in = &src->in;
    switch (window_want(in, CLASSIC_HEADER)) {
    case WINDOW_READY:
        break;
    case WINDOW_AGAIN:
        return error_set(err, "was not read: interrupted before it began");
    case WINDOW_BROKEN:
        return error_set(err, "%s", in->why.text);
    case WINDOW_END: /* every whole file, even one without frames, is longer */
        if (in->from == in->to)
            return error_set(err, "is empty: not even a file header was written to it");
        if (in->to < 4 || classic_is(window_at(in)) || pcapng_is(window_at(in)))
            return error_set(err, "is truncated: it ends at offset %zu, inside the file header", in->to);
        return refuse(window_at(in), in->to, err);
    }
    const uint8_t *head = window_at(in);
    src->is_pcapng = pcapng_is(head);
    if (src->is_pcapng) {
        pcapng_open(&src->pcapng, in);
        return true;
    }
    if (!classic_is(head))
        return refuse(head, in->to, err);
    if (!classic_open(&src->classic, head, err))
        return false;
    window_take(in, CLASSIC_HEADER);
    return true;
}

struct source *source_open_fd(int fd, const char *name, struct error *err)
{
    static const struct source_ops ops = {.next = file_next,
                                          .filter = file_filter,
                                          .by_turns = file_by_turns,
                                          .fetch = file_fetch,
                                          .turn = file_turn,
                                          .turn_over = file_turn_over,
                                          .free = file_free};
    struct file_source *src = memory_get(sizeof *src);
    src->source = (struct source){.ops = &ops, .name = memory_string(name)};
    src->ended = SOURCE_FRAME;
    window_init(&src->in, unpack_new(fd));
    struct error why;
    if (open_format(src, &why))
        return &src->source;
    error_set(err, "\"%s\" %s", name, why.text);
    source_free(&src->source);
    return NULL;
}

struct source *source_open_file(const char *path, struct error *err)
{
    bool standard_input = !strcmp(path, "-");
    int fd = standard_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        error_set(err, "\"%s\" cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    if (isatty(fd)) {
        error_set(err, "\"%s\" is a terminal: a capture is expected, as in tcpdump -w - | mailtap -r -", path);
        close(fd);
        return NULL;
    }
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return source_open_fd(fd, path, err);
}
