/* Files under way take a few KiB of memory each and no descriptor, so that ten thousand messages at a time can be
   extracted: what has gathered is appended to the file, which is opened for that. */
#include "extract.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/memory.h"

enum { GATHERED = 32 << 10, AT_REST = 2 << 10, NAMES_MOST = 100, SUFFIX = 4 /* ".new" and less */ };

struct extraction {
    int folder;
    const char *name;
    uint64_t octets_most;            /* of a file */
    uint64_t files_left;             /* the recorder's */
    atomic_uint_fast64_t total_left; /* octets */
    atomic_bool none_left;           /* no file may be kept any more */
    atomic_uint_fast64_t serial;     /* of the last file under way */
    atomic_bool failed;
    pthread_mutex_t mutex; /* of the next two */
    bool told;
    struct error err;
};

struct extract {
    struct extraction *extraction;
    struct buf gathered;
    uint64_t size;   /* all in all */
    uint64_t serial; /* its name while under way; 0: nothing was written yet */
    bool useless;    /* it will not be kept, or failed */
};

/* --- the folder --- */

static bool is_ours(int folder, const char *name, struct error *err)
{
    int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = again < 0 ? NULL : fdopendir(again);
    bool empty = true, index = false;
    if (!entries) {
        if (again >= 0)
            close(again);
        return error_set(err, "cannot read the folder '%.256s': %s", name, strerror(errno));
    }
    for (const struct dirent *e; (e = readdir(entries)) != NULL;) {
        empty &= !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
        index |= !strcmp(e->d_name, EXTRACT_INDEX);
    }
    closedir(entries);
    if (empty || index)
        return true;
    return error_set(err, "the folder '%.256s' is neither empty nor one that --extract wrote: it has no " EXTRACT_INDEX,
                     name);
}

struct extraction *extraction_open(const char *name, const struct limits *limits, struct error *err)
{
    if (mkdir(name, S_IRWXU) && errno != EEXIST) {
        error_set(err, "cannot make the folder '%.256s': %s", name, strerror(errno));
        return NULL;
    }
    int folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        error_set(err, "cannot extract to '%.256s': %s", name, strerror(errno));
        return NULL;
    }
    if (!is_ours(folder, name, err)) {
        close(folder);
        return NULL;
    }
    struct extraction *x = memory_get(sizeof *x);
    x->folder = folder;
    x->name = name;
    x->octets_most = limits->extract_octets;
    x->files_left = limits->extract_files;
    atomic_init(&x->total_left, limits->extract_total);
    pthread_mutex_init(&x->mutex, NULL);
    return x;
}

void extraction_close(struct extraction *x)
{
    if (!x)
        return;
    close(x->folder);
    pthread_mutex_destroy(&x->mutex);
    free(x);
}

const char *extraction_name(const struct extraction *x)
{
    return x->name;
}

int extraction_folder(const struct extraction *x)
{
    return x->folder;
}

bool extraction_failed(struct extraction *x, struct error *err)
{
    if (!atomic_load(&x->failed))
        return false;
    pthread_mutex_lock(&x->mutex);
    bool news = !x->told;
    x->told = true;
    *err = x->err;
    pthread_mutex_unlock(&x->mutex);
    return news;
}

static void fail(struct extraction *x, int reason)
{
    pthread_mutex_lock(&x->mutex);
    if (!atomic_load(&x->failed))
        error_set(&x->err, "cannot extract to '%.256s': %s; nothing more is extracted", x->name, strerror(reason));
    atomic_store(&x->failed, true);
    pthread_mutex_unlock(&x->mutex);
}

/* --- the recorder's side --- */

static void hidden_name(const char *name, char hidden[static EXTRACT_NAME + SUFFIX])
{
    snprintf(hidden, EXTRACT_NAME + SUFFIX, ".%s", name);
}

static const char *forbidden_by(const struct extraction *x, uint64_t size)
{
    if (size > x->octets_most)
        return "extract_octets";
    if (!x->files_left)
        return "extract_files";
    return size > atomic_load(&x->total_left) ? "extract_total" : NULL;
}

