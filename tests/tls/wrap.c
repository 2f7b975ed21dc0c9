/* OpenSSL on both sides of a dialogue, over memory. */
#include "wrap.h"

#include "base/memory.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum { EARLY_MOST = 16384 };

struct talk {
    const struct wrap_how *how;
    struct dialogue_file *to;
    struct buf *secrets;
    SSL_CTX *contexts[2]; /* [0] the client's */
    SSL *sides[2];
    size_t cap;
    unsigned said;
    bool crossed; /* turns cross: what both sides would have to agree on in between would change that */
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "wrap: %s: ", what);
    ERR_print_errors_fp(stderr);
    abort();
}

static void keep_secret(const SSL *ssl, const char *line)
{
    struct talk *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    buf_add_string(t->secrets, line);
    buf_add_string(t->secrets, "\n");
}

static void use_certificate(SSL_CTX *context, bool rsa)
{
    EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_NAME_new();
    must(key && cert && name, "a key");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"mx.example.net", -1, -1, 0);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    X509_set_subject_name(cert, name);
    X509_set_issuer_name(cert, name);
    X509_time_adj_ex(X509_getm_notBefore(cert), -1, 0, NULL);
    X509_time_adj_ex(X509_getm_notAfter(cert), 365, 0, NULL);
    X509_set_pubkey(cert, key);
    must(X509_sign(cert, key, EVP_sha256()) > 0, "a certificate");
    must(SSL_CTX_use_certificate(context, cert) && SSL_CTX_use_PrivateKey(context, key), "use a certificate");
    X509_NAME_free(name);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static int take_any(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

static int take_no_early(SSL *s, void *arg)
{
    (void)s;
    (void)arg;
    return 0;
}

static void make_contexts(struct talk *t)
{
    const struct wrap_how *how = t->how;
    for (int i = 0; i < 2; i++) {
        SSL_CTX *c = t->contexts[i] = SSL_CTX_new(i ? TLS_server_method() : TLS_client_method());
        must(c, "a context");
        SSL_CTX_set_security_level(c, 0);
        SSL_CTX_set_min_proto_version(c, how->version);
        SSL_CTX_set_max_proto_version(c, how->version);
        SSL_CTX_set_app_data(c, t);
        if (how->no_tickets)
            SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
        SSL_CTX_set_options(c, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
        if (how->mac_then_encrypt)
            SSL_CTX_set_options(c, SSL_OP_NO_ENCRYPT_THEN_MAC);
        if (how->ciphers && how->version == TLS1_3_VERSION)
            must(SSL_CTX_set_ciphersuites(c, how->ciphers), how->ciphers);
        else if (how->version < TLS1_3_VERSION)
            must(SSL_CTX_set_cipher_list(c, how->ciphers ? how->ciphers : "ALL:@SECLEVEL=0"), how->ciphers);
    }
    SSL_CTX_set_keylog_callback(t->contexts[0], keep_secret);
    SSL_CTX_set_session_cache_mode(t->contexts[0], SSL_SESS_CACHE_CLIENT);
    use_certificate(t->contexts[1], how->rsa);
    if (how->client_cert)
        SSL_CTX_set_options(t->contexts[1], SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
    if (how->client_cert)
        use_certificate(t->contexts[0], how->rsa);
    SSL_CTX_set_verify(t->contexts[1], how->client_cert ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, take_any);
    SSL_CTX_set_session_id_context(t->contexts[1], (const unsigned char *)"mx", 2);
    if (how->early_refused)
        SSL_CTX_set_allow_early_data_cb(t->contexts[1], take_no_early, NULL);
    if (how->early)
        SSL_CTX_set_max_early_data(t->contexts[1], EARLY_MOST);
}

static void begin(struct talk *t, SSL_SESSION *session)
{
    for (int i = 0; i < 2; i++) {
        SSL *s = t->sides[i] = SSL_new(t->contexts[i]);
        must(s, "a side");
        SSL_set_bio(s, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        BIO_set_mem_eof_return(SSL_get_rbio(s), -1);
        BIO_set_mem_eof_return(SSL_get_wbio(s), -1);
    }
    SSL_set_connect_state(t->sides[0]);
    SSL_set_accept_state(t->sides[1]);
    char name[] = "mx.example.net"; /* OpenSSL's macro casts const away */
    SSL_set_tlsext_host_name(t->sides[0], name);
    if (session)
        SSL_set_session(t->sides[0], session);
}

static void end(struct talk *t)
{
    SSL_free(t->sides[0]);
    SSL_free(t->sides[1]);
}

static struct step *add_step(struct talk *t)
{
    struct dialogue_file *d = t->to;
    if (d->step_count == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        d->steps = memory_resize(d->steps, t->cap * sizeof *d->steps);
    }
    return &d->steps[d->step_count++];
}

static void copy_step(struct talk *t, const struct step *from)
{
    struct step *s = add_step(t);
    *s = *from;
    if (from->kind != STEP_DATA)
        return;
    s->octets = memory_get(from->len ? from->len : 1);
    memcpy(s->octets, from->octets, from->len);
}

/* What a side has to send now, as one step like that one; the other side gets it. */
static void flush(struct talk *t, bool server, const struct step *like)
{
    char *octets;
    BIO *out = SSL_get_wbio(t->sides[server]);
    long len = BIO_get_mem_data(out, &octets);
    if (len <= 0)
        return;
    struct step *s = add_step(t);
    *s = like ? *like : (struct step){.kind = STEP_DATA, .server = server, .turn = true};
    s->octets = memory_get((size_t)len);
    s->len = (size_t)len;
    memcpy(s->octets, octets, (size_t)len);
    must(BIO_write(SSL_get_rbio(t->sides[!server]), octets, (int)len) == len, "pass octets on");
    BIO_reset(out);
}

static void drain(SSL *s)
{
    uint8_t rest[16384];
    while (SSL_read(s, rest, sizeof rest) > 0)
        ;
    ERR_clear_error();
}

static void shake_hands(struct talk *t, bool told)
{
    for (int i = 0; i < 8 && !(SSL_is_init_finished(t->sides[0]) && SSL_is_init_finished(t->sides[1])); i++)
        for (int side = 0; side < 2; side++) {
            int n = SSL_do_handshake(t->sides[side]);
            must(n == 1 || SSL_get_error(t->sides[side], n) == SSL_ERROR_WANT_READ, "a handshake");
            flush(t, side, NULL);
        }
    must(SSL_is_init_finished(t->sides[0]) && SSL_is_init_finished(t->sides[1]), "the end of a handshake");
    if (told)
        return;
    while (t->to->step_count)
        free(t->to->steps[--t->to->step_count].octets);
}

/* The other side answers before anything else is said. */
static void renew(struct talk *t, bool server)
{
    uint8_t octet;
    must(SSL_renegotiate(t->sides[server]), "renegotiate");
    SSL_do_handshake(t->sides[server]);
    for (int i = 0; i < 10; i++) {
        bool from = (i & 1) ? !server : server;
        flush(t, from, NULL);
        SSL_read(t->sides[!from], &octet, 1);
    }
    ERR_clear_error();
    must(!SSL_renegotiate_pending(t->sides[server]) && SSL_is_init_finished(t->sides[0]), "the end of that");
}

/* The first of the client's turns, with its hello. */
static void say_early(struct talk *t, const struct step *step)
{
    uint8_t octets[EARLY_MOST];
    size_t n = 0;
    must(SSL_write_early_data(t->sides[0], step->octets, step->len, &n), "say something early");
    flush(t, false, step);
    int got = SSL_read_early_data(t->sides[1], octets, sizeof octets, &n);
    must(got == (t->how->early_refused ? SSL_READ_EARLY_DATA_FINISH : SSL_READ_EARLY_DATA_SUCCESS), "read it early");
    flush(t, true, NULL);
}

static void end_early(struct talk *t)
{
    uint8_t octets[EARLY_MOST];
    size_t n;
    SSL_do_handshake(t->sides[0]);
    flush(t, false, NULL);
    if (!t->how->early_refused)
        must(SSL_read_early_data(t->sides[1], octets, sizeof octets, &n) == SSL_READ_EARLY_DATA_FINISH,
             "no more of it");
}

static void say(struct talk *t, const struct step *step)
{
    SSL *s = t->sides[step->server];
    if (t->how->renegotiate && !t->crossed && ++t->said % 3 == 0)
        renew(t, t->said % 2);
    if (t->how->key_updates && ++t->said % 3 == 0)
        must(SSL_key_update(s, t->said % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED), "new keys");
    must(SSL_write(s, step->octets, (int)step->len) == (int)step->len, "write");
    flush(t, step->server, step);
    drain(t->sides[!step->server]);
}

bool wrap_fits(const struct dialogue_file *d)
{
    bool plain = !d->midstream && !d->only_client && !d->only_server && !d->copies && !d->snap && !d->delay_client &&
                 !d->delay_server && (d->acks == ACKS_PIGGYBACK || d->acks == ACKS_EVERY);
    for (size_t i = 0; i < d->step_count; i++) {
        const struct step *s = &d->steps[i];
        plain = plain && !s->lost && !s->dup && !s->again && !s->over && !s->shift;
        plain = plain && (s->kind == STEP_DATA || s->kind == STEP_WAIT || s->kind == STEP_FIN || s->kind == STEP_RST);
    }
    return plain;
}

/* A session to take up: of a conversation that nobody sees. */
static SSL_SESSION *earlier(struct talk *t)
{
    begin(t, NULL);
    shake_hands(t, false);
    must(SSL_write(t->sides[1], "x", 1) == 1, "write");
    flush(t, true, NULL);
    drain(t->sides[0]);
    free(t->to->steps[--t->to->step_count].octets);
    SSL_SESSION *session = SSL_get1_session(t->sides[0]);
    for (int i = 0; i < 2; i++)
        SSL_set_shutdown(t->sides[i], SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else it is forgotten */
    end(t);
    buf_reset(t->secrets);
    return session;
}

void wrap(const struct dialogue_file *d, size_t clear, const struct wrap_how *how, struct dialogue_file *to,
          struct buf *secrets)
{
    struct talk t = {.how = how, .to = to, .secrets = secrets};
    SSL_SESSION *session = NULL;
    *to = *d;
    to->steps = NULL;
    to->step_count = 0;
    to->expected = NULL;
    to->keep = to->secrets = to->keys = (struct texts){0};
    for (size_t i = 0; i < d->step_count; i++)
        t.crossed |= d->steps[i].crossing != 0;
    make_contexts(&t);
    if (how->resume)
        session = earlier(&t);
    for (size_t i = 0; i < clear; i++)
        copy_step(&t, &d->steps[i]);
    begin(&t, session);
    bool early = how->early && clear < d->step_count && d->steps[clear].kind == STEP_DATA && !d->steps[clear].server;
    if (early) {
        say_early(&t, &d->steps[clear]);
        end_early(&t);
        clear += !how->early_refused;
    }
    shake_hands(&t, true);
    must(!how->resume || SSL_session_reused(t.sides[0]), "take up a session");
    for (size_t i = clear; i < d->step_count; i++)
        if (d->steps[i].kind == STEP_DATA)
            say(&t, &d->steps[i]);
        else
            copy_step(&t, &d->steps[i]);
    end(&t);
    SSL_SESSION_free(session);
    SSL_CTX_free(t.contexts[0]);
    SSL_CTX_free(t.contexts[1]);
}
