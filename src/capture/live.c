/* Interfaces as a source, through libpcap. */
#include "base/buf.h"
#include "base/memory.h"
#include "link_type.h"
#include "source_ops.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <unistd.h>

#define WAIT_MS     100
#define BUFFER_SIZE (64 << 20)
#define LIST_MAX    65536

struct live_source {
    struct source source;
    pcap_t *handle;
    uint16_t link;
    int64_t fraction; /* ns in a unit of tv_usec */
    struct pcap_stat last;
    struct source_counts sum; /* libpcap counts in 32 bits, which wrap */
};

static void list_names(struct buf *list)
{
    char why[PCAP_ERRBUF_SIZE];
    pcap_if_t *all = NULL;
    if (pcap_findalldevs(&all, why) == 0)
        for (const pcap_if_t *i = all; i; i = i->next) {
            buf_add_string(list, list->len ? ", " : "");
            buf_add_string(list, i->name);
        }
    pcap_freealldevs(all);
    buf_add_byte(list, 0);
}

static void no_such_interface(const char *interface, struct error *err)
{
    struct buf list;
    buf_init(&list, 300);
    list_names(&list);
    if (list.cut)
        list.data[list.len - 1] = 0;
    error_set(err, "there is no interface \"%s\"; there are: %s", interface, (const char *)list.data);
    buf_release(&list);
}

static void no_rights(const char *interface, struct error *err)
{
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = 0;
    error_set(err, "no right to capture on \"%s\"; give it once with: sudo setcap cap_net_raw=eip %s", interface,
              n > 0 ? program : "mailtap");
}

static void explain(int status, pcap_t *handle, const char *interface, struct error *err)
{
    const char *more = pcap_geterr(handle);
    if (status == PCAP_ERROR_NO_SUCH_DEVICE)
        no_such_interface(interface, err);
    else if (status == PCAP_ERROR_PERM_DENIED || status == PCAP_ERROR_PROMISC_PERM_DENIED)
        no_rights(interface, err);
    else if (status == PCAP_ERROR_IFACE_NOT_UP)
        error_set(err, "interface \"%s\" is down; bring it up with: sudo ip link set %s up", interface, interface);
    else
        error_set(err, "interface \"%s\" cannot be captured on: %s%s%s", interface, pcap_statustostr(status),
                  *more ? ": " : "", more);
}

/* Warnings (positive) are let go: no promiscuous mode on "any", no such time stamps. */
static bool activate(struct live_source *src, const struct live_settings *settings, struct error *err)
{
    pcap_t *p = src->handle;
    pcap_set_snaplen(p, settings->snaplen);
    pcap_set_promisc(p, settings->promiscuous);
    pcap_set_timeout(p, WAIT_MS);
    pcap_set_buffer_size(p, BUFFER_SIZE);
    pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO);
    int status = pcap_activate(p);
    if (status < 0) {
        explain(status, p, src->source.name, err);
        return false;
    }
    src->link = link_of_dlt(pcap_datalink(p));
    src->fraction = pcap_get_tstamp_precision(p) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
    /* The time-out says when the kernel hands over a block that is not full; the waiting is the caller's, who may have
       several interfaces. */
    char why[PCAP_ERRBUF_SIZE];
    if (pcap_setnonblock(p, 1, why) < 0 || pcap_get_selectable_fd(p) < 0)
        return error_set(err, "interface \"%s\" cannot be waited for", src->source.name);
    return true;
}

static enum source_status live_next(struct source *source, struct frame *frame, struct error *err)
{
    struct live_source *src = (struct live_source *)source;
    struct pcap_pkthdr *header;
    const u_char *data;
    int status = pcap_next_ex(src->handle, &header, &data);
    if (status < 0 && status != PCAP_ERROR_BREAK) {
        error_set(err, "capture on \"%s\" stopped: %s", source->name, pcap_geterr(src->handle));
        return SOURCE_BROKEN;
    }
    if (status != 1)
        return SOURCE_IDLE;
    *frame = (struct frame){
        .when = header->ts.tv_sec * INT64_C(1000000000) + header->ts.tv_usec * src->fraction,
        .data = {data, header->caplen},
        .wire = header->len > header->caplen ? header->len : header->caplen,
        .link = src->link,
    };
    return SOURCE_FRAME;
}

