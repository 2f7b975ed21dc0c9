/* The walk over a message's octets. Lines are looked at one by one only in headers; in a body the next line that begins
   with "--" is searched for, and what stands before it goes to the leaf in one piece. The line end before a delimiter
   belongs to the delimiter, so it waits until the beginning of the next line is known. */
#include "mime.h"

#include "base/buf.h"
#include "base/memory.h"
#include "digest.h"
#include "header.h"
#include "part.h"

#include <stdlib.h>

#define BOUNDARY_MOST 990  /* octets; RFC 2046 allows 70, RFC 5322 lines of 998 */
#define HELD_MOST     1024 /* octets of a line that tell what it is */
#define NUMBER_MOST   12   /* octets of one in a path, with its NUL */
#define ENCODED_MOST  4    /* encoded messages one inside the other; each takes some stack */

enum state {
    IN_HEADER,
    IN_BODY,      /* a leaf's, or what stands before, between and behind the parts of a multipart */
    IN_DELIMITER, /* the rest of a delimiter's line */
};

enum eol { EOL_NONE, EOL_CR, EOL_LF, EOL_CRLF };

/* A multipart or message that is open; the outermost is the message itself. */
struct level {
    char *path;     /* of its parts, without their own numbers */
    char *boundary; /* null: a message */
    size_t boundary_len;
    uint32_t parts;
    bool digest;
};

struct mime {
    struct tree *tree;
    struct level *levels;
    size_t levels_held;               /* by paths and boundaries */
    unsigned count, room, boundaries; /* boundaries: how many levels have one */
    unsigned outside, encoded;        /* levels around an encoded message; such messages */
    struct header_scanner *header;    /* of the entity that is being read; null in bodies */
    struct header_scanner *own;       /* the message's, which is the caller's */
    struct entity entity;
    struct part *leaf;
    enum state state, after;        /* after: what follows the delimiter */
    enum eol eol;                   /* read, not told yet */
    bool line_start, is_root, lost; /* is_root: the root is still to be begun; lost: octets are missing right before */
    bool body_is_leaf, body_lost;
    uint64_t header_missed;
    bool header_doubt;
    struct digest *body;
    char body_hex[65];
    struct buf held; /* a line's beginning */
};

/* --- levels --- */

static struct level *top(const struct mime *m)
{
    return &m->levels[m->count - 1];
}

static size_t level_held(const struct level *l)
{
    return memory_cost(strlen(l->path) + 1) + memory_cost(l->boundary_len);
}

/* Takes the path. */
static void push_level(struct mime *m, char *path, const char *boundary, size_t boundary_len, bool digest)
{
    if (m->count == m->room) {
        m->room = m->room ? 2 * m->room : 2;
        m->levels = memory_resize(m->levels, m->room * sizeof *m->levels);
    }
    struct level *l = &m->levels[m->count++];
    *l = (struct level){.digest = digest};
    l->path = path;
    if (boundary) {
        l->boundary = memory_get(boundary_len);
        memcpy(l->boundary, boundary, boundary_len);
        l->boundary_len = boundary_len;
        m->boundaries++;
    }
    m->levels_held += level_held(l);
}

static void pop_level(struct mime *m)
{
    struct level *l = top(m);
    m->boundaries -= l->boundary != NULL;
    m->levels_held -= level_held(l);
    free(l->path);
    free(l->boundary);
    m->count--;
}

/* A path in the parts of the level at the top. */
static char *path_in(const struct mime *m, const char *last)
{
    const char *outside = top(m)->path;
    size_t len = strlen(outside), more = strlen(last) + 1;
    char *path = memory_get(len + 1 + more);
    memcpy(path, outside, len);
    if (len)
        path[len++] = '.';
    memcpy(path + len, last, more);
    return path;
}

/* That of the entity that begins. */
static char *path_of(const struct mime *m, uint32_t number)
{
    char digits[NUMBER_MOST], *at = digits + sizeof digits - 1;
    *at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    return path_in(m, at);
}

static void listen(void *arg, struct bytes name, struct bytes value)
{
    struct mime *m = arg;
    entity_take(&m->entity, name, value);
}

static void begin_header(struct mime *m)
{
    m->header = m->own;
    if (!m->is_root)
        m->header = header_scanner_part_new(m->tree->mail->limits);
    if (m->header)
        header_scanner_listen(m->header, listen, m);
    m->state = IN_HEADER;
    m->header_missed = 0;
    m->header_doubt = false;
}

