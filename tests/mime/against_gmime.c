/* The parts of messages as the walk sees them and as GMime's parser does: the same tree, the same decoded octets, or a
   difference of a class that is understood.

       against_gmime [--generate COUNT] [--seed SEED] [-v] [FILE...]

   Files are messages; generated ones are hostile (message_generate.h). Every class of reasons.h has a predicate on the
   message; a difference that none holds for fails, with the message written to against_gmime-1.eml, with -v all of
   them. */
#include "message_generate.h"
#include "parts_list.h"
#include "reasons.h"

#include "base/memory.h"
#include "mail/digest.h"

#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>

/* --- GMime's view, in the form of parts_list() --- */

static void path_add(struct buf *path, unsigned number)
{
    buf_printf(path, "%s%u", path->len ? "." : "", number);
}

static void add_type(struct buf *out, struct bytes path, GMimeObject *o)
{
    GMimeContentType *type = g_mime_object_get_content_type(o);
    char *mime = g_mime_content_type_get_mime_type(type);
    char *lower = g_ascii_strdown(mime, -1);
    buf_printf(out, "%.*s %s", (int)path.len, (const char *)path.data, lower);
    g_free(lower);
    g_free(mime);
}

static void add_octets(struct buf *out, GMimePart *part)
{
    GMimeStream *stream = g_mime_stream_mem_new();
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    if (content)
        g_mime_data_wrapper_write_to_stream(content, stream);
    GByteArray *octets = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    char *hex = g_compute_checksum_for_data(G_CHECKSUM_SHA256, octets->data, octets->len);
    buf_printf(out, " %u %s\n", octets->len, hex);
    g_free(hex);
    g_object_unref(stream);
}

/* `path` is that of what the object stands in; `body`: the object is a message's body. Recursion is GMime's, too: the
   generator nests no deeper than it can. */
static void add_object(struct buf *out, GMimeObject *o, struct bytes outside, unsigned number, bool body)
{
    struct buf path;
    buf_init(&path, SIZE_MAX);
    buf_add(&path, outside);
    if (GMIME_IS_MULTIPART(o)) {
        GMimeMultipart *m = GMIME_MULTIPART(o);
        size_t len = path.len;
        if (body)
            buf_printf(&path, "%sTEXT", len ? "." : "");
        else
            path_add(&path, number);
        add_type(out, buf_bytes(&path), o);
        buf_add_byte(out, '\n');
        if (body)
            path.len = len;
        for (int i = 0; i < g_mime_multipart_get_count(m); i++)
            add_object(out, g_mime_multipart_get_part(m, i), buf_bytes(&path), (unsigned)i + 1, false);
    } else {
        path_add(&path, body ? 1 : number);
        add_type(out, buf_bytes(&path), o);
        if (GMIME_IS_MESSAGE_PART(o)) {
            GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(o));
            buf_add_byte(out, '\n');
            if (inner && g_mime_message_get_mime_part(inner))
                add_object(out, g_mime_message_get_mime_part(inner), buf_bytes(&path), 1, true);
        } else {
            add_octets(out, GMIME_PART(o));
        }
    }
    buf_release(&path);
}

static void gmime_list(struct bytes message, struct buf *out)
{
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer((const char *)message.data, message.len);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *m = g_mime_parser_construct_message(parser, NULL);
    if (m && g_mime_message_get_mime_part(m))
        add_object(out, g_mime_message_get_mime_part(m), bytes_of(NULL, 0), 1, true);
    if (m)
        g_object_unref(m);
    g_object_unref(parser);
    g_object_unref(stream);
}

/* --- the comparison --- */

struct comparison {
    struct mail *mail;
    bool verbose;
    uint64_t messages, same, unknown, by_reason[64];
};

static void show(const char *what, struct bytes text)
{
    printf("--- %s\n%.*s", what, (int)text.len, (const char *)text.data);
}

/* Takes the differences out, reason by reason. */
static bool explained(struct comparison *c, struct difference *d)
{
    for (unsigned i = 0; i < reason_count; i++) {
        if (lines_equal(&d->ours, &d->theirs))
            return true;
        c->by_reason[i] += reasons[i].explain(d);
    }
    return lines_equal(&d->ours, &d->theirs);
}

static void keep(struct bytes message, uint64_t number)
{
    char name[64];
    snprintf(name, sizeof name, "against_gmime-%llu.eml", (unsigned long long)number);
    FILE *file = fopen(name, "wb");
    if (!file)
        return;
    fwrite(message.data, 1, message.len, file);
    fclose(file);
}

static void compare(struct comparison *c, struct bytes message, const char *name)
{
    struct parts_list ours;
    struct buf theirs;
    struct difference *d = memory_get(sizeof *d);
    parts_list(c->mail, message, 0, 0, 0, &ours);
    buf_init(&theirs, SIZE_MAX);
    gmime_list(message, &theirs);
    d->message = message;
    d->noted = buf_bytes(&ours.text);
    lines_read(&d->ours, buf_bytes(&ours.text));
    lines_read(&d->theirs, buf_bytes(&theirs));
    c->messages++;
    if (lines_equal(&d->ours, &d->theirs)) {
        c->same++;
    } else if (!explained(c, d) && (!c->unknown++ || c->verbose)) {
        printf("%s: a difference without a reason\n", name);
        show("mailtap", buf_bytes(&ours.text));
        show("gmime", buf_bytes(&theirs));
        keep(message, c->unknown);
    }
    parts_list_release(&ours);
    buf_release(&theirs);
    free(d);
}

static bool compare_file(struct comparison *c, const char *name)
{
    FILE *file = fopen(name, "rb");
    struct buf text;
    uint8_t piece[65536];
    if (!file) {
        perror(name);
        return false;
    }
    buf_init(&text, SIZE_MAX);
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) != 0;)
        buf_add(&text, bytes_of(piece, n));
    fclose(file);
    compare(c, buf_bytes(&text), name);
    buf_release(&text);
    return true;
}

static void compare_generated(struct comparison *c, uint64_t seed, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct buf message;
        char name[40];
        buf_init(&message, SIZE_MAX);
        message_generate(seed, i, &message);
        snprintf(name, sizeof name, "generated %llu", (unsigned long long)i);
        compare(c, buf_bytes(&message), name);
        buf_release(&message);
    }
}

int main(int argc, char **argv)
{
    struct limits limits;
    struct mail_settings settings;
    struct comparison c = {.verbose = false};
    uint64_t generate = 0, seed = 1;
    bool ok = true;
    limits_init(&limits);
    mail_settings_init(&settings);
    c.mail = mail_new(&limits, &settings);
    g_mime_init();
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--generate") && i + 1 < argc)
            generate = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "-v"))
            c.verbose = true;
        else
            ok &= compare_file(&c, argv[i]);
    }
    compare_generated(&c, seed, generate);
    printf("%llu messages, %llu the same, %llu differ without a reason\n", (unsigned long long)c.messages,
           (unsigned long long)c.same, (unsigned long long)c.unknown);
    for (unsigned i = 0; i < reason_count; i++)
        if (c.by_reason[i])
            printf("%6llu  %s\n", (unsigned long long)c.by_reason[i], reasons[i].why);
    g_mime_shutdown();
    mail_free(c.mail);
    return !ok || c.unknown || !c.messages || c.same * 100 < c.messages * 60;
}
