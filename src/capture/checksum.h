/* The Internet checksum (RFC 1071). Inside the layer. */
#ifndef MAILTAP_CAPTURE_CHECKSUM_H
#define MAILTAP_CAPTURE_CHECKSUM_H

#include "base/bytes.h"

/* Adds the octets up, in this machine's byte order, which the sum does not mind (RFC 1071, 2 B). Only the last part of
   what is summed may have an odd length; all of it is below 2^32 octets. */
uint64_t checksum_add(uint64_t sum, struct bytes b);

/* Is it the sum of something that holds its own right checksum? */
bool checksum_is_right(uint64_t sum);

#endif