static struct mime *walk_new(struct tree *tree, struct header_scanner *header, char *path, unsigned outside,
                             unsigned encoded)
{
    struct mime *m = memory_get(sizeof *m);
    m->tree = tree;
    m->own = header;
    m->outside = outside;
    m->encoded = encoded;
    m->is_root = header != NULL;
    m->line_start = true;
    buf_init(&m->held, HELD_MOST);
    push_level(m, path, NULL, 0, false);
    begin_header(m);
    return m;
}

struct mime *mime_new(struct tree *tree, struct header_scanner *header)
{
    return walk_new(tree, header, memory_string(""), 0, 0);
}

void mime_free(struct mime *m)
{
    if (!m)
        return;
    while (m->count)
        pop_level(m);
    free(m->levels);
    if (m->header != m->own)
        header_scanner_free(m->header);
    entity_release(&m->entity);
    part_free(m->leaf);
    digest_drop(m->body);
    buf_release(&m->held);
    free(m);
}

size_t mime_held(const struct mime *m)
{
    if (!m)
        return 0;
    size_t held = memory_cost(sizeof *m) + memory_cost(m->room * sizeof *m->levels) + memory_cost(m->held.cap);
    held += m->levels_held;
    if (m->header && m->header != m->own)
        held += header_scanner_held(m->header);
    if (m->state == IN_HEADER) /* else it is empty */
        held += entity_held(&m->entity);
    return held + part_held(m->leaf) + (m->body ? digest_held(m->body) : 0);
}

/* --- what a header says of the body behind it --- */

static bool deep(struct mime *m)
{
    if (m->outside + m->count <= m->tree->mail->limits->mime_depth)
        return false;
    m->tree->too_deep = true;
    return true;
}

/* The boundary, without the blanks at its end, which no delimiter can have; false: none that can be searched for. */
static bool boundary_of(struct mime *m, size_t *len)
{
    const char *boundary = m->entity.type.boundary;
    *len = boundary ? strlen(boundary) : 0;
    while (*len && (boundary[*len - 1] == ' ' || boundary[*len - 1] == '\t'))
        --*len;
    if (*len && *len <= BOUNDARY_MOST)
        return true;
    m->tree->no_boundary = true;
    return false;
}

static const char *fallback(const struct mime *m)
{
    return top(m)->digest ? "message/rfc822" : "text/plain";
}

static uint32_t number(const struct mime *m)
{
    return top(m)->boundary ? top(m)->parts : 1;
}

static bool begin_multipart(struct mime *m)
{
    size_t len;
    if (!entity_is_type(&m->entity, fallback(m), "multipart") || deep(m) || !boundary_of(m, &len))
        return false;
    bool is_body = !top(m)->boundary;
    /* a message's body has no number, its parts have those of the message */
    char *path = is_body ? path_in(m, "TEXT") : path_of(m, number(m));
    tree_container(m->tree, &m->entity, path, fallback(m));
    if (is_body) {
        free(path);
        path = memory_string(top(m)->path);
    }
    m->tree->encoded_multipart |= m->entity.transfer != TRANSFER_IDENTITY;
    push_level(m, path, m->entity.type.boundary, len, entity_is(&m->entity, "", "multipart", "digest"));
    entity_release(&m->entity);
    return true;
}

static bool is_message(const struct mime *m)
{
    return entity_is(&m->entity, fallback(m), "message", "rfc822") ||
           entity_is(&m->entity, fallback(m), "message", "global");
}

static void begin_message(struct mime *m)
{
    char *path = path_of(m, number(m));
    bool encoded = m->entity.transfer != TRANSFER_IDENTITY;
    tree_container(m->tree, &m->entity, path, fallback(m));
    if (!encoded) {
        entity_release(&m->entity);
        push_level(m, path, NULL, 0, false);
        begin_header(m);
        return;
    }
    struct mime *inner = walk_new(m->tree, NULL, memory_string(path), m->outside + m->count, m->encoded + 1);
    m->leaf = part_new(m->tree, &m->entity, path, fallback(m), inner);
}

static void begin_leaf(struct mime *m, bool is_root)
{
    m->body_is_leaf =
        is_root && m->tree->mail->settings.hash == MAIL_HASH_ALL && m->entity.transfer == TRANSFER_IDENTITY;
    m->leaf = part_new(m->tree, &m->entity, path_of(m, number(m)), fallback(m), NULL);
}

