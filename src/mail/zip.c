/* Zip archives (APPNOTE.TXT 6.3.10) as they stream by. Two readers look at all octets, knowing nothing of each other,
   as programs that unpack differ in which of the two they believe:
   - one goes from local header to local header, over data whose size the header tells, or up to the data descriptor
     that fits it;
   - the other looks for central directories anywhere; the last one that an end record agrees with counts, as it does
     for a program that searches from the end.
   What the names say about the kind of file (OOXML, ODF, jar ...) is found on the way. */
#include "scanner.h"

#include "base/memory.h"
#include "gather.h"
#include "listing.h"
#include "record/record.h"

#include <stdlib.h>

#define LOCAL       0x04034b50u
#define CENTRAL     0x02014b50u
#define END         0x06054b50u
#define END_64      0x06064b50u
#define LOCATOR_64  0x07064b50u
#define DESCRIPTOR  0x08074b50u
#define EXTRA_DATA  0x08064b50u
#define SPANNED     0x30304b50u /* "PK00" before the first header */
#define LOCAL_LEN   30
#define CENTRAL_LEN 46
#define END_LEN     22
#define RECENT      27 /* the longest data descriptor, and all but the last octet of a signature behind it */
#define ALL_ONES    0xffffffffu
#define BIT(flag)   ((part_flags)1 << PART_FLAG_##flag)

/* What a reader's gathered octets are, or what it searches. */
enum state {
    SIGNATURE, /* four octets */
    HEADER,    /* the fixed part of a header, from the signature on */
    NAMES,     /* the header with its name and extra field */
    CONTENT,   /* of the file "mimetype" */
    RECORD,    /* an end record */
    LENGTH,    /* of a record that is gone past: its signature and eight octets of size */
    SEARCH,    /* for a signature */
    LOST,
};

struct reader {
    struct gather gather;
    enum state state;
    uint64_t from; /* SEARCH: where it began */
    struct listing listing;
    uint8_t kept[GATHER_MOST];
};

struct zip {
    struct scanner base;
    struct reader local, central;
    uint64_t at;            /* octets before the piece at hand */
    uint8_t recent[RECENT]; /* the last of them */
    uint64_t run;           /* entries of the directory at hand */
    bool in_run;            /* the last thing of the central reader was an entry */
    bool agreed;            /* the last run ended with an end record that agrees */
    bool local_64;          /* the header at hand has a zip64 field */
    bool local_ended;       /* the local reader came to the end record */
    bool has_gap;
    bool first_seen;
    uint16_t name_len; /* of the file whose data is searched: its name is still in kept */
    enum file_type by_content;
};

static void ask(struct reader *r, enum state s, uint64_t skip, size_t want)
{
    r->state = s;
    gather_ask(&r->gather, skip, want);
}

static void go_on(struct reader *r, enum state s, size_t want)
{
    r->state = s;
    gather_extend(&r->gather, want);
}

/* The octet at a place of the piece, or up to RECENT before it. */
static uint8_t octet(const struct zip *z, struct bytes piece, int64_t at)
{
    return at < 0 ? z->recent[RECENT + at] : piece.data[at];
}

static uint64_t number(const struct zip *z, struct bytes piece, int64_t at, unsigned len)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < len; i++)
        n |= (uint64_t)octet(z, piece, at + i) << 8 * i;
    return n;
}

/* Place of the next "PK" from `from` on, which may stand before the piece, with two octets behind it; INT64_MAX where
   there is none. */
static int64_t next_pk(const struct zip *z, struct bytes piece, int64_t from)
{
    int64_t last = (int64_t)piece.len - 4;
    for (; from < 0 && from <= last; from++)
        if (octet(z, piece, from) == 'P' && octet(z, piece, from + 1) == 'K')
            return from;
    while (from >= 0 && from <= last) {
        const uint8_t *p = memchr(piece.data + from, 'P', (size_t)(last - from + 1));
        if (!p)
            break;
        from = p - piece.data;
        if (p[1] == 'K')
            return from;
        from++;
    }
    return INT64_MAX;
}

/* Where in the piece a search that began at an absolute place goes on: no signature that ends in an earlier piece. */
static int64_t search_from(const struct zip *z, uint64_t from)
{
    int64_t at = from >= z->at ? (int64_t)(from - z->at) : -(int64_t)(z->at - from);
    return at < -3 ? -3 : at;
}

