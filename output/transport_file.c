/* A file, or standard output. Writes go through one large buffer, or at once where a person watches (a terminal). */
#include "transport.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)256 * 1024)

struct file {
    int fd;
    bool ours, at_once, broken;
    const char *name;
    struct buf waiting;
};

static bool is_stdout(const char *where)
{
    return !where || !*where || !strcmp(where, "-");
}

static bool file_takes(const char *where)
{
    return is_stdout(where) || !strstr(where, "://");
}

static bool file_open(void *state, const char *where, struct error *err)
{
    struct file *f = state;
    f->name = is_stdout(where) ? "standard output" : where;
    f->fd = STDOUT_FILENO;
    if (!is_stdout(where)) {
        f->ours = true;
        f->fd = open(where, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0640);
        if (f->fd < 0)
            return error_set(err, "cannot write '%.256s': %s", f->name, strerror(errno));
    }
    f->at_once = isatty(f->fd);
    buf_init(&f->waiting, BUFFER_SIZE);
    return true;
}

static bool write_all(struct file *f, struct bytes text, struct error *err)
{
    while (text.len) {
        ssize_t n = write(f->fd, text.data, text.len);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN && poll(&(struct pollfd){.fd = f->fd, .events = POLLOUT}, 1, -1) >= 0)
                continue; /* whoever gave us standard output made it non-blocking */
            int reason = errno;
            f->broken = true;
            buf_release(&f->waiting);
            error_set(err, "cannot write to '%.256s': %s; what came after is lost", f->name, strerror(reason));
            errno = reason;
            return false;
        }
        text = bytes_part(text, (size_t)n, text.len);
    }
    return true;
}

static bool file_flush(void *state, struct error *err)
{
    struct file *f = state;
    if (f->broken || !write_all(f, buf_bytes(&f->waiting), err))
        return false;
    buf_reset(&f->waiting);
    return true;
}

static bool file_send(void *state, struct bytes text, struct error *err)
{
    struct file *f = state;
    if (f->broken || (text.len > BUFFER_SIZE - f->waiting.len && !file_flush(f, err)))
        return false;
    if (text.len >= BUFFER_SIZE)
        return write_all(f, text, err);
    buf_add(&f->waiting, text);
    return f->at_once ? file_flush(f, err) : true;
}

static bool file_close(void *state, struct error *err)
{
    struct file *f = state;
    bool ok = f->broken || file_flush(f, err);
    buf_release(&f->waiting);
    if (f->ours && close(f->fd) < 0 && ok && !f->broken) /* network file systems tell of a full disk here */
        ok = error_set(err, "cannot finish '%.256s': %s", f->name, strerror(errno));
    return ok;
}

const struct transport transport_file = {
    .name = "file",
    .doc = "a file that is created or overwritten; - or nothing is standard output",
    .state_size = sizeof(struct file),
    .takes = file_takes,
    .open = file_open,
    .send = file_send,
    .flush = file_flush,
    .close = file_close,
};