/* The header has ended. */
static void begin_body(struct mime *m)
{
    if (m->header != m->own)
        header_scanner_finish(m->header, NULL, true);
    m->entity.cut = !header_scanner_told_all(m->header);
    if (m->header != m->own)
        header_scanner_free(m->header);
    m->header = NULL;
    m->state = IN_BODY;
    m->line_start = true;
    uint64_t missed = m->header_missed;
    bool doubt = m->header_doubt, is_root = m->is_root;
    m->is_root = false;
    if (!begin_multipart(m)) {
        bool message = is_message(m);
        bool encoded = m->entity.transfer != TRANSFER_IDENTITY;
        if (message && !deep(m) && (!encoded || m->encoded < ENCODED_MOST)) {
            begin_message(m);
        } else {
            m->tree->too_deep |= message;
            begin_leaf(m, is_root);
        }
    }
    if (m->leaf && (missed || doubt))
        part_gap(m->leaf, missed, missed != 0);
}

/* The root's body begins, with those octets: its hash begins, unless it is that of its only leaf. */
static void begin_root(struct mime *m, struct bytes line, struct bytes rest)
{
    bool hash = m->is_root && m->tree->mail->settings.hash == MAIL_HASH_ALL && !m->header_missed && !m->header_doubt;
    begin_body(m);
    if (!hash || m->body_is_leaf)
        return;
    m->body = digest_begin(m->tree->mail->digests, DIGEST_SHA256);
    if (m->body) {
        digest_push(m->body, line);
        digest_push(m->body, rest);
    }
}

/* --- bodies --- */

static void sink(struct mime *m, struct bytes octets)
{
    if (m->leaf && octets.len)
        part_push(m->leaf, octets);
}

static void flush_eol(struct mime *m)
{
    static const struct {
        const char *octets;
        size_t len;
    } ends[] = {[EOL_NONE] = {"", 0}, [EOL_CR] = {"\r", 1}, [EOL_LF] = {"\n", 1}, [EOL_CRLF] = {"\r\n", 2}};
    sink(m, bytes_of(ends[m->eol].octets, ends[m->eol].len));
    m->eol = EOL_NONE;
}

static void end_leaf(struct mime *m, bool cut)
{
    char hex[65];
    if (!m->leaf)
        return;
    part_end(m->leaf, cut, hex);
    m->leaf = NULL;
    if (m->body_is_leaf)
        memcpy(m->body_hex, hex, sizeof hex);
    m->body_is_leaf = false;
}

/* Where in `text`, which begins within a line, the next line begins that may be a delimiter; or its length. */
static size_t next_dashes(struct bytes text)
{
    for (size_t at = 0; at < text.len;) {
        const uint8_t *dash = memchr(text.data + at, '-', text.len - at);
        if (!dash)
            break;
        size_t i = (size_t)(dash - text.data);
        bool two = i + 1 == text.len || text.data[i + 1] == '-';
        if (i && text.data[i - 1] == '\n' && two)
            return i;
        at = i + 1;
        if (two) { /* a row of them, most likely */
            size_t lf = bytes_index(bytes_part(text, at, SIZE_MAX), '\n');
            at += lf + (at + lf < text.len);
        }
    }
    return text.len;
}

/* As much of a body as there is up to the next line that may be a delimiter, from within a line. */
static size_t body_run(struct mime *m, struct bytes more)
{
    if (!m->boundaries) {
        sink(m, more);
        return more.len;
    }
    size_t next = next_dashes(more), end = next;
    if (more.data[end - 1] == '\n') {
        end--;
        m->eol = EOL_LF;
        m->line_start = true;
        if (end && more.data[end - 1] == '\r') {
            end--;
            m->eol = EOL_CRLF;
        }
    } else if (more.data[end - 1] == '\r') {
        end--;
        m->eol = EOL_CR;
    }
    sink(m, bytes_part(more, 0, end));
    return next;
}

/* --- lines that may be delimiters --- */

/* Is that the rest of a delimiter's line? */
static bool is_blank(struct bytes rest)
{
    size_t i = 0;
    while (i < rest.len && (rest.data[i] == ' ' || rest.data[i] == '\t' || rest.data[i] == '\r'))
        i++;
    return i == rest.len || rest.data[i] == '\n';
}

