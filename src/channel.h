/* A bounded queue of pointers between two threads. */
#ifndef MAILTAP_CHANNEL_H
#define MAILTAP_CHANNEL_H

#include <stddef.h>

struct channel;

struct channel *channel_new(size_t room); /* room for that many, at least 1 */
void channel_free(struct channel *c);     /* what is in it stays with the caller */

void channel_put(struct channel *c, void *what); /* waits while it is full */
void *channel_take(struct channel *c);           /* waits while it is empty */
void *channel_try(struct channel *c);            /* null where it is empty */

#endif