const char *extraction_keep(struct extraction *x, const char *name, uint64_t size)
{
    char hidden[EXTRACT_NAME + SUFFIX];
    const char *limit = forbidden_by(x, size);
    if (!strcmp(name, EXTRACT_NOTHING))
        return limit ? limit : "error";
    hidden_name(name, hidden);
    if (limit) {
        unlinkat(x->folder, hidden, 0);
        return limit;
    }
    if (renameat2(x->folder, hidden, x->folder, name, RENAME_NOREPLACE)) {
        if (!atomic_load(&x->failed)) /* else it was not written */
            fail(x, errno);
        unlinkat(x->folder, hidden, 0);
        return "error";
    }
    atomic_fetch_sub(&x->total_left, size);
    if (!--x->files_left)
        atomic_store(&x->none_left, true);
    return NULL;
}

/* --- a file --- */

struct extract *extract_begin(struct extraction *x)
{
    if (!x || atomic_load(&x->failed))
        return NULL;
    struct extract *f = memory_get(sizeof *f);
    f->extraction = x;
    buf_init(&f->gathered, GATHERED);
    return f;
}

static void working_name(uint64_t serial, char name[static EXTRACT_NAME])
{
    snprintf(name, EXTRACT_NAME, ".part-%" PRIu64, serial);
}

