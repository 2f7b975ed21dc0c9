/* The table that detectors.def describes, and what is said of the rules. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "detection.h"

const struct detector *const detectors[] = {
#define DETECTOR(name) &name##_detector,
#include "detectors.def"
#undef DETECTOR
    NULL,
};

const char *const severity_names[] = {"info", "low", "medium", "high", "critical"};

const struct detector *detector_find(const char *name)
{
    for (unsigned i = 0; detectors[i]; i++) {
        size_t family = strlen(detectors[i]->family);
        if (!strcmp(detectors[i]->name, name) || (!strncmp(detectors[i]->family, name, family) && name[family] == '.' &&
                                                  !strcmp(detectors[i]->name, name + family + 1)))
            return detectors[i];
    }
    return NULL;
}

const char *span_text(int64_t ns, char text[static SPAN_SIZE])
{
    int64_t tenths = ns / (CLOCK_S / 10);
    if (tenths < 1200)
        snprintf(text, SPAN_SIZE, "%" PRId64 ".%" PRId64 " s", tenths / 10, tenths % 10);
    else if (tenths < 72000)
        snprintf(text, SPAN_SIZE, "%" PRId64 " min", tenths / 600);
    else
        snprintf(text, SPAN_SIZE, "%" PRId64 " h", tenths / 36000);
    return text;
}

void detection_rules(struct buf *out)
{
    for (unsigned i = 0; detectors[i]; i++) {
        const struct detector *d = detectors[i];
        char id[64];
        snprintf(id, sizeof id, "%s.%s", d->family, d->name);
        buf_printf(out, "%-34s %-8s %s\n", id, severity_names[d->severity], d->title);
    }
}

/* A paragraph, in lines of at most 78 columns behind its indent. */
static void put_paragraph(struct buf *out, const char *title, const char *text)
{
    struct bytes rest = bytes_of_string(text), word;
    size_t column = 0;
    buf_printf(out, "\n%s\n", title);
    while ((word = bytes_word(&rest)).len) {
        if (column && column + 1 + word.len > 74) {
            buf_add_string(out, "\n");
            column = 0;
        }
        buf_add_string(out, column ? " " : "    ");
        buf_add(out, word);
        column += word.len + (column ? 1 : 0);
    }
    buf_add_string(out, "\n");
}

bool detection_explain(const char *rule, struct buf *out)
{
    const struct detector *d = detector_find(rule);
    if (!d)
        return false;
    buf_printf(out, "%s.%s (rule %u, revision %u)\n%s; %s, usually %s\n", d->family, d->name, d->number, d->revision,
               d->title, d->category, severity_names[d->severity]);
    put_paragraph(out, "What it means", d->means);
    put_paragraph(out, "What proves it", d->proof);
    put_paragraph(out, "When it may be wrong", d->traps);
    put_paragraph(out, "What to do", d->advice);
    for (unsigned i = 0; i < DETECTOR_THRESHOLDS && d->thresholds[i].name; i++)
        buf_printf(out, "%s    --set %s.%s=%" PRIu64 "  %s\n", i ? "" : "\nNumbers\n", d->name, d->thresholds[i].name,
                   d->thresholds[i].value, d->thresholds[i].doc);
    if (d->mitre)
        put_paragraph(out, "ATT&CK", d->mitre);
    if (d->references)
        put_paragraph(out, "References", d->references);
    return true;
}
