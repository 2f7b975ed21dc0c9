/* Records without persons. */
#include "privacy.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/memory.h"

enum { KEY_LEAST = 16, KEY_MOST = 4096, KEY_RANDOM = 32, HASH_OCTETS = 8, WORD_MOST = 32, HOLD_MOST = 1 << 20 };

enum treatment { PRIVATE, PUBLIC, ADDRESS, CLOSED, SPOKEN, ARGUMENT, ENTITY };

static const uint8_t treatments[FIELD_COUNT] = {
#define PRIVACY(scope, field, treatment) [F_##scope##_##field] = treatment,
#include "record/privacy.def"
#undef PRIVACY
};

static const char *const words[] = {
#include "privacy_words.def"
};

struct privacy {
    enum privacy_level level;
    struct limits limits; /* none: what stands in a record has met them */
    EVP_MAC *mac;
    EVP_MAC_CTX *context;
    struct buf out, lower;
    uint64_t unnamed; /* of the COUNTS being copied: what its dropped keys count */
    bool numbers;     /* the command's arguments may be numbers that name nobody */
    bool path;        /* it has an address in its argument */
    bool host;        /* the alert is about an IP address */
};

static bool read_key(const char *name, uint8_t key[static KEY_MOST], size_t *len, struct error *err)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0)
        return error_set(err, "cannot read '%.256s': %s", name, strerror(errno));
    bool plain = !fstat(fd, &st) && S_ISREG(st.st_mode);
    ssize_t n = plain ? read(fd, key, KEY_MOST) : -1;
    close(fd);
    if (n < KEY_LEAST || st.st_size > KEY_MOST)
        return error_set(err, "--privacy-key '%.256s' is no file of %d to %d octets", name, KEY_LEAST, KEY_MOST);
    *len = (size_t)n;
    return true;
}

struct privacy *privacy_new(enum privacy_level level, const char *key_file, struct error *err)
{
    uint8_t key[KEY_MOST];
    size_t len = KEY_RANDOM;
    if (key_file && !read_key(key_file, key, &len, err))
        return NULL;
    if (!key_file && getrandom(key, KEY_RANDOM, 0) != KEY_RANDOM) {
        error_set(err, "no random key can be had for --privacy: %s", strerror(errno));
        return NULL;
    }
    struct privacy *p = memory_get(sizeof *p);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};
    p->level = level;
    limits_init(&p->limits);
    p->limits.text = p->limits.list = UINT64_MAX;
    buf_init(&p->out, HOLD_MOST);
    buf_init(&p->lower, HOLD_MOST);
    p->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    p->context = p->mac ? EVP_MAC_CTX_new(p->mac) : NULL;
    bool ready = p->context && EVP_MAC_init(p->context, key, len, params);
    OPENSSL_cleanse(key, sizeof key);
    if (ready)
        return p;
    privacy_free(p);
    error_set(err, "HMAC-SHA-256 cannot be had from libcrypto, which --privacy needs");
    return NULL;
}

void privacy_free(struct privacy *p)
{
    if (!p)
        return;
    EVP_MAC_CTX_free(p->context);
    EVP_MAC_free(p->mac);
    buf_release(&p->out);
    buf_release(&p->lower);
    free(p);
}

/* --- texts, each appended to p->out --- */

/* "h:" and 16 digits; or, to be dropped, "*". */
static void add_hash(struct privacy *p, struct bytes text)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    char hex[2 * HASH_OCTETS];
    size_t len;
    if (p->level == PRIVACY_DROP) {
        buf_add_byte(&p->out, '*');
        return;
    }
    buf_reset(&p->lower);
    for (size_t i = 0; i < text.len; i++)
        buf_add_byte(&p->lower, byte_lower(text.data[i]));
    bool made = EVP_MAC_init(p->context, NULL, 0, NULL) && EVP_MAC_update(p->context, p->lower.data, p->lower.len) &&
                EVP_MAC_final(p->context, mac, &len, sizeof mac) && len >= HASH_OCTETS;
    buf_add_string(&p->out, "h:");
    if (made) {
        bytes_hex(hex, bytes_of(mac, HASH_OCTETS));
        buf_add(&p->out, bytes_of(hex, sizeof hex));
    }
}