static int live_descriptor(const struct source *source)
{
    const struct live_source *src = (const struct live_source *)source;
    return pcap_get_selectable_fd(src->handle);
}

static bool live_filter(struct source *source, const char *expression, struct error *err)
{
    struct live_source *src = (struct live_source *)source;
    struct bpf_program program;
    if (pcap_compile(src->handle, &program, expression, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return error_set(err, "the filter \"%s\" cannot be used: %s", expression, pcap_geterr(src->handle));
    bool ok = pcap_setfilter(src->handle, &program) == 0;
    pcap_freecode(&program);
    return ok || error_set(err, "the filter \"%s\" cannot be set: %s", expression, pcap_geterr(src->handle));
}

static void live_drops(struct source *source, struct source_counts *ret)
{
    struct live_source *src = (struct live_source *)source;
    struct pcap_stat now;
    if (pcap_stats(src->handle, &now) == 0) {
        src->sum.dropped_kernel += now.ps_drop - src->last.ps_drop;
        src->sum.dropped_interface += now.ps_ifdrop - src->last.ps_ifdrop;
        src->last = now;
    }
    ret->dropped_kernel = src->sum.dropped_kernel;
    ret->dropped_interface = src->sum.dropped_interface;
}

static void live_free(struct source *source)
{
    struct live_source *src = (struct live_source *)source;
    if (src->handle)
        pcap_close(src->handle);
    free(src);
}

struct source *source_open_live(const char *interface, const struct live_settings *settings, struct error *err)
{
    static const struct source_ops ops = {.next = live_next,
                                          .filter = live_filter,
                                          .descriptor = live_descriptor,
                                          .drops = live_drops,
                                          .free = live_free};
    struct live_source *src = memory_get(sizeof *src);
    src->source = (struct source){.ops = &ops, .name = memory_string(interface)};
    char why[PCAP_ERRBUF_SIZE];
    src->handle = pcap_create(interface, why);
    if (!src->handle)
        error_set(err, "interface \"%s\" cannot be captured on: %s", interface, why);
    else if (activate(src, settings, err))
        return &src->source;
    source_free(&src->source);
    return NULL;
}

static void add_addresses(struct buf *out, const pcap_addr_t *a)
{
    for (; a; a = a->next) {
        char text[INET6_ADDRSTRLEN] = "";
        if (a->addr && a->addr->sa_family == AF_INET) {
            struct sockaddr_in in;
            memcpy(&in, a->addr, sizeof in);
            inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
        } else if (a->addr && a->addr->sa_family == AF_INET6) {
            struct sockaddr_in6 in6;
            memcpy(&in6, a->addr, sizeof in6);
            inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
        }
        if (*text)
            buf_printf(out, " %s", text);
    }
}

char *source_interfaces(struct error *err)
{
    char why[PCAP_ERRBUF_SIZE];
    pcap_if_t *all;
    if (pcap_findalldevs(&all, why) < 0) {
        error_set(err, "the interfaces cannot be listed: %s", why);
        return NULL;
    }
    struct buf out;
    buf_init(&out, LIST_MAX);
    for (const pcap_if_t *i = all; i; i = i->next) {
        buf_add_string(&out, i->name);
        buf_add_string(&out, i->flags & PCAP_IF_UP ? " up" : " down");
        if (i->flags & PCAP_IF_LOOPBACK)
            buf_add_string(&out, " loopback");
        if (i->flags & PCAP_IF_WIRELESS)
            buf_add_string(&out, " wireless");
        add_addresses(&out, i->addresses);
        if (i->description) {
            buf_add_string(&out, " (");
            buf_add_string(&out, i->description);
            buf_add_byte(&out, ')');
        }
        buf_add_byte(&out, '\n');
    }
    pcap_freealldevs(all);
    char *text = memory_get(out.len + 1);
    if (out.len)
        memcpy(text, out.data, out.len);
    buf_release(&out);
    return text;
}
