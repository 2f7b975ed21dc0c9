/* Messages as people send them: header fields, some text, maybe an attachment in base64. */
#ifndef MAILTAP_BENCH_MESSAGE_H
#define MAILTAP_BENCH_MESSAGE_H

#include "script.h"

/* Octets that all messages take parts of, so that a large one costs no memory of its own. */
struct pool {
    uint8_t *binary, *base64; /* the same, as it is and in lines of 76 letters and CRLF */
    size_t lines;
    bool hash; /* truth is wanted: compute SHA-256 */
};

void pool_init(struct pool *p, uint64_t seed, bool hash);
void pool_release(struct pool *p);

struct draft {
    struct buf head, tail; /* before and behind the attachment */
    size_t header;         /* octets of head that are header fields */
    struct bytes attachment;
    struct fact_message fact; /* without spans */
};

void draft_init(struct draft *d);
void draft_release(struct draft *d);

/* A new message of about that much text and attachment (0: none). */
void draft_compose(struct draft *d, const struct pool *p, struct random *r, const char *from, const char *to,
                   size_t text, size_t attachment);

/* Says it as counted octets (BDAT, literals), from octet `from` on, at most `len`; the fact's spans begin there. */
void draft_say(struct draft *d, struct script *s, size_t from, size_t len);

/* Says it with dots stuffed and the final dot (DATA, RETR). */
void draft_say_dotted(struct draft *d, struct script *s);

size_t draft_size(const struct draft *d);

#endif
