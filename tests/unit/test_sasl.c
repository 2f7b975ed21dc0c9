/* SASL exchanges: who is named, what of it was in clear, and that no secret comes out. */
#include "mail/sasl.h"

#include "base/buf.h"
#include "mail/secret_tag.h"
#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Feeds one octet string to the exchange in base64, in an allocation of the exact size. */
static void feed(struct sasl *x, void (*side)(struct sasl *, struct bytes), struct bytes m)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = (m.len + 2) / 3 * 4;
    uint8_t *text = malloc(len ? len : 1);
    assert_non_null(text);
    for (size_t i = 0, to = 0; i < m.len; i += 3) {
        uint32_t bits = (uint32_t)m.data[i] << 16;
        bits |= i + 1 < m.len ? (uint32_t)m.data[i + 1] << 8 : 0;
        bits |= i + 2 < m.len ? m.data[i + 2] : 0;
        text[to++] = (uint8_t)alphabet[bits >> 18];
        text[to++] = (uint8_t)alphabet[bits >> 12 & 63];
        text[to++] = i + 1 < m.len ? (uint8_t)alphabet[bits >> 6 & 63] : '=';
        text[to++] = i + 2 < m.len ? (uint8_t)alphabet[bits & 63] : '=';
    }
    side(x, bytes_of(text, len));
    free(text);
}

#define CLIENT(text) feed(&x, sasl_client, BYTES(text))
#define SERVER(text) feed(&x, sasl_server, BYTES(text))

static void assert_fact(const struct sasl *x, enum sasl_fact f, const char *expected)
{
    struct bytes got;
    if (!sasl_fact(x, f, &got)) {
        assert_null(expected);
        return;
    }
    assert_non_null(expected);
    assert_true(bytes_equal(got, bytes_of_string(expected)));
}

static void assert_user(const struct sasl *x, const char *user, const char *authzid, bool cleartext)
{
    assert_fact(x, SASL_USER, user);
    assert_fact(x, SASL_AUTHZID, authzid);
    assert_int_equal(x->cleartext_secret, cleartext);
}

static struct sasl begun(const char *mechanism)
{
    struct sasl x = {0};
    sasl_begin(&x, bytes_of_string(mechanism));
    return x;
}

static void names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"plain", "PLAIN"}, {"Scram-Sha-256-Plus", "SCRAM-SHA-256-PLUS"},
        {"X_Y-9", "X_Y-9"}, {"ABCDEFGHIJKLMNOPQRST", "ABCDEFGHIJKLMNOPQRST"},
        {"", "?"},          {"ABCDEFGHIJKLMNOPQRSTU", "?"},
        {"pass word", "?"}, {"s3cret!", "?"},
        {"PLA\xcdN", "?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sasl x = begun(cases[i][0]);
        assert_string_equal(x.mechanism, cases[i][1]);
        sasl_release(&x);
    }
}

static void plain(void **state)
{
    (void)state;
    struct sasl x = begun("PLAIN");
    CLIENT("\0alice\0s3cret");
    assert_user(&x, "alice", NULL, true);
    assert_int_equal(x.answers, 1);
    assert_true(echo_found(&x.echo, BYTES("bad password s3cret")));
    assert_true(echo_found(&x.echo, BYTES("bad AGFsaWNlAHMzY3JldA==")));
    assert_false(echo_found(&x.echo, BYTES("user alice unknown")));
    sasl_begin(&x, BYTES("PLAIN"));
    assert_false(echo_found(&x.echo, BYTES("s3cret")));
    CLIENT("admin\0alice\0");
    assert_user(&x, "alice", "admin", false);
    sasl_begin(&x, BYTES("PLAIN"));
    CLIENT("alice\0s3cret"); /* one NUL short: which is the password? */
    assert_user(&x, NULL, NULL, true);
    sasl_begin(&x, BYTES("PLAIN"));
    CLIENT("\0alice\0s3cret\0");
    assert_user(&x, NULL, NULL, true);
    sasl_begin(&x, BYTES("PLAIN"));
    sasl_client(&x, BYTES("="));
    assert_user(&x, NULL, NULL, false);
    assert_false(x.bad_base64);
    sasl_client(&x, BYTES("AGFsaWNl{c2VjcmV0"));
    assert_user(&x, NULL, NULL, true);
    assert_true(x.bad_base64);
    assert_true(echo_found(&x.echo, BYTES("cannot decode AGFsaWNl{c2VjcmV0.")));
    sasl_release(&x);
}

