/* Authentication-Results, DKIM-Signature and ARC-Seal. */
#include "authentication.h"

#include "lexical.h"
#include "record/record.h"

/* The property that names the domain a result is about: where there are several, the first of these. */
static const char *const domain_properties[] = {"header.d", "header.from", "smtp.mailfrom", "smtp.mail",
                                                "header.i", "smtp.helo",   "policy.d",      "smtp.rcptto"};

enum { DOMAIN_PROPERTIES = sizeof domain_properties / sizeof *domain_properties };

/* What is behind the last @, without a final dot. */
static struct bytes domain_of(struct bytes address)
{
    size_t at = address.len;
    while (at && address.data[at - 1] != '@')
        at--;
    struct bytes domain = bytes_part(address, at, SIZE_MAX);
    while (domain.len && (domain.data[domain.len - 1] == '.' || domain.data[domain.len - 1] == '>'))
        domain.len--;
    return domain;
}

/* Cuts "name = value" off the front, blanks and comments around; the value is a word or in quotes. False where there is
   no "=": then the word is in ret_name. */
static bool cut_pair(struct bytes *rest, struct bytes *ret_name, struct bytes *ret_value)
{
    *rest = lexical_skip(*rest);
    *ret_name = lexical_token(rest, "=(");
    struct bytes behind = lexical_skip(*rest);
    if (!behind.len || behind.data[0] != '=') {
        *rest = behind;
        return false;
    }
    *rest = lexical_skip(bytes_part(behind, 1, SIZE_MAX));
    bool quoted = rest->len && rest->data[0] == '"';
    *ret_value = quoted ? lexical_quoted(rest) : lexical_token(rest, "(");
    return true;
}

static void write_result(struct bytes server, struct bytes method, struct bytes result, struct bytes properties,
                         struct record *message)
{
    struct bytes name, value, domain = {NULL, 0};
    size_t best = DOMAIN_PROPERTIES;
    while (properties.len)
        if (cut_pair(&properties, &name, &value))
            for (size_t i = 0; i < best; i++)
                if (bytes_equal_nocase(name, bytes_of_string(domain_properties[i]))) {
                    domain = domain_of(value);
                    best = i;
                }
    record_begin(message, F_message_auth_checks);
    if (server.len)
        record_text(message, F_auth_check_server, server);
    record_text(message, F_auth_check_method, bytes_part(method, 0, bytes_index(method, '/')));
    record_text(message, F_auth_check_result, result);
    if (domain.len)
        record_text(message, F_auth_check_domain, domain);
    record_end(message);
}

void authentication_results(struct bytes value, struct record *message)
{
    struct bytes item, name, result, server = {NULL, 0};
    for (bool first = true; lexical_item(&value, ';', &item); first = false) {
        struct bytes rest = item;
        if (cut_pair(&rest, &name, &result)) {
            if (name.len && result.len)
                write_result(server, name, result, rest, message);
        } else if (first) {
            server = name;
        }
    }
}

bool tag_next(struct bytes *rest, struct bytes *name, struct bytes *value)
{
    while (rest->len) {
        struct bytes item = bytes_part(*rest, 0, bytes_index(*rest, ';'));
        *rest = bytes_part(*rest, item.len + 1, SIZE_MAX);
        size_t equals = bytes_index(item, '=');
        *name = bytes_trim(bytes_part(item, 0, equals));
        *value = bytes_trim(bytes_part(item, equals + 1, SIZE_MAX));
        if (equals < item.len && name->len)
            return true;
    }
    return false;
}

static bool has_domain(const struct record *message, struct bytes domain)
{
    struct entry e;
    for (size_t at = 0; record_next(message, &at, &e);)
        if (!e.end && e.field == F_message_dkim_domains && bytes_equal_nocase(e.text, domain))
            return true;
    return false;
}

void dkim_signature(struct bytes value, struct record *message)
{
    struct bytes name, text, domain = {NULL, 0}, selector = {NULL, 0}, algorithm = {NULL, 0};
    while (tag_next(&value, &name, &text)) {
        struct bytes *to = bytes_equal(name, BYTES("d"))   ? &domain
                           : bytes_equal(name, BYTES("s")) ? &selector
                           : bytes_equal(name, BYTES("a")) ? &algorithm
                                                           : NULL;
        if (to && !to->len)
            *to = text;
    }
    record_begin(message, F_message_dkim);
    if (domain.len)
        record_text(message, F_dkim_domain, domain);
    if (selector.len)
        record_text(message, F_dkim_selector, selector);
    if (algorithm.len)
        record_text(message, F_dkim_algorithm, algorithm);
    record_end(message);
    if (domain.len && !has_domain(message, domain))
        record_text(message, F_message_dkim_domains, domain);
}

void arc_seal(struct arc *a, struct bytes value)
{
    struct bytes name, text, cv = {NULL, 0};
    uint64_t instance = 0;
    while (tag_next(&value, &name, &text))
        if (bytes_equal(name, BYTES("i")))
            bytes_number(&text, &instance);
        else if (bytes_equal(name, BYTES("cv")))
            cv = text;
    a->seals++;
    if (instance < a->instance || (a->cv[0] && instance == a->instance))
        return;
    a->instance = instance;
    size_t n = 0;
    for (; n < cv.len && n < sizeof a->cv - 1 && byte_is_letter(cv.data[n]); n++)
        a->cv[n] = (char)(cv.data[n] | 0x20);
    a->cv[n] = '\0';
}
