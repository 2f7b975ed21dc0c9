/* Dialogue files: a conversation as a reviewer reads it, and the records expected of it. tests/dialogues/README.md
   describes the format.

   A file becomes steps (dialogue.c), the steps become packets (dialogue_packets.c). */
#ifndef MAILTAP_TESTS_DIALOGUE_H
#define MAILTAP_TESTS_DIALOGUE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "mail/mail.h"
#include "trace.h"

enum step_kind { STEP_DATA, STEP_FIN, STEP_RST, STEP_SYN, STEP_ACK, STEP_WAIT, STEP_CONNECTION };

struct step {
    enum step_kind kind;
    bool server;            /* who sends */
    bool turn;              /* the first step of a turn: the other side spoke before, or nobody */
    unsigned crossing;      /* how many turns of the other side its sender had not yet received */
    bool lost, dup;         /* not captured; captured twice */
    bool again;             /* sent a second time right after */
    unsigned over;          /* begins that many octets before its place, over what was sent already */
    int shift;              /* captured that many packets later than its place */
    int64_t time;           /* STEP_WAIT: ns, may be negative */
    uint64_t ports_on;      /* STEP_CONNECTION: how far from the client's port before */
    uint8_t from[4], to[4]; /* STEP_CONNECTION: IPv4 addresses of client and server; 0.0.0.0: as before */
    uint16_t port;          /* STEP_CONNECTION: of the server; 0: as before */
    bool compressed;        /* its octets continue the deflate stream of its side */
    uint8_t *octets;        /* STEP_DATA: one segment, or more where it is over the segment size */
    size_t len;
};

enum dialogue_acks {
    ACKS_PIGGYBACK, /* with data only */
    ACKS_EVERY,     /* and an empty segment for all data received */
    ACKS_NONE,      /* no ACK flag anywhere */
    ACKS_ZERO,      /* the flag, but always 0 */
    ACKS_CONSTANT,  /* the flag, but always as in the handshake */
};

enum dialogue_close { CLOSE_FIN, CLOSE_RST, CLOSE_NONE };

struct texts { /* a list of strings, null at the end (or list is null) */
    char **list;
    size_t count;
};

struct dialogue_file {
    struct step *steps;
    size_t step_count;
    char *expected;  /* what stands behind the line `=`, or null where there is none */
    size_t head_len; /* octets of the file before it, the line `=` included */

    /* Settings of the traffic. */
    uint16_t port;
    bool lookalikes; /* its contents hold commands, which are read as such where the DATA before them is lost */
    bool midstream, ipv6, only_client, only_server, copies, copies_tagged;
    enum dialogue_acks acks;
    enum dialogue_close close;
    int64_t delay_client, delay_server; /* ns by which all packets of that side are captured later */
    uint32_t isn;
    uint64_t snap; /* octets of payload that are captured of each segment; 0: all */

    /* Settings of the engine. */
    bool any_port;
    uint64_t hold; /* 0: the default */
    int64_t interim;
    bool overlap_last;
    struct mail_settings mail; /* without hashes, unless they are asked for */
    struct limits limits;

    struct texts local_nets, local_domains, mail_servers, set, suppress; /* as the options of mailtap */

    struct texts keep;    /* keys that the normal form keeps though it drops them by default */
    struct texts keys;    /* lines of a key log */
    struct texts secrets; /* what no output may hold, in clear or in base64 */
};

/* Text of a file, which the caller frees; null and err where it cannot be read. */
char *dialogue_file_load(const char *path, size_t *len, struct error *err);

/* The protocol that the file's name begins with gives the port. False, with "path:line: what" in err, where the file is
   not a dialogue; release it in either case. */
bool dialogue_file_parse(struct dialogue_file *d, const char *path, struct bytes text, struct error *err);
void dialogue_file_release(struct dialogue_file *d);

/* The packets, in the order of capture. */
void dialogue_file_packets(const struct dialogue_file *d, struct trace *ret);

void texts_add(struct texts *t, struct bytes text);
bool texts_have(const struct texts *t, const char *text);
void texts_release(struct texts *t);

#endif