/* Extra field with that identifier: its value, or nothing. */
static struct bytes extra_field(struct bytes extra, unsigned id)
{
    while (extra.len >= 4) {
        struct bytes value = bytes_part(extra, 4, little16(extra.data + 2));
        if (little16(extra.data) == id)
            return value;
        extra = bytes_part(extra, 4u + little16(extra.data + 2), extra.len);
    }
    return bytes_part(extra, extra.len, 0);
}

/* How much of name and extra field is gathered behind a header. */
static size_t names_len(size_t header, size_t name, size_t extra)
{
    if (name > LISTED_NAME)
        return header + LISTED_NAME;
    size_t room = GATHER_MOST - header - name;
    return header + name + (extra < room ? extra : room);
}

static bool is_folder(struct bytes name)
{
    return name.len && name.data[name.len - 1] == '/';
}

/* ODF 1.2 part 3 section 3.3, EPUB OCF 3.2 section 4.3: the first file is "mimetype", stored, and says what it is. */
static void read_mimetype(struct zip *z, struct bytes content)
{
    static const struct {
        const char *begin;
        enum file_type type;
    } kinds[] = {
        {"application/vnd.oasis.opendocument.text", FILE_TYPE_odt},
        {"application/vnd.oasis.opendocument.spreadsheet", FILE_TYPE_ods},
        {"application/vnd.oasis.opendocument.presentation", FILE_TYPE_odp},
        {"application/vnd.oasis.opendocument.", FILE_TYPE_odf},
        {"application/epub+zip", FILE_TYPE_epub},
    };
    for (size_t i = 0; !z->by_content && i < sizeof kinds / sizeof *kinds; i++)
        if (bytes_starts_nocase(content, bytes_of_string(kinds[i].begin)))
            z->by_content = kinds[i].type;
}

static void add_local(struct zip *z, bool known, uint64_t size)
{
    const uint8_t *head = z->local.kept;
    struct bytes name = bytes_of(head + LOCAL_LEN, z->name_len < LISTED_NAME ? z->name_len : LISTED_NAME);
    if (!is_folder(name))
        listing_add(&z->local.listing, name, z->name_len <= LISTED_NAME, known, size, little16(head + 6) & 1);
}

/* The local header is whole, with as much of its name and extra field as is gathered. */
static void local_names(struct zip *z)
{
    struct reader *r = &z->local;
    const uint8_t *head = r->kept;
    uint64_t packed = little32(head + 18), size = little32(head + 22);
    size_t name = little16(head + 26), extra = little16(head + 28);
    z->name_len = (uint16_t)name;
    struct bytes fields = bytes_of(head, r->gather.have);
    fields = name > LISTED_NAME ? bytes_part(fields, 0, 0) : bytes_part(fields, LOCAL_LEN + name, extra);
    struct bytes wide = extra_field(fields, 1);
    z->local_64 = wide.len != 0;
    if (wide.len >= 16 && size == ALL_ONES && packed == ALL_ONES) {
        size = little64(wide.data);
        packed = little64(wide.data + 8);
    }
    uint64_t rest = LOCAL_LEN + name + extra - r->gather.have;
    bool with_descriptor = little16(head + 6) & 8;
    if (with_descriptor && !packed) {
        r->state = SEARCH;
        r->from = r->gather.at + rest;
        return;
    }
    add_local(z, true, size);
    bool is_first = !z->first_seen;
    z->first_seen = true;
    if (is_first && !rest && packed <= 100 && !little16(head + 8) &&
        bytes_equal(bytes_of(head + LOCAL_LEN, name), BYTES("mimetype")))
        ask(r, CONTENT, 0, (size_t)packed);
    else if (packed > UINT64_MAX / 2)
        r->state = LOST;
    else
        ask(r, SIGNATURE, rest + packed, 4);
}

static void local_signature(struct zip *z)
{
    struct reader *r = &z->local;
    switch (little32(r->kept)) {
    case LOCAL:
        z->local_ended = false;
        go_on(r, HEADER, LOCAL_LEN);
        break;
    case CENTRAL:
        go_on(r, HEADER, CENTRAL_LEN);
        break;
    case END:
        go_on(r, RECORD, END_LEN);
        break;
    case END_64:
    case EXTRA_DATA:
        go_on(r, LENGTH, 12);
        break;
    case LOCATOR_64:
        ask(r, SIGNATURE, 16, 4);
        break;
    case DESCRIPTOR: /* also where nobody needs it: the sizes stood in the header; or as first mark of a spanned one */
        ask(r, SIGNATURE, r->gather.at == 4 ? 0 : z->local_64 ? 20 : 12, 4);
        break;
    case SPANNED:
        ask(r, SIGNATURE, 0, 4);
        break;
    default:
        r->state = LOST;
    }
}