static void login(void **state)
{
    (void)state;
    struct sasl x = begun("LOGIN");
    SERVER("Username:");
    CLIENT("bob");
    assert_user(&x, "bob", NULL, false);
    SERVER("Password:");
    CLIENT("s3cret");
    assert_user(&x, "bob", NULL, true);
    assert_int_equal(x.answers, 2);
    assert_true(echo_found(&x.echo, BYTES("s3cret")));

    sasl_begin(&x, BYTES("LOGIN")); /* initial response */
    CLIENT("bob");
    SERVER("Password:");
    CLIENT("s3cret");
    assert_user(&x, "bob", NULL, true);

    sasl_begin(&x, BYTES("LOGIN")); /* initial response, but the server asks again */
    CLIENT("bob");
    SERVER("User Name");
    CLIENT("bob");
    assert_user(&x, "bob", NULL, false);
    CLIENT("s3cret");
    assert_user(&x, "bob", NULL, true);

    sasl_begin(&x, BYTES("LOGIN")); /* the password first, in a prompt that is no base64 */
    sasl_server(&x, BYTES("Password:"));
    CLIENT("s3cret");
    assert_user(&x, NULL, NULL, true);

    sasl_begin(&x, BYTES("LOGIN")); /* a server that lies about what it asks */
    SERVER("Username:");
    CLIENT("bob");
    SERVER("Username:");
    CLIENT("s3cret");
    assert_user(&x, "bob", NULL, true);

    sasl_begin(&x, BYTES("LOGIN"));
    sasl_client(&x, BYTES("bo!b"));
    assert_user(&x, NULL, NULL, false);
    sasl_client(&x, BYTES("s3!cret"));
    assert_user(&x, NULL, NULL, true);
    assert_true(x.bad_base64);
    sasl_release(&x);
}

static void challenge_response(void **state)
{
    (void)state;
    struct sasl x = begun("CRAM-MD5");
    SERVER("<1@x>");
    CLIENT("tim smith b913a602c7eda7a495b4e6e7334d3890");
    assert_user(&x, "tim smith", NULL, false);
    sasl_begin(&x, BYTES("CRAM-MD5"));
    CLIENT("tim s3cret");
    assert_user(&x, NULL, NULL, false);
    CLIENT("tim b913a602c7eda7a495b4e6e7334d389g");
    assert_user(&x, NULL, NULL, false);

    sasl_begin(&x, BYTES("DIGEST-MD5"));
    SERVER("realm=\"elwood.example\",nonce=\"OA6\",qop=\"auth\"");
    CLIENT("charset=utf-8,username=\"ch\\\"r,is\", realm=\"elwood.example\",nonce=\"OA6\",authzid=adm,response=d388");
    assert_user(&x, "ch\"r,is", "adm", false);
    assert_fact(&x, SASL_REALM, "elwood.example");
    CLIENT("");
    assert_user(&x, "ch\"r,is", "adm", false);
    sasl_begin(&x, BYTES("DIGEST-MD5"));
    CLIENT("username=\"open");
    assert_user(&x, NULL, NULL, false);
    sasl_release(&x);
}

