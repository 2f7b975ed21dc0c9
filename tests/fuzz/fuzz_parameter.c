/* Media types and dispositions: strings within their limit, names in UTF-8 where not called lossy; the others are
   octets as they stand. */
#include "mail/parameter.h"
#include "mail/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const char *s, bool may_be_lossy)
{
    if (!s)
        return;
    struct bytes text = bytes_of_string(s);
    if (!text.len || text.len > PARAMETER_MOST || (!may_be_lossy && utf8_valid(text) != text.len))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct media_type m;
    struct disposition d;
    media_type_parse(&m, bytes_of(data, size));
    const char *slash = m.mime ? strchr(m.mime, '/') : NULL;
    if (m.mime && (!slash || slash == m.mime || slash > m.mime + PARAMETER_MOST))
        abort();
    if (m.mime && !slash[1] && strcmp(m.mime, "multipart/") != 0)
        abort();
    look(m.mime && slash[1] ? slash + 1 : NULL, true);
    const char *const values[] = {m.boundary, m.charset, m.report_type, m.protocol};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        look(values[i], true);
    look(m.name, m.lossy);
    media_type_release(&m);
    disposition_parse(&d, bytes_of(data, size));
    look(d.word, true);
    look(d.filename, d.lossy);
    disposition_release(&d);
    return 0;
}
