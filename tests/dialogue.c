/* Reads dialogue files into steps. */
#include "dialogue.h"
#include "base/clock.h"
#include "base/memory.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <zlib.h>

#define PAYLOAD_MOST ((size_t)64 << 20)

struct parser {
    struct dialogue_file *d;
    const char *path;
    unsigned line;
    struct error *err;
    size_t step_cap;
    bool split;      /* a line -- stood before: the next line begins a new segment */
    bool spoken;     /* some turn was read: settings must stand before */
    bool closed;     /* a FIN or RST is written out, so none is added */
    struct buf data; /* of the segment that is being read */
    struct step pending;
    bool has_pending;
    z_stream *streams[2]; /* of what the client and the server send compressed; null before the first */
};

static bool fail(struct parser *p, const char *what, struct bytes where)
{
    return error_set(p->err, "%s:%u: %s \"%.*s\"", p->path, p->line, what, (int)(where.len < 60 ? where.len : 60),
                     (const char *)where.data);
}

void texts_add(struct texts *t, struct bytes text)
{
    char *copy = memory_get(text.len + 1);

    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    t->list = memory_resize(t->list, (t->count + 2) * sizeof(*t->list));
    t->list[t->count++] = copy;
    t->list[t->count] = NULL;
}

bool texts_have(const struct texts *t, const char *text)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->list[i], text) == 0)
            return true;
    return false;
}

void texts_release(struct texts *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->list[i]);
    free(t->list);
    *t = (struct texts){0};
}

static bool number_all(struct bytes text, uint64_t *ret)
{
    return bytes_number(&text, ret) && text.len == 0;
}

/* "5s", "-10s", "20ms", "100us" */
static bool duration(struct bytes text, int64_t *ret)
{
    bool back = text.len > 0 && text.data[0] == '-';
    uint64_t n;
    int64_t unit;

    if (back)
        text = bytes_part(text, 1, SIZE_MAX);
    if (!bytes_number(&text, &n) || n > 100000000)
        return false;
    if (bytes_equal(text, BYTES("s")))
        unit = CLOCK_S;
    else if (bytes_equal(text, BYTES("ms")))
        unit = CLOCK_MS;
    else if (bytes_equal(text, BYTES("us")))
        unit = CLOCK_US;
    else
        return false;
    *ret = (back ? -1 : 1) * (int64_t)n * unit;
    return true;
}

static int hex_digit(uint8_t c)
{
    if (byte_is_digit(c))
        return c - '0';
    c = byte_upper(c);
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Appends the text with its escapes undone. */
static bool unescape(struct parser *p, struct bytes text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c == '\\') {
            int high, low;

            if (++i == text.len)
                return fail(p, "a backslash ends", text);
            switch (text.data[i]) {
            case 'r':
                c = '\r';
                break;
            case 'n':
                c = '\n';
                break;
            case 't':
                c = '\t';
                break;
            case '0':
                c = 0;
                break;
            case '\\':
                break;
            case 'x':
                high = i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
                low = i + 2 < text.len ? hex_digit(text.data[i + 2]) : -1;
                if (high < 0 || low < 0)
                    return fail(p, "\\x wants two hexadecimal digits in", text);
                c = (uint8_t)(high << 4 | low);
                i += 2;
                break;
            default:
                return fail(p, "unknown escape in", text);
            }
        }
        if (!buf_add_byte(out, c))
            return fail(p, "too long:", text);
    }
    return true;
}

static void step_add(struct parser *p, const struct step *s)
{
    struct dialogue_file *d = p->d;

    if (d->step_count == p->step_cap) {
        p->step_cap = p->step_cap > 0 ? p->step_cap * 2 : 32;
        d->steps = memory_resize(d->steps, p->step_cap * sizeof(*d->steps));
    }
    d->steps[d->step_count++] = *s;
}

static void streams_end(struct parser *p)
{
    for (int i = 0; i < 2; i++) {
        if (p->streams[i])
            deflateEnd(p->streams[i]);
        free(p->streams[i]);
        p->streams[i] = NULL;
    }
}

/* The text becomes the next piece of its side's raw deflate stream, as COMPRESS (RFC 4978) sends it. */
static void deflate_segment(struct parser *p)
{
    z_stream *z = p->streams[p->pending.server];
    size_t most;
    uint8_t *out;

    if (!z) {
        z = p->streams[p->pending.server] = memory_get(sizeof(*z));
        deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    }
    most = deflateBound(z, p->data.len) + 64;
    out = memory_get(most);
    z->next_in = p->data.data;
    z->avail_in = (unsigned)p->data.len;
    z->next_out = out;
    z->avail_out = (unsigned)most;
    deflate(z, Z_SYNC_FLUSH);
    buf_reset(&p->data);
    buf_add(&p->data, bytes_of(out, most - z->avail_out));
    free(out);
}