/* Never through a link, never over what is there. */
static int create(const struct extraction *x, const char *name)
{
    return openat(x->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
}

static int open_working(struct extract *f)
{
    struct extraction *x = f->extraction;
    char name[EXTRACT_NAME];
    int fd;
    if (f->serial) {
        working_name(f->serial, name);
        return openat(x->folder, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    }
    do { /* one of a run that was killed may lie there */
        f->serial = atomic_fetch_add(&x->serial, 1) + 1;
        working_name(f->serial, name);
        fd = create(x, name);
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0)
        f->serial = 0;
    return fd;
}

static bool write_all(int fd, struct bytes octets)
{
    while (octets.len) {
        ssize_t n = write(fd, octets.data, octets.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        octets = bytes_part(octets, (size_t)n, octets.len);
    }
    return true;
}

/* Writes and closes. */
static bool write_closing(int fd, struct bytes octets)
{
    if (fd < 0)
        return false;
    bool well = write_all(fd, octets);
    int reason = errno;
    if (!close(fd)) /* where network file systems tell of a full disk */
        errno = reason;
    else
        well = false;
    return well;
}

static void forget(struct extract *f)
{
    char name[EXTRACT_NAME];
    if (f->serial) {
        working_name(f->serial, name);
        unlinkat(f->extraction->folder, name, 0);
    }
    f->serial = 0;
    buf_release(&f->gathered);
    f->useless = true;
}

static void spill(struct extract *f)
{
    if (!write_closing(open_working(f), buf_bytes(&f->gathered))) {
        fail(f->extraction, errno);
        forget(f);
    }
    buf_reset(&f->gathered);
}

/* Is it clear already that it may not stay? What is left only shrinks, so the recorder will say the same. */
static bool is_hopeless(const struct extract *f)
{
    struct extraction *x = f->extraction;
    return f->size > x->octets_most || f->size > atomic_load(&x->total_left) || atomic_load(&x->none_left);
}

void extract_push(struct extract *f, struct bytes more)
{
    if (!f)
        return;
    f->size += more.len;
    if (!f->useless && (is_hopeless(f) || atomic_load(&f->extraction->failed)))
        forget(f);
    while (more.len && !f->useless) {
        size_t room = GATHERED - f->gathered.len;
        buf_add(&f->gathered, bytes_part(more, 0, room));
        more = bytes_part(more, room, SIZE_MAX);
        if (f->gathered.len == GATHERED)
            spill(f);
    }
}

void extract_rest(struct extract *f)
{
    if (!f || f->useless)
        return;
    if (f->gathered.len > AT_REST)
        spill(f);
    if (!f->gathered.len)
        buf_release(&f->gathered);
}

size_t extract_held(const struct extract *f)
{
    return !f ? 0 : memory_cost(sizeof *f) + memory_cost(f->gathered.cap);
}

void extract_drop(struct extract *f)
{
    if (!f)
        return;
    forget(f);
    free(f);
}

/* Under the hidden form of that name; false with EEXIST where it is taken. */
static bool place(struct extract *f, const char *name)
{
    struct extraction *x = f->extraction;
    char hidden[EXTRACT_NAME + SUFFIX], working[EXTRACT_NAME];
    struct stat st;
    hidden_name(name, hidden);
    if (!fstatat(x->folder, name, &st, AT_SYMLINK_NOFOLLOW)) {
        errno = EEXIST;
        return false;
    }
    if (f->serial) {
        working_name(f->serial, working);
        if (renameat2(x->folder, working, x->folder, hidden, RENAME_NOREPLACE))
            return false;
        f->serial = 0;
    } else {
        int fd = create(x, hidden);
        if (fd < 0)
            return false;
        if (!write_closing(fd, buf_bytes(&f->gathered))) {
            int reason = errno;
            unlinkat(x->folder, hidden, 0);
            errno = reason == EEXIST ? EIO : reason;
            return false;
        }
    }
    /* The recorder may have given an earlier one this name in between. */
    if (fstatat(x->folder, name, &st, AT_SYMLINK_NOFOLLOW))
        return true;
    f->serial = atomic_fetch_add(&x->serial, 1) + 1;
    working_name(f->serial, working);
    if (renameat2(x->folder, hidden, x->folder, working, RENAME_NOREPLACE))
        f->serial = 0;
    else
        errno = EEXIST;
    return false;
}

void extract_end(struct extract *f, const char *stem, const char *extension, char name[static EXTRACT_NAME])
{
    name[0] = 0;
    if (!f)
        return;
    snprintf(name, EXTRACT_NAME, "%s.%s", stem, extension);
    if (!f->useless && f->serial && f->gathered.len)
        spill(f);
    bool placed = f->useless || place(f, name);
    for (unsigned n = 2; !placed && errno == EEXIST && n < NAMES_MOST; n++) {
        snprintf(name, EXTRACT_NAME, "%s_%u.%s", stem, n, extension);
        placed = place(f, name);
    }
    bool taken = !placed && errno == EEXIST; /* all of them: the same connection came again and again */
    if (!placed && !taken)
        fail(f->extraction, errno);
    if (taken || (f->useless && is_hopeless(f)))
        snprintf(name, EXTRACT_NAME, EXTRACT_NOTHING);
    else if (!placed || f->useless)
        name[0] = 0;
    extract_drop(f);
}

static const struct {
    const char *mime, *extension;
} extensions[] = {
    {"text/plain", "txt"},
    {"text/html", "html"},
    {"text/csv", "csv"},
    {"text/calendar", "ics"},
    {"text/vcard", "vcf"},
    {"text/x-vcard", "vcf"},
    {"text/rtf", "rtf"},
    {"text/xml", "xml"},
    {"text/markdown", "md"},
    {"text/x-diff", "diff"},
    {"text/x-patch", "diff"},
    {"text/rfc822-headers", "txt"},
    {"message/rfc822", "eml"},
    {"message/global", "eml"},
    {"message/delivery-status", "txt"},
    {"message/disposition-notification", "txt"},
    {"message/feedback-report", "txt"},
    {"image/png", "png"},
    {"image/jpeg", "jpg"},
    {"image/gif", "gif"},
    {"image/webp", "webp"},
    {"image/tiff", "tif"},
    {"image/bmp", "bmp"},
    {"image/svg+xml", "svg"},
    {"audio/mpeg", "mp3"},
    {"audio/wav", "wav"},
    {"audio/x-wav", "wav"},
    {"audio/ogg", "ogg"},
    {"video/mp4", "mp4"},
    {"application/pdf", "pdf"},
    {"application/rtf", "rtf"},
    {"application/zip", "zip"},
    {"application/x-zip-compressed", "zip"},
    {"application/gzip", "gz"},
    {"application/x-gzip", "gz"},
    {"application/x-tar", "tar"},
    {"application/x-7z-compressed", "7z"},
    {"application/x-rar-compressed", "rar"},
    {"application/vnd.rar", "rar"},
    {"application/json", "json"},
    {"application/xml", "xml"},
    {"application/msword", "doc"},
    {"application/vnd.ms-excel", "xls"},
    {"application/vnd.ms-powerpoint", "ppt"},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
    {"application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"},
    {"application/vnd.oasis.opendocument.text", "odt"},
    {"application/vnd.oasis.opendocument.spreadsheet", "ods"},
    {"application/pgp-signature", "asc"},
    {"application/pgp-encrypted", "asc"},
    {"application/pkcs7-signature", "p7s"},
    {"application/x-pkcs7-signature", "p7s"},
    {"application/pkcs7-mime", "p7m"},
    {"application/ms-tnef", "dat"},
};

const char *extract_extension(const char *mime)
{
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
        if (!strcmp(extensions[i].mime, mime))
            return extensions[i].extension;
    return "bin";
}
