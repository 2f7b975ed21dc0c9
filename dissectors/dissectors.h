/* What dissectors.def names: every file of a protocol includes this, so that its table is declared before it is
 * defined.
 */
#ifndef MAILTAP_DISSECTORS_DISSECTORS_H
#define MAILTAP_DISSECTORS_DISSECTORS_H

#include "session/dissector.h"

#define DISSECTOR(name) extern const struct dissector name##_dissector;
#include "dissectors.def"
#undef DISSECTOR

#endif