static void scram(void **state)
{
    (void)state;
    struct sasl x = begun("SCRAM-SHA-1");
    CLIENT("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    CLIENT("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
    assert_user(&x, "user", NULL, false);
    assert_int_equal(x.answers, 2);
    sasl_begin(&x, BYTES("SCRAM-SHA-256-PLUS"));
    CLIENT("p=tls-unique,a=ad=2Cm,n=us=3der,r=x");
    assert_user(&x, "us=er", "ad,m", false);
    static const char *const broken[] = {
        "n,,n=us=er,r=x", "n,,m=ext,n=user,r=x", "x,,n=user,r=x", "n,b=c,n=user,r=x", "n,,n=user", "n,", "",
        "n,,n=us=3"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        sasl_begin(&x, BYTES("SCRAM-SHA-1"));
        feed(&x, sasl_client, bytes_of_string(broken[i]));
        assert_user(&x, NULL, NULL, false);
    }
    sasl_release(&x);
}

static void tokens(void **state)
{
    (void)state;
    struct sasl x = begun("XOAUTH2");
    CLIENT("user=some@example.com\1auth=Bearer ya29.vF9d\1\1");
    assert_user(&x, "some@example.com", NULL, true);
    assert_true(echo_found(&x.echo, BYTES("token ya29.vF9d expired")));
    sasl_begin(&x, BYTES("OAUTHBEARER"));
    CLIENT("n,a=user=2C@example.com,\1host=server\1port=143\1auth=Bearer vF9dft4\1\1");
    assert_user(&x, "user,@example.com", NULL, true);
    assert_true(echo_found(&x.echo, BYTES("vF9dft4")));
    CLIENT("\1"); /* RFC 7628 section 3.2.3 */
    assert_user(&x, "user,@example.com", NULL, true);
    sasl_begin(&x, BYTES("OAUTHBEARER"));
    CLIENT("n,,\1auth=\1\1");
    assert_user(&x, NULL, NULL, false);
    sasl_release(&x);
}

static void others(void **state)
{
    (void)state;
    struct sasl x = begun("EXTERNAL");
    CLIENT("carol");
    assert_user(&x, "carol", NULL, false);
    sasl_begin(&x, BYTES("EXTERNAL"));
    sasl_client(&x, BYTES("="));
    assert_user(&x, NULL, NULL, false);
    sasl_begin(&x, BYTES("ANONYMOUS"));
    CLIENT("sirhc");
    assert_user(&x, "sirhc", NULL, false);
    static const char *const closed[] = {"GSSAPI", "KERBEROS_V4", "GSS-SPNEGO", "NOSUCH", "s3cret password"};
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        sasl_begin(&x, bytes_of_string(closed[i]));
        CLIENT("\0alice\0s3cret");
        assert_user(&x, NULL, NULL, false);
        assert_true(echo_found(&x.echo, BYTES("AGFsaWNlAHMzY3JldA==")));
    }
    sasl_begin(&x, BYTES("PLAIN"));
    sasl_client(&x, BYTES("*"));
    assert_true(x.cancelled);
    assert_false(x.bad_base64);
    assert_int_equal(x.answers, 0);
    sasl_release(&x);
}

/* Builds NTLM messages: numbers and texts as MS-NLMP section 2.2.1 places them. */
struct message {
    uint8_t octets[512];
    size_t len;
};

static void put(struct message *m, size_t at, uint32_t value, unsigned octets)
{
    for (unsigned i = 0; i < octets; i++)
        m->octets[at + i] = (uint8_t)(value >> 8 * i);
    if (m->len < at + octets)
        m->len = at + octets;
}

static size_t put_text(struct message *m, const char *text, bool unicode)
{
    size_t start = m->len;
    for (; *text; text++)
        put(m, m->len, (uint8_t)*text, unicode ? 2 : 1);
    return m->len - start;
}

static void put_field(struct message *m, size_t at, const char *text, bool unicode)
{
    size_t from = m->len, len = put_text(m, text, unicode);
    put(m, at, (uint32_t)len, 2);
    put(m, at + 2, (uint32_t)len, 2);
    put(m, at + 4, (uint32_t)from, 4);
}

static struct message ntlm_message(uint32_t type, size_t fixed)
{
    struct message m = {.octets = "NTLMSSP", .len = fixed};
    put(&m, 8, type, 4);
    return m;
}

static struct message ntlm_challenge(void)
{
    struct message m = ntlm_message(2, 56);
    put(&m, 20, 0x02810001, 4);
    m.octets[48] = 10;
    put(&m, 50, 17763, 2);
    put_field(&m, 12, "TARGET", true);
    size_t from = m.len;
    static const char *const pairs[] = {"CORP", "MX1", "corp.example", "mx1.corp.example"};
    static const uint16_t ids[] = {2, 1, 4, 3};
    for (unsigned i = 0; i < 4; i++) {
        put(&m, m.len, ids[i], 2);
        put(&m, m.len, (uint32_t)strlen(pairs[i]) * 2, 2);
        put_text(&m, pairs[i], true);
    }
    put(&m, m.len, 0, 4);
    put(&m, 40, (uint32_t)(m.len - from), 2);
    put(&m, 44, (uint32_t)from, 4);
    return m;
}

static struct message ntlm_answer(void)
{
    struct message m = ntlm_message(3, 72);
    put(&m, 60, 0x00000001, 4);
    put_field(&m, 28, "CORP", true);
    put_field(&m, 36, "jack", true);
    put_field(&m, 44, "WS7", true);
    put_field(&m, 20, "digest", false);
    return m;
}

