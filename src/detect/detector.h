/* A rule: looks at records in their order and says what they amount to. One file per rule (x.c), one line in
   detectors.def.

   A rule keeps what it knows about somebody in an entity, which it finds again by its key: who (client, server) and
   whatever name it likes. An entity is forgotten when nothing happened to it within the rule's window, or when there is
   no room: the one that nothing happened to for longest goes first. What a rule has to say about an entity is one
   alert: written when it first speaks (state new), again when it has become worse or four times as many (update), and
   when the entity is forgotten or the records end, if something came to it since (end). */
#ifndef MAILTAP_DETECT_DETECTOR_H
#define MAILTAP_DETECT_DETECTOR_H

#include "seen.h"
#include "settings.h"
#include "tallies.h"

#include "base/clock.h"

enum severity { SEVERITY_INFO, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL };
extern const char *const severity_names[];
enum confidence { CONFIDENCE_LOW, CONFIDENCE_MEDIUM, CONFIDENCE_HIGH };
enum subject { SUBJECT_CLIENT_IP, SUBJECT_SERVER_IP, SUBJECT_USER, SUBJECT_DOMAIN, SUBJECT_MESSAGE, SUBJECT_SESSION };

enum { DETECTOR_THRESHOLDS = 6, DETECTOR_SETS = 4, EVIDENCE_MOST = 8, DETAILS_MOST = 40, REASON_SIZE = 400 };

/* A number of a rule that may be set: --set RULE.NAME=VALUE. */
struct threshold {
    const char *name; /* null: there are no more */
    uint64_t value;
    const char *doc;
};

struct watch;   /* a rule at work */
struct profile; /* somebody or something it knows */

/* What a rule says about an entity. `value` and `value_text` are for the entity: one of them. */
struct finding {
    enum subject subject;
    struct bytes value;                  /* null: the client, or the server */
    uint64_t count, distinct, threshold; /* 0: not told, but for the count */
    struct {
        const char *key;
        uint64_t number;
    } details[DETAILS_MOST]; /* by finding_detail() */
    unsigned detail_count;
    char reason[REASON_SIZE]; /* a sentence without full stop; nothing from the wire but addresses and our words */
};

struct detector {
    const char *name;
    const char *family; /* the rule's id is family.name: smtp, mail, tls, capture */
    unsigned number;    /* the same for ever */
    unsigned revision;  /* grows when what it says changes */
    const char *title, *category;
    enum severity severity;                     /* as it is spoken of in lists; an alert has its own */
    const char *mitre;                          /* ATT&CK techniques, separated by blanks; or null */
    const char *references;                     /* RFCs and CVEs, separated by commas; or null */
    const char *means, *proof, *traps, *advice; /* what --explain prints, a paragraph each */
    unsigned kinds;                             /* of records it wants to see, as bits 1 << KIND_x */
    size_t data_size;                           /* of profile_data(), zeroed at first */
    int64_t window;                             /* ns after which an entity to which nothing happens is forgotten */
    struct threshold thresholds[DETECTOR_THRESHOLDS];
    void (*see)(struct watch *w, const struct seen *s);
    void (*tell)(const struct watch *w, const struct profile *e, struct finding *f); /* about one that has spoken */
};

extern const struct detector *const detectors[]; /* in the order of detectors.def; null at the end */

#define DETECTOR(name) extern const struct detector name##_detector;
#include "detectors.def"
#undef DETECTOR

/* The one of that name or id, or null. */
const struct detector *detector_find(const char *name);

#define KINDS(kind) (1u << KIND_##kind)

/* --- for rules --- */

/* What an entity is found by; a null address is none. The name is of any octets. */
struct key {
    const struct host *client, *server;
    struct bytes name;
};

/* The rule's entity of that key, made where there is none; nothing else happens to it. It lives until the rule
   has seen this record. */
struct profile *profile_get(struct watch *w, const struct key *key, const struct seen *s);
struct profile *profile_find(struct watch *w, const struct key *key);

void *profile_data(struct profile *e);
const void *profile_data_of(const struct profile *e);
struct recent *profile_recent(struct profile *e);
uint64_t profile_distinct(const struct profile *e, unsigned set);
bool profile_add(struct watch *w, struct profile *e, unsigned set, uint64_t hash); /* true: a new one */
const struct host *profile_client(const struct profile *e);
const struct host *profile_server(const struct profile *e);
struct bytes profile_name(const struct profile *e);
int64_t profile_age(const struct profile *e); /* from the first event to the latest, ns */
uint64_t profile_events(const struct profile *e);

/* Puts it among the entity's `recent`. */
void profile_happened(struct watch *w, struct profile *e, int64_t when, uint64_t what);

/* Something happened to it, at that time. */
void profile_event(struct watch *w, struct profile *e, const struct seen *s, int64_t when);

/* Keeps a piece of evidence, if there is room: at most EVIDENCE_MOST. Octets from the wire are cut and kept on a line.
 */
void profile_evidence(struct watch *w, struct profile *e, const struct seen *s, int64_t when, uint64_t frame,
                      const char *format, ...) __attribute__((format(printf, 6, 7)));

/* A command and its reply as evidence: "VRFY alice -> 550 5.1.1". */
void profile_command(struct watch *w, struct profile *e, const struct seen *s, const struct seen_command *c);

/* What was kept so far is past, and its room free again. */
void profile_drop_evidence(struct watch *w, struct profile *e);

/* What one entity rests on, another rests on too. */
void profile_copy_evidence(struct watch *w, struct profile *to, const struct profile *from);

/* Speaks, or speaks anew where it has become worse. Severity and confidence never fall while it lasts. */
void profile_alert(struct watch *w, struct profile *e, enum severity severity, enum confidence confidence);
bool profile_has_spoken(const struct profile *e);

/* A figure of the finding, by our own word; 0 is left out. The word outlives it. */
void finding_detail(struct finding *f, const char *key, uint64_t number);

uint64_t watch_threshold(const struct watch *w, unsigned index);
const struct detect_settings *watch_settings(const struct watch *w);

/* "14.2 s", "3 min", "2 h" */
#define SPAN_SIZE 24
const char *span_text(int64_t ns, char text[static SPAN_SIZE]);

#endif
