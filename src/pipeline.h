/* The pipeline: sources, decoding, the workers that serve the lanes, the recorder with its outputs. */
#ifndef MAILTAP_PIPELINE_H
#define MAILTAP_PIPELINE_H

#include <stdatomic.h>

#include "options.h"

/* Does what the options say, until the input ends or *stop is a signal's number. Damage that does not end the run is
   told on standard error. Returns the exit code (not 128 + signal); where that is not EXIT_DONE and err->text is not
   empty, it is the sentence left to print. */
enum exit_code pipeline_run(const struct options *o, const atomic_int *stop, struct error *err);

#endif
