/* The tables of formats and transports, from outputs.def. */
#include "format.h"
#include "transport.h"

const struct format *const formats[] = {
#define FORMAT(name) &format_##name,
#include "outputs.def"
#undef FORMAT
    NULL,
};

const struct transport *const transports[] = {
#define TRANSPORT(name) &transport_##name,
#include "outputs.def"
#undef TRANSPORT
    NULL,
};

const struct format *format_find(const char *name)
{
    for (size_t i = 0; formats[i]; i++)
        if (!strcmp(formats[i]->name, name))
            return formats[i];
    return NULL;
}

const struct transport *transport_find(const char *where)
{
    for (size_t i = 0; transports[i]; i++)
        if (transports[i]->takes(where))
            return transports[i];
    return NULL;
}
