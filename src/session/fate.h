/* Is a connection one of mail? For who keeps packets (-w). */
#ifndef MAILTAP_SESSION_FATE_H
#define MAILTAP_SESSION_FATE_H

#include <stdint.h>

enum fate {
    FATE_OPEN, /* not known yet */
    FATE_MAIL, /* it has records, or stands at a port of mail */
    FATE_OTHER /* it speaks something else, or nothing */
};

#define UID_SIZE 15

struct belonging {       /* of a packet, to a connection */
    uint64_t connection; /* number of its first packet */
    enum fate fate;
    char uid[UID_SIZE]; /* of its records; set where the fate is FATE_MAIL */
};

#endif
