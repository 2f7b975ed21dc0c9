/* The trace field Received, RFC 5321 section 4.4: clauses that begin with a keyword, comments between, a date behind
   the last semicolon. */
#include "received.h"

#include "date.h"
#include "lexical.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { DATE_MOST = 96, TAIL = 64 };

enum clause { NONE, FROM, BY, VIA, WITH, OTHER };

/* How sure it is that an address is the client's; a server writes what it saw into a comment, mostly in brackets. */
enum rank { SAID = 1, BARE, BARE_IN_COMMENT, BRACKETED, BRACKETED_IN_COMMENT };

struct parsing {
    struct received *to;
    enum clause clause;
    int rank;
    bool word_taken; /* the clause has its first word */
};

static enum clause clause_of(struct bytes word)
{
    static const struct {
        char name[5];
        uint8_t len, clause;
    } clauses[] = {{"from", 4, FROM}, {"by", 2, BY},    {"via", 3, VIA},
                   {"with", 4, WITH}, {"id", 2, OTHER}, {"for", 3, OTHER}};
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses && word.len <= 4; i++)
        if (word.len == clauses[i].len && bytes_equal_nocase(word, bytes_of(clauses[i].name, clauses[i].len)))
            return (enum clause)clauses[i].clause;
    return NONE;
}

/* Takes the text for the client's address if it is one and none more likely was seen. */
static void try_ip(struct parsing *p, struct bytes text, int rank)
{
    char name[INET6_ADDRSTRLEN];
    uint8_t ip[16];
    if (rank <= p->rank)
        return;
    if (bytes_starts_nocase(text, BYTES("IPv6:")))
        text = bytes_part(text, 5, SIZE_MAX);
    if (text.len < 2 || text.len >= sizeof name || memchr(text.data, 0, text.len) ||
        (lexical_hex(text.data[0]) < 0 && text.data[0] != ':'))
        return;
    memcpy(name, text.data, text.len);
    name[text.len] = '\0';
    int family = memchr(text.data, ':', text.len) ? AF_INET6 : AF_INET;
    if (inet_pton(family, name, ip) != 1)
        return;
    if (family == AF_INET) /* it is read in its one form only */
        memcpy(p->to->ip, name, text.len + 1);
    else if (!inet_ntop(family, ip, p->to->ip, sizeof p->to->ip))
        return;
    p->rank = rank;
}

static bool is_said(struct bytes word)
{
    return bytes_equal_nocase(word, BYTES("helo")) || bytes_equal_nocase(word, BYTES("ehlo"));
}

/* Looks for addresses in a word or comment of the from clause. What follows "helo" is only what the client said. */
static void read_ips(struct parsing *p, struct bytes text, bool comment)
{
    const lexical_set delimiters = lexical_set_of(" []()=,;<>@");
    bool said = false, bracket = false;
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.data[i];
        if (!c || lexical_has(delimiters, c)) {
            bracket = c == '[' || (bracket && c != ']');
            i++;
            continue;
        }
        struct bytes rest = bytes_part(text, i, SIZE_MAX), word = lexical_until(&rest, delimiters);
        bool is_word = is_said(word);
        if (!is_word)
            try_ip(p, word,
                   said      ? SAID
                   : bracket ? (comment ? BRACKETED_IN_COMMENT : BRACKETED)
                             : (comment ? BARE_IN_COMMENT : BARE));
        said = is_word;
        i += word.len;
    }
}

static void extend(struct bytes *to, struct bytes word)
{
    *to = !to->len ? word : bytes_of(to->data, (size_t)(word.data - to->data) + word.len);
}

static void read_word(struct parsing *p, struct bytes word)
{
    enum clause begins = clause_of(word);
    if (begins != NONE && (p->clause == NONE || p->word_taken)) {
        p->clause = begins;
        p->word_taken = false;
        return;
    }
    struct received *r = p->to;
    switch (p->clause) {
    case FROM:
        read_ips(p, word, false);
        if (!p->word_taken && !r->from.len)
            r->from = word;
        break;
    case BY:
        if (!p->word_taken && !r->by.len)
            r->by = word;
        break;
    case VIA:
        if (!p->word_taken && !r->via.len)
            r->via = word;
        break;
    case WITH:
        extend(&r->with, word);
        break;
    case NONE:
    case OTHER:
        break;
    }
    p->word_taken = true;
}