/* What the local reader asked for is there. */
static void local_step(struct zip *z)
{
    struct reader *r = &z->local;
    const uint8_t *head = r->kept;
    switch (r->state) {
    case SIGNATURE:
        local_signature(z);
        break;
    case HEADER:
        if (little32(head) == LOCAL)
            go_on(r, NAMES, names_len(LOCAL_LEN, little16(head + 26), little16(head + 28)));
        else
            ask(r, SIGNATURE, (uint64_t)little16(head + 28) + little16(head + 30) + little16(head + 32), 4);
        break;
    case NAMES:
        local_names(z);
        break;
    case CONTENT:
        read_mimetype(z, bytes_of(head, r->gather.have));
        ask(r, SIGNATURE, 0, 4);
        break;
    case RECORD:
        z->local_ended = true;
        ask(r, SIGNATURE, little16(head + 20), 4);
        break;
    case LENGTH: {
        uint64_t len = little32(head) == END_64 ? little64(head + 4) : little32(head + 4);
        if (len < 8 || len > UINT32_MAX)
            r->state = LOST;
        else
            ask(r, SIGNATURE, len - (little32(head) == END_64 ? 0 : 4), 4);
        break;
    }
    case SEARCH:
    case LOST:
        break;
    }
}

/* Does a descriptor for data that began at r->from end at this place? Then its size is *size. Its signature may be
   missing, its numbers may have 64 bits. */
static bool descriptor_ends(const struct zip *z, struct bytes piece, int64_t at, uint64_t *size)
{
    uint64_t data = z->at + (uint64_t)at - z->local.from;
    if (data >= 12 &&
        (number(z, piece, at - 8, 4) == data - 12 ||
         (data >= 16 && number(z, piece, at - 8, 4) == data - 16 && number(z, piece, at - 16, 4) == DESCRIPTOR))) {
        *size = number(z, piece, at - 4, 4);
        return true;
    }
    if (data >= 20 &&
        (number(z, piece, at - 16, 8) == data - 20 ||
         (data >= 24 && number(z, piece, at - 16, 8) == data - 24 && number(z, piece, at - 24, 4) == DESCRIPTOR))) {
        *size = number(z, piece, at - 8, 8);
        return true;
    }
    return false;
}

/* Searches the header behind the data at hand; the number of octets of the piece that are done with. */
static size_t local_search(struct zip *z, struct bytes piece, size_t done)
{
    struct reader *r = &z->local;
    int64_t from = search_from(z, r->from), at;
    if (from >= 0 && (size_t)from < done)
        from = (int64_t)done;
    for (; (at = next_pk(z, piece, from)) != INT64_MAX; from = at + 1) {
        uint32_t signature = (uint32_t)number(z, piece, at, 4);
        uint64_t size;
        if ((signature != LOCAL && signature != CENTRAL && signature != EXTRA_DATA && signature != END_64) ||
            !descriptor_ends(z, piece, at, &size))
            continue;
        add_local(z, true, size);
        ask(r, SIGNATURE, 0, 4);
        for (int64_t i = 0; i < 4; i++)
            r->kept[i] = octet(z, piece, at + i);
        r->gather.have = 4;
        r->gather.at = z->at + (uint64_t)(at + 4);
        return (size_t)(at + 4);
    }
    return piece.len;
}

static void local_push(struct zip *z, struct bytes piece)
{
    struct reader *r = &z->local;
    for (size_t done = 0; r->state != LOST;) {
        if (r->state == SEARCH) {
            done = local_search(z, piece, done);
            if (r->state == SEARCH)
                return;
            local_step(z);
            continue;
        }
        struct bytes more = bytes_part(piece, done, piece.len);
        bool is_there = gather_take(&r->gather, &more);
        done = piece.len - more.len;
        if (!is_there)
            return;
        local_step(z);
    }
}

static void central_names(struct zip *z)
{
    struct reader *r = &z->central;
    const uint8_t *head = r->kept;
    size_t name = little16(head + 28), extra = little16(head + 30);
    uint64_t size = little32(head + 24);
    struct bytes fields = bytes_of(head, r->gather.have);
    fields = name > LISTED_NAME ? bytes_part(fields, 0, 0) : bytes_part(fields, CENTRAL_LEN + name, extra);
    struct bytes wide = extra_field(fields, 1);
    if (size == ALL_ONES && wide.len >= 8)
        size = little64(wide.data);
    if (!z->in_run) {
        listing_reset(&r->listing);
        z->run = 0;
    }
    z->in_run = true;
    z->agreed = false;
    z->run++;
    struct bytes shown = bytes_of(head + CENTRAL_LEN, name < LISTED_NAME ? name : LISTED_NAME);
    if (!is_folder(shown))
        listing_add(&r->listing, shown, name <= LISTED_NAME, true, size, little16(head + 8) & 1);
    ask(r, SIGNATURE, CENTRAL_LEN + name + extra + little16(head + 32) - r->gather.have, 4);
}

