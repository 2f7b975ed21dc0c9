/* The parts of a message as a text to compare. */
#include "parts_list.h"

#include "mail/content.h"
#include "record/record.h"

#include <stdio.h>

static void add_entry(struct parts_list *l, const struct entry *e)
{
    bool word = e->field == F_part_mime || e->field == F_part_sha256;
    if (word || e->field == F_part_flags)
        buf_add_string(&l->text, e->field == F_part_flags ? " !" : " ");
    if (word || e->field == F_part_flags || e->field == F_part_path)
        buf_add(&l->text, e->text);
    else if (e->field == F_part_size)
        buf_printf(&l->text, " %llu", (unsigned long long)e->number);
    else if (e->field == F_part_missed)
        buf_printf(&l->text, " missed %llu", (unsigned long long)e->number);
    else if (e->field == F_part_cut)
        buf_add_string(&l->text, " cut");
    else if (e->field == F_message_parts_omitted)
        l->omitted = e->number;
    else if (e->field == F_message_body_sha256)
        snprintf(l->body, sizeof l->body, "%.*s", (int)e->text.len, (const char *)e->text.data);
    else if (e->field == F_message_noted &&
             (bytes_starts_nocase(e->text, BYTES("mime_")) || bytes_equal(e->text, BYTES("header_no_colon"))))
        buf_printf(&l->text, "noted %.*s\n", (int)e->text.len, (const char *)e->text.data);
}

static void list(struct parts_list *l, const struct record *message)
{
    struct entry e;
    unsigned depth = 0;
    for (size_t at = 0; record_next(message, &at, &e);) {
        if (e.end) {
            if (!--depth)
                buf_add_byte(&l->text, '\n');
        } else if (field_infos[e.field].type == GROUP || field_infos[e.field].type == GROUPS) {
            if (!depth && e.field != F_message_parts) {
                at = record_group_after(message, at);
                continue;
            }
            depth++;
        } else if (depth < 2) {
            add_entry(l, &e);
        }
    }
}

static void push(struct content *c, struct bytes part, size_t step, struct parts_list *l)
{
    while (part.len) {
        struct bytes piece = bytes_part(part, 0, step ? step : part.len);
        content_push(c, piece.data, piece.len);
        part = bytes_part(part, piece.len, SIZE_MAX);
        size_t held = content_held(c);
        if (held > l->held)
            l->held = held;
    }
}

void parts_list(struct mail *mail, struct bytes message, size_t step, size_t gap, size_t lost, struct parts_list *ret)
{
    struct content *c = content_new(mail);
    struct record *r = record_new(KIND_message, mail->limits);
    *ret = (struct parts_list){.omitted = 0};
    buf_init(&ret->text, SIZE_MAX);
    push(c, bytes_part(message, 0, lost ? gap : SIZE_MAX), step, ret);
    if (lost) {
        content_push(c, NULL, lost);
        push(c, bytes_part(message, gap + lost, SIZE_MAX), step, ret);
    }
    content_finish(c, r, true);
    list(ret, r);
    record_free(r);
    content_free(c);
}

void parts_list_release(struct parts_list *l)
{
    buf_release(&l->text);
}