/* The level whose delimiter the line is, the innermost first, or -1. */
static int find_level(const struct mime *m, struct bytes line, bool *closes)
{
    if (line.len < 3 || line.data[0] != '-' || line.data[1] != '-')
        return -1;
    line = bytes_part(line, 2, SIZE_MAX);
    for (unsigned i = m->count; i-- > 0;) {
        const struct level *l = &m->levels[i];
        if (!l->boundary || line.len < l->boundary_len || memcmp(line.data, l->boundary, l->boundary_len) != 0)
            continue;
        struct bytes rest = bytes_part(line, l->boundary_len, SIZE_MAX);
        *closes = rest.len >= 2 && rest.data[0] == '-' && rest.data[1] == '-';
        if (is_blank(rest))
            *closes = false;
        else if (!*closes || !is_blank(bytes_part(rest, 2, SIZE_MAX)))
            continue;
        return (int)i;
    }
    return -1;
}

/* May a line that begins so become a delimiter? */
static bool may_delimit(const struct mime *m, struct bytes begin)
{
    if (!m->boundaries || begin.data[0] != '-' || (begin.len > 1 && begin.data[1] != '-'))
        return false;
    begin = bytes_part(begin, 2, SIZE_MAX);
    for (unsigned i = 0; i < m->count; i++) {
        const struct level *l = &m->levels[i];
        size_t len = begin.len < l->boundary_len ? begin.len : l->boundary_len;
        if (l->boundary && (!len || !memcmp(begin.data, l->boundary, len)))
            return true;
    }
    return false;
}

/* What is being read ends here, whatever it is. */
static void end_entity(struct mime *m, bool cut)
{
    while (m->state == IN_HEADER) /* no body, no header of a message inside */
        begin_body(m);
    end_leaf(m, cut);
}

static void found_delimiter(struct mime *m, unsigned level, bool closes, bool whole)
{
    m->eol = EOL_NONE;
    if (m->state == IN_HEADER || m->leaf)
        end_entity(m, false);
    while (m->count > level + 1) {
        m->tree->unclosed |= top(m)->boundary != NULL;
        pop_level(m);
    }
    if (closes) {
        pop_level(m);
        m->state = IN_BODY;
    } else {
        top(m)->parts++;
        begin_header(m);
    }
    m->line_start = true;
    if (!whole) {
        m->after = m->state;
        m->state = IN_DELIMITER;
    }
}

/* --- lines of headers --- */

static bool is_empty_line(struct bytes line)
{
    size_t i = 0;
    while (i < line.len && line.data[i] == '\r')
        i++;
    return i < line.len && line.data[i] == '\n';
}

/* So long a line is a field only where its name has ended, or where it goes on with one. */
static bool is_hopeless(struct bytes line)
{
    if (line.data[0] == ' ' || line.data[0] == '\t' || bytes_index(line, ':') < line.len)
        return false;
    return !bytes_starts_nocase(line, BYTES("From ")) && !bytes_starts_nocase(line, BYTES(">From "));
}

/* A line of a header, or its beginning; `rest` is what is known to follow it. */
static void header_line(struct mime *m, struct bytes line, bool whole, struct bytes rest)
{
    bool ends = !whole && !m->lost && line.len == HELD_MOST && is_hopeless(line);
    if (!ends) {
        header_scanner_push(m->header, line);
        if (!header_scanner_done(m->header)) {
            m->line_start = whole;
            return;
        }
    }
    bool empty = !ends && is_empty_line(line);
    bool lossy = m->header_missed || m->header_doubt;
    m->tree->no_empty_line |= !empty && !lossy && !m->is_root; /* of that the scanner tells */
    begin_root(m, empty ? bytes_part(line, 0, 0) : line, rest);
    if (!empty && m->state == IN_BODY) {
        m->line_start = false;
        body_run(m, line);
    }
}

/* A line that began before goes on. */
static size_t header_run(struct mime *m, struct bytes more)
{
    size_t lf = bytes_index(more, '\n'), n = lf < more.len ? lf + 1 : lf;
    header_scanner_push(m->header, bytes_part(more, 0, n));
    m->line_start = lf < more.len;
    if (header_scanner_done(m->header))
        begin_root(m, bytes_part(more, 0, 0), bytes_part(more, n, SIZE_MAX));
    return n;
}

/* --- the walk --- */

