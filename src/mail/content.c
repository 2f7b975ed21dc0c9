/* The content of one message as it streams by. */
#include "content.h"

#include "base/memory.h"
#include "header.h"
#include "record/record.h"

#include <stdlib.h>

struct content {
    const struct limits *limits;
    uint64_t size, missed;
    struct header_scanner *header; /* null until the first octet, and where there is none */
    bool no_header, stops_anywhere;
};

struct content *content_new(const struct limits *limits)
{
    struct content *c = memory_get(sizeof *c);
    c->limits = limits;
    return c;
}

void content_free(struct content *c)
{
    if (!c)
        return;
    header_scanner_free(c->header);
    free(c);
}

size_t content_held(const struct content *c)
{
    return !c ? 0 : memory_cost(sizeof *c) + (c->header ? header_scanner_held(c->header) : 0);
}

void content_piece(struct content *c, bool begins_with_header)
{
    c->no_header = !begins_with_header;
    c->stops_anywhere = true;
}

void content_push(struct content *c, const uint8_t *data, size_t len)
{
    if (!len)
        return;
    if (!c->header && !c->no_header)
        c->header = header_scanner_new(c->limits);
    if (data) {
        c->size += len;
        if (c->header)
            header_scanner_push(c->header, bytes_of(data, len));
    } else {
        c->missed += len;
        if (c->header)
            header_scanner_gap(c->header, len);
    }
}

void content_doubt(struct content *c, uint64_t len)
{
    if (!c->header && !c->no_header)
        c->header = header_scanner_new(c->limits);
    if (c->header)
        header_scanner_gap(c->header, len);
}

uint64_t content_size(const struct content *c)
{
    return c->size;
}

bool content_is_whole(const struct content *c)
{
    return !c->missed;
}

void content_finish(struct content *c, struct record *message, bool complete)
{
    record_number(message, F_message_size, c->size);
    if (c->missed)
        record_number(message, F_message_missed, c->missed);
    record_boolean(message, F_message_complete, complete && !c->missed);
    if (c->header)
        header_scanner_finish(c->header, message, complete && !c->stops_anywhere);
}
