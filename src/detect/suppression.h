/* What the user does not want to be told: alerts by rule, address, user and time. An alert is kept back where one
   suppression fits every event that it counts, so that what others did is told all the same. */
#ifndef MAILTAP_DETECT_SUPPRESSION_H
#define MAILTAP_DETECT_SUPPRESSION_H

#include "base/error.h"
#include "host.h"

struct suppression;

enum { SUPPRESSIONS_MOST = 1000 };

/* Makes one of key=value pairs (suppression_keys.def) with commas between, or, where there is a line feed, each with
   one behind it. Null: err says what is wrong. */
struct suppression *suppression_parse(const char *text, struct error *err);
void suppression_free(struct suppression *x);

/* What happened, as far as suppressions look at it. */
struct happening {
    unsigned rule;                      /* its place in detectors[] */
    const struct host *client, *server; /* or null */
    struct bytes user;                  /* or empty */
    int64_t when;                       /* capture time, ns */
};

bool suppression_fits(const struct suppression *x, const struct happening *h);

/* Those that fit all events of an alert so far: the first ones, by their places in the list. */
enum { EXCUSES_MOST = 8 };
struct excuses {
    uint16_t list[EXCUSES_MOST];
    uint8_t count; /* 0: it is told */
};

/* One event more; `first` when there was none before. */
void excuses_event(struct excuses *x, struct suppression *const *list, unsigned count, bool first,
                   const struct happening *h);

#endif
