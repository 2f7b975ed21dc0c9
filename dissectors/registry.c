/* The table that dissectors.def describes. */
#include "dissectors.h"

const struct dissector *const dissectors[] = {
#define DISSECTOR(name) &name##_dissector,
#include "dissectors.def"
#undef DISSECTOR
    NULL,
};
