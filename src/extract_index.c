/* Which files stay, and the index of them. */
#include "extract_index.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { WAITING_MOST = 16 << 20, WAITING = 64 << 10 };

struct extract_index {
    struct extraction *extraction;
    struct limits limits; /* none: what stands in a record has met them */
    int fd;
    off_t end; /* of the whole lines in it */
    bool broken, told;
    struct error err;
    struct buf waiting, text;
    uint64_t omitted;
};

struct extract_index *extract_index_open(struct extraction *x, struct error *err)
{
    int fd = openat(extraction_folder(x), EXTRACT_INDEX,
                    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, S_IRUSR | S_IWUSR);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        error_set(err, "cannot write '%.256s/" EXTRACT_INDEX "': %s", extraction_name(x),
                  fd < 0 ? strerror(errno) : "it is no plain file");
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct extract_index *i = memory_get(sizeof *i);
    i->extraction = x;
    i->fd = fd;
    i->end = st.st_size;
    limits_init(&i->limits);
    i->limits.text = i->limits.list = UINT64_MAX;
    buf_init(&i->waiting, WAITING_MOST);
    buf_init(&i->text, 1 << 20);
    return i;
}

void extract_index_free(struct extract_index *i)
{
    if (!i)
        return;
    close(i->fd);
    buf_release(&i->waiting);
    buf_release(&i->text);
    free(i);
}

uint64_t extract_index_omitted(const struct extract_index *i)
{
    return i->omitted;
}

static void write_waiting(struct extract_index *i)
{
    struct bytes rest = buf_bytes(&i->waiting);
    while (rest.len && !i->broken) {
        ssize_t n = write(i->fd, rest.data, rest.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            i->broken = true;
            error_set(&i->err, "cannot write to '%.256s/" EXTRACT_INDEX "': %s", extraction_name(i->extraction),
                      strerror(errno));
            if (ftruncate(i->fd, i->end)) /* half a line stays, then: the next run's would follow it */
                error_set(&i->err, "%s", "the index of --extract is cut within a line");
            break;
        }
        rest = bytes_part(rest, (size_t)n, rest.len);
    }
    if (!i->broken)
        i->end += (off_t)i->waiting.len;
    buf_reset(&i->waiting);
}

bool extract_index_flush(struct extract_index *i, struct error *err)
{
    write_waiting(i);
    if (extraction_failed(i->extraction, err))
        return false;
    if (!i->broken || i->told)
        return true;
    i->told = true;
    *err = i->err;
    return false;
}

/* --- lines --- */

/* What is no UTF-8 becomes U+FFFD. */
static struct json_object *string_of(struct extract_index *i, struct bytes text)
{
    buf_reset(&i->text);
    while (text.len) {
        uint32_t c;
        size_t n = utf8_read(text, &c);
        buf_add(&i->text, c == UTF8_BAD ? BYTES("\xef\xbf\xbd") : bytes_part(text, 0, n));
        text = bytes_part(text, n, text.len);
    }
    return json_object_new_string_len((const char *)i->text.data, (int)i->text.len);
}

struct about { /* a message or a part, as its fields come by */
    struct bytes uid, id, path, name, mime, sha256, file;
    uint64_t index, size, missed;
    bool whole;
};

static void note_field(struct about *a, const struct entry *e)
{
    switch ((unsigned)e->field) {
    case F_all_uid:
        a->uid = e->text;
        break;
    case F_all_id:
        a->id = e->text;
        break;
    case F_message_index:
        a->index = e->number;
        break;
    case F_message_sha256:
    case F_part_sha256:
        a->sha256 = e->text;
        break;
    case F_message_size:
    case F_part_size:
        a->size = e->number;
        break;
    case F_message_missed:
    case F_part_missed:
        a->missed = e->number;
        break;
    case F_message_complete:
        a->whole = e->number != 0;
        break;
    case F_part_cut:
        a->whole = false;
        break;
    case F_part_path:
        a->path = e->text;
        break;
    case F_part_mime:
        a->mime = e->text;
        break;
    case F_part_name:
        a->name = e->text;
        break;
    case F_message_file:
    case F_part_file:
        a->file = e->text;
        break;
    default:
        break;
    }
}

static void add_text(struct extract_index *i, struct json_object *line, const char *key, struct bytes text)
{
    if (text.data)
        json_object_object_add(line, key, string_of(i, text));
}

