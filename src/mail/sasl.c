/* SASL exchanges, RFC 4422: who logs in and how, never with what. */
#include "sasl.h"

#include "base/memory.h"
#include "base64.h"
#include "ntlm.h"
#include "record/record.h"
#include "secret_tag.h"

#include <stdlib.h>

/* How the messages of a mechanism are read. */
enum family {
    UNKNOWN, /* all that carry no name in clear, too: GSSAPI, KERBEROS_V4 */
    PLAIN,
    LOGIN,
    CRAM_MD5,
    DIGEST_MD5,
    SCRAM,
    XOAUTH2,
    OAUTHBEARER,
    NTLM,
    EXTERNAL,
    ANONYMOUS,
};

/* struct sasl's `asked` */
enum { ASKED_NOTHING, ASKED_USER, ASKED_SECRET, ASKED_UNICODE };

enum {
    FACT_MOST = 1024,
    PART_LEAST = 6, /* octets of a part of a message that is told from noise in a binary one */
};

struct sasl_told {
    bool has[SASL_FACTS];
    struct buf facts[SASL_FACTS]; /* empty: not told */
    bool tagged;
    uint8_t tag[RECORD_TAG_SIZE]; /* of the latest secret */
};

static const struct {
    const char *name;
    enum family family;
} mechanisms[] = {
    {"PLAIN", PLAIN},       {"LOGIN", LOGIN},
    {"CRAM-MD5", CRAM_MD5}, {"DIGEST-MD5", DIGEST_MD5},
    {"XOAUTH2", XOAUTH2},   {"OAUTHBEARER", OAUTHBEARER},
    {"NTLM", NTLM},         {"GSS-SPNEGO", NTLM},
    {"EXTERNAL", EXTERNAL}, {"ANONYMOUS", ANONYMOUS},
};

static bool is_known_by_name_only(const char *mechanism)
{
    static const char *const names[] = {"GSSAPI",  "KERBEROS_V4", "KERBEROS_V5", "SKEY",       "OTP",      "SRP",
                                        "SECURID", "NMAS_LOGIN",  "OPENID20",    "SAML20",     "GS2-KRB5", "EAP-AES128",
                                        "WEAUTH",  "MSN",         "DIGEST",      "LOGIN-TOKEN"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(mechanism, names[i]))
            return true;
    return false;
}

static enum family family_of(const char *mechanism)
{
    for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
        if (!strcmp(mechanism, mechanisms[i].name))
            return mechanisms[i].family;
    return strncmp(mechanism, "SCRAM-", 6) ? UNKNOWN : SCRAM;
}

/* A name that nobody knows is told only where it is written as RFC 4422 section 3.1 has it, in upper case: somebody may
   have put a secret there. */
static void name_mechanism(struct sasl *x, struct bytes name)
{
    bool plausible = name.len >= 1 && name.len < sizeof x->mechanism, lower = false;
    for (size_t i = 0; plausible && i < name.len; i++) {
        uint8_t c = byte_upper(name.data[i]);
        plausible = byte_is_letter(c) || byte_is_digit(c) || c == '-' || c == '_';
        lower |= c != name.data[i];
        x->mechanism[i] = (char)c;
    }
    x->mechanism[plausible ? name.len : 0] = '\0';
    x->family = (uint8_t)family_of(x->mechanism);
    if (plausible && (!lower || x->family != UNKNOWN || is_known_by_name_only(x->mechanism)))
        return;
    memcpy(x->mechanism, "?", sizeof "?");
    x->family = UNKNOWN;
    echo_add(&x->echo, name);
}

void sasl_release(struct sasl *x)
{
    if (x->told) {
        for (unsigned i = 0; i < SASL_FACTS; i++)
            buf_release(&x->told->facts[i]);
        explicit_bzero(x->told->tag, sizeof x->told->tag);
    }
    free(x->told);
    echo_release(&x->echo);
    *x = (struct sasl){0};
}

size_t sasl_held(const struct sasl *s)
{
    size_t held = echo_held(&s->echo) + (s->told ? memory_cost(sizeof *s->told) : 0);
    for (unsigned i = 0; s->told && i < SASL_FACTS; i++)
        held += memory_cost(s->told->facts[i].cap);
    return held;
}

void sasl_begin(struct sasl *x, struct bytes mechanism)
{
    sasl_release(x);
    name_mechanism(x, mechanism);
}

