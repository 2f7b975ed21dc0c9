/* Content-Transfer-Encodings undone (RFC 2045 section 6; uuencode as POSIX has it; yEnc 1.3), pushed in any pieces,
   without allocation. What is broken is decoded as far as it goes, the way a mail reader does, and noted. */
#ifndef MAILTAP_MAIL_TRANSFER_H
#define MAILTAP_MAIL_TRANSFER_H

#include "base64_run.h"

enum transfer {
    TRANSFER_IDENTITY, /* 7bit, 8bit, binary, and what is not known */
    TRANSFER_BASE64,
    TRANSFER_QUOTED_PRINTABLE,
    TRANSFER_UUENCODE,
    TRANSFER_YENC,
};

/* What was odd in the encoded text: a mask. */
enum {
    TRANSFER_ILLEGAL = 1u << 0,   /* a character or a sequence that the encoding does not have */
    TRANSFER_PADDING = 1u << 1,   /* base64: padding is missing or too much, or text goes on behind it */
    TRANSFER_LONG_LINE = 1u << 2, /* base64 and quoted-printable: a line of more than 76 characters */
    TRANSFER_BAD_CHECK = 1u << 3, /* uuencode: a line is not as long as it says, or there is no begin or end;
                                     yEnc: size or CRC differ from what it says, or there is no begin or end */
};

enum {
    TRANSFER_ROOM = 64,      /* see transfer_decode() */
    TRANSFER_LINE_MOST = 76, /* RFC 2045 sections 6.7 and 6.8 */
    TRANSFER_HELD_MOST = 40, /* octets of quoted-printable that wait for their line end */
};

/* By value inside the state of a part. The members are the decoders' own. */
struct transfer_decoder {
    base64_run *run; /* base64: the fastest that this processor has */
    size_t column;   /* characters of the line so far */
    uint8_t transfer, odd, state, count;
    union {
        uint8_t held[TRANSFER_HELD_MOST]; /* quoted-printable: `count` octets, an "=" or blanks */
        struct {
            uint32_t bits;  /* base64, uuencode: of `count` characters */
            uint8_t groups; /* uuencode: of the line so far */
            bool begun, gap;
        };
        struct {
            uint64_t size, said; /* octets decoded, and as the header says */
            uint32_t crc;
            uint8_t flags;
            char word[19]; /* `count` characters of a word in a line =y... */
        } yenc;
    };
};

/* The encoding that a field's value names, whatever the case, with blanks, comments and quotes around it. `known` is
   false, and the answer TRANSFER_IDENTITY, where nobody defined that name. `known` may be null. */
enum transfer transfer_of(struct bytes name, bool *known);

void transfer_init(struct transfer_decoder *d, enum transfer t);

/* Decodes what comes next and returns the number of octets written; `out` has room for in.len + TRANSFER_ROOM. More
   than the returned octets may have been written to. */
size_t transfer_decode(struct transfer_decoder *d, struct bytes in, uint8_t *out);

/* The part is at its end: writes what was still waiting, at most TRANSFER_ROOM octets; once. */
size_t transfer_finish(struct transfer_decoder *d, uint8_t *out);

/* `len` octets are missing here: what waited for them is dropped, and reading goes on behind the next line end (with
   TRANSFER_IDENTITY at once). No check value is looked at any more. */
void transfer_gap(struct transfer_decoder *d, uint64_t len);

/* Which of TRANSFER_ILLEGAL ... were met so far. */
unsigned transfer_odd(const struct transfer_decoder *d);

#endif
