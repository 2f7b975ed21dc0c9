/* Scripts: the turns and their octets, and the commands as facts. */
#include "script.h"
#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX (1u << 30)
#define LINE_MAX 2048

void script_init(struct script *s, const char *protocol, uint16_t port)
{
    *s = (struct script){.protocol = protocol, .port = port};
    buf_init(&s->text, TEXT_MAX);
}

void script_release(struct script *s)
{
    buf_release(&s->text);
    free(s->pieces);
    free(s->turns);
    free(s->commands);
    free(s->recipients);
    free(s->transactions);
    free(s->messages);
    free(s->auths);
}

void *script_room(void *items, size_t *count, size_t *cap, size_t size)
{
    if (*count == *cap) {
        *cap = *cap > 0 ? *cap * 2 : 16;
        items = memory_resize(items, *cap * size);
    }
    memset((uint8_t *)items + *count * size, 0, size);
    ++*count;
    return items;
}

void script_turn(struct script *s, enum side side, int64_t delay)
{
    struct turn *t;

    if (s->turn_count > 0 && s->turns[s->turn_count - 1].side == side && !s->udp)
        return;
    t = SCRIPT_ADD(s, turn);
    *t = (struct turn){.side = side, .first_piece = s->piece_count, .from = s->sent[side], .delay = delay};
}

static void add_piece(struct script *s, const uint8_t *shared, size_t at, size_t len)
{
    struct turn *t = s->turns + s->turn_count - 1;
    struct piece *last = t->pieces > 0 ? s->pieces + s->piece_count - 1 : NULL;

    t->len += len;
    s->sent[t->side] += len;
    if (last != NULL && shared == NULL && last->shared == NULL) {
        last->len += len;
        return;
    }
    *SCRIPT_ADD(s, piece) = (struct piece){shared, at, len};
    t->pieces++;
}

void script_say_octets(struct script *s, struct bytes octets)
{
    size_t at = s->text.len;

    buf_add(&s->text, octets);
    add_piece(s, NULL, at, octets.len);
}

void script_say_shared(struct script *s, struct bytes octets)
{
    if (octets.len > 0)
        add_piece(s, octets.data, 0, octets.len);
}

static void say(struct script *s, const char *format, va_list list, const char *end)
    __attribute__((format(printf, 2, 0)));

static void say(struct script *s, const char *format, va_list list, const char *end)
{
    char line[LINE_MAX];
    int n = vsnprintf(line, sizeof(line), format, list);

    if (n < 0 || (size_t)n >= sizeof(line))
        abort(); /* a line of ours is longer than we thought */
    script_say_octets(s, bytes_of(line, (size_t)n));
    if (*end != '\0')
        script_say_octets(s, bytes_of_string(end));
}

void script_say(struct script *s, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    say(s, format, list, "");
    va_end(list);
}

uint64_t script_place(const struct script *s)
{
    return s->sent[s->turns[s->turn_count - 1].side];
}

size_t script_command(struct script *s, const char *verb, const char *format, ...)
{
    struct fact_command *c = SCRIPT_ADD(s, command);
    va_list list;

    snprintf(c->verb, sizeof(c->verb), "%s", verb);
    c->asked = (struct span){CLIENT, s->sent[CLIENT], 0};
    va_start(list, format);
    say(s, format, list, "\r\n");
    va_end(list);
    c->asked.to = s->sent[CLIENT];
    return s->command_count - 1;
}

void script_reply(struct script *s, size_t command, int code, const char *result, const char *format, ...)
{
    struct fact_command *c = s->commands + command;
    va_list list;

    c->code = code;
    c->result = result;
    c->answered = (struct span){SERVER, s->sent[SERVER], 0};
    va_start(list, format);
    say(s, format, list, "\r\n");
    va_end(list);
    c->answered.to = s->sent[SERVER];
}

void script_final(struct script *s, size_t command, int code, const char *format, ...)
{
    struct fact_command *c = s->commands + command;
    va_list list;

    c->final_code = code;
    c->finished = (struct span){SERVER, s->sent[SERVER], 0};
    va_start(list, format);
    say(s, format, list, "\r\n");
    va_end(list);
    c->finished.to = s->sent[SERVER];
}

void script_read(const struct script *s, const struct turn *turn, uint64_t at, size_t len, uint8_t *to)
{
    const struct piece *p = s->pieces + turn->first_piece, *end = p + turn->pieces;

    for (; p < end && len > 0; p++) {
        if (at >= p->len) {
            at -= p->len;
            continue;
        }
        size_t n = p->len - (size_t)at < len ? p->len - (size_t)at : len;

        memcpy(to, (p->shared != NULL ? p->shared : s->text.data + p->at) + at, n);
        to += n;
        len -= n;
        at = 0;
    }
}