/* "2017-09-01 15:01:37.687 +0000 UTC", as programs in Go print it, in the RFC's order; false where it is not that. */
static bool from_iso(struct bytes t, char date[static DATE_MOST])
{
    static const char shape[] = "dddd-dd-dd dd:dd:dd", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (size_t i = 0; i < sizeof shape - 1; i++)
        if (i >= t.len || (shape[i] == 'd' ? !byte_is_digit(t.data[i]) : t.data[i] != (uint8_t)shape[i]))
            return false;
    unsigned month = (t.data[5] - '0') * 10u + (t.data[6] - '0') - 1;
    struct bytes rest = bytes_part(t, sizeof shape - 1, SIZE_MAX), zone;
    lexical_token(&rest, "");
    zone = bytes_word(&rest);
    if (month > 11 || zone.len > 5)
        return false;
    const char *text = (const char *)t.data;
    snprintf(date, DATE_MOST, "%.2s %.3s %.4s %.8s %.*s", text + 8, months + (size_t)month * 3, text, text + 11,
             (int)zone.len, (const char *)zone.data);
    return true;
}

/* A date as the RFC has it; with fractions of a second; as Go prints it. */
static bool read_date(struct bytes text, int64_t *when)
{
    char date[DATE_MOST];
    size_t n = 0;
    text = bytes_trim(text);
    if (date_parse(text, when))
        return true;
    if (text.len >= sizeof date)
        return false;
    if (!from_iso(text, date)) {
        for (size_t i = 0; i < text.len; i++)
            if (text.data[i] == '.' && i + 1 < text.len && byte_is_digit(text.data[i + 1]))
                while (i + 1 < text.len && byte_is_digit(text.data[i + 1]))
                    i++;
            else
                date[n++] = (char)text.data[i];
        date[n] = '\0';
    }
    return date_parse(bytes_of_string(date), when);
}

/* Without a semicolon: a date that the field ends with, from a day's name or a year on. */
static bool read_date_at_end(struct bytes value, int64_t *when)
{
    struct bytes tail = bytes_part(value, value.len > TAIL ? value.len - TAIL : 0, SIZE_MAX);
    while (tail.len) {
        lexical_token(&tail, "");
        while (tail.len && lexical_is_blank(tail.data[0]))
            tail = bytes_part(tail, 1, SIZE_MAX);
        bool day = tail.len > 4 && tail.data[3] == ',' && byte_is_letter(tail.data[2]);
        bool year = tail.len > 4 && tail.data[4] == '-' && byte_is_digit(tail.data[3]);
        if ((day || year) && read_date(tail, when))
            return true;
    }
    return false;
}

void received_parse(struct bytes value, struct received *ret)
{
    struct parsing p = {.to = ret};
    struct bytes item, rest = value, path = value, date = {NULL, 0};
    bool with_done = false;
    *ret = (struct received){.dated = false};
    while (lexical_item(&rest, ';', &item))
        date = item;
    if (date.data && date.data > value.data) {
        path = bytes_part(value, 0, (size_t)(date.data - value.data) - 1);
        ret->dated = read_date(date, &ret->when);
    } else {
        ret->dated = read_date_at_end(value, &ret->when);
    }
    while (path.len) {
        uint8_t c = path.data[0];
        size_t len = 1;
        if (c == '(') {
            len = lexical_comment(path);
            if (p.clause == FROM)
                read_ips(&p, bytes_part(path, 0, len), true);
            with_done |= p.clause == WITH && ret->with.len; /* "with X (version) more": only X */
        } else if (!lexical_is_blank(c) && c != ';') {
            struct bytes behind = path, word = lexical_token(&behind, "(;");
            len = word.len;
            if (!(with_done && p.clause == WITH && clause_of(word) == NONE))
                read_word(&p, word);
        }
        path = bytes_part(path, len, SIZE_MAX);
    }
}
