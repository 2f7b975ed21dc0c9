/* What the numbers in a TLS handshake are called: the registries of IANA. Null where a number has no name. */
#ifndef MAILTAP_DISSECTORS_TLS_NAMES_H
#define MAILTAP_DISSECTORS_TLS_NAMES_H

#include <stdbool.h>
#include <stdint.h>

enum tls_version { TLS_SSL3 = 0x0300, TLS_1_0 = 0x0301, TLS_1_1 = 0x0302, TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

#define TLS_NAME_SIZE 8 /* of "0x1301" */

const char *tls_version_name(uint16_t version); /* as TLSv1.3 */
const char *tls_cipher_name(uint16_t cipher);
const char *tls_group_name(uint16_t group);
const char *tls_alert_name(uint8_t alert);

/* The name, or the number as 0x1301 in `room`. */
const char *tls_name_or_number(const char *name, uint16_t number, char room[static TLS_NAME_SIZE]);

/* One of the values that mean nothing, sent so that nobody stumbles over new ones (RFC 8701). */
static inline bool tls_is_grease(uint16_t n)
{
    return (n & 0x0f0f) == 0x0a0a && n >> 8 == (n & 0xff);
}

#endif
