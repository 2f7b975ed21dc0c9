/* See untold.h. */
#include "untold.h"

#include "base/memory.h"
#include "mail/sasl.h"

#include <stdlib.h>

struct untold_text {
    struct untold_text *next;
    uint32_t id;
    struct sasl words; /* of a mechanism that nobody knows: what is remembered is what may come back */
};

uint32_t untold_add(struct untold *u, struct bytes text)
{
    struct bytes word;
    text = bytes_trim(text);
    if (!text.len)
        return 0;
    struct untold_text *t = memory_get(sizeof *t);
    sasl_begin(&t->words, bytes_of("", 0));
    while ((word = bytes_word(&text)).len && !t->words.echo.full)
        sasl_client(&t->words, word);
    u->last_id += u->last_id == UINT32_MAX ? 2 : 1;
    t->id = u->last_id;
    t->next = u->first;
    u->first = t;
    return t->id;
}

bool untold_repeated(struct untold *u, uint32_t id, struct bytes reply)
{
    struct untold_text **link = &u->first;
    while (*link && (*link)->id != id)
        link = &(*link)->next;
    struct untold_text *t = *link;
    if (!id || !t)
        return false;
    *link = t->next;
    bool found = echo_found(&t->words.echo, reply);
    sasl_release(&t->words);
    free(t);
    return found;
}

size_t untold_held(const struct untold *u)
{
    size_t held = 0;
    for (const struct untold_text *t = u->first; t; t = t->next)
        held += memory_cost(sizeof *t) + sasl_held(&t->words);
    return held;
}

void untold_release(struct untold *u)
{
    while (u->first)
        untold_repeated(u, u->first->id, bytes_of("", 0));
}

bool untold_is_login(struct bytes line)
{
    static const char *const words[] = {"AUTH", "LOGIN", "PLAIN",  "USER",   "PASS",     "APOP",    "MD5",
                                        "NTLM", "SCRAM", "BEARER", "GSSAPI", "EXTERNAL", "KERBEROS"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bytes_find_nocase(line, bytes_of_string(words[i])) != SIZE_MAX)
            return true;
    return false;
}

/* Where the password of the first URL with one begins, behind "//user:", or the length. */
static size_t url_password(struct bytes text)
{
    for (size_t at = 0, next; (next = bytes_find_nocase(bytes_part(text, at, SIZE_MAX), BYTES("//"))) != SIZE_MAX;) {
        size_t colon = SIZE_MAX;
        at += next + 2;
        while (at < text.len && text.data[at] > ' ' && !memchr("/@\"<>", text.data[at], 5)) {
            if (text.data[at++] == ':' && colon == SIZE_MAX)
                colon = at;
        }
        if (at < text.len && text.data[at] == '@' && colon != SIZE_MAX)
            return colon;
    }
    return text.len;
}

struct bytes untold_part(struct bytes text)
{
    size_t password = url_password(text), authorization = bytes_find_nocase(text, BYTES("URLAUTH="));
    size_t from = password < authorization ? password : authorization, end = 0;
    while (end < text.len && text.data[end] && text.data[end] != '\r')
        end++;
    if (end < from && untold_is_login(bytes_part(text, end, SIZE_MAX)))
        from = end;
    return bytes_part(text, 0, from);
}
