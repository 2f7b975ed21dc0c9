/* The attachments inside application/ms-tnef (winmail.dat), as Outlook and Exchange send them: MS-OXTNEF. Pushed in any
   pieces, in fixed memory; names may come behind the octets that they name. */
#ifndef MAILTAP_MAIL_TNEF_H
#define MAILTAP_MAIL_TNEF_H

#include "base/bytes.h"

/* What was odd: a mask. */
enum {
    TNEF_FOREIGN = 1u << 0,  /* no TNEF: the signature is not there */
    TNEF_BROKEN = 1u << 1,   /* the structure is broken; nothing is read beyond */
    TNEF_CHECKSUM = 1u << 2, /* an attribute's checksum differs */
    TNEF_CUT = 1u << 3,      /* it ends inside an attribute, or octets were missing */
};

struct tnef_attachment {
    struct bytes name; /* the best known so far: UTF-8, or octets in `codepage`; at most 512 octets, without NUL */
    bool name_is_utf8;
    uint32_t codepage; /* a Windows code page, or 0 where it was not told */
    struct bytes mime; /* the MIME type as the sender's system has it, often empty */
    uint64_t size;     /* octets so far */
    bool is_message;   /* an embedded message, itself TNEF */
    bool whole;        /* in end(): nothing was missing, as far as one can tell */
};

/* For each attachment: begin before its first octets or its end, octets, end. The attachment is valid during the call;
   what is not known yet in begin, as long names often are, is in end. */
struct tnef_events {
    void (*begin)(void *arg, const struct tnef_attachment *so_far);
    void (*octets)(void *arg, struct bytes more);
    void (*end)(void *arg, const struct tnef_attachment *attachment);
};

struct tnef;

/* `events` is kept by reference. The caller frees it. */
struct tnef *tnef_new(const struct tnef_events *events, void *arg);
void tnef_free(struct tnef *t);

/* The memory it takes. */
size_t tnef_held(const struct tnef *t);

/* What comes next of the part, decoded. */
void tnef_push(struct tnef *t, struct bytes more);

/* Octets are missing. How many, nobody knows behind a transfer encoding, so that nothing is read any more. */
void tnef_gap(struct tnef *t);

/* The part is at its end. Once. */
void tnef_finish(struct tnef *t);

unsigned tnef_odd(const struct tnef *t);

#endif