/* The segment that was being read is complete. */
static void flush(struct parser *p)
{
    if (!p->has_pending)
        return;
    if (p->pending.compressed)
        deflate_segment(p);
    p->pending.len = p->data.len;
    p->pending.octets = memory_get(p->data.len > 0 ? p->data.len : 1);
    if (p->data.len > 0)
        memcpy(p->pending.octets, p->data.data, p->data.len);
    step_add(p, &p->pending);
    buf_reset(&p->data);
    p->has_pending = false;
}

/* What stands before the side: lost, dup, again, overN, @N. */
static bool prefixes(struct parser *p, struct bytes *line, struct step *s)
{
    for (;;) {
        struct bytes rest = *line, word = bytes_word(&rest);

        if (bytes_equal(word, BYTES("lost"))) {
            s->lost = true;
        } else if (bytes_equal(word, BYTES("dup"))) {
            s->dup = true;
        } else if (bytes_equal(word, BYTES("again"))) {
            s->again = true;
        } else if (word.len > 4 && memcmp(word.data, "over", 4) == 0) {
            uint64_t n;

            if (!number_all(bytes_part(word, 4, SIZE_MAX), &n) || n == 0 || n > 60000)
                return fail(p, "over wants a number of octets in", *line);
            s->over = (unsigned)n;
        } else if (word.len > 1 && word.data[0] == '@') {
            bool back = word.data[1] == '-';
            uint64_t n;

            if ((word.data[1] != '-' && word.data[1] != '+') || !number_all(bytes_part(word, 2, SIZE_MAX), &n) ||
                n > 100000)
                return fail(p, "@ wants +N or -N in", *line);
            s->shift = back ? -(int)n : (int)n;
        } else {
            return true;
        }
        *line = bytes_part(rest, rest.len > 0 && rest.data[0] == ' ' ? 1 : 0, SIZE_MAX);
    }
}

static bool same_segment(const struct step *a, const struct step *b)
{
    return a->server == b->server && a->crossing == b->crossing && a->lost == b->lost && a->dup == b->dup &&
           a->again == b->again && a->compressed == b->compressed && a->over == 0 && b->over == 0 &&
           a->shift == b->shift;
}

/* Is a turn of that side still going on? A wait does not end it. */
static bool continues(const struct parser *p, bool server)
{
    if (p->has_pending)
        return p->pending.server == server;
    for (size_t i = p->d->step_count; i-- > 0;) {
        const struct step *s = p->d->steps + i;

        if (s->kind == STEP_CONNECTION)
            return false;
        if (s->kind != STEP_WAIT)
            return s->server == server;
    }
    return false;
}

/* "C! fin" and so on. */
static bool control(struct parser *p, struct bytes word, struct step *s)
{
    word = bytes_trim(word);
    if (bytes_equal(word, BYTES("fin")))
        s->kind = STEP_FIN;
    else if (bytes_equal(word, BYTES("rst")))
        s->kind = STEP_RST;
    else if (bytes_equal(word, BYTES("syn")))
        s->kind = STEP_SYN;
    else if (bytes_equal(word, BYTES("ack")))
        s->kind = STEP_ACK;
    else
        return fail(p, "! wants fin, rst, syn or ack, not", word);
    if (s->kind == STEP_FIN || s->kind == STEP_RST)
        p->closed = true;
    flush(p);
    step_add(p, s);
    return true;
}

/* A turn: [prefixes] C or S, z where it is compressed, +[N] where it crosses, *N where it repeats, then `: text`, `|
 * text` or `! control`. */