static void central_search(struct zip *z)
{
    struct reader *r = &z->central;
    z->in_run = false;
    r->state = SEARCH;
    r->from = r->gather.at < 3 ? 0 : r->gather.at - 3; /* a signature may overlap with what was none */
}

/* Can it be the header of an entry, and not four octets in a file that look like one? */
static bool is_plausible(const uint8_t *head)
{
    unsigned method = little16(head + 10), disk = little16(head + 34);
    return little16(head + 28) && (disk == 0 || disk == 0xffff) && (method <= 20 || (method >= 93 && method <= 99));
}

/* The first header of a directory is none: another may begin inside of it. */
static void central_retry(struct zip *z)
{
    struct reader *r = &z->central;
    static const uint8_t signature[] = {'P', 'K', 1, 2};
    size_t have = r->gather.have;
    for (size_t i = 1; i < have; i++) {
        size_t len = have - i < sizeof signature ? have - i : sizeof signature;
        if (memcmp(r->kept + i, signature, len) != 0)
            continue;
        memmove(r->kept, r->kept + i, have - i);
        r->gather.have = (uint16_t)(have - i);
        go_on(r, len < sizeof signature ? SIGNATURE : HEADER, len < sizeof signature ? sizeof signature : CENTRAL_LEN);
        return;
    }
    central_search(z);
}

static void central_end(struct zip *z)
{
    struct reader *r = &z->central;
    unsigned told = little16(r->kept + 10);
    if (!z->in_run && !told) { /* an empty archive */
        listing_reset(&r->listing);
        z->run = 0;
    }
    z->agreed = (z->in_run || !told) && (told == (z->run & 0xffff) || told == 0xffff);
    central_search(z);
}

/* What the central reader asked for is there. */
static void central_step(struct zip *z)
{
    struct reader *r = &z->central;
    const uint8_t *head = r->kept;
    uint32_t signature = little32(head);
    switch (r->state) {
    case SIGNATURE:
        if (signature == CENTRAL)
            go_on(r, HEADER, CENTRAL_LEN);
        else if (signature == END)
            go_on(r, RECORD, END_LEN);
        else if (signature == END_64)
            go_on(r, LENGTH, 12);
        else if (signature == LOCATOR_64)
            ask(r, SIGNATURE, 16, 4);
        else
            central_search(z);
        break;
    case HEADER:
        if (!z->in_run && !is_plausible(head))
            central_retry(z);
        else
            go_on(r, NAMES, names_len(CENTRAL_LEN, little16(head + 28), little16(head + 30)));
        break;
    case NAMES:
        central_names(z);
        break;
    case RECORD:
        central_end(z);
        break;
    case LENGTH:
        if (little64(head + 4) > UINT32_MAX)
            central_search(z);
        else
            ask(r, SIGNATURE, little64(head + 4), 4);
        break;
    case CONTENT:
    case SEARCH:
    case LOST:
        break;
    }
}

static void central_push(struct zip *z, struct bytes piece)
{
    struct reader *r = &z->central;
    for (size_t done = 0;;) {
        if (r->state != SEARCH) {
            struct bytes more = bytes_part(piece, done, piece.len);
            bool is_there = gather_take(&r->gather, &more);
            done = piece.len - more.len;
            if (!is_there)
                return;
            central_step(z);
            continue;
        }
        int64_t at = next_pk(z, piece, search_from(z, r->from));
        if (at == INT64_MAX)
            return;
        r->from = z->at + (uint64_t)(at + 1);
        uint32_t signature = (uint32_t)number(z, piece, at, 4);
        if (signature != CENTRAL && signature != END)
            continue;
        ask(r, SIGNATURE, 0, 4);
        for (int64_t i = 0; i < 4; i++)
            r->kept[i] = octet(z, piece, at + i);
        r->gather.have = 4;
        done = (size_t)(at + 4);
        r->gather.at = z->at + done;
        central_step(z);
    }
}

