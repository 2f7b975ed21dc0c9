/* The end of the way: the records of all lanes in their order, each told which input it came from, to the outputs. */
#ifndef MAILTAP_RECORDER_H
#define MAILTAP_RECORDER_H

#include "channel.h"
#include "lanes.h"
#include "options.h"
#include "packets.h"
#include "stats.h"
#include "terminal.h"

struct recorder;

/* The counters when an interval of --stats ended, on their way from the reader: each thread adds those of its lanes. */
struct cut {
    struct stats_span span;
    struct stats_counts counts;
    unsigned shares; /* that are to be added; as many items with this cut will come */
    struct engine_counts share[];
};

struct cut *cut_new(const struct stats_span *span, const struct stats_counts *counts, unsigned shares);

enum item_kind { ITEM_RECORD, ITEM_WRITTEN, ITEM_CUT, ITEM_FLUSH };

struct item {
    struct order order;
    enum item_kind kind;
    union {
        struct record *record;
        struct written *written;
        struct cut *cut;
    };
};

#define PARCEL_ITEMS 256

/* What one thread has for the recorder, in order. Whatever else it will ever have stands behind `upto`. */
struct parcel {
    struct order upto;
    uint64_t round; /* of batches, that the thread has done with */
    bool last;
    unsigned count;
    struct item items[PARCEL_ITEMS];
};

/* Opens the outputs. Null, and err says why. The options, the terminal and the extraction, which may be null, outlive
   the recorder. */
struct recorder *recorder_new(const struct options *o, struct extraction *extraction, struct terminal *terminal,
                              struct error *err);

/* Does it want the packets (-w)? */
bool recorder_writes(const struct recorder *r);

/* The frames from `first` on come from this file; told before the first of them is on its way. */
void recorder_origin(struct recorder *r, const char *name, uint64_t first);

/* The next item; what it holds is the recorder's now. */
void recorder_take(struct recorder *r, const struct item *item);

/* The same for the parcels of several threads, until each has sent its last. */
void recorder_merge(struct recorder *r, struct channel *const *parcels, unsigned count);

/* So many packets were read: shown to a person. */
void recorder_progress(struct recorder *r, uint64_t packets);

/* Has nobody any use for more: an output failed, or every reader has gone? For any thread. */
bool recorder_over(const struct recorder *r);

/* Writes the final stats record, and lets the formats finish. False when an output failed or something could not be
   written: err may say why. The recorder is freed. */
bool recorder_close(struct recorder *r, const struct stats_span *span, const struct stats_counts *counts,
                    struct error *err);

/* A record that was stored, as it was: nothing is added to it. The recorder frees it. */
void recorder_stored(struct recorder *r, struct record *record);

/* As recorder_close, after stored records, whose stats are theirs. */
bool recorder_close_stored(struct recorder *r, struct error *err);

/* Frees it without: there was nothing to report on. */
void recorder_abandon(struct recorder *r);

#endif
