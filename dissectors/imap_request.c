/* A command of which more must be kept until its reply than its record has: who logs in (LOGIN), which mailbox is
   opened (SELECT), what is uploaded (APPEND, RFC 3502, 3516, 4469), the pieces of one with literals. */
#include "client_line.h"
#include "imap.h"

#include "base/memory.h"
#include "mail/mutf7.h"

#include <stdlib.h>

#define TEXT_MOST 4096 /* of arguments that are looked at: names and passwords */

struct request *request_new(struct command *c, const struct limits *limits)
{
    struct request *r = memory_get(sizeof *r);
    r->command = c;
    buf_init(&r->shown, (size_t)limits->text + 1); /* one more: the record says what is cut */
    buf_init(&r->text, TEXT_MOST);
    buf_init(&r->behind, TEXT_MOST);
    buf_init(&r->early, (size_t)limits->line);
    return r;
}

static void release_wiped(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    buf_release(b);
}

void request_free(struct request *r)
{
    struct upload *u;
    while ((u = r->uploads) != NULL) {
        r->uploads = u->next;
        content_free(u->content);
        free(u);
    }
    login_free(r->login);
    buf_release(&r->shown);
    release_wiped(&r->text);
    release_wiped(&r->behind);
    buf_release(&r->early);
    free(r);
}

/* --- what APPEND sends --- */

static bool ends_with_text(struct bytes piece)
{
    piece = bytes_trim(piece);
    return piece.len >= 4 && bytes_equal_nocase(bytes_part(piece, piece.len - 4, 4), BYTES("TEXT"));
}

static void begin_upload(struct request *r)
{
    r->upload = NULL;
    if (r->upload_count == REQUEST_UPLOADS) {
        r->overflow = true;
        return;
    }
    struct upload **link = &r->uploads;
    while (*link)
        link = &(*link)->next;
    r->upload = *link = memory_get(sizeof **link);
    r->upload->last = r->command->last;
    r->upload_count++;
}

/* CATENATE (URL "...", TEXT literal, ...): what stands between its literals. */
static void catenate_piece(struct request *r, struct bytes piece)
{
    static const struct bytes word = {(const uint8_t *)"CATENATE (", 10};
    piece = bytes_trim(piece);
    if (r->catenate && piece.len && piece.data[0] == ')') {
        r->catenate = false;
        if (r->upload)
            r->upload->ended = true;
    }
    size_t begins = bytes_find_nocase(piece, word);
    if (begins != SIZE_MAX) {
        r->catenate = true;
        begin_upload(r);
        piece = bytes_part(piece, begins + word.len, piece.len);
    }
    if (!r->catenate || !r->upload)
        return;
    r->upload->by_url |= bytes_find_nocase(piece, BYTES("URL ")) != SIZE_MAX;
    if (piece.len && piece.data[piece.len - 1] == ')')
        r->upload->ended = true;
}

/* Is the literal behind these arguments message text? The first one may be the mailbox's name, and CATENATE has some
   for its URLs. */
static bool is_message(const struct request *r, struct bytes piece)
{
    struct buf name;
    struct bytes before = buf_bytes(&r->text);
    if (r->catenate)
        return ends_with_text(piece);
    buf_init(&name, TEXT_MOST);
    bool named = imap_astring(&before, &name);
    buf_release(&name);
    return named || r->text.cut;
}

void request_piece(struct request *r, struct bytes piece, const struct imap_literal *literal)
{
    bool append = r->command->kind == VERB_APPEND;
    struct bytes before = literal ? bytes_part(piece, 0, literal->at) : piece;
    buf_add(&r->shown, piece);
    buf_add(&r->text, before);
    if (append)
        catenate_piece(r, before);
    r->sends_message = false;
    if (!literal)
        return;
    if (append && is_message(r, before)) {
        r->sends_message = true;
        if (!r->catenate)
            begin_upload(r);
        if (r->upload)
            r->upload->declared += literal->size;
        return;
    }
    buf_add(&r->text, bytes_part(piece, literal->at, piece.len));
    buf_add_byte(&r->text, '\n');
}

void request_octets(struct request *r, const struct chunk *chunk, struct mail *mail)
{
    struct upload *u = r->upload;
    if (!r->sends_message) {
        if (chunk->bytes.data)
            buf_add(&r->text, chunk->bytes);
        else
            r->gap = true;
        return;
    }
    if (!u)
        return;
    u->last = chunk->last;
    if (!u->content)
        u->content = content_new(mail);
    if (!u->by_url) /* what stands behind a part that was not seen is no header */
        content_push(u->content, chunk->bytes.data, chunk->bytes.len);
}