static bool turn(struct parser *p, struct bytes line)
{
    struct bytes whole = line;
    struct step s = {.kind = STEP_DATA};
    uint64_t times = 1, crossing = 1;
    uint8_t mark;

    if (!prefixes(p, &line, &s))
        return false;
    if (line.len < 2 || (line.data[0] != 'C' && line.data[0] != 'S'))
        return fail(p, "neither a setting nor a turn:", whole);
    s.server = line.data[0] == 'S';
    line = bytes_part(line, 1, SIZE_MAX);
    if (line.data[0] == 'z') {
        s.compressed = true;
        line = bytes_part(line, 1, SIZE_MAX);
    }
    if (line.len > 0 && line.data[0] == '+') {
        line = bytes_part(line, 1, SIZE_MAX);
        if (line.len > 0 && byte_is_digit(line.data[0]) && (!bytes_number(&line, &crossing) || crossing > 1000))
            return fail(p, "bad number of turns in", whole);
        s.crossing = (unsigned)crossing;
    }
    if (line.len > 0 && line.data[0] == '*') {
        line = bytes_part(line, 1, SIZE_MAX);
        if (!bytes_number(&line, &times) || times == 0 || times > 10000000)
            return fail(p, "bad number of repetitions in", whole);
    }
    mark = line.len > 0 ? line.data[0] : 0;
    line = bytes_part(line, 1, SIZE_MAX);
    if (line.len > 0 && line.data[0] == ' ')
        line = bytes_part(line, 1, SIZE_MAX);
    p->spoken = true;
    s.turn = !continues(p, s.server);
    if (mark == '!')
        return control(p, line, &s);
    if (mark != ':' && mark != '|')
        return fail(p, "no `:`, `|` or `!` in", whole);
    if (p->split || !p->has_pending || !same_segment(&p->pending, &s)) {
        flush(p);
        p->pending = s;
        p->has_pending = true;
    }
    p->split = false;
    for (uint64_t i = 0; i < times; i++) {
        if (!unescape(p, line, &p->data))
            return false;
        if (mark == ':' && !buf_add(&p->data, BYTES("\r\n")))
            return fail(p, "too long:", whole);
    }
    return true;
}

/* One word of a closed list, null at the end; -1 where it is none. */
static int choice(struct bytes value, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (bytes_equal(value, bytes_of_string(words[i])))
            return i;
    return -1;
}

static bool limit(struct parser *p, struct bytes value)
{
    size_t equals = bytes_index(value, '=');
    struct bytes name = bytes_part(value, 0, equals);
    uint64_t n;

    if (!number_all(bytes_part(value, equals + 1, SIZE_MAX), &n))
        return fail(p, "limit wants name=number, not", value);
    for (unsigned i = 0; i < limit_count; i++)
        if (bytes_equal(name, bytes_of_string(limit_infos[i].name))) {
            *limits_at(&p->d->limits, i) = n;
            return true;
        }
    return fail(p, "no such limit:", name);
}

static bool delay(struct parser *p, struct bytes value)
{
    struct bytes rest = value, side = bytes_word(&rest);
    int64_t time;

    if (!duration(bytes_trim(rest), &time))
        return fail(p, "delay wants a side and a duration, not", value);
    if (bytes_equal(side, BYTES("client")))
        p->d->delay_client = time;
    else if (bytes_equal(side, BYTES("server")))
        p->d->delay_server = time;
    else
        return fail(p, "no such side:", side);
    return true;
}

static void words_add(struct texts *t, struct bytes value)
{
    while (value.len > 0) {
        size_t comma = bytes_index(value, ',');

        texts_add(t, bytes_trim(bytes_part(value, 0, comma)));
        value = bytes_part(value, comma + 1, SIZE_MAX);
    }
}