static size_t last_index(struct bytes b, uint8_t c)
{
    size_t i = b.len;
    while (i && b.data[i - 1] != c)
        i--;
    return i ? i - 1 : b.len;
}

/* What stands between the last angle brackets, or all in front of a comment: the display name goes. */
static struct bytes address_in(struct bytes text)
{
    size_t open = last_index(text, '<'), close = last_index(text, '>');
    if (open < text.len && close < text.len && open < close)
        text = bytes_part(text, open + 1, close - open - 1);
    else if (text.len && text.data[0] != '(' && text.data[0] != '"')
        text = bytes_part(text, 0, bytes_index(text, '('));
    return bytes_trim(text);
}

static void add_address(struct privacy *p, struct bytes text)
{
    struct bytes address = address_in(text);
    size_t at = last_index(address, '@');
    if (!address.len)
        return; /* the null path names nobody */
    add_hash(p, bytes_part(address, 0, at));
    if (at < address.len && p->level == PRIVACY_HASH) {
        buf_add_byte(&p->out, '@');
        add_hash(p, bytes_part(address, at + 1, address.len));
    }
}

static int compare_word(const void *key, const void *word)
{
    return strcmp(key, *(const char *const *)word);
}

bool privacy_knows(struct bytes word)
{
    char lower[WORD_MOST + 1];
    if (!word.len || word.len > WORD_MOST)
        return false;
    lower[bytes_lower(word, lower, WORD_MOST).len] = 0;
    return strlen(lower) == word.len &&
           bsearch(lower, words, sizeof words / sizeof *words, sizeof *words, compare_word);
}

static bool is_of_word(uint8_t c)
{
    return byte_is_letter(c) || byte_is_digit(c) || c == '-' || c == '_' || c >= 0x80;
}

/* A number, or at most two letters in front of one, as the tags of IMAP commands are. */
static bool is_number(struct bytes word)
{
    size_t i = 0;
    while (i < word.len && i < 2 && byte_is_letter(word.data[i]))
        i++;
    size_t digits = i;
    while (digits < word.len && byte_is_digit(word.data[digits]))
        digits++;
    return digits == word.len && digits > i;
}

/* The next word of letters, digits and hyphens; empty at the end. What stands between is passed over. */
static struct bytes next_word(struct bytes *rest)
{
    size_t from = 0, to;
    while (from < rest->len && !is_of_word(rest->data[from]))
        from++;
    for (to = from; to < rest->len && is_of_word(rest->data[to]);)
        to++;
    struct bytes word = bytes_part(*rest, from, to - from);
    *rest = bytes_part(*rest, to, rest->len);
    return word;
}

static bool is_closed(struct bytes text, bool numbers)
{
    if (bytes_index(text, '@') < text.len)
        return false;
    for (struct bytes rest = text, word; (word = next_word(&rest)).len;)
        if (!privacy_knows(word) && !(numbers && is_number(word)))
            return false;
    return true;
}

