/* A dialogue as it would be inside TLS: OpenSSL speaks on both sides, in this process, and says its secrets. */
#ifndef MAILTAP_TESTS_WRAP_H
#define MAILTAP_TESTS_WRAP_H

#include "dialogue.h"

struct wrap_how {
    const char *name;
    int version;         /* as TLS1_2_VERSION */
    const char *ciphers; /* of that version; null: the defaults */
    bool mac_then_encrypt;
    bool resume;        /* the session is one that was taken up */
    bool no_tickets;    /* up to TLS 1.2: by its identifier, not by a ticket */
    bool key_updates;   /* both sides change keys now and then (TLS 1.3) */
    bool renegotiate;   /* they agree on others, each of them asks for that in turn (up to TLS 1.2) */
    bool rsa;           /* the server's key is RSA, not EC */
    bool client_cert;   /* the server asks for a certificate, and gets one */
    bool early;         /* TLS 1.3, resumed: what the client says first goes with its hello */
    bool early_refused; /* the server does not take it: it is said once more */
};

/* Can it be wrapped: is it but octets in order, of two sides that were seen from the beginning? */
bool wrap_fits(const struct dialogue_file *d);

/* `to` is released by the caller, with dialogue_file_release(). The first `clear` steps stay as they are. `secrets`
   gets the key log. */
void wrap(const struct dialogue_file *d, size_t clear, const struct wrap_how *how, struct dialogue_file *to,
          struct buf *secrets);

#endif