static struct sasl_told *told(struct sasl *x)
{
    if (!x->told) {
        x->told = memory_get(sizeof *x->told);
        for (unsigned i = 0; i < SASL_FACTS; i++)
            buf_init(&x->told->facts[i], FACT_MOST);
    }
    return x->told;
}

static void fact_set(struct sasl *x, enum sasl_fact f, struct bytes value)
{
    if (!value.len && f != SASL_USER)
        return; /* an empty user is a fact, an empty anything else says nothing */
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < ' ')
            return; /* no name: another mechanism's message, its secret included */
    told(x)->has[f] = true;
    buf_reset(&x->told->facts[f]);
    buf_add(&x->told->facts[f], value);
}

bool sasl_fact(const struct sasl *x, enum sasl_fact f, struct bytes *ret)
{
    if (!x->told || !x->told->has[f])
        return false;
    *ret = buf_bytes(&x->told->facts[f]);
    return true;
}

static bool has_fact(const struct sasl *x, enum sasl_fact f)
{
    struct bytes ignored;
    return sasl_fact(x, f, &ignored);
}

static void tag_secret(struct sasl *x, struct bytes secret)
{
    if (x->tagger && !x->lost)
        told(x)->tagged = secret_tag_make(x->tagger, secret, told(x)->tag);
}

static void saw_secret(struct sasl *x, struct bytes secret)
{
    if (secret.len)
        x->cleartext_secret = true;
    echo_add(&x->echo, secret);
    tag_secret(x, secret);
}

/* [authzid] NUL authcid NUL passwd, RFC 4616 section 2. */
static void read_plain(struct sasl *x, struct bytes m)
{
    size_t authzid = bytes_index(m, 0);
    struct bytes rest = bytes_part(m, authzid + 1, SIZE_MAX);
    size_t authcid = bytes_index(rest, 0);
    struct bytes passwd = bytes_part(rest, authcid + 1, SIZE_MAX);
    if (authzid == m.len || authcid == rest.len || bytes_index(passwd, 0) != passwd.len) {
        saw_secret(x, m); /* which part of it is the password is anybody's guess */
        return;
    }
    fact_set(x, SASL_AUTHZID, bytes_part(m, 0, authzid));
    fact_set(x, SASL_USER, bytes_part(rest, 0, authcid));
    saw_secret(x, passwd);
}

/* The first answer is the user, unless the server said it wanted the password. A user told twice (some servers ask
   although there was an initial response) is no password. */
static void read_login(struct sasl *x, struct bytes m)
{
    struct bytes user;
    if (bytes_index(m, 0) < m.len)
        saw_secret(x, m); /* PLAIN's message */
    else if (x->answers == 1 && x->asked != ASKED_SECRET)
        fact_set(x, SASL_USER, m);
    else if (x->asked != ASKED_USER || !sasl_fact(x, SASL_USER, &user) || !bytes_equal(user, m))
        saw_secret(x, m);
    x->asked = ASKED_NOTHING;
}

/* user SP digest, the digest in 32 hexadecimal digits. Anything else in its place could be a password. */
static void read_cram_md5(struct sasl *x, struct bytes m)
{
    if (m.len < 33 || m.data[m.len - 33] != ' ')
        return;
    for (size_t i = m.len - 32; i < m.len; i++) {
        uint8_t c = byte_upper(m.data[i]);
        if (!byte_is_digit(c) && (c < 'A' || c > 'F'))
            return;
    }
    fact_set(x, SASL_USER, bytes_part(m, 0, m.len - 33));
}

/* Cuts `key=value` or `key="value"` and the comma behind it off the front; `value` is unquoted. */
static bool digest_pair(struct bytes *rest, struct bytes *key, struct buf *value)
{
    while (rest->len && (rest->data[0] == ',' || rest->data[0] == ' ' || rest->data[0] == '\t'))
        *rest = bytes_part(*rest, 1, SIZE_MAX);
    size_t equals = bytes_index(*rest, '=');
    if (equals == rest->len)
        return false;
    *key = bytes_trim(bytes_part(*rest, 0, equals));
    *rest = bytes_part(*rest, equals + 1, SIZE_MAX);
    buf_reset(value);
    if (!rest->len || rest->data[0] != '"') {
        size_t comma = bytes_index(*rest, ',');
        buf_add(value, bytes_trim(bytes_part(*rest, 0, comma)));
        *rest = bytes_part(*rest, comma, SIZE_MAX);
        return true;
    }
    size_t i = 1;
    for (; i < rest->len && rest->data[i] != '"'; i++) {
        if (rest->data[i] == '\\' && i + 1 < rest->len)
            i++;
        buf_add_byte(value, rest->data[i]);
    }
    bool closed = i < rest->len;
    *rest = bytes_part(*rest, i + 1, SIZE_MAX);
    return closed;
}