void request_literal_ended(struct request *r, const struct mark *last, struct mail *mail)
{
    struct upload *u = r->sends_message ? r->upload : NULL;
    r->sends_message = false;
    if (!u)
        return;
    if (!u->content)
        u->content = content_new(mail);
    u->last = *last;
    u->ended = !r->catenate;
}

void request_behind(struct request *r, const struct mark *first, struct bytes octets)
{
    if (!r->unasked)
        return;
    if (!r->behind.len)
        r->behind_first = *first;
    if (octets.data)
        buf_add(&r->behind, octets);
    else
        r->unasked = false; /* lost: places behind it would be wrong */
}

/* --- what it tells --- */

/* No text that repeats a word of this may be told; quoted or not, as servers please. */
static void hide_words(struct request *r, struct bytes text)
{
    for (size_t from = 0, i = 0; i <= text.len; i++) {
        if (i < text.len && text.data[i] > ' ' && text.data[i] != '"' && text.data[i] != '\\')
            continue;
        echo_add(&r->login->sasl.echo, bytes_part(text, from, i - from));
        from = i + 1;
    }
}

static void tell_login(struct request *r, bool whole)
{
    struct buf user, secret;
    struct bytes rest = buf_bytes(&r->text), sent;
    buf_init(&user, TEXT_MOST);
    buf_init(&secret, TEXT_MOST);
    bool named = whole && !r->text.cut && imap_astring(&rest, &user);
    sent = rest;
    if (named && imap_astring(&rest, &secret) && !rest.len) {
        hide_words(r, sent);
        sasl_tell(&r->login->sasl, buf_bytes(&user), buf_bytes(&secret), true);
        if (sasl_fact(&r->login->sasl, SASL_USER, &rest))
            record_text(r->command->fields, F_command_arg, rest);
    } else { /* which word is the secret is anybody's guess */
        sent = buf_bytes(&r->text);
        hide_words(r, sent);
        if (bytes_word(&sent).len && bytes_trim(sent).len)
            r->login->sasl.cleartext_secret = true;
        if (r->gap || r->cut)
            sasl_lost(&r->login->sasl);
    }
    buf_release(&user);
    release_wiped(&secret);
}

void request_tell(struct request *r, bool whole)
{
    if (r->told)
        return;
    r->told = true;
    whole &= !r->gap && !r->cut && !r->command->unsure;
    if (r->gap || r->cut)
        record_word(r->command->fields, F_command_noted, "command_cut");
    if (r->command->kind == VERB_AUTHENTICATE)
        return;
    if (r->command->kind == VERB_LOGIN)
        tell_login(r, whole);
    else if (r->shown.len && r->command->kind != VERB_UNKNOWN)
        client_line_arg(r->command, buf_bytes(&r->shown));
    release_wiped(&r->shown);
    buf_init(&r->shown, 0);
}

void request_criteria(const struct request *r, struct buf *out)
{
    struct imap_literal l;
    struct bytes rest = buf_bytes(&r->text);
    while (rest.len) {
        size_t lf = bytes_index(rest, '\n');
        struct bytes piece = bytes_part(rest, 0, lf);
        rest = bytes_part(rest, lf + 1, rest.len);
        if (imap_find_literal(piece, &l) != LITERAL_FOUND || lf == piece.len + rest.len) {
            buf_add(out, piece);
            continue;
        }
        buf_add(out, bytes_part(piece, 0, l.at));
        buf_add_byte(out, '"');
        for (size_t i = 0; i < rest.len && i < l.size; i++) {
            if (rest.data[i] == '"' || rest.data[i] == '\\')
                buf_add_byte(out, '\\');
            buf_add_byte(out, rest.data[i]);
        }
        buf_add_byte(out, '"');
        rest = bytes_part(rest, (size_t)l.size, rest.len);
    }
}

bool request_mailbox(const struct request *r, struct buf *out)
{
    struct buf name;
    struct bytes rest = buf_bytes(&r->text);
    buf_init(&name, TEXT_MOST);
    bool named = imap_astring(&rest, &name);
    named = named && !r->gap;
    if (named)
        mutf7_decode(buf_bytes(&name), out);
    buf_release(&name);
    return named;
}