static void zip_push(struct scanner *s, struct bytes more)
{
    struct zip *z = (struct zip *)s;
    local_push(z, more);
    central_push(z, more);
    z->at += more.len;
    if (more.len >= RECENT) {
        memcpy(z->recent, more.data + more.len - RECENT, RECENT);
    } else {
        memmove(z->recent, z->recent + more.len, RECENT - more.len);
        memcpy(z->recent + RECENT - more.len, more.data, more.len);
    }
}

static void zip_gap(struct scanner *s, uint64_t len)
{
    struct zip *z = (struct zip *)s;
    struct reader *r = &z->local;
    z->has_gap = true;
    z->at += len;
    memset(z->recent, 0, sizeof z->recent);
    if (r->state != SEARCH && r->state != LOST && len <= r->gather.skip) {
        r->gather.skip -= len;
        r->gather.at += len;
    } else {
        r->state = LOST;
    }
    z->agreed = false;
    z->central.gather.at = z->at;
    central_search(z);
}

static enum file_type type_of(const struct zip *z, unsigned seen)
{
    bool macros = seen & LISTED_MACROS;
    if (seen & LISTED_CONTENT_TYPES) {
        if (seen & LISTED_WORD)
            return macros ? FILE_TYPE_docm : FILE_TYPE_docx;
        if (seen & LISTED_EXCEL)
            return seen & LISTED_EXCEL_BINARY ? FILE_TYPE_xlsb : macros ? FILE_TYPE_xlsm : FILE_TYPE_xlsx;
        if (seen & LISTED_POWERPOINT)
            return macros ? FILE_TYPE_pptm : FILE_TYPE_pptx;
    }
    return z->by_content            ? z->by_content
           : seen & LISTED_ANDROID  ? FILE_TYPE_apk
           : seen & LISTED_APPX     ? FILE_TYPE_appx
           : seen & LISTED_MANIFEST ? FILE_TYPE_jar
                                    : FILE_TYPE_zip;
}

static void zip_finish(struct scanner *s, struct finding *ret)
{
    struct zip *z = (struct zip *)s;
    struct reader *local = &z->local, *central = &z->central;
    if (local->state == SEARCH && z->at > local->from)
        add_local(z, false, 0); /* its data has no end here */
    const struct listing *l = z->agreed || !local->listing.count ? &central->listing : &local->listing;
    unsigned seen = local->listing.seen | central->listing.seen;
    ret->type = type_of(z, seen);
    ret->whole = z->agreed;
    ret->flags = local->listing.flags | central->listing.flags;
    if (ret->type != FILE_TYPE_zip)
        ret->flags &= ~BIT(archive_executable); /* what such files are made of */
    if (z->agreed && z->local_ended && !z->has_gap &&
        (local->listing.names != central->listing.names || local->listing.count != central->listing.count))
        ret->flags |= BIT(archive_mismatch);
    if (!z->agreed && !z->has_gap)
        ret->flags |= BIT(archive_broken);
    if (l->cut || l->count > l->most || !z->agreed)
        ret->flags |= BIT(archive_listing_cut);
    bool is_office = ret->type >= FILE_TYPE_docx && ret->type <= FILE_TYPE_odf;
    bool is_odf = is_office && ret->type >= FILE_TYPE_odt;
    if (is_office && (seen & (is_odf ? LISTED_ODF_MACROS : LISTED_MACROS)))
        ret->flags |= BIT(macro);
    if (is_office && (seen & LISTED_EMBEDDED))
        ret->flags |= BIT(embedded_object);
    if (ret->type == FILE_TYPE_zip || ret->type == FILE_TYPE_jar)
        ret->listing = l;
    else
        ret->flags &= ~BIT(archive_listing_cut);
}

static void zip_free(struct scanner *s)
{
    struct zip *z = (struct zip *)s;
    listing_release(&z->local.listing);
    listing_release(&z->central.listing);
    free(z);
}

static size_t zip_held(const struct scanner *s)
{
    const struct zip *z = (const struct zip *)s;
    return memory_cost(sizeof *z) + memory_cost(z->local.listing.entries.cap) +
           memory_cost(z->central.listing.entries.cap);
}

struct scanner *zip_scanner_new(const struct limits *limits)
{
    static const struct scanner_ops ops = {zip_push, zip_gap, zip_finish, zip_free, zip_held};
    struct zip *z = memory_get(sizeof *z);
    z->base.ops = &ops;
    struct reader *readers[] = {&z->local, &z->central};
    for (int i = 0; i < 2; i++) {
        listing_init(&readers[i]->listing, scanner_list_most(limits));
        readers[i]->gather.kept = readers[i]->kept;
        ask(readers[i], SIGNATURE, 0, 4);
    }
    z->central.state = SEARCH;
    return &z->base;
}
