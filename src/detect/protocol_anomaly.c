/* Dialogues that break the grammar of their protocol in ways that ordinary programs do not (RFC 5321 section 4.5.3, RFC
   3030, RFC 9051). */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

enum { UNKNOWN };

static const struct {
    const char *note;
    uint64_t least; /* that many in one session */
} kinds[] = {
    {"nul_octet", 1},     {"line_too_long", 1},       {"bdat_bad_size", 1},     {"literal_bad_size", 1},
    {"code_mismatch", 1}, {"bad_reply", 3},           {"unsolicited_reply", 3}, {"queue_overflow", 1},
    {"bare_cr", 3},       {"conflicting_overlap", 1}, {"outside_window", 3},
};
enum { KIND_TYPES = sizeof kinds / sizeof *kinds };

struct anomaly {
    uint64_t counts[KIND_TYPES], unknown;
};

static void see(struct watch *w, const struct seen *s)
{
    struct key key = {.client = &s->client, .server = &s->server};
    struct profile *e = NULL;
    bool whole = !(s->quality & (QUALITY_GAP | QUALITY_ONE_SIDED | QUALITY_MIDSTREAM | QUALITY_ACKS_UNUSABLE));
    if (!seen_has(s, F_session_anomalies) || !whole)
        return; /* half a line is no broken one */
    uint64_t unknown = seen_count(s, F_session_anomalies, "unknown_command");
    for (unsigned i = 0; i <= KIND_TYPES; i++) {
        uint64_t n = i < KIND_TYPES ? seen_count(s, F_session_anomalies, kinds[i].note) : unknown;
        if (n < (i < KIND_TYPES ? kinds[i].least : watch_threshold(w, UNKNOWN)) || !n)
            continue;
        if (!e)
            profile_event(w, e = profile_get(w, &key, s), s, s->end);
        struct anomaly *x = profile_data(e);
        *(i < KIND_TYPES ? &x->counts[i] : &x->unknown) += n;
        profile_evidence(w, e, s, s->ts, s->frame, "%s: %" PRIu64, i < KIND_TYPES ? kinds[i].note : "unknown_command",
                         n);
    }
    if (e)
        profile_alert(w, e, SEVERITY_LOW, CONFIDENCE_MEDIUM);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct anomaly *x = profile_data_of(e);
    unsigned types = x->unknown != 0;
    f->subject = SUBJECT_CLIENT_IP;
    f->threshold = watch_threshold(w, UNKNOWN);
    for (unsigned i = 0; i < KIND_TYPES; i++) {
        finding_detail(f, kinds[i].note, x->counts[i]);
        types += x->counts[i] != 0;
    }
    finding_detail(f, "unknown_command", x->unknown);
    f->distinct = types;
    snprintf(f->reason, sizeof f->reason, "%u kind%s of broken grammar in %" PRIu64 " session%s", types,
             types == 1 ? "" : "s", f->count, f->count == 1 ? "" : "s");
}

const struct detector protocol_anomaly_detector = {
    .name = "protocol_anomaly",
    .family = "mail",
    .number = 7700503,
    .revision = 1,
    .title = "Dialogue that breaks the protocol",
    .category = "protocol",
    .severity = SEVERITY_LOW,
    .mitre = "T1190 T1595",
    .references = "RFC 5321 section 4.5.3,RFC 3030,RFC 9051",
    .means =
        "One side sends what the protocol does not allow: NUL octets, lines beyond any limit, sizes that are none, "
        "many unknown commands. It is what tests for holes look like, and broken programs.",
    .proof =
        "In a session seen whole: a NUL octet, a line over the limit, a bad size of BDAT or a literal, reply codes "
        "that differ within one reply, octets sent twice with other content, or several of what may happen once.",
    .traps = "Old bulk mailers and devices. A session with gaps does not count: half a line is no broken one.",
    .advice = "See by its evidence which it was; compare with what else the client does.",
    .kinds = KINDS(session),
    .data_size = sizeof(struct anomaly),
    .window = 3600 * CLOCK_S,
    .thresholds = {{"unknown", 5, "unknown commands in one session"}},
    .see = see,
    .tell = tell,
};
