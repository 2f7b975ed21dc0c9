#include "untold.h"

#include "base/memory.h"
#include "mail/echo.h"

#include <stdlib.h>

struct untold_text {
    struct untold_text *next;
    uint32_t id;
    struct echo echo;
};

uint32_t untold_add(struct untold *u, struct bytes text)
{
    struct bytes word;
    text = bytes_trim(text);
    if (!text.len)
        return 0;
    struct untold_text *t = memory_get(sizeof *t);
    echo_init(&t->echo);
    while ((word = bytes_word(&text)).len && !t->echo.full)
        echo_add(&t->echo, word);
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
    bool found = echo_found(&t->echo, reply);
    echo_release(&t->echo);
    free(t);
    return found;
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
