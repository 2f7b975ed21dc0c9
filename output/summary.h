/* What the summary adds up while records pass, all of it bounded; summary_write() is the report. */
#ifndef MAILTAP_OUTPUT_SUMMARY_H
#define MAILTAP_OUTPUT_SUMMARY_H

#include "fields.h"
#include "histogram.h"
#include "summary_mailboxes.h"
#include "topk.h"

#include "base/buf.h"

#define SUMMARY_PLACES    2048 /* keys that a list of the most frequent remembers */
#define SUMMARY_VERBS     64
#define SUMMARY_REPLIES   16
#define SUMMARY_MECHS     24
#define SUMMARY_COUNTERS  128
#define SUMMARY_WORD_SIZE 40

/* By place: what `proto` may be, and all else. */
enum summary_proto { SUMMARY_SMTP, SUMMARY_LMTP, SUMMARY_POP3, SUMMARY_IMAP, SUMMARY_OTHER, SUMMARY_PROTOS };

struct summary_traffic {
    uint64_t sessions, messages, accepted, logins, failed, bytes_c2s, bytes_s2c;
};

/* How far SMTP and LMTP got: sessions, then transactions. */
struct summary_funnel {
    uint64_t sessions, helo, tls, login, mail, rcpt;
    uint64_t transactions, with_rcpt, with_content, accepted;
};

struct summary_reply {
    char name[16];
    uint64_t count;
};

struct summary_verb {
    char name[SUMMARY_WORD_SIZE];
    enum summary_proto proto;
    uint64_t count;
    struct summary_reply replies[SUMMARY_REPLIES];
    uint64_t other_replies;
    struct histogram *latency; /* null before the first */
};

enum summary_result { SUMMARY_SUCCESS, SUMMARY_FAILURE, SUMMARY_ABORTED, SUMMARY_UNKNOWN, SUMMARY_RESULTS };

struct summary_mech {
    char name[SUMMARY_WORD_SIZE];
    uint64_t results[SUMMARY_RESULTS], clear;
};

/* One counter of the last stats record. */
struct summary_counter {
    enum field list;
    char name[SUMMARY_WORD_SIZE];
    uint64_t value;
};

enum summary_visibility {
    SUMMARY_FULL,
    SUMMARY_PARTIAL,
    SUMMARY_ENCRYPTED,
    SUMMARY_UNRECOGNISED,
    SUMMARY_VISIBILITIES
};
enum summary_quality {
    SUMMARY_GAP,
    SUMMARY_ONE_SIDED,
    SUMMARY_MIDSTREAM,
    SUMMARY_EVICTED,
    SUMMARY_OVERLAP,
    SUMMARY_ACKS,
    SUMMARY_QUALITIES
};

enum summary_verdict {
    SUMMARY_V_ACCEPTED,
    SUMMARY_V_DEFERRED,
    SUMMARY_V_REJECTED,
    SUMMARY_V_ABORTED,
    SUMMARY_V_UNKNOWN,
    SUMMARY_VERDICTS
};

struct summary {
    bool colour, any;
    int64_t first_ts, last_ts;
    struct summary_traffic traffic[SUMMARY_PROTOS];
    struct summary_funnel funnel;
    uint64_t verdicts[SUMMARY_VERDICTS], recipients[SUMMARY_VERDICTS], content_octets;
    struct topk *servers, *clients, *senders, *domains, *clear_servers, *alerts, *programs, *mailbox_names;
    struct summary_mailboxes *mailboxes;
    struct summary_verb verbs[SUMMARY_VERBS];
    size_t verb_count;
    uint64_t verbs_left_out; /* commands whose verb found no place */
    struct summary_mech mechs[SUMMARY_MECHS];
    size_t mech_count;
    uint64_t notes[NOTE_COUNT];
    uint64_t visibility[SUMMARY_VISIBILITIES], visibility_octets[SUMMARY_VISIBILITIES], quality[SUMMARY_QUALITIES];
    uint64_t missed_octets, acked_unseen_octets, messages_cut, tls_octets, handshakes, handshakes_failed;
    struct summary_counter counters[SUMMARY_COUNTERS];
    size_t counter_count;
    uint64_t suppressed; /* alerts */
    struct fields fields, group;
};

extern const char *const summary_protos[SUMMARY_PROTOS];
extern const char *const summary_results[SUMMARY_RESULTS];
extern const char *const summary_visibilities[SUMMARY_VISIBILITIES];
extern const char *const summary_qualities[SUMMARY_QUALITIES];
extern const char *const summary_verdicts[SUMMARY_VERDICTS];

/* Appends the report: at most 100 columns wide. */
void summary_write(const struct summary *s, struct buf *out);

#endif