/* What a line is, by its beginning, of which there is no more to come that could matter. */
static void judge_line(struct mime *m, struct bytes line, bool whole, struct bytes rest)
{
    bool closes = false;
    int level = m->boundaries ? find_level(m, line, &closes) : -1;
    if (level >= 0) {
        found_delimiter(m, (unsigned)level, closes, whole);
    } else if (m->state == IN_HEADER) {
        header_line(m, line, whole, rest);
    } else {
        flush_eol(m);
        m->line_start = false;
        body_run(m, line);
    }
    m->lost = false;
}

/* The beginning of a line: is judged when enough of it is there. Returns how much was taken. */
static size_t line_begin(struct mime *m, struct bytes more)
{
    if (m->state == IN_BODY && !m->held.len && !may_delimit(m, more)) {
        flush_eol(m);
        m->line_start = m->lost = false;
        return body_run(m, more);
    }
    size_t lf = bytes_index(bytes_part(more, 0, HELD_MOST - m->held.len), '\n');
    size_t n = HELD_MOST - m->held.len;
    bool whole = lf < more.len && lf < n;
    n = whole ? lf + 1 : n < more.len ? n : more.len;
    struct bytes line = bytes_part(more, 0, n);
    if (m->held.len || (!whole && n < HELD_MOST)) {
        buf_add(&m->held, line);
        line = buf_bytes(&m->held);
        bool open = m->state == IN_HEADER || may_delimit(m, line);
        if (!whole && line.len < HELD_MOST && open)
            return n;
    }
    judge_line(m, line, whole, bytes_part(more, n, SIZE_MAX));
    buf_reset(&m->held);
    return n;
}

static size_t step(struct mime *m, struct bytes more)
{
    size_t lf;
    switch (m->state) {
    case IN_DELIMITER:
        lf = bytes_index(more, '\n');
        if (lf == more.len)
            return lf;
        m->state = m->after;
        m->line_start = true;
        return lf + 1;
    case IN_HEADER:
        return m->line_start ? line_begin(m, more) : header_run(m, more);
    case IN_BODY:
        break;
    }
    if (m->line_start)
        return line_begin(m, more);
    if (m->eol == EOL_CR && more.data[0] == '\n') {
        m->eol = EOL_CRLF;
        m->line_start = true;
        return 1;
    }
    flush_eol(m);
    return body_run(m, more);
}

void mime_push(struct mime *m, struct bytes more)
{
    if (m->body)
        digest_push(m->body, more);
    while (more.len)
        more = bytes_part(more, step(m, more), SIZE_MAX);
}

void mime_flush(struct mime *m)
{
    if (m->held.len)
        judge_line(m, buf_bytes(&m->held), false, bytes_of(NULL, 0));
    buf_reset(&m->held);
    flush_eol(m);
}

void mime_gap(struct mime *m, uint64_t len, bool sure)
{
    digest_drop(m->body);
    m->body = NULL;
    if (m->state == IN_BODY) { /* nobody knows what the line would have become */
        flush_eol(m);
        sink(m, buf_bytes(&m->held));
    } else if (m->state == IN_HEADER && m->held.len) {
        header_scanner_push(m->header, buf_bytes(&m->held));
    }
    buf_reset(&m->held);
    if (m->state == IN_DELIMITER)
        m->state = m->after;
    if (m->state == IN_HEADER) {
        header_scanner_gap(m->header, len);
        m->header_missed += sure ? len : 0;
        m->header_doubt |= !sure;
    } else if (m->leaf) {
        part_gap(m->leaf, len, sure);
    }
    m->line_start = true; /* perhaps: a delimiter that follows at once is seen */
    m->lost = true;
}

void mime_finish(struct mime *m, bool complete, char body[static 65])
{
    bool header_cut = m->state == IN_HEADER && !complete;
    if (m->state != IN_HEADER && m->leaf)
        end_leaf(m, !complete);
    else if (m->state == IN_HEADER && !header_cut)
        end_entity(m, false);
    while (complete && m->count) {
        m->tree->unclosed |= top(m)->boundary != NULL;
        pop_level(m);
    }
    body[0] = 0;
    if (m->body && complete)
        digest_end(m->body, m->body_hex);
    else
        digest_drop(m->body);
    m->body = NULL;
    if (complete)
        memcpy(body, m->body_hex, sizeof m->body_hex);
}
