/* Conversations on one protocol's port (FUZZ_PROTOCOL, a name in dissectors.def), or on FUZZ_PORT: input as turns.h
   says. */
#include "conversation.h"
#include "session/dissector.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef FUZZ_PORT
#define FUZZ_PORT 0
#endif

static uint16_t port_of(const char *name)
{
    if (FUZZ_PORT)
        return FUZZ_PORT;
    for (size_t i = 0; dissectors[i]; i++)
        if (strcmp(dissectors[i]->names[0], name) == 0)
            return dissectors[i]->ports[0].port;
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conversation c;
    size_t at = 1;

    if (size == 0)
        return 0;
    conversation_begin(&c, port_of(FUZZ_PROTOCOL), data[0], NULL);
    while (size - at >= 3) {
        size_t len = data[at + 1] | (size_t)data[at + 2] << 8, left = size - at - 3;

        if (len > left)
            len = left;
        conversation_turn(&c, data[at], bytes_of(data + at + 3, len));
        at += 3 + len;
    }
    conversation_end(&c);
    return 0;
}