/* RFC 2831 section 2.1.2. Its digests are challenge-bound; only names are looked at. */
static void read_digest_md5(struct sasl *x, struct bytes m)
{
    struct buf value;
    struct bytes key;
    buf_init(&value, FACT_MOST);
    while (digest_pair(&m, &key, &value)) {
        if (bytes_equal_nocase(key, BYTES("username")))
            fact_set(x, SASL_USER, buf_bytes(&value));
        else if (bytes_equal_nocase(key, BYTES("realm")))
            fact_set(x, SASL_REALM, buf_bytes(&value));
        else if (bytes_equal_nocase(key, BYTES("authzid")))
            fact_set(x, SASL_AUTHZID, buf_bytes(&value));
    }
    if (value.data)
        explicit_bzero(value.data, value.cap);
    buf_release(&value);
}

/* A saslname, RFC 5802 section 5.1: "," and "=" stand as =2C and =3D. Nothing is set where another "=" is in it. */
static void fact_saslname(struct sasl *x, enum sasl_fact f, struct bytes name)
{
    struct buf plain;
    buf_init(&plain, FACT_MOST);
    size_t i = 0;
    for (; i < name.len; i++) {
        struct bytes escape = bytes_part(name, i, 3);
        if (name.data[i] != '=') {
            buf_add_byte(&plain, name.data[i]);
            continue;
        }
        if (!bytes_equal_nocase(escape, BYTES("=2C")) && !bytes_equal_nocase(escape, BYTES("=3D")))
            break;
        buf_add_byte(&plain, byte_upper(escape.data[2]) == 'C' ? ',' : '=');
        i += 2;
    }
    if (i == name.len)
        fact_set(x, f, buf_bytes(&plain));
    buf_release(&plain);
}

/* Cuts what stands before the next comma, and the comma, off the front. */
static bool part_to_comma(struct bytes *rest, struct bytes *ret)
{
    size_t comma = bytes_index(*rest, ',');
    if (comma == rest->len)
        return false;
    *ret = bytes_part(*rest, 0, comma);
    *rest = bytes_part(*rest, comma + 1, SIZE_MAX);
    return true;
}

/* Cuts a gs2-header, RFC 5801 section 4, off the front: channel binding, "," [ "a=" authzid ] ",". */
static bool gs2_header(struct bytes *m, struct bytes *authzid)
{
    struct bytes binding, name;
    if (!part_to_comma(m, &binding) || !part_to_comma(m, &name))
        return false;
    if (!bytes_equal(binding, BYTES("n")) && !bytes_equal(binding, BYTES("y")) &&
        !bytes_starts_nocase(binding, BYTES("p=")))
        return false;
    if (name.len && !bytes_starts_nocase(name, BYTES("a=")))
        return false;
    *authzid = bytes_part(name, 2, SIZE_MAX);
    return true;
}

static void read_scram(struct sasl *x, struct bytes m)
{
    struct bytes authzid, name;
    if (has_fact(x, SASL_USER) || !gs2_header(&m, &authzid) || !part_to_comma(&m, &name) ||
        !bytes_starts_nocase(name, BYTES("n=")))
        return;
    fact_saslname(x, SASL_AUTHZID, authzid);
    fact_saslname(x, SASL_USER, bytes_part(name, 2, SIZE_MAX));
}

/* key=value pairs, each ended by ^A: the token, and XOAUTH2's user. */
static void read_oauth_pairs(struct sasl *x, struct bytes m)
{
    while (m.len) {
        size_t end = bytes_index(m, 1);
        struct bytes pair = bytes_part(m, 0, end);
        m = bytes_part(m, end + 1, SIZE_MAX);
        if (x->family == XOAUTH2 && bytes_starts_nocase(pair, BYTES("user="))) {
            if (bytes_find_nocase(pair, BYTES("auth=")) != SIZE_MAX) /* no ^A between: where the user ends is a guess */
                saw_secret(x, pair);
            else
                fact_set(x, SASL_USER, bytes_part(pair, 5, SIZE_MAX));
        } else if (bytes_starts_nocase(pair, BYTES("auth="))) {
            struct bytes value = bytes_part(pair, 5, SIZE_MAX), token = value;
            bytes_word(&token); /* "Bearer" */
            token = bytes_trim(token);
            saw_secret(x, token.len ? token : value);
        }
    }
}