static void ntlm(void **state)
{
    (void)state;
    struct sasl x = begun("NTLM");
    struct message negotiate = ntlm_message(1, 32), challenge = ntlm_challenge(), answer = ntlm_answer();
    put(&negotiate, 12, 0x2000, 4);
    put_field(&negotiate, 24, "WS7", false);
    sasl_server(&x, BYTES("NTLM supported"));
    feed(&x, sasl_client, bytes_of(negotiate.octets, negotiate.len));
    assert_fact(&x, SASL_NTLM_HOST, "WS7");
    feed(&x, sasl_server, bytes_of(challenge.octets, challenge.len));
    feed(&x, sasl_client, bytes_of(answer.octets, answer.len));
    assert_user(&x, "CORP\\jack", NULL, false);
    assert_fact(&x, SASL_NTLM_DOMAIN, "CORP");
    assert_fact(&x, SASL_NTLM_HOST, "MX1");
    assert_fact(&x, SASL_NTLM_DNS_DOMAIN, "corp.example");
    assert_fact(&x, SASL_NTLM_OS, "10.0.17763");

    struct limits limits;
    limits_init(&limits);
    struct record *r = record_new(KIND_auth, &limits);
    sasl_write(&x, r);
    assert_true(record_has(r, F_auth_mech) && record_has(r, F_auth_user) && record_has(r, F_auth_ntlm));
    assert_false(record_has(r, F_auth_cleartext_secret));
    record_free(r);

    sasl_begin(&x, BYTES("NTLM")); /* each from the wrong side */
    feed(&x, sasl_server, bytes_of(answer.octets, answer.len));
    feed(&x, sasl_client, bytes_of(challenge.octets, challenge.len));
    assert_user(&x, NULL, NULL, false);
    assert_fact(&x, SASL_NTLM_HOST, NULL);
    sasl_release(&x);
}

/* Cut at every length, and with every octet changed, a message must be read within its bounds. */
static void ntlm_broken(void **state)
{
    (void)state;
    struct message messages[] = {ntlm_challenge(), ntlm_answer()};
    for (unsigned k = 0; k < 2; k++) {
        for (size_t i = 0; i < messages[k].len; i++) {
            struct message m = messages[k];
            struct sasl x = begun("NTLM");
            feed(&x, k ? sasl_client : sasl_server, bytes_of(m.octets, i));
            m.octets[i] = 0xff;
            feed(&x, k ? sasl_client : sasl_server, bytes_of(m.octets, m.len));
            sasl_release(&x);
        }
    }
    struct sasl x = begun("NTLM");
    feed(&x, sasl_client, bytes_of(messages[1].octets, 64)); /* texts are outside now */
    assert_user(&x, NULL, NULL, false);
    sasl_release(&x);
}

/* No fact and no field of the record may contain a password, whatever the mechanism. */
static void no_secret_comes_out(void **state)
{
    (void)state;
    static const char *const mechanisms[] = {"PLAIN",   "LOGIN",       "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1",
                                             "XOAUTH2", "OAUTHBEARER", "NTLM",     "GSSAPI",     "NOSUCH"};
    static const struct {
        const char *text;
        size_t len;
    } answers[] = {{"\0al\0hunter2", 11},
                   {"al", 2},
                   {"hunter2", 7},
                   {"user=al\1auth=Bearer hunter2\1\1", 29},
                   {"n,a=al,\1auth=Bearer hunter2\1\1", 29},
                   {"al hunter2", 10}};
    struct limits limits;
    limits_init(&limits);
    for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++) {
        for (size_t j = 0; j < sizeof answers / sizeof *answers; j++) {
            struct sasl x = begun(mechanisms[i]);
            if (!strcmp(mechanisms[i], "LOGIN"))
                feed(&x, sasl_client, BYTES("al"));
            feed(&x, sasl_client, bytes_of(answers[j].text, answers[j].len));
            struct record *r = record_new(KIND_auth, &limits);
            struct entry e;
            sasl_write(&x, r);
            for (size_t at = 0; record_next(r, &at, &e);)
                assert_true(e.end || bytes_find_nocase(e.text, BYTES("hunter2")) == SIZE_MAX);
            record_free(r);
            sasl_release(&x);
        }
    }
}