static void add_line(struct extract_index *i, const struct about *message, const struct about *a, const char *omitted)
{
    struct json_object *line = json_object_new_object();
    if (omitted)
        json_object_object_add(line, "omitted", json_object_new_string(omitted));
    else
        add_text(i, line, "file", a->file);
    add_text(i, line, "uid", message->uid);
    add_text(i, line, "message", message->id);
    json_object_object_add(line, "index", json_object_new_uint64(message->index));
    add_text(i, line, "path", a->path);
    add_text(i, line, "name", a->name);
    add_text(i, line, "mime", a->mime);
    json_object_object_add(line, "size", json_object_new_uint64(a->size));
    if (a->missed)
        json_object_object_add(line, "missed", json_object_new_uint64(a->missed));
    add_text(i, line, "sha256", a->sha256);
    json_object_object_add(line, "complete", json_object_new_boolean(a->whole && !a->missed));
    buf_add_string(&i->waiting,
                   json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    buf_add_byte(&i->waiting, '\n');
    json_object_put(line);
    if (i->waiting.len >= WAITING)
        write_waiting(i);
}

/* One file. Null: it stays. */
static const char *judge(struct extract_index *i, const struct about *message, const struct about *a)
{
    char name[EXTRACT_NAME];
    size_t len = a->file.len < sizeof name ? a->file.len : sizeof name - 1;
    if (len)
        memcpy(name, a->file.data, len);
    name[len] = 0;
    const char *omitted = extraction_keep(i->extraction, name, a->size);
    i->omitted += omitted != NULL;
    add_line(i, message, a, omitted);
    return omitted;
}

/* The files of a record in the order of their entries: why each was left out, or null. */
struct verdicts {
    const char **list;
    size_t count, cap, refused;
};

static void add_verdict(struct verdicts *v, const char *omitted)
{
    if (v->count == v->cap) {
        v->cap = v->cap ? 2 * v->cap : 16;
        v->list = memory_resize(v->list, v->cap * sizeof *v->list);
    }
    v->list[v->count++] = omitted;
    v->refused += omitted != NULL;
}

static void read_message(const struct record *r, struct about *message)
{
    struct entry e;
    unsigned depth = 0;
    for (size_t at = 0; record_next(r, &at, &e);) {
        bool group = !e.end && (field_infos[e.field].type == GROUP || field_infos[e.field].type == GROUPS);
        if (e.end)
            depth--;
        else if (!depth && !group)
            note_field(message, &e);
        depth += group;
    }
}

static void judge_all(struct extract_index *i, const struct record *r, struct verdicts *v)
{
    struct about message = {.whole = false}, part = {.whole = true};
    struct entry e;
    read_message(r, &message);
    unsigned depth = 0;
    for (size_t at = 0; record_next(r, &at, &e);) {
        if (e.end) {
            if (--depth == 0 && part.file.data)
                add_verdict(v, judge(i, &message, &part));
            continue;
        }
        if (e.field == F_message_file)
            add_verdict(v, judge(i, &message, &message));
        if (e.field == F_message_parts)
            part = (struct about){.whole = true};
        else if (field_infos[e.field].scope == SCOPE_part)
            note_field(&part, &e);
        else if (!depth)
            part.file.data = NULL;
        depth += field_infos[e.field].type == GROUP || field_infos[e.field].type == GROUPS;
    }
}

/* With why a file was left out in place of its name. */
static struct record *tell_refused(struct extract_index *i, struct record *r, const struct verdicts *v)
{
    struct record *to = record_new(record_kind(r), &i->limits);
    struct entry e;
    size_t n = 0;
    record_reserve(to, record_size(r));
    for (size_t at = 0; record_next(r, &at, &e);) {
        bool file = !e.end && (e.field == F_message_file || e.field == F_part_file);
        const char *omitted = file ? v->list[n++] : NULL;
        if (omitted)
            record_word(to, e.field == F_message_file ? F_message_file_omitted : F_part_file_omitted, omitted);
        else
            record_copy(to, &e);
    }
    record_free(r);
    return to;
}

struct record *extract_index_take(struct extract_index *i, struct record *r)
{
    if (!record_has(r, F_message_file) && !record_has(r, F_part_file))
        return r;
    struct verdicts v = {NULL, 0, 0, 0};
    judge_all(i, r, &v);
    if (v.refused)
        r = tell_refused(i, r, &v);
    free(v.list);
    return r;
}
