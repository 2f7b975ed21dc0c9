/* A file of settings: read, or refused with a word and a line; what is read is applied and shown, and what is shown can
   be read. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/memory.h"
#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The options after that file, through a pipe that holds it. */
static bool parse(struct options *o, struct bytes text, struct error *err)
{
    char program[] = "mailtap", flag[] = "-F", check[] = "--check-config", name[32];
    char *argv[] = {program, check, flag, name, NULL};
    int ends[2];
    if (pipe(ends) || write(ends[1], text.data, text.len) != (ssize_t)text.len)
        abort();
    close(ends[1]);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    bool right = options_parse(o, 4, argv, false, err);
    close(ends[0]);
    return right;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct options o;
    struct error err = {0};
    struct buf shown;
    if (size > 32768) /* what a pipe holds, and more would say nothing new */
        return 0;
    bool right = parse(&o, bytes_of(data, size), &err);
    if (!right && !err.text[0])
        abort();
    buf_init(&shown, 65536);
    if (right)
        config_show(&o, &shown);
    options_release(&o);
    if (right && !shown.cut && shown.len <= 32768) {
        if (!parse(&o, buf_bytes(&shown), &err))
            abort();
        options_release(&o);
    }
    buf_release(&shown);
    return 0;
}