static void read_oauthbearer(struct sasl *x, struct bytes m)
{
    struct bytes user, rest = m;
    if (gs2_header(&rest, &user)) {
        if (user.len)
            fact_saslname(x, SASL_USER, user);
        m = rest;
    }
    read_oauth_pairs(x, m);
}

static void fact_unless_known(struct sasl *x, enum sasl_fact f, struct bytes value, bool overrides)
{
    if (overrides || !has_fact(x, f))
        fact_set(x, f, value);
}

/* The server's challenge says more, and says it for certain, than what a client claims about itself. */
static void read_ntlm(struct sasl *x, struct bytes m, bool challenge)
{
    struct ntlm n;
    ntlm_read(&n, m, x->asked == ASKED_UNICODE);
    if (challenge != (n.type == NTLM_CHALLENGE)) {
        ntlm_release(&n);
        return;
    }
    if (challenge)
        x->asked = n.unicode ? ASKED_UNICODE : ASKED_NOTHING;
    if (n.user.len)
        fact_set(x, SASL_USER, buf_bytes(&n.user));
    fact_unless_known(x, SASL_NTLM_DOMAIN, buf_bytes(&n.domain), challenge);
    fact_unless_known(x, SASL_NTLM_HOST, buf_bytes(&n.host), challenge);
    fact_unless_known(x, SASL_NTLM_DNS_DOMAIN, buf_bytes(&n.dns_domain), challenge);
    fact_unless_known(x, SASL_NTLM_OS, bytes_of_string(n.os), challenge);
    ntlm_release(&n);
}

static bool sends_its_secret(const struct sasl *x)
{
    return x->family == PLAIN || x->family == LOGIN || x->family == XOAUTH2 || x->family == OAUTHBEARER;
}

static void read_answer(struct sasl *x, struct bytes m)
{
    if (x->lost) {
        bool only_user = x->family == LOGIN && x->answers < 2; /* or its secret: not known */
        if (sends_its_secret(x) && !only_user)
            saw_secret(x, m);
        return;
    }
    switch ((enum family)x->family) {
    case PLAIN:
        read_plain(x, m);
        break;
    case LOGIN:
        read_login(x, m);
        break;
    case CRAM_MD5:
        read_cram_md5(x, m);
        break;
    case DIGEST_MD5:
        read_digest_md5(x, m);
        break;
    case SCRAM:
        read_scram(x, m);
        break;
    case XOAUTH2:
        read_oauth_pairs(x, m);
        break;
    case OAUTHBEARER:
        read_oauthbearer(x, m);
        break;
    case NTLM:
        read_ntlm(x, m, false);
        break;
    case EXTERNAL:
    case ANONYMOUS:
        if (m.len)
            fact_set(x, SASL_USER, m);
        break;
    case UNKNOWN:
        break;
    }
}

/* An answer that is no base64 still carries what the client meant to send. */
static void read_broken(struct sasl *x)
{
    x->bad_base64 = true;
    switch ((enum family)x->family) {
    case LOGIN:
        if (x->answers > 1 || x->asked == ASKED_SECRET)
            x->cleartext_secret = true;
        x->asked = ASKED_NOTHING;
        break;
    case PLAIN:
    case XOAUTH2:
    case OAUTHBEARER:
        x->cleartext_secret = true;
        break;
    case UNKNOWN:
    case CRAM_MD5:
    case DIGEST_MD5:
    case SCRAM:
    case NTLM:
    case EXTERNAL:
    case ANONYMOUS:
        break;
    }
}

static void release_wiped(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    buf_release(b);
}

/* What stands in a message between separators may be its secret, and come back alone. */
static void echo_parts(struct sasl *x, struct bytes m)
{
    size_t from = 0;
    for (size_t i = 0; i <= m.len; i++) {
        if (i < m.len && m.data[i] > ' ' && !memchr(",=\"", m.data[i], 3))
            continue;
        if (i - from >= PART_LEAST && i - from < m.len)
            echo_add(&x->echo, bytes_part(m, from, i - from));
        from = i + 1;
    }
}