static bool setting_word(struct dialogue_file *d, struct bytes name, struct bytes value, bool *known)
{
    static const char *const acks[] = {"piggyback", "every", "none", "zero", "constant", NULL};
    static const char *const closes[] = {"fin", "rst", "none", NULL};
    static const char *const sides[] = {"client", "server", NULL};
    static const char *const copies[] = {"plain", "tagged", NULL};
    static const char *const hashes[] = {"none", "parts", "all", NULL};
    int n = 0;

    *known = true;
    if (bytes_equal(name, BYTES("acks"))) {
        n = choice(value, acks);
        d->acks = n < 0 ? ACKS_PIGGYBACK : (enum dialogue_acks)n;
    } else if (bytes_equal(name, BYTES("close"))) {
        n = choice(value, closes);
        d->close = n < 0 ? CLOSE_FIN : (enum dialogue_close)n;
    } else if (bytes_equal(name, BYTES("only"))) {
        n = choice(value, sides);
        d->only_client = n == 0;
        d->only_server = n == 1;
    } else if (bytes_equal(name, BYTES("copies"))) {
        n = choice(value, copies);
        d->copies = true;
        d->copies_tagged = n == 1;
    } else if (bytes_equal(name, BYTES("overlap"))) {
        d->overlap_last = bytes_equal(value, BYTES("last"));
        return d->overlap_last;
    } else if (bytes_equal(name, BYTES("hash"))) {
        n = choice(value, hashes);
        d->mail.hash = n < 0 ? MAIL_HASH_NONE : (enum mail_hash)n;
    } else if (bytes_equal(name, BYTES("interim"))) {
        return duration(value, &d->interim);
    } else if (bytes_equal(name, BYTES("keep"))) {
        words_add(&d->keep, value);
    } else if (bytes_equal(name, BYTES("local-nets"))) {
        texts_add(&d->local_nets, value);
    } else if (bytes_equal(name, BYTES("local-domains"))) {
        texts_add(&d->local_domains, value);
    } else if (bytes_equal(name, BYTES("mail-servers"))) {
        texts_add(&d->mail_servers, value);
    } else if (bytes_equal(name, BYTES("set"))) {
        texts_add(&d->set, value);
    } else if (bytes_equal(name, BYTES("suppress"))) {
        texts_add(&d->suppress, value);
    } else if (bytes_equal(name, BYTES("key"))) {
        texts_add(&d->keys, value);
        bytes_word(&value);
        bytes_word(&value);
        texts_add(&d->secrets, bytes_word(&value));
    } else if (bytes_equal(name, BYTES("secret"))) {
        texts_add(&d->secrets, value);
        return value.len > 0;
    } else {
        *known = false;
    }
    return n >= 0;
}

static bool setting_number(struct dialogue_file *d, struct bytes name, struct bytes value, bool *known)
{
    uint64_t n = 0;
    bool ok = number_all(value, &n);

    *known = true;
    if (bytes_equal(name, BYTES("port"))) {
        ok = ok && n > 0 && n <= 65535;
        d->port = (uint16_t)n;
    } else if (bytes_equal(name, BYTES("isn"))) {
        ok = ok && n <= UINT32_MAX;
        d->isn = (uint32_t)n;
    } else if (bytes_equal(name, BYTES("snap"))) {
        d->snap = n;
    } else if (bytes_equal(name, BYTES("hold"))) {
        d->hold = n;
    } else {
        *known = false;
    }
    return ok;
}

/* Sets *known where the line is a setting. */
static bool setting(struct parser *p, struct bytes line, bool *known)
{
    size_t colon = bytes_index(line, ':');
    struct bytes name = bytes_part(line, 0, colon), value = bytes_trim(bytes_part(line, colon + 1, SIZE_MAX));
    bool ok;

    *known = true;
    if (colon == line.len) {
        if (bytes_equal(line, BYTES("midstream")))
            p->d->midstream = true;
        else if (bytes_equal(line, BYTES("any-port")))
            p->d->any_port = true;
        else if (bytes_equal(line, BYTES("lookalikes")))
            p->d->lookalikes = true;
        else if (bytes_equal(line, BYTES("md5")))
            p->d->mail.md5 = true;
        else if (bytes_equal(line, BYTES("no-content")))
            p->d->mail.envelope_only = true;
        else if (bytes_equal(line, BYTES("ipv6")))
            p->d->ipv6 = true;
        else
            *known = false;
        ok = true;
    } else if (bytes_equal(name, BYTES("limit"))) {
        return limit(p, value);
    } else if (bytes_equal(name, BYTES("delay"))) {
        return delay(p, value);
    } else {
        ok = setting_word(p->d, name, value, known);
        if (!*known)
            ok = setting_number(p->d, name, value, known);
    }
    if (!*known)
        return true;
    if (p->spoken)
        return fail(p, "a setting must stand before the first turn:", line);
    return ok || fail(p, "bad value in", line);
}

static bool address(struct bytes text, uint8_t ret[static 4])
{
    char copy[16] = "";

    if (text.len < sizeof(copy))
        memcpy(copy, text.data, text.len);
    return inet_pton(AF_INET, copy, ret) == 1;
}

/* same, 7, from 192.0.2.7, to 198.51.100.26, port 143 */
static bool connection(struct bytes rest, struct step *s)
{
    struct bytes word;
    uint64_t port = 0;

    s->kind = STEP_CONNECTION;
    s->ports_on = 1;
    while ((word = bytes_word(&rest)).len > 0) {
        if (bytes_equal(word, BYTES("same")))
            s->ports_on = 0;
        else if (bytes_equal(word, BYTES("from"))   ? !address(bytes_word(&rest), s->from)
                 : bytes_equal(word, BYTES("to"))   ? !address(bytes_word(&rest), s->to)
                 : bytes_equal(word, BYTES("port")) ? !number_all(bytes_word(&rest), &port) || port == 0 || port > 65535
                                                    : !number_all(word, &s->ports_on))
            return false;
    }
    s->port = (uint16_t)port;
    return true;
}

