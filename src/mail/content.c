/* The content of one message as it streams by. */
#include "content.h"

#include "base/memory.h"
#include "digest.h"
#include "extract.h"
#include "header.h"
#include "mail.h"
#include "mime.h"
#include "part.h"
#include "record/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct content {
    struct mail *mail;
    uint64_t size, missed;
    enum content_piece piece;
    bool begun, doubt;
    struct header_scanner *header; /* null until the first octet, and where there is none */
    struct mime *walk;             /* the same */
    struct digest *whole;          /* --hash all; null also where octets are missing */
    struct extract *file;          /* --extract, of a whole message */
    struct tree tree;
};

struct content *content_new(struct mail *mail)
{
    struct content *c = memory_get(sizeof *c);
    c->mail = mail;
    c->tree.mail = mail;
    return c;
}

void content_free(struct content *c)
{
    if (!c)
        return;
    mime_free(c->walk);
    header_scanner_free(c->header);
    digest_drop(c->whole);
    extract_drop(c->file);
    tree_release(&c->tree);
    free(c);
}

size_t content_held(const struct content *c)
{
    if (!c)
        return 0;
    return memory_cost(sizeof *c) + (c->header ? header_scanner_held(c->header) : 0) + mime_held(c->walk) +
           (c->whole ? digest_held(c->whole) : 0) + extract_held(c->file) + tree_held(&c->tree);
}

void content_is_piece(struct content *c, enum content_piece piece)
{
    c->piece = piece;
}

static void begin(struct content *c)
{
    if (c->begun || c->mail->settings.envelope_only)
        return;
    c->begun = true;
    if (c->piece != CONTENT_OCTETS)
        c->header = header_scanner_new(c->mail->limits);
    if (c->piece == CONTENT_FIELDS)
        header_scanner_excerpt(c->header);
    if (c->piece == CONTENT_WHOLE || c->piece == CONTENT_BEGINNING)
        c->walk = mime_new(&c->tree, c->header);
    if (c->piece == CONTENT_WHOLE && c->mail->settings.extract_messages)
        c->file = extract_begin(c->mail->settings.extraction);
    if (c->mail->settings.hash == MAIL_HASH_ALL)
        c->whole = digest_begin(c->mail->digests, DIGEST_SHA256);
}

static void missing(struct content *c, uint64_t len, bool sure)
{
    begin(c);
    if (c->walk)
        mime_gap(c->walk, len, sure);
    else if (c->header)
        header_scanner_gap(c->header, len);
}

void content_push(struct content *c, const uint8_t *data, size_t len)
{
    if (!len)
        return;
    if (!data) {
        c->missed += len;
        missing(c, len, true);
        digest_drop(c->whole);
        c->whole = NULL;
        return;
    }
    begin(c);
    c->size += len;
    struct bytes more = bytes_of(data, len);
    extract_push(c->file, more);
    if (c->whole)
        digest_push(c->whole, more);
    if (c->walk)
        mime_push(c->walk, more);
    else if (c->header)
        header_scanner_push(c->header, more);
}

void content_doubt(struct content *c, uint64_t len)
{
    c->doubt = true;
    missing(c, len, false);
}

uint64_t content_size(const struct content *c)
{
    return c->size;
}

bool content_is_whole(const struct content *c)
{
    return !c->missed;
}

/* What the names of its files begin with. */
static void make_stem(const struct record *message, char stem[static EXTRACT_NAME])
{
    struct bytes uid = record_find(message, F_all_uid);
    uint64_t index = 0;
    struct entry e;
    for (size_t at = 0; record_next(message, &at, &e);)
        if (e.field == F_message_index)
            index = e.number;
    snprintf(stem, EXTRACT_NAME, "%.*s-%" PRIu64, uid.len < 32 ? (int)uid.len : 32,
             uid.data ? (const char *)uid.data : "", index);
}

static void end_file(struct content *c, const char *stem, struct record *message)
{
    char name[EXTRACT_NAME];
    extract_end(c->file, stem, "eml", name);
    c->file = NULL;
    if (*name)
        record_word(message, F_message_file, name);
}

void content_finish(struct content *c, struct record *message, bool complete)
{
    bool stops_anywhere = c->piece == CONTENT_BEGINNING || c->piece == CONTENT_HEADER_BEGINNING;
    bool whole = complete && !stops_anywhere;
    char hex[DIGEST_HEX] = "", stem[EXTRACT_NAME] = "";
    record_number(message, F_message_size, c->size);
    if (c->missed)
        record_number(message, F_message_missed, c->missed);
    record_boolean(message, F_message_complete, complete && !c->missed);
    if (c->whole && complete && digest_end(c->whole, hex))
        record_word(message, F_message_sha256, hex);
    else
        digest_drop(c->whole);
    c->whole = NULL;
    if (c->mail->settings.extraction)
        make_stem(message, stem);
    end_file(c, stem, message);
    if (c->walk)
        mime_flush(c->walk);
    if (c->header)
        header_scanner_finish(c->header, message, whole);
    if (!c->walk)
        return;
    mime_finish(c->walk, whole, hex);
    if (*hex)
        record_word(message, F_message_body_sha256, hex);
    tree_write(&c->tree, stem, message);
}
