#include "relay.h"

const char *const relay_form_names[RELAY_FORMS] = {
    "plain",       "source_route", "percent",      "bang",           "quoted",      "multi_at",
    "trailing_at", "literal",      "empty_sender", "sender_literal", "sender_here",
};

static size_t last_index(struct bytes b, uint8_t c)
{
    size_t i = b.len;
    while (i && b.data[i - 1] != c)
        i--;
    return i ? i - 1 : b.len;
}

/* May it be a domain: a name with a dot, or an address in brackets? Lists and users with % or ! in their names have
   none behind it. */
static bool is_domain(struct bytes text)
{
    if (text.len > 2 && text.data[0] == '[' && text.data[text.len - 1] == ']')
        return true;
    bool dot = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!byte_is_letter(c) && !byte_is_digit(c) && c != '.' && c != '-' && c < 0x80)
            return false;
        dot |= c == '.' && i && i + 1 < text.len;
    }
    return dot;
}

/* One step inward: what the local part hides. False: it hides nothing. */
static bool step_in(struct bytes local, struct route *r)
{
    bool quoted = local.len >= 2 && local.data[0] == '"' && local.data[local.len - 1] == '"';
    struct bytes inner = quoted ? bytes_part(local, 1, local.len - 2) : local;
    size_t at = last_index(inner, '@'), percent = last_index(inner, '%'), bang = bytes_index(inner, '!');
    if (at < inner.len && is_domain(bytes_part(inner, at + 1, inner.len))) {
        r->form = quoted ? RELAY_QUOTED : RELAY_MULTI_AT;
        r->user = bytes_part(inner, 0, at);
        r->domain = bytes_part(inner, at + 1, inner.len);
        r->mailbox = inner;
    } else if (percent < inner.len && is_domain(bytes_part(inner, percent + 1, inner.len))) {
        r->form = quoted ? RELAY_QUOTED : RELAY_PERCENT;
        r->user = bytes_part(inner, 0, percent);
        r->domain = bytes_part(inner, percent + 1, inner.len);
        r->mailbox = inner;
    } else if (bang < inner.len && is_domain(bytes_part(inner, 0, bang))) {
        r->form = quoted ? RELAY_QUOTED : RELAY_BANG;
        r->domain = bytes_part(inner, 0, bang);
        r->user = bytes_part(inner, bang + 1, inner.len);
        r->mailbox = inner;
    } else {
        return false;
    }
    return true;
}

void relay_route(struct bytes addr, struct route *ret)
{
    *ret = (struct route){.form = RELAY_PLAIN, .mailbox = addr};
    if (addr.len && addr.data[0] == '@') {
        size_t colon = bytes_index(addr, ':');
        if (colon < addr.len) {
            ret->form = RELAY_SOURCE_ROUTE;
            addr = bytes_part(addr, colon + 1, addr.len);
            ret->mailbox = addr;
        }
    }
    bool trailing = addr.len > 1 && addr.data[addr.len - 1] == '@';
    if (trailing)
        addr = bytes_part(addr, 0, addr.len - 1);
    size_t at = last_index(addr, '@');
    struct bytes quoted_end = bytes_part(addr, at + 1, addr.len);
    if (at < addr.len && quoted_end.len && quoted_end.data[quoted_end.len - 1] == '"')
        at = addr.len; /* inside quotes: there is no domain */
    ret->user = bytes_part(addr, 0, at);
    ret->domain = at < addr.len ? bytes_part(addr, at + 1, addr.len) : (struct bytes){NULL, 0};
    enum relay_form form = ret->form;
    struct bytes outer = ret->domain;
    if (step_in(ret->user, ret)) {
        ret->outer = outer;
        ret->form = form == RELAY_SOURCE_ROUTE ? form : ret->form;
    } else if (trailing && form == RELAY_PLAIN) {
        ret->form = RELAY_TRAILING_AT;
        ret->mailbox = addr;
    } else if (ret->domain.len && ret->domain.data[0] == '[' && form == RELAY_PLAIN) {
        ret->form = RELAY_LITERAL;
    }
}

bool relay_is_route(enum relay_form form)
{
    return form >= RELAY_SOURCE_ROUTE && form <= RELAY_TRAILING_AT;
}

/* Is `name` that domain or something in it? */
static bool below(struct bytes name, struct bytes domain)
{
    if (!domain.len || name.len < domain.len)
        return false;
    size_t before = name.len - domain.len;
    return bytes_equal_nocase(bytes_part(name, before, domain.len), domain) &&
           (!before || name.data[before - 1] == '.');
}

bool relay_is_servers(struct bytes domain, struct bytes server_name, const struct host *server)
{
    struct host a;
    if (!domain.len)
        return true;
    if (domain.data[0] == '[') {
        struct bytes inside = bytes_part(domain, 1, domain.len - 1);
        inside = bytes_part(inside, 0, bytes_index(inside, ']'));
        if (bytes_starts_nocase(inside, BYTES("IPv6:")))
            inside = bytes_part(inside, 5, inside.len);
        return host_parse(inside, &a) && host_near(&a, server);
    }
    size_t dot = bytes_index(server_name, '.');
    struct bytes above = bytes_part(server_name, dot + 1, server_name.len);
    bool host = bytes_index(above, '.') < above.len; /* the domain above mx.example.org; none above example.org */
    return below(server_name, domain) || below(domain, server_name) || (host && below(domain, above));
}

enum relay_form relay_form(const struct route *rcpt, struct bytes mail_from, bool has_from, struct bytes server_name,
                           const struct host *server)
{
    struct route from;
    if (rcpt->form != RELAY_PLAIN || !has_from)
        return rcpt->form;
    if (!mail_from.len)
        return RELAY_EMPTY_SENDER;
    relay_route(mail_from, &from);
    if (from.domain.len && from.domain.data[0] == '[')
        return RELAY_SENDER_LITERAL;
    if (from.domain.len && relay_is_servers(from.domain, server_name, server))
        return RELAY_SENDER_HERE;
    return RELAY_PLAIN;
}

bool relay_denied(const struct seen_rcpt *r)
{
    static const char *const words[] = {"relay", "not local", "not permitted to send", "gateway"};
    bool refusal =
        r->code == 550 || r->code == 551 || r->code == 553 || r->code == 554 || r->code == 530 || r->code == 454;
    bool status = bytes_equal(bytes_part(r->status, 1, 4), BYTES(".7.1")) ||
                  bytes_equal(bytes_part(r->status, 1, 4), BYTES(".7.0"));
    if (r->unsure || !refusal)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bytes_find_nocase(r->text, bytes_of_string(words[i])) != SIZE_MAX)
            return true;
    return status && !r->text.len;
}
