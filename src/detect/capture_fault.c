/* What the capture itself did not get: all other findings rest on it. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

enum { PER_MILLE };

struct fault {
    uint64_t sessions, one_sided, octets, missed, copies, packets, dropped, received;
};

static uint64_t sum(const struct seen *s, enum field a, enum field b)
{
    return seen_number(s, a) + seen_number(s, b);
}

static void see_session(struct watch *w, const struct seen *s)
{
    struct key key = {.server = &s->server};
    if (seen_has(s, F_session_part) && !seen_has(s, F_session_close))
        return; /* the last part has the sums */
    struct profile *e = profile_get(w, &key, s);
    struct fault *x = profile_data(e);
    uint64_t missed = sum(s, F_session_missed_c2s, F_session_missed_s2c) +
                      sum(s, F_session_acked_unseen_c2s, F_session_acked_unseen_s2c);
    bool one_sided = (s->quality & QUALITY_ONE_SIDED) != 0;
    x->sessions++;
    x->octets += sum(s, F_session_bytes_c2s, F_session_bytes_s2c);
    x->packets += sum(s, F_session_pkts_c2s, F_session_pkts_s2c);
    x->missed += missed;
    x->one_sided += one_sided;
    x->copies += seen_number(s, F_session_dup_pkts);
    uint64_t per_mille = watch_threshold(w, PER_MILLE);
    bool fault = (missed && x->missed * 1000 > x->octets * per_mille) ||
                 (one_sided && x->one_sided * 1000 > x->sessions * per_mille) || x->copies * 2 > x->packets;
    if (!fault || (!missed && !one_sided && !seen_number(s, F_session_dup_pkts)))
        return;
    profile_event(w, e, s, s->end);
    profile_evidence(w, e, s, s->ts, s->frame, "%" PRIu64 " octets not captured%s, %" PRIu64 " packets captured twice",
                     missed, one_sided ? ", one direction only" : "", seen_number(s, F_session_dup_pkts));
    profile_alert(w, e, SEVERITY_INFO, CONFIDENCE_HIGH);
}

static void see_stats(struct watch *w, const struct seen *s)
{
    struct key key = {.name = BYTES("capture")};
    uint64_t dropped = seen_count(s, F_stats_capture, "dropped_kernel") + seen_count(s, F_stats_capture, "dropped_nic");
    uint64_t received = seen_count(s, F_stats_capture, "received");
    if (!dropped || dropped * 1000 <= received * watch_threshold(w, PER_MILLE))
        return;
    struct profile *e = profile_get(w, &key, s);
    struct fault *x = profile_data(e);
    profile_event(w, e, s, s->end);
    x->dropped += dropped;
    x->received += received;
    profile_evidence(w, e, s, s->ts, 0, "%" PRIu64 " of %" PRIu64 " packets dropped", dropped, received + dropped);
    profile_alert(w, e, SEVERITY_INFO, CONFIDENCE_HIGH);
}

static void see(struct watch *w, const struct seen *s)
{
    if (s->kind == KIND_stats)
        see_stats(w, s);
    else
        see_session(w, s);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct fault *x = profile_data_of(e);
    f->threshold = watch_threshold(w, PER_MILLE);
    f->subject = profile_server(e) ? SUBJECT_SERVER_IP : SUBJECT_SESSION;
    if (!profile_server(e))
        f->value = profile_name(e);
    finding_detail(f, "sessions", x->sessions);
    finding_detail(f, "one_sided", x->one_sided);
    finding_detail(f, "octets", x->octets);
    finding_detail(f, "octets_missed", x->missed);
    finding_detail(f, "packets_twice", x->copies);
    finding_detail(f, "packets_dropped", x->dropped);
    if (x->dropped)
        snprintf(f->reason, sizeof f->reason, "%" PRIu64 " packets were dropped before they could be read", x->dropped);
    else
        snprintf(f->reason, sizeof f->reason,
                 "of %" PRIu64 " sessions %" PRIu64 " were seen in one direction only; %" PRIu64
                 " octets were not captured, %" PRIu64 " packets twice",
                 x->sessions, x->one_sided, x->missed, x->copies);
}

const struct detector capture_fault_detector = {
    .name = "capture_fault",
    .family = "capture",
    .number = 7700701,
    .revision = 1,
    .title = "The capture is not whole",
    .category = "capture",
    .severity = SEVERITY_INFO,
    .means =
        "Packets of this server's connections were not captured, or one direction is missing, or all come twice. What "
        "the other rules say is less certain, and may be silent where it should not.",
    .proof =
        "More than one per cent of the octets known to have been sent, or of the sessions, are missing in part; more "
        "than half of the packets are copies; or the system says that it dropped more than one per cent.",
    .traps = "Asymmetric routes send each direction another way. The first sessions of a capture began before it.",
    .advice =
        "Look at the mirror port or tap: both directions, no more load than it bears, each packet once. Raise the "
        "buffer, or give a capture filter.",
    .kinds = KINDS(session) | KINDS(stats),
    .data_size = sizeof(struct fault),
    .window = 24 * 3600 * CLOCK_S,
    .thresholds = {{"per_mille", 10, "of octets, sessions or packets that may be missing"}},
    .see = see,
    .tell = tell,
};
