/* How fuzz_dissector's input says a conversation: one octet of TURNS_... for the whole, then for each segment one octet
   of TURN_..., its length in two (low first), and its octets. Short of octets, a segment is what is left. Octets change
   meaning only one by one, so that a mutation keeps the rest of the conversation. */
#ifndef MAILTAP_TESTS_TURNS_H
#define MAILTAP_TESTS_TURNS_H

enum { TURNS_MIDSTREAM = 1, TURNS_NO_ACKS = 2, TURNS_ZERO_ACKS = 4, TURNS_IPV6 = 8, TURNS_TIGHT = 16 };

enum {
    TURN_SERVER = 1,    /* who sends */
    TURN_CROSSES = 2,   /* it acknowledges no more than its sender's last segment did */
    TURN_LOST = 4,      /* not captured */
    TURN_LATE = 8,      /* captured after the next one */
    TURN_OVERLAPS = 16, /* begins up to 8 octets before the end of what was sent */
    TURN_WAITS = 32,    /* 4 s after the one before */
    TURN_FIN = 64,
    TURN_RST = 128,
};

#endif