static void long_user(void **state)
{
    (void)state;
    static uint8_t text[3000];
    struct sasl x = begun("EXTERNAL");
    struct bytes user;
    memset(text, 'u', sizeof text);
    feed(&x, sasl_client, bytes_of(text, sizeof text));
    assert_true(sasl_fact(&x, SASL_USER, &user));
    assert_int_equal(user.len, 1024);
    sasl_release(&x);
}

/* The exchange's tag, and it is gone with it. False: there is none. */
static bool tag_of(struct sasl *x, uint8_t tag[static RECORD_TAG_SIZE])
{
    struct limits limits;
    limits_init(&limits);
    struct record *r = record_new(KIND_auth, &limits);
    sasl_tag(x, r);
    bool ret = record_take_tag(r, tag);
    assert_false(record_take_tag(r, tag));
    record_free(r);
    sasl_release(x);
    return ret;
}

static void assert_tag(struct sasl *x, const uint8_t wanted[static RECORD_TAG_SIZE])
{
    uint8_t tag[RECORD_TAG_SIZE];
    assert_true(tag_of(x, tag));
    assert_memory_equal(tag, wanted, sizeof tag);
}

static struct sasl tagged(const char *mechanism, struct secret_tagger *tagger)
{
    struct sasl x = begun(mechanism);
    x.tagger = tagger;
    return x;
}

static void tags(void **state)
{
    (void)state;
    struct secret_key key, other;
    assert_true(secret_key_draw(&key) && secret_key_draw(&other));
    struct secret_tagger *t = secret_tagger_new(&key), *u = secret_tagger_new(&other);
    uint8_t wanted[RECORD_TAG_SIZE], tag[RECORD_TAG_SIZE];
    assert_true(secret_tag_make(t, BYTES("s3cret"), wanted));

    /* The same secret, however it is sent and whoever sends it. */
    struct sasl x = tagged("PLAIN", t);
    CLIENT("\0alice\0s3cret");
    assert_tag(&x, wanted);
    x = tagged("LOGIN", t);
    CLIENT("bob");
    CLIENT("s3cret");
    assert_tag(&x, wanted);
    x = tagged("LOGIN", t);
    sasl_tell(&x, BYTES("bob"), BYTES("s3cret"), true);
    assert_tag(&x, wanted);
    x = tagged("XOAUTH2", t);
    CLIENT("user=bob\1auth=Bearer s3cret\1\1");
    CLIENT("");
    assert_tag(&x, wanted);

    /* Another one; another key; none; nothing to compare with; an exchange with a hole. */
    x = tagged("PLAIN", t);
    CLIENT("\0alice\0s3creT");
    assert_true(tag_of(&x, tag));
    assert_memory_not_equal(tag, wanted, sizeof tag);
    x = tagged("PLAIN", u);
    CLIENT("\0alice\0s3cret");
    assert_true(tag_of(&x, tag));
    assert_memory_not_equal(tag, wanted, sizeof tag);
    x = tagged("PLAIN", NULL);
    CLIENT("\0alice\0s3cret");
    assert_false(tag_of(&x, tag));
    x = tagged("LOGIN", t);
    CLIENT("bob");
    assert_false(tag_of(&x, tag));
    x = tagged("CRAM-MD5", t);
    CLIENT("bob 0123456789abcdef0123456789abcdef");
    assert_false(tag_of(&x, tag));
    x = tagged("APOP", t);
    sasl_tell(&x, BYTES("bob"), BYTES("0123456789abcdef0123456789abcdef"), false);
    assert_false(tag_of(&x, tag));
    x = tagged("LOGIN", t);
    CLIENT("bob");
    sasl_lost(&x);
    CLIENT("s3cret");
    assert_false(tag_of(&x, tag));
    x = tagged("LOGIN", t);
    CLIENT("bob");
    CLIENT("s3cret");
    sasl_lost(&x);
    assert_false(tag_of(&x, tag));

    secret_tagger_free(t);
    secret_tagger_free(u);
    secret_key_wipe(&key);
    assert_null(secret_tagger_new(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),       cmocka_unit_test(plain),
        cmocka_unit_test(login),       cmocka_unit_test(challenge_response),
        cmocka_unit_test(scram),       cmocka_unit_test(tokens),
        cmocka_unit_test(others),      cmocka_unit_test(ntlm),
        cmocka_unit_test(ntlm_broken), cmocka_unit_test(no_secret_comes_out),
        cmocka_unit_test(long_user),   cmocka_unit_test(tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
