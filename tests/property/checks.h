/* What must hold of the records of a changed trace. */
#ifndef MAILTAP_TESTS_CHECKS_H
#define MAILTAP_TESTS_CHECKS_H

#include "base/buf.h"
#include "base/error.h"
#include "trace.h"

/* The records in the form that must not change. Where several conversations are in the trace, the records are sorted,
   since only their order may change. */
bool checks_form(struct bytes ndjson, bool several, struct buf *out, struct error *err);

/* Is the order of capture all that says who had seen what (quality acks_unusable)? */
bool checks_acks_unusable(struct bytes ndjson);

bool checks_several(const struct trace *t);

/* After a removal: every command (verb and argument) stands among those of the whole trace, no oftener than there, `?`
   apart, unless its contents hold `lookalikes` of commands; and every conversation of which octets went, with others
   behind them, admits it. False, with what is wrong. */
bool checks_drop(struct bytes whole, bool lookalikes, struct bytes rest, const struct trace *left,
                 const struct trace *gone, struct error *err);

#endif