/* wait 5s, clock -10s, connection [same], -- */
static bool between(struct parser *p, struct bytes line, bool *known)
{
    struct bytes rest = line, word = bytes_word(&rest), value = bytes_trim(rest);
    struct step s = {.kind = STEP_WAIT};

    *known = true;
    if (bytes_equal(line, BYTES("--"))) {
        p->split = true;
        return true;
    }
    if (bytes_equal(word, BYTES("wait")) || bytes_equal(word, BYTES("clock"))) {
        if (!duration(value, &s.time) || (word.data[0] == 'w' && s.time < 0))
            return fail(p, "bad duration:", line);
    } else if (bytes_equal(word, BYTES("connection"))) {
        flush(p);
        streams_end(p);
        if (!connection(value, &s))
            return fail(p, "connection takes nothing, `same`, how many ports further on, from, to, port:", line);
    } else {
        *known = false;
        return true;
    }
    flush(p);
    step_add(p, &s);
    return true;
}

static uint16_t port_of(const char *path)
{
    static const struct {
        const char *prefix;
        uint16_t port;
    } ports[] = {{"smtp", 25}, {"lmtp", 24}, {"pop3", 110}, {"imap", 143}};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
        if (strncmp(name, ports[i].prefix, strlen(ports[i].prefix)) == 0)
            return ports[i].port;
    return 25;
}

static bool parse_line(struct parser *p, struct bytes line)
{
    bool known, ok;

    if (bytes_trim(line).len == 0 || line.data[0] == '#')
        return true;
    ok = setting(p, line, &known);
    if (!ok || known)
        return ok;
    ok = between(p, line, &known);
    if (!ok || known)
        return ok;
    return turn(p, line);
}

bool dialogue_file_parse(struct dialogue_file *d, const char *path, struct bytes text, struct error *err)
{
    struct parser p = {.d = d, .path = path, .err = err};
    size_t at = 0;
    bool ok = true;

    *d = (struct dialogue_file){.port = port_of(path), .isn = 1000};
    limits_init(&d->limits);
    buf_init(&p.data, PAYLOAD_MOST);
    while (ok && at < text.len && !d->expected) {
        struct bytes rest = bytes_part(text, at, SIZE_MAX), line = bytes_part(rest, 0, bytes_index(rest, '\n'));

        p.line++;
        at += line.len + 1;
        if (bytes_equal(line, BYTES("="))) {
            rest = bytes_part(text, at, SIZE_MAX);
            d->expected = memory_get(rest.len + 1);
            if (rest.len > 0)
                memcpy(d->expected, rest.data, rest.len);
            break;
        }
        ok = parse_line(&p, line);
    }
    d->head_len = at < text.len ? at : text.len;
    flush(&p);
    streams_end(&p);
    buf_release(&p.data);
    if (p.closed)
        d->close = CLOSE_NONE;
    if (ok && !p.spoken)
        return error_set(err, "%s: no turn in it", path);
    return ok;
}

void dialogue_file_release(struct dialogue_file *d)
{
    for (size_t i = 0; i < d->step_count; i++)
        free(d->steps[i].octets);
    free(d->steps);
    free(d->expected);
    texts_release(&d->local_nets);
    texts_release(&d->local_domains);
    texts_release(&d->mail_servers);
    texts_release(&d->set);
    texts_release(&d->suppress);
    texts_release(&d->keep);
    texts_release(&d->keys);
    texts_release(&d->secrets);
    *d = (struct dialogue_file){0};
}

char *dialogue_file_load(const char *path, size_t *len, struct error *err)
{
    FILE *f = fopen(path, "rb");
    struct buf b;
    size_t n = 1;

    if (!f) {
        error_set(err, "cannot read \"%s\"", path);
        return NULL;
    }
    buf_init(&b, PAYLOAD_MOST);
    while (n > 0) {
        uint8_t *room = buf_room(&b, 65536);

        n = room ? fread(room, 1, 65536, f) : 0;
        b.len += n;
    }
    fclose(f);
    *len = b.len;
    buf_add_byte(&b, 0);
    return (char *)b.data;
}
