/* Stored records: what is read back is written, read and written again in the same words; the rules look at it within
   their budget, and every format takes it and what they say. */
#include "base/memory.h"
#include "detect/detection.h"
#include "output/format.h"
#include "stored.h"
#include <stdio.h>
#include <stdlib.h>

#define BUDGET (1u << 20)
#define BUDGET_OVER                                                                                                    \
    (1u << 20) /* one record may take it over its budget: what a rule is at work on is not forgotten                   \
                */
#define FORMATS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct desk {
    struct limits limits;
    void *states[FORMATS];
    struct buf out;
};

static void desk_init(struct desk *k)
{
    limits_init(&k->limits);
    k->limits.text = k->limits.list = UINT64_MAX;
    k->limits.detect = BUDGET;
    buf_init(&k->out, SIZE_MAX);
    for (size_t i = 0; formats[i] && i < FORMATS; i++) {
        k->states[i] = memory_get(formats[i]->state_size > 0 ? formats[i]->state_size : 1);
        if (formats[i]->open)
            formats[i]->open(k->states[i], false);
    }
}

static void desk_release(struct desk *k)
{
    buf_reset(&k->out);
    for (size_t i = 0; formats[i] && i < FORMATS; i++) {
        if (formats[i]->finish)
            formats[i]->finish(k->states[i], &k->out);
        free(k->states[i]);
    }
    buf_release(&k->out);
}

/* In every format; returns what JSON says, in `json`. */
static void put(struct desk *k, const struct record *r, struct buf *json)
{
    for (size_t i = 0; formats[i] && i < FORMATS; i++) {
        bool is_json = strcmp(formats[i]->name, "json") == 0;

        buf_reset(&k->out);
        formats[i]->record(k->states[i], r, is_json ? json : &k->out);
    }
}

static void take(struct desk *k, struct detection *d, struct bytes line)
{
    struct error err = {{0}};
    struct record *r = stored_parse(line, &k->limits, &err), *again, *alert;
    struct detection_counts counts;
    struct buf first, second;

    if (!r)
        return;
    buf_init(&first, SIZE_MAX);
    buf_init(&second, SIZE_MAX);
    put(k, r, &first);
    again = stored_parse(bytes_trim(buf_bytes(&first)), &k->limits, &err);
    if (!again) {
        fprintf(stderr, "what was written is not read: %s\n%.*s\n", err.text, (int)first.len, (char *)first.data);
        abort();
    }
    put(k, again, &second);
    if (!bytes_equal(buf_bytes(&first), buf_bytes(&second))) {
        fprintf(stderr, "%.*s%.*s", (int)first.len, (char *)first.data, (int)second.len, (char *)second.data);
        abort();
    }
    detection_see(d, again);
    detection_counts(d, &counts);
    if (counts.memory > BUDGET + BUDGET_OVER)
        abort();
    buf_reset(&first);
    while ((alert = detection_next(d)) != NULL) {
        put(k, alert, &first);
        record_free(alert);
    }
    record_free(r);
    record_free(again);
    buf_release(&first);
    buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct detect_settings settings;
    struct desk desk;
    struct bytes text = bytes_of(data, size);
    struct record *alert;

    detect_settings_init(&settings);
    desk_init(&desk);
    struct detection *d = detection_new(&settings, &desk.limits);
    while (text.len > 0) {
        size_t len = bytes_index(text, '\n');

        take(&desk, d, bytes_part(text, 0, len));
        text = bytes_part(text, len + 1, text.len);
    }
    detection_finish(d);
    while ((alert = detection_next(d)) != NULL)
        record_free(alert);
    detection_free(d);
    desk_release(&desk);
    detect_settings_release(&settings);
    return 0;
}