/* Of an answer that is no base64: what a server that reads over the octets that spoil it makes of it. */
static void echo_decodable(struct sasl *x, struct bytes line)
{
    struct buf digits, message;
    buf_init(&digits, line.len);
    buf_init(&message, line.len);
    for (size_t i = 0; i < line.len; i++)
        if (byte_is_letter(line.data[i]) || byte_is_digit(line.data[i]) || line.data[i] == '+' || line.data[i] == '/')
            buf_add_byte(&digits, line.data[i]);
    if (base64_decode(bytes_part(buf_bytes(&digits), 0, digits.len / 4 * 4), &message)) {
        echo_add(&x->echo, buf_bytes(&message));
        echo_parts(x, buf_bytes(&message));
    }
    release_wiped(&digits);
    release_wiped(&message);
}

void sasl_client(struct sasl *x, struct bytes line)
{
    x->challenged = false;
    line = bytes_trim(line);
    if (bytes_equal(line, BYTES("*"))) {
        x->cancelled = true;
        return;
    }
    if (x->answers < UINT16_MAX)
        x->answers++;
    if (bytes_equal(line, BYTES("=")))
        line.len = 0;
    echo_add(&x->echo, line);
    struct buf message;
    buf_init(&message, line.len);
    if (base64_decode(line, &message)) {
        echo_add(&x->echo, buf_bytes(&message));
        echo_parts(x, buf_bytes(&message));
        read_answer(x, buf_bytes(&message));
    } else {
        echo_parts(x, line);
        echo_decodable(x, line);
        read_broken(x);
    }
    release_wiped(&message);
}

void sasl_tell(struct sasl *x, struct bytes user, struct bytes secret, bool cleartext)
{
    if (user.data)
        fact_set(x, SASL_USER, user);
    echo_add(&x->echo, secret);
    x->cleartext_secret |= cleartext && secret.len;
    if (cleartext)
        tag_secret(x, secret);
}

void sasl_lost(struct sasl *x)
{
    x->lost = true;
}

void sasl_server(struct sasl *x, struct bytes line)
{
    x->challenged = true;
    if (x->family != LOGIN && x->family != NTLM)
        return;
    line = bytes_trim(line);
    struct buf message;
    buf_init(&message, line.len);
    /* A prompt that is no base64 is common enough to be understood. */
    struct bytes m = base64_decode(line, &message) ? buf_bytes(&message) : line;
    if (x->family == NTLM)
        read_ntlm(x, m, true);
    else if (bytes_find_nocase(m, BYTES("pass")) != SIZE_MAX)
        x->asked = ASKED_SECRET;
    else
        x->asked = bytes_find_nocase(m, BYTES("user")) != SIZE_MAX ? ASKED_USER : ASKED_NOTHING;
    release_wiped(&message);
}

void sasl_tag(const struct sasl *x, struct record *auth)
{
    if (x->told && x->told->tagged && !x->lost)
        record_set_tag(auth, x->told->tag);
}

void sasl_write(const struct sasl *x, struct record *auth)
{
    static const struct {
        enum sasl_fact fact;
        enum field field;
    } ntlm[] = {{SASL_NTLM_DOMAIN, F_ntlm_domain},
                {SASL_NTLM_HOST, F_ntlm_host},
                {SASL_NTLM_DNS_DOMAIN, F_ntlm_dns_domain},
                {SASL_NTLM_OS, F_ntlm_os}};
    struct bytes value;
    if (x->mechanism[0])
        record_text(auth, F_auth_mech, bytes_of_string(x->mechanism));
    if (sasl_fact(x, SASL_USER, &value))
        record_text(auth, F_auth_user, value);
    if (sasl_fact(x, SASL_AUTHZID, &value))
        record_text(auth, F_auth_authzid, value);
    if (x->cleartext_secret)
        record_flag(auth, F_auth_cleartext_secret);
    bool open = false;
    for (size_t i = 0; i < sizeof ntlm / sizeof *ntlm; i++) {
        if (!sasl_fact(x, ntlm[i].fact, &value))
            continue;
        if (!open)
            record_begin(auth, F_auth_ntlm);
        open = true;
        record_text(auth, ntlm[i].field, value);
    }
    if (open)
        record_end(auth);
}