/* A number that is no account's nor telephone's: a reply code, a status, a small count. */
static bool is_small(struct bytes token)
{
    size_t run = 0;
    for (size_t i = 0; i < token.len; i++) {
        run = byte_is_digit(token.data[i]) ? run + 1 : 0;
        if (run > 3 || (!byte_is_digit(token.data[i]) && !strchr(".:;,()[]", token.data[i])) || !token.data[i])
            return false;
    }
    return token.len && token.len <= WORD_MOST;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void add_spoken(struct privacy *p, struct bytes text)
{
    for (size_t at = 0, end; at < text.len; at = end) {
        bool blank = is_blank(text.data[at]);
        for (end = at; end < text.len && is_blank(text.data[end]) == blank;)
            end++;
        struct bytes token = bytes_part(text, at, end - at);
        if (blank || is_small(token) || is_closed(token, false))
            buf_add(&p->out, token);
        else
            add_hash(p, token);
    }
}

/* FROM:<path> and what stands behind it. */
static void add_path(struct privacy *p, struct bytes text)
{
    size_t open = bytes_index(text, '<'), close = last_index(text, '>');
    if (open >= close || close == text.len) {
        add_hash(p, text);
        return;
    }
    struct bytes before = bytes_part(text, 0, open + 1), behind = bytes_part(text, close, text.len);
    if (!is_closed(before, false) || !is_closed(behind, true)) {
        add_hash(p, text);
        return;
    }
    buf_add(&p->out, before);
    add_address(p, bytes_part(text, open + 1, close - open - 1));
    buf_add(&p->out, behind);
}

/* What may be known of a verb's argument. */
static void note_verb(struct privacy *p, struct bytes verb)
{
    static const char *const counted[] = {"BDAT", "RETR",  "TOP",       "DELE",      "UIDL",
                                          "LIST", "FETCH", "UID FETCH", "UID STORE", "STORE"};
    p->numbers = p->path = false;
    for (unsigned i = 0; i < sizeof counted / sizeof *counted; i++)
        p->numbers |= bytes_equal_nocase(verb, bytes_of_string(counted[i]));
    static const char *const paths[] = {"MAIL", "RCPT", "SEND", "SOML", "SAML"};
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        p->path |= bytes_equal_nocase(verb, bytes_of_string(paths[i]));
}

/* The text as it may be written, in p->out. False: it is dropped. */
static bool treat(struct privacy *p, enum treatment how, struct bytes text)
{
    bool kept = false;
    buf_reset(&p->out);
    switch (how) {
    case PUBLIC:
        kept = true;
        break;
    case CLOSED:
        kept = is_closed(text, true);
        break;
    case ARGUMENT:
        kept = is_closed(text, p->numbers);
        if (!kept && p->path) {
            add_path(p, text);
            return true;
        }
        break;
    case ENTITY:
    case ADDRESS:
        kept = !text.len || (how == ENTITY && p->host);
        if (!kept && p->level == PRIVACY_HASH) {
            add_address(p, text);
            return true;
        }
        break;
    case SPOKEN:
        add_spoken(p, text);
        return true;
    case PRIVATE:
        kept = !text.len;
        break;
    }
    if (kept)
        buf_add(&p->out, text);
    else if (p->level == PRIVACY_HASH)
        add_hash(p, text);
    return kept || p->level == PRIVACY_HASH;
}

/* --- records --- */

static void copy_text(struct privacy *p, struct record *to, const struct entry *e)
{
    enum treatment how = (enum treatment)treatments[e->field];
    if (e->field == F_command_verb)
        note_verb(p, e->text);
    if (treat(p, how, e->text))
        record_text(to, e->field, buf_bytes(&p->out));
    else if (e->field == F_command_verb)
        record_text(to, e->field, BYTES("?"));
}

static void copy_count(struct privacy *p, struct record *to, const struct entry *e)
{
    bool ours = treatments[e->field] != CLOSED;
    if (!ours && p->level == PRIVACY_DROP && (!is_closed(e->text, true) || bytes_equal(e->text, BYTES("?"))))
        p->unnamed += e->number; /* keys differ, so these become one, at the end */
    else if (ours || treat(p, CLOSED, e->text))
        record_count(to, e->field, ours ? e->text : buf_bytes(&p->out), e->number);
}

static void copy(struct privacy *p, struct record *to, const struct entry *e)
{
    enum field_type type = e->end ? GROUP : field_infos[e->field].type;
    if (type == TEXT || type == TEXTS) {
        copy_text(p, to, e);
    } else if (type == COUNTS) {
        copy_count(p, to, e);
    } else {
        if (e->field == F_entity_kind && !e->end)
            p->host = bytes_find_nocase(e->text, BYTES("_ip")) != SIZE_MAX;
        if (type == GROUP || type == GROUPS)
            p->numbers = p->path = false;
        record_copy(to, e);
    }
}

struct record *privacy_apply(struct privacy *p, struct record *r)
{
    if (!p)
        return r;
    struct record *to = record_new(record_kind(r), &p->limits);
    struct entry e;
    record_reserve(to, record_size(r));
    record_word(to, F_all_privacy, p->level == PRIVACY_HASH ? "hash" : "drop");
    p->unnamed = 0;
    for (size_t at = 0; record_next(r, &at, &e);)
        copy(p, to, &e);
    if (p->unnamed)
        record_count(to, F_session_verbs, BYTES("?"), p->unnamed);
    record_free(r);
    return to;
}
